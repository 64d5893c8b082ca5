// What an attack on the broker's memory consists of, and what most of them do.
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect as connectSocket } from 'node:net';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { PINGREQ, connect, publish } from '../../clients/raw-packets.js';
import type { ConnectFields, PublishFields } from '../../clients/raw-packets.js';
import { within } from '../../clients/within.js';
import { startProgram, temporaryDirectory } from '../hexmq-command.js';
import { afterwards } from '../program.js';
import type { OutputOfProgram, Program } from '../program.js';
import { connected } from '../raw-socket.js';
import type { RawSocketClient } from '../raw-socket.js';

export interface Target {
  readonly host: string;
  readonly port: number;
  readonly program: Program;
  /** Of a TCP listener, which may be another one. */
  readonly plain: { readonly host: string; readonly port: number };
}

export interface Attack {
  /** Keys of the configuration, besides a TCP listener and storage in memory. */
  readonly config?: object | ((workingDirectory: string) => object | Promise<object>);
  /**
   * What resident memory may grow by, in MB: the limit under test, and what a process that works takes besides, such
   * as objects that are not collected yet and pages that are not given back.
   */
  readonly growthMax: number;
  /** What it would grow by without a bound, in MB: what the attack sends, as often as the broker would hold it. */
  readonly unbounded: number;
  readonly run: (target: Target) => Promise<void>;
  /** What the log says of it. */
  readonly logs?: RegExp;
  /** Whether no client can log in: then others are served if they are refused. Default: false. */
  readonly hasNoUser?: boolean;
  /** Default: it is read as lines arrive. */
  readonly stderr?: OutputOfProgram;
}

export const MIB = 1024 * 1024;

/** A heap in which garbage is collected before it looks like a leak. */
const NODE_OPTIONS = '--max-old-space-size=512 --max-semi-space-size=4';

/** Starts the built command for an attack. It listens for MQTT over TCP if the attack names no listeners. */
export async function startTarget({ config = {}, stderr }: Pick<Attack, 'config' | 'stderr'>): Promise<Target> {
  const directory = temporaryDirectory();
  const file = join(directory, 'hexmq.json');
  const given = typeof config === 'function' ? await config(directory) : config;
  writeFileSync(
    file,
    JSON.stringify({ listeners: [{ type: 'tcp', port: 0 }], storage: { adapter: 'memory' }, ...given }),
  );
  const program = startProgram(['--config', file], {
    cwd: directory,
    env: { NODE_OPTIONS },
    ...(stderr === undefined ? {} : { stderr }),
  });
  afterwards(() => {
    program.kill('SIGKILL');
  });
  const [, line = ''] = await program.says(/\bhexmq \S+ ready: (.+), storage /m);
  const addresses = line.split(', ').map((one) => {
    const [, host = '', port = ''] = /^\w+ ([\d.]+):(\d+)$/.exec(one) ?? [];
    return { host, port: Number(port) };
  });
  const [attacked, plain] = [addresses[0], addresses.at(-1)];
  if (attacked === undefined || plain === undefined) throw new Error(`no address in ${line}`);
  return { ...attacked, plain, program };
}

export const fileStorage = (): object => ({
  storage: { adapter: 'file', options: { directory: join(temporaryDirectory(), 'data') } },
});

/** Does it for every number below `count`, some at a time. */
export async function times(count: number, body: (index: number) => Promise<unknown>, atOnce = 50): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: Math.min(atOnce, count) }, async () => {
      while (next < count) await body(next++);
    }),
  );
}

/** A connection whose end is no failure of the test, and that reads nothing. */
export async function deafSocket({ host, port }: Target, localAddress = '127.0.0.1'): Promise<Socket> {
  const socket = connectSocket({ host, port, localAddress });
  socket.on('error', () => undefined);
  socket.pause();
  afterwards(() => {
    socket.destroy();
  });
  await within(once(socket, 'connect'), 'a connection');
  return socket;
}

/** Resolves when the operating system has taken the bytes, or the connection has ended. */
export function sent(socket: Socket, ...parts: readonly Uint8Array[]): Promise<void> {
  if (socket.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    socket.once('close', resolve);
    socket.write(Buffer.concat(parts), () => {
      socket.off('close', resolve);
      resolve();
    });
  });
}

/** Connects and subscribes, then reads nothing more. */
export async function deafSubscriber(
  target: Target,
  fields: ConnectFields,
  topic: string,
  qos: 0 | 1 | 2,
): Promise<RawSocketClient> {
  const client = await connected(target, fields);
  await client.subscribe([topic, qos]);
  client.wire.pause();
  return client;
}

/** Connects and subscribes, then reads everything and answers nothing. */
export async function silentSubscriber(target: Target, fields: ConnectFields, topic: string): Promise<RawSocketClient> {
  const client = await connected(target, fields);
  await client.subscribe([topic, 1]);
  client.socket.removeAllListeners('data');
  client.socket.resume();
  return client;
}

/** Publishes so often, and resolves when the broker has read all of it. */
export async function flood(
  target: Target,
  count: number,
  message: (index: number) => PublishFields,
  perWrite = 50,
): Promise<void> {
  const publisher = await connected(target, { clientId: `publisher ${Math.random()}` });
  for (let i = 0; i < count; i += perWrite) {
    const packets = Array.from({ length: Math.min(perWrite, count - i) }, (_, j) => publish(message(i + j)));
    await publisher.write(...packets, PINGREQ);
    await publisher.first('pingresp');
  }
  publisher.wire.destroy();
}

const NUMBER = '000000';

/** CONNECTs with a number in place of six zeros, wherever these are: made once, because they are large. */
export function numbered(fields: ConnectFields): (number: number) => Uint8Array {
  const packet = Buffer.from(connect(fields));
  const places: number[] = [];
  for (let at = packet.indexOf(NUMBER); at >= 0; at = packet.indexOf(NUMBER, at + NUMBER.length)) places.push(at);
  return (number) => {
    const copy = Buffer.from(packet);
    for (const at of places) copy.write(String(number).padStart(NUMBER.length, '0'), at);
    return copy;
  };
}

/** Sends a CONNECT and waits for an answer, or for the end. The connection stays open. */
export async function tried(target: Target, packet: Uint8Array, localAddress?: string): Promise<Socket> {
  const socket = await deafSocket(target, localAddress);
  const answered = Promise.race([once(socket, 'readable'), once(socket, 'close')]);
  await sent(socket, packet);
  await within(answered, 'an answer');
  return socket;
}

/** A round trip: everything that was sent before has been looked at. */
export async function roundTrip(target: Target): Promise<void> {
  (await tried(target, connect({ clientId: 'a round trip' }))).destroy();
}
