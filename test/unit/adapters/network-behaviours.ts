// What every network adapter does, as the shell sees it: one list of behaviours, run against each adapter with a peer of its own kind.
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { NetworkError } from 'hexmq/ports';
import type { Channel, ChannelHandler, Listener } from 'hexmq/ports';

/** The far end of a connection, however the adapter under test is reached. */
export interface Peer {
  write(bytes: Uint8Array): void;
  /** Ends its direction. */
  end(): void;
  /** Goes away without a word. */
  reset(): void;
  pauseReading(): void;
  resumeReading(): void;
  readonly received: readonly Uint8Array[];
  readonly closed: Promise<void>;
}

export interface NetworkUnderTest {
  makeListener(): Listener;
  /** A second listener on the same address as one that listens. */
  makeRival(first: Listener, address: string): Listener;
  connect(listener: Listener, address: string): Promise<Peer>;
}

/** What the shell would be told, written down. It checks on the way that nothing is told from within a call to the channel. */
class RecordingHandler implements ChannelHandler {
  readonly chunks: Uint8Array[] = [];
  readonly closings: (Error | undefined)[] = [];
  drainings = 0;
  callDepth = 0;
  readonly reentries: string[] = [];
  onData: (chunk: Uint8Array) => void = () => undefined;

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

  get bytes(): number {
    return this.chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0);
  }

  /** Calls the channel, watched. */
  within<T>(call: () => T): T {
    this.callDepth++;
    try {
      return call();
    } finally {
      this.callDepth--;
    }
  }

  #note(what: string): void {
    if (this.callDepth > 0) this.reentries.push(what);
    if (this.closings.length > 0) this.reentries.push(`${what} after closed`);
  }
}

const HUGE = 8 * 1024 * 1024;
const NEVER_MS = 20_000;

export function describeNetwork(name: string, network: NetworkUnderTest): void {
  describe(name, () => {
    let listener: Listener;
    let address: string;
    let connections: { channel: Channel; handler: RecordingHandler }[];

    beforeEach(async () => {
      connections = [];
      listener = network.makeListener();
      address = await listener.listen((channel) => {
        const handler = new RecordingHandler();
        connections.push({ channel, handler });
        return handler;
      });
    });

    afterEach(async () => {
      await listener.close();
      for (const { channel, handler } of connections) {
        channel.close(0);
        expect(handler.reentries).toEqual([]);
      }
    });

    async function connected(): Promise<{ peer: Peer; channel: Channel; handler: RecordingHandler }> {
      const before = connections.length;
      const peer = await network.connect(listener, address);
      await until(() => connections.length > before);
      const connection = connections[before];
      if (connection === undefined) throw new Error('the connection was not accepted');
      return { peer, ...connection };
    }

    test('bytes go both ways unchanged and in order', async () => {
      const { peer, channel, handler } = await connected();
      handler.onData = (chunk) => {
        handler.within(() => channel.write(chunk));
      };
      peer.write(Uint8Array.of(1, 2, 3));
      peer.write(Uint8Array.of(4, 5));
      await until(() => size(peer.received) === 5);
      expect([...join(peer.received)]).toEqual([1, 2, 3, 4, 5]);
    });

    test('a peer has an address', async () => {
      const { channel } = await connected();
      expect(channel.peer.remoteAddress).toMatch(/^.+:\d+$/);
    });

    test('a write to a peer that does not read is refused further credit, and drained comes once everything has left', async () => {
      const { peer, channel, handler } = await connected();
      peer.pauseReading();
      const sent = pattern(HUGE);
      expect(handler.within(() => channel.write(sent))).toBe(false);
      expect(channel.bufferedBytes).toBeGreaterThan(0);
      expect(handler.drainings).toBe(0);
      peer.resumeReading();
      await until(() => handler.drainings === 1);
      expect(channel.bufferedBytes).toBe(0);
      await until(() => size(peer.received) === HUGE);
      expect(Buffer.compare(join(peer.received), sent)).toBe(0);
      expect(handler.drainings).toBe(1);
    });

    test('small writes to a peer that reads never lack credit', async () => {
      const { peer, channel, handler } = await connected();
      for (let index = 0; index < 100; index++) expect(handler.within(() => channel.write(Uint8Array.of(index)))).toBe(true);
      await until(() => size(peer.received) === 100);
      expect([...join(peer.received)]).toEqual(Array.from({ length: 100 }, (_, index) => index));
      expect(handler.drainings).toBe(0);
    });

    test('a paused channel holds the peer back and loses nothing', async () => {
      const { peer, channel, handler } = await connected();
      handler.within(() => {
        channel.pause();
      });
      const sent = pattern(HUGE);
      peer.write(sent);
      await settle();
      expect(handler.bytes).toBeLessThan(HUGE);
      handler.within(() => {
        channel.resume();
      });
      await until(() => handler.bytes === HUGE);
      expect(Buffer.compare(join(handler.chunks), sent)).toBe(0);
    });

    test('a close with grace lets out what was written, then ends', async () => {
      const { peer, channel, handler } = await connected();
      const sent = pattern(HUGE);
      handler.within(() => {
        channel.write(sent);
        channel.close(NEVER_MS);
      });
      await peer.closed;
      expect(size(peer.received)).toBe(HUGE);
      await until(() => handler.closings.length === 1);
      expect(handler.closings).toEqual([undefined]);
    });

    test('a close with grace ends all the same when the peer does not read', async () => {
      const { peer, channel, handler } = await connected();
      peer.pauseReading();
      handler.within(() => {
        channel.write(pattern(HUGE));
        channel.close(50);
      });
      await settle();
      await until(() => handler.closings.length === 1);
      peer.resumeReading();
      await peer.closed;
      expect(size(peer.received)).toBeLessThan(HUGE);
    });

    test('a close without grace ends at once, and says so afterwards', async () => {
      const { peer, channel, handler } = await connected();
      handler.within(() => {
        channel.close(0);
      });
      expect(handler.closings).toEqual([]);
      await until(() => handler.closings.length === 1);
      await peer.closed;
      expect(handler.closings).toEqual([undefined]);
    });

    test('a close without grace cuts short one with grace', async () => {
      const { peer, channel, handler } = await connected();
      peer.pauseReading();
      handler.within(() => {
        channel.write(pattern(HUGE));
        channel.close(NEVER_MS);
        channel.close(0);
      });
      await until(() => handler.closings.length === 1);
      peer.resumeReading();
      await peer.closed;
    });

    test('after a close nothing more comes from the peer, and a write is taken and forgotten', async () => {
      const { peer, channel, handler } = await connected();
      peer.pauseReading();
      handler.within(() => {
        channel.write(pattern(HUGE));
        channel.close(NEVER_MS);
        expect(channel.write(Uint8Array.of(1))).toBe(true);
      });
      peer.write(Uint8Array.of(9));
      await settle();
      peer.resumeReading();
      await peer.closed;
      await until(() => handler.closings.length === 1);
      expect(handler.chunks).toEqual([]);
      expect(size(peer.received)).toBe(HUGE);
      expect(handler.within(() => channel.write(Uint8Array.of(1)))).toBe(true);
    });

    test('a peer that ends its side is read to the end, gets what was written, and is closed', async () => {
      const { peer, channel, handler } = await connected();
      const sent = pattern(HUGE);
      handler.within(() => channel.write(sent));
      peer.write(Uint8Array.of(7));
      peer.end();
      await peer.closed;
      await until(() => handler.closings.length === 1);
      expect([...join(handler.chunks)]).toEqual([7]);
      expect(handler.closings).toEqual([undefined]);
      expect(size(peer.received)).toBe(HUGE);
    });

    test('a peer that resets is an error, told once', async () => {
      const { peer, channel, handler } = await connected();
      peer.write(Uint8Array.of(7));
      await until(() => handler.bytes === 1);
      peer.reset();
      await until(() => handler.closings.length === 1);
      // By its message: the error is of Node's realm, not of Jest's.
      expect(handler.closings[0]?.message).toMatch(/reset|ECONNRESET/);
      handler.within(() => {
        channel.write(Uint8Array.of(1));
        channel.close(10);
        channel.close(0);
        channel.pause();
        channel.resume();
      });
      await settle();
      expect(handler.closings).toHaveLength(1);
    });

    test('a channel that is paused while it is accepted waits', async () => {
      await listener.close();
      listener = network.makeListener();
      const handler = new RecordingHandler();
      let accepted: Channel | undefined;
      address = await listener.listen((channel) => {
        channel.pause();
        accepted = channel;
        return handler;
      });
      const peer = await network.connect(listener, address);
      peer.write(Uint8Array.of(1, 2));
      await settle();
      expect(handler.bytes).toBe(0);
      accepted?.resume();
      await until(() => handler.bytes === 2);
      accepted?.close(0);
      await peer.closed;
    });

    test('a channel that is closed while it is accepted ends', async () => {
      await listener.close();
      listener = network.makeListener();
      const handler = new RecordingHandler();
      address = await listener.listen((channel) => {
        channel.close(0);
        return handler;
      });
      const peer = await network.connect(listener, address);
      await peer.closed;
      await until(() => handler.closings.length === 1);
    });

    test('a listener that is closed accepts nobody, and open connections go on', async () => {
      const { peer, channel, handler } = await connected();
      await listener.close();
      await expect(network.connect(listener, address)).rejects.toThrow();
      handler.within(() => channel.write(Uint8Array.of(5)));
      await until(() => size(peer.received) === 1);
      expect(handler.closings).toEqual([]);
    });

    test('an address in use is refused with what to do about it', async () => {
      const rival = network.makeRival(listener, address);
      const attempt = rival.listen(() => new RecordingHandler());
      await expect(attempt).rejects.toBeInstanceOf(NetworkError);
      await expect(attempt).rejects.toThrow(/in use; /);
    });
  });
}

function pattern(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let index = 0; index < length; index++) bytes[index] = (index * 31 + (index >> 8)) & 0xff;
  return bytes;
}

function size(chunks: readonly Uint8Array[]): number {
  return chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0);
}

function join(chunks: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(chunks);
}

/** Long enough for anything on its way to arrive on this machine, for proving that something does not happen. */
async function settle(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 100));
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error('waited 10 seconds in vain');
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
