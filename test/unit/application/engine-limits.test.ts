// Limits that the engine keeps, because they are about connections and bytes and not about what a packet says.
import { describe, expect, test } from '@jest/globals';
import { DEFAULT_LIMITS } from '../../../src/domain/connect/limits.js';
import { EngineHarness } from '../../support/engine-harness.js';
import type { EnginePeer } from '../../support/engine-harness.js';
import { PINGREQ, bytes, connect, publish, subscribe } from '../../support/raw-packets.js';

const refusals = ({ events }: EngineHarness): string[] =>
  events.flatMap((event) => (event.kind === 'connection-refused' ? [event.reason] : []));
const ends = ({ events }: EngineHarness): string[] =>
  events.flatMap((event) => (event.kind === 'connection-ended' ? [`${event.clientId ?? '?'} ${event.reason}`] : []));

describe('who may not come in', () => {
  test('is cut off unheard, and what it sends all the same is nobody’s', async () => {
    const harness = new EngineHarness({ limits: { maxConnectionsPerAddress: 1 } });
    const [first, second, other] = ['10.0.0.1', '10.0.0.1', '10.0.0.2'].map((address) => harness.open(address)) as [
      EnginePeer,
      EnginePeer,
      EnginePeer,
    ];
    expect(second.isTurnedAway).toBe(true);
    expect(refusals(harness)).toEqual(['too-many-connections-of-address']);
    for (const [i, peer] of [first, second, other].entries()) peer.send(connect({ clientId: `c${i}` }));
    await harness.settle();
    expect([first, second, other].map((peer) => peer.received())).toEqual([['connack 0'], [], ['connack 0']]);
    second.lose();
    first.lose();
    expect(harness.open('10.0.0.1').isClosed).toBe(false);
    expect(harness.engine.linkCount).toBe(2);
  });

  test('makes room when it has been accepted, refused or lost', async () => {
    const harness = new EngineHarness({
      limits: { maxPendingConnections: 1 },
      authenticators: [
        {
          name: 'some',
          authenticate: ({ clientId }) =>
            clientId === 'bad' ? { decision: 'deny', reason: 'not-authorized', detail: '' } : { decision: 'allow' },
        },
      ],
    });
    const lost = harness.open();
    expect(harness.open().isClosed).toBe(true);
    lost.lose();
    const accepted = harness.open();
    expect(harness.open().isClosed).toBe(true);
    accepted.send(connect({ clientId: 'good' }));
    await harness.settle();
    const refused = harness.open();
    refused.send(connect({ clientId: 'bad' }));
    await harness.settle();
    refused.lose();
    accepted.lose();
    expect(harness.open().isClosed).toBe(false);
    expect(harness.open().isClosed).toBe(true);
  });

  test('by the limits of one listener comes in by another', () => {
    const harness = new EngineHarness({ limitsOfListeners: new Map([['narrow', { maxPendingConnections: 1 }]]) });
    expect(['narrow', 'narrow', 'wide', 'wide'].map((listener) => harness.open(undefined, listener).isClosed)).toEqual([
      false,
      true,
      false,
      false,
    ]);
  });

  test('follows from other limits as soon as they are set', () => {
    const harness = new EngineHarness();
    harness.open();
    harness.limit({ limits: { ...DEFAULT_LIMITS, maxConnectRate: 1 }, perListener: new Map() });
    expect([harness.open().isClosed, harness.open().isClosed]).toEqual([false, true]);
    harness.limit({ limits: DEFAULT_LIMITS, perListener: new Map() });
    expect(harness.open().isClosed).toBe(false);
  });
});

describe('who publishes faster than it may', () => {
  const messages = (count: number) =>
    bytes(
      ...Array.from({ length: count }, (_, i) => publish({ topic: 't', payload: `${i}`, qos: 1, packetId: i + 1 })),
    );

  test('is not read for a while; nothing is lost and its keep-alive does not run out', async () => {
    const harness = new EngineHarness({ limits: { maxPublishRate: 10 } });
    const watcher = await harness.connect('watcher', ['t', 0]);
    const fast = await harness.connect({ clientId: 'fast', keepAlive: 1 });
    fast.send(messages(100), PINGREQ);
    await harness.settle();
    expect(fast.isPaused).toBe(true);
    expect(fast.received()).toHaveLength(10);
    for (let second = 0; second < 9; second++) {
      harness.clock.advance(1000);
      await harness.settle();
    }
    expect(fast.received()).toHaveLength(90);
    harness.clock.advance(100);
    await harness.settle();
    expect(fast.received()).toEqual(['pingresp']);
    expect(fast.isPaused).toBe(false);
    expect(watcher.received()).toEqual(Array.from({ length: 100 }, (_, i) => `publish t=${i} q0`));
    expect(ends(harness)).toEqual([]);
  });

  test('holds nobody else up, unless all share the rate', async () => {
    for (const [limits, isHeldUp] of [
      [{ maxPublishRate: 10 }, false],
      [{ maxTotalPublishRate: 10 }, true],
    ] as const) {
      const harness = new EngineHarness({ limits });
      const fast = await harness.connect('fast');
      const other = await harness.connect('other');
      fast.send(messages(100));
      other.send(
        publish({ topic: 't', payload: 'x', qos: 1, packetId: 1 }),
        publish({ topic: 't', payload: 'x', qos: 1, packetId: 2 }),
      );
      await harness.settle();
      expect(other.received()).toHaveLength(isHeldUp ? 1 : 2);
      harness.clock.advance(300);
      await harness.settle();
      expect(other.received()).toHaveLength(isHeldUp ? 1 : 0);
    }
  });

  test('is held to the rate of its listener', async () => {
    const harness = new EngineHarness({
      limits: { maxPublishRate: 1 },
      limitsOfListeners: new Map([['wide', { maxPublishRate: 50 }]]),
    });
    const [narrow, wide] = ['test', 'wide'].map((listener) => harness.open(undefined, listener)) as [
      EnginePeer,
      EnginePeer,
    ];
    for (const [i, peer] of [narrow, wide].entries()) peer.send(connect({ clientId: `c${i}` }), messages(100));
    await harness.settle();
    expect(narrow.received()).toEqual(['connack 0', 'puback 1']);
    expect(wide.received()).toHaveLength(51);
  });

  test('and goes while it waits is forgotten', async () => {
    const harness = new EngineHarness({ limits: { maxPublishRate: 1 } });
    const fast = await harness.connect('fast');
    fast.send(messages(10));
    await harness.settle();
    fast.lose();
    harness.clock.advance(60_000);
    await harness.settle();
    expect(fast.received()).toEqual(['puback 1']);
    expect(harness.fatals).toEqual([]);
  });
});

describe('halves of packets', () => {
  const half = (size: number) =>
    publish({ topic: 'large', payload: new Uint8Array(1_000_000), qos: 0 }).subarray(0, size);

  test('that take too much together: those that began first are disconnected, and the others finish', async () => {
    const harness = new EngineHarness({ limits: { maxIncompleteBytes: 100_000 } });
    const watcher = await harness.connect('watcher', ['large', 0]);
    const slow = await harness.connect('slow');
    slow.send(half(40_000));
    const busy = await harness.connect('busy');
    busy.send(half(50_000));
    await harness.settle();
    expect(ends(harness)).toEqual([]);
    busy.send(half(1_000_000).subarray(50_000, 65_000));
    await harness.settle();
    expect(ends(harness)).toEqual(['slow incomplete-packets']);
    expect(slow.isClosed).toBe(true);
    harness.limit({ limits: { ...DEFAULT_LIMITS, maxIncompleteBytes: 10_000_000 }, perListener: new Map() });
    busy.send(publish({ topic: 'large', payload: new Uint8Array(1_000_000), qos: 0 }).subarray(65_000));
    await harness.settle();
    expect(watcher.received()).toEqual(['publish large=1000000-bytes q0']);
    expect(ends(harness)).toEqual(['slow incomplete-packets']);
  });

  test('count no longer than they are halves', async () => {
    const harness = new EngineHarness({ limits: { maxIncompleteBytes: 70_000 } });
    const packet = publish({ topic: 'large', payload: new Uint8Array(60_000), qos: 0 });
    const a = await harness.connect('a');
    for (let i = 0; i < 20; i++) {
      a.send(packet.subarray(0, 50_000));
      a.send(packet.subarray(50_000));
    }
    const lost = await harness.connect('lost');
    for (let i = 0; i < 20; i++) {
      const other = await harness.connect(`other ${i}`);
      other.send(packet.subarray(0, 50_000));
      other.lose();
    }
    lost.send(packet.subarray(0, 60_000));
    await harness.settle();
    expect(ends(harness).filter((end) => end.includes('incomplete'))).toEqual([]);
    expect(lost.isClosed).toBe(false);
  });
});

test('a SUBSCRIBE beyond the number of subscriptions is granted as far as there is room', async () => {
  const harness = new EngineHarness({ limits: { maxSubscriptionsPerClient: 2 } });
  const a = await harness.connect('a', ['one', 0]);
  a.send(
    subscribe(1, [
      ['one', 1],
      ['two', 1],
      ['three', 1],
      ['two', 0],
    ]),
  );
  await harness.settle();
  expect(a.received()).toEqual(['suback 1,1,128,0']);
});
