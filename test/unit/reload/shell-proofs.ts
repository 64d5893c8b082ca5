// For each limit that the shell reads: what a client sees before and after a reload of it.
import { bytes, connect, publish } from '../../clients/raw-packets.js';
import type { EngineHarness, EnginePeer } from '../../support/engine-harness.js';
import type { Limits } from '../../../src/domain/limits.js';
import type { ShellProof } from './effects.js';

let clients = 0;
const freshName = (): string => `c${++clients}`;

/** Whether each of three connections from an address of their own is let in. */
function letIn(harness: EngineHarness): boolean[] {
  const address = `10.0.0.${++clients}`;
  const peers = [1, 2, 3].map(() => harness.open(address));
  const open = peers.map(({ isClosed }) => !isClosed);
  for (const peer of peers) peer.lose();
  return open;
}

/** How many of ten messages of a client, each of 101 bytes, are taken at once. */
async function taken(harness: EngineHarness): Promise<number> {
  const client = await harness.connect(freshName());
  const messages = Array.from({ length: 10 }, (_, i) =>
    publish({ topic: 't', payload: new Uint8Array(100), qos: 1, packetId: i + 1 }),
  );
  client.send(...messages);
  await harness.settle();
  const count = client.received().length;
  client.lose();
  await harness.settle();
  return count;
}

const isLetGo = async (harness: EngineHarness, act: (peer: EnginePeer) => void): Promise<boolean> => {
  const peer = await harness.connect(freshName());
  act(peer);
  await harness.settle();
  return peer.isClosed;
};

const FIRST_ONLY = [true, false, false];
const FIRST_TWO = [true, true, false];

export const SHELL_PROOFS = {
  maxPacketSize: {
    effect: 'next connection',
    before: { maxPacketSize: 128 },
    after: { maxPacketSize: 1000 },
    observe: (harness) =>
      isLetGo(harness, (peer) => {
        peer.send(publish({ topic: 't', payload: new Uint8Array(200), qos: 1, packetId: 1 }));
      }),
    expected: [true, false],
  },
  authTimeoutMs: {
    effect: 'next timer',
    before: { authTimeoutMs: 100 },
    after: { authTimeoutMs: 1000 },
    observe: async (harness) => {
      const peer = harness.open();
      // See `SLOW` of the test: its answer never comes.
      peer.send(connect({ clientId: freshName(), userName: 'slow' }));
      await harness.settle();
      harness.clock.advance(500);
      await harness.settle();
      return peer.isClosed;
    },
    expected: [true, false],
  },
  maxPendingConnections: {
    effect: 'at once',
    before: { maxPendingConnections: 1 },
    after: { maxPendingConnections: 2 },
    observe: async (harness) => {
      const open = letIn(harness);
      await harness.settle();
      return open;
    },
    expected: [FIRST_ONLY, FIRST_TWO],
  },
  maxConnectionsPerAddress: {
    effect: 'at once',
    before: { maxConnectionsPerAddress: 1 },
    after: { maxConnectionsPerAddress: 2 },
    observe: letIn,
    expected: [FIRST_ONLY, FIRST_TWO],
  },
  maxConnectRate: {
    effect: 'rate',
    before: { maxConnectRate: 1 },
    after: { maxConnectRate: 2 },
    observe: letIn,
    expected: [FIRST_ONLY, FIRST_TWO],
  },
  maxConnectRatePerAddress: {
    effect: 'rate',
    before: { maxConnectRatePerAddress: 1 },
    after: { maxConnectRatePerAddress: 2 },
    observe: letIn,
    expected: [FIRST_ONLY, FIRST_TWO],
  },
  shutdownGraceMs: {
    effect: 'at once',
    before: { shutdownGraceMs: 100 },
    after: { shutdownGraceMs: 1000 },
    // The observation ends the broker, so there is one for each value: see the test.
    observe: async (harness) => {
      const peer = await harness.connect(freshName());
      const stopped = harness.engine.shutdown();
      await harness.settle();
      peer.closings.length = 0;
      harness.clock.advance(500);
      const isCutOff = peer.closings.includes(0);
      peer.lose();
      await harness.settle();
      await stopped;
      return isCutOff;
    },
    expected: [true, false],
  },
  maxPublishRate: {
    effect: 'rate',
    before: { maxPublishRate: 2 },
    after: { maxPublishRate: 4 },
    observe: taken,
    expected: [2, 4],
  },
  maxPublishByteRate: {
    effect: 'rate',
    before: { maxPublishByteRate: 202 },
    after: { maxPublishByteRate: 404 },
    observe: taken,
    expected: [2, 4],
  },
  maxTotalPublishRate: {
    effect: 'rate',
    before: { maxTotalPublishRate: 2 },
    after: { maxTotalPublishRate: 4 },
    observe: taken,
    expected: [2, 4],
  },
  maxTotalPublishByteRate: {
    effect: 'rate',
    before: { maxTotalPublishByteRate: 202 },
    after: { maxTotalPublishByteRate: 404 },
    observe: taken,
    expected: [2, 4],
  },
  maxUnreadBytes: {
    effect: 'at once',
    before: { maxUnreadBytes: 1000 },
    after: { maxUnreadBytes: 100_000 },
    observe: async (harness) => {
      const peer = harness.open();
      peer.send(connect({ clientId: freshName(), userName: 'slow', password: new Uint8Array(5000) }));
      await harness.settle();
      return peer.isClosed;
    },
    expected: [true, false],
  },
  maxIncompleteBytes: {
    effect: 'at once',
    before: { maxIncompleteBytes: 1000 },
    after: { maxIncompleteBytes: 100_000 },
    observe: (harness) =>
      isLetGo(harness, (peer) => {
        peer.send(bytes(publish({ topic: 't', payload: new Uint8Array(5000), qos: 0 }).subarray(0, 3000)));
      }),
    expected: [true, false],
  },
} satisfies Partial<Record<keyof Limits, ShellProof>>;
