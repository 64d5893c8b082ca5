// MQTT 5, sections 3.8 to 3.11: SUBSCRIBE, SUBACK, UNSUBSCRIBE and UNSUBACK.
import { describe, expect, test } from '@jest/globals';
import * as v5 from '../../clients/mqtt5-packets.js';
import { bytes, field, packet, uint16 } from '../../clients/raw-packets.js';
import { withBroker } from '../../support/broker-harness.js';
import { connect5, endsConnected, watcher5 } from '../../support/mqtt5-clients.js';

const NO_LOCAL = 0x04;
const RETAIN_AS_PUBLISHED = 0x08;

describe('3.8 SUBSCRIBE', () => {
  test('[MQTT-3.8.3-1] [MQTT-3.8.3-2] SUBSCRIBE has filters, and each is UTF-8', () =>
    withBroker(async (broker) => {
      await endsConnected(broker, 'none', [v5.subscribe(1, [])], 0x82);
      await endsConnected(broker, 'none', [v5.subscribe(1, [], { subscriptionIdentifier: 1 })], 0x82);
      await endsConnected(
        broker,
        'not UTF-8',
        [
          v5.subscribe(1, [
            ['a', 0],
            [bytes('61 ff'), 0],
          ]),
        ],
        0x81,
      );
      await endsConnected(broker, 'no options', [packet(0x82, uint16(1), 0, field('a'))], 0x81);
    }));

  test('[MQTT-3.8.3-3] with No Local a client does not get what it publishes itself, and others do', () =>
    withBroker(async (broker) => {
      const client = await watcher5(broker, 'a', ['t', 1 | NO_LOCAL]);
      const other = await watcher5(broker, 'b', ['t', 1]);
      for (const qos of [0, 1, 2]) {
        await client.publish({ topic: 't', qos, payload: 'own' });
        await client.expectNothing();
        await other.accept({ payload: 'own' });
        await other.publish({ topic: 't', qos, payload: 'of another' });
        await client.accept({ payload: 'of another' });
        await other.accept({ payload: 'of another' });
      }
    }));

  test('[MQTT-3.8.3-3] No Local goes by the Client Identifier: also for a connection that took over, and for the will', () =>
    withBroker(async (broker) => {
      const fields = { clientId: 'a', clean: false, properties: { sessionExpiry: 60 } };
      const older = await connect5(broker, { ...fields, will: { topic: 't', payload: 'own will', qos: 1 } });
      await older.subscribe([['t', 1 | NO_LOCAL]]);
      await older.publish({ topic: 't', qos: 1, payload: 'own' });
      const newer = await connect5(broker, fields);
      await older.expectEnd(0x8e);
      await newer.publish({ topic: 't', qos: 1, payload: 'own' });
      await newer.expectNothing();
      await (await connect5(broker, 'b')).publish({ topic: 't', qos: 1, payload: 'of another' });
      await newer.accept({ payload: 'of another' });
    }));

  test('[MQTT-3.8.3-3] of overlapping subscriptions, those with No Local have no part in what the client publishes itself', () =>
    withBroker(async (broker) => {
      const client = await connect5(broker, 'a');
      await client.subscribe([['#', 2 | NO_LOCAL | RETAIN_AS_PUBLISHED]], { subscriptionIdentifier: 1 });
      await client.subscribe([['t', 0]], { subscriptionIdentifier: 2 });
      await client.subscribe([['+', 1]], { subscriptionIdentifier: 3 });
      await client.publish({ topic: 't', qos: 2, payload: 'own', retain: true });
      const own = await client.accept({ payload: 'own', qos: 1, retain: false });
      expect(new Set(own.properties['subscriptionIdentifier'] as number[])).toEqual(new Set([2, 3]));
      await (await connect5(broker, 'b')).publish({ topic: 't', qos: 2, payload: 'of another', retain: true });
      const other = await client.accept({ payload: 'of another', qos: 2, retain: true });
      expect(new Set(other.properties['subscriptionIdentifier'] as number[])).toEqual(new Set([1, 2, 3]));
    }));

  test('[MQTT-3.8.3-4] No Local on a shared subscription ends the connection, and subscribes to nothing', () =>
    withBroker(async (broker) => {
      const sent = v5.subscribe(1, [
        ['t', 1],
        ['$share/g/t', 1 | NO_LOCAL],
      ]);
      await endsConnected(broker, '', [sent], 0x82, { clientId: 'a', properties: { sessionExpiry: 60 } });
      const back = await connect5(broker, { clientId: 'a', clean: false });
      await (await connect5(broker, 'b')).publish({ topic: 't', qos: 1 });
      await back.expectNothing();
    }));

  test('[MQTT-3.8.3-5] [MQTT5-subscribe-options] reserved bits, QoS 3 and Retain Handling 3 in the options end the connection', () =>
    withBroker(async (broker) => {
      for (const options of [0x40, 0x80, 0xc1])
        await endsConnected(broker, '', [v5.subscribe(1, [['t', options]])], 0x81);
      for (const options of [0x03, 0x30, 0x31])
        await endsConnected(broker, '', [v5.subscribe(1, [['t', options]])], 0x82);
    }));

  test('[MQTT5-properties] a Subscription Identifier of 0, or two of them, end the connection', () =>
    withBroker(async (broker) => {
      for (const subscriptionIdentifier of [0, [1, 2]])
        await endsConnected(broker, '', [v5.subscribe(1, [['t', 0]], { subscriptionIdentifier })], 0x82);
    }));

  test('[MQTT-3.8.4-1] [MQTT-3.8.4-5] [MQTT-3.8.4-6] [MQTT-3.8.4-7] [MQTT-3.9.3-1] [MQTT-3.9.3-2] several filters get one SUBACK, with one code for each, in order', () =>
    withBroker(async (broker) => {
      const client = await connect5(broker, { userName: 'limited' });
      expect(
        await client.subscribe([
          ['open/a', 2],
          ['closed', 1],
          ['open/b', 0],
          ['open/c', 1],
        ]),
      ).toEqual([2, 0x87, 0, 1]);
      const publisher = await connect5(broker, 'publisher');
      for (const topic of ['open/a', 'closed', 'open/b', 'open/c']) await publisher.publish({ topic });
      expect((await client.all()).map(({ topic }) => topic)).toEqual(['open/a', 'open/b', 'open/c']);
    }));

  test('[MQTT-3.8.4-3] a subscription with the same filter replaces the older one, with all its options', () =>
    withBroker(async (broker) => {
      const client = await connect5(broker, 'a');
      const publisher = await connect5(broker, 'publisher');
      await client.subscribe([['t', 0 | NO_LOCAL]], { subscriptionIdentifier: 1 });
      await client.subscribe([['t', 2 | RETAIN_AS_PUBLISHED]], { subscriptionIdentifier: 2 });
      await publisher.publish({ topic: 't', qos: 2, payload: 'x', retain: true });
      expect((await client.accept({ qos: 2, retain: true })).properties).toEqual({ subscriptionIdentifier: [2] });
      await client.publish({ topic: 't', payload: 'own' });
      await client.next('publish', { payload: 'own' });
      await client.subscribe([['t', 1 | 0x20]]);
      await publisher.publish({ topic: 't', qos: 2, retain: true });
      expect((await client.accept({ qos: 1, retain: false })).properties).toEqual({});
      await client.expectNothing();
    }));

  test('[MQTT-3.8.4-3] a shared subscription is replaced by one of the same name and filter alone', () =>
    withBroker(async (broker) => {
      const client = await connect5(broker, 'a');
      for (const filter of ['t', '$share/g/t', '$share/g/t', '$share/h/t']) await client.subscribe([[filter, 0]]);
      await (await connect5(broker, 'publisher')).publish({ topic: 't', payload: 'x' });
      expect(await client.payloads()).toEqual(['x', 'x', 'x']);
    }));

  test('[MQTT-3.8.4-4] a replacement brings the retained messages again, and loses no message', () =>
    withBroker(async (broker) => {
      const client = await watcher5(broker, 'a', ['t', 1]);
      const publisher = await connect5(broker, 'publisher');
      for (let i = 1; i <= 20; i++) {
        publisher.send(v5.publish({ topic: 't', qos: 1, packetId: i, payload: String(i), retain: i === 1 }));
        client.send(v5.subscribe(100 + i, [['t', 1]]));
      }
      const payloads = (await client.all())
        .filter(({ type }) => type === 'publish')
        .map(({ payload, retain }) => `${payload}${retain ? ' again' : ''}`);
      expect(payloads.filter((payload) => !payload.endsWith('again'))).toEqual(
        Array.from({ length: 20 }, (_, i) => String(i + 1)),
      );
      expect(payloads).toContain('1 again');
    }));

  test('[MQTT-3.8.4-8] messages have the lower of the two QoS', () =>
    withBroker(async (broker) => {
      const client = await watcher5(broker, 'a', ['0', 0], ['1', 1], ['2', 2]);
      const publisher = await connect5(broker, 'publisher');
      for (const qos of [0, 1, 2]) {
        for (const granted of [0, 1, 2]) {
          await publisher.publish({ topic: String(granted), qos });
          await client.accept({ qos: Math.min(qos, granted) });
        }
      }
    }));
});

describe('3.9 SUBACK and 3.11 UNSUBACK', () => {
  test('[MQTT-3.9.2-1] [MQTT-3.9.2-2] [MQTT-3.11.2-1] [MQTT-3.11.2-2] SUBACK and UNSUBACK fit into the Maximum Packet Size of the client, and otherwise the request has no effect', () =>
    withBroker(async (broker) => {
      const properties = { maximumPacketSize: 20, sessionExpiry: 60 };
      const client = await connect5(broker, { clientId: 'a', userName: 'limited', properties });
      expect(await client.subscribe([['closed', 0]])).toEqual([0x87]);
      expect(await client.unsubscribe('unknown')).toEqual([0x11]);
      const many = Array.from({ length: 30 }, (_, i) => `open/${i}`);
      client.send(
        v5.subscribe(
          9,
          many.map((filter) => [filter, 1] as const),
        ),
      );
      await client.expectEnd(0x95);
      const back = await connect5(broker, { clientId: 'a', clean: false, userName: 'limited', properties });
      await (await connect5(broker, 'publisher')).publish({ topic: 'open/1', qos: 1 });
      await back.expectNothing();
      back.send(v5.unsubscribe(9, many));
      await back.expectEnd(0x95);
    }));

  test('[MQTT-3.11.3-1] [MQTT-3.11.3-2] UNSUBACK has one code for each filter, in order', () =>
    withBroker(async (broker) => {
      const client = await watcher5(broker, 'a', ['a', 0], ['c', 0]);
      expect(await client.unsubscribe('a', 'b', 'c', 'a')).toEqual([0, 0x11, 0, 0x11]);
    }));
});

describe('3.10 UNSUBSCRIBE', () => {
  test('[MQTT-3.10.3-1] [MQTT-3.10.3-2] UNSUBSCRIBE has filters, and each is UTF-8', () =>
    withBroker(async (broker) => {
      await endsConnected(broker, 'none', [v5.unsubscribe(1, [])], 0x82);
      await endsConnected(broker, 'not UTF-8', [v5.unsubscribe(1, ['a', bytes('ed a0 80')])], 0x81);
    }));

  test('[MQTT-3.10.4-1] [MQTT-3.10.4-2] [MQTT-3.10.4-4] a filter is compared character by character, and then nothing more is delivered for it', () =>
    withBroker(async (broker) => {
      const client = await watcher5(broker, 'a', ['a/+', 1], ['$share/g/a/+', 1]);
      const publisher = await connect5(broker, 'publisher');
      expect(await client.unsubscribe('a/b', 'a/#', 'A/+', '$share/h/a/+')).toEqual([0x11, 0x11, 0x11, 0x11]);
      await publisher.publish({ topic: 'a/b', qos: 1 });
      for (let i = 0; i < 2; i++) await client.accept({ topic: 'a/b' });
      expect(await client.unsubscribe('a/+', '$share/g/a/+')).toEqual([0, 0]);
      expect(await publisher.publish({ topic: 'a/b', qos: 1 })).toBe(0x10);
      await client.expectNothing();
    }));

  test('[MQTT-3.10.4-3] deliveries that have begun are completed', () =>
    withBroker(async (broker) => {
      const client = await watcher5(broker, 'a', ['t', 2]);
      await (await connect5(broker, 'publisher')).publish({ topic: 't', qos: 2 });
      const { packetId } = await client.next('publish');
      await client.unsubscribe('t');
      client.send(v5.acknowledge('pubrec', packetId));
      await client.next('pubrel', { packetId, code: 0 });
    }));

  test('[MQTT-3.10.4-6] several filters are removed together, and one UNSUBACK answers', () =>
    withBroker(async (broker) => {
      const client = await watcher5(broker, 'a', ['a', 0], ['b', 1], ['c', 2]);
      expect(await client.unsubscribe('a', 'b', 'c')).toEqual([0, 0, 0]);
      const publisher = await connect5(broker, 'publisher');
      for (const topic of ['a', 'b', 'c']) await publisher.publish({ topic, qos: 2 });
      await client.expectNothing();
    }));
});
