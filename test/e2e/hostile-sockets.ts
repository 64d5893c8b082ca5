// A client of bare bytes: it sends what no decent client would, and reads only when it is told to. It shares nothing
// with the broker.
import { once } from 'node:events';
import { connect as connectSocket } from 'node:net';
import type { Socket } from 'node:net';
import { afterwards, within } from './program.js';
import type { RunningBroker } from './hexmq-command.js';

export const PINGREQ = Uint8Array.of(0xc0, 0);
export const PINGRESP = 0xd;
export const CONNACK = 0x2;
export const PUBLISH = 0x3;
export const PUBACK = 0x4;
export const SUBACK = 0x9;

export interface Received {
  readonly type: number;
  readonly body: Buffer;
}

export class HostileClient {
  readonly socket: Socket;
  readonly closed: Promise<void>;
  #isClosed = false;
  #unread = Buffer.alloc(0);
  readonly #packets: Received[] = [];
  #watcher: (() => void) | undefined;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => {
      socket.on('close', () => {
        this.#isClosed = true;
        this.#watcher?.();
        resolve();
      });
    });
  }

  /** Begins to read. A socket that nobody has told to is not read at all. */
  read(): this {
    this.socket.on('data', (chunk) => {
      this.#unread = Buffer.concat([this.#unread, chunk as Buffer]);
      this.#parse();
      this.#watcher?.();
    });
    return this;
  }

  /** Resolves when the broker's end, or what lies between, has taken it. */
  send(...parts: readonly Uint8Array[]): Promise<void> {
    return new Promise((resolve) => {
      this.socket.write(Buffer.concat(parts), () => {
        resolve();
      });
    });
  }

  /** The first that came and was not taken yet. */
  next(type: number): Promise<Received> {
    const come = new Promise<Received>((resolve, reject) => {
      this.#watcher = () => {
        const at = this.#packets.findIndex((packet) => packet.type === type);
        const found = this.#packets[at];
        if (found === undefined && !this.#isClosed) return;
        this.#watcher = undefined;
        if (found === undefined) {
          reject(new Error(`the connection closed before a packet of type ${type} came`));
          return;
        }
        this.#packets.splice(at, 1);
        resolve(found);
      };
      this.#watcher();
    });
    return within(come, `a packet of type ${type}`);
  }

  gone(): Promise<void> {
    return within(this.closed, 'the broker to close the connection');
  }

  #parse(): void {
    const bytes = this.#unread;
    let at = 0;
    for (;;) {
      const body = bodyOf(bytes, at);
      if (body === undefined || bytes.length < body.end) break;
      this.#packets.push({ type: (bytes[at] as number) >> 4, body: bytes.subarray(body.start, body.end) });
      at = body.end;
    }
    this.#unread = bytes.subarray(at);
  }
}

export async function open({ host, port }: Pick<RunningBroker, 'host' | 'port'>): Promise<HostileClient> {
  const socket = connectSocket({ host, port });
  afterwards(() => {
    socket.destroy();
  });
  const client = new HostileClient(socket);
  await within(once(socket, 'connect'), 'a connection');
  return client;
}

/** Connected and, after CONNACK, reading. */
export async function connected(broker: RunningBroker, options: ConnectOptions): Promise<HostileClient> {
  const client = (await open(broker)).read();
  await client.send(connect(options));
  await client.next(CONNACK);
  return client;
}

export interface ConnectOptions {
  readonly clientId: string;
  readonly will?: string;
}

/** Clean Session 1, no keep-alive. `will`: the topic of a will at QoS 1. */
export function connect({ clientId, will }: ConnectOptions): Uint8Array {
  const flags = will === undefined ? 0x02 : 0x0e;
  return packet(
    0x10,
    text('MQTT'),
    Uint8Array.of(4, flags, 0, 0),
    text(clientId),
    ...(will === undefined ? [] : [text(will), text(clientId)]),
  );
}

export function publish(
  topic: string,
  payload: Uint8Array | string,
  qos: 0 | 1 | 2 = 0,
  packetId = 1,
  retain = false,
): Uint8Array {
  const identifier = qos === 0 ? [] : [uint16(packetId)];
  return packet(
    0x30 | (qos << 1) | (retain ? 1 : 0),
    text(topic),
    ...identifier,
    typeof payload === 'string' ? Buffer.from(payload) : payload,
  );
}

export function subscribe(topicFilters: readonly string[], qos: 0 | 1 | 2 = 0): Uint8Array {
  return packet(0x82, uint16(1), ...topicFilters.flatMap((filter) => [text(filter), Uint8Array.of(qos)]));
}

export const topicOf = ({ body }: Received): string => body.toString('utf8', 2, 2 + body.readUInt16BE(0));

function packet(firstByte: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const body = Buffer.concat(parts);
  const header = [firstByte];
  for (let rest = body.length; ; rest >>= 7) {
    header.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
    if (rest <= 0x7f) break;
  }
  return Buffer.concat([Uint8Array.from(header), body]);
}

function text(value: string): Uint8Array {
  return Buffer.concat([uint16(Buffer.byteLength(value)), Buffer.from(value)]);
}

function uint16(value: number): Uint8Array {
  return Uint8Array.of(value >> 8, value & 0xff);
}

/** Where the body of the packet at `from` begins and ends; `undefined`: not enough has come to tell. */
function bodyOf(bytes: Buffer, from: number): { readonly start: number; readonly end: number } | undefined {
  let length = 0;
  for (let i = 0; i < 4; i++) {
    const byte = bytes[from + 1 + i];
    if (byte === undefined) return undefined;
    length |= (byte & 0x7f) << (7 * i);
    if (byte < 0x80) return { start: from + 2 + i, end: from + 2 + i + length };
  }
  throw new Error('the broker sent a Remaining Length of more than four bytes');
}
