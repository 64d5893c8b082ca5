// Makes one object of what is one message among the pages that are in memory, each of which brings objects of its own: a payload is then held once, and a
// store to which it goes keeps it once. What has the same id is compared before it is believed.
import type { Message } from '../../domain/delivery/message.js';
import type { MessageId } from '../../domain/identifiers.js';
import { plainProperties } from './plain.js';

export class HeldMessages {
  readonly #byId = new Map<MessageId, Message>();
  readonly #holders = new Map<Message, number>();
  #bytes = 0;

  /** Of the payloads. */
  get bytes(): number {
    return this.#bytes;
  }

  /** @returns the message that is held already, if it is the same, or else itself. Has to be let go as often. */
  hold(message: Message): Message {
    const known = this.#byId.get(message.id);
    const one = known !== undefined && isSame(known, message) ? known : message;
    const holders = this.#holders.get(one) ?? 0;
    if (holders === 0) {
      this.#byId.set(one.id, one);
      this.#bytes += one.payload.byteLength;
    }
    this.#holders.set(one, holders + 1);
    return one;
  }

  letGo(message: Message): void {
    const holders = this.#holders.get(message) ?? 0;
    if (holders > 1) {
      this.#holders.set(message, holders - 1);
      return;
    }
    if (!this.#holders.delete(message)) return;
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
