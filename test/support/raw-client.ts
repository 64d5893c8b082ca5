// A client that sends arbitrary bytes and checks every byte that comes back. It never waits for a fixed time: within
// one process nothing happens by itself, so it turns the event loop until the awaited has arrived, or until nothing has
// changed for many turns.
import type { Socket } from 'node:net';
import { expect } from '@jest/globals';
import type { MemoryClient } from '../../adapters/network/memory/index.js';
import * as raw from './raw-packets.js';
import type { Part, Publish, PublishFields, Received, Request } from './raw-packets.js';

/** The network as the raw client uses it. */
export interface Wire {
  write(bytes: Uint8Array): void;
  onData(listener: (chunk: Uint8Array) => void): void;
  onClosed(listener: () => void): void;
  /** Ends this side, and continues reading. */
  end(): void;
  /** Cuts the connection abruptly. */
  destroy(): void;
  /** Reads nothing more until `resume`. */
  pause(): void;
  resume(): void;
  /** The address of this end as the broker sees it. */
  readonly remoteAddress: string;
}

export function memoryWire(client: MemoryClient, remoteAddress: string): Wire {
  return {
    write: (bytes) => void client.write(bytes),
    onData: (listener) => {
      client.onData(listener);
    },
    onClosed: (listener) => void client.closed.then(listener),
    end: () => {
      client.end();
    },
    destroy: () => {
      client.destroy();
    },
    pause: () => {
      client.pauseReading();
    },
    resume: () => {
      client.resumeReading();
    },
    remoteAddress,
  };
}

/** @param socket already connected. */
export function socketWire(socket: Socket): Wire {
  return {
    write: (bytes) => void socket.write(bytes),
    onData: (listener) => socket.on('data', listener),
    onClosed: (listener) => socket.on('close', listener),
    end: () => socket.end(),
    destroy: () => socket.destroy(),
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    remoteAddress: `${socket.localAddress ?? ''}:${socket.localPort ?? ''}`,
  };
}

/** Counts activity: received bytes, closed connections, events. */
export class Activity {
  #count = 0;
  /** Turns of the event loop without activity after which nothing more is expected. */
  readonly #quietTurns: number;

  /**
   * Milliseconds between two turns: 0 within one process, more where the operating system takes part.
   */
  readonly #pauseMs: number;

  constructor(quietTurns = 40, pauseMs = 0) {
    this.#quietTurns = quietTurns;
    this.#pauseMs = pauseMs;
  }

  moved(): void {
    this.#count++;
  }

  /** Turns the event loop until `arrived` returns true, or there is no more activity. */
  async until(arrived: () => boolean): Promise<boolean> {
    let quiet = 0;
    while (!arrived()) {
      if (quiet === this.#quietTurns) return false;
      const before = this.#count;
      await new Promise((resolve) =>
        this.#pauseMs === 0 ? setImmediate(resolve) : setTimeout(resolve, this.#pauseMs),
      );
      quiet = this.#count === before ? quiet + 1 : 0;
    }
    return true;
  }

  async settled(): Promise<void> {
    await this.until(() => false);
  }
}

type Of<T extends Received['type']> = Extract<Received, { readonly type: T }>;

export class RawClient {
  readonly #unread: { readonly packet: Received; readonly bytes: Uint8Array }[] = [];
  readonly #stream = new raw.ReceivedStream();
  readonly #received: Uint8Array[] = [];
  #failure: Error | undefined;
  #closed = false;
  #nextPacketId = 1;

  constructor(
    readonly wire: Wire,
    readonly activity: Activity,
    /** `bytes` disables parsing, for answers in a version that the parser does not know. */
    mode: 'packets' | 'bytes' = 'packets',
  ) {
    wire.onData((chunk) => {
      activity.moved();
      if (mode === 'bytes') this.#received.push(chunk);
      if (mode === 'bytes' || this.#failure !== undefined) return;
      try {
        this.#unread.push(...this.#stream.push(chunk));
      } catch (error) {
        this.#failure = error instanceof Error ? error : new Error(String(error));
      }
    });
    wire.onClosed(() => {
      activity.moved();
      this.#closed = true;
    });
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** In the mode `bytes`: everything received so far. */
  get received(): string {
    return raw.hex(raw.bytes(...this.#received));
  }

  /** An unused Packet Identifier. */
  newPacketId(): number {
    return this.#nextPacketId++;
  }

  /** Writes all parts in one chunk. */
  send(...parts: readonly Part[]): void {
    this.wire.write(raw.bytes(...parts));
  }

  /** Ends the network connection without DISCONNECT. */
  async cut(): Promise<void> {
    this.wire.destroy();
    await this.activity.settled();
  }

  /** Sends DISCONNECT and awaits the close by the broker. */
  async disconnect(): Promise<void> {
    this.send(raw.DISCONNECT);
    await this.activity.until(() => this.#closed);
    expect({ closedAfterDisconnect: this.#closed, unread: this.takeUnread() }).toEqual({
      closedAfterDisconnect: true,
      unread: '',
    });
  }

  /** The packet that `next` would return, if it has arrived. */
  nextType(): Received['type'] | undefined {
    return this.#unread[0]?.packet.type;
  }

  /** The next packet; fails if it has another type. */
  async next<T extends Received['type']>(type: T): Promise<Of<T>> {
    await this.activity.until(() => this.#unread.length > 0 || this.#failure !== undefined);
    const entry = this.#unread.shift();
    if (entry === undefined) {
      this.#check();
      throw new Error(`expected ${type}, ${this.#closed ? 'the connection was closed' : 'nothing came'}`);
    }
    if (entry.packet.type !== type) throw new Error(`expected ${type}, got ${JSON.stringify(entry.packet)}`);
    return entry.packet as Of<T>;
  }

  /** Asserts that nothing is unread, nothing arrives, and the connection stays open. */
  async expectNothing(): Promise<void> {
    await this.activity.settled();
    this.#check();
    expect({ unread: this.#unread.map(({ packet }) => packet), closed: this.#closed }).toEqual({
      unread: [],
      closed: false,
    });
  }

  /** Asserts that the unread bytes, and those that still arrive, are exactly these, in hexadecimal. */
  async expectBytes(expected: string): Promise<void> {
    await this.activity.settled();
    expect(this.takeUnread()).toBe(raw.hex(raw.bytes(expected)));
  }

  /** Takes the bytes of all unread packets, and of an incomplete one. */
  takeUnread(): string {
    this.#check();
    const all = raw.hex(raw.bytes(...this.#unread.map(({ bytes }) => bytes), this.#stream.rest));
    this.#unread.length = 0;
    return all;
  }

  /** All deliveries that arrive, unacknowledged. Any other packet fails the test. */
  async deliveries(): Promise<Publish[]> {
    await this.activity.settled();
    this.#check();
    return this.#unread.splice(0).map(({ packet }) => {
      if (packet.type !== 'publish') throw new Error(`expected publish, got ${JSON.stringify(packet)}`);
      return packet;
    });
  }

  /** Asserts that the next packet is a PUBLISH with these fields; does not acknowledge it. */
  async expectPublish(fields: Partial<Publish>): Promise<Publish> {
    const publish = await this.next('publish');
    expect(publish).toMatchObject(fields);
    return publish;
  }

  /** Asserts that the next packet is a PUBLISH with these fields, and completes its acknowledgement. */
  async accept(fields: Partial<Publish>): Promise<Publish> {
    const publish = await this.expectPublish(fields);
    if (publish.qos === 1) this.send(raw.puback(publish.packetId));
    if (publish.qos === 2) {
      this.send(raw.pubrec(publish.packetId));
      await this.#pubrel(publish.packetId);
      this.send(raw.pubcomp(publish.packetId));
    }
    return publish;
  }

  /** Sends a PUBLISH and completes its handshake. No deliveries to this client may interleave. */
  async publish(fields: PublishFields): Promise<void> {
    const packetId = fields.packetId ?? (fields.qos === undefined || fields.qos === 0 ? 0 : this.newPacketId());
    this.send(raw.publish({ ...fields, packetId }));
    if (fields.qos === 1) expect(await this.next('puback')).toEqual({ type: 'puback', packetId });
    else if (fields.qos === 2) {
      expect(await this.next('pubrec')).toEqual({ type: 'pubrec', packetId });
      this.send(raw.pubrel(packetId));
      expect(await this.next('pubcomp')).toEqual({ type: 'pubcomp', packetId });
    } else await this.activity.settled();
  }

  /** Sends SUBSCRIBE; returns the granted codes of SUBACK. */
  async subscribe(...requests: readonly Request[]): Promise<readonly number[]> {
    const packetId = this.newPacketId();
    this.send(raw.subscribe(packetId, requests));
    const suback = await this.next('suback');
    expect(suback.packetId).toBe(packetId);
    return suback.codes;
  }

  async unsubscribe(...filters: readonly string[]): Promise<void> {
    const packetId = this.newPacketId();
    this.send(raw.unsubscribe(packetId, filters));
    expect(await this.next('unsuback')).toEqual({ type: 'unsuback', packetId });
  }

  /** Sends PINGREQ and asserts that PINGRESP is the next packet. */
  async ping(): Promise<void> {
    this.send(raw.PINGREQ);
    await this.next('pingresp');
  }

  /** Takes the first PUBREL, past deliveries that arrived before it. */
  async #pubrel(packetId: number): Promise<void> {
    const find = (): number => this.#unread.findIndex(({ packet }) => packet.type !== 'publish');
    await this.activity.until(() => find() >= 0 || this.#failure !== undefined);
    this.#check();
    const [entry] = find() < 0 ? [] : this.#unread.splice(find(), 1);
    expect(entry?.packet).toEqual({ type: 'pubrel', packetId });
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }
}
