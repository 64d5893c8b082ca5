// The changes of a batch as the script in the server takes them: lists in JSON, and values that they refer to by their
// position among the arguments.
import type { Change, Message } from 'hexmq/ports';
import { draftHead, messageHead } from './messages.js';

/** Changes that are prepared before the event loop runs. */
const SLICE = 2048;
/** From this size on, a message of several queues is stored once. */
const SHARED_BYTES_MIN = 512;
/** The arguments before the values: epoch, changes, last message id. */
const ARGUMENTS = 3;

type Value = string | Buffer;

export interface Prepared {
  readonly changes: string;
  readonly values: readonly Value[];
  /** Empty if the batch has no message. */
  readonly lastMessageId: string;
}

/** JSON in one line, and the payload after it. */
export const withPayload = (head: unknown, payload: Uint8Array): Buffer =>
  Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), payload]);

/** The names of what belongs to a client begin with the client's; no name of MQTT has the character between. */
export const below = (client: string, name: string | number): string => `${client}\0${String(name)}`;

/** @param lastMessageId the highest that is stored. */
export async function prepare(batch: readonly Change[], lastMessageId: number): Promise<Prepared> {
  const preparing = new Preparing(batch, lastMessageId);
  for (let from = 0; from < batch.length; from += SLICE) {
    if (from > 0) await new Promise((resolve) => setImmediate(resolve));
    for (const change of batch.slice(from, from + SLICE)) preparing.add(change);
  }
  return preparing.result();
}

class Preparing {
  readonly #changes: (readonly (string | number)[])[] = [];
  readonly #values: Value[] = [];
  readonly #uses = new Map<number, number>();
  /** Where the value of a shared message is. */
  readonly #shared = new Map<number, number>();
  #last: number;
  readonly #stored: number;

  constructor(batch: readonly Change[], lastMessageId: number) {
    this.#last = this.#stored = lastMessageId;
    for (const change of batch) {
      if (change.kind !== 'queue.append') continue;
      const { id } = change.message;
      this.#uses.set(id, (this.#uses.get(id) ?? 0) + 1);
    }
  }

  result(): Prepared {
    const lastMessageId = this.#last > this.#stored ? String(this.#last) : '';
    // An empty list would be an empty object for Lua, which is the same to it.
    return { changes: JSON.stringify(this.#changes), values: this.#values, lastMessageId };
  }

  add(change: Change): void {
    switch (change.kind) {
      case 'queue.append':
        this.#append(change);
        return;
      case 'queue.release':
        this.#push('release', change.queue, String(change.seq));
        return;
      case 'queue.remove':
        this.#push('remove', change.queue, String(change.seq), String(change.seq));
        return;
      case 'queue.trim':
        this.#push('remove', change.queue, '0', String(change.through));
        return;
      case 'queue.drop':
        this.#push('remove', change.queue, '0', '+inf');
        return;
      case 'session.put':
        this.#push('put', 'sessions', change.session.clientId, this.#value(JSON.stringify(change.session)));
        return;
      case 'session.drop':
        this.#push('drop', 'sessions', change.clientId);
        this.#push('dropAll', 'subscriptions', change.clientId);
        this.#push('dropAll', 'inbound', change.clientId);
        this.#push('remove', change.queue, '0', '+inf');
        return;
      case 'subscription.put': {
        const { subscription } = change;
        const name = below(subscription.clientId, subscription.topicFilter);
        this.#push('put', 'subscriptions', name, this.#value(JSON.stringify(subscription)));
        return;
      }
      case 'subscription.drop':
        this.#push('drop', 'subscriptions', below(change.clientId, change.topicFilter));
        return;
      case 'inbound.put':
        this.#push('put', 'inbound', below(change.clientId, change.packetId), this.#value('1'));
        return;
      case 'inbound.drop':
        this.#push('drop', 'inbound', below(change.clientId, change.packetId));
        return;
      case 'retained.put': {
        const { message } = change;
        const { id, topic, expiresAtMs, payload } = message;
        this.#note(message);
        const fact = JSON.stringify({ id, bytes: payload.byteLength, expiresAtMs });
        this.#push('put', 'retained', topic, this.#value(fact));
        this.#push('payload', topic, this.#value(withPayload(messageHead(message), payload)));
        return;
      }
      case 'retained.drop':
        this.#push('drop', 'retained', change.topic);
        this.#push('dropPayload', change.topic);
        return;
      case 'will.put': {
        const { clientId, message, delayS, dueAtMs } = change.will;
        const value = withPayload({ head: draftHead(message), delayS, dueAtMs }, message.payload);
        this.#push('put', 'wills', clientId, this.#value(value));
        return;
      }
      case 'will.drop':
        this.#push('drop', 'wills', change.clientId);
        return;
    }
  }

  #append(change: Extract<Change, { readonly kind: 'queue.append' }>): void {
    const { queue, seq, message, qos, retain, identifiers } = change;
    this.#note(message);
    const { id, payload } = message;
    const isShared = (this.#uses.get(id) ?? 0) > 1 && payload.byteLength >= SHARED_BYTES_MIN;
    const delivery = { qos, retain, identifiers };
    const common = ['append', queue, String(seq), String(payload.byteLength)];
    if (!isShared) {
      const value = Buffer.concat([
        Buffer.from('e'),
        withPayload({ ...delivery, head: messageHead(message) }, payload),
      ]);
      this.#push(...common, '', this.#value(value));
      return;
    }
    let at = this.#shared.get(id);
    if (at === undefined) this.#shared.set(id, (at = this.#value(withPayload(messageHead(message), payload))));
    this.#push(...common, String(id), this.#value(`e${JSON.stringify(delivery)}\n`), at);
  }

  #push(...change: (string | number)[]): void {
    this.#changes.push(change);
  }

  /** @returns its position among the arguments of the script, from 1. */
  #value(value: Value): number {
    this.#values.push(value);
    return ARGUMENTS + this.#values.length;
  }

  #note({ id }: Message): void {
    this.#last = Math.max(this.#last, id);
  }
}
