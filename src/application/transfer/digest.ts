// The content of a store as one number: the sum of the hashes of its facts. A sum, because stores return their facts in
// different orders, and not an exclusive or, in which a fact that is there twice would vanish. The last message id is
// left out: it is a bound, which may be higher in a store that was used before.
import type { Message } from '../../domain/messages/message.js';
import { plainFact, plainMessage } from './plain.js';
import type { Plain } from './plain.js';
import { messageOf } from './stored-fact.js';
import type { FactKind, StoredFact } from './stored-fact.js';

/** SHA-256 of the text in UTF-8, in hexadecimal. */
export type Hash = (text: string) => string;

const MODULUS = 1n << 256n;

export type Counts = Readonly<Record<Exclude<FactKind, 'last-message-id'>, number>>;

export class Digest {
  readonly #counts = { session: 0, subscription: 0, inbound: 0, will: 0, entry: 0, retained: 0 };
  #sum = 0n;
  /** The last message: its deliveries follow each other, and it is hashed once for all of them. */
  #message: Message | undefined;
  #messageHash = '';

  constructor(readonly hash: Hash) {}

  get counts(): Counts {
    return this.#counts;
  }

  get facts(): number {
    return Object.values(this.#counts).reduce((sum, count) => sum + count, 0);
  }

  get text(): string {
    return this.#sum.toString(16).padStart(64, '0');
  }

  add(fact: StoredFact): void {
    if (fact.kind !== 'last-message-id') this.addPlain(fact.kind, plainFact(fact), messageOf(fact));
  }

  /** @param message the one that the fact names, if it does. */
  addPlain(kind: keyof Counts, plain: Plain, message: Message | undefined): void {
    this.#counts[kind]++;
    const text = JSON.stringify(message === undefined ? plain : { ...plain, message: this.#hashOf(message) });
    this.#sum = (this.#sum + BigInt(`0x${this.hash(text)}`)) % MODULUS;
  }

  #hashOf(message: Message): string {
    if (message !== this.#message) {
      this.#message = message;
      this.#messageHash = this.hash(JSON.stringify(plainMessage(message)));
    }
    return this.#messageHash;
  }
}
