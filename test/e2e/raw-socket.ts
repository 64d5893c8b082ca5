// The raw client over a socket to the built command: for clients that misbehave, and for handshakes that stop in the
// middle.
import { once } from 'node:events';
import { connect as connectSocket } from 'node:net';
import type { Socket } from 'node:net';
import { RawClient, SocketActivity, socketWire } from '../clients/raw-client.js';
import * as raw from '../clients/raw-packets.js';
import type { ConnectFields } from '../clients/raw-packets.js';
import { within } from '../clients/within.js';
import type { RunningBroker } from './hexmq-command.js';
import { afterwards } from './program.js';

type Address = Pick<RunningBroker, 'host' | 'port'>;

export class RawSocketClient extends RawClient {
  constructor(readonly socket: Socket) {
    super(socketWire(socket), new SocketActivity());
  }

  /** Writes the bytes. Resolves when the operating system has taken all of them. */
  write(...parts: readonly Uint8Array[]): Promise<void> {
    return new Promise((resolve) => {
      this.socket.write(Buffer.concat(parts), () => {
        resolve();
      });
    });
  }

  /** Resolves when the connection is closed. */
  async gone(): Promise<void> {
    if (!(await this.activity.until(() => this.isClosed))) throw new Error('waited in vain for the connection to end');
  }
}

/** A connection on which nothing has been sent. */
export async function open({ host, port }: Address): Promise<RawSocketClient> {
  const socket = connectSocket({ host, port });
  afterwards(() => {
    socket.destroy();
  });
  const client = new RawSocketClient(socket);
  await within(once(socket, 'connect'), 'a connection');
  return client;
}

/** A client that the broker has accepted on a Unix socket. */
export async function overSocket(path: string): Promise<RawSocketClient> {
  const socket = connectSocket({ path });
  afterwards(() => {
    socket.destroy();
  });
  const client = new RawSocketClient(socket);
  client.send(raw.connect({ clientId: 'local' }));
  const { code } = await client.next('connack');
  if (code !== 0) throw new Error(`the broker refused a client with return code ${code}`);
  return client;
}

/** A client that the broker has accepted. */
export async function connected(address: Address, fields: ConnectFields): Promise<RawSocketClient> {
  return (await reconnected(address, fields)).client;
}

/** As `connected`, and returns Session Present. */
export async function reconnected(
  address: Address,
  fields: ConnectFields,
): Promise<{ client: RawSocketClient; sessionPresent: boolean }> {
  const client = await open(address);
  client.send(raw.connect(fields));
  const { code, sessionPresent } = await client.next('connack');
  if (code !== 0) throw new Error(`the broker refused ${fields.clientId ?? 'a client'} with return code ${code}`);
  return { client, sessionPresent };
}

/** Round trips of another client that pass without progress before a client counts as not read. */
const ROUND_TRIPS = 20;

/**
 * Resolves when the broker has stopped reading a client: `ROUND_TRIPS` round trips of another client have passed, and
 * `taken` is what it was before them. The broker looks at every connection that it reads once a round trip or more
 * often, so it would have read further.
 */
export async function untilNotRead(taken: () => number, roundTrip: () => Promise<unknown>): Promise<void> {
  for (let before = taken(), passed = 0; passed < ROUND_TRIPS; passed++) {
    await roundTrip();
    if (taken() === before) continue;
    before = taken();
    passed = 0;
  }
}
