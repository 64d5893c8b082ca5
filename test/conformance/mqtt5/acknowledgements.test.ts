// MQTT 5, sections 3.4 to 3.7: PUBACK, PUBREC, PUBREL and PUBCOMP.
import { describe, expect, test } from '@jest/globals';
import * as v5 from '../../clients/mqtt5-packets.js';
import { bytes } from '../../clients/raw-packets.js';
import { withBroker } from '../../support/broker-harness.js';
import { connect5, endsConnected, watcher5 } from '../../support/mqtt5-clients.js';

describe('3.4 to 3.7 acknowledgements', () => {
  test('[MQTT-3.4.2-1] [MQTT-3.5.2-1] PUBACK and PUBREC say what has happened to the message', () =>
    withBroker(
      async (broker) => {
        await watcher5(broker, 'watcher', ['open/heard', 0]);
        const client = await connect5(broker, { userName: 'limited' });
        for (const qos of [1, 2]) {
          const invalid = { topic: 'open/heard', qos, payload: bytes('ff'), properties: { payloadFormat: 1 } };
          expect(await client.publish({ topic: 'open/heard', qos })).toBe(0x00);
          expect(await client.publish({ topic: 'open/unheard', qos })).toBe(0x10);
          expect(await client.publish({ topic: 'closed', qos })).toBe(0x87);
          expect(await client.publish(invalid)).toBe(0x99);
          expect(
            await client.publish({ topic: 'open/heard', qos, properties: { user: [['a', 'x'.repeat(200)]] } }),
          ).toBe(0x97);
        }
        // Longer than allowed, it is not looked at: U+0000 in it is not noticed.
        const unread = { user: [['\0', 'x'.repeat(200)]] as const };
        for (const qos of [1, 2])
          expect(await client.publish({ topic: 'open/heard', qos, properties: unread })).toBe(0x97);
        await client.expectNothing();
      },
      { limits: { checkPayloadFormat: true, maxPropertyBytes: 100 } },
    ));

  test('[MQTT-3.4.2-2] [MQTT-3.4.2-3] [MQTT-3.5.2-2] [MQTT-3.5.2-3] PUBACK and PUBREC leave out what only explains for a client that takes no larger packet', () =>
    withBroker(
      async (broker) => {
        const invalid = { topic: 't', payload: bytes('ff'), properties: { payloadFormat: 1 } };
        const refusal = async (qos: number, properties: v5.Props5): Promise<v5.Packet5> => {
          const client = await connect5(broker, { properties });
          client.send(v5.publish({ ...invalid, qos }));
          return client.next(qos === 1 ? 'puback' : 'pubrec', { code: 0x99 });
        };
        for (const qos of [1, 2]) {
          const explained = await refusal(qos, {});
          expect(Object.keys(explained.properties)).toEqual(['reasonString']);
          expect((await refusal(qos, { maximumPacketSize: explained.size })).properties).toEqual(explained.properties);
          expect((await refusal(qos, { maximumPacketSize: explained.size - 1 })).properties).toEqual({});
          // The smallest maximum with which CONNACK fits.
          expect((await refusal(qos, { maximumPacketSize: 5 })).size).toBe(5);
        }
      },
      { limits: { checkPayloadFormat: true, receiveMaximum: 65_535, topicAliasMax: 0 } },
    ));

  test('[MQTT-3.6.1-1] PUBREL of the broker has the flags 0010, which the parser of the test requires', () =>
    withBroker(async (broker) => {
      const watcher = await watcher5(broker, 'watcher', ['t', 2]);
      await (await connect5(broker)).publish({ topic: 't', qos: 2 });
      await watcher.accept({ qos: 2 });
    }));

  test('[MQTT-3.6.2-1] [MQTT-3.6.2-2] [MQTT-3.6.2-3] [MQTT-3.7.2-1] [MQTT-3.7.2-2] [MQTT-3.7.2-3] PUBREL and PUBCOMP say that a Packet Identifier is not known, without anything more', () =>
    withBroker(async (broker) => {
      const client = await connect5(broker, { properties: { maximumPacketSize: 20 } });
      client.send(v5.acknowledge('pubrec', 77));
      expect(await client.next('pubrel', { packetId: 77, code: 0x92 })).toMatchObject({ properties: {}, size: 5 });
      client.send(v5.acknowledge('pubrel', 78));
      expect(await client.next('pubcomp', { packetId: 78, code: 0x92 })).toMatchObject({ properties: {}, size: 5 });
      client.send(v5.acknowledge('pubrel', 79, 0x92));
      await client.next('pubcomp', { packetId: 79, code: 0x92 });
      for (const type of ['puback', 'pubcomp'] as const) client.send(v5.acknowledge(type, 80));
      await client.expectNothing();
    }));

  test('[MQTT-3.4.2-1] [MQTT-3.5.2-1] [MQTT-3.6.2-1] [MQTT-3.7.2-1] [MQTT-3.14.2-1] a Reason Code that the packet does not have ends the connection', () =>
    withBroker(async (broker) => {
      const codes = { puback: 0x92, pubrec: 0x8f, pubrel: 0x80, pubcomp: 0x10 } as const;
      for (const [type, code] of Object.entries(codes))
        for (const wrong of [code, 0x01, 0xff])
          await endsConnected(broker, type, [v5.acknowledge(type as keyof typeof codes, 1, wrong)], 0x81);
      for (const wrong of [0x01, 0x03, 0x10, 0x85, 0xff])
        await endsConnected(broker, 'DISCONNECT', [v5.disconnect(wrong)], 0x81);
    }));

  test('[MQTT-3.4.2-1] [MQTT-3.5.2-1] [MQTT-3.14.2-1] a Reason Code that only a server sends ends the connection', () =>
    withBroker(async (broker) => {
      for (const type of ['puback', 'pubrec'] as const)
        await endsConnected(broker, type, [v5.acknowledge(type, 1, 0x10)], 0x82);
      for (const ofServers of [0x87, 0x8b, 0x8d, 0x8e, 0x9c, 0xa2])
        await endsConnected(broker, 'DISCONNECT', [v5.disconnect(ofServers)], 0x82);
    }));

  test('[MQTT-4.13.1-1] an acknowledgement of the wrong kind ends the connection', () =>
    withBroker(async (broker) => {
      const publisher = await connect5(broker, 'publisher');
      const wrong = [
        ['pubrec', 1],
        ['pubcomp', 1],
        ['puback', 2],
        ['pubcomp', 2],
      ] as const;
      for (const [type, qos] of wrong) {
        const watcher = await watcher5(broker, 'watcher', ['t', 2]);
        await publisher.publish({ topic: 't', qos });
        const { packetId } = await watcher.next('publish', { qos });
        watcher.send(v5.acknowledge(type, packetId));
        await watcher.expectEnd(0x82);
      }
    }));
});
