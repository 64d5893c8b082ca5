// One direction of an in-memory connection: chunks on their way, then perhaps an end. It decides in which order things arrive and when
// the sender may go on; it does not know which side is the broker.

/** Runs a task later, never from within the call, and never drops one. Tasks given earlier may run later: a pipe keeps its own order. */
export type Schedule = (task: () => void) => void;

export interface PipeReceiver {
  receive(chunk: Uint8Array): void;
  /** The sender has ended, and everything before has arrived. */
  receiveEnd(): void;
}

export class Pipe {
  /** Bytes that have not arrived. */
  bufferedBytes = 0;
  /** Bytes that have. */
  deliveredBytes = 0;
  #chunks: Uint8Array[] = [];
  #next = 0;
  #ended = false;
  #endArrived = false;
  #held = false;
  #cut = false;
  #scheduled = false;

  constructor(
    readonly schedule: Schedule,
    readonly receiver: PipeReceiver,
    /** Everything that was sent has arrived. */
    readonly onDrained: () => void,
  ) {}

  send(chunk: Uint8Array): void {
    if (this.#ended || this.#cut || chunk.byteLength === 0) return;
    this.#chunks.push(chunk);
    this.bufferedBytes += chunk.byteLength;
    this.#wake();
  }

  end(): void {
    if (this.#ended || this.#cut) return;
    this.#ended = true;
    this.#wake();
  }

  /** The receiver does not read: nothing arrives until `release`. */
  pause(): void {
    this.#held = true;
  }

  resume(): void {
    if (!this.#held) return;
    this.#held = false;
    this.#wake();
  }

  /** Whatever is on its way is lost. */
  discard(): void {
    this.#cut = true;
    this.#chunks = [];
    this.#next = 0;
    this.bufferedBytes = 0;
  }

  /** Lets everything arrive that the receiver takes. Called by the schedule, or by a sender's reset that comes after what was sent. */
  flush(): void {
    let delivered = false;
    // The receiver may hold or cut the pipe from within `arrived`, so each round asks again.
    while (!this.#held && !this.#cut) {
      const chunk = this.#chunks[this.#next];
      if (chunk === undefined) break;
      this.#next++;
      this.bufferedBytes -= chunk.byteLength;
      this.deliveredBytes += chunk.byteLength;
      delivered = true;
      this.receiver.receive(chunk);
    }
    if (this.#cut || this.#next < this.#chunks.length) return;
    this.#chunks = [];
    this.#next = 0;
    if (delivered) this.onDrained();
    if (this.#ended && !this.#held && !this.#endArrived) {
      this.#endArrived = true;
      this.receiver.receiveEnd();
    }
  }

  #wake(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.schedule(() => {
      this.#scheduled = false;
      this.flush();
    });
  }
}
