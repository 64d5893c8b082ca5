// MQTT 3.1.1, chapters 1 and 2: strings, the fixed header, Packet Identifiers.
import { describe, expect, test } from '@jest/globals';
import { malformed, withBroker } from '../support/broker-harness.js';
import type { BrokerHarness, ExpectedEnd } from '../support/broker-harness.js';
import * as raw from '../clients/raw-packets.js';
import { bytes, field, hex, packet, uint16 } from '../clients/raw-packets.js';

/** Puts the same content into each string that a client can send. */
async function closesWhereverItStands(
  broker: BrokerHarness,
  name: string,
  content: Uint8Array,
  end: ExpectedEnd,
): Promise<void> {
  const string = field(content);
  const id = field('id');
  await broker.closesAtFirst(`${name} in the Client Identifier`, [raw.rawConnect({ payload: [string] })], end);
  await broker.closesAtFirst(
    `${name} in the Will topic`,
    [raw.rawConnect({ flags: 0x06, payload: [id, string, field('x')] })],
    end,
  );
  await broker.closesAtFirst(`${name} in the user name`, [raw.rawConnect({ flags: 0x82, payload: [id, string] })], end);
  await broker.closesConnected(`${name} in a Topic Name`, [packet(0x30, string, raw.ascii('payload'))], end);
  await broker.closesConnected(`${name} in a filter of SUBSCRIBE`, [raw.subscribe(1, [[content, 0]])], end);
  await broker.closesConnected(`${name} in a filter of UNSUBSCRIBE`, [raw.unsubscribe(1, [content])], end);
}

describe('1.5 data representation', () => {
  test('[MQTT-1.5.3-1] a string that is not well-formed UTF-8 in any field closes the connection', () =>
    withBroker(async (broker) => {
      const illFormed = {
        'an overlong slash': 'c0 af',
        'an overlong null': 'c0 80',
        'a truncated character': '61 e2 82',
        'a lone continuation byte': '80',
        'a surrogate': 'ed a0 80',
        'a pair of surrogates': 'ed a0 81 ed b0 80',
        'a character above U+10FFFF': 'f4 90 80 80',
        'the byte FF': 'ff',
      };
      for (const [name, content] of Object.entries(illFormed)) {
        await closesWhereverItStands(broker, name, bytes(content), malformed('utf8-invalid'));
      }
    }));

  test('[MQTT-1.5.3-1] well-formed characters of one to four bytes are accepted in every field', () =>
    withBroker(async (broker) => {
      const text = 'aé€😀';
      const client = await broker.connect({ clientId: text, userName: text, will: { topic: text, payload: '' } });
      expect(await client.subscribe([text, 0])).toEqual([0]);
      await client.publish({ topic: text, payload: text });
      await client.expectPublish({ topic: text, payload: text });
    }));

  test('[MQTT-1.5.3-2] [MQTT-4.7.3-2] U+0000 in a string in any field closes the connection', () =>
    withBroker(async (broker) => {
      await closesWhereverItStands(broker, 'a null at the end', bytes('61 00'), malformed('utf8-null-character'));
      await closesWhereverItStands(
        broker,
        'a null behind another character',
        bytes('c3 a9 00'),
        malformed('utf8-null-character'),
      );
      await closesWhereverItStands(broker, 'a null at the beginning', bytes('00 61'), malformed('utf8-null-character'));
    }));

  test('[MQTT-1.5.3-3] the bytes EF BB BF are kept in Topic Names and filters', () =>
    withBroker(async (broker) => {
      const marked = bytes('ef bb bf 61');
      const watcher = await broker.connect('watcher');
      await watcher.subscribe([marked, 0], ['a', 0]);
      const publisher = await broker.connect('publisher');
      publisher.send(raw.publish({ topic: marked, payload: 'with' }), raw.publish({ topic: 'a', payload: 'without' }));
      await watcher.expectBytes(
        hex(bytes(raw.publish({ topic: marked, payload: 'with' }), raw.publish({ topic: 'a', payload: 'without' }))),
      );
    }));
});

describe('2.2 fixed header', () => {
  test('[MQTT-2.2.2-1] every packet of the broker has the flags that its type requires', () =>
    withBroker(async (broker) => {
      // The parser of the raw client fails on any others; here each type occurs once.
      const client = await broker.connect('client');
      await client.subscribe(['mine', 2]);
      await client.ping();
      const publisher = await broker.connect('publisher');
      for (const qos of [0, 1, 2] as const) {
        await publisher.publish({ topic: 'mine', qos });
        await client.accept({ topic: 'mine', qos });
      }
      await client.unsubscribe('mine');
      await client.disconnect();
    }));

  test('[MQTT-2.2.2-2] wrong flags in any type of packet close the connection', () =>
    withBroker(async (broker) => {
      const end = malformed('fixed-header-flags');
      for (const flags of [0x01, 0x02, 0x04, 0x08, 0x0f]) {
        const named = (type: string): string => `${type} with flags ${flags.toString(2)}`;
        await broker.closesAtFirst(named('CONNECT'), [raw.rawConnect({ firstByte: 0x10 | flags })], end);
        for (const [type, firstByte] of [
          ['PUBACK', 0x40],
          ['PUBREC', 0x50],
          ['PUBCOMP', 0x70],
        ] as const) {
          await broker.closesConnected(named(type), [packet(firstByte | flags, uint16(1))], end);
        }
        await broker.closesConnected(named('PINGREQ'), [packet(0xc0 | flags)], end);
        await broker.closesConnected(named('DISCONNECT'), [packet(0xe0 | flags)], end);
      }
      for (const flags of [0x00, 0x01, 0x03, 0x06, 0x0a]) {
        const named = (type: string): string => `${type} with flags ${flags.toString(2)}`;
        await broker.closesConnected(named('PUBREL'), [packet(0x60 | flags, uint16(1))], end);
        await broker.closesConnected(named('SUBSCRIBE'), [raw.subscribe(1, [['a', 0]], 0x80 | flags)], end);
        await broker.closesConnected(named('UNSUBSCRIBE'), [raw.unsubscribe(1, ['a'], 0xa0 | flags)], end);
      }
    }));

  test('[MQTT311-remaining-length] a fifth byte of Remaining Length closes the connection, before and after CONNECT', () =>
    withBroker(async (broker) => {
      await broker.closesAtFirst('first', ['10 80 80 80 80 01'], malformed('remaining-length-too-long'));
      await broker.closesConnected('PINGREQ', ['c0 80 80 80 80 01'], malformed('remaining-length-too-long'));
      await broker.closesConnected('PUBLISH', ['30 ff ff ff ff 7f'], malformed('remaining-length-too-long'));
    }));

  test('[MQTT311-remaining-length] a Remaining Length of one, two and three bytes is read, at the values where its size changes', () =>
    withBroker(async (broker) => {
      const watcher = await broker.watcher('watcher', ['t', 0]);
      const publisher = await broker.connect('publisher');
      for (const length of [0, 127 - 3, 128 - 3, 16_383 - 3, 16_384 - 3, 200_000]) {
        await publisher.publish({ topic: 't', payload: 'x'.repeat(length) });
        expect((await watcher.next('publish')).payload).toHaveLength(length);
      }
    }));

  test('[MQTT311-remaining-length] packets are read from chunks of any size', () =>
    withBroker(async (broker) => {
      const client = broker.open();
      const sent = bytes(
        raw.connect(),
        raw.subscribe(7, [['a', 1]]),
        raw.publish({ topic: 'a', payload: 'whole', qos: 1, packetId: 9 }),
      );
      for (const byte of sent) {
        client.send(byte);
        await new Promise((resolve) => setImmediate(resolve));
      }
      await client.next('connack');
      expect(await client.next('suback')).toEqual({ type: 'suback', packetId: 7, codes: [1] });
      await broker.settled();
      expect(client.takeUnread().split(' ')).toHaveLength(4 + 12);
    }));
});

describe('2.3 Packet Identifier', () => {
  test('[MQTT-2.3.1-1] a Packet Identifier of 0 closes the connection', () =>
    withBroker(async (broker) => {
      const end = malformed('packet-id-zero');
      await broker.closesConnected('PUBLISH at QoS 1', [raw.publish({ topic: 'a', qos: 1, packetId: 0 })], end);
      await broker.closesConnected('PUBLISH at QoS 2', [raw.publish({ topic: 'a', qos: 2, packetId: 0 })], end);
      await broker.closesConnected('SUBSCRIBE', [raw.subscribe(0, [['a', 0]])], end);
      await broker.closesConnected('UNSUBSCRIBE', [raw.unsubscribe(0, ['a'])], end);
    }));

  test('[MQTT-2.3.1-3] a Packet Identifier can be used again for any type of packet after its last acknowledgement', () =>
    withBroker(async (broker) => {
      const watcher = await broker.watcher('watcher', ['a', 0]);
      const client = await broker.connect('client');
      for (const round of ['first', 'second']) {
        await client.publish({ topic: 'a', payload: `${round} at 1`, qos: 1, packetId: 5 });
        await watcher.expectPublish({ payload: `${round} at 1` });
        await client.publish({ topic: 'a', payload: `${round} at 2`, qos: 2, packetId: 5 });
        await watcher.expectPublish({ payload: `${round} at 2` });
        client.send(raw.subscribe(5, [['b', 0]]));
        expect(await client.next('suback')).toMatchObject({ packetId: 5 });
        client.send(raw.unsubscribe(5, ['b']));
        expect(await client.next('unsuback')).toMatchObject({ packetId: 5 });
      }
      await watcher.expectNothing();
    }));

  test('[MQTT-2.3.1-4] unacknowledged deliveries have different Packet Identifiers, and keep them when repeated', () =>
    withBroker(
      async (broker) => {
        const session = { clientId: 'subscriber', clean: false };
        const subscriber = await broker.connect(session);
        await subscriber.subscribe(['a/#', 2]);
        const publisher = await broker.connect('publisher');
        for (let i = 0; i < 100; i++) await publisher.publish({ topic: `a/${i}`, qos: i % 2 === 0 ? 1 : 2 });
        const first = await subscriber.deliveries();
        expect(new Set(first.map(({ packetId }) => packetId)).size).toBe(100);
        await subscriber.cut();
        const again = await (await broker.connect(session)).deliveries();
        const identified = (publishes: typeof first): unknown =>
          publishes.map(({ topic, packetId }) => ({ topic, packetId }));
        expect(identified(again)).toEqual(identified(first));
      },
      { limits: { initialInflight: 1000 } },
    ));

  test('[MQTT-2.3.1-4] a Packet Identifier of an unacknowledged message is never assigned again', () =>
    withBroker(async (broker) => {
      const subscriber = await broker.watcher('subscriber', ['a', 1]);
      const publisher = await broker.connect('publisher');
      await publisher.publish({ topic: 'a', payload: 'held', qos: 1 });
      const held = await subscriber.expectPublish({ payload: 'held' });
      for (let i = 0; i < 200; i++) {
        await publisher.publish({ topic: 'a', payload: String(i), qos: 1 });
        expect((await subscriber.accept({ payload: String(i) })).packetId).not.toBe(held.packetId);
      }
    }));

  test('[MQTT-2.3.1-4] a delivery waits while the next Packet Identifier belongs to an unacknowledged message', () =>
    withBroker(async (broker) => {
      const subscriber = await broker.watcher('subscriber', ['a', 1]);
      const publisher = await broker.connect('publisher');
      const count = 65_600;
      const batch = 1000;
      const publish = async (from: number): Promise<void> => {
        const packets: Uint8Array[] = [];
        for (let i = from; i < Math.min(from + batch, count); i++)
          packets.push(raw.publish({ topic: 'a', payload: String(i), qos: 1, packetId: (i % batch) + 1 }));
        publisher.send(...packets);
        for (let i = 0; i < packets.length; i++) await publisher.next('puback');
      };
      await publish(0);
      const held = await subscriber.expectPublish({ payload: '0' });
      let next = 1;
      for (let from = batch; from < count; from += batch) {
        await publish(from);
        while (subscriber.nextType() !== undefined) {
          const delivery = await subscriber.next('publish');
          if (delivery.payload !== String(next) || delivery.packetId === held.packetId)
            throw new Error(JSON.stringify(delivery));
          next++;
          subscriber.send(raw.puback(delivery.packetId));
          if (next % 40 === 0) await broker.settled();
        }
      }
      await subscriber.expectNothing();
      expect(next).toBeLessThan(count);
      subscriber.send(raw.puback(held.packetId));
      for (; next < count; next++) await subscriber.accept({ payload: String(next) });
      await subscriber.expectNothing();
    }));

  test('[MQTT-2.3.1-5] at QoS 0 the payload follows the topic without a Packet Identifier, in both directions', () =>
    withBroker(async (broker) => {
      const watcher = await broker.watcher('watcher', ['a', 2]);
      const publisher = await broker.connect('publisher');
      publisher.send('30 05 00 01 61 12 34');
      await watcher.expectBytes('30 05 00 01 61 12 34');
      publisher.send('30 03 00 01 61');
      await watcher.expectBytes('30 03 00 01 61');
    }));

  test('[MQTT-2.3.1-6] PUBACK, PUBREC and PUBCOMP, and the PUBREL of the broker, have the Packet Identifier of their PUBLISH', () =>
    withBroker(async (broker) => {
      const watcher = await broker.watcher('watcher', ['a', 2]);
      const publisher = await broker.connect('publisher');
      for (const packetId of [1, 256, 65_535]) {
        await publisher.publish({ topic: 'a', qos: 1, packetId });
        await watcher.accept({ qos: 1 });
        await publisher.publish({ topic: 'a', qos: 2, packetId });
        await watcher.accept({ qos: 2 });
      }
    }));

  test('[MQTT-2.3.1-7] SUBACK and UNSUBACK have the Packet Identifier of their request, also if several are pending', () =>
    withBroker(async (broker) => {
      const client = await broker.connect();
      const requests = [65_535, 1, 256, 2];
      client.send(...requests.map((packetId) => raw.subscribe(packetId, [['a', 0]])));
      for (const packetId of requests) expect(await client.next('suback')).toMatchObject({ packetId });
      client.send(...requests.map((packetId) => raw.unsubscribe(packetId, ['a'])));
      for (const packetId of requests) expect(await client.next('unsuback')).toMatchObject({ packetId });
    }));
});
