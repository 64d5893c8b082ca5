// Why a connection is not read, as a set of named reasons. Each reason is added and removed by the part that knows it,
// independently of the others; reading continues when the set is empty.

export type ParkingReason =
  /** The authentication port has not answered CONNECT yet. */
  | 'authentication'
  /** CONNACK waits until the session is durable. */
  | 'admission'
  /** The client publishes faster than a rate limit allows. */
  | 'throttle'
  /** The client sends requests and does not read the answers. */
  | 'unread-answers'
  /** Too many bytes for the client wait for storage. */
  | 'gate-full'
  /** Too many changes, of all clients, wait for storage, and the client would add more. */
  | 'storage-pressure'
  /** Too many bytes of messages, of all clients, wait behind large publications. */
  | 'publication-backlog'
  /** The client publishes to queues that are behind, and much that it has sent waits in the core already. */
  | 'backlog'
  /** Work that one of the client's packets has started continues in later steps, or waits for an interceptor. */
  | 'work'
  /** Other clients have to be served first. */
  | 'turn';

/** A set of small integers instead of a `Set`: there is one for each connection, and each packet asks it. */
const BITS: Readonly<Record<ParkingReason, number>> = {
  authentication: 1,
  admission: 2,
  throttle: 4,
  'unread-answers': 8,
  'gate-full': 16,
  'storage-pressure': 32,
  work: 64,
  turn: 128,
  'publication-backlog': 256,
  backlog: 512,
};

/** What is over as soon as the broker has done what it has to do anyway, or an interceptor has had its time. */
const BRIEF = BITS.work | BITS.turn | BITS['publication-backlog'];

export class Parking {
  #bits = 0;

  get isEmpty(): boolean {
    return this.#bits === 0;
  }

  /** Whether every reason passes without the client or storage doing anything. */
  get isBrief(): boolean {
    return (this.#bits & ~BRIEF) === 0;
  }

  get reasons(): readonly ParkingReason[] {
    return (Object.keys(BITS) as ParkingReason[]).filter((reason) => this.has(reason));
  }

  has(reason: ParkingReason): boolean {
    return (this.#bits & BITS[reason]) !== 0;
  }

  add(reason: ParkingReason): void {
    this.#bits |= BITS[reason];
  }

  remove(reason: ParkingReason): void {
    this.#bits &= ~BITS[reason];
  }
}
