// The incoming side through the engine: when a connection is not read, and what it may hold in memory.
import { describe, expect, test } from '@jest/globals';
import { DEFAULT_LIMITS } from '../../../src/domain/limits.js';
import { StoragePressure } from '../../../src/application/committer.js';
import { EventLoop } from '../../../src/application/event-loop.js';
import { Ingress } from '../../../src/application/ingress.js';
import { LiveSettings } from '../../../src/application/settings.js';
import type { ConnectionId } from '../../../src/domain/identifiers.js';
import type { Channel } from '../../../src/ports/network.js';
import { VirtualClock } from '../../../src/testkit/virtual-clock.js';
import { EngineHarness, storedPair } from '../../support/engine-harness.js';
import type { EnginePeer } from '../../support/engine-harness.js';
import { PINGREQ, bytes, connect, publish } from '../../clients/raw-packets.js';

const ends = ({ events }: EngineHarness): string[] =>
  events.flatMap((event) => (event.kind === 'connection-ended' ? [`${event.clientId ?? '?'} ${event.reason}`] : []));

describe('the pressure of storage', () => {
  test('under the pressure of storage, a client that records nothing is served while those that do are held back', async () => {
    const { harness, a, publisher } = await storedPair({ limits: { maxInflight: 1 } });
    const payload = 'x'.repeat(1024 * 1024);
    for (let packetId = 1; !publisher.isPaused && packetId < 200; packetId++) {
      publisher.send(publish({ topic: 't', payload, qos: 1, packetId }));
      harness.turn();
    }
    a.received();
    for (let i = 0; i < 3; i++) {
      a.send(PINGREQ);
      harness.turn();
    }
    expect([a.received(), a.isPaused]).toEqual([['pingresp', 'pingresp', 'pingresp'], false]);
    publisher.send(PINGREQ);
    harness.turn();
    expect(publisher.received()).toEqual([]);
  });

  test('under twice the pressure of storage no client is read, whatever it sends', async () => {
    const { harness, a, publisher } = await storedPair({ limits: { maxInflight: 1 } });
    harness.commitsAtOnce = true;
    const others: EnginePeer[] = [];
    for (let i = 0; i < 200; i++) others.push(await harness.connect(`other ${i}`));
    harness.commitsAtOnce = false;
    const payload = 'x'.repeat(1024 * 1024);
    for (const [i, peer] of [publisher, ...others].entries()) {
      peer.send(publish({ topic: 't', payload, qos: 1, packetId: i + 1 }));
      harness.turn();
    }
    a.received();
    a.send(PINGREQ);
    harness.turn();
    expect([a.received(), a.isPaused]).toEqual([[], true]);
    harness.commitsAtOnce = true;
    await harness.settle();
    expect(a.received()).toContain('pingresp');
    expect(others.map((peer) => peer.isPaused)).not.toContain(true);
  });

  test('a publisher is not read under the pressure of storage, and is read again when it is over', async () => {
    const { harness, publisher } = await storedPair({ limits: { maxInflight: 1 } });
    const payload = 'x'.repeat(1024 * 1024);
    let sent = 0;
    while (!publisher.isPaused && sent < 200) {
      publisher.send(publish({ topic: 't', payload, qos: 1, packetId: ++sent }));
      harness.turn();
    }
    expect(sent).toBeLessThan(80);
    const batches = harness.storage.batches.length;
    publisher.send(publish({ topic: 't', payload: 'late', qos: 1, packetId: 100 }));
    harness.turn();
    expect(harness.storage.batches).toHaveLength(batches);
    harness.commitsAtOnce = true;
    await harness.settle();
    expect(publisher.isPaused).toBe(false);
    expect(publisher.received().at(-1)).toBe('puback 100');
  });
});

describe('work that continues under the pressure of storage', () => {
  const suspended = (pressure: StoragePressure) => {
    const clock = new VirtualClock();
    const settings = new LiveSettings({ limits: DEFAULT_LIMITS, perListener: new Map() });
    const loop = new EventLoop({ clock, atEndOfTurn: () => undefined });
    const ingress = new Ingress({ loop, clock, settings, changes: { recordedChanges: 0 } });
    const peer = { remoteAddress: 'test:1', ipAddress: undefined };
    const channel: Channel & { isPaused: boolean } = {
      peer,
      isPaused: false,
      sentBytes: 0,
      write: () => true,
      pause: () => (channel.isPaused = true),
      resume: () => (channel.isPaused = false),
      close: () => undefined,
    };
    const input = ingress.open({ id: 1 as ConnectionId, listener: 'test', ipAddress: undefined }, channel);
    ingress.suspend(input, 'work');
    ingress.pressure(pressure);
    return { ingress, input, channel };
  };

  test.each([
    ['held back under the pressure writers', StoragePressure.writers, true],
    ['held back under the pressure everyone', StoragePressure.everyone, true],
    ['read without pressure', StoragePressure.none, false],
  ])('a connection is %s when its unfinished work is complete', (_name, pressure, isHeld) => {
    const { ingress, input, channel } = suspended(pressure);
    ingress.resume(input, 'work');
    input.received(PINGREQ);
    expect(channel.isPaused).toBe(isHeld);
    ingress.pressure(StoragePressure.none);
    ingress.work();
    expect(channel.isPaused).toBe(false);
  });

  test('a connection whose work begins under pressure is held back behind that work', () => {
    const { ingress, input, channel } = suspended(StoragePressure.writers);
    ingress.pressure(StoragePressure.none);
    ingress.resume(input, 'work');
    ingress.pressure(StoragePressure.writers);
    ingress.suspend(input, 'work');
    ingress.resume(input, 'work');
    input.received(PINGREQ);
    expect(channel.isPaused).toBe(true);
  });
});

describe('publish rates', () => {
  const messages = (count: number) =>
    bytes(
      ...Array.from({ length: count }, (_, i) => publish({ topic: 't', payload: `${i}`, qos: 1, packetId: i + 1 })),
    );

  test('a client over its rate is not read for a while, loses nothing, and its keep-alive does not run out', async () => {
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

  test('a client that uploads one packet slowly is not silent, and one that stops in the middle is', async () => {
    const harness = new EngineHarness();
    const upload = bytes(publish({ topic: 't', payload: 'x'.repeat(1000), qos: 1, packetId: 1 }), PINGREQ);
    const [slow, stuck] = [
      await harness.connect({ clientId: 'slow', keepAlive: 1 }),
      await harness.connect({ clientId: 'stuck', keepAlive: 1 }),
    ];
    stuck.send(upload.subarray(0, 10));
    for (let at = 0; at < upload.length; at += 100) {
      slow.send(upload.subarray(at, at + 100));
      harness.clock.advance(1000);
      await harness.settle();
    }
    expect(slow.received()).toEqual(['puback 1', 'pingresp']);
    expect(ends(harness)).toEqual(['stuck keep-alive-timeout']);
  });

  test('a client whose PINGREQ lies unread when its keep-alive runs out is not silent', async () => {
    const harness = new EngineHarness();
    const client = await harness.connect({ clientId: 'a', keepAlive: 1 });
    // As long as a step that keeps the broker from reading.
    harness.clock.advance(2000);
    harness.turn();
    client.send(PINGREQ);
    await harness.settle();
    expect(client.received()).toEqual(['pingresp']);
    expect(ends(harness)).toEqual([]);
    harness.clock.advance(1500);
    await harness.settle();
    expect(ends(harness)).toEqual(['a keep-alive-timeout']);
  });

  test('a client over its own rate delays no other client, and a client over the total rate does', async () => {
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

  test('a client is held to the rate of its listener', async () => {
    const harness = new EngineHarness({
      limits: { maxPublishRate: 1 },
      perListenerLimits: new Map([['wide', { maxPublishRate: 50 }]]),
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

  test('a client that leaves while it is throttled is forgotten', async () => {
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

describe('what has arrived and is not read', () => {
  const slow = { name: 'slow', authenticate: () => new Promise<never>(() => undefined) };
  const withPassword = (clientId: string, bytes: number) =>
    connect({ clientId, userName: 'u', password: Buffer.alloc(bytes) });

  test('CONNECTs whose authentication is in progress count, and large ones are disconnected before small ones', async () => {
    const harness = new EngineHarness({ limits: { maxUnreadBytes: 1_048_576 }, authenticators: [slow] });
    for (let i = 0; i < 20; i++) harness.open().send(withPassword(`small${i}`, 100));
    for (let i = 0; i < 20; i++) harness.open().send(withPassword(`large${i}`, 60_000));
    await harness.settle();
    const ended = ends(harness);
    expect(ended.length).toBeGreaterThan(2);
    expect(ended.filter((end) => !/^large\d+ unread-packets$/.test(end))).toEqual([]);
  });

  test('a CONNECT counts only until it is answered or its connection has gone', async () => {
    const harness = new EngineHarness({ limits: { maxUnreadBytes: 1_048_576 }, authenticators: [slow] });
    for (let i = 0; i < 100; i++) {
      const peer = harness.open();
      peer.send(withPassword(`c${i}`, 60_000));
      await harness.settle();
      peer.lose();
      await harness.settle();
    }
    expect(ends(harness).filter((end) => end.includes('unread'))).toEqual([]);
  });
});

describe('incomplete packets', () => {
  const half = (size: number) =>
    publish({ topic: 'large', payload: new Uint8Array(1_000_000), qos: 0 }).subarray(0, size);

  test('when incomplete packets take too much together, the oldest is disconnected and the others finish', async () => {
    const harness = new EngineHarness({ limits: { maxIncompleteBytes: 920_000 } });
    const watcher = await harness.connect('watcher', ['large', 0]);
    const slow = await harness.connect('slow');
    slow.send(half(40_000));
    const busy = await harness.connect('busy');
    busy.send(half(50_000));
    await harness.settle();
    expect(ends(harness)).toEqual([]);
    busy.send(half(1_000_000).subarray(50_000, 205_000));
    await harness.settle();
    expect(ends(harness)).toEqual(['slow incomplete-packets']);
    expect(slow.isClosed).toBe(true);
    harness.limit({ limits: { ...DEFAULT_LIMITS, maxIncompleteBytes: 10_000_000 }, perListener: new Map() });
    busy.send(publish({ topic: 'large', payload: new Uint8Array(1_000_000), qos: 0 }).subarray(205_000));
    await harness.settle();
    expect(watcher.received()).toEqual(['publish large=1000000-bytes q0']);
    expect(ends(harness)).toEqual(['slow incomplete-packets']);
  });

  test('the memory for a packet counts, not what has arrived of it', async () => {
    const harness = new EngineHarness({ limits: { maxIncompleteBytes: 5000 } });
    for (let i = 0; i < 10; i++) (await harness.connect(`c${i}`)).send(half(5));
    await harness.settle();
    expect(ends(harness)).toHaveLength(4);
  });

  test('what is sent behind a CONNECT that is not accepted yet counts as well', async () => {
    const slow = { name: 'slow', authenticate: () => new Promise<never>(() => undefined) };
    const harness = new EngineHarness({ limits: { maxIncompleteBytes: 100_000 }, authenticators: [slow] });
    for (let i = 0; i < 5; i++) harness.open().send(Buffer.concat([connect({ clientId: `c${i}` }), half(30_000)]));
    await harness.settle();
    expect(ends(harness)).toEqual(['c0 incomplete-packets', 'c1 incomplete-packets']);
  });

  test('a packet counts as incomplete only until it is complete or its connection has gone', async () => {
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
