// MQTT 3.1.1, sections 3.8 and 3.9: SUBSCRIBE and SUBACK.
import { describe, expect, test } from '@jest/globals';
import { malformed, withBroker } from '../support/broker-harness.js';
import * as raw from '../clients/raw-packets.js';
import { bytes, field, packet, uint16 } from '../clients/raw-packets.js';

describe('3.8 SUBSCRIBE', () => {
  test('[MQTT-3.8.1-1] SUBSCRIBE with flags other than 0010 closes the connection and subscribes to nothing', () =>
    withBroker(async (broker) => {
      for (const firstByte of [0x80, 0x81, 0x83, 0x84, 0x86, 0x8a, 0x8f]) {
        const sent = raw.subscribe(1, [['a', 0]], firstByte);
        await broker.closesConnected(firstByte.toString(16), [sent], malformed('fixed-header-flags'), {
          clientId: 'subscriber',
          clean: false,
        });
      }
      const { client } = await broker.reconnect({ clientId: 'subscriber', clean: false });
      await (await broker.connect('publisher')).publish({ topic: 'a', qos: 1 });
      await client.expectNothing();
    }));

  test('[MQTT-3.8.3-1] a filter that is not UTF-8 closes the connection, also behind a valid one', () =>
    withBroker(async (broker) => {
      await broker.closesConnected('the first', [raw.subscribe(1, [[bytes('c3 28'), 0]])], malformed('utf8-invalid'));
      await broker.closesConnected(
        'the second',
        [
          raw.subscribe(1, [
            ['a', 0],
            [bytes('61 ff'), 0],
          ]),
        ],
        malformed('utf8-invalid'),
      );
    }));

  test('[MQTT-3.8.3-1] a truncated filter, or one without QoS, closes the connection', () =>
    withBroker(async (broker) => {
      await broker.closesConnected('no QoS', [packet(0x82, uint16(1), field('a'))], malformed('packet-truncated'));
      await broker.closesConnected(
        'half a filter',
        [packet(0x82, uint16(1), '00 05 61')],
        malformed('packet-truncated'),
      );
      await broker.closesConnected('half a length', [packet(0x82, uint16(1), '00')], malformed('packet-truncated'));
      await broker.closesConnected('no Packet Identifier', [packet(0x82)], malformed('packet-truncated'));
    }));

  test('[MQTT-3.8.3-2] if wildcards are disabled, filters with wildcards are refused and others granted', () =>
    withBroker(
      async (broker) => {
        const client = await broker.connect();
        expect(await client.subscribe(['a/+', 1], ['a/b', 1], ['#', 0])).toEqual([0x80, 1, 0x80]);
        await (await broker.connect('publisher')).publish({ topic: 'a/c', qos: 1 });
        await client.expectNothing();
      },
      { limits: { wildcardSubscriptions: false } },
    ));

  test('[MQTT-3.8.3-3] SUBSCRIBE without a filter closes the connection', () =>
    withBroker(async (broker) => {
      await broker.closesConnected('', [packet(0x82, uint16(1))], malformed('subscribe-empty'));
    }));

  test('[MQTT-3-8.3-4] a requested QoS of 3, or with a reserved bit, closes the connection, and nothing is subscribed to', () =>
    withBroker(async (broker) => {
      for (const requested of [0x03, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0x81, 0xff]) {
        const label = requested.toString(16);
        await broker.closesConnected(
          label,
          [raw.subscribe(1, [['a', requested]])],
          malformed('subscribe-options-invalid'),
        );
        const session = { clientId: 'subscriber', clean: false };
        await broker.closesConnected(
          label,
          [
            raw.subscribe(1, [
              ['a', 1],
              ['b', requested],
            ]),
          ],
          malformed('subscribe-options-invalid'),
          session,
        );
      }
      await (await broker.connect('publisher')).publish({ topic: 'a', qos: 1 });
      await (await broker.connect({ clientId: 'subscriber', clean: false })).expectNothing();
    }));

  test('[MQTT-3.8.4-1] SUBSCRIBE is answered with SUBACK', () =>
    withBroker(async (broker) => {
      const client = await broker.connect();
      client.send('82 06 00 01 00 01 61 01');
      await client.expectBytes('90 03 00 01 01');
      await client.expectNothing();
    }));

  test('[MQTT-3.8.4-2] SUBACK has the Packet Identifier of its SUBSCRIBE', () =>
    withBroker(async (broker) => {
      const client = await broker.connect();
      for (const packetId of [1, 255, 256, 65_535, 1]) {
        client.send(raw.subscribe(packetId, [['a', 0]]));
        expect((await client.next('suback')).packetId).toBe(packetId);
      }
    }));

  test('[MQTT-3.8.4-3] a repeated filter replaces the subscription: one copy arrives, at the new QoS', () =>
    withBroker(async (broker) => {
      const publisher = await broker.connect('publisher');
      const watcher = await broker.watcher('watcher', ['a/+', 0]);
      for (const qos of [2, 1, 0, 2] as const) {
        expect(await watcher.subscribe(['a/+', qos])).toEqual([qos]);
        await publisher.publish({ topic: 'a/b', payload: 'x', qos: 2 });
        await watcher.accept({ payload: 'x', qos });
        await watcher.expectNothing();
      }
      await watcher.unsubscribe('a/+');
      await publisher.publish({ topic: 'a/b', qos: 2 });
      await watcher.expectNothing();
    }));

  test('[MQTT-3.8.4-3] a repeated filter gets the retained messages again', () =>
    withBroker(async (broker) => {
      await (await broker.connect('publisher')).publish({ topic: 'a', payload: 'kept', qos: 1, retain: true });
      const watcher = await broker.connect('watcher');
      for (const qos of [1, 1, 0] as const) {
        await watcher.subscribe(['a', qos]);
        await watcher.accept({ payload: 'kept', qos, retain: true });
        await watcher.expectNothing();
      }
    }));

  test('[MQTT-3.8.4-3] a repeated filter leaves no gap in the delivered messages', () =>
    withBroker(async (broker) => {
      const watcher = await broker.watcher('watcher', ['a', 1]);
      const publisher = await broker.connect('publisher');
      for (let i = 1; i <= 30; i++) {
        publisher.send(raw.publish({ topic: 'a', payload: String(i), qos: 1, packetId: i }));
        watcher.send(raw.subscribe(i, [['a', 1]]));
        if (i % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      const came: string[] = [];
      let subacks = 0;
      while (came.length < 30 || subacks < 30) {
        await broker.settled();
        const type = watcher.nextType();
        if (type === 'suback') {
          await watcher.next('suback');
          subacks++;
        } else came.push((await watcher.accept({ topic: 'a', qos: 1 })).payload);
      }
      expect(came).toEqual(Array.from({ length: 30 }, (_, i) => String(i + 1)));
      await watcher.expectNothing();
    }));

  test('[MQTT-3.8.4-4] many filters in one packet are answered with one SUBACK, and each gets messages', () =>
    withBroker(async (broker) => {
      const publisher = await broker.connect('publisher');
      await publisher.publish({ topic: 'c/d', payload: 'kept', qos: 1, retain: true });
      const client = await broker.connect('client');
      client.send(
        raw.subscribe(9, [
          ['a', 0],
          ['b', 1],
          ['c/#', 2],
        ]),
      );
      expect(await client.next('suback')).toEqual({ type: 'suback', packetId: 9, codes: [0, 1, 2] });
      await client.accept({ topic: 'c/d', payload: 'kept', retain: true });
      await client.expectNothing();
      for (const [topic, qos] of [
        ['a', 0],
        ['b', 1],
        ['c', 2],
      ] as const) {
        await publisher.publish({ topic, qos: 2 });
        await client.accept({ topic, qos });
      }
    }));

  test('[MQTT-3.8.4-4] if a filter occurs twice in one packet, the later one takes effect', () =>
    withBroker(async (broker) => {
      const client = await broker.connect('client');
      expect(await client.subscribe(['a', 2], ['a', 0])).toEqual([2, 0]);
      await (await broker.connect('publisher')).publish({ topic: 'a', payload: 'x', qos: 2 });
      await client.accept({ payload: 'x', qos: 0 });
      await client.expectNothing();
    }));

  test('[MQTT-3.8.4-5] SUBACK has a code for each filter, and 80 for a forbidden one, which gets nothing', () =>
    withBroker(async (broker) => {
      const publisher = await broker.connect('publisher');
      await publisher.publish({ topic: 'closed/a', payload: 'no', qos: 1, retain: true });
      const client = await broker.connect({ clientId: 'limited', userName: 'limited' });
      const requests = [
        ['open/a', 2],
        ['closed/a', 2],
        ['open/#', 0],
        ['#', 1],
        ['+/a', 1],
        ['closed/#', 0],
      ] as const;
      expect(await client.subscribe(...requests)).toEqual([2, 0x80, 0, 0x80, 0x80, 0x80]);
      await publisher.publish({ topic: 'closed/a', qos: 1 });
      await client.expectNothing();
      await publisher.publish({ topic: 'open/a', payload: 'yes', qos: 1 });
      await client.accept({ topic: 'open/a', payload: 'yes' });
      expect(broker.events.filter(({ kind }) => kind === 'subscribe-denied')).toHaveLength(4);
    }));

  test('[MQTT-3.8.4-6] deliveries have the lower of the published and the granted QoS, in all combinations', () =>
    withBroker(async (broker) => {
      const publisher = await broker.connect('publisher');
      for (const granted of [0, 1, 2] as const) {
        const watcher = await broker.watcher(`watcher ${granted}`, ['a', granted]);
        for (const published of [0, 1, 2] as const) {
          await publisher.publish({ topic: 'a', payload: 'x', qos: published });
          await watcher.accept({ payload: 'x', qos: Math.min(granted, published) as 0 | 1 | 2 });
          await watcher.expectNothing();
        }
        await watcher.disconnect();
      }
    }));

  test('[MQTT-3.8.4-6] the broker grants at most its configured highest QoS', () =>
    withBroker(
      async (broker) => {
        const client = await broker.connect();
        expect(await client.subscribe(['a', 2], ['b', 1], ['c', 0])).toEqual([1, 1, 0]);
      },
      { limits: { maxQos: 1 } },
    ));

  test('[MQTT311-before-suback] SUBACK is sent before the retained messages', () =>
    withBroker(async (broker) => {
      await (await broker.connect('publisher')).publish({ topic: 'a', payload: 'kept', retain: true });
      const client = await broker.connect();
      client.send(raw.subscribe(1, [['a', 0]]));
      expect(await client.next('suback')).toMatchObject({ codes: [0] });
      await client.expectPublish({ payload: 'kept', retain: true });
    }));
});

describe('3.9 SUBACK', () => {
  test('[MQTT-3.9.3-1] the codes of SUBACK have the order of the filters', () =>
    withBroker(async (broker) => {
      const client = await broker.connect();
      expect(await client.subscribe(['z', 2], ['a', 0], ['m', 1])).toEqual([2, 0, 1]);
      expect(await client.subscribe(['a', 1], ['z', 0], ['m', 2])).toEqual([1, 0, 2]);
    }));

  test('[MQTT-3.9.3-2] SUBACK grants the requested QoS, and a failure has the code 80', () =>
    withBroker(async (broker) => {
      // The parser of the raw client fails every test in which another code arrives.
      const client = await broker.connect({ userName: 'limited' });
      for (const qos of [0, 1, 2])
        expect(await client.subscribe(['open/a', qos], ['closed/a', qos])).toEqual([qos, 0x80]);
    }));
});
