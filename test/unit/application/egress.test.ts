// The outgoing side through the engine: what waits for storage, the order of output, writes and peers that do not keep
// up.
import { describe, expect, test } from '@jest/globals';
import { ALLOW_ALL } from '../../../src/domain/access/permissions.js';
import { EngineHarness, storedPair } from '../../support/engine-harness.js';
import type { EnginePeer } from '../../support/engine-harness.js';
import {
  PINGREQ,
  connect,
  puback,
  publish,
  pubrec,
  pubrel,
  subscribe,
  unsubscribe,
} from '../../clients/raw-packets.js';

describe('promises of durability', () => {
  test('CONNACK of a stored session waits for the commit', async () => {
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

  test('SUBACK and UNSUBACK of a stored session wait for the commit', async () => {
    const { harness, a } = await storedPair();
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

  test('PUBACK, PUBREC and PUBCOMP to a publisher wait for the commit', async () => {
    const { harness, publisher } = await storedPair();
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

  test('a QoS 2 delivery waits for the commit, and so does PUBREL behind it', async () => {
    const { harness, a, publisher } = await storedPair();
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

  test('a QoS 2 delivery to a subscriber that is not stored waits too, because its publisher would repeat it after a crash', async () => {
    const { harness, publisher } = await storedPair();
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

  test('an acknowledgement that is repeated waits for the commit of the first', async () => {
    const { harness, publisher } = await storedPair();
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
  test('the default level asks storage to flush', async () => {
    const { harness, publisher } = await storedPair();
    publisher.send(publish({ topic: 't', payload: 'x', qos: 1, packetId: 1 }));
    await harness.settle();
    expect(harness.storage.durabilities.at(-1)).toBe('flushed');
  });

  test('the level stored waits for storage, which need not flush', async () => {
    const { harness, publisher } = await storedPair({ ackLevel: 'stored' });
    publisher.send(publish({ topic: 't', payload: 'x', qos: 1, packetId: 1 }));
    await harness.settle();
    expect(publisher.received()).toEqual([]);
    expect(harness.storage.durabilities.at(-1)).toBe('stored');
    await harness.storage.grantCommit();
    await harness.settle();
    expect(publisher.received()).toEqual(['puback 1']);
  });

  test('the level received waits for nothing, and stores all the same', async () => {
    const { harness, a, publisher } = await storedPair({ ackLevel: 'received' });
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

test('a CONNACK without a session waits for the end of the stored one, whichever connection ended it', async () => {
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

describe('output that promises nothing', () => {
  test('QoS 0 and QoS 1 deliveries leave before the commit', async () => {
    const { harness, a, publisher } = await storedPair();
    publisher.send(publish({ topic: 't', payload: 'x', qos: 1, packetId: 1 }), publish({ topic: 't', payload: 'y' }));
    harness.turn();
    expect(a.received()).toEqual(['publish t=x q1 id1', 'publish t=y q0']);
    expect(publisher.received()).toEqual([]);
  });

  test('a connection with nothing pending does not wait for the commits of others', async () => {
    const { harness, publisher } = await storedPair();
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
    const { harness, publisher } = await storedPair();
    publisher.send(publish({ topic: 't', payload: 'x', qos: 1, packetId: 1 }), PINGREQ);
    harness.turn();
    expect(publisher.received()).toEqual(['pingresp']);
  });

  test('a refusing CONNACK leaves while commits are under way', async () => {
    const { harness, publisher } = await storedPair();
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

describe('the order of output', () => {
  test('no packet overtakes CONNACK', async () => {
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
    const { harness, publisher } = await storedPair();
    publisher.send(publish({ topic: 't', payload: '1', qos: 1, packetId: 1 }));
    await harness.settle();
    publisher.send(
      publish({ topic: 'no/subscriber', payload: '2', qos: 1, packetId: 2 }),
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

  test('QoS 2 deliveries leave in the order in which they were published', async () => {
    const { harness, a, publisher } = await storedPair();
    for (const packetId of [1, 2, 3]) {
      publisher.send(publish({ topic: 't', payload: String(packetId), qos: 2, packetId }));
      await harness.settle();
    }
    harness.commitsAtOnce = true;
    await harness.settle();
    expect(a.received()).toEqual(['publish t=1 q2 id1', 'publish t=2 q2 id2', 'publish t=3 q2 id3']);
  });
});

describe('writing', () => {
  test('each connection is written to once per turn', async () => {
    const { harness, a, publisher } = await storedPair();
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

  test('a large output is written before the end of the turn', async () => {
    const { a, publisher } = await storedPair();
    const before = a.writes;
    for (let i = 0; i < 10; i++) publisher.send(publish({ topic: 't', payload: 'x'.repeat(50_000) }));
    expect(a.writes).toBeGreaterThan(before);
  });

  test('a fan-out brings each subscriber the message with its own Packet Identifier and flags', async () => {
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

  test('bytes that were handed to the network are not changed afterwards', async () => {
    const { harness, a, publisher } = await storedPair();
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
  test('a peer that does not read gets no more messages until it does, and others are served', async () => {
    const { harness, a, publisher } = await storedPair();
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

  test('a peer that does not read loses QoS 0 messages beyond the limit', async () => {
    const { harness, a, publisher } = await storedPair({ limits: { maxBufferedQos0Messages: 3 } });
    a.reads = false;
    for (let i = 0; i < 10; i++) {
      publisher.send(publish({ topic: 't', payload: String(i) }));
      harness.turn();
    }
    expect(harness.engine.broker.counters.dropped['slow-consumer']).toBe(6);
    // Small writes would cost more than their bytes, so the broker keeps them together until the peer has read.
    expect(a.received()).toHaveLength(1);
    a.drain();
    harness.turn();
    expect(a.received()).toHaveLength(3);
  });

  test('a peer that sends and does not read is not read either, until it has read', async () => {
    const { harness, a } = await storedPair();
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

  test('a peer that does not read is disconnected after drainTimeoutMs', async () => {
    const { harness, a, publisher } = await storedPair({ limits: { drainTimeoutMs: 1000 } });
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
    const all = await storedPair({ limits: { drainTimeoutMs: 1000 } });
    const { harness, a, publisher } = all;
    a.reads = false;
    publisher.send(publish({ topic: 't', payload: '1' }));
    harness.turn();
    harness.turn();
    return all;
  };

  test('a client that reads slowly is kept as long as it reads, and has drainTimeoutMs again when it stops', async () => {
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

  test('a client that sends PINGREQ is not taken for one that reads', async () => {
    const { harness, a } = await slow();
    a.send(PINGREQ);
    harness.turn();
    harness.clock.advance(1000);
    harness.turn();
    expect(a.isClosed).toBe(true);
  });
});
