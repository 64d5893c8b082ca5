// MQTT 3.1.1, sections 3.10 and 3.11: UNSUBSCRIBE and UNSUBACK.
import { describe, expect, test } from '@jest/globals';
import { malformed, withBroker } from '../support/broker-harness.js';
import * as raw from '../clients/raw-packets.js';
import { bytes, packet, uint16 } from '../clients/raw-packets.js';

describe('3.10 UNSUBSCRIBE', () => {
  test('[MQTT-3.10.1-1] UNSUBSCRIBE with flags other than 0010 closes the connection and removes nothing', () =>
    withBroker(async (broker) => {
      const session = { clientId: 'subscriber', clean: false };
      const subscriber = await broker.connect(session);
      await subscriber.subscribe(['a', 1]);
      await subscriber.disconnect();
      for (const firstByte of [0xa0, 0xa1, 0xa3, 0xa4, 0xa6, 0xaa, 0xaf]) {
        const sent = raw.unsubscribe(1, ['a'], firstByte);
        await broker.closesConnected(firstByte.toString(16), [sent], malformed('fixed-header-flags'), session);
      }
      const back = await broker.connect(session);
      await (await broker.connect('publisher')).publish({ topic: 'a', qos: 1 });
      await back.accept({ topic: 'a' });
    }));

  test('[MQTT-3.10.3-1] a filter that is truncated or not UTF-8 closes the connection', () =>
    withBroker(async (broker) => {
      await broker.closesConnected('not UTF-8', [raw.unsubscribe(1, ['a', bytes('c3 28')])], malformed('utf8-invalid'));
      await broker.closesConnected('cut off', [packet(0xa2, uint16(1), '00 05 61')], malformed('packet-truncated'));
      await broker.closesConnected('half a length', [packet(0xa2, uint16(1), '00')], malformed('packet-truncated'));
    }));

  test('[MQTT-3.10.3-2] UNSUBSCRIBE without a filter closes the connection', () =>
    withBroker(async (broker) => {
      await broker.closesConnected('', [packet(0xa2, uint16(1))], malformed('unsubscribe-empty'));
    }));

  test('[MQTT-3.10.4-1] only the identical filter is removed', () =>
    withBroker(async (broker) => {
      const watcher = await broker.watcher('watcher', ['a/+', 1]);
      const publisher = await broker.connect('publisher');
      for (const other of ['a/b', 'a/#', '+/+', '#', 'A/+', 'a/+/', '/a/+']) {
        await watcher.unsubscribe(other);
        await publisher.publish({ topic: 'a/b', payload: other, qos: 1 });
        await watcher.accept({ topic: 'a/b', payload: other });
      }
      await watcher.unsubscribe('a/+');
      await publisher.publish({ topic: 'a/b', qos: 1 });
      await watcher.expectNothing();
    }));

  test('[MQTT-3.10.4-1] other subscriptions that match the same topic stay', () =>
    withBroker(async (broker) => {
      const watcher = await broker.watcher('watcher', ['a/+', 2], ['a/b', 1]);
      const publisher = await broker.connect('publisher');
      await watcher.unsubscribe('a/+');
      await publisher.publish({ topic: 'a/b', qos: 2 });
      await watcher.accept({ topic: 'a/b', qos: 1 });
      await watcher.expectNothing();
    }));

  test('[MQTT-3.10.4-2] [MQTT311-after-unsuback] messages published after UNSUBACK are not delivered, at any QoS', () =>
    withBroker(async (broker) => {
      const watcher = await broker.watcher('watcher', ['a', 2]);
      await watcher.unsubscribe('a');
      const publisher = await broker.connect('publisher');
      for (const qos of [0, 1, 2] as const) await publisher.publish({ topic: 'a', qos, retain: true });
      await watcher.expectNothing();
    }));

  test('[MQTT-3.10.4-2] a stored session that unsubscribed gets nothing when its client reconnects', () =>
    withBroker(async (broker) => {
      const session = { clientId: 'subscriber', clean: false };
      const subscriber = await broker.connect(session);
      await subscriber.subscribe(['a', 1]);
      await subscriber.unsubscribe('a');
      await subscriber.disconnect();
      await (await broker.connect('publisher')).publish({ topic: 'a', qos: 1 });
      await (await broker.connect(session)).expectNothing();
    }));

  test('[MQTT-3.10.4-3] QoS 1 and 2 deliveries that have begun are completed', () =>
    withBroker(async (broker) => {
      const session = { clientId: 'subscriber', clean: false };
      const subscriber = await broker.connect(session);
      await subscriber.subscribe(['a', 2]);
      const publisher = await broker.connect('publisher');
      await publisher.publish({ topic: 'a', payload: 'one', qos: 1 });
      await publisher.publish({ topic: 'a', payload: 'two', qos: 2 });
      await publisher.publish({ topic: 'a', payload: 'three', qos: 2 });
      const [one, two, three] = await subscriber.deliveries();
      if (one === undefined || two === undefined || three === undefined)
        throw new Error('three deliveries were expected');
      await subscriber.unsubscribe('a');
      subscriber.send(raw.pubrec(two.packetId));
      expect(await subscriber.next('pubrel')).toEqual({ type: 'pubrel', packetId: two.packetId });
      await subscriber.cut();
      const back = await broker.connect(session);
      await back.expectPublish({ payload: 'one', dup: true, packetId: one.packetId });
      expect(await back.next('pubrel')).toEqual({ type: 'pubrel', packetId: two.packetId });
      back.send(raw.puback(one.packetId), raw.pubcomp(two.packetId));
      await back.accept({ payload: 'three', dup: true, packetId: three.packetId });
      await back.expectNothing();
    }));

  test('[MQTT-3.10.4-4] UNSUBSCRIBE is answered with UNSUBACK with the same Packet Identifier', () =>
    withBroker(async (broker) => {
      const client = await broker.connect();
      await client.subscribe(['a', 0]);
      client.send('a2 05 12 34 00 01 61');
      await client.expectBytes('b0 02 12 34');
      for (const packetId of [1, 256, 65_535]) {
        client.send(raw.unsubscribe(packetId, ['a']));
        expect(await client.next('unsuback')).toEqual({ type: 'unsuback', packetId });
      }
    }));

  test('[MQTT-3.10.4-5] UNSUBACK is sent even if nothing was removed', () =>
    withBroker(async (broker) => {
      const client = await broker.connect();
      client.send(raw.unsubscribe(1, ['never subscribed', 'a/+/#']));
      await client.expectBytes('b0 02 00 01');
      await client.expectNothing();
    }));

  test('[MQTT-3.10.4-6] many filters in one packet are removed and answered with one UNSUBACK', () =>
    withBroker(async (broker) => {
      const client = await broker.watcher('client', ['a', 1], ['b/+', 1], ['c/#', 1], ['d', 1]);
      client.send(raw.unsubscribe(9, ['a', 'unknown', 'b/+', 'c/#']));
      await client.expectBytes('b0 02 00 09');
      const publisher = await broker.connect('publisher');
      for (const topic of ['a', 'b/x', 'c/x', 'd']) await publisher.publish({ topic, qos: 1 });
      await client.accept({ topic: 'd' });
      await client.expectNothing();
    }));
});
