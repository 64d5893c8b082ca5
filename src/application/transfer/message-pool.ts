// One object for each message among the pages in memory, each of which brings objects of its own: a payload is then in
// memory once, and a target store keeps it once. Messages with the same id are compared before they are merged.
import type { Message } from '../../domain/messages/message.js';
import type { MessageId } from '../../domain/identifiers.js';
import { plainProperties } from './plain.js';

export class MessagePool {
  readonly #byId = new Map<MessageId, Message>();
  readonly #users = new Map<Message, number>();
  #bytes = 0;

  /** Bytes of the payloads in the pool. */
  get bytes(): number {
    return this.#bytes;
  }

  /** @returns the equal message of the pool, or this one, which is added. Must be released as often as acquired. */
  acquire(message: Message): Message {
    const known = this.#byId.get(message.id);
    const one = known !== undefined && isSame(known, message) ? known : message;
    const users = this.#users.get(one) ?? 0;
    if (users === 0) {
      this.#byId.set(one.id, one);
      this.#bytes += one.payload.byteLength;
    }
    this.#users.set(one, users + 1);
    return one;
  }

  release(message: Message): void {
    const users = this.#users.get(message) ?? 0;
    if (users > 1) {
      this.#users.set(message, users - 1);
      return;
    }
    if (!this.#users.delete(message)) return;
    this.#bytes -= message.payload.byteLength;
    if (this.#byId.get(message.id) === message) this.#byId.delete(message.id);
  }
}

function isSame(one: Message, other: Message): boolean {
  if (one === other) return true;
  return (
    one.topic === other.topic &&
    one.qos === other.qos &&
    one.retain === other.retain &&
    one.publisher === other.publisher &&
    one.acceptedAtMs === other.acceptedAtMs &&
    one.expiresAtMs === other.expiresAtMs &&
    Buffer.compare(one.payload, other.payload) === 0 &&
    JSON.stringify(plainProperties(one.properties)) === JSON.stringify(plainProperties(other.properties))
  );
}
