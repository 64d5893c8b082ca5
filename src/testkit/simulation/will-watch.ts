// What is known from outside about each will: whether it must be sent, must not, or may. The disk tells what a crash leaves of it.
import type { Change } from '../../ports/index.js';
import type { Ledger } from './ledger.js';
import type { ConnectionEnd } from './network.js';
import { tagOf } from './plan.js';
import type { Moments, Publication } from './publications.js';
import type { Verdict } from './violation.js';

interface Watched {
  readonly client: string;
  readonly publication: Publication;
  /**
   * - `held`: its connection stands. - `due`: its connection has ended, it has been sent or is being sent. - `after grace`: the broker has died or
   * stopped and sends it unless the client returns. - `in doubt`: nobody can know. - `discarded`: it must not be sent. - `sent`: it is on the disk.
   */
  state: 'held' | 'due' | 'after grace' | 'in doubt' | 'discarded' | 'sent';
  /** Whether it ever was on the disk: what never was has not gone from there. */
  wasKept: boolean;
}

export class WillWatch {
  readonly #byTag = new Map<string, Watched>();
  #open: Watched[] = [];

  constructor(
    readonly moments: Moments,
    readonly ledger: Ledger,
    readonly verdict: Verdict,
    /** Told when one is on the disk as a message like others. */
    readonly sent: (publication: Publication) => void,
  ) {}

  connected(client: string, publication: Publication | undefined): void {
    for (const one of this.#open) if (one.client === client && one.state === 'after grace') one.state = 'in doubt';
    if (publication === undefined) return;
    const watched: Watched = { client, publication, state: 'held', wasKept: false };
    this.#byTag.set(publication.tag, watched);
    this.#open.push(watched);
  }

  disconnected(tag: string | undefined): void {
    const watched = this.#held(tag);
    if (watched !== undefined) watched.state = 'discarded';
  }

  /** @param isAccepted CONNACK had left: before that nobody was promised anything. */
  connectionEnded(tag: string | undefined, how: ConnectionEnd, isStopping: boolean, isAccepted: boolean): void {
    const watched = this.#held(tag);
    if (watched === undefined || how === 'died') return;
    if (!isAccepted) {
      watched.state = 'in doubt';
      this.#begins(watched, Infinity);
      return;
    }
    watched.state = isStopping ? 'after grace' : 'due';
    this.#begins(watched, isStopping ? Infinity : this.moments.now);
  }

  /** Whether the connection that it came with stands, as far as is known. */
  isHeld(tag: string): boolean {
    return this.#byTag.get(tag)?.state === 'held';
  }

  /** The broker has died; the ledger is what was left. */
  died(): void {
    for (const one of this.#byTag.values()) {
      if (one.state !== 'sent' || this.ledger.wills.get(one.client) !== one.publication.tag) continue;
      // It was sent, and a loss of power has undone that.
      one.state = 'after grace';
      one.publication.undone(false);
      this.#open.push(one);
    }
    for (const one of this.#open) {
      const isOnDisk = this.ledger.wills.get(one.client) === one.publication.tag;
      if (!isOnDisk) {
        if (one.state === 'held') one.state = 'discarded';
        else if (one.state === 'due' || one.state === 'after grace') one.state = 'in doubt';
        continue;
      }
      if (one.state === 'held' || one.state === 'due') one.state = 'after grace';
      else if (one.state === 'discarded') one.state = 'in doubt';
      this.#begins(one, Infinity);
    }
  }

  /** The disk has something more: those that are no longer on it have been sent. */
  kept(batch: readonly Change[]): void {
    for (const change of batch) {
      const watched = change.kind === 'will.put' ? this.#byTag.get(tagOf(change.will.message.payload)) : undefined;
      if (watched !== undefined) watched.wasKept = true;
    }
    this.#sent((one) => one.wasKept);
  }

  /** The disk has all that there is: a will that is due and not on it has been sent, even if it never was. */
  settled(): void {
    this.#sent(({ state }) => state === 'due');
  }

  #sent(may: (one: Watched) => boolean): void {
    for (const one of this.#open) {
      if (
        !may(one) ||
        (one.state !== 'due' && one.state !== 'after grace') ||
        this.ledger.wills.get(one.client) === one.publication.tag
      )
        continue;
      one.state = 'sent';
      const { publication } = one;
      publication.acknowledged = publication.last = this.moments.now;
      publication.sureAt = publication.first;
      this.sent(publication);
    }
    this.#open = this.#open.filter(({ state }) => state !== 'sent');
  }

  /** A message that is a will leaves for somebody. */
  departed(tag: string): void {
    const state = this.#byTag.get(tag)?.state;
    if (state === 'held') this.verdict.fail('wills', `${tag} is sent while its client is connected`);
    if (state === 'discarded')
      this.verdict.fail('wills', `${tag} is sent after DISCONNECT, or though it was never stored`);
  }

  /** All is quiet, the grace is over. */
  atEnd(): void {
    for (const { state, publication, client } of this.#open) {
      if (state === 'due' || state === 'after grace')
        this.verdict.fail('wills', `${publication.tag} of ${client} was never sent (${state})`);
    }
  }

  #held(tag: string | undefined): Watched | undefined {
    const watched = tag === undefined ? undefined : this.#byTag.get(tag);
    return watched?.state === 'held' ? watched : undefined;
  }

  #begins({ publication }: Watched, last: number): void {
    publication.first ??= this.moments.now;
    publication.last = last;
  }
}
