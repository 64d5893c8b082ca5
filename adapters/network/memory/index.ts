// A network without sockets, for tests, simulations and embedding: a listener whose clients live in the same process.
// It behaves like TCP where the broker could tell the difference: order, backpressure, half-close, reset. Its behavior
// is determined by the order of calls and by the schedule; a clock is used only for the grace period of a close.
import { NetworkError } from 'hexmq/ports';
import type { Channel, ChannelHandler, Clock, ConnectionHandler, Listener, PeerInfo, Timer } from 'hexmq/ports';
import { Pipe } from './pipe.js';
import type { PipeReceiver, Schedule } from './pipe.js';

export type { Schedule } from './pipe.js';

export interface MemoryNetworkOptions {
  /** Default `memory`. */
  readonly name?: string;
  /** A write returns false once this many bytes are in flight in its direction. Default 65,536. */
  readonly highWaterMark?: number;
  /** Default `queueMicrotask`. A simulation passes its own, which may run tasks in any order. */
  readonly schedule?: Schedule;
  /** Times the grace period of a close. Default: `setTimeout`. */
  readonly clock?: Clock;
}

export interface MemoryConnectOptions {
  /** Default `memory:1`, `memory:2`, … */
  readonly remoteAddress?: string;
  /** Gets what the client receives, instead of `received`. */
  readonly onData?: (chunk: Uint8Array) => void;
}

/** Time for a peer that has ended its side to read what is still on the way to it. */
const PEER_ENDED_GRACE_MS = 5000;
const DEFAULT_HIGH_WATER_MARK = 64 * 1024;

/** What both ends of a connection need from their network. */
interface NetworkContext {
  readonly schedule: Schedule;
  readonly highWaterMark: number;
  after(delayMs: number, callback: () => void): Timer;
  forget(channel: MemoryChannel): void;
}

export class MemoryNetwork implements Listener {
  readonly name: string;
  readonly #context: NetworkContext;
  readonly #channels = new Set<MemoryChannel>();
  #onConnection: ConnectionHandler | undefined;
  #connections = 0;

  constructor(options: MemoryNetworkOptions = {}) {
    this.name = options.name ?? 'memory';
    const { clock } = options;
    this.#context = {
      schedule: options.schedule ?? queueMicrotask,
      highWaterMark: options.highWaterMark ?? DEFAULT_HIGH_WATER_MARK,
      after: clock === undefined ? afterRealTime : (delayMs, callback) => clock.at(clock.nowMs() + delayMs, callback),
      forget: (channel) => this.#channels.delete(channel),
    };
  }

  listen(onConnection: ConnectionHandler): Promise<string> {
    if (this.#onConnection !== undefined) {
      return Promise.reject(new NetworkError(`the memory network ${this.name} is in use; give each broker its own`));
    }
    this.#onConnection = onConnection;
    return Promise.resolve(`memory:${this.name}`);
  }

  close(): Promise<void> {
    this.#onConnection = undefined;
    return Promise.resolve();
  }

  /**
   * Connects a client. What it writes before the broker has accepted the connection is kept.
   * @throws NetworkError if no broker listens, like a refused connection.
   */
  connect(options: MemoryConnectOptions = {}): MemoryClient {
    const onConnection = this.#onConnection;
    if (onConnection === undefined)
      throw new NetworkError(`no broker listens on the memory network ${this.name}; start the broker first`);
    this.#connections++;
    const channel = new MemoryChannel(
      this.#context,
      options.remoteAddress ?? `memory:${this.#connections}`,
      options.onData,
    );
    this.#channels.add(channel);
    this.#context.schedule(() => {
      channel.open(onConnection);
    });
    return channel.client;
  }

  /**
   * Simulates a crash of the broker: resets every connection and calls no handler again. Clients see the reset.
   * Afterwards another broker can listen on this network.
   */
  crashBroker(): void {
    this.#onConnection = undefined;
    for (const channel of [...this.#channels]) channel.crash();
  }
}

/** The broker's end of a connection. */
class MemoryChannel implements Channel, PeerInfo, PipeReceiver {
  readonly client: MemoryClient;
  readonly remoteAddress: string;
  readonly #context: NetworkContext;
  readonly #inbound: Pipe;
  readonly #outbound: Pipe;
  #handler: ChannelHandler | undefined;
  #isClosing = false;
  #isClosed = false;
  #isFull = false;
  #isPaused = false;
  #grace: Timer | undefined;

  constructor(context: NetworkContext, remoteAddress: string, onData: ((chunk: Uint8Array) => void) | undefined) {
    this.#context = context;
    this.remoteAddress = remoteAddress;
    this.#inbound = new Pipe(context.schedule, this, () => undefined);
    // Nothing is delivered before there is a handler.
    this.#inbound.pause();
    this.client = new MemoryClient(context, this, this.#inbound, onData);
    this.#outbound = new Pipe(context.schedule, this.client, () => {
      this.#drained();
    });
    this.client.attach(this.#outbound);
  }

  get peer(): PeerInfo {
    return this;
  }

  get sentBytes(): number {
    return this.#outbound.deliveredBytes;
  }

  /** There is no handshake: a connection that the broker allows is open at once. */
  open(onConnection: ConnectionHandler): void {
    if (this.#isClosed) return;
    const connection = onConnection(this);
    if (connection === undefined) {
      this.terminate(undefined);
      return;
    }
    const handler = connection.accept(this);
    this.#handler = handler;
    if (!this.#isPaused) this.#inbound.resume();
    // It was closed while it was being accepted, before there was a handler to notify.
    if (this.#isClosed) this.#notifyClosed(handler, undefined);
  }

  write(bytes: Uint8Array): boolean {
    if (this.#isClosing || this.#isClosed) return true;
    this.#outbound.send(bytes);
    if (this.#outbound.bufferedBytes < this.#context.highWaterMark) return true;
    this.#isFull = true;
    return false;
  }

  pause(): void {
    if (this.#isClosing) return;
    this.#isPaused = true;
    this.#inbound.pause();
  }

  resume(): void {
    this.#isPaused = false;
    if (this.#handler !== undefined) this.#inbound.resume();
  }

  close(graceMs: number): void {
    if (this.#isClosed) return;
    if (graceMs <= 0) {
      this.terminate(undefined);
      return;
    }
    if (this.#isClosing) return;
    this.#isClosing = true;
    this.#outbound.end();
    this.resume();
    this.#grace = this.#context.after(graceMs, () => {
      this.terminate(undefined);
    });
  }

  /** From the client. After `close`, data is read and discarded, as on a socket, so that the last bytes get through. */
  receive(chunk: Uint8Array): void {
    if (!this.#isClosing) this.#handler?.data(chunk);
  }

  receiveEnd(): void {
    this.close(PEER_ENDED_GRACE_MS);
  }

  /** Ends both directions at once, and notifies both sides. */
  terminate(error: Error | undefined, byClient = false): void {
    if (this.#isClosed) return;
    const isOrderly = this.#isClosing && this.#outbound.bufferedBytes === 0;
    this.#drop();
    if (this.#handler !== undefined) this.#notifyClosed(this.#handler, error);
    if (!byClient) this.client.disconnected(!isOrderly);
  }

  crash(): void {
    this.#handler = undefined;
    if (this.#isClosed) return;
    this.#drop();
    this.client.disconnected(true);
  }

  #notifyClosed(handler: ChannelHandler, error: Error | undefined): void {
    this.#context.schedule(() => {
      this.#context.forget(this);
      // Unless the broker has crashed meanwhile.
      if (this.#handler === handler) handler.closed(error);
    });
  }

  #drop(): void {
    this.#isClosed = true;
    this.#grace?.cancel();
    this.#inbound.discard();
    this.#outbound.discard();
    if (this.#handler === undefined) this.#context.forget(this);
  }

  #drained(): void {
    if (!this.#isFull || this.#isClosing) return;
    this.#isFull = false;
    this.#handler?.drained();
  }
}

/** The client's end of a connection, for a test or an embedding program. */
export class MemoryClient implements PipeReceiver {
  /** Resolves when the connection has ended, whichever side ended it. */
  readonly closed: Promise<void>;
  /** The chunks received so far, in order; empty if there is an `onData` callback. */
  readonly received: Uint8Array[] = [];
  readonly #context: NetworkContext;
  readonly #channel: MemoryChannel;
  readonly #outbound: Pipe;
  #inbound: Pipe | undefined;
  #onData: ((chunk: Uint8Array) => void) | undefined;
  #isEnded = false;
  #isClosed = false;
  #wasReset = false;
  #resolveClosed: () => void = () => undefined;

  constructor(
    context: NetworkContext,
    channel: MemoryChannel,
    outbound: Pipe,
    onData: ((chunk: Uint8Array) => void) | undefined,
  ) {
    this.#context = context;
    this.#channel = channel;
    this.#outbound = outbound;
    this.#onData = onData;
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Whether the connection ended in any way other than an orderly end of both sides. */
  get wasReset(): boolean {
    return this.#wasReset;
  }

  /** Bytes written that the broker has not read yet. */
  get bufferedBytes(): number {
    return this.#outbound.bufferedBytes;
  }

  /**
   * Sends a copy, as a network does.
   * @returns false when `highWaterMark` is reached. After the end: true, without effect.
   */
  write(bytes: Uint8Array): boolean {
    if (this.#isEnded || this.#isClosed) return true;
    this.#outbound.send(bytes.slice());
    return this.#outbound.bufferedBytes < this.#context.highWaterMark;
  }

  /** Passes everything to the callback from now on, beginning with what has been collected in `received`. */
  onData(callback: (chunk: Uint8Array) => void): void {
    this.#onData = callback;
    for (const chunk of this.received.splice(0)) callback(chunk);
  }

  /** Ends the client's direction; the broker then ends its own. */
  end(): void {
    if (this.#isEnded || this.#isClosed) return;
    this.#isEnded = true;
    this.#outbound.end();
  }

  /**
   * Resets the connection, after delivering what was written unless the broker has paused. The broker sees an error.
   */
  destroy(): void {
    if (this.#isClosed) return;
    this.#markClosed(true);
    this.#inbound?.discard();
    this.#context.schedule(() => {
      this.#outbound.flush();
      this.#channel.terminate(new Error('connection reset by the client'), true);
    });
  }

  /** Simulates a slow reader: nothing is received until `resumeReading`, and the broker's writes accumulate. */
  pauseReading(): void {
    this.#inbound?.pause();
  }

  resumeReading(): void {
    this.#inbound?.resume();
  }

  /** Internal: the pipe this client reads from. */
  attach(inbound: Pipe): void {
    this.#inbound = inbound;
  }

  /** Internal. */
  receive(chunk: Uint8Array): void {
    if (this.#onData === undefined) this.received.push(chunk);
    else this.#onData(chunk);
  }

  /** Internal: the broker has ended its direction, and the client ends its own in return. */
  receiveEnd(): void {
    this.#channel.terminate(undefined);
  }

  /** Internal: the connection has ended. */
  disconnected(wasReset: boolean): void {
    if (!this.#isClosed) this.#markClosed(wasReset);
  }

  #markClosed(wasReset: boolean): void {
    this.#isClosed = true;
    this.#wasReset = wasReset;
    this.#resolveClosed();
  }
}

function afterRealTime(delayMs: number, callback: () => void): Timer {
  const timeout = setTimeout(callback, delayMs);
  return {
    cancel: () => {
      clearTimeout(timeout);
    },
  };
}
