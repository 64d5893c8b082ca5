// Attacks by clients that do not take what the broker has for them.
import { DISCONNECT, PINGREQ, publish } from '../../clients/raw-packets.js';
import { connected } from '../raw-socket.js';
import { MIB, deafSubscriber, fileStorage, flood, silentSubscriber, times } from './attack.js';
import type { Attack } from './attack.js';

/** Clients that do not read, and what is published is for all of them. */
export const deafClients: Attack = {
  config: { limits: { maxWaitingBytes: 32 * MIB } },
  growthMax: 150,
  unbounded: 600,
  logs: /"event":"message-dropped","reason":"memory-full"/,
  run: async (target) => {
    for (let i = 0; i < 40; i++) await deafSubscriber(target, { clientId: `deaf ${i}` }, 't', 0);
    await flood(target, 1500, () => ({ topic: 't', payload: Buffer.alloc(10_000) }));
  },
};

/** Clients that read and acknowledge nothing: what is in flight has no payload, and costs memory all the same. */
export const unacknowledged: Attack = {
  config: { limits: { maxWaitingBytes: 32 * MIB, initialInflight: 65_535, maxInflight: 65_535 } },
  growthMax: 150,
  unbounded: 480,
  logs: /"event":"connection-ended",.*"reason":"memory-full"/,
  run: async (target) => {
    for (let i = 0; i < 100; i++) await silentSubscriber(target, { clientId: `silent ${i}` }, 't');
    await flood(target, 30_000, (i) => ({ topic: 't', qos: 1, packetId: (i % 65_535) + 1 }), 300);
  },
};

export const oneDeafClient: Attack = {
  config: { limits: { maxBufferedQos0Bytes: 4 * MIB } },
  growthMax: 110,
  unbounded: 300,
  logs: /"event":"message-dropped","reason":"slow-consumer"/,
  run: async (target) => {
    await deafSubscriber(target, { clientId: 'deaf' }, 't', 0);
    await flood(target, 3000, () => ({ topic: 't', payload: Buffer.alloc(100_000) }), 10);
  },
};

/** Clients that let output pile up and then break the protocol, one after the other. */
export const endedConnections: Attack = {
  growthMax: 130,
  unbounded: 300,
  run: async (target) => {
    const publisher = await connected(target, { clientId: 'publisher' });
    const message = publish({ topic: 't', payload: Buffer.alloc(500_000) });
    for (let i = 0; i < 40; i++) {
      const client = await deafSubscriber(target, { clientId: `deaf ${i}` }, 't', 0);
      for (let j = 0; j < 16; j++) await publisher.write(message);
      publisher.send(PINGREQ);
      await publisher.first('pingresp');
      client.send(Uint8Array.of(0xf0, 0));
    }
  },
};

/** The queue of one session that is not stored. */
export const transientQueues: Attack = {
  config: { limits: { maxTransientQueueBytes: MIB } },
  growthMax: 130,
  unbounded: 400,
  logs: /"event":"message-dropped","reason":"queue-bytes-full"/,
  run: async (target) => {
    for (let i = 0; i < 20; i++) await silentSubscriber(target, { clientId: `silent ${i}` }, `t/${i}`);
    await flood(
      target,
      20 * 200,
      (i) => ({ topic: `t/${i % 20}`, payload: Buffer.alloc(100_000), qos: 1, packetId: (i % 65_535) + 1 }),
      10,
    );
  },
};

/** Small messages that wait, each in a chunk of its own with much that goes nowhere. */
export const smallPartsOfChunks: Attack = {
  growthMax: 110,
  unbounded: 4000 / 16,
  run: async (target) => {
    await silentSubscriber(target, { clientId: 'silent' }, 't');
    await flood(
      target,
      8000,
      (i) =>
        i % 2 === 0
          ? { topic: 't', payload: 'x'.repeat(20), qos: 1, packetId: (i % 65_535) + 1 }
          : { topic: 'nowhere', payload: Buffer.alloc(65_000) },
      2,
    );
  },
};

const KEPT = 50;

async function queueFor(target: Parameters<Attack['run']>[0], topic: string, count: number): Promise<void> {
  await flood(
    target,
    count,
    (i) => ({ topic, payload: Buffer.alloc(10_000), qos: 1, packetId: (i % 65_535) + 1 }),
    100,
  );
}

/** Stored queues on a disk, of clients that are away. */
export const awayOnDisk: Attack = {
  config: fileStorage,
  growthMax: 130,
  unbounded: KEPT * 20,
  run: async (target) => {
    for (let i = 0; i < KEPT; i++) {
      const client = await connected(target, { clientId: `away ${i}`, clean: false });
      await client.subscribe(['t', 1]);
      client.send(DISCONNECT);
      await client.gone();
    }
    await queueFor(target, 't', 2000);
  },
};

/** The same, of clients that are there and take nothing. */
export const connectedOnDisk: Attack = {
  config: fileStorage,
  growthMax: 60 + KEPT * 3,
  unbounded: KEPT * 20,
  run: async (target) => {
    for (let i = 0; i < KEPT; i++) await deafSubscriber(target, { clientId: `deaf ${i}`, clean: false }, 't', 1);
    await queueFor(target, 't', 2000);
  },
};

/** Stored queues where the store is in memory: each client has a topic of its own, so that no payload is shared. */
export const awayInMemory: Attack = {
  config: { limits: { maxStoredQueueBytes: 16 * MIB } },
  growthMax: 110,
  unbounded: 300,
  logs: /"event":"message-dropped","reason":"stored-queues-full"/,
  run: async (target) => {
    await times(50, async (i) => {
      const client = await connected(target, { clientId: `away ${i}`, clean: false });
      await client.subscribe([`t/${i}`, 1]);
      client.send(DISCONNECT);
      await client.gone();
    });
    await flood(
      target,
      30_000,
      (i) => ({ topic: `t/${i % 50}`, payload: Buffer.alloc(10_000), qos: 1, packetId: (i % 65_535) + 1 }),
      100,
    );
  },
};

/** Packet Identifiers that clients never release, and leave behind. */
export const unreleased: Attack = {
  config: { limits: { maxSessionBytes: 8 * MIB } },
  growthMax: 110,
  unbounded: (80 * 65_000 * 48) / MIB,
  logs: /"reason":"session-bytes-full"/,
  run: async (target) => {
    const packets = Array.from({ length: 130 }, (_, part) =>
      Buffer.concat(
        Array.from({ length: 500 }, (_, i) => publish({ topic: 't', qos: 2, packetId: part * 500 + i + 1 })),
      ),
    );
    await times(
      80,
      async (i) => {
        const client = await connected(target, { clientId: `away ${i}`, clean: false }).catch(() => undefined);
        if (client === undefined) return;
        client.socket.removeAllListeners('data');
        client.socket.resume();
        for (const part of packets) if (!client.isClosed) await client.write(part);
        client.wire.end();
        await client.gone();
      },
      8,
    );
  },
};
