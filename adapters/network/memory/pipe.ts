// One direction of an in-memory connection: chunks in flight, then possibly an end. It preserves order and signals
// backpressure; it does not know which side is the broker.

/**
 * Runs a task later, never during the call, and never drops one. It may run tasks in any order: a pipe keeps its chunks
 * in order all the same.
 */
export type Schedule = (task: () => void) => void;

export interface PipeReceiver {
  receive(chunk: Uint8Array): void;
  /** The sender has ended its direction, and everything before has been received. */
  receiveEnd(): void;
}

export class Pipe {
  /** Bytes in flight. */
  bufferedBytes = 0;
  /** Bytes that the receiver has received. */
  deliveredBytes = 0;
  #chunks: Uint8Array[] = [];
  #next = 0;
  #isEnded = false;
  #isEndReceived = false;
  #isPaused = false;
  #isDiscarded = false;
  #isScheduled = false;

  constructor(
    readonly schedule: Schedule,
    readonly receiver: PipeReceiver,
    /** Called when everything sent so far has been received. */
    readonly onDrained: () => void,
  ) {}

  send(chunk: Uint8Array): void {
    if (this.#isEnded || this.#isDiscarded || chunk.byteLength === 0) return;
    this.#chunks.push(chunk);
    this.bufferedBytes += chunk.byteLength;
    this.#scheduleFlush();
  }

  end(): void {
    if (this.#isEnded || this.#isDiscarded) return;
    this.#isEnded = true;
    this.#scheduleFlush();
  }

  /** Nothing is delivered until `resume`. */
  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#scheduleFlush();
  }

  /** Drops everything in flight, for good. */
  discard(): void {
    this.#isDiscarded = true;
    this.#chunks = [];
    this.#next = 0;
    this.bufferedBytes = 0;
  }

  /** Delivers what is in flight, until the receiver pauses. Called by the schedule, or before a reset by the sender. */
  flush(): void {
    let delivered = false;
    // The receiver may pause or discard the pipe during `receive`, so each round checks again.
    while (!this.#isPaused && !this.#isDiscarded) {
      const chunk = this.#chunks[this.#next];
      if (chunk === undefined) break;
      this.#next++;
      this.bufferedBytes -= chunk.byteLength;
      this.deliveredBytes += chunk.byteLength;
      delivered = true;
      this.receiver.receive(chunk);
    }
    if (this.#isDiscarded || this.#next < this.#chunks.length) return;
    this.#chunks = [];
    this.#next = 0;
    if (delivered) this.onDrained();
    if (this.#isEnded && !this.#isPaused && !this.#isEndReceived) {
      this.#isEndReceived = true;
      this.receiver.receiveEnd();
    }
  }

  #scheduleFlush(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.schedule(() => {
      this.#isScheduled = false;
      this.flush();
    });
  }
}
