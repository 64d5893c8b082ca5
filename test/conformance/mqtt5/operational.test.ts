// MQTT 5, chapter 4: operational behaviour.
import { describe, expect, test } from '@jest/globals';
import * as v5 from '../../clients/mqtt5-packets.js';
import { withBroker } from '../../support/broker-harness.js';
import type { BrokerHarness } from '../../support/broker-harness.js';
import { connect5, endsConnected, refused5, watcher5 } from '../../support/mqtt5-clients.js';
import type { Client5 } from '../../support/mqtt5-clients.js';

const STAYS = { sessionExpiry: 1000 };
const RETURNING = { clientId: 'a', clean: false, properties: STAYS };

/** A client with a session that stays, with this subscription. */
async function staying(broker: BrokerHarness, filter: string, qos: number, clientId = 'a'): Promise<Client5> {
  const client = await connect5(broker, { ...RETURNING, clientId });
  await client.subscribe([[filter, qos]]);
  return client;
}

describe('4.1 and 4.2', () => {
  test('[MQTT-4.1.0-1] a session does not end while its connection is open', () =>
    withBroker(async (broker) => {
      const client = await connect5(broker, { clientId: 'a', properties: { sessionExpiry: 1 } });
      await client.subscribe([['t', 1]]);
      await broker.advance(600_000);
      await (await connect5(broker, 'b')).publish({ topic: 't', qos: 1 });
      await client.next('publish');
    }));

  test('[MQTT-4.1.0-2] a session that has expired is gone with its subscriptions and its queue', () =>
    withBroker(async (broker) => {
      const client = await connect5(broker, { clientId: 'a', properties: { sessionExpiry: 2 } });
      await client.subscribe([['t', 1]]);
      await client.cut();
      const publisher = await connect5(broker, 'b');
      expect(await publisher.publish({ topic: 't', qos: 1 })).toBe(0);
      await broker.advance(2000);
      expect(await publisher.publish({ topic: 't', qos: 1 })).toBe(0x10);
      const back = await connect5(broker, { clientId: 'a', clean: false, properties: { sessionExpiry: 2 } });
      expect(back.connack?.sessionPresent).toBe(false);
      await back.expectNothing();
    }));

  test('[MQTT-4.2.0-1] the broker is served over an ordered, lossless, bidirectional transport', () =>
    withBroker(async (broker) => {
      const client = await watcher5(broker, 'a', ['t', 0]);
      for (let i = 0; i < 100; i++) client.send(v5.publish({ topic: 't', payload: String(i) }));
      expect(await client.payloads()).toEqual(Array.from({ length: 100 }, (_, i) => String(i)));
    }));
});

describe('4.3 QoS 1', () => {
  test('[MQTT-4.3.2-3] a message is sent again on the next connection until it has its PUBACK', () =>
    withBroker(async (broker) => {
      const before = await staying(broker, 't', 1);
      await (await connect5(broker, 'b')).publish({ topic: 't', qos: 1, payload: 'x' });
      const { packetId } = await before.next('publish');
      await before.cut();
      const after = await connect5(broker, RETURNING);
      await after.next('publish', { packetId, payload: 'x', dup: true });
      after.send(v5.acknowledge('puback', packetId));
      await after.cut();
      await (await connect5(broker, RETURNING)).expectNothing();
    }));

  test('[MQTT-4.3.2-5] after PUBACK the same Packet Identifier is a new message, whatever DUP says', () =>
    withBroker(async (broker) => {
      const watcher = await watcher5(broker, 'watcher', ['t', 0]);
      const client = await connect5(broker);
      for (const dup of [false, true])
        await client.publish({ topic: 't', qos: 1, packetId: 5, payload: `dup ${dup}`, dup });
      expect(await watcher.payloads()).toEqual(['dup false', 'dup true']);
    }));
});

describe('4.3 QoS 2', () => {
  test('[MQTT-4.3.3-3] [MQTT-4.3.3-4] [MQTT-4.3.3-5] [MQTT-4.3.3-6] PUBLISH is repeated until PUBREC, then PUBREL until PUBCOMP', () =>
    withBroker(async (broker) => {
      let client = await staying(broker, 't', 2);
      await (await connect5(broker, 'b')).publish({ topic: 't', qos: 2, payload: 'x' });
      const { packetId } = await client.next('publish', { dup: false });
      const back = async (): Promise<void> => {
        await client.cut();
        client = await connect5(broker, RETURNING);
      };
      await back();
      await client.next('publish', { packetId, dup: true });
      client.send(v5.acknowledge('pubrec', packetId));
      await client.next('pubrel', { packetId, code: 0 });
      await back();
      await client.next('pubrel', { packetId });
      await client.expectNothing();
      client.send(v5.acknowledge('pubcomp', packetId));
      await back();
      await client.expectNothing();
    }));

  test('[MQTT-4.3.3-4] [MQTT-4.4.0-2] a PUBREC or PUBACK of 0x80 or more ends the message: no PUBREL, no repeat', () =>
    withBroker(async (broker) => {
      const client = await staying(broker, 't', 2);
      const publisher = await connect5(broker, 'b');
      for (const [qos, type] of [
        [1, 'puback'],
        [2, 'pubrec'],
      ] as const) {
        for (const code of [0x80, 0x97]) {
          await publisher.publish({ topic: 't', qos });
          client.send(
            v5.acknowledge(type, (await client.next('publish', { qos })).packetId, code, { reasonString: 'no' }),
          );
          await client.expectNothing();
        }
      }
      await client.cut();
      await (await connect5(broker, RETURNING)).expectNothing();
    }));

  test('[MQTT-4.3.3-7] [MQTT-4.3.3-13] expiry no longer applies to a message on its way, in both directions', () =>
    withBroker(async (broker) => {
      const properties = { messageExpiry: 1 };
      const before = await staying(broker, 't', 2);
      const publisher = await connect5(broker, 'b');
      for (const payload of ['sent', 'received']) await publisher.publish({ topic: 't', qos: 2, payload, properties });
      const [sent, received] = await before.all();
      before.send(v5.acknowledge('pubrec', received?.packetId ?? 0));
      await before.next('pubrel');
      await broker.advance(3000);
      await before.cut();
      const after = await connect5(broker, RETURNING);
      await after.next('publish', { payload: 'sent', packetId: sent?.packetId as number, dup: true });
      await after.next('pubrel', { packetId: received?.packetId as number });
      publisher.send(v5.publish({ topic: 'other', qos: 2, packetId: 99, properties }));
      await publisher.next('pubrec', { packetId: 99 });
      await broker.advance(3000);
      publisher.send(v5.acknowledge('pubrel', 99));
      await publisher.next('pubcomp', { packetId: 99, code: 0 });
    }));

  test('[MQTT-4.3.3-9] after a PUBREC of 0x80 or more the same Packet Identifier is a new message', () =>
    withBroker(async (broker) => {
      const watcher = await watcher5(broker, 'watcher', ['open/t', 0]);
      const client = await connect5(broker, { userName: 'limited' });
      expect(await client.publish({ topic: 'closed', qos: 2, packetId: 5 })).toBe(0x87);
      expect(await client.publish({ topic: 'open/t', qos: 2, packetId: 5, payload: 'x' })).toBe(0);
      expect(await watcher.payloads()).toEqual(['x']);
    }));

  test('[MQTT-4.3.3-10] [MQTT-4.3.3-12] until PUBREL a Packet Identifier is a repeat, also on the next connection; after PUBCOMP it is a new message', () =>
    withBroker(async (broker) => {
      const watcher = await watcher5(broker, 'watcher', ['t', 0]);
      const sent = v5.publish({ topic: 't', qos: 2, packetId: 5, payload: 'x' });
      const before = await connect5(broker, RETURNING);
      before.send(sent, sent);
      for (let i = 0; i < 2; i++) await before.next('pubrec', { packetId: 5, code: 0 });
      await before.cut();
      const after = await connect5(broker, RETURNING);
      after.send(v5.publish({ topic: 't', qos: 2, packetId: 5, payload: 'x', dup: true }));
      await after.next('pubrec', { packetId: 5, code: 0 });
      expect(await watcher.payloads()).toEqual(['x']);
      after.send(v5.acknowledge('pubrel', 5));
      await after.next('pubcomp', { packetId: 5, code: 0 });
      after.send(sent);
      await after.next('pubrec', { packetId: 5 });
      expect(await watcher.payloads()).toEqual(['x']);
    }));
});

describe('4.4 to 4.6', () => {
  test('[MQTT-4.4.0-1] what is not acknowledged is not repeated on an open connection', () =>
    withBroker(async (broker) => {
      const client = await watcher5(broker, 'a', ['t', 2]);
      const publisher = await connect5(broker, 'b');
      for (const qos of [1, 2]) await publisher.publish({ topic: 't', qos });
      expect(await client.all()).toHaveLength(2);
      await broker.advance(3_600_000);
      await client.expectNothing();
    }));

  test('[MQTT-4.6.0-1] [MQTT-4.6.0-2] [MQTT-4.6.0-3] [MQTT-4.6.0-4] repeats and answers keep the order of what they belong to', () =>
    withBroker(async (broker) => {
      const publisher = await connect5(broker, 'b');
      for (let packetId = 1; packetId <= 20; packetId++)
        publisher.send(v5.publish({ topic: 't', qos: 1 + (packetId % 2), packetId }));
      expect((await publisher.all()).map(({ type, packetId }) => `${type} ${packetId}`)).toEqual(
        Array.from({ length: 20 }, (_, i) => `${i % 2 === 0 ? 'pubrec' : 'puback'} ${i + 1}`),
      );
      for (let packetId = 1; packetId <= 20; packetId += 2) publisher.send(v5.acknowledge('pubrel', packetId));
      await publisher.all();
      const before = await staying(broker, 't', 2);
      for (const payload of '12345')
        await publisher.publish({ topic: 't', qos: 2, payload, packetId: 100 + Number(payload) });
      const first = await before.all();
      const order = first.map(({ packetId }) => packetId).reverse();
      for (const packetId of order) before.send(v5.acknowledge('pubrec', packetId));
      expect((await before.all()).map(({ packetId }) => packetId)).toEqual(order);
      const other = await staying(broker, 't', 2, 'other');
      for (const payload of '67') await publisher.publish({ topic: 't', qos: 1, payload });
      expect(await other.payloads()).toEqual(['6', '7']);
      await other.cut();
      expect(await (await connect5(broker, { ...RETURNING, clientId: 'other' })).payloads()).toEqual(['6', '7']);
    }));

  test('[MQTT-4.6.0-5] [MQTT-4.6.0-6] messages of one client on one topic arrive in their order, at every QoS', () =>
    withBroker(async (broker) => {
      const watchers = [
        await watcher5(broker, '0', ['t', 0]),
        await watcher5(broker, '1', ['t', 1]),
        await watcher5(broker, '2', ['#', 2]),
      ];
      const publisher = await connect5(broker, 'publisher');
      for (const qos of [0, 1, 2]) {
        const expected = Array.from({ length: 30 }, (_, i) => `${qos} ${i}`);
        for (const [i, payload] of expected.entries())
          publisher.send(v5.publish({ topic: 't', qos, packetId: 1 + i, payload }));
        await publisher.all();
        for (let packetId = 1; packetId <= 30; packetId++) publisher.send(v5.acknowledge('pubrel', packetId));
        for (const watcher of watchers) {
          const deliveries = await watcher.all();
          expect(deliveries.map(({ payload }) => payload)).toEqual(expected);
          for (const { qos: at, packetId } of deliveries) {
            if (at === 1) watcher.send(v5.acknowledge('puback', packetId));
            if (at === 2) watcher.send(v5.acknowledge('pubrec', packetId));
          }
          await watcher.all();
          for (const { qos: at, packetId } of deliveries)
            if (at === 2) watcher.send(v5.acknowledge('pubcomp', packetId));
        }
      }
    }));
});

describe('4.7 Topic Names and Topic Filters', () => {
  test('[MQTT-4.7.0-1] a will topic with a wildcard is refused', () =>
    withBroker(async (broker) => {
      for (const topic of ['a/#', '+', '']) await refused5(broker, topic, [v5.connect({ will: { topic } })], 0x90);
    }));

  test('[MQTT-4.7.1-1] [MQTT-4.7.1-2] [MQTT-4.7.3-1] a filter with a wildcard in the wrong place, or without a character, ends the connection', () =>
    withBroker(async (broker) => {
      for (const filter of ['a#', 'a/#/b', '#/a', '##', 'a+', '+a/b', 'a/b+', '']) {
        await endsConnected(broker, filter, [v5.subscribe(1, [[filter, 0]])], 0x8f);
        await endsConnected(broker, filter, [v5.unsubscribe(1, [filter])], 0x8f);
      }
      await watcher5(broker, 'a', ['+', 0], ['+/a', 1], ['a/+/b', 2], ['#', 0], ['a/#', 0], ['+/#', 1], ['/', 0]);
    }));

  test('[MQTT-4.7.2-1] a wildcard at the beginning does not match topics that begin with $', () =>
    withBroker(async (broker) => {
      const client = await watcher5(broker, 'a', ['#', 0], ['+/y', 0]);
      const own = await watcher5(broker, 'b', ['$x/#', 0]);
      await (await connect5(broker, 'c')).publish({ topic: '$x/y' });
      await client.expectNothing();
      await own.next('publish', { topic: '$x/y' });
    }));

  test('[MQTT-4.7.3-3] a topic may take 65,535 bytes', () =>
    withBroker(
      async (broker) => {
        const topic = 'x'.repeat(65_535);
        const client = await watcher5(broker, 'a', [topic, 0]);
        await (await connect5(broker, 'b')).publish({ topic });
        expect((await client.next('publish')).topic).toHaveLength(65_535);
      },
      { limits: { maxTopicLength: 65_535 } },
    ));

  test('[MQTT-4.7.3-4] topics are compared character by character', () =>
    withBroker(async (broker) => {
      const client = await watcher5(broker, 'a', ['caf\u00e9', 0], ['A', 0], ['\u212b', 0]);
      const publisher = await connect5(broker, 'b');
      for (const topic of ['cafe\u0301', 'a', '\u00c5', 'A/', '/A']) await publisher.publish({ topic });
      await client.expectNothing();
    }));
});

describe('4.8 Shared subscriptions', () => {
  test('[MQTT-4.8.2-1] [MQTT-4.8.2-2] a ShareName has a character and no wildcard, and a filter follows it', () =>
    withBroker(async (broker) => {
      for (const filter of [
        '$share//a',
        '$share/g+/a',
        '$share/#/a',
        '$share/g',
        '$share/g/',
        '$share/',
        '$share/g/a#',
      ])
        await endsConnected(broker, filter, [v5.subscribe(1, [[filter, 0]])], 0x8f);
      await watcher5(broker, 'a', ['$share/g/a', 0], ['$share/g/#', 0], ['$share/g//', 0], ['$share', 0]);
    }));

  test('[MQTT-4.8.2-3] each member gets messages at its own QoS', () =>
    withBroker(async (broker) => {
      const members = [0, 1, 2].map((qos) => [qos, watcher5(broker, `member ${qos}`, ['$share/g/t', qos])] as const);
      const publisher = await connect5(broker, 'publisher');
      for (const [, member] of members) await member;
      for (let i = 0; i < 6; i++) await publisher.publish({ topic: 't', qos: 2 });
      for (const [qos, member] of members) {
        const deliveries = await (await member).all();
        expect(deliveries.map((delivery) => delivery.qos)).toEqual([qos, qos]);
      }
    }));

  test('[MQTT-4.8.2-4] [MQTT-4.8.2-5] a QoS 2 message that a member has begun to get is for that member alone, even if its session ends', () =>
    withBroker(async (broker) => {
      const member = await staying(broker, '$share/g/t', 2);
      await (await connect5(broker, 'publisher')).publish({ topic: 't', qos: 2, payload: 'x' });
      const { packetId } = await member.next('publish');
      const other = await staying(broker, '$share/g/t', 2, 'other');
      await member.cut();
      await other.expectNothing();
      const back = await connect5(broker, RETURNING);
      await back.next('publish', { packetId, payload: 'x', dup: true });
      await back.cut();
      await broker.advance(1_000_000);
      await other.expectNothing();
    }));

  test('[MQTT-4.8.2-6] a message that a member refuses goes to no other member', () =>
    withBroker(async (broker) => {
      const members = [await staying(broker, '$share/g/t', 2), await staying(broker, '$share/g/t', 2, 'b')];
      const publisher = await connect5(broker, 'publisher');
      for (const [qos, type] of [
        [1, 'puback'],
        [2, 'pubrec'],
      ] as const) {
        await publisher.publish({ topic: 't', qos });
        for (const member of members)
          for (const { packetId } of await member.all()) member.send(v5.acknowledge(type, packetId, 0x80));
        for (const member of members) await member.expectNothing();
      }
      for (const member of members) await member.cut();
      await (await connect5(broker, RETURNING)).expectNothing();
    }));
});
