// Makes one object of what is one message, so that the store it goes to keeps its payload once: stores tell messages apart by object, and pages
// that are read one after the other bring a new object each time. What has the same id is compared before it is believed. The pool is bounded: of
// a message that it has forgotten another copy is stored, which costs space and nothing else.
import type { Message } from '../../domain/delivery/message.js';
import type { MessageId } from '../../domain/identifiers.js';
import { plainProperties } from './plain.js';

const BYTES_MAX = 32 * 1024 * 1024;
/** What a message counts for besides its payload. */
const MESSAGE_BYTES = 512;

/** In two generations: what is used moves to the young one, and when that is full the old one is forgotten as a whole. */
export class MessagePool {
  #young = new Map<MessageId, Message>();
  #old = new Map<MessageId, Message>();
  #youngBytes = 0;

  /** @param bytesMax of both generations together, and one message more. */
  constructor(readonly bytesMax = BYTES_MAX) {}

  /** The message as it was seen before, if it was, or else itself. */
  theOne(message: Message): Message {
    const { id } = message;
    const young = this.#young.get(id);
    if (young !== undefined && isSame(young, message)) return young;
    const old = this.#old.get(id);
    const one = old !== undefined && isSame(old, message) ? old : message;
    this.#old.delete(id);
    this.#young.set(id, one);
    this.#youngBytes += weightOf(one) - (young === undefined ? 0 : weightOf(young));
    if (this.#youngBytes * 2 > this.bytesMax) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#youngBytes = 0;
    }
    return one;
  }
}

const weightOf = ({ payload }: Message): number => payload.byteLength + MESSAGE_BYTES;

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
