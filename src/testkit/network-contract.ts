// The contract of the network port as tests, for any adapter and under any test runner. A law of the port is one test, so that a run lists everything
// an adapter gets wrong and not only the first thing. What the peer does is done by the author's own client; how the adapter does its part is not
// looked at, and neither is its speed.
import { NetworkError } from '../ports/index.js';
import type { IncomingConnection, Channel, ChannelHandler, Listener, PeerInfo } from '../ports/index.js';
import { ContractViolation, ensure, report, show } from './compare.js';

/** The far end of a connection: a client of the author's, with whatever library. */
export interface NetworkPeer {
  write(bytes: Uint8Array): void;
  /** Ends in an orderly way once what was written has left, and goes on reading as far as its kind of connection can. */
  end(): void;
  /** Goes away without a word. */
  reset(): void;
  /** Takes nothing more from the network until `resumeReading`. */
  pauseReading(): void;
  resumeReading(): void;
  /** The bytes that came, in pieces of any size. */
  readonly received: readonly Uint8Array[];
  /** Resolves when the connection is gone, whoever ended it. */
  readonly closed: Promise<void>;
}

/** What the author of an adapter gives to the kit, one for each test. */
export interface NetworkUnderTest {
  /** One that does not listen yet, on a free address. */
  readonly listener: Listener;
  /** Another listener on the address at which the first has said that it listens. */
  createOnSameAddress(address: string): Listener;
  /** @throws when nobody listens there. */
  connect(address: string): Promise<NetworkPeer>;
  /** One that says nothing of what has to be agreed on before a connection is open: keys, headers. Left out where nothing has to be. */
  connectWithoutHandshake?(address: string): Promise<NetworkPeer>;
  /** Whether a peer that goes without a word can be told from one that ends, as it can be on TCP. Default true. */
  readonly reportsReset?: boolean;
  /** Whatever is left is taken away. */
  dispose(): Promise<void>;
}

export interface NetworkFactory {
  create(): Promise<NetworkUnderTest>;
}

export interface NetworkContractOptions {
  /** Names the adapter in the report. */
  readonly name: string;
  readonly factory: NetworkFactory;
  /** Of your test runner: any that groups tests by calling the body at once, and awaits what a test returns. */
  readonly describe: (name: string, body: () => void) => void;
  readonly test: (name: string, body: () => Promise<void>) => void;
  /** How long a thing may take that has to happen. Default 10,000. */
  readonly timeoutMs?: number;
}

/** More than what networks hold under way on one machine. */
const MUCH = 8 * 1024 * 1024;
/** A grace that no test waits for. */
const LONG_MS = 20_000;
const SHORT_MS = 50;
/** Long enough for anything on its way to arrive on this machine, for proving that something does not happen. */
const SETTLING_MS = 100;
const DEFAULT_PATIENCE_MS = 10_000;

/** Declares the contract's tests. */
export function networkContract({
  name,
  factory,
  describe,
  test,
  timeoutMs = DEFAULT_PATIENCE_MS,
}: NetworkContractOptions): void {
  describe(`network contract: ${name}`, () => {
    for (const [text, body] of LAWS) {
      test(text, async () => {
        const scene = await Scene.create(factory, timeoutMs);
        try {
          await body(scene);
          await scene.under.listener.close();
          scene.verify();
        } finally {
          await scene.dispose();
        }
      });
    }
  });
}

/** What the shell would be told, written down, and whether it was told at a time at which it must not be. */
class RecordingHandler implements ChannelHandler {
  readonly chunks: Uint8Array[] = [];
  readonly closings: (Error | undefined)[] = [];
  readonly problems: string[] = [];
  drainings = 0;
  onData: (chunk: Uint8Array) => void = () => undefined;
  #callDepth = 0;

  data(chunk: Uint8Array): void {
    this.#note('data');
    this.chunks.push(chunk);
    this.onData(chunk);
  }

  drained(): void {
    this.#note('drained');
    this.drainings++;
  }

  closed(error: Error | undefined): void {
    this.#note('closed');
    this.closings.push(error);
  }

  /** Calls the channel, watched. */
  within<T>(call: () => T): T {
    this.#callDepth++;
    try {
      return call();
    } finally {
      this.#callDepth--;
    }
  }

  #note(what: string): void {
    if (this.#callDepth > 0) this.problems.push(`${what} was told from within a call to the channel`);
    if (this.closings.length > 0) this.problems.push(`${what} was told after closed`);
  }
}

/** A connection that may come in, and what was told of it. */
class RecordingArrival implements IncomingConnection {
  failures = 0;
  readonly accepted: { readonly channel: Channel; readonly handler: RecordingHandler }[] = [];

  constructor(
    readonly peer: PeerInfo,
    readonly onAccept: (channel: Channel) => void,
  ) {}

  get endings(): number {
    return this.failures + this.accepted.length;
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
    this.failures++;
  }
}

interface Connection {
  readonly peer: NetworkPeer;
  readonly channel: Channel;
  readonly handler: RecordingHandler;
}

class Scene {
  readonly arrivals: RecordingArrival[] = [];
  /** Those that were told that they may not come in. */
  turnedAway = 0;

  private constructor(
    readonly under: NetworkUnderTest,
    readonly patienceMs: number,
  ) {}

  static async create(factory: NetworkFactory, patienceMs: number): Promise<Scene> {
    return new Scene(await factory.create(), patienceMs);
  }

  get accepted(): RecordingArrival['accepted'] {
    return this.arrivals.flatMap(({ accepted }) => accepted);
  }

  get handlers(): readonly RecordingHandler[] {
    return this.accepted.map(({ handler }) => handler);
  }

  /** @param onAccept is called with the channel before there is a handler. */
  async listen(onAccept: (channel: Channel) => void = () => undefined): Promise<string> {
    return this.under.listener.listen((peer) => {
      const arrival = new RecordingArrival(peer, onAccept);
      this.arrivals.push(arrival);
      return arrival;
    });
  }

  async listenToNobody(): Promise<string> {
    return this.under.listener.listen(() => {
      this.turnedAway++;
      return undefined;
    });
  }

  async connect(address: string): Promise<Connection> {
    const before = this.accepted.length;
    const peer = await this.under.connect(address);
    await this.until('a connection was not accepted', () => this.accepted.length > before);
    const accepted = this.accepted[before] as { channel: Channel; handler: RecordingHandler };
    // How much someone unknown may send is the adapter's to say.
    accepted.channel.admitted?.();
    return { peer, ...accepted };
  }

  async connected(): Promise<Connection> {
    return this.connect(await this.listen());
  }

  async until(problem: string, condition: () => boolean): Promise<void> {
    const deadline = Date.now() + this.patienceMs;
    while (!condition()) {
      if (Date.now() > deadline) throw new ContractViolation(`${problem} (waited ${String(this.patienceMs)} ms)`);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  async gone({ peer, handler }: Connection): Promise<void> {
    let isClosed = false;
    void peer.closed.then(() => (isClosed = true));
    await this.until('the peer does not see that the connection has ended', () => isClosed);
    await this.until('closed was not told', () => handler.closings.length > 0);
  }

  /** One that has arrived and gets no further, where there is such a thing. */
  async knocked(
    address: string,
  ): Promise<{ readonly peer: NetworkPeer; readonly arrival: RecordingArrival } | undefined> {
    if (this.under.connectWithoutHandshake === undefined) return undefined;
    const before = this.arrivals.length;
    const peer = await this.under.connectWithoutHandshake(address);
    await this.until(
      'a connection that says nothing was not told when it arrived',
      () => this.arrivals.length > before,
    );
    await settle();
    const arrival = this.arrivals[before] as RecordingArrival;
    ensure(arrival.endings === 0, 'a connection that says nothing was not waited for');
    return { peer, arrival };
  }

  async failed(peer: NetworkPeer, arrival: RecordingArrival): Promise<void> {
    let isClosed = false;
    void peer.closed.then(() => (isClosed = true));
    await this.until('the peer does not see that the connection has ended', () => isClosed);
    await this.until('failed was not told', () => arrival.failures > 0);
  }

  /** What must hold of every connection, whatever the law was about. The listener is closed. */
  verify(): void {
    report(
      'what a handler is told comes later than the call, and nothing comes after closed',
      this.handlers.flatMap(({ problems }) => problems),
    );
    report(
      'what has arrived is accepted or has failed, once',
      this.arrivals
        .filter(({ endings }) => endings !== 1)
        .map(
          ({ peer, failures, accepted }) =>
            `${peer.remoteAddress} was accepted ${String(accepted.length)} times and failed ${String(failures)} times`,
        ),
    );
  }

  async dispose(): Promise<void> {
    await this.under.listener.close();
    for (const { channel } of this.accepted) channel.close(0);
    await this.under.dispose();
  }
}

const LAWS: readonly (readonly [string, (scene: Scene) => Promise<void>])[] = [
  [
    'bytes go both ways unchanged and in order',
    async (scene) => {
      const { peer, channel, handler } = await scene.connected();
      handler.onData = (chunk) => {
        handler.within(() => channel.write(chunk));
      };
      peer.write(Uint8Array.of(1, 2, 3));
      peer.write(Uint8Array.of(4, 5));
      await scene.until('five bytes did not come back', () => size(peer.received) === 5);
      same('what came back', Uint8Array.of(1, 2, 3, 4, 5), peer.received);
    },
  ],
  [
    'a channel says who is at the other end',
    async (scene) => {
      const { channel } = await scene.connected();
      ensure(channel.peer.remoteAddress !== '', 'peer.remoteAddress is empty, expected an address for people');
      const [arrival] = scene.arrivals;
      ensure(
        arrival?.peer.remoteAddress === channel.peer.remoteAddress,
        `when it arrived it was ${show(arrival?.peer.remoteAddress)}, as a channel it is ${show(channel.peer.remoteAddress)}`,
      );
      const { ipAddress } = channel.peer;
      ensure(
        ipAddress === undefined || /^[\d.]+$|^[0-9a-fA-F:]*:[0-9a-fA-F:.]*(%.+)?$/.test(ipAddress),
        `peer.ipAddress is ${show(ipAddress)}, expected an address without port`,
      );
    },
  ],
  [
    'what was given stays given: a chunk is not touched again',
    async (scene) => {
      const { peer, handler } = await scene.connected();
      for (let round = 1; round <= 20; round++) {
        peer.write(new Uint8Array(1000).fill(round));
        await scene.until('bytes did not arrive', () => size(handler.chunks) === round * 1000);
      }
      const expected = new Uint8Array(20_000).map((_, index) => Math.floor(index / 1000) + 1);
      same('the chunks, looked at later', expected, handler.chunks);
    },
  ],
  [
    'a write to a peer that does not read is refused further credit, and drained comes once everything has left',
    async (scene) => {
      const { peer, channel, handler } = await scene.connected();
      peer.pauseReading();
      const sent = pattern(MUCH);
      ensure(
        !handler.within(() => channel.write(sent)),
        `write took ${String(MUCH)} bytes for a peer that does not read and returned true`,
      );
      ensure(
        channel.sentBytes < MUCH,
        `sentBytes is ${String(channel.sentBytes)} while the peer has not read ${String(MUCH)} bytes`,
      );
      ensure(handler.drainings === 0, 'drained was told while bytes wait');
      peer.resumeReading();
      await scene.until('drained was not told', () => timesDrained(handler) > 0);
      ensure(
        channel.sentBytes >= MUCH,
        `sentBytes is ${String(channel.sentBytes)} when drained is told, expected at least the ${String(MUCH)} that were written`,
      );
      await scene.until('not everything arrived', () => size(peer.received) >= MUCH);
      same('what the peer read', sent, peer.received);
      ensure(timesDrained(handler) === 1, `drained was told ${String(handler.drainings)} times, expected once`);
    },
  ],
  [
    'small writes to a peer that reads never lack credit',
    async (scene) => {
      const { peer, channel, handler } = await scene.connected();
      const bytes = Uint8Array.from({ length: 100 }, (_, index) => index);
      for (const byte of bytes)
        ensure(
          handler.within(() => channel.write(Uint8Array.of(byte))),
          `write number ${String(byte + 1)} of one byte returned false`,
        );
      await scene.until('not everything arrived', () => size(peer.received) >= bytes.length);
      same('what the peer read', bytes, peer.received);
      ensure(handler.drainings === 0, 'drained was told though no write had returned false');
    },
  ],
  [
    'a paused channel holds the peer back and loses nothing',
    async (scene) => {
      const { peer, channel, handler } = await scene.connected();
      handler.within(() => {
        channel.pause();
      });
      const sent = pattern(MUCH);
      peer.write(sent);
      await settle();
      ensure(size(handler.chunks) < MUCH, `${String(MUCH)} bytes came through a channel that is paused`);
      handler.within(() => {
        channel.resume();
      });
      await scene.until('not everything arrived after resume', () => size(handler.chunks) >= MUCH);
      same('what arrived', sent, handler.chunks);
    },
  ],
  [
    'a close with grace lets out what was written, then ends',
    async (scene) => {
      const connection = await scene.connected();
      const { peer, channel, handler } = connection;
      const sent = pattern(MUCH);
      handler.within(() => {
        channel.write(sent);
        channel.close(LONG_MS);
      });
      await scene.gone(connection);
      same('what the peer read', sent, peer.received);
      inOrder(handler);
    },
  ],
  [
    'a close with grace ends all the same when the peer does not read',
    async (scene) => {
      const connection = await scene.connected();
      const { peer, channel, handler } = connection;
      peer.pauseReading();
      handler.within(() => {
        channel.write(pattern(MUCH));
        channel.close(SHORT_MS);
      });
      await scene.until('closed was not told', () => handler.closings.length > 0);
      peer.resumeReading();
      await scene.gone(connection);
      ensure(size(peer.received) < MUCH, 'everything arrived at a peer that did not read: the law could not be tested');
    },
  ],
  [
    'a close without grace ends at once, and says so afterwards',
    async (scene) => {
      const connection = await scene.connected();
      const { channel, handler } = connection;
      handler.within(() => {
        channel.close(0);
      });
      await scene.gone(connection);
      inOrder(handler);
    },
  ],
  [
    'a close without grace cuts short one with grace',
    async (scene) => {
      const connection = await scene.connected();
      const { peer, channel, handler } = connection;
      peer.pauseReading();
      handler.within(() => {
        channel.write(pattern(MUCH));
        channel.close(LONG_MS);
        channel.close(0);
      });
      await scene.until('closed was not told', () => handler.closings.length > 0);
      peer.resumeReading();
      await scene.gone(connection);
    },
  ],
  [
    'after a close nothing more comes from the peer, and a write is taken and forgotten',
    async (scene) => {
      const connection = await scene.connected();
      const { peer, channel, handler } = connection;
      peer.pauseReading();
      const sent = pattern(MUCH);
      handler.within(() => {
        channel.write(sent);
        channel.close(LONG_MS);
        ensure(channel.write(Uint8Array.of(1)), 'a write after close returned false, expected true');
      });
      peer.write(Uint8Array.of(9));
      await settle();
      peer.resumeReading();
      await scene.gone(connection);
      ensure(handler.chunks.length === 0, 'data was told after close');
      same('what the peer read', sent, peer.received);
      ensure(
        handler.within(() => channel.write(Uint8Array.of(1))),
        'a write after closed returned false, expected true',
      );
    },
  ],
  [
    'a peer that ends its side is read to the end, gets what was written, and is closed',
    async (scene) => {
      const connection = await scene.connected();
      const { peer, channel, handler } = connection;
      const sent = pattern(MUCH);
      handler.within(() => channel.write(sent));
      peer.write(Uint8Array.of(7));
      peer.end();
      await scene.gone(connection);
      same('what was read', Uint8Array.of(7), handler.chunks);
      inOrder(handler);
      same('what the peer read', sent, peer.received);
    },
  ],
  [
    'a peer that goes without a word is closed, which is told once, and the channel can still be called',
    async (scene) => {
      const { peer, channel, handler } = await scene.connected();
      peer.write(Uint8Array.of(7));
      await scene.until('a byte did not arrive', () => size(handler.chunks) === 1);
      peer.reset();
      await scene.until('closed was not told', () => handler.closings.length > 0);
      handler.within(() => {
        channel.write(Uint8Array.of(1));
        channel.close(10);
        channel.close(0);
        channel.pause();
        channel.resume();
      });
      await settle();
      ensure(handler.closings.length === 1, `closed was told ${String(handler.closings.length)} times, expected once`);
      if (scene.under.reportsReset !== false)
        ensure(
          handler.closings[0] !== undefined,
          'closed was told without an error though the peer went without a word',
        );
    },
  ],
  [
    'a channel that is paused while it is accepted waits',
    async (scene) => {
      const address = await scene.listen((channel) => {
        channel.pause();
      });
      const { peer, channel, handler } = await scene.connect(address);
      peer.write(Uint8Array.of(1, 2));
      await settle();
      ensure(handler.chunks.length === 0, 'data was told while the channel was paused');
      channel.resume();
      await scene.until('what had been sent did not arrive after resume', () => size(handler.chunks) === 2);
    },
  ],
  [
    'a channel that is closed while it is accepted ends',
    async (scene) => {
      const address = await scene.listen((channel) => {
        channel.close(0);
      });
      // Where there is something to agree on first, the peer may see that as having failed.
      const peer = await scene.under.connect(address).catch(() => undefined);
      await scene.until('closed was not told', () => scene.handlers[0]?.closings.length === 1);
      await peer?.closed;
    },
  ],
  [
    'whoever may not come in is closed unheard, and nothing more is told of it',
    async (scene) => {
      const address = await scene.listenToNobody();
      // Where there is something to agree on first, the peer may see that as having failed.
      const peer = await scene.under.connect(address).catch(() => undefined);
      await scene.until('a connection was not told when it arrived', () => scene.turnedAway > 0);
      let isClosed = peer === undefined;
      void peer?.closed.then(() => (isClosed = true));
      await scene.until('whoever may not come in is not closed', () => isClosed);
      ensure(size(peer?.received ?? []) === 0, 'something was sent to whoever may not come in');
      await settle();
      ensure(scene.turnedAway === 1, `one connection was told to have arrived ${String(scene.turnedAway)} times`);
    },
  ],
  [
    'what has arrived and is not open is told to have failed when its peer goes, where there is such a thing',
    async (scene) => {
      const address = await scene.listen();
      for (const how of ['reset', 'end'] as const) {
        const knocked = await scene.knocked(address);
        if (knocked === undefined) return;
        knocked.peer[how]();
        await scene.failed(knocked.peer, knocked.arrival);
      }
    },
  ],
  [
    'what has arrived and is not open ends with its listener, where there is such a thing',
    async (scene) => {
      const knocked = await scene.knocked(await scene.listen());
      if (knocked === undefined) return;
      await scene.under.listener.close();
      await scene.failed(knocked.peer, knocked.arrival);
    },
  ],
  [
    'connections are apart from each other',
    async (scene) => {
      const address = await scene.listen();
      const first = await scene.connect(address);
      const second = await scene.connect(address);
      first.peer.write(Uint8Array.of(1));
      second.peer.write(Uint8Array.of(2));
      first.channel.write(Uint8Array.of(11));
      second.channel.write(Uint8Array.of(22));
      await scene.until('a byte did not arrive', () =>
        [first, second].every(({ peer, handler }) => size(peer.received) === 1 && size(handler.chunks) === 1),
      );
      same('at the first', Uint8Array.of(1, 11), [...first.handler.chunks, ...first.peer.received]);
      same('at the second', Uint8Array.of(2, 22), [...second.handler.chunks, ...second.peer.received]);
      first.channel.close(0);
      await scene.gone(first);
      ensure(second.handler.closings.length === 0, 'the end of one connection ended another');
    },
  ],
  [
    'a listener that is closed accepts nobody, and open connections go on',
    async (scene) => {
      const address = await scene.listen();
      const { peer, channel, handler } = await scene.connect(address);
      await scene.under.listener.close();
      const isRefused = await scene.under.connect(address).then(
        () => false,
        () => true,
      );
      ensure(isRefused, 'a peer could connect to a listener that was closed');
      handler.within(() => channel.write(Uint8Array.of(5)));
      await scene.until('a byte did not arrive after the listener was closed', () => size(peer.received) === 1);
      ensure(handler.closings.length === 0, 'closing the listener closed a connection');
    },
  ],
  [
    'a listener that was never opened can be closed, and one that was can be closed twice',
    async (scene) => {
      await scene.under.listener.close();
      await scene.listen();
      await scene.under.listener.close();
      await scene.under.listener.close();
    },
  ],
  [
    'an address in use is refused with a NetworkError that says what to do',
    async (scene) => {
      const rival = scene.under.createOnSameAddress(await scene.listen());
      const refusal: unknown = await rival
        .listen(() => undefined)
        .then(
          () => undefined,
          (error: unknown) => error,
        );
      await rival.close();
      ensure(refusal !== undefined, 'two listeners listen on one address');
      ensure(
        refusal instanceof NetworkError,
        `the refusal is no NetworkError but ${refusal instanceof Error ? String(refusal) : show(refusal)}`,
      );
      ensure(
        /in use; /.test(refusal.message),
        `the message says nothing of what to do: ${refusal.message}; expected "…in use; …"`,
      );
    },
  ],
];

/** It changes behind the compiler's back. */
const timesDrained = (handler: RecordingHandler): number => handler.drainings;

/** It ended as it was to end. */
function inOrder({ closings }: RecordingHandler): void {
  ensure(closings.length === 1, `closed was told ${String(closings.length)} times, expected once`);
  ensure(
    closings[0] === undefined,
    `closed was told with ${String(closings[0])}, expected no error: the end was in order`,
  );
}

function same(what: string, expected: Uint8Array, chunks: readonly Uint8Array[]): void {
  const actual = new Uint8Array(size(chunks));
  let at = 0;
  for (const chunk of chunks) {
    actual.set(chunk, at);
    at += chunk.byteLength;
  }
  const difference = expected.findIndex((byte, index) => actual[index] !== byte);
  if (difference >= 0)
    throw new ContractViolation(
      `${what}: expected ${show(expected)}, got ${show(actual)}, which differs from byte ${String(difference)} on`,
    );
  ensure(
    actual.length === expected.length,
    `${what}: expected ${show(expected)}, got more than that: ${String(actual.length)} bytes`,
  );
}

function pattern(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let index = 0; index < length; index++) bytes[index] = (index * 31 + (index >> 8)) & 0xff;
  return bytes;
}

function size(chunks: readonly Uint8Array[]): number {
  return chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0);
}

async function settle(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, SETTLING_MS));
}
