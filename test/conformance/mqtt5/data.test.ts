// MQTT 5, chapters 1 and 2: strings, integers, flags, Packet Identifiers and property blocks.
import { describe, expect, test } from '@jest/globals';
import * as v5 from '../../clients/mqtt5-packets.js';
import { bytes, field, packet, uint16 } from '../../clients/raw-packets.js';
import type { Part } from '../../clients/raw-packets.js';
import { withBroker } from '../../support/broker-harness.js';
import { connect5, endsConnected, open5, refused5, sentProperties, watcher5 } from '../../support/mqtt5-clients.js';

type Text = Uint8Array;

/** A packet for every string that a client can send: first those of CONNECT. */
const IN_CONNECT: Readonly<Record<string, (text: Text) => Uint8Array>> = {
  'Client Identifier': (text) => v5.rawConnect({}, field(text)),
  'Will Topic': (text) => v5.rawConnect({ flags: 0x06 }, field('id'), 0, field(text), field('x')),
  'user name': (text) => v5.rawConnect({ flags: 0x82 }, field('id'), field(text)),
  'name of a User Property': (text) => connectWith(bytes(0x26, field(text), field('v'))),
  'value of a User Property': (text) => connectWith(bytes(0x26, field('n'), field(text))),
  'Authentication Method': (text) => connectWith(v5.property('authenticationMethod', text)),
  'Content Type of a will': (text) => willWith(v5.property('contentType', text)),
  'Response Topic of a will': (text) => willWith(v5.property('responseTopic', text)),
  'User Property of a will': (text) => willWith(bytes(0x26, field('n'), field(text))),
};

const LATER: Readonly<Record<string, (text: Text) => Uint8Array>> = {
  'Topic Name': (text) => v5.publish({ topic: text }),
  'Response Topic': (text) => v5.publish({ topic: 't', properties: v5.property('responseTopic', text) }),
  'Content Type': (text) => v5.publish({ topic: 't', properties: v5.property('contentType', text) }),
  'User Property of PUBLISH': (text) => v5.publish({ topic: 't', properties: bytes(0x26, field(text), field('v')) }),
  'Topic Filter': (text) => v5.subscribe(1, [[text, 0]]),
  'User Property of SUBSCRIBE': (text) => v5.subscribe(1, [['t', 0]], bytes(0x26, field('n'), field(text))),
  'Topic Filter of UNSUBSCRIBE': (text) => v5.unsubscribe(1, [text]),
  'Reason String of PUBACK': (text) => v5.acknowledge('puback', 1, 0, v5.property('reasonString', text)),
  'Reason String of DISCONNECT': (text) => v5.disconnect(0, v5.property('reasonString', text)),
  'Reason String of AUTH': (text) => v5.auth(0x18, v5.property('reasonString', text)),
};

const connectWith = (properties: Uint8Array): Uint8Array =>
  v5.rawConnect({ properties: v5.props(properties) }, field('id'));

const willWith = (properties: Uint8Array): Uint8Array =>
  v5.rawConnect({ flags: 0x06 }, field('id'), v5.props(properties), field('t'), field('x'));

describe('1 Data representation', () => {
  test('[MQTT-1.5.4-1] [MQTT-1.5.4-2] [MQTT-1.5.7-1] [MQTT-4.7.3-2] a string that is not UTF-8 or has U+0000 ends the connection, in every field', () =>
    withBroker(async (broker) => {
      const invalid = ['c3 28', 'c0 80', 'ed a0 80', 'e2 82', 'f4 90 80 80', '61 00 62'].map((text) => bytes(text));
      for (const [name, build] of Object.entries(IN_CONNECT))
        for (const text of invalid) await open5(broker, build(text)).expectEnd(0x81, 'malformed-packet', name);
      for (const [name, build] of Object.entries(LATER)) {
        for (const text of invalid) {
          const client = await connect5(broker);
          client.send(build(text));
          await client.expectEnd(0x81, 'malformed-packet', name);
        }
      }
      await broker.expectOthersServed();
    }));

  test('[MQTT-1.5.4-3] the bytes EF BB BF are kept in topics and properties', () =>
    withBroker(async (broker) => {
      const watcher = await watcher5(broker, 'watcher', ['\ufefft', 0], ['t', 0]);
      const publisher = await connect5(broker, 'publisher');
      await publisher.publish({ topic: '\ufefft', properties: { user: [['\ufeffn', 'v\ufeff']] } });
      const delivery = await watcher.next('publish', { topic: '\ufefft' });
      expect(delivery.properties).toEqual({ user: [['\ufeffn', 'v\ufeff']] });
      await watcher.expectNothing();
    }));

  test('[MQTT-1.5.5-1] an integer that takes more bytes than it needs ends the connection', () =>
    withBroker(async (broker) => {
      await refused5(broker, 'Property Length', [v5.rawConnect({ properties: '80 00' }, field('id'))], 0x81);
      const connect = v5.connect();
      const overlong = bytes(0x10, (connect[1] as number) | 0x80, 0x00, connect.subarray(2));
      await refused5(broker, 'Remaining Length', [overlong], 0x81);
      for (const sent of [
        bytes('c0 80 00'),
        packet(0x30, field('t'), '80 00'),
        packet(0x82, '0001 82 00 0b 01', field('t'), 0),
      ])
        await endsConnected(broker, '', [sent], 0x81);
      await endsConnected(broker, 'Subscription Identifier', [v5.subscribe(1, [['t', 0]], bytes('0b 81 00'))], 0x81);
    }));
});

describe('2 Control packets', () => {
  test('[MQTT-2.1.3-1] [MQTT-3.6.1-1] [MQTT-3.8.1-1] [MQTT-3.10.1-1] [MQTT-3.14.1-1] [MQTT-3.15.1-1] wrong flags in any type of packet end the connection', () =>
    withBroker(async (broker) => {
      await refused5(broker, 'CONNECT', [v5.rawConnect({ firstByte: 0x11 }, field('id'))], 0x81);
      const packets = [
        v5.acknowledge('puback', 1),
        v5.acknowledge('pubrec', 1),
        v5.acknowledge('pubrel', 1),
        v5.acknowledge('pubcomp', 1),
        v5.subscribe(1, [['t', 0]]),
        v5.unsubscribe(1, ['t']),
        bytes('c0 00'),
        v5.disconnect(),
        v5.auth(0x18, { authenticationMethod: 'm' }),
      ];
      for (const sent of packets) {
        const [first = 0] = sent;
        for (let flags = 0; flags < 16; flags++) {
          if (flags === (first & 0x0f)) continue;
          const client = await connect5(broker);
          client.send(bytes((first & 0xf0) | flags, sent.subarray(1)));
          await client.expectEnd(0x81, 'malformed-packet', `${first.toString(16)} with flags ${flags}`);
        }
      }
      await broker.expectOthersServed();
    }));

  test('[MQTT-2.1.3-1] a DISCONNECT with wrong flags is none: the will is published', () =>
    withBroker(async (broker) => {
      const watcher = await watcher5(broker, 'watcher', ['will', 0]);
      const client = await connect5(broker, { will: { topic: 'will', payload: 'x' } });
      client.send(bytes('e1 00'));
      await client.expectEnd(0x81);
      await watcher.next('publish', { payload: 'x' });
    }));

  test('[MQTT-2.2.1-2] at QoS 0 the properties follow the topic, in both directions', () =>
    withBroker(async (broker) => {
      const watcher = await watcher5(broker, 'watcher', ['t', 2]);
      const publisher = await connect5(broker, 'publisher');
      publisher.send(packet(0x30, field('t'), 0, '00 01 00 02'));
      expect((await watcher.next('publish', { qos: 0, packetId: 0 })).payload).toBe('\0\x01\0\x02');
    }));

  test('[MQTT-2.2.1-3] a Packet Identifier of 0 ends the connection', () =>
    withBroker(async (broker) => {
      const packets = [
        v5.publish({ topic: 't', qos: 1, packetId: 0 }),
        v5.publish({ topic: 't', qos: 2, packetId: 0 }),
        v5.subscribe(0, [['t', 0]]),
        v5.unsubscribe(0, ['t']),
        v5.acknowledge('puback', 0),
        v5.acknowledge('pubrec', 0),
        v5.acknowledge('pubrel', 0),
        v5.acknowledge('pubcomp', 0),
      ];
      for (const sent of packets) await endsConnected(broker, '', [sent], 0x82);
    }));

  test('[MQTT-2.2.1-4] [MQTT-4.3.2-1] [MQTT-4.3.3-1] unacknowledged deliveries have different Packet Identifiers', () =>
    withBroker(async (broker) => {
      const watcher = await watcher5(broker, 'watcher', ['t', 2]);
      const publisher = await connect5(broker, 'publisher');
      for (let i = 0; i < 40; i++) await publisher.publish({ topic: 't', qos: 1 + (i % 2) });
      const ids = (await watcher.all()).map(({ packetId }) => packetId);
      expect(new Set(ids).size).toBe(40);
      expect(ids).not.toContain(0);
    }));

  test('[MQTT-2.2.1-5] [MQTT-4.3.2-4] [MQTT-4.3.3-8] [MQTT-4.3.3-11] acknowledgements have the Packet Identifier of their PUBLISH', () =>
    withBroker(async (broker) => {
      const client = await connect5(broker);
      for (const packetId of [1, 256, 65_535]) {
        client.send(v5.publish({ topic: 't', qos: 1, packetId }));
        await client.next('puback', { packetId });
        client.send(v5.publish({ topic: 't', qos: 2, packetId }));
        await client.next('pubrec', { packetId });
        client.send(v5.acknowledge('pubrel', packetId));
        await client.next('pubcomp', { packetId });
      }
    }));

  test('[MQTT-2.2.1-6] [MQTT-3.8.4-2] [MQTT-3.10.4-5] SUBACK and UNSUBACK have the Packet Identifier of their request, also if several are pending', () =>
    withBroker(async (broker) => {
      const client = await connect5(broker);
      client.send(v5.subscribe(7, [['a', 0]]), v5.unsubscribe(65_535, ['unknown']), v5.subscribe(256, [['b', 1]]));
      await client.next('suback', { packetId: 7, codes: [0] });
      await client.next('unsuback', { packetId: 65_535, codes: [0x11] });
      await client.next('suback', { packetId: 256, codes: [1] });
    }));

  test('[MQTT-2.2.2-1] Property Length is there even without properties, in both directions', () =>
    withBroker(async (broker) => {
      const noLength: Readonly<Record<string, Part>> = {
        PUBLISH: packet(0x32, field('t'), uint16(1)),
        SUBSCRIBE: packet(0x82, uint16(1)),
        UNSUBSCRIBE: packet(0xa2, uint16(1)),
      };
      for (const [name, sent] of Object.entries(noLength)) await endsConnected(broker, name, [sent], 0x81);
      await refused5(broker, 'CONNECT', [packet(0x10, field('MQTT'), 5, 2, uint16(0))], 0x81);
      // The parser of the test reads the lengths of CONNACK, SUBACK, UNSUBACK and PUBLISH.
      const client = await connect5(broker);
      await client.subscribe([['t', 0]]);
      await client.publish({ topic: 't', payload: 'x' });
      expect(sentProperties(await client.next('publish', { payload: 'x' }))).toEqual({});
      await client.unsubscribe('t');
    }));

  test('[MQTT-2.2.2-1] the shortest forms of acknowledgements and DISCONNECT have neither Reason Code nor properties', () =>
    withBroker(async (broker) => {
      const client = open5(broker, v5.connect());
      await client.next('connack');
      client.send(v5.publish({ topic: 't', qos: 2 }), v5.acknowledge('pubrel', 1), v5.acknowledge('pubrec', 9));
      expect((await client.all()).map(({ type, size }) => `${type} ${size}`)).toEqual([
        'pubrec 5',
        'pubcomp 4',
        'pubrel 5',
      ]);
      client.send(v5.disconnect());
      await broker.settled();
      expect(broker.endOf(client.raw)).toEqual({ reason: 'client-disconnect' });
    }));
});
