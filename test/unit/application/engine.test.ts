// The parts of the shell together: commits, reads, slow storage, shutdown.
import { describe, expect, test } from '@jest/globals';
import type { ClientId } from '../../../src/domain/identifiers.js';
import { StorageError } from '../../../src/ports/storage.js';
import { EngineHarness, storedPair } from '../../support/engine-harness.js';
import { HandStorage } from '../../support/hand-storage.js';
import {
  DISCONNECT,
  PINGREQ,
  connect,
  puback,
  pubcomp,
  publish,
  pubrec,
  pubrel,
  subscribe,
} from '../../clients/raw-packets.js';

describe('a commit', () => {
  test('a commit that is refused for good leads to no acknowledgement, ever', async () => {
    const { harness, a, publisher } = await storedPair();
    publisher.send(
      publish({ topic: 't', payload: 'x', qos: 1, packetId: 1 }),
      publish({ topic: 't', payload: 'y', qos: 2, packetId: 2 }),
    );
    await harness.settle();
    await harness.storage.refuseCommit(new StorageError('fenced', 'another has it'));
    expect(harness.fatals.map(({ message }) => message)).toEqual(['another has it']);
    harness.engine.down();
    await harness.settle();
    expect(publisher.received()).toEqual([]);
    expect(publisher.closings).toEqual([0]);
    expect(a.received()).toEqual(['publish t=x q1 id1']);
  });

  test('a commit that fails and succeeds later leads to the acknowledgement then, and to two events', async () => {
    const { harness, publisher } = await storedPair();
    publisher.send(publish({ topic: 't', payload: 'x', qos: 1, packetId: 1 }));
    await harness.settle();
    await harness.storage.refuseCommit(new StorageError('unavailable', 'gone'));
    await harness.settle();
    expect(publisher.received()).toEqual([]);
    harness.clock.advance(50);
    await harness.settle();
    await harness.storage.grantCommit();
    await harness.settle();
    expect(publisher.received()).toEqual(['puback 1']);
    expect(harness.events.map(({ kind }) => kind).filter((kind) => kind.startsWith('storage'))).toEqual([
      'storage-failing',
      'storage-recovered',
    ]);
  });

  test('a message that was acknowledged before its commit began is not stored', async () => {
    const { harness, a, publisher } = await storedPair();
    publisher.send(publish({ topic: 'other', payload: '0', qos: 2, packetId: 9 }));
    await harness.settle();
    const before = harness.storage.batches.length;
    publisher.send(publish({ topic: 't', payload: 'x', qos: 1, packetId: 1 }));
    await harness.settle();
    a.send(puback(1));
    await harness.settle();
    harness.commitsAtOnce = true;
    await harness.settle();
    expect(harness.storage.batches.slice(before)).toEqual([]);
    expect(publisher.received()).toEqual(['pubrec 9', 'puback 1']);
  });

  test('a turn makes one commit of all its changes', async () => {
    const { harness, publisher } = await storedPair();
    const before = harness.storage.batches.length;
    for (let packetId = 1; packetId <= 20; packetId++)
      publisher.send(publish({ topic: 't', payload: 'x', qos: 1, packetId }));
    harness.turn();
    expect(harness.storage.batches).toHaveLength(before + 1);
    expect(harness.storage.batches.at(-1)).toHaveLength(20);
  });

  test('output that waited for a commit is not sent to a connection that has ended', async () => {
    const { harness, publisher } = await storedPair();
    publisher.send(publish({ topic: 't', payload: 'x', qos: 1, packetId: 1 }), DISCONNECT);
    harness.commitsAtOnce = true;
    await harness.settle();
    expect(publisher.received()).toEqual([]);
    expect(publisher.closings).toHaveLength(1);
    expect(harness.storage.store.sessions.get('publisher' as ClientId)?.disconnectedAtMs).toBeDefined();
  });
});

describe('slow storage', () => {
  test('a client whose CONNACK waits for storage is not disconnected for not reading', async () => {
    const harness = new EngineHarness({ limits: { drainTimeoutMs: 1000, storageTimeoutMs: 120_000 } });
    harness.commitsAtOnce = false;
    const a = harness.open();
    a.send(connect({ clientId: 'a', clean: false }));
    await harness.settle();
    harness.clock.advance(60_000);
    await harness.settle();
    await harness.storage.grantCommit();
    await harness.settle();
    expect(a.received()).toEqual(['connack 0']);
    expect(a.isClosed).toBe(false);
  });

  test('a client whose CONNACK waits for too long is refused, and nothing that waited follows', async () => {
    const harness = new EngineHarness({ limits: { storageTimeoutMs: 1000 } });
    harness.commitsAtOnce = false;
    const a = harness.open();
    a.send(connect({ clientId: 'a', clean: false }), subscribe(1, [['t', 1]]), PINGREQ);
    await harness.settle();
    harness.clock.advance(999);
    await harness.settle();
    expect(a.received()).toEqual([]);
    harness.clock.advance(1);
    await harness.settle();
    expect(a.received()).toEqual(['connack 3']);
    expect(a.isClosed).toBe(true);
    harness.commitsAtOnce = true;
    await harness.settle();
    expect(a.received()).toEqual([]);
    const again = harness.open();
    again.send(connect({ clientId: 'a', clean: false }));
    await harness.settle();
    expect(again.received()).toEqual(['connack 0']);
  });

  test('a client that got its CONNACK is not refused later, though its SUBACK still waits', async () => {
    const harness = new EngineHarness({ limits: { storageTimeoutMs: 1000 } });
    harness.commitsAtOnce = false;
    const a = harness.open();
    a.send(connect({ clientId: 'a', clean: false }));
    harness.turn();
    a.send(subscribe(1, [['t', 1]]));
    harness.turn();
    await harness.storage.grantCommit();
    harness.turn();
    expect(a.received()).toEqual(['connack 0']);
    harness.clock.advance(60_000);
    await harness.settle();
    expect(a.isClosed).toBe(false);
    harness.commitsAtOnce = true;
    await harness.settle();
    expect(a.received()).toEqual(['suback 1']);
  });

  test('keep-alive counts from CONNACK on, however long that waited for storage', async () => {
    const harness = new EngineHarness({ limits: { storageTimeoutMs: 60_000 } });
    harness.commitsAtOnce = false;
    const a = harness.open();
    a.send(connect({ clientId: 'a', clean: false, keepAlive: 10 }));
    await harness.settle();
    harness.clock.advance(50_000);
    await harness.settle();
    harness.commitsAtOnce = true;
    await harness.settle();
    expect(a.received()).toEqual(['connack 0']);
    harness.clock.advance(14_999);
    await harness.settle();
    expect(a.isClosed).toBe(false);
    harness.clock.advance(1);
    await harness.settle();
    expect(a.isClosed).toBe(true);
  });

  test('a client whose stored session is being ended waits for that, and others do not', async () => {
    const harness = new EngineHarness();
    const a = await harness.connect({ clientId: 'a', clean: false });
    a.lose();
    await harness.settle();
    harness.commitsAtOnce = false;
    const clean = harness.open();
    clean.send(connect({ clientId: 'a' }));
    await harness.settle();
    clean.lose();
    const again = harness.open();
    again.send(connect({ clientId: 'a' }));
    const other = harness.open();
    other.send(connect({ clientId: 'b' }));
    await harness.settle();
    expect([again.received(), other.received()]).toEqual([[], ['connack 0']]);
    harness.commitsAtOnce = true;
    await harness.settle();
    expect(again.received()).toEqual(['connack 0']);
  });

  test('a client that is not read because storage is slow is not late with what it sent', async () => {
    const harness = new EngineHarness();
    const a = await harness.connect({ clientId: 'a', keepAlive: 10 }, ['t', 1]);
    const silent = await harness.connect({ clientId: 'silent', keepAlive: 10 });
    harness.commitsAtOnce = false;
    const payload = 'x'.repeat(1024 * 1024);
    for (let sent = 0; !a.isPaused && sent < 200; sent++) {
      a.send(publish({ topic: 'stored', payload, qos: 1, retain: true, packetId: sent + 1 }));
      harness.turn();
    }
    expect(a.isPaused).toBe(true);
    a.send(PINGREQ);
    harness.clock.advance(60_000);
    await harness.settle();
    expect(a.isClosed).toBe(false);
    expect(silent.isClosed).toBe(true);
    harness.commitsAtOnce = true;
    await harness.settle();
    expect(a.received()).toContain('pingresp');
    harness.clock.advance(14_999);
    await harness.settle();
    expect(a.isClosed).toBe(false);
    harness.clock.advance(1);
    await harness.settle();
    expect(a.isClosed).toBe(true);
  });
});

describe('reading from storage', () => {
  test('all messages that waited for a client follow CONNACK, in pages', async () => {
    const harness = new EngineHarness({ limits: { initialInflight: 1000 } });
    const first = await harness.connect({ clientId: 'a', clean: false }, ['t', 1]);
    first.lose();
    const publisher = await harness.connect('publisher');
    for (let i = 1; i <= 900; i++) publisher.send(publish({ topic: 't', payload: String(i), qos: 1, packetId: i }));
    await harness.settle();
    const a = harness.open();
    a.send(connect({ clientId: 'a', clean: false }));
    await harness.settle();
    const received = a.received();
    expect(received[0]).toBe('connack 0 present');
    expect(received.slice(1)).toEqual(Array.from({ length: 900 }, (_, i) => `publish t=${i + 1} q1 id${i + 1}`));
  });

  test('a read from storage waits for the commit of what was recorded before', async () => {
    const { harness, a, publisher } = await storedPair();
    publisher.send(publish({ topic: 't', payload: 'x', qos: 1, packetId: 1 }));
    await harness.settle();
    a.lose();
    const again = harness.open();
    again.send(connect({ clientId: 'a', clean: false }));
    await harness.settle();
    expect(again.received()).toEqual([]);
    harness.commitsAtOnce = true;
    await harness.settle();
    expect(again.received()).toEqual(['connack 0 present', 'publish t=x q1 id1 dup']);
  });

  test('reading a queue goes on while acknowledgements are being stored, and waits for messages that arrived later', async () => {
    const harness = new EngineHarness({ limits: { initialInflight: 100, maxInflight: 100 } });
    (await harness.connect({ clientId: 'a', clean: false }, ['t', 1])).lose();
    const publisher = await harness.connect('publisher');
    for (let i = 1; i <= 900; i++) publisher.send(publish({ topic: 't', payload: String(i), qos: 1, packetId: i }));
    await harness.settle();
    const a = harness.open();
    a.send(connect({ clientId: 'a', clean: false }));
    await harness.settle();
    harness.commitsAtOnce = false;
    const payloads: string[] = [];
    const take = async (): Promise<number> => {
      const received = a.received().filter((line) => line.startsWith('publish'));
      for (const line of received) {
        const [, payload = '', id = ''] = /=(\d+) q1 id(\d+)/.exec(line) ?? [];
        payloads.push(payload);
        a.send(puback(Number(id)));
      }
      await harness.settle();
      return received.length;
    };
    while (payloads.length < 500) expect(await take()).toBeGreaterThan(0);
    publisher.send(publish({ topic: 't', payload: '901', qos: 1, packetId: 901 }));
    await harness.settle();
    while ((await take()) > 0);
    // The page that would have it has not been read: its commit waits behind that of the acknowledgements.
    expect(payloads.length).toBeLessThan(901);
    harness.commitsAtOnce = true;
    await harness.settle();
    while ((await take()) > 0);
    expect(payloads).toEqual(Array.from({ length: 901 }, (_, i) => String(i + 1)));
  });

  test('a read that fails for a while delays messages and loses none', async () => {
    const harness = new EngineHarness();
    const first = await harness.connect({ clientId: 'a', clean: false }, ['t', 1]);
    first.lose();
    const publisher = await harness.connect('publisher');
    publisher.send(publish({ topic: 't', payload: 'x', qos: 1, packetId: 1 }));
    await harness.settle();
    harness.storage.readsAtOnce = false;
    const a = harness.open();
    a.send(connect({ clientId: 'a', clean: false }));
    await harness.settle();
    await harness.storage.refuseRead(new StorageError('unavailable', 'gone'));
    harness.clock.advance(50);
    await harness.settle();
    await harness.storage.grantRead();
    await harness.settle();
    expect(a.received()).toEqual(['connack 0 present', 'publish t=x q1 id1']);
  });

  test('many retained messages all arrive, each once', async () => {
    const harness = new EngineHarness({ limits: { initialInflight: 1000 } });
    const publisher = await harness.connect('publisher');
    for (let i = 0; i < 350; i++)
      publisher.send(publish({ topic: `r/${i}`, payload: 'x', qos: 1, packetId: i + 1, retain: true }));
    await harness.settle();
    const a = await harness.connect({ clientId: 'a', clean: false });
    a.send(subscribe(1, [['#', 1]]));
    await harness.settle();
    const topics = a.received().flatMap((line) => /^publish (\S+)=/.exec(line)?.[1] ?? []);
    expect(topics).toEqual(Array.from({ length: 350 }, (_, i) => `r/${i}`));
  });
});

describe('a shutdown', () => {
  test('a shutdown closes every connection, commits what was recorded and resolves when all have gone', async () => {
    const { harness, a, publisher } = await storedPair();
    const idle = harness.open();
    publisher.send(publish({ topic: 't', payload: 'x', qos: 1, packetId: 1 }));
    let isDown = false;
    void harness.engine.shutdown().then(() => (isDown = true));
    harness.commitsAtOnce = true;
    await harness.settle();
    expect([a, publisher, idle].map(({ isClosed }) => isClosed)).toEqual([true, true, true]);
    expect(isDown).toBe(false);
    for (const peer of [a, publisher, idle]) peer.lose();
    await harness.settle();
    expect(isDown).toBe(true);
    expect(
      [...harness.storage.store.sessions.values()].every(({ disconnectedAtMs }) => disconnectedAtMs !== undefined),
    ).toBe(true);
  });

  test('a crash at any commit loses nothing that was acknowledged', async () => {
    for (let crashAt = 0; crashAt < 12; crashAt++) {
      const storage = new HandStorage();
      const harness = new EngineHarness({ storage });
      const a = await harness.connect({ clientId: 'a', clean: false }, ['t', 2]);
      const publisher = await harness.connect({ clientId: 'publisher', clean: false });
      harness.commitsAtOnce = false;
      a.lose();
      for (let packetId = 1; packetId <= 6; packetId++) {
        publisher.send(publish({ topic: 't', payload: String(packetId), qos: packetId % 2 === 0 ? 2 : 1, packetId }));
        await harness.settle();
        if (packetId * 2 > crashAt) continue;
        await storage.grantCommit();
        await harness.settle();
      }
      const acknowledged = publisher.received().map((line) => line.replace(/^pub(ack|rec) /, ''));
      harness.engine.down();
      storage.commits.length = 0;
      const next = new EngineHarness({ storage });
      const again = next.open();
      again.send(connect({ clientId: 'a', clean: false }));
      await next.settle();
      const got = again.received().flatMap((line) => /^publish t=(\d+)/.exec(line)?.[1] ?? []);
      expect(got).toEqual(expect.arrayContaining(acknowledged));
      expect(new Set(got).size).toBe(got.length);
    }
  });
});

test('an observer that throws does not affect the broker', async () => {
  const { harness, a } = await storedPair();
  harness.events.push = () => {
    throw new Error('the test says so');
  };
  a.send(PINGREQ);
  a.send(DISCONNECT);
  harness.turn();
  expect(a.received()).toEqual(['pingresp']);
});

test('a QoS 2 message is completed on both sides', async () => {
  const { harness, a, publisher } = await storedPair();
  harness.commitsAtOnce = true;
  publisher.send(publish({ topic: 't', payload: 'x', qos: 2, packetId: 1 }));
  await harness.settle();
  a.send(pubrec(1));
  await harness.settle();
  a.send(pubcomp(1));
  publisher.send(pubrel(1));
  await harness.settle();
  expect(a.received()).toEqual(['publish t=x q2 id1', 'pubrel 1']);
  expect(publisher.received()).toEqual(['pubrec 1', 'pubcomp 1']);
  expect([...harness.storage.store.queues.values()].every((queue) => queue.size === 0)).toBe(true);
  expect(harness.storage.store.oddities).toEqual([]);
});

test('a SUBSCRIBE beyond maxSubscriptionsPerClient is granted as far as there is room', async () => {
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
