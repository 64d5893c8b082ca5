// The shell around the core: packets in, effects out, the gate, backpressure and storage failures.
import { describe, expect, test } from '@jest/globals';
import type { ClientId } from '../../../src/domain/identifiers.js';
import { ALLOW_ALL } from '../../../src/domain/access/permissions.js';
import { DEFAULT_LIMITS } from '../../../src/domain/connect/limits.js';
import type { Authenticator, AuthenticatorAnswer } from '../../../src/ports/auth.js';
import { StorageError } from '../../../src/ports/storage.js';
import { EngineHarness } from '../../support/engine-harness.js';
import type { EnginePeer } from '../../support/engine-harness.js';
import { HandStorage } from '../../support/hand-storage.js';
import {
  DISCONNECT,
  PINGREQ,
  bytes,
  connect,
  puback,
  pubcomp,
  publish,
  pubrec,
  pubrel,
  subscribe,
  unsubscribe,
} from '../../support/raw-packets.js';

/** A stored subscriber of `t` and a stored publisher, and from here on commits wait. */
async function pair(
  options: ConstructorParameters<typeof EngineHarness>[0] = {},
): Promise<{ harness: EngineHarness; a: EnginePeer; publisher: EnginePeer }> {
  const harness = new EngineHarness(options);
  const a = await harness.connect({ clientId: 'a', clean: false }, ['t', 2]);
  const publisher = await harness.connect({ clientId: 'publisher', clean: false });
  harness.commitsAtOnce = false;
  return { harness, a, publisher };
}

describe('what promises durability waits for the commit', () => {
  test('CONNACK of a stored session', async () => {
    const harness = new EngineHarness();
    harness.commitsAtOnce = false;
    const a = harness.open();
    a.send(connect({ clientId: 'a', clean: false }));
    await harness.settle();
    expect(a.received()).toEqual([]);
    await harness.storage.grantCommit();
    await harness.settle();
    expect(a.received()).toEqual(['connack 0']);
    expect([...harness.storage.store.sessions.keys()]).toEqual(['a']);
  });

  test('SUBACK and UNSUBACK', async () => {
    const { harness, a } = await pair();
    a.send(subscribe(5, [['u', 1]]));
    await harness.settle();
    expect(a.received()).toEqual([]);
    await harness.storage.grantCommit();
    await harness.settle();
    expect(a.received()).toEqual(['suback 1']);
    a.send(unsubscribe(6, ['u']));
    await harness.settle();
    expect(a.received()).toEqual([]);
    await harness.storage.grantCommit();
    await harness.settle();
    expect(a.received()).toEqual(['unsuback 6']);
  });

  test('PUBACK, PUBREC and PUBCOMP to a publisher', async () => {
    const { harness, publisher } = await pair();
    publisher.send(publish({ topic: 't', payload: 'x', qos: 1, packetId: 1 }));
    await harness.settle();
    expect(publisher.received()).toEqual([]);
    await harness.storage.grantCommit();
    await harness.settle();
    expect(publisher.received()).toEqual(['puback 1']);
    publisher.send(publish({ topic: 't', payload: 'y', qos: 2, packetId: 2 }));
    await harness.settle();
    expect(publisher.received()).toEqual([]);
    await harness.storage.grantCommit();
    await harness.settle();
    expect(publisher.received()).toEqual(['pubrec 2']);
    publisher.send(pubrel(2));
    await harness.settle();
    expect(publisher.received()).toEqual([]);
    await harness.storage.grantCommit();
    await harness.settle();
    expect(publisher.received()).toEqual(['pubcomp 2']);
  });

  test('a QoS 2 delivery, and PUBREL behind it', async () => {
    const { harness, a, publisher } = await pair();
    publisher.send(publish({ topic: 't', payload: 'x', qos: 2, packetId: 1 }));
    await harness.settle();
    expect(a.received()).toEqual([]);
    await harness.storage.grantCommit();
    await harness.settle();
    expect(a.received()).toEqual(['publish t=x q2 id1']);
    a.send(pubrec(1));
    await harness.settle();
    expect(a.received()).toEqual([]);
    await harness.storage.grantCommit();
    await harness.settle();
    expect(a.received()).toEqual(['pubrel 1']);
  });

  test('a QoS 2 delivery to a subscriber that is not stored: its publisher would repeat it after a crash', async () => {
    const { harness, publisher } = await pair();
    harness.commitsAtOnce = true;
    const c = await harness.connect('c', ['t', 2]);
    harness.commitsAtOnce = false;
    publisher.send(publish({ topic: 't', payload: 'x', qos: 2, packetId: 1 }));
    await harness.settle();
    expect(c.received()).toEqual([]);
    await harness.storage.grantCommit();
    await harness.settle();
    expect(c.received()).toEqual(['publish t=x q2 id1']);
  });

  test('an acknowledgement repeated while the commit of the first is under way', async () => {
    const { harness, publisher } = await pair();
    publisher.send(publish({ topic: 't', payload: 'x', qos: 2, packetId: 1 }));
    await harness.settle();
    publisher.send(publish({ topic: 't', payload: 'x', qos: 2, packetId: 1, dup: true }));
    await harness.settle();
    expect(publisher.received()).toEqual([]);
    await harness.storage.grantCommit();
    await harness.settle();
    expect(publisher.received()).toEqual(['pubrec 1', 'pubrec 1']);
  });
});

describe('the acknowledgement level', () => {
  test('flushed is asked of storage unless something else is said', async () => {
    const { harness, publisher } = await pair();
    publisher.send(publish({ topic: 't', payload: 'x', qos: 1, packetId: 1 }));
    await harness.settle();
    expect(harness.storage.durabilities.at(-1)).toBe('flushed');
  });

  test('stored waits for storage, which need not flush', async () => {
    const { harness, publisher } = await pair({ ackLevel: 'stored' });
    publisher.send(publish({ topic: 't', payload: 'x', qos: 1, packetId: 1 }));
    await harness.settle();
    expect(publisher.received()).toEqual([]);
    expect(harness.storage.durabilities.at(-1)).toBe('stored');
    await harness.storage.grantCommit();
    await harness.settle();
    expect(publisher.received()).toEqual(['puback 1']);
  });

  test('received waits for nothing, and stores all the same', async () => {
    const { harness, a, publisher } = await pair({ ackLevel: 'received' });
    publisher.send(
      publish({ topic: 't', payload: 'x', qos: 1, packetId: 1 }),
      publish({ topic: 't', payload: 'y', qos: 2, packetId: 2 }),
    );
    a.send(subscribe(5, [['u', 1]]));
    const b = harness.open();
    b.send(connect({ clientId: 'b', clean: false }));
    await harness.settle();
    expect(publisher.received()).toEqual(['puback 1', 'pubrec 2']);
    expect(a.received()).toEqual(['publish t=x q1 id1', 'publish t=y q2 id2', 'suback 1']);
    expect(b.received()).toEqual(['connack 0']);
    expect(harness.storage.batches.at(-1)?.length).toBeGreaterThan(3);
    expect(harness.storage.durabilities.at(-1)).toBe('flushed');
  });
});

test('a CONNACK that says there is no session waits for the end of the one that there was, whichever connection ended it', async () => {
  const harness = new EngineHarness();
  const stored = await harness.connect({ clientId: 'c', clean: false });
  harness.commitsAtOnce = false;
  const first = harness.open();
  first.send(connect({ clientId: 'c' }));
  harness.turn();
  const second = harness.open();
  second.send(connect({ clientId: 'c' }));
  harness.turn();
  expect([stored, first, second].map((peer) => peer.received())).toEqual([[], [], []]);
  await harness.storage.grantCommit();
  harness.turn();
  expect(second.received()).toEqual(['connack 0']);
});

describe('what promises nothing does not wait', () => {
  test('QoS 0 and QoS 1 deliveries leave before the commit', async () => {
    const { harness, a, publisher } = await pair();
    publisher.send(publish({ topic: 't', payload: 'x', qos: 1, packetId: 1 }), publish({ topic: 't', payload: 'y' }));
    harness.turn();
    expect(a.received()).toEqual(['publish t=x q1 id1', 'publish t=y q0']);
    expect(publisher.received()).toEqual([]);
  });

  test('a connection with nothing pending does not wait for the commits of others', async () => {
    const { harness, publisher } = await pair();
    const c = harness.open();
    publisher.send(publish({ topic: 't', payload: 'x', qos: 1, packetId: 1 }));
    harness.turn();
    c.send(
      connect({ clientId: 'c' }),
      PINGREQ,
      subscribe(1, [['c', 2]]),
      publish({ topic: 'c', payload: 'z', qos: 1, packetId: 3 }),
    );
    harness.turn();
    expect(harness.storage.commits).toHaveLength(1);
    expect(c.received()).toEqual(['connack 0', 'pingresp', 'suback 2', 'publish c=z q1 id1', 'puback 3']);
  });

  test('PINGRESP does not wait for a promise that does', async () => {
    const { harness, publisher } = await pair();
    publisher.send(publish({ topic: 't', payload: 'x', qos: 1, packetId: 1 }), PINGREQ);
    harness.turn();
    expect(publisher.received()).toEqual(['pingresp']);
  });

  test('a refusing CONNACK leaves while commits are under way', async () => {
    const { harness, publisher } = await pair();
    publisher.send(publish({ topic: 't', payload: 'x', qos: 1, packetId: 1 }));
    harness.turn();
    const c = harness.open();
    c.send(connect({ clientId: '', clean: false }));
    harness.turn();
    expect(c.received()).toEqual(['connack 2']);
    expect(c.isClosed).toBe(true);
  });

  test('a refusing CONNACK leaves while the end of a session is being stored', async () => {
    const harness = new EngineHarness({
      authenticators: [
        {
          name: 'no',
          authenticate: ({ userName }) =>
            userName === undefined
              ? { decision: 'allow', permissions: ALLOW_ALL }
              : { decision: 'deny', reason: 'bad-credentials', detail: 'x' },
        },
      ],
    });
    (await harness.connect({ clientId: 'a', clean: false })).lose();
    await harness.settle();
    harness.commitsAtOnce = false;
    harness.open().send(connect({ clientId: 'a' }));
    const c = harness.open();
    c.send(connect({ clientId: 'a', userName: 'someone' }));
    harness.turn();
    expect(c.received()).toEqual(['connack 4']);
  });
});

describe('order', () => {
  test('nothing overtakes CONNACK', async () => {
    const harness = new EngineHarness();
    const first = await harness.connect({ clientId: 'a', clean: false }, ['t', 2]);
    const publisher = await harness.connect('publisher');
    first.lose();
    await harness.settle();
    harness.commitsAtOnce = false;
    const a = harness.open();
    a.send(connect({ clientId: 'a', clean: false }), PINGREQ, publish({ topic: 't', payload: 'own', qos: 0 }));
    publisher.send(publish({ topic: 't', payload: 'x' }), publish({ topic: 't', payload: 'y', qos: 1, packetId: 1 }));
    await harness.settle();
    expect(a.received()).toEqual([]);
    harness.commitsAtOnce = true;
    await harness.settle();
    expect(a.received()).toEqual(['connack 0 present', 'publish t=y q1 id1', 'pingresp', 'publish t=own q0']);
  });

  test('acknowledgements leave in the order of what they acknowledge', async () => {
    const { harness, publisher } = await pair();
    publisher.send(publish({ topic: 't', payload: '1', qos: 1, packetId: 1 }));
    await harness.settle();
    publisher.send(
      publish({ topic: 'nobody', payload: '2', qos: 1, packetId: 2 }),
      publish({ topic: 't', payload: '3', qos: 1, packetId: 3 }),
    );
    await harness.settle();
    expect(publisher.received()).toEqual([]);
    await harness.storage.grantCommit();
    await harness.settle();
    expect(publisher.received()).toEqual(['puback 1', 'puback 2']);
    await harness.storage.grantCommit();
    await harness.settle();
    expect(publisher.received()).toEqual(['puback 3']);
  });

  test('QoS 2 deliveries keep theirs', async () => {
    const { harness, a, publisher } = await pair();
    for (const packetId of [1, 2, 3]) {
      publisher.send(publish({ topic: 't', payload: String(packetId), qos: 2, packetId }));
      await harness.settle();
    }
    harness.commitsAtOnce = true;
    await harness.settle();
    expect(a.received()).toEqual(['publish t=1 q2 id1', 'publish t=2 q2 id2', 'publish t=3 q2 id3']);
  });
});

describe('a commit', () => {
  test('that is refused for good leads to no acknowledgement, ever', async () => {
    const { harness, a, publisher } = await pair();
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

  test('that fails and succeeds later leads to the acknowledgement then, and is noticed', async () => {
    const { harness, publisher } = await pair();
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

  test('is spared a message that was acknowledged before it began', async () => {
    const { harness, a, publisher } = await pair();
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

  test('is one a turn, for everything that came in it', async () => {
    const { harness, publisher } = await pair();
    const before = harness.storage.batches.length;
    for (let packetId = 1; packetId <= 20; packetId++)
      publisher.send(publish({ topic: 't', payload: 'x', qos: 1, packetId }));
    harness.turn();
    expect(harness.storage.batches).toHaveLength(before + 1);
    expect(harness.storage.batches.at(-1)).toHaveLength(20);
  });

  test('what waited for it is not sent to a connection that has ended', async () => {
    const { harness, publisher } = await pair();
    publisher.send(publish({ topic: 't', payload: 'x', qos: 1, packetId: 1 }), DISCONNECT);
    harness.commitsAtOnce = true;
    await harness.settle();
    expect(publisher.received()).toEqual([]);
    expect(publisher.closings).toHaveLength(1);
    expect(harness.storage.store.sessions.get('publisher' as ClientId)?.disconnectedAtMs).toBeDefined();
  });
});

describe('writing', () => {
  test('each connection gets one write a turn', async () => {
    const { harness, a, publisher } = await pair();
    const before = [a.writes, publisher.writes];
    publisher.send(
      ...Array.from({ length: 20 }, (_, i) => publish({ topic: 't', payload: String(i) })),
      PINGREQ,
      PINGREQ,
    );
    expect([a.writes, publisher.writes]).toEqual(before);
    harness.turn();
    expect([a.writes, publisher.writes]).toEqual(before.map((count) => count + 1));
    expect(a.received()).toHaveLength(20);
  });

  test('a lot in one turn is written in between', async () => {
    const { a, publisher } = await pair();
    const before = a.writes;
    for (let i = 0; i < 10; i++) publisher.send(publish({ topic: 't', payload: 'x'.repeat(50_000) }));
    expect(a.writes).toBeGreaterThan(before);
  });

  test('a fan-out brings everyone the same message with their own identifier and flags', async () => {
    const harness = new EngineHarness();
    const peers = [];
    for (const clientId of ['a', 'b', 'c', 'd'])
      peers.push(await harness.connect(clientId, ['t', clientId === 'd' ? 0 : 1], ['own', 1]));
    const [a] = peers as [EnginePeer];
    a.send(publish({ topic: 'own', payload: 'first', qos: 1, packetId: 1 }));
    await harness.settle();
    peers[1]?.send(puback(1));
    for (const peer of peers) peer.received();
    a.send(
      publish({ topic: 't', payload: 'x', qos: 1, packetId: 2, retain: true }),
      publish({ topic: 't', payload: 'y', qos: 1, packetId: 3 }),
    );
    await harness.settle();
    const got = peers.map((peer) => peer.received().filter((line) => line.startsWith('publish')));
    expect(got).toEqual([
      ['publish t=x q1 id2', 'publish t=y q1 id3'],
      ['publish t=x q1 id2', 'publish t=y q1 id3'],
      ['publish t=x q1 id2', 'publish t=y q1 id3'],
      ['publish t=x q0', 'publish t=y q0'],
    ]);
    const late = await harness.connect('late');
    late.send(subscribe(1, [['t', 1]]));
    await harness.settle();
    expect(late.received()).toEqual(['suback 1', 'publish t=x q1 id1 retain']);
  });

  test.each([32 * 1024 - 1, 32 * 1024, 32 * 1024 + 1, 1024 * 1024, 2.5 * 1024 * 1024])(
    'a payload of %i bytes arrives whole, in its place, and goes out in pieces of at most a mebibyte',
    async (size) => {
      const harness = new EngineHarness();
      const a = await harness.connect('a', ['t', 1]);
      const b = await harness.connect('b', ['t', 0]);
      const publisher = await harness.connect('publisher');
      const payload = 'y'.repeat(size);
      publisher.send(
        publish({ topic: 't', payload: 'before' }),
        publish({ topic: 't', payload, qos: 1, packetId: 7 }),
        publish({ topic: 't', payload: 'behind', qos: 1, packetId: 8 }),
      );
      await harness.settle();
      expect(a.received()).toEqual([
        'publish t=before q0',
        `publish t=${size}-bytes q1 id1`,
        'publish t=behind q1 id2',
      ]);
      expect(b.received()).toEqual(['publish t=before q0', `publish t=${size}-bytes q0`, 'publish t=behind q0']);
      expect(publisher.received()).toEqual(['puback 7', 'puback 8']);
      expect(a.largestWrite).toBeLessThanOrEqual(1024 * 1024);
    },
  );

  test('bytes that were handed over are not changed afterwards', async () => {
    const { harness, a, publisher } = await pair();
    const written: { chunk: Uint8Array; copy: string }[] = [];
    const write = a.write.bind(a);
    a.write = (chunk) => {
      written.push({ chunk, copy: Buffer.from(chunk).toString('hex') });
      return write(chunk);
    };
    for (let round = 0; round < 50; round++) {
      publisher.send(
        publish({ topic: 't', payload: `${round}`.repeat(round + 1) }),
        publish({ topic: 't', payload: 'y' }),
      );
      harness.turn();
    }
    expect(written.every(({ chunk, copy }) => Buffer.from(chunk).toString('hex') === copy)).toBe(true);
    expect(written).toHaveLength(50);
  });
});

describe('a peer that does not read', () => {
  test('gets no more messages of its window until it does, and others are served', async () => {
    const { harness, a, publisher } = await pair();
    harness.commitsAtOnce = true;
    const b = await harness.connect('b', ['t', 1]);
    a.reads = false;
    publisher.send(publish({ topic: 't', payload: '1', qos: 1, packetId: 1 }));
    await harness.settle();
    publisher.send(
      publish({ topic: 't', payload: '2', qos: 1, packetId: 2 }),
      publish({ topic: 't', payload: '3', qos: 1, packetId: 3 }),
    );
    await harness.settle();
    expect(a.received()).toEqual(['publish t=1 q1 id1']);
    expect(b.received()).toEqual(['publish t=1 q1 id1', 'publish t=2 q1 id2', 'publish t=3 q1 id3']);
    expect(publisher.received()).toEqual(['puback 1', 'puback 2', 'puback 3']);
    a.drain();
    await harness.settle();
    expect(a.received()).toEqual(['publish t=2 q1 id2', 'publish t=3 q1 id3']);
  });

  test('loses QoS 0 beyond the limit', async () => {
    const { harness, a, publisher } = await pair({ limits: { maxBufferedQos0Messages: 3 } });
    a.reads = false;
    for (let i = 0; i < 10; i++) {
      publisher.send(publish({ topic: 't', payload: String(i) }));
      harness.turn();
    }
    expect(a.received()).toHaveLength(4);
    expect(harness.engine.broker.counters.dropped['slow-consumer']).toBe(6);
  });

  test('and sends all the same is not read either, until it has read', async () => {
    const { harness, a } = await pair();
    a.reads = false;
    a.keeps = false;
    for (let i = 0; i < 200; i++) {
      a.send(...Array.from({ length: 500 }, () => PINGREQ));
      harness.turn();
      if (a.isPaused) break;
    }
    expect(a.isPaused).toBe(true);
    expect(a.writtenBytes).toBeLessThan(256 * 1024);
    const before = a.writtenBytes;
    a.send(...Array.from({ length: 500 }, () => PINGREQ)); // was on its way already
    harness.turn();
    expect(a.writtenBytes).toBe(before);
    a.drain();
    harness.turn();
    expect(a.isPaused).toBe(false);
    expect(a.writtenBytes).toBeGreaterThan(before);
  });

  test('is disconnected after its time', async () => {
    const { harness, a, publisher } = await pair({ limits: { drainTimeoutMs: 1000 } });
    a.reads = false;
    publisher.send(publish({ topic: 't', payload: '1' }));
    harness.turn();
    harness.turn();
    harness.clock.advance(1000);
    harness.turn();
    expect(a.isClosed).toBe(true);
    expect(harness.events).toContainEqual(
      expect.objectContaining({ kind: 'connection-ended', reason: 'drain-timeout' }),
    );
  });
});

describe('a client that reads slowly', () => {
  const slow = async () => {
    const all = await pair({ limits: { drainTimeoutMs: 1000 } });
    const { harness, a, publisher } = all;
    a.reads = false;
    publisher.send(publish({ topic: 't', payload: '1' }));
    harness.turn();
    harness.turn();
    return all;
  };

  test('is kept as long as it reads on, and has its time again when it stops', async () => {
    const { harness, a } = await slow();
    for (let i = 0; i < 5; i++) {
      a.sentBytes += 1;
      harness.clock.advance(1000);
      harness.turn();
    }
    expect(a.isClosed).toBe(false);
    harness.clock.advance(1000);
    harness.turn();
    expect(a.isClosed).toBe(true);
    expect(harness.events).toContainEqual(
      expect.objectContaining({ kind: 'connection-ended', reason: 'drain-timeout' }),
    );
  });

  test('does not read because it asks', async () => {
    const { harness, a } = await slow();
    a.send(PINGREQ);
    harness.turn();
    harness.clock.advance(1000);
    harness.turn();
    expect(a.isClosed).toBe(true);
  });
});

describe('a client that waits because storage is slow', () => {
  test('is not taken for a reader that is stuck', async () => {
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

  test('for its CONNACK is refused after a time, and nothing of what waited comes behind that', async () => {
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

  test('for its CONNACK and gets it is not refused later, though what it asked for behind it waits still', async () => {
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

  test('for its CONNACK is not late meanwhile: its keep-alive counts from there', async () => {
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

  test('because its stored session is being ended waits, and others do not', async () => {
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

  test('and is not read meanwhile, is not late with what it sent', async () => {
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

describe('pressure', () => {
  test('a client that records nothing is served while those that do are held back', async () => {
    const { harness, a, publisher } = await pair({ limits: { maxInflight: 1 } });
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

  test('no client is read once twice as much waits, whatever it sends', async () => {
    const { harness, a, publisher } = await pair({ limits: { maxInflight: 1 } });
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

  test('stops the reading of everyone who sends, and starts it again', async () => {
    const { harness, publisher } = await pair({ limits: { maxInflight: 1 } });
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

describe('authentication', () => {
  test('that takes its time stops the reading, and what came meanwhile is handled after', async () => {
    let decide: (answer: AuthenticatorAnswer) => void = () => undefined;
    const authenticator = {
      name: 'slow',
      authenticate: () => new Promise<AuthenticatorAnswer>((resolve) => (decide = resolve)),
    };
    const harness = new EngineHarness({ authenticators: [authenticator] });
    const a = harness.open();
    a.send(connect({ clientId: 'a' }), PINGREQ);
    a.send(PINGREQ);
    await harness.settle();
    expect(a.isPaused).toBe(true);
    expect(a.received()).toEqual([]);
    decide({ decision: 'allow', permissions: ALLOW_ALL });
    await harness.settle();
    expect(a.received()).toEqual(['connack 0', 'pingresp', 'pingresp']);
    expect(a.isPaused).toBe(false);
  });

  test('that answers after the client has gone does nothing', async () => {
    let decide: (answer: AuthenticatorAnswer) => void = () => undefined;
    const authenticator = {
      name: 'slow',
      authenticate: () => new Promise<AuthenticatorAnswer>((resolve) => (decide = resolve)),
    };
    const harness = new EngineHarness({ authenticators: [authenticator] });
    const a = harness.open();
    a.send(connect({ clientId: 'a', clean: false }));
    a.lose();
    decide({ decision: 'allow', permissions: ALLOW_ALL });
    await harness.settle();
    expect(a.received()).toEqual([]);
    expect(harness.engine.broker.sessionCount).toBe(0);
    expect(harness.storage.batches).toEqual([]);
  });

  test('is told when nobody waits any more: the client has gone, its time is up, or the broker goes down', async () => {
    const ends: ((peer: EnginePeer, harness: EngineHarness) => void)[] = [
      (peer) => {
        peer.lose();
      },
      (_peer, harness) => {
        harness.clock.advance(DEFAULT_LIMITS.authTimeoutMs);
        harness.turn();
      },
      (_peer, harness) => {
        harness.engine.down();
      },
    ];
    for (const end of ends) {
      const signals: (AbortSignal | undefined)[] = [];
      const never: Authenticator = {
        name: 'never',
        authenticate: (_request, context) => {
          signals.push(context?.signal);
          return new Promise(() => undefined);
        },
      };
      const harness = new EngineHarness({ authenticators: [never] });
      const a = harness.open();
      a.send(connect({ clientId: 'a' }));
      await harness.settle();
      expect(signals.map((signal) => signal?.aborted)).toEqual([false]);
      end(a, harness);
      expect(signals.map((signal) => signal?.aborted)).toEqual([true]);
    }
  });
});

describe('reading from storage', () => {
  test('what waited for a client comes behind CONNACK, in pages, all of it', async () => {
    const harness = new EngineHarness({ limits: { maxInflight: 1000 } });
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

  test('waits for the commit of what was recorded before', async () => {
    const { harness, a, publisher } = await pair();
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

  test('goes on while acknowledgements are being stored, and waits for what has come behind it', async () => {
    const harness = new EngineHarness({ limits: { maxInflight: 100 } });
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

  test('a failure that passes delays and loses nothing', async () => {
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

  test('many retained messages come all, once', async () => {
    const harness = new EngineHarness({ limits: { maxInflight: 1000 } });
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

describe('the end of a connection', () => {
  test('malformed bytes close it, and what came before them is answered', async () => {
    const { harness, publisher } = await pair();
    publisher.send(PINGREQ, bytes('f0 00'), PINGREQ);
    harness.turn();
    expect(publisher.received()).toEqual(['pingresp']);
    expect(publisher.closings).toHaveLength(1);
    expect(harness.events).toContainEqual(
      expect.objectContaining({ kind: 'connection-ended', reason: 'malformed-packet' }),
    );
  });

  test('nothing is read behind it', async () => {
    const { harness, a, publisher } = await pair();
    publisher.send(DISCONNECT, publish({ topic: 't', payload: 'x' }));
    harness.turn();
    expect(a.received()).toEqual([]);
  });

  test('a takeover closes the older one and serves the newer', async () => {
    const { harness, a, publisher } = await pair();
    harness.commitsAtOnce = true;
    const again = harness.open();
    again.send(connect({ clientId: 'a', clean: false }));
    await harness.settle();
    expect(a.closings).toHaveLength(1);
    publisher.send(publish({ topic: 't', payload: 'x' }));
    await harness.settle();
    expect(again.received()).toEqual(['connack 0 present', 'publish t=x q0']);
    a.lose();
    expect(harness.engine.broker.connectionCount).toBe(2);
  });

  test('a keep-alive deadline closes it when its time has come', async () => {
    const harness = new EngineHarness();
    const a = await harness.connect({ clientId: 'a', keepAlive: 10 });
    harness.clock.advance(14_999);
    await harness.settle();
    expect(a.isClosed).toBe(false);
    harness.clock.advance(1);
    await harness.settle();
    expect(a.isClosed).toBe(true);
  });

  test('a connection that was paused is read to its end', async () => {
    const { harness, a } = await pair({ limits: { drainTimeoutMs: 1000 } });
    a.reads = false;
    a.keeps = false;
    for (let i = 0; i < 200 && !a.isPaused; i++) {
      a.send(...Array.from({ length: 500 }, () => PINGREQ));
      harness.turn();
    }
    expect(a.isPaused).toBe(true);
    harness.turn();
    harness.clock.advance(1000);
    harness.turn();
    expect({ paused: a.isPaused, closed: a.isClosed }).toEqual({ paused: false, closed: true });
  });
});

describe('a shutdown', () => {
  test('closes everyone, commits what was recorded and resolves when all have gone', async () => {
    const { harness, a, publisher } = await pair();
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

test('a watcher that throws harms nobody', async () => {
  const { harness, a } = await pair();
  harness.events.push = () => {
    throw new Error('the test says so');
  };
  a.send(PINGREQ);
  a.send(DISCONNECT);
  harness.turn();
  expect(a.received()).toEqual(['pingresp']);
});

test('QoS 2 goes through with both sides acknowledging', async () => {
  const { harness, a, publisher } = await pair();
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
