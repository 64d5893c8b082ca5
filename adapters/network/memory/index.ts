// A network without sockets, for tests, simulations and embedding: a listener whose clients live in the same process. It behaves as TCP does
// where the shell could tell the difference (order, backpressure, half-close, reset) and decides nothing of MQTT. What happens is a function
// of the order of calls and of the schedule: no clock is read, except for the grace of a close.
import { NetworkError } from 'hexmq/ports';
import type { ConnectionHandler, Channel, ChannelHandler, Clock, Listener, PeerInfo, Timer } from 'hexmq/ports';
import { Pipe } from './pipe.js';
import type { PipeReceiver, Schedule } from './pipe.js';

export type { Schedule } from './pipe.js';

export interface MemoryNetworkOptions {
  /** Default `memory`. */
  readonly name?: string;
  /** A write returns false once this many bytes are under way. Default 65,536. */
  readonly highWaterMark?: number;
  /** Default `queueMicrotask`. A simulation gives its own, and may run the tasks in any order. */
  readonly schedule?: Schedule;
  /** Times the grace of a close. Default: `setTimeout`. */
  readonly clock?: Clock;
}

export interface MemoryConnectOptions {
  /** Default `memory:1`, `memory:2`, … */
  readonly remoteAddress?: string;
  /** Given, the client does not collect what it receives. */
  readonly onData?: (chunk: Uint8Array) => void;
}

/** A peer that has ended gets this long to read what is still on its way to it. */
const PEER_ENDED_GRACE_MS = 5000;
const DEFAULT_HIGH_WATER_MARK = 64 * 1024;

/** What both ends of a connection need of their network. */
interface NetworkContext {
  readonly schedule: Schedule;
  readonly highWaterMark: number;
  after(delayMs: number, callback: () => void): Timer;
  forget(channel: MemoryChannel): void;
}

export class MemoryNetwork implements Listener {
  readonly name: string;
  readonly #surroundings: NetworkContext;
  readonly #channels = new Set<MemoryChannel>();
  #arrive: ConnectionHandler | undefined;
  #connections = 0;

  constructor(options: MemoryNetworkOptions = {}) {
    this.name = options.name ?? 'memory';
    const { clock } = options;
    this.#surroundings = {
      schedule: options.schedule ?? queueMicrotask,
      highWaterMark: options.highWaterMark ?? DEFAULT_HIGH_WATER_MARK,
      after: clock === undefined ? afterRealTime : (delayMs, callback) => clock.at(clock.nowMs() + delayMs, callback),
      forget: (channel) => this.#channels.delete(channel),
    };
  }

  listen(arrive: ConnectionHandler): Promise<string> {
    if (this.#arrive !== undefined) {
      return Promise.reject(
        new NetworkError(`the memory network ${this.name} is in use; give each broker one of its own`),
      );
    }
    this.#arrive = arrive;
    return Promise.resolve(`memory:${this.name}`);
  }

  close(): Promise<void> {
    this.#arrive = undefined;
    return Promise.resolve();
  }

  /**
   * Connects a client. What it writes before the broker has accepted waits.
   * @throws NetworkError when nobody listens, as a refused connection.
   */
  connect(options: MemoryConnectOptions = {}): MemoryClient {
    const arrive = this.#arrive;
    if (arrive === undefined)
      throw new NetworkError(`nobody listens on the memory network ${this.name}; start the broker first`);
    this.#connections++;
    const channel = new MemoryChannel(
      this.#surroundings,
      options.remoteAddress ?? `memory:${this.#connections}`,
      options.onData,
    );
    this.#channels.add(channel);
    this.#surroundings.schedule(() => {
      channel.open(arrive);
    });
    return channel.client;
  }

  /**
   * The broker's process dies: every connection is reset, its clients see that, and no handler is called any more. The network listens no
   * longer and can be given to the next broker.
   */
  crashBroker(): void {
    this.#arrive = undefined;
    for (const channel of [...this.#channels]) channel.abandon();
  }
}

/** The broker's end. */
class MemoryChannel implements Channel, PeerInfo, PipeReceiver {
  readonly client: MemoryClient;
  readonly remoteAddress: string;
  readonly #surroundings: NetworkContext;
  readonly #inbound: Pipe;
  readonly #outbound: Pipe;
  #handler: ChannelHandler | undefined;
  #isClosing = false;
  #isClosed = false;
  #isFull = false;
  #isPaused = false;
  #grace: Timer | undefined;

  constructor(surroundings: NetworkContext, remoteAddress: string, onData: ((chunk: Uint8Array) => void) | undefined) {
    this.#surroundings = surroundings;
    this.remoteAddress = remoteAddress;
    this.#inbound = new Pipe(surroundings.schedule, this, () => undefined);
    // Nothing arrives before the broker has said who handles it.
    this.#inbound.pause();
    this.client = new MemoryClient(surroundings, this, this.#inbound, onData);
    this.#outbound = new Pipe(surroundings.schedule, this.client, () => {
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

  /** Nothing has to be agreed on: who has arrived and may come in is in. */
  open(arrive: ConnectionHandler): void {
    if (this.#isClosed) return;
    const arrival = arrive(this);
    if (arrival === undefined) {
      this.terminate(undefined);
      return;
    }
    const handler = arrival.accept(this);
    this.#handler = handler;
    if (!this.#isPaused) this.#inbound.resume();
    // Closed while it was being accepted: the handler did not exist yet and still has to be told.
    if (this.#isClosed) this.#tellClosed(handler, undefined);
  }

  write(bytes: Uint8Array): boolean {
    if (this.#isClosing || this.#isClosed) return true;
    this.#outbound.send(bytes);
    if (this.#outbound.bufferedBytes < this.#surroundings.highWaterMark) return true;
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
    this.#grace = this.#surroundings.after(graceMs, () => {
      this.terminate(undefined);
    });
  }

  /** From the client. After `close` nobody listens any more, but it is still read, as a socket must be for its last bytes to get through. */
  receive(chunk: Uint8Array): void {
    if (!this.#isClosing) this.#handler?.data(chunk);
  }

  receiveEnd(): void {
    this.close(PEER_ENDED_GRACE_MS);
  }

  /** Both directions end at once, and each side is told. */
  terminate(error: Error | undefined, byClient = false): void {
    if (this.#isClosed) return;
    const isOrderly = this.#isClosing && this.#outbound.bufferedBytes === 0;
    this.#drop();
    if (this.#handler !== undefined) this.#tellClosed(this.#handler, error);
    if (!byClient) this.client.disconnected(!isOrderly);
  }

  abandon(): void {
    this.#handler = undefined;
    if (this.#isClosed) return;
    this.#drop();
    this.client.disconnected(true);
  }

  #tellClosed(handler: ChannelHandler, error: Error | undefined): void {
    this.#surroundings.schedule(() => {
      this.#surroundings.forget(this);
      // Not if the broker has died in between.
      if (this.#handler === handler) handler.closed(error);
    });
  }

  #drop(): void {
    this.#isClosed = true;
    this.#grace?.cancel();
    this.#inbound.discard();
    this.#outbound.discard();
    if (this.#handler === undefined) this.#surroundings.forget(this);
  }

  #drained(): void {
    if (!this.#isFull || this.#isClosing) return;
    this.#isFull = false;
    this.#handler?.drained();
  }
}

/** The client's end: what a test or an embedding program holds. */
export class MemoryClient implements PipeReceiver {
  /** Resolves when the connection has ended, whoever ended it. */
  readonly closed: Promise<void>;
  /** What came, in order, unless someone listens with `onData`. */
  readonly received: Uint8Array[] = [];
  readonly #surroundings: NetworkContext;
  readonly #channel: MemoryChannel;
  readonly #outbound: Pipe;
  #inbound: Pipe | undefined;
  #onData: ((chunk: Uint8Array) => void) | undefined;
  #isEnded = false;
  #isClosed = false;
  #wasReset = false;
  #resolveClosed: () => void = () => undefined;

  constructor(
    surroundings: NetworkContext,
    channel: MemoryChannel,
    outbound: Pipe,
    onData: ((chunk: Uint8Array) => void) | undefined,
  ) {
    this.#surroundings = surroundings;
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

  /** Whether the connection ended other than by an orderly end of both sides. */
  get wasReset(): boolean {
    return this.#wasReset;
  }

  /** Bytes written that the broker has not read: it has paused. */
  get bufferedBytes(): number {
    return this.#outbound.bufferedBytes;
  }

  /** Sends a copy, as a network does. Returns false when much is under way; after the end it does nothing. */
  write(bytes: Uint8Array): boolean {
    if (this.#isEnded || this.#isClosed) return true;
    this.#outbound.send(bytes.slice());
    return this.#outbound.bufferedBytes < this.#surroundings.highWaterMark;
  }

  /** From now on the callback gets what comes, beginning with what was collected. */
  onData(callback: (chunk: Uint8Array) => void): void {
    this.#onData = callback;
    for (const chunk of this.received.splice(0)) callback(chunk);
  }

  /** Ends the client's direction; the broker answers by ending its own. */
  end(): void {
    if (this.#isEnded || this.#isClosed) return;
    this.#isEnded = true;
    this.#outbound.end();
  }

  /** Resets the connection after what was written has arrived, as far as the broker takes it. The broker sees an error. */
  destroy(): void {
    if (this.#isClosed) return;
    this.#closedNow(true);
    this.#inbound?.discard();
    this.#surroundings.schedule(() => {
      this.#outbound.flush();
      this.#channel.terminate(new Error('connection reset by the client'), true);
    });
  }

  /** A slow reader: nothing comes until `resumeReading`, and the broker's writes pile up. */
  pauseReading(): void {
    this.#inbound?.pause();
  }

  resumeReading(): void {
    this.#inbound?.resume();
  }

  /** For the network: where this client reads from. */
  attach(inbound: Pipe): void {
    this.#inbound = inbound;
  }

  /** For the network. */
  receive(chunk: Uint8Array): void {
    if (this.#onData === undefined) this.received.push(chunk);
    else this.#onData(chunk);
  }

  /** For the network: the broker has ended, and this client answers by ending too. */
  receiveEnd(): void {
    this.#channel.terminate(undefined);
  }

  /** For the network: the connection is no more. */
  disconnected(wasReset: boolean): void {
    if (!this.#isClosed) this.#closedNow(wasReset);
  }

  #closedNow(wasReset: boolean): void {
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
