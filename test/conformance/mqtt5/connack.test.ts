// MQTT 5, section 3.2: CONNACK.
import { describe, expect, test } from '@jest/globals';
import * as v5 from '../../clients/mqtt5-packets.js';
import { withBroker } from '../../support/broker-harness.js';
import { connect5, connecting5, endsConnected, refused5 } from '../../support/mqtt5-clients.js';

describe('3.2 CONNACK', () => {
  test('[MQTT-3.2.0-2] [MQTT-3.2.2-1] CONNACK comes once on a connection, with no other flag than Session Present', () =>
    withBroker(async (broker) => {
      const client = await connect5(broker);
      await client.subscribe([['t', 2]]);
      for (const qos of [0, 1, 2]) client.send(v5.publish({ topic: 't', qos, packetId: 9 + qos }));
      client.send('c0 00');
      await client.all();
      expect(client.seen.filter(({ type }) => type === 'connack')).toHaveLength(1);
    }));

  test('[MQTT-3.2.2-6] a refusal has Session Present 0, although there is a session', () =>
    withBroker(async (broker) => {
      await (await connect5(broker, { clientId: 'a', properties: { sessionExpiry: 60 } })).cut();
      const refused = connecting5(broker, { clientId: 'a', clean: false, userName: 'refused' });
      expect((await refused.expectEnd(0x86)).sessionPresent).toBe(false);
    }));

  test('[MQTT-3.2.2-9] [MQTT-3.2.2-10] [MQTT-3.2.2-11] [MQTT-3.2.2-12] [MQTT5-announced] a broker that limits QoS says so and takes no message above it', () =>
    withBroker(
      async (broker) => {
        const client = await connect5(broker);
        expect(client.connack?.properties['maximumQos']).toBe(1);
        expect(
          await client.subscribe([
            ['a', 0],
            ['b', 1],
            ['c', 2],
          ]),
        ).toEqual([0, 1, 1]);
        await endsConnected(broker, '', [v5.publish({ topic: 't', qos: 2 })], 0x9b);
        await refused5(broker, 'will', [v5.connect({ will: { topic: 't', qos: 2 } })], 0x9b);
        await connect5(broker, { clientId: 'allowed', will: { topic: 't', qos: 1 } });
      },
      { limits: { maxQos: 1 } },
    ));

  test('[MQTT-3.2.2-13] [MQTT-3.2.2-14] [MQTT5-announced] a broker without retained messages says so and takes none', () =>
    withBroker(
      async (broker) => {
        expect((await connect5(broker)).connack?.properties['retainAvailable']).toBe(0);
        for (const qos of [0, 1, 2])
          await endsConnected(broker, '', [v5.publish({ topic: 't', qos, retain: true })], 0x9a);
        await refused5(broker, 'will', [v5.connect({ will: { topic: 't', retain: true } })], 0x9a);
      },
      { limits: { retainedMessages: false } },
    ));

  test('[MQTT-3.2.2-15] [MQTT5-announced] a packet above the Maximum Packet Size of the broker ends the connection', () =>
    withBroker(
      async (broker) => {
        const client = await connect5(broker, 'a');
        expect(client.connack?.properties['maximumPacketSize']).toBe(200);
        await client.publish({ topic: 't', payload: 'x'.repeat(200 - 2 - 1 - 3 - 1) });
        await client.expectNothing();
        client.send(v5.publish({ topic: 't', payload: 'x'.repeat(200 - 2 - 1 - 3) }));
        await client.expectEnd(0x95);
        await endsConnected(broker, 'SUBSCRIBE', [v5.subscribe(1, [['x'.repeat(200), 0]])], 0x95);
      },
      { limits: { maxPacketSize: 200 } },
    ));

  test('[MQTT5-announced] wildcards, Subscription Identifiers and shared subscriptions that are switched off are announced and refused', () =>
    withBroker(
      async (broker) => {
        const client = await connect5(broker);
        expect(client.connack?.properties).toMatchObject({
          wildcardAvailable: 0,
          identifiersAvailable: 0,
          sharedAvailable: 0,
        });
        expect(
          await client.subscribe([
            ['a/#', 1],
            ['$share/g/a', 1],
            ['a', 1],
          ]),
        ).toEqual([0xa2, 0x9e, 1]);
        await endsConnected(broker, '', [v5.subscribe(1, [['a', 0]], { subscriptionIdentifier: 1 })], 0xa1);
      },
      { limits: { wildcardSubscriptions: false, subscriptionIdentifiers: false, sharedSubscriptions: false } },
    ));

  test('[MQTT-3.2.2-17] [MQTT-3.2.2-18] [MQTT-3.3.2-9] a Topic Alias above the maximum of the broker ends the connection', async () => {
    await withBroker(async (broker) => {
      expect((await connect5(broker)).connack?.properties['topicAliasMaximum']).toBe(10);
      await endsConnected(broker, '', [v5.publish({ topic: 't', properties: { topicAlias: 11 } })], 0x94);
    });
    await withBroker(
      async (broker) => {
        expect((await connect5(broker)).connack?.properties).not.toHaveProperty('topicAliasMaximum');
        await endsConnected(broker, '', [v5.publish({ topic: 't', properties: { topicAlias: 1 } })], 0x94);
      },
      { limits: { topicAliasMax: 0 } },
    );
  });

  test('[MQTT-3.2.2-19] [MQTT-3.2.2-20] a refusal leaves its Reason String out for a client that takes no larger packet', () =>
    withBroker(async (broker) => {
      const fields = { clientId: 'a', will: { topic: 'a/#' } };
      const explained = await connecting5(broker, fields).expectEnd(0x90);
      expect(explained.properties).toHaveProperty('reasonString');
      const bare = await connecting5(broker, {
        ...fields,
        properties: { maximumPacketSize: explained.size - 1 },
      }).expectEnd(0x90);
      expect(bare.properties).toEqual({});
      expect(
        (await connecting5(broker, { ...fields, properties: { maximumPacketSize: 5 } }).expectEnd(0x90)).size,
      ).toBe(5);
    }));

  test('[MQTT-3.2.2-22] the broker goes by the Keep Alive of the client, or by its own that it has announced', async () => {
    await withBroker(
      async (broker) => {
        const own = await connect5(broker, { clientId: 'own', keepAlive: 2 });
        expect(own.connack?.properties).not.toHaveProperty('serverKeepAlive');
        const shortened = await connect5(broker, { clientId: 'shortened', keepAlive: 100 });
        const required = await connect5(broker, { clientId: 'required', keepAlive: 0 });
        for (const client of [shortened, required]) expect(client.connack?.properties['serverKeepAlive']).toBe(10);
        await broker.advance(3100);
        await own.expectEnd(0x8d);
        await broker.advance(11_800);
        for (const client of [shortened, required]) await client.expectNothing();
        await broker.advance(200);
        for (const client of [shortened, required]) await client.expectEnd(0x8d);
      },
      { limits: { keepAliveMax: 10, keepAliveUnlimited: false } },
    );
  });
});
