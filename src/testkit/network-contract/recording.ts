// The broker's side of the port, recording every call and whether it came at a forbidden time.
import type { Channel, ChannelHandler, IncomingConnection, PeerInfo } from '../../ports/index.js';

export class RecordingHandler implements ChannelHandler {
  readonly chunks: Uint8Array[] = [];
  /** The errors of all `closed` calls; a correct adapter makes one. */
  readonly closings: (Error | undefined)[] = [];
  readonly violations: string[] = [];
  drainedCalls = 0;
  onData: (chunk: Uint8Array) => void = () => undefined;
  #callDepth = 0;

  data(chunk: Uint8Array): void {
    this.#check('data');
    this.chunks.push(chunk);
    this.onData(chunk);
  }

  drained(): void {
    this.#check('drained');
    this.drainedCalls++;
  }

  closed(error: Error | undefined): void {
    this.#check('closed');
    this.closings.push(error);
  }

  /** Runs a call to the channel, during which the adapter must not call the handler. */
  during<T>(call: () => T): T {
    this.#callDepth++;
    try {
      return call();
    } finally {
      this.#callDepth--;
    }
  }

  #check(event: string): void {
    if (this.#callDepth > 0) this.violations.push(`${event} was called during a call to the channel`);
    if (this.closings.length > 0) this.violations.push(`${event} was called after closed`);
  }
}

export interface AcceptedChannel {
  readonly channel: Channel;
  readonly handler: RecordingHandler;
}

export class RecordingConnection implements IncomingConnection {
  aborts = 0;
  readonly accepted: AcceptedChannel[] = [];

  constructor(
    readonly peer: PeerInfo,
    readonly onAccept: (channel: Channel) => void,
  ) {}

  /** Calls of `accept` and `abort`; a correct adapter makes one. */
  get outcomes(): number {
    return this.aborts + this.accepted.length;
  }

  setClientAddress(): boolean {
    return true;
  }

  accept(channel: Channel): ChannelHandler {
    const handler = new RecordingHandler();
    this.accepted.push({ channel, handler });
    this.onAccept(channel);
    return handler;
  }

  abort(): void {
    this.aborts++;
  }
}
