// What hexmq requires of a listener, and of a plugin.
import { connect } from 'node:net';
import { describe, test } from 'node:test';
import { networkContract, pluginContract } from 'hexmq/testkit';
import type { NetworkPeer } from 'hexmq/testkit';
import plugin, { SocketListener } from '../src/index.js';

const HOST = '127.0.0.1';
const portOf = (address: string): number => Number(address.slice(address.lastIndexOf(':') + 1));

/** A client of your transport. It knows nothing of MQTT. */
function connectTo(address: string): Promise<NetworkPeer> {
  const socket = connect({ host: HOST, port: portOf(address), allowHalfOpen: true, noDelay: true });
  const received: Uint8Array[] = [];
  const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()));
  socket.on('data', (chunk) => received.push(chunk));
  socket.on('end', () => socket.end());
  return new Promise((resolve, reject) => {
    socket.on('error', reject);
    socket.on('connect', () =>
      resolve({
        received,
        closed,
        write: (bytes) => void socket.write(bytes),
        end: () => void socket.end(),
        reset: () => void socket.resetAndDestroy(),
        pauseReading: () => void socket.pause(),
        resumeReading: () => void socket.resume(),
      }),
    );
  });
}

networkContract({
  name: 'example-plugin',
  factory: {
    create: async () => ({
      listener: new SocketListener({ host: HOST, port: 0 }),
      createOnSameAddress: (address) => new SocketListener({ host: HOST, port: portOf(address) }),
      connect: connectTo,
      dispose: async () => {},
    }),
  },
  describe,
  test,
});

pluginContract({
  name: 'example-plugin',
  plugin,
  options: { port: 0 },
  refused: [{ options: { port: -1 }, option: 'port' }],
  describe,
  test,
});
