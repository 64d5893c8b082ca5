// A client that sends arbitrary bytes and checks every byte that comes back. `RawClient` answers nothing by itself, so
// a test stops a handshake wherever it wants. `InProcessClient` can also show that nothing arrives: within one process
// nothing happens by itself, so it turns the event loop until nothing has changed for many turns.
import type { Socket } from 'node:net';
import { expect } from '@jest/globals';
import * as raw from './raw-packets.js';
import type { Part, Publish, PublishFields, Received, Request } from './raw-packets.js';
import { GUARD_MS } from './within.js';

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

/** The wire over a socket that is connected or connecting. */
export function socketWire(socket: Socket): Wire {
  socket.on('error', () => undefined);
  return {
    write: (bytes) => void socket.write(bytes),
    onData: (listener) => socket.on('data', listener),
    onClosed: (listener) => socket.on('close', listener),
    end: () => socket.end(),
    destroy: () => socket.destroy(),
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    get remoteAddress() {
      return `${socket.localAddress ?? ''}:${socket.localPort ?? ''}`;
    },
  };
}

/** How a client waits. */
export interface Activity {
  /** Bytes were received, a connection closed, or an event was emitted. */
  moved(): void;
  /** Resolves with true as soon as `arrived` returns true, and with false when there is no point in waiting longer. */
  until(arrived: () => boolean): Promise<boolean>;
}

/** Waits for the other process, for as long as any program that works may take. */
export class SocketActivity implements Activity {
  readonly #waiting = new Set<() => void>();

  moved(): void {
    for (const look of this.#waiting) look();
  }

  until(arrived: () => boolean): Promise<boolean> {
    return new Promise((resolve) => {
      const end = (result: boolean): void => {
        clearTimeout(guard);
        this.#waiting.delete(look);
        resolve(result);
      };
      const look = (): void => {
        if (arrived()) end(true);
      };
      const guard = setTimeout(end, GUARD_MS, false);
      this.#waiting.add(look);
      look();
    });
  }
}

/** Waits for the broker in the same process, by turning the event loop. */
export class InProcessActivity implements Activity {
  /** Turns of the event loop without activity after which nothing more is expected. */
  static readonly #QUIET_TURNS = 40;
  #count = 0;

  moved(): void {
    this.#count++;
  }

  async until(arrived: () => boolean): Promise<boolean> {
    let quiet = 0;
    while (!arrived()) {
      if (quiet === InProcessActivity.#QUIET_TURNS) return false;
      const before = this.#count;
      await new Promise((resolve) => setImmediate(resolve));
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
  #failure: Error | undefined;
  #closed = false;
  #nextPacketId = 1;

  constructor(
    readonly wire: Wire,
    readonly activity: Activity,
    /** Takes the bytes instead of the parser, for answers in a version that the parser does not know. */
    onBytes?: (chunk: Uint8Array) => void,
  ) {
    wire.onData((chunk) => {
      if (onBytes === undefined) this.#parse(chunk);
      else onBytes(chunk);
      activity.moved();
    });
    wire.onClosed(() => {
      this.#closed = true;
      activity.moved();
    });
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** An unused Packet Identifier. */
  newPacketId(): number {
    return this.#nextPacketId++;
  }

  /** Writes all parts in one chunk. */
  send(...parts: readonly Part[]): void {
    this.wire.write(raw.bytes(...parts));
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
    await this.#arrival(type, () => this.#unread.length > 0);
    const { packet } = this.#unread.shift() as { packet: Received };
    if (packet.type !== type) throw new Error(`expected ${type}, got ${JSON.stringify(packet)}`);
    return packet as Of<T>;
  }

  /** The first unread packet of this type, past packets of other types, which stay unread. */
  async first<T extends Received['type']>(type: T): Promise<Of<T>> {
    const find = (): number => this.#unread.findIndex(({ packet }) => packet.type === type);
    await this.#arrival(type, () => find() >= 0);
    return this.#unread.splice(find(), 1)[0]?.packet as Of<T>;
  }

  /** Takes the bytes of all unread packets, and of an incomplete one, in hexadecimal. */
  takeUnread(): string {
    this.check();
    const all = raw.hex(raw.bytes(...this.#unread.map(({ bytes }) => bytes), this.#stream.rest));
    this.#unread.length = 0;
    return all;
  }

  /** Takes all unread packets. */
  protected takePackets(): Received[] {
    this.check();
    return this.#unread.splice(0).map(({ packet }) => packet);
  }

  /** Asserts that the next packet is a PUBLISH with these fields; does not acknowledge it. */
  async expectPublish(fields: Partial<Publish>): Promise<Publish> {
    const publish = await this.next('publish');
    expect(publish).toMatchObject(fields);
    return publish;
  }

  /** Asserts that the next packet is a PUBLISH with these fields, and completes its acknowledgement. */
  async accept(fields: Partial<Publish> = {}): Promise<Publish> {
    const publish = await this.expectPublish(fields);
    const { packetId, qos } = publish;
    if (qos === 1) this.send(raw.puback(packetId));
    if (qos === 2) {
      this.send(raw.pubrec(packetId));
      // Further deliveries may have arrived before the PUBREL.
      expect(await this.first('pubrel')).toEqual({ type: 'pubrel', packetId });
      this.send(raw.pubcomp(packetId));
    }
    return publish;
  }

  /** Sends a PUBLISH and completes its handshake. No deliveries to this client may interleave. */
  async publish(fields: PublishFields): Promise<void> {
    const packetId = fields.packetId ?? (fields.qos === undefined || fields.qos === 0 ? 0 : this.newPacketId());
    this.send(raw.publish({ ...fields, packetId }));
    if (fields.qos === 1) expect(await this.next('puback')).toEqual({ type: 'puback', packetId });
    if (fields.qos === 2) {
      expect(await this.next('pubrec')).toEqual({ type: 'pubrec', packetId });
      this.send(raw.pubrel(packetId));
      expect(await this.next('pubcomp')).toEqual({ type: 'pubcomp', packetId });
    }
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

  /** @throws if the broker has sent bytes that violate the protocol. */
  protected check(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  #parse(chunk: Uint8Array): void {
    if (this.#failure !== undefined) return;
    try {
      this.#unread.push(...this.#stream.push(chunk));
    } catch (error) {
      this.#failure = error instanceof Error ? error : new Error(String(error));
    }
  }

  async #arrival(type: Received['type'], arrived: () => boolean): Promise<void> {
    await this.activity.until(() => arrived() || this.#failure !== undefined || this.#closed);
    if (arrived()) return;
    this.check();
    throw new Error(`expected ${type}, ${this.#closed ? 'the connection was closed' : 'nothing came'}`);
  }
}

/** A raw client in the process of the broker, which can show that nothing arrives. */
export class InProcessClient extends RawClient {
  readonly #turns: InProcessActivity;
  readonly #received: Uint8Array[];

  /** @param mode `bytes` disables parsing: see `received`. */
  constructor(wire: Wire, activity: InProcessActivity, mode: 'packets' | 'bytes' = 'packets') {
    const received: Uint8Array[] = [];
    super(wire, activity, mode === 'packets' ? undefined : (chunk) => received.push(chunk));
    this.#turns = activity;
    this.#received = received;
  }

  /** In the mode `bytes`: everything received so far. */
  get received(): string {
    return raw.hex(raw.bytes(...this.#received));
  }

  /** Ends the network connection without DISCONNECT. */
  async cut(): Promise<void> {
    this.wire.destroy();
    await this.#turns.settled();
  }

  override async publish(fields: PublishFields): Promise<void> {
    await super.publish(fields);
    if ((fields.qos ?? 0) === 0) await this.#turns.settled();
  }

  /** Asserts that nothing is unread, nothing arrives, and the connection stays open. */
  async expectNothing(): Promise<void> {
    await this.#turns.settled();
    expect({ unread: this.takePackets(), closed: this.isClosed }).toEqual({ unread: [], closed: false });
  }

  /** Asserts that the unread bytes, and those that still arrive, are exactly these, in hexadecimal. */
  async expectBytes(expected: string): Promise<void> {
    await this.#turns.settled();
    expect(this.takeUnread()).toBe(raw.hex(raw.bytes(expected)));
  }

  /** All deliveries that arrive, unacknowledged. Any other packet fails the test. */
  async deliveries(): Promise<Publish[]> {
    await this.#turns.settled();
    return this.takePackets().map((packet) => {
      if (packet.type !== 'publish') throw new Error(`expected publish, got ${JSON.stringify(packet)}`);
      return packet;
    });
  }
}
