// MQTT 5, section 3.1: CONNECT.
import { describe, expect, test } from '@jest/globals';
import * as v5 from '../../clients/mqtt5-packets.js';
import { bytes, field, packet, uint16 } from '../../clients/raw-packets.js';
import { withBroker } from '../../support/broker-harness.js';
import type { BrokerHarness } from '../../support/broker-harness.js';
import {
  closedSilently,
  connect5,
  connecting5,
  endsConnected,
  open5,
  refused5,
  watcher5,
} from '../../support/mqtt5-clients.js';
import type { Client5 } from '../../support/mqtt5-clients.js';

const STAYS = { sessionExpiry: 60 };
const WILL = { topic: 'will', payload: 'x' };

/** Session Present of a CONNECT with Clean Start 0. */
async function isPresent(broker: BrokerHarness, clientId: string, expiry = 60): Promise<boolean | undefined> {
  const properties = expiry === 0 ? {} : { sessionExpiry: expiry };
  const client = await connect5(broker, { clientId, clean: false, properties });
  return client.connack?.sessionPresent;
}

const willWatcher = (broker: BrokerHarness): Promise<Client5> => watcher5(broker, 'watcher', ['will', 2]);

describe('3.1 CONNECT', () => {
  test('[MQTT-3.1.0-1] a first packet other than CONNECT closes the connection without an answer', () =>
    withBroker(async (broker) => {
      const first = [
        bytes('c0 00'),
        v5.publish({ topic: 't', retain: true, payload: 'x' }),
        v5.subscribe(1, [['t', 0]]),
        v5.disconnect(0x82),
        v5.auth(0x18, { authenticationMethod: 'm' }),
      ];
      for (const sent of first) await closedSilently(broker, String(sent[0]), sent);
      await (await watcher5(broker, 'watcher', ['t', 0])).expectNothing();
    }));

  test('[MQTT-3.1.0-2] a second CONNECT ends the connection', () =>
    withBroker((broker) => endsConnected(broker, '', [v5.connect()], 0x82)));

  test('[MQTT-3.1.2-1] [MQTT-3.1.2-2] an unknown protocol name or version closes the connection', () =>
    withBroker(async (broker) => {
      await closedSilently(broker, 'MQXX', v5.rawConnect({ name: 'MQXX' }, field('id')));
      for (const level of [0, 2, 6, 99, 0x85]) {
        const client = broker.open('bytes');
        client.send(v5.rawConnect({ level }, field('id')));
        await broker.settled();
        expect([level, client.isClosed]).toEqual([level, true]);
      }
      await broker.expectOthersServed();
    }));

  test('[MQTT-3.1.2-3] [MQTT-3.1.2-11] [MQTT-3.1.2-12] [MQTT-3.1.2-13] the reserved flag and contradicting will flags are refused', () =>
    withBroker(async (broker) => {
      for (const flags of [0x03, 0x0a, 0x12, 0x22, 0x1a])
        await refused5(broker, flags.toString(16), [v5.rawConnect({ flags }, field('id'))], 0x81);
      await refused5(broker, 'QoS 3', [v5.connect({ will: { ...WILL, qos: 3 } })], 0x81);
    }));

  test('[MQTT-3.1.2-4] [MQTT-3.1.4-4] [MQTT-3.2.2-2] Clean Start 1 discards the session and begins a new one', () =>
    withBroker(async (broker) => {
      const before = await connect5(broker, { clientId: 'a', properties: STAYS });
      await before.subscribe([['t', 1]]);
      await before.cut();
      const publisher = await connect5(broker, 'publisher');
      await publisher.publish({ topic: 't', qos: 1, payload: 'queued' });
      const after = await connect5(broker, { clientId: 'a', clean: true, properties: STAYS });
      expect(after.connack).toMatchObject({ sessionPresent: false, code: 0 });
      await publisher.publish({ topic: 't', qos: 1 });
      await after.expectNothing();
    }));

  test('[MQTT-3.1.2-5] [MQTT-3.1.4-4] [MQTT-3.2.0-1] [MQTT-3.2.2-3] [MQTT-4.5.0-1] Clean Start 0 continues the session, CONNACK first', () =>
    withBroker(async (broker) => {
      const before = await connect5(broker, { clientId: 'a', properties: STAYS });
      await before.subscribe([['t', 1]]);
      await before.cut();
      const connected = await watcher5(broker, 'connected', ['t', 1]);
      await (await connect5(broker, 'publisher')).publish({ topic: 't', qos: 1, payload: 'queued' });
      await connected.accept({ payload: 'queued' });
      const after = await connect5(broker, { clientId: 'a', clean: false, properties: STAYS });
      expect(after.connack?.sessionPresent).toBe(true);
      await after.accept({ payload: 'queued', dup: false });
    }));

  test('[MQTT-3.1.2-6] [MQTT-3.1.4-4] [MQTT-3.2.2-3] Clean Start 0 without a session begins one', () =>
    withBroker(async (broker) => {
      const client = await connect5(broker, { clientId: 'fresh', clean: false });
      expect(client.connack).toMatchObject({ sessionPresent: false, code: 0 });
      expect(await client.subscribe([['t', 0]])).toEqual([0]);
    }));

  test('[MQTT-3.1.2-7] [MQTT-3.1.2-8] a will is published when the connection ends, and not by DISCONNECT 0x00', () =>
    withBroker(async (broker) => {
      const watcher = await willWatcher(broker);
      const lost = await connect5(broker, { clientId: 'lost', will: { ...WILL, payload: 'lost' } });
      await watcher.expectNothing();
      await lost.cut();
      await watcher.next('publish', { payload: 'lost', retain: false });
      for (const code of [0x04, 0x80, 0x98]) {
        const client = await connect5(broker, { will: { ...WILL, payload: `code ${code}` } });
        client.send(v5.disconnect(code));
        await watcher.next('publish', { payload: `code ${code}` });
      }
      for (const sent of [v5.disconnect(), v5.disconnect(0), v5.disconnect(0, {})]) {
        (await connect5(broker, { will: WILL })).send(sent);
        await watcher.expectNothing();
      }
    }));

  test('[MQTT-3.1.2-8] [MQTT5-will-delay] a will waits for its delay, or until the session ends', () =>
    withBroker(async (broker) => {
      const watcher = await willWatcher(broker);
      const leave = async (willDelay: number, sessionExpiry: number): Promise<void> => {
        const properties = { sessionExpiry };
        await (
          await connect5(broker, { clientId: 'a', properties, will: { ...WILL, properties: { willDelay } } })
        ).cut();
      };
      await leave(3, 60);
      await broker.advance(2900);
      await watcher.expectNothing();
      await broker.advance(100);
      await watcher.next('publish', { payload: 'x' });
      await leave(100, 5);
      await broker.advance(4900);
      await watcher.expectNothing();
      await broker.advance(100);
      await watcher.next('publish', { payload: 'x' });
      await leave(100, 0);
      await watcher.next('publish', { payload: 'x' });
      await broker.advance(200_000);
      await watcher.expectNothing();
    }));

  test('[MQTT5-will-delay] a DISCONNECT that shortens the session shortens the delay of the will', () =>
    withBroker(async (broker) => {
      const watcher = await willWatcher(broker);
      const will = { ...WILL, properties: { willDelay: 100 } };
      const client = await connect5(broker, { properties: STAYS, will });
      client.send(v5.disconnect(4, { sessionExpiry: 2 }));
      await broker.advance(1900);
      await watcher.expectNothing();
      await broker.advance(100);
      await watcher.next('publish', { payload: 'x' });
    }));

  test('[MQTT5-will-delay] a client that returns with Clean Start 1 ends the session, which publishes the will that waits', () =>
    withBroker(async (broker) => {
      const watcher = await willWatcher(broker);
      const fields = { clientId: 'a', properties: STAYS, will: { ...WILL, properties: { willDelay: 100 } } };
      await (await connect5(broker, fields)).cut();
      await watcher.expectNothing();
      await connect5(broker, { clientId: 'a', clean: true });
      await watcher.next('publish', { payload: 'x' });
      await connect5(broker, { ...fields, clientId: 'b' });
      await connect5(broker, { clientId: 'b', clean: true });
      await watcher.next('publish', { payload: 'x' });
      await watcher.expectNothing();
    }));

  test('[MQTT-3.1.2-9] [MQTT-3.1.2-14] [MQTT-3.1.2-15] a will has its QoS and RETAIN, and its fields are there', () =>
    withBroker(async (broker) => {
      const watcher = await willWatcher(broker);
      for (const qos of [0, 1, 2]) {
        await (await connect5(broker, { will: { ...WILL, qos } })).cut();
        await watcher.accept({ qos, retain: false });
      }
      await (await watcher5(broker, 'late', ['will', 0])).expectNothing();
      await (await connect5(broker, { will: { ...WILL, retain: true } })).cut();
      await (await watcher5(broker, 'later', ['will', 0])).next('publish', { payload: 'x', retain: true });
      for (const payload of [[], [0], [0, field('t')]])
        await refused5(broker, '', [v5.rawConnect({ flags: 0x06 }, field('id'), ...payload)], 0x81);
    }));

  test('[MQTT-3.1.2-10] a will is published once', () =>
    withBroker(async (broker) => {
      const watcher = await willWatcher(broker);
      await (await connect5(broker, { clientId: 'a', properties: STAYS, will: WILL })).cut();
      await watcher.next('publish');
      await (await connect5(broker, { clientId: 'a', clean: false, properties: STAYS })).cut();
      await watcher.expectNothing();
    }));

  test('[MQTT-3.1.2-16] [MQTT-3.1.2-17] [MQTT-3.1.2-18] [MQTT-3.1.2-19] user name and password are there exactly if their flags say so', () =>
    withBroker(async (broker) => {
      for (const [flags, ...fields] of [
        [0x02, field('u')],
        [0x82],
        [0x82, field('u'), field('p')],
        [0xc2, field('u')],
        [0x42],
      ])
        await refused5(
          broker,
          String(flags),
          [v5.rawConnect({ flags: flags as number }, field('id'), ...fields)],
          0x81,
        );
      await connect5(broker, { clientId: 'a', password: 'token' });
      await connect5(broker, { clientId: 'b', userName: 'alice', password: 'secret' });
    }));

  test('[MQTT-3.1.2-22] a client that is silent for one and a half of its intervals is disconnected, and its will published', () =>
    withBroker(async (broker) => {
      const watcher = await willWatcher(broker);
      const client = await connect5(broker, { keepAlive: 2, will: WILL });
      await broker.advance(2900);
      client.send('c0 00');
      await client.next('pingresp');
      await broker.advance(2900);
      await client.expectNothing();
      await broker.advance(200);
      await client.expectEnd(0x8d, 'keep-alive-timeout');
      await watcher.next('publish', { payload: 'x' });
    }));

  test('[MQTT-3.1.2-23] [MQTT-4.1.0-2] [MQTT5-session-expiry] the session outlives the connection for the Session Expiry Interval', () =>
    withBroker(async (broker) => {
      const leave = async (properties: v5.Props5): Promise<void> => {
        await (await connect5(broker, { clientId: 'a', properties })).cut();
      };
      await leave({ sessionExpiry: 5 });
      await broker.advance(2000);
      expect(await isPresent(broker, 'a')).toBe(true);
      await leave({ sessionExpiry: 5 });
      await broker.advance(5000);
      expect(await isPresent(broker, 'a')).toBe(false);
      for (const properties of [{}, { sessionExpiry: 0 }]) {
        await leave(properties);
        expect(await isPresent(broker, 'a')).toBe(false);
      }
      await leave({ sessionExpiry: 0xffff_ffff });
      await broker.advance(24 * 3_600_000);
      expect(await isPresent(broker, 'a')).toBe(true);
    }));

  test('[MQTT5-session-expiry] CONNACK says if the session stays for less than requested', () =>
    withBroker(
      async (broker) => {
        const ask = async (sessionExpiry: number): Promise<unknown> =>
          (await connect5(broker, { properties: { sessionExpiry } })).connack?.properties['sessionExpiry'];
        expect(await ask(100)).toBeUndefined();
        expect(await ask(101)).toBe(100);
      },
      { limits: { sessionExpiryMax: 100 } },
    ));

  test('[MQTT-3.1.2-24] [MQTT-3.1.2-25] a message that is too large for the client is dropped, and the next one comes', () =>
    withBroker(async (broker) => {
      const properties = { maximumPacketSize: 100, receiveMaximum: 1 };
      const client = await connect5(broker, { clientId: 'small', properties });
      await client.subscribe([['t', 2]]);
      const publisher = await connect5(broker, 'publisher');
      for (const qos of [0, 1, 2]) {
        // Fixed header, topic, Packet Identifier and Property Length.
        const rest = 2 + 3 + (qos > 0 ? 2 : 0) + 1;
        for (const size of [101, 100, 500, 99])
          await publisher.publish({ topic: 't', qos, payload: 'x'.repeat(size - rest) });
        expect((await client.accept({ qos })).size).toBe(100);
        expect((await client.accept({ qos })).size).toBe(99);
        await client.expectNothing();
      }
    }));

  test('[MQTT-3.1.2-24] properties, Subscription Identifiers, Topic Aliases and retained messages count in the size of a packet', () =>
    withBroker(async (broker) => {
      const properties = { maximumPacketSize: 60, topicAliasMaximum: 1 };
      const client = await connect5(broker, { clientId: 'small', properties });
      await client.subscribe([['topic', 1]], { subscriptionIdentifier: 300 });
      const publisher = await connect5(broker, 'publisher');
      const sent: number[] = [];
      for (let length = 20; length < 50; length++) {
        await publisher.publish({
          topic: 'topic',
          payload: 'x'.repeat(length),
          properties: { messageExpiry: 9 },
          retain: true,
        });
        sent.push(...(await client.all()).map(({ payload }) => payload.length));
      }
      // 2 of the fixed header, 7 of the topic (or 5 with an alias for it), 1 + 3 + 5 of the properties.
      expect(sent).toEqual(Array.from({ length: 60 - 18 - 19 }, (_, i) => 20 + i));
      await client.subscribe([['topic', 0]]);
      await client.expectNothing();
    }));

  test('[MQTT-3.1.2-24] a client that takes no packet of the size of CONNACK is not connected', () =>
    withBroker(async (broker) => {
      const client = connecting5(broker, { properties: { maximumPacketSize: 4, ...STAYS }, will: WILL });
      expect(await client.all()).toEqual([]);
      expect(client.isClosed).toBe(true);
    }));

  test('[MQTT-3.1.2-26] [MQTT-3.1.2-27] [MQTT-3.3.2-11] deliveries have a Topic Alias only up to the maximum of the client', () =>
    withBroker(async (broker) => {
      const aliased = await connect5(broker, { clientId: 'aliased', properties: { topicAliasMaximum: 2 } });
      const others = [
        await connect5(broker, 'none'),
        await connect5(broker, { clientId: '0', properties: { topicAliasMaximum: 0 } }),
      ];
      for (const client of [aliased, ...others]) await client.subscribe([['#', 1]]);
      const publisher = await connect5(broker, 'publisher');
      const topics = ['topic/1', 'topic/2', 'topic/3', 'topic/4'];
      for (let i = 0; i < 4; i++)
        for (const topic of topics) await publisher.publish({ topic, qos: i % 2, payload: topic });
      const deliveries = await aliased.all();
      expect(deliveries.map(({ topic }) => topic)).toEqual([...topics, ...topics, ...topics, ...topics]);
      expect(deliveries.every(({ topic, payload }) => topic === payload)).toBe(true);
      const aliases = deliveries.map(({ properties }) => properties['topicAlias']);
      expect(new Set(aliases)).toEqual(new Set([undefined, 1, 2]));
      for (const client of others)
        expect((await client.all()).map(({ topic, properties }) => [topic, properties])).toEqual(
          deliveries.map(({ topic }) => [topic, {}]),
        );
    }));

  test('[MQTT-3.1.2-28] CONNACK has no Response Information', () =>
    withBroker(async (broker) => {
      for (const properties of [{}, { requestResponse: 0 }, { requestResponse: 1 }])
        expect((await connect5(broker, { properties })).connack?.properties).not.toHaveProperty('responseInformation');
    }));

  test('[MQTT-3.1.2-29] without problem information, only CONNACK, PUBLISH and DISCONNECT explain', () =>
    withBroker(
      async (broker) => {
        const client = await connect5(broker, { userName: 'limited', properties: { requestProblem: 0 } });
        // The client of the test fails if one of these has a property.
        await client.subscribe([
          ['closed', 0],
          ['open/#', 1],
        ]);
        await client.unsubscribe('unknown');
        for (const qos of [1, 2]) {
          const invalid = { topic: 'open/t', qos, payload: bytes('ff'), properties: { payloadFormat: 1 } };
          expect(await client.publish(invalid)).toBe(0x99);
          expect(await client.publish({ topic: 'closed', qos })).toBe(0x87);
        }
        client.send(v5.acknowledge('pubrel', 99), v5.acknowledge('pubrec', 98));
        await client.next('pubcomp', { code: 0x92 });
        await client.next('pubrel', { code: 0x92 });
        client.send(v5.connect());
        expect((await client.expectEnd(0x82)).properties).toHaveProperty('reasonString');
      },
      { limits: { checkPayloadFormat: true } },
    ));

  test('[MQTT-3.1.3-1] [MQTT-3.1.3-10] the payload is Client Identifier, will properties, topic and payload, user name, password', () =>
    withBroker(async (broker) => {
      const watcher = await willWatcher(broker);
      const user: v5.Pair[] = [
        ['a', '1'],
        ['b', '2'],
        ['a', '3'],
      ];
      const will = { ...WILL, payload: 'payload', properties: { user, contentType: 'text', willDelay: 0 } };
      const client = await connect5(broker, { clientId: 'a', will, userName: 'alice', password: 'secret' });
      await client.cut();
      const { properties } = await watcher.next('publish', { topic: 'will', payload: 'payload' });
      expect(properties).toEqual({ user, contentType: 'text' });
    }));

  test('[MQTT-3.1.3-2] the Client Identifier identifies the session', () =>
    withBroker(async (broker) => {
      for (const clientId of ['a', 'b', 'A']) await (await connect5(broker, { clientId, properties: STAYS })).cut();
      for (const clientId of ['a', 'b', 'A']) expect(await isPresent(broker, clientId)).toBe(true);
      expect(await isPresent(broker, 'c')).toBe(false);
    }));

  test('[MQTT-3.1.3-3] [MQTT-3.1.3-4] [MQTT-3.1.3-11] [MQTT-3.1.3-12] identifier, will topic and user name are there, and UTF-8', () =>
    withBroker(async (broker) => {
      const invalid = field(bytes('c3 28'));
      await refused5(broker, 'no identifier', [v5.rawConnect({})], 0x81);
      await refused5(broker, 'identifier', [v5.rawConnect({}, invalid)], 0x81);
      await refused5(broker, 'will', [v5.rawConnect({ flags: 0x06 }, field('a'), 0, invalid, field('x'))], 0x81);
      await refused5(broker, 'user', [v5.rawConnect({ flags: 0x82 }, field('a'), invalid)], 0x81);
    }));

  test('[MQTT-3.1.3-5] Client Identifiers of 1 to 23 letters and digits are accepted', () =>
    withBroker(async (broker) => {
      const characters = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';
      for (const clientId of [...characters, characters.slice(0, 22), characters.slice(20, 43), characters.slice(39)])
        await connect5(broker, clientId);
    }));

  test('[MQTT-3.1.3-6] [MQTT-3.1.3-7] [MQTT-3.2.2-16] a client without an identifier gets a unique one, and can return with it', () =>
    withBroker(async (broker) => {
      const clients: Client5[] = [];
      for (let i = 0; i < 20; i++) clients.push(await connect5(broker, { clientId: '', properties: STAYS }));
      const ids = clients.map(({ connack }) => connack?.properties['assignedClientId'] as string);
      expect(new Set(ids).size).toBe(20);
      await clients[0]?.cut();
      await clients[1]?.expectNothing();
      const back = await connect5(broker, { clientId: ids[0] ?? '', clean: false });
      expect(back.connack).toMatchObject({ sessionPresent: true });
      expect(back.connack?.properties).not.toHaveProperty('assignedClientId');
    }));

  test('[MQTT-3.1.3-8] a Client Identifier that is refused gets CONNACK 0x85', () =>
    withBroker(
      async (broker) => {
        await refused5(broker, 'too long', [v5.connect({ clientId: 'x'.repeat(31) })], 0x85);
        await refused5(broker, 'empty', [v5.connect({ clientId: '' })], 0x85);
      },
      { limits: { maxClientIdLength: 30, assignClientId: false } },
    ));

  test('[MQTT-3.1.3-9] a client that returns within the Will Delay keeps its will from being published', () =>
    withBroker(async (broker) => {
      const watcher = await willWatcher(broker);
      const fields = { clientId: 'a', clean: false, properties: STAYS };
      await (await connect5(broker, { ...fields, will: { ...WILL, properties: { willDelay: 5 } } })).cut();
      await broker.advance(2000);
      await connect5(broker, fields);
      await broker.advance(60_000);
      await watcher.expectNothing();
    }));

  test('[MQTT-3.1.4-1] an empty CONNECT, and one without its fields, end the connection', () =>
    withBroker(async (broker) => {
      await closedSilently(broker, 'empty', packet(0x10));
      await closedSilently(broker, 'name alone', packet(0x10, field('MQTT')));
      await refused5(broker, 'no flags', [packet(0x10, field('MQTT'), 5)], 0x81);
      await refused5(broker, 'no properties', [packet(0x10, field('MQTT'), 5, 2, uint16(0))], 0x81);
    }));

  test('[MQTT-3.1.4-2] [MQTT-3.2.2-7] [MQTT-3.2.2-8] a client that fails further checks is refused with their Reason Code', () =>
    withBroker(async (broker) => {
      const codes = { refused: 0x86, forbidden: 0x87, broken: 0x88 };
      for (const [userName, code] of Object.entries(codes))
        await refused5(broker, userName, [v5.connect({ userName })], code);
      await refused5(broker, 'will', [v5.connect({ userName: 'limited', will: WILL })], 0x87);
    }));

  test('[MQTT-3.1.4-3] [MQTT-3.14.4-1] a client that connects again ends its older connection with 0x8E', () =>
    withBroker(async (broker) => {
      const older = await connect5(broker, 'a');
      const newer = await connect5(broker, 'a');
      await older.expectEnd(0x8e, 'session-taken-over');
      await newer.expectNothing();
    }));

  test('[MQTT-3.1.4-5] a valid CONNECT gets CONNACK 0x00, byte by byte', () =>
    withBroker(async (broker) => {
      const client = broker.open('bytes');
      client.send(v5.connect());
      await broker.settled();
      // Receive Maximum 1000 and Topic Alias Maximum 10.
      expect(client.received).toBe('20 09 00 00 06 21 03 e8 22 00 0a');
    }));

  test('[MQTT-3.1.4-6] what follows a refused CONNECT has no effect', () =>
    withBroker(async (broker) => {
      const message = v5.publish({ topic: 't', payload: 'x', retain: true });
      await open5(broker, v5.connect({ userName: 'refused' }), message).expectEnd(0x86);
      await (await watcher5(broker, 'watcher', ['t', 0])).expectNothing();
    }));
});
