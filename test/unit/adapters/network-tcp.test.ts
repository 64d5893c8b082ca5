// The TCP listener, with plain sockets as peers.
import { expect, test } from '@jest/globals';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import type { Channel, ChannelHandler, Listener } from 'hexmq/ports';
import { formatAddress } from '../../../adapters/network/sockets/address.js';
import { createListener } from '../../../adapters/network/tcp/index.js';
import { describeNetwork } from './network-behaviours.js';
import type { Peer } from './network-behaviours.js';

class SocketPeer implements Peer {
  readonly received: Uint8Array[] = [];
  readonly closed: Promise<void>;

  constructor(readonly socket: Socket) {
    socket.on('data', (chunk: Uint8Array) => this.received.push(chunk));
    socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => {
      socket.on('close', () => {
        resolve();
      });
    });
  }

  write(bytes: Uint8Array): void {
    this.socket.write(bytes);
  }

  end(): void {
    this.socket.end();
  }

  reset(): void {
    this.socket.resetAndDestroy();
  }

  pauseReading(): void {
    this.socket.pause();
  }

  resumeReading(): void {
    this.socket.resume();
  }
}

const portOf = (address: string): number => Number(address.slice(address.lastIndexOf(':') + 1));

async function connectTo(host: string, address: string): Promise<Peer> {
  const socket = connect(portOf(address), host);
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
  return new SocketPeer(socket);
}

for (const host of ['127.0.0.1', '::1']) {
  describeNetwork(`TCP on ${host}`, {
    makeListener: () => createListener({ host, port: 0 }),
    makeRival: (_first: Listener, address: string) => createListener({ host, port: portOf(address) }),
    connect: (_listener, address) => connectTo(host, address),
  });
}

test('a listener connects the process to itself, whether or not it listens', async () => {
  const events: string[] = [];
  const handler = (who: string): ChannelHandler => ({
    data: (chunk) => events.push(`${who} ${Buffer.from(chunk).toString()}`),
    drained: () => undefined,
    closed: () => events.push(`${who} closed`),
  });
  const listener = createListener({ host: '127.0.0.1', port: 0 });
  let near: Channel | undefined;
  const far = await listener.loop?.((accepted) => {
    near = accepted;
    return handler('accepted');
  }, handler('far'));
  const until = async (count: number): Promise<void> => {
    while (events.length < count) await new Promise((resolve) => setImmediate(resolve));
  };
  far?.write(Buffer.from('there'));
  await until(1);
  near?.write(Buffer.from('back'));
  await until(2);
  far?.close(0);
  await until(4);
  expect(events.slice(0, 2)).toEqual(['accepted there', 'far back']);
  expect(events.slice(2).sort()).toEqual(['accepted closed', 'far closed']);
});

test('an address that is not of this machine is refused with what to do about it', async () => {
  const attempt = createListener({ host: '192.0.2.1', port: 0 }).listen(() => {
    throw new Error('nobody connects');
  });
  await expect(attempt).rejects.toThrow('cannot listen on 192.0.2.1:0: this machine has no such address; use one of its own (--host)');
});

test('a host name that does not exist is refused with what to do about it', async () => {
  const attempt = createListener({ host: 'no-such-host.invalid', port: 0 }).listen(() => {
    throw new Error('nobody connects');
  });
  await expect(attempt).rejects.toThrow('the host name cannot be resolved');
});

test('addresses are written as people write them', () => {
  expect(formatAddress('127.0.0.1', 1883)).toBe('127.0.0.1:1883');
  expect(formatAddress('::1', 1883)).toBe('[::1]:1883');
  expect(formatAddress('::ffff:10.0.0.1', 1883)).toBe('10.0.0.1:1883');
  expect(formatAddress('localhost', 1883)).toBe('localhost:1883');
});
