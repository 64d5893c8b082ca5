// MQTT 5, section 3.3: PUBLISH.
import { describe, expect, test } from '@jest/globals';
import * as v5 from '../../clients/mqtt5-packets.js';
import { bytes, packet, uint16 } from '../../clients/raw-packets.js';
import { withBroker } from '../../support/broker-harness.js';
import { connect5, endsConnected, sentProperties, watcher5 } from '../../support/mqtt5-clients.js';

const STAYS = { sessionExpiry: 1000 };
const RETAIN_AS_PUBLISHED = 0x08;

describe('3.3.1 Fixed header', () => {
  test('[MQTT-3.3.1-1] [MQTT-4.4.0-1] [MQTT-3.3.2-7] repeats on the next connection have DUP 1, and their topic', () =>
    withBroker(async (broker) => {
      const fields = { clientId: 'a', clean: false, properties: { ...STAYS, topicAliasMaximum: 5 } };
      const before = await connect5(broker, fields);
      await before.subscribe([['topic', 2]]);
      const publisher = await connect5(broker, 'publisher');
      for (const payload of ['1', '2', '3', '4'])
        await publisher.publish({ topic: 'topic', qos: 1 + (Number(payload) % 2), payload });
      const first = await before.all();
      expect(first.map(({ dup }) => dup)).toEqual([false, false, false, false]);
      await broker.advance(60_000);
      await before.expectNothing();
      await before.cut();
      const repeats = await (await connect5(broker, fields)).all();
      const contents = (packets: typeof first): unknown[] =>
        packets.map(({ packetId, topic, payload, qos }) => [packetId, topic, payload, qos]);
      expect(contents(repeats)).toEqual(contents(first));
      expect(repeats.map(({ dup }) => dup)).toEqual([true, true, true, true]);
    }));

  test('[MQTT-3.3.1-2] [MQTT-3.3.1-4] [MQTT-4.3.1-1] DUP at QoS 0 and QoS 3 end the connection, and the broker sends neither', () =>
    withBroker(async (broker) => {
      const watcher = await watcher5(broker, 'watcher', ['t', 0]);
      await endsConnected(broker, 'DUP', [packet(0x38, '0001 74 00')], 0x81);
      for (const first of [0x36, 0x3e]) await endsConnected(broker, 'QoS 3', [packet(first, '0001 74 0001 00')], 0x81);
      await (await connect5(broker)).publish({ topic: 't', qos: 2 });
      await watcher.next('publish', { qos: 0, dup: false });
    }));

  test('[MQTT-3.3.1-3] [MQTT-4.3.2-2] [MQTT-4.3.3-2] DUP of the publisher is not passed on', () =>
    withBroker(async (broker) => {
      const watcher = await watcher5(broker, 'watcher', ['t', 2]);
      const publisher = await connect5(broker, 'publisher');
      for (const qos of [1, 2]) {
        await publisher.publish({ topic: 't', qos, dup: true });
        await watcher.accept({ qos, dup: false });
      }
    }));

  test('[MQTT-3.3.1-5] [MQTT-3.3.1-8] RETAIN 1 replaces the retained message of the topic, and RETAIN 0 leaves it', () =>
    withBroker(async (broker) => {
      const publisher = await connect5(broker, 'publisher');
      for (const qos of [0, 1, 2]) {
        await publisher.publish({ topic: 't', payload: `old ${qos}`, qos, retain: true });
        await publisher.publish({ topic: 't', payload: `new ${qos}`, qos, retain: true });
        await publisher.publish({ topic: 't', payload: 'not retained', qos });
        const late = await watcher5(broker, 'late', ['t', 2]);
        await late.accept({ payload: `new ${qos}`, qos, retain: true });
        await late.expectNothing();
      }
    }));

  test('[MQTT-3.3.1-6] [MQTT-3.3.1-7] an empty retained message is delivered, removes the retained one, and is not stored', () =>
    withBroker(async (broker) => {
      const watcher = await watcher5(broker, 'watcher', ['#', 0]);
      const publisher = await connect5(broker, 'publisher');
      await publisher.publish({ topic: 't', payload: 'x', retain: true });
      await publisher.publish({ topic: 't', retain: true });
      await publisher.publish({ topic: 'fresh', retain: true });
      expect(await watcher.payloads()).toEqual(['x', '', '']);
      await (await watcher5(broker, 'late', ['#', 0])).expectNothing();
    }));

  test('[MQTT-3.3.1-9] [MQTT-3.3.1-10] [MQTT-3.3.1-11] Retain Handling decides which subscriptions bring retained messages', () =>
    withBroker(async (broker) => {
      await (await connect5(broker, 'publisher')).publish({ topic: 't', payload: 'x', retain: true });
      const brings = async (handling: number): Promise<number[]> => {
        const client = await connect5(broker, `handling ${handling}`);
        const counts: number[] = [];
        for (const isSubscribed of [false, true, false]) {
          if (!isSubscribed) await client.unsubscribe('t');
          await client.subscribe([['t', handling << 4]]);
          counts.push((await client.payloads()).length);
        }
        return counts;
      };
      expect(await brings(0)).toEqual([1, 1, 1]);
      expect(await brings(1)).toEqual([1, 0, 1]);
      expect(await brings(2)).toEqual([0, 0, 0]);
    }));

  test('[MQTT-3.3.1-10] a subscription that a resumed session has is not new', () =>
    withBroker(async (broker) => {
      await (await connect5(broker, 'publisher')).publish({ topic: 't', payload: 'x', retain: true });
      const fields = { clientId: 'a', clean: false, properties: STAYS };
      const before = await connect5(broker, fields);
      await before.subscribe([['t', 0x10]]);
      await before.next('publish', { retain: true });
      await before.cut();
      const after = await connect5(broker, fields);
      await after.subscribe([['t', 0x10]]);
      await after.expectNothing();
    }));

  test('[MQTT5-retained-shared] a shared subscription brings no retained messages', () =>
    withBroker(async (broker) => {
      await (await connect5(broker, 'publisher')).publish({ topic: 't', payload: 'x', retain: true });
      await (await watcher5(broker, 'member', ['$share/g/t', 1])).expectNothing();
    }));

  test('[MQTT-3.3.1-12] [MQTT-3.3.1-13] RETAIN is passed on if the subscription says so, and is 0 otherwise', () =>
    withBroker(async (broker) => {
      const plain = await watcher5(broker, 'plain', ['t', 1], ['$share/g/s', 1]);
      const published = await watcher5(
        broker,
        'as published',
        ['t', 1 | RETAIN_AS_PUBLISHED],
        ['$share/h/s', 1 | RETAIN_AS_PUBLISHED],
      );
      const publisher = await connect5(broker, 'publisher');
      for (const qos of [0, 1, 2]) {
        for (const topic of ['t', 's']) {
          for (const retain of [true, false]) {
            await publisher.publish({ topic, payload: 'x', qos, retain });
            await plain.accept({ topic, retain: false });
            await published.accept({ topic, retain });
          }
        }
      }
    }));
});

describe('3.3.2 Variable header', () => {
  test('[MQTT-3.3.2-1] a PUBLISH without a whole topic ends the connection', () =>
    withBroker(async (broker) => {
      for (const body of ['', '00', '00 02 61']) await endsConnected(broker, '', [packet(0x30, body)], 0x81);
    }));

  test('[MQTT-3.3.2-2] [MQTT-4.7.0-1] a topic with a wildcard ends the connection, and is delivered to no one', () =>
    withBroker(async (broker) => {
      const watcher = await watcher5(broker, 'watcher', ['#', 0]);
      for (const topic of ['a/+', 'a/#', '#', '+', 'a+b'])
        for (const qos of [0, 1, 2]) await endsConnected(broker, topic, [v5.publish({ topic, qos })], 0x90);
      expect((await watcher.all()).filter(({ topic }) => topic.search(/[+#]/) >= 0)).toEqual([]);
    }));

  test('[MQTT5-topic-missing] [MQTT-4.7.3-1] a PUBLISH with neither a topic nor an alias that stands for one ends the connection', () =>
    withBroker(async (broker) => {
      for (const qos of [0, 1, 2]) {
        await endsConnected(broker, 'neither', [v5.publish({ qos })], 0x82);
        await endsConnected(broker, 'unknown', [v5.publish({ qos, properties: { topicAlias: 1 } })], 0x82);
      }
    }));

  test('[MQTT-3.3.2-3] deliveries have the topic of the message, which matches the filter', () =>
    withBroker(async (broker) => {
      const watcher = await watcher5(broker, 'watcher', ['a/+', 0]);
      const member = await watcher5(broker, 'member', ['$share/g/a/#', 0]);
      const publisher = await connect5(broker, 'publisher');
      for (const topic of ['a/b', 'b/a', 'a/']) await publisher.publish({ topic });
      expect((await watcher.all()).map(({ topic }) => topic)).toEqual(['a/b', 'a/']);
      expect((await member.all()).map(({ topic }) => topic)).toEqual(['a/b', 'a/']);
    }));

  test('[MQTT-3.3.2-4] [MQTT-3.3.2-15] [MQTT-3.3.2-16] [MQTT-3.3.2-17] [MQTT-3.3.2-18] [MQTT-3.3.2-20] all properties of the publisher arrive unchanged and in order: live, queued, retained, as a will, from a group', () =>
    withBroker(async (broker) => {
      const all: v5.Props5 = {
        payloadFormat: 1,
        contentType: 'text/plain',
        responseTopic: 'answers/1',
        correlationData: Uint8Array.from({ length: 256 }, (_, i) => i),
        user: [
          ['b', '1'],
          ['a', '2'],
          ['b', '1'],
          ['', ''],
        ],
      };
      const offline = { clientId: 'offline', clean: false, properties: STAYS };
      const away = await connect5(broker, offline);
      await away.subscribe([['t', 1]]);
      await away.cut();
      const live = await watcher5(broker, 'live', ['t', 0], ['will', 0]);
      const member = await watcher5(broker, 'member', ['$share/g/t', 1]);
      for (const properties of [all, { payloadFormat: 0 }, { user: [['only', 'one']] as const }]) {
        await (
          await connect5(broker, 'publisher')
        ).publish({ topic: 't', payload: 'x', qos: 1, retain: true, properties });
        for (const client of [live, member]) expect((await client.accept()).properties).toEqual(properties);
        const back = await connect5(broker, offline);
        expect(sentProperties(await back.accept())).toEqual(properties);
        await back.cut();
        const late = await watcher5(broker, 'late', ['t', 0]);
        expect((await late.next('publish', { retain: true })).properties).toEqual(properties);
        await (await connect5(broker, { will: { topic: 'will', payload: 'x', properties } })).cut();
        expect(sentProperties(await live.next('publish', { topic: 'will' }))).toEqual(properties);
      }
    }));

  test('[MQTT-3.3.2-5] a message that has waited for longer than its interval is not delivered, nor a retained one', () =>
    withBroker(async (broker) => {
      const fields = { clientId: 'offline', clean: false, properties: STAYS };
      const away = await connect5(broker, fields);
      await away.subscribe([['t', 2]]);
      await away.cut();
      const publisher = await connect5(broker, 'publisher');
      for (const qos of [1, 2]) {
        await publisher.publish({ topic: 't', qos, payload: 'short', properties: { messageExpiry: 1 }, retain: true });
        await publisher.publish({ topic: 't', qos, payload: 'long', properties: { messageExpiry: 10 } });
      }
      await broker.advance(3000);
      const back = await connect5(broker, fields);
      expect(await back.payloads()).toEqual(['long', 'long']);
      await (await watcher5(broker, 'late', ['t', 1])).expectNothing();
    }));

  test('[MQTT-3.3.2-5] a message for a shared group without a member, or for a full window, expires as well', () =>
    withBroker(async (broker) => {
      const fields = { clientId: 'member', clean: false, properties: { ...STAYS, receiveMaximum: 1 } };
      const member = await connect5(broker, fields);
      await member.subscribe([
        ['$share/g/s', 1],
        ['$share/zero/s', 0],
        ['t', 1],
      ]);
      const publisher = await connect5(broker, 'publisher');
      for (const payload of ['1', '2'])
        await publisher.publish({ topic: 't', qos: 1, payload, properties: { messageExpiry: 1 } });
      const { packetId } = await member.next('publish', { payload: '1' });
      await broker.advance(3000);
      member.send(v5.acknowledge('puback', packetId));
      await member.expectNothing();
      await member.cut();
      await publisher.publish({ topic: 's', qos: 1, payload: '3', properties: { messageExpiry: 1 } });
      await broker.advance(3000);
      await (await connect5(broker, fields)).expectNothing();
    }));

  test('[MQTT-3.3.2-6] the interval that is passed on is what is left of it, at every hop', () =>
    withBroker(async (broker) => {
      const fields = { clientId: 'offline', clean: false, properties: STAYS };
      const away = await connect5(broker, fields);
      await away.subscribe([['t', 1]]);
      await away.cut();
      const live = await watcher5(broker, 'live', ['t', 0], ['will', 0]);
      const properties = { messageExpiry: 60, user: [['a', 'b']] as const };
      await (
        await connect5(broker, 'publisher')
      ).publish({ topic: 't', payload: 'x', qos: 1, retain: true, properties });
      expect((await live.next('publish')).properties).toEqual(properties);
      await broker.advance(3000);
      for (const client of [await connect5(broker, fields), await watcher5(broker, 'late', ['t', 0])])
        expect((await client.next('publish')).properties).toEqual({ ...properties, messageExpiry: 57 });
      // A will begins to wait when it is published.
      const will = { topic: 'will', payload: 'x', retain: true, properties: { messageExpiry: 60, willDelay: 30 } };
      await (await connect5(broker, { properties: STAYS, will })).cut();
      await broker.advance(30_000);
      expect((await live.next('publish')).properties).toEqual({ messageExpiry: 60 });
      await broker.advance(10_000);
      const late = await watcher5(broker, 'later', ['will', 0]);
      expect((await late.next('publish')).properties).toEqual({ messageExpiry: 50 });
    }));

  test('[MQTT-3.3.2-7] a Topic Alias ends with its connection', () =>
    withBroker(async (broker) => {
      const fields = { clientId: 'a', clean: false, properties: STAYS };
      const before = await connect5(broker, fields);
      await before.publish({ topic: 't', properties: { topicAlias: 1 } });
      await before.cut();
      const after = await connect5(broker, fields);
      after.send(v5.publish({ properties: { topicAlias: 1 } }));
      await after.expectEnd(0x82);
    }));

  test('[MQTT-3.3.2-8] a Topic Alias of 0 ends the connection, also with a topic', () =>
    withBroker(async (broker) => {
      for (const topic of ['', 't'])
        await endsConnected(broker, '', [v5.publish({ topic, properties: { topicAlias: 0 } })], 0x94);
    }));

  test('[MQTT-3.3.2-12] [MQTT5-alias-changed] every alias up to the maximum stands for the topic that it came with last', () =>
    withBroker(async (broker) => {
      const watcher = await watcher5(broker, 'watcher', ['#', 0]);
      const client = await connect5(broker, 'a');
      const publish = (topic: string, topicAlias: number, qos: number): Promise<number> =>
        client.publish({ topic, payload: 'x', qos, properties: { topicAlias } });
      const topics: string[] = [];
      for (const alias of [1, 2, 10]) {
        for (const topic of [`first/${alias}`, `second/${alias}`]) {
          await publish(topic, alias, alias % 3);
          await publish('', alias, 1);
          topics.push(topic, topic);
        }
      }
      await publish('', 1, 2);
      const deliveries = await watcher.all();
      expect(deliveries.map(({ topic }) => topic)).toEqual([...topics, 'second/1']);
      expect(deliveries.every(({ properties }) => Object.keys(properties).length === 0)).toBe(true);
    }));

  test('[MQTT-3.3.2-13] [MQTT-3.3.2-14] [MQTT-3.3.2-19] a Response Topic has no wildcards, and both texts are UTF-8', () =>
    withBroker(async (broker) => {
      for (const responseTopic of ['a/#', '+'])
        await endsConnected(broker, '', [v5.publish({ topic: 't', qos: 1, properties: { responseTopic } })], 0x82);
      for (const name of ['responseTopic', 'contentType'])
        await endsConnected(broker, name, [v5.publish({ topic: 't', properties: { [name]: bytes('c3 28') } })], 0x81);
    }));
});

describe('3.3.4 Actions', () => {
  test('[MQTT-3.3.4-1] the answer follows the QoS', () =>
    withBroker(async (broker) => {
      const client = await connect5(broker);
      client.send(v5.publish({ topic: 't' }), v5.publish({ topic: 't', qos: 1, packetId: 1 }));
      client.send(v5.publish({ topic: 't', qos: 2, packetId: 2 }));
      expect((await client.all()).map(({ type, packetId }) => `${type} ${packetId}`)).toEqual(['puback 1', 'pubrec 2']);
    }));

  test('[MQTT-3.3.4-2] [MQTT-3.3.4-3] [MQTT-3.3.4-4] [MQTT-3.3.4-5] overlapping subscriptions bring one copy, with the highest QoS and all identifiers', () =>
    withBroker(async (broker) => {
      const client = await connect5(broker, 'a');
      await client.subscribe([['a/#', 0]], { subscriptionIdentifier: 1 });
      await client.subscribe([['a/b', 2]], { subscriptionIdentifier: 268_435_455 });
      await client.subscribe([['+/b', 1]]);
      const publisher = await connect5(broker, 'publisher');
      await publisher.publish({ topic: 'a/b', qos: 2, payload: 'x' });
      const { properties } = await client.accept({ qos: 2 });
      expect(new Set(properties['subscriptionIdentifier'] as number[])).toEqual(new Set([1, 268_435_455]));
      await publisher.publish({ topic: 'a/c', qos: 2 });
      expect((await client.next('publish', { qos: 0 })).properties).toEqual({ subscriptionIdentifier: [1] });
      await publisher.publish({ topic: 'c/b', qos: 2 });
      expect((await client.accept({ qos: 1 })).properties).toEqual({});
      await client.expectNothing();
    }));

  test('[MQTT-3.3.4-3] retained messages, queued ones, and those of a shared group carry the identifier of their subscription', () =>
    withBroker(async (broker) => {
      const publisher = await connect5(broker, 'publisher');
      await publisher.publish({ topic: 'r', payload: 'x', retain: true, qos: 1 });
      const fields = { clientId: 'a', clean: false, properties: STAYS };
      const client = await connect5(broker, fields);
      // Each retained message belongs to the subscription that brings it.
      await client.subscribe([['#', 1]], { subscriptionIdentifier: 1 });
      expect((await client.accept({ retain: true })).properties).toEqual({ subscriptionIdentifier: [1] });
      await client.subscribe([['r', 1]], { subscriptionIdentifier: 2 });
      expect((await client.accept({ retain: true })).properties).toEqual({ subscriptionIdentifier: [2] });
      await client.subscribe([['$share/g/s', 1]], { subscriptionIdentifier: 3 });
      await client.unsubscribe('#');
      await publisher.publish({ topic: 's', qos: 1 });
      expect((await client.accept()).properties).toEqual({ subscriptionIdentifier: [3] });
      await client.cut();
      await publisher.publish({ topic: 'r', qos: 1 });
      expect((await (await connect5(broker, fields)).accept()).properties).toEqual({ subscriptionIdentifier: [2] });
    }));

  test('[MQTT-3.3.4-7] a client that exceeds the Receive Maximum of the broker is disconnected', () =>
    withBroker(
      async (broker) => {
        const client = await connect5(broker, 'a');
        expect(client.connack?.properties['receiveMaximum']).toBe(2);
        for (let packetId = 1; packetId <= 5; packetId++) await client.publish({ topic: 't', qos: 2, packetId });
        for (let packetId = 1; packetId <= 2; packetId++) client.send(v5.publish({ topic: 't', qos: 2, packetId }));
        // A repeat is not a further message.
        client.send(v5.publish({ topic: 't', qos: 2, packetId: 1, dup: true }));
        expect((await client.all()).map(({ type }) => type)).toEqual(['pubrec', 'pubrec', 'pubrec']);
        client.send(v5.publish({ topic: 't', qos: 2, packetId: 3 }));
        await client.expectEnd(0x93, 'receive-maximum-exceeded');
        await broker.expectOthersServed();
      },
      { limits: { receiveMaximum: 2 } },
    ));

  test('[MQTT5-quota-restarts] what a client has not released on an earlier connection does not count on this one', () =>
    withBroker(
      async (broker) => {
        const fields = { clientId: 'a', clean: false, properties: STAYS };
        const before = await connect5(broker, fields);
        for (const packetId of [1, 2]) before.send(v5.publish({ topic: 't', qos: 2, packetId }));
        await before.all();
        await before.cut();
        const after = await connect5(broker, fields);
        for (const packetId of [3, 4]) after.send(v5.publish({ topic: 't', qos: 2, packetId }));
        expect((await after.all()).map(({ type }) => type)).toEqual(['pubrec', 'pubrec']);
        after.send(v5.acknowledge('pubrel', 1), v5.acknowledge('pubrel', 2));
        await after.all();
        after.send(v5.publish({ topic: 't', qos: 2, packetId: 5 }));
        await after.expectEnd(0x93);
      },
      { limits: { receiveMaximum: 2 } },
    ));

  test('[MQTT-3.3.4-9] [MQTT-3.3.4-10] [MQTT-4.9.0-1] [MQTT-4.9.0-2] [MQTT-4.9.0-3] open deliveries stay within the Receive Maximum of the client, and nothing else waits for it', () =>
    withBroker(async (broker) => {
      const fields = { clientId: 'a', clean: false, properties: { ...STAYS, receiveMaximum: 2 } };
      const client = await connect5(broker, fields);
      await client.subscribe([['t', 2]]);
      const publisher = await connect5(broker, 'publisher');
      for (let i = 1; i <= 8; i++) await publisher.publish({ topic: 't', qos: 1 + (i % 2), payload: String(i) });
      const first = await client.next('publish', { payload: '1', qos: 2 });
      const second = await client.next('publish', { payload: '2', qos: 1 });
      await client.expectNothing();
      await publisher.publish({ topic: 't', payload: 'QoS 0' });
      await client.next('publish', { payload: 'QoS 0' });
      client.send('c0 00');
      await client.next('pingresp');
      expect(await client.subscribe([['other', 1]])).toEqual([1]);
      expect(await client.publish({ topic: 'unheard', qos: 2 })).toBe(0x10);
      client.send(v5.acknowledge('pubrec', first.packetId));
      await client.next('pubrel', { packetId: first.packetId });
      await client.expectNothing();
      client.send(v5.acknowledge('pubcomp', first.packetId));
      const third = await client.next('publish', { payload: '3' });
      await client.expectNothing();
      client.send(v5.acknowledge('puback', second.packetId, 0x80));
      await client.next('publish', { payload: '4' });
      client.send(v5.acknowledge('pubrec', third.packetId, 0x83));
      await client.next('publish', { payload: '5' });
      await client.expectNothing();
      await client.cut();
      // On a resumed session as well: the client of the test fails if there are more.
      const back = await connect5(broker, { ...fields, properties: { ...STAYS, receiveMaximum: 1 } });
      for (const payload of ['4', '5', '6', '7', '8']) await back.accept({ payload });
    }));

  test('[MQTT-3.3.4-9] without a Receive Maximum, the client takes 65,535', () =>
    withBroker(
      async (broker) => {
        const client = await watcher5(broker, 'watcher', ['t', 1]);
        const publisher = await connect5(broker, 'publisher');
        for (let i = 0; i < 1000; i++) publisher.send(v5.publish({ topic: 't', qos: 1, packetId: 1 + i }));
        expect(await client.all()).toHaveLength(1000);
      },
      { limits: { maxInflight: 65_535, initialInflight: 65_535 } },
    ));

  test('[MQTT5-quota-restarts] a client that returns has all of its Receive Maximum again', () =>
    withBroker(async (broker) => {
      const fields = { clientId: 'a', clean: false, properties: { ...STAYS, receiveMaximum: 2 } };
      const before = await connect5(broker, fields);
      await before.subscribe([['t', 2]]);
      const publisher = await connect5(broker, 'publisher');
      for (const payload of ['1', '2', '3']) await publisher.publish({ topic: 't', qos: 1, payload });
      expect(await before.payloads()).toEqual(['1', '2']);
      await before.cut();
      expect(await (await connect5(broker, fields)).payloads()).toEqual(['1', '2']);
    }));
});

test('[MQTT-2.2.1-3] a Packet Identifier in use at QoS 1 begins a new message after PUBACK', () =>
  withBroker(async (broker) => {
    const watcher = await watcher5(broker, 'watcher', ['t', 0]);
    const client = await connect5(broker);
    client.send(packet(0x32, '0001 74', uint16(7), 0, '61'), packet(0x3a, '0001 74', uint16(7), 0, '62'));
    await client.next('puback', { packetId: 7 });
    await client.next('puback', { packetId: 7 });
    expect(await watcher.payloads()).toEqual(['a', 'b']);
  }));
