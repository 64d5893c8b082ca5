// MQTT 3.1.1, section 3.1: CONNECT, with sessions, Wills, credentials and Keep Alive.
import { describe, expect, test } from '@jest/globals';
import type { Authenticator } from '../../src/ports/index.js';
import { malformed, refused, withBroker } from '../support/broker-harness.js';
import type { BrokerHarness } from '../support/broker-harness.js';
import * as raw from '../clients/raw-packets.js';
import { bytes, field, rawConnect } from '../clients/raw-packets.js';

const WILL = { topic: 'will', payload: 'I am gone' } as const;

/** Lets everyone in, some turns later. */
const LATE: Authenticator = {
  name: 'late',
  authenticate: async () => {
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
    return { decision: 'allow', permissions: { kind: 'allow-all' } };
  },
};

const watcherOfWills = (broker: BrokerHarness) => broker.watcher('watcher', ['will', 2]);

describe('3.1 CONNECT comes first, and once', () => {
  test('[MQTT-3.1.0-1] a first packet other than CONNECT closes the connection and has no effect', () =>
    withBroker(async (broker) => {
      const watcher = await broker.watcher('watcher', ['a', 0]);
      const first = {
        PUBLISH: raw.publish({ topic: 'a', payload: 'too early', retain: true }),
        PUBACK: raw.puback(1),
        PUBREL: raw.pubrel(1),
        SUBSCRIBE: raw.subscribe(1, [['a', 0]]),
        UNSUBSCRIBE: raw.unsubscribe(1, ['a']),
        PINGREQ: raw.PINGREQ,
        DISCONNECT: raw.DISCONNECT,
        CONNACK: bytes('20 02 00 00'),
        PINGRESP: bytes('d0 00'),
      };
      for (const [type, sent] of Object.entries(first))
        await broker.closesAtFirst(type, [sent], malformed('packet-type-unexpected'));
      await watcher.expectNothing();
    }));

  test('[MQTT-3.1.0-2] a second CONNECT closes the connection', () =>
    withBroker(async (broker) => {
      await broker.closesConnected(
        'the same again',
        [raw.connect({ clientId: 'twice' })],
        { reason: 'protocol-violation' },
        { clientId: 'twice' },
      );
      await broker.closesConnected('another one', [raw.connect({ clientId: 'other' })], {
        reason: 'protocol-violation',
      });
    }));

  test('[MQTT-3.1.2-1] an unknown protocol name closes the connection', () =>
    withBroker(async (broker) => {
      for (const name of ['MQXX', 'mqtt', 'MQTTT', 'MQT', '', 'HTTP']) {
        await broker.closesAtFirst(name, [rawConnect({ name })], malformed('protocol-name-unknown'));
      }
    }));

  test('[MQTT-3.1.2-2] an unsupported protocol level is answered with return code 1, and the connection is closed', () =>
    withBroker(async (broker) => {
      const end = { ...malformed('protocol-version-unsupported'), answer: '20 02 00 01' };
      for (const level of [0, 1, 2, 6, 99, 255])
        await broker.closesAtFirst(`level ${level}`, [rawConnect({ level })], end);
      await broker.closesAtFirst('whatever follows the level', [raw.packet(0x10, field('MQTT'), 99, '01 02 03')], end);
    }));

  test('[MQTT-3.1.2-3] the reserved connect flag closes the connection', () =>
    withBroker(async (broker) => {
      await broker.closesAtFirst(
        'with Clean Session',
        [rawConnect({ flags: 0x03 })],
        malformed('connect-reserved-flag'),
      );
      await broker.closesAtFirst('alone', [rawConnect({ flags: 0x01 })], malformed('connect-reserved-flag'));
    }));

  test('[MQTT311-connect-timeout] a connection without a complete CONNECT is closed after a time', () =>
    withBroker(
      async (broker) => {
        const silent = broker.open();
        const half = broker.open();
        half.send(raw.connect().subarray(0, 9));
        await broker.advance(9_999);
        await silent.expectNothing();
        await half.expectNothing();
        await broker.advance(2);
        await broker.expectClosed(silent, { reason: 'connect-timeout' });
        await broker.expectClosed(half, { reason: 'connect-timeout' });
      },
      { limits: { connectTimeoutMs: 10_000 } },
    ));

  test('[MQTT311-before-connack] packets that are sent behind CONNECT without waiting are answered in order', () =>
    withBroker(async (broker) => {
      const client = broker.open();
      client.send(
        raw.connect(),
        raw.subscribe(1, [['a', 1]]),
        raw.publish({ topic: 'a', payload: 'x', qos: 1, packetId: 2 }),
        raw.PINGREQ,
      );
      expect(await client.next('connack')).toMatchObject({ code: 0 });
      expect(await client.next('suback')).toMatchObject({ packetId: 1 });
      await broker.settled();
      // PUBACK and the client's own delivery have no order between them.
      const rest = client.takeUnread();
      expect(rest).toContain('40 02 00 02');
      expect(rest).toContain('d0 00');
      expect(rest.split(' ')).toHaveLength(4 + 2 + 8);
    }));

  test('[MQTT311-before-connack] packets that are sent behind CONNECT wait for the authentication', () =>
    withBroker(
      async (broker) => {
        const client = broker.open();
        client.send(raw.connect(), raw.subscribe(1, [['a', 1]]), raw.PINGREQ);
        client.send(raw.unsubscribe(2, ['a']));
        await client.expectBytes('20 02 00 00 90 03 00 01 01 d0 00 b0 02 00 02');
      },
      { authenticator: LATE },
    ));
});

describe('3.1.2.4 Clean Session', () => {
  test('[MQTT-3.1.2-6] an incomplete QoS 2 message of a session that ended is not remembered in the next session', () =>
    withBroker(async (broker) => {
      const watcher = await broker.watcher('watcher', ['a', 2]);
      for (const payload of ['in the first', 'in the second']) {
        const publisher = await broker.connect({ clientId: 'publisher', clean: true });
        publisher.send(raw.publish({ topic: 'a', payload, qos: 2, packetId: 1 }));
        await publisher.expectBytes('50 02 00 01');
        await watcher.accept({ payload });
        await publisher.cut();
      }
      await watcher.expectNothing();
    }));

  test('[MQTT-3.1.2-4] [MQTT-3.1.4-3] with Clean Session 0 the session outlives its connection and is resumed', () =>
    withBroker(async (broker) => {
      const session = { clientId: 'subscriber', clean: false };
      const first = await broker.reconnect(session);
      expect(first.sessionPresent).toBe(false);
      await first.client.subscribe(['a', 1]);
      await first.client.disconnect();
      const second = await broker.reconnect(session);
      expect(second.sessionPresent).toBe(true);
      await second.client.publish({ topic: 'b', qos: 1 });
      await (await broker.connect('publisher')).publish({ topic: 'a', payload: 'still subscribed', qos: 1 });
      await second.client.accept({ payload: 'still subscribed', qos: 1 });
      await second.client.cut();
      expect((await broker.reconnect(session)).sessionPresent).toBe(true);
    }));

  test('[MQTT-3.1.2-5] QoS 1 and 2 messages wait for an offline client', () =>
    withBroker(async (broker) => {
      const session = { clientId: 'subscriber', clean: false };
      const subscriber = await broker.connect(session);
      await subscriber.subscribe(['a', 2]);
      await subscriber.disconnect();
      const publisher = await broker.connect('publisher');
      await publisher.publish({ topic: 'a', payload: 'one', qos: 1 });
      await publisher.publish({ topic: 'a', payload: 'two', qos: 2 });
      await publisher.publish({ topic: 'a', payload: 'three', qos: 1 });
      const back = await broker.connect(session);
      expect(await back.deliveries()).toMatchObject([
        { payload: 'one', qos: 1, dup: false },
        { payload: 'two', qos: 2, dup: false },
        { payload: 'three', qos: 1, dup: false },
      ]);
    }));

  test('[MQTT311-qos0-offline] QoS 0 messages do not wait for an offline client', () =>
    withBroker(async (broker) => {
      const session = { clientId: 'subscriber', clean: false };
      const subscriber = await broker.connect(session);
      await subscriber.subscribe(['a', 2], ['b', 0]);
      await subscriber.disconnect();
      const publisher = await broker.connect('publisher');
      await publisher.publish({ topic: 'a', qos: 0 });
      await publisher.publish({ topic: 'b', qos: 2 });
      await (await broker.connect(session)).expectNothing();
      expect(broker.events.filter(({ kind }) => kind === 'message-dropped')).toMatchObject([
        { reason: 'client-offline' },
        { reason: 'client-offline' },
      ]);
    }));

  test('[MQTT-3.1.2-6] Clean Session 1 discards the old session with its subscriptions and messages', () =>
    withBroker(async (broker) => {
      const session = { clientId: 'subscriber', clean: false };
      const publisher = await broker.connect('publisher');
      const first = await broker.connect(session);
      await first.subscribe(['a', 1]);
      await first.disconnect();
      await publisher.publish({ topic: 'a', payload: 'waiting', qos: 1 });
      const clean = await broker.reconnect({ ...session, clean: true });
      expect(clean.sessionPresent).toBe(false);
      await publisher.publish({ topic: 'a', payload: 'unsubscribed', qos: 1 });
      await clean.client.expectNothing();
      await clean.client.disconnect();
      const last = await broker.reconnect(session);
      expect(last.sessionPresent).toBe(false);
      await publisher.publish({ topic: 'a', payload: 'unsubscribed', qos: 1 });
      await last.client.expectNothing();
      await last.client.subscribe(['b', 1]);
      await last.client.disconnect();
      for (const topic of ['a', 'b', 'a']) await publisher.publish({ topic, payload: `on ${topic}`, qos: 1 });
      const back = await broker.connect(session);
      await back.accept({ topic: 'b', payload: 'on b' });
      await back.expectNothing();
    }));

  test('[MQTT-3.1.2-6] a session begun with Clean Session 1 ends with its connection', () =>
    withBroker(async (broker) => {
      const publisher = await broker.connect('publisher');
      for (const end of ['cut', 'disconnect'] as const) {
        const clean = await broker.connect({ clientId: 'subscriber', clean: true });
        await clean.subscribe(['a', 1]);
        await publisher.publish({ topic: 'a', payload: 'unacknowledged', qos: 1 });
        await clean.expectPublish({ payload: 'unacknowledged' });
        await clean[end]();
        await publisher.publish({ topic: 'a', qos: 1 });
        const next = await broker.reconnect({ clientId: 'subscriber', clean: false });
        expect(next.sessionPresent).toBe(false);
        await next.client.expectNothing();
        await (await broker.connect({ clientId: 'subscriber', clean: true })).disconnect();
      }
    }));

  test('[MQTT-3.1.2.7] a retained message outlives the session that published it', () =>
    withBroker(async (broker) => {
      const publisher = await broker.connect('publisher');
      await publisher.publish({ topic: 'a', payload: 'kept', qos: 1, retain: true });
      await publisher.disconnect();
      await broker.connect({ clientId: 'publisher', clean: true });
      await (await broker.watcher('watcher', ['a', 1])).accept({ payload: 'kept', retain: true });
    }));
});

describe('3.1.2.5 Will', () => {
  test('[MQTT-3.1.2-8] [MQTT311-will-causes] the Will is published after a network error, a close without DISCONNECT, a missed Keep Alive and a violation', () =>
    withBroker(async (broker) => {
      const watcher = await watcherOfWills(broker);
      const causes = {
        'a network error': (client: Awaited<ReturnType<typeof broker.connect>>) => client.cut(),
        'a close without DISCONNECT': (client: Awaited<ReturnType<typeof broker.connect>>) => {
          client.wire.end();
        },
        'a missed Keep Alive': () => broker.advance(15_001),
        'a malformed packet': (client: Awaited<ReturnType<typeof broker.connect>>) => {
          client.send('00 00');
        },
        'a second CONNECT': (client: Awaited<ReturnType<typeof broker.connect>>) => {
          client.send(raw.connect());
        },
        'an invalid Topic Name': (client: Awaited<ReturnType<typeof broker.connect>>) => {
          client.send(raw.publish({ topic: 'a/#' }));
        },
      };
      for (const [cause, happens] of Object.entries(causes)) {
        const client = await broker.connect({
          clientId: 'with a will',
          keepAlive: 10,
          will: { topic: 'will', payload: cause },
        });
        await watcher.expectNothing();
        await happens(client);
        await watcher.expectPublish({ topic: 'will', payload: cause, qos: 0, retain: false });
      }
      await watcher.expectNothing();
    }));

  test('[MQTT-3.1.2-8] the Will is published when another client takes the identifier over', () =>
    withBroker(async (broker) => {
      const watcher = await watcherOfWills(broker);
      await broker.connect({ clientId: 'with a will', will: WILL });
      await broker.connect({ clientId: 'with a will' });
      await watcher.expectPublish({ payload: 'I am gone' });
    }));

  test('[MQTT-3.1.2-8] the Will of a CONNECT that was refused is not published', () =>
    withBroker(async (broker) => {
      const watcher = await watcherOfWills(broker);
      await broker.closesAtFirst(
        'refused',
        [raw.connect({ userName: 'refused', will: WILL })],
        refused(4, 'bad-credentials'),
      );
      await watcher.expectNothing();
    }));

  test('[MQTT-3.1.2-9] the Will has the QoS, the topic and exactly the bytes of CONNECT', () =>
    withBroker(async (broker) => {
      const watcher = await watcherOfWills(broker);
      for (const qos of [0, 1, 2] as const) {
        const client = await broker.connect({
          clientId: 'with a will',
          will: { topic: 'will', payload: bytes('00 ff 80'), qos },
        });
        await client.cut();
        await broker.settled();
        const delivery = await watcher.accept({ topic: 'will', qos, payload: Buffer.from('00ff80', 'hex').toString() });
        expect(delivery.dup).toBe(false);
      }
    }));

  test('[MQTT-3.1.2-9] a Will without payload is a message without payload', () =>
    withBroker(async (broker) => {
      const watcher = await watcherOfWills(broker);
      await (await broker.connect({ clientId: 'with a will', will: { topic: 'will', payload: '' } })).cut();
      await watcher.expectPublish({ topic: 'will', payload: '' });
    }));

  test('[MQTT-3.1.2-9] a Will Flag without Will fields closes the connection', () =>
    withBroker(async (broker) => {
      const end = malformed('packet-truncated');
      await broker.closesAtFirst('no field', [rawConnect({ flags: 0x06, payload: [field('id')] })], end);
      await broker.closesAtFirst(
        'no message',
        [rawConnect({ flags: 0x06, payload: [field('id'), field('will')] })],
        end,
      );
    }));

  test('[MQTT-3.1.2-10] a Will is published once, and not for a later connection without one', () =>
    withBroker(async (broker) => {
      const watcher = await watcherOfWills(broker);
      const session = { clientId: 'with a will', clean: false };
      await (await broker.connect({ ...session, will: WILL })).cut();
      await watcher.expectPublish({ payload: 'I am gone' });
      await (await broker.connect(session)).cut();
      await (await broker.connect({ ...session, will: WILL })).disconnect();
      await (await broker.connect(session)).cut();
      await watcher.expectNothing();
    }));

  test('[MQTT-3.1.2-11] Will fields without the Will Flag close the connection', () =>
    withBroker(async (broker) => {
      const payload = [field('id'), field('will'), field('message')];
      await broker.closesAtFirst('fields', [rawConnect({ flags: 0x02, payload })], malformed('packet-trailing-bytes'));
      await broker.closesAtFirst('bits', [rawConnect({ flags: 0x3a })], malformed('connect-will-flags'));
    }));

  test('[MQTT-3.1.2-12] without the Will Flag no Will is published', () =>
    withBroker(async (broker) => {
      const watcher = await broker.watcher('watcher', ['#', 2]);
      await (await broker.connect('with a will')).cut();
      await watcher.expectNothing();
    }));

  test('[MQTT-3.1.2-13] Will QoS 1 and 2 without the Will Flag close the connection', () =>
    withBroker(async (broker) => {
      await broker.closesAtFirst('QoS 1', [rawConnect({ flags: 0x0a })], malformed('connect-will-flags'));
      await broker.closesAtFirst('QoS 2', [rawConnect({ flags: 0x12 })], malformed('connect-will-flags'));
    }));

  test('[MQTT-3.1.2-14] Will QoS 3 closes the connection', () =>
    withBroker(async (broker) => {
      const payload = [field('id'), field('will'), field('message')];
      await broker.closesAtFirst('QoS 3', [rawConnect({ flags: 0x1e, payload })], malformed('connect-will-flags'));
    }));

  test('[MQTT-3.1.2-15] Will Retain without the Will Flag closes the connection', () =>
    withBroker(async (broker) => {
      await broker.closesAtFirst('RETAIN', [rawConnect({ flags: 0x22 })], malformed('connect-will-flags'));
    }));

  test('[MQTT-3.1.2-16] a Will without Will Retain is not retained, and does not replace a retained message', () =>
    withBroker(async (broker) => {
      const watcher = await watcherOfWills(broker);
      await (await broker.connect({ clientId: 'with a will', will: WILL })).cut();
      await watcher.expectPublish({ payload: 'I am gone' });
      await (await broker.watcher('later', ['will', 2])).expectNothing();
    }));

  test('[MQTT-3.1.2-17] a Will with Will Retain is retained', () =>
    withBroker(async (broker) => {
      const watcher = await watcherOfWills(broker);
      await (await broker.connect({ clientId: 'with a will', will: { ...WILL, qos: 1, retain: true } })).cut();
      await watcher.accept({ payload: 'I am gone', qos: 1, retain: false });
      await (await broker.watcher('later', ['will', 2])).accept({ payload: 'I am gone', qos: 1, retain: true });
    }));
});

describe('3.1.2.8 user name and password', () => {
  test('[MQTT-3.1.2-18] a user name without its flag closes the connection', () =>
    withBroker(async (broker) => {
      await broker.closesAtFirst(
        '',
        [rawConnect({ flags: 0x02, payload: [field('id'), field('alice')] })],
        malformed('packet-trailing-bytes'),
      );
    }));

  test('[MQTT-3.1.2-19] a User Name Flag without user name closes the connection', () =>
    withBroker(async (broker) => {
      await broker.closesAtFirst(
        '',
        [rawConnect({ flags: 0x82, payload: [field('id')] })],
        malformed('packet-truncated'),
      );
    }));

  test('[MQTT-3.1.2-20] a password without its flag closes the connection', () =>
    withBroker(async (broker) => {
      const payload = [field('id'), field('alice'), field('secret')];
      await broker.closesAtFirst('', [rawConnect({ flags: 0x82, payload })], malformed('packet-trailing-bytes'));
    }));

  test('[MQTT-3.1.2-21] a Password Flag without password closes the connection', () =>
    withBroker(async (broker) => {
      await broker.closesAtFirst(
        '',
        [rawConnect({ flags: 0xc2, payload: [field('id'), field('alice')] })],
        malformed('packet-truncated'),
      );
    }));

  test('[MQTT-3.1.2-22] a Password Flag without the User Name Flag closes the connection', () =>
    withBroker(async (broker) => {
      const payload = [field('id'), field('secret')];
      await broker.closesAtFirst(
        '',
        [rawConnect({ flags: 0x42, payload })],
        malformed('connect-password-without-user-name'),
      );
    }));
});

describe('3.1.2.10 Keep Alive', () => {
  test('[MQTT-3.1.2-24] a client that is silent for one and a half intervals is disconnected, and its Will is published', () =>
    withBroker(async (broker) => {
      const watcher = await watcherOfWills(broker);
      const client = await broker.connect({ keepAlive: 2, will: WILL });
      await broker.advance(2_999);
      await client.expectNothing();
      await broker.advance(2);
      await broker.expectClosed(client, { reason: 'keep-alive-timeout' });
      await watcher.expectPublish({ payload: 'I am gone' });
    }));

  test('[MQTT-3.1.2-24] every packet from the client begins a new interval', () =>
    withBroker(async (broker) => {
      const client = await broker.connect({ keepAlive: 2 });
      for (let i = 0; i < 5; i++) {
        await broker.advance(2_000);
        await client.ping();
        await broker.advance(2_000);
        await client.publish({ topic: 'a', qos: 1 });
        await broker.advance(2_000);
        await client.publish({ topic: 'a', qos: 0 });
        await client.expectNothing();
      }
      await broker.advance(3_001);
      await broker.expectClosed(client, { reason: 'keep-alive-timeout' });
    }));

  test('[MQTT-3.1.2-24] packets of the broker do not keep a client alive', () =>
    withBroker(async (broker) => {
      const client = await broker.connect({ clientId: 'silent', keepAlive: 2 });
      await client.subscribe(['a', 0]);
      const publisher = await broker.connect('publisher');
      await broker.advance(2_000);
      await publisher.publish({ topic: 'a' });
      await client.expectPublish({ topic: 'a' });
      await broker.advance(1_001);
      await broker.expectClosed(client, { reason: 'keep-alive-timeout' });
    }));

  test('[MQTT-3.1.2-24] Keep Alive 0 never ends a connection', () =>
    withBroker(async (broker) => {
      const client = await broker.connect({ keepAlive: 0 });
      await broker.advance(365 * 24 * 3600 * 1000);
      await client.ping();
    }));
});

describe('3.1.3 payload', () => {
  test('[MQTT-3.1.3-1] the five fields of CONNECT are read in their order', () =>
    withBroker(async (broker) => {
      const watcher = await watcherOfWills(broker);
      const fields = {
        clientId: 'all of them',
        userName: 'alice',
        password: 'secret',
        will: { ...WILL, qos: 1 },
      } as const;
      await (await broker.connect(fields)).cut();
      await watcher.accept({ topic: 'will', payload: 'I am gone', qos: 1 });
      await broker.closesAtFirst(
        'a wrong password',
        [raw.connect({ ...fields, password: 'wrong' })],
        refused(4, 'bad-credentials'),
      );
    }));

  test('[MQTT-3.1.3-2] clients with different identifiers share nothing, even if the identifiers differ only in case', () =>
    withBroker(async (broker) => {
      const ids = ['one', 'ONE', 'one ', 'öne'];
      for (const clientId of ids) {
        const { client, sessionPresent } = await broker.reconnect({ clientId, clean: false });
        expect(sessionPresent).toBe(false);
        await client.subscribe([`for/${clientId}`, 1]);
        await client.disconnect();
      }
      const publisher = await broker.connect('publisher');
      for (const clientId of ids) await publisher.publish({ topic: `for/${clientId}`, payload: clientId, qos: 1 });
      for (const clientId of ids) {
        const { client, sessionPresent } = await broker.reconnect({ clientId, clean: false });
        expect(sessionPresent).toBe(true);
        await client.accept({ payload: clientId });
        await client.expectNothing();
      }
    }));

  test('[MQTT-3.1.3-3] a CONNECT without payload closes the connection', () =>
    withBroker(async (broker) => {
      await broker.closesAtFirst('', [rawConnect({ payload: [] })], malformed('packet-truncated'));
    }));

  test('[MQTT-3.1.3-4] a Client Identifier that is not UTF-8 closes the connection', () =>
    withBroker(async (broker) => {
      await broker.closesAtFirst('', [rawConnect({ payload: [field(bytes('c3 28'))] })], malformed('utf8-invalid'));
    }));

  test('[MQTT-3.1.3-5] identifiers of 1 to 23 digits and letters are accepted', () =>
    withBroker(async (broker) => {
      const alphabet = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';
      for (const character of alphabet) await broker.connect(character);
      for (let length = 2; length <= 23; length++) await broker.connect(alphabet.slice(length, 2 * length));
      for (const start of [0, 23, 39]) await broker.connect(alphabet.slice(start, start + 23));
    }));

  test('[MQTT-3.1.3-6] a client without an identifier gets a unique one', () =>
    withBroker(async (broker) => {
      const clients = [await broker.connect(''), await broker.connect(''), await broker.connect('')];
      for (const client of clients) await client.ping();
      const ids = broker.events.flatMap((event) => (event.kind === 'client-connected' ? [event.clientId] : []));
      expect(new Set(ids).size).toBe(3);
      for (const id of ids) expect(id.length).toBeGreaterThan(0);
    }));

  test('[MQTT-3.1.3-6] a client without an identifier is refused if the broker is configured not to assign one', () =>
    withBroker(
      async (broker) => {
        await broker.closesAtFirst('', [raw.connect({ clientId: '' })], refused(2, 'client-identifier-empty'));
      },
      { limits: { assignClientId: false } },
    ));

  test('[MQTT-3.1.3-8] a client without an identifier and with Clean Session 0 is refused with return code 2', () =>
    withBroker(async (broker) => {
      await broker.closesAtFirst(
        '',
        [raw.connect({ clientId: '', clean: false })],
        refused(2, 'client-identifier-empty'),
      );
    }));

  test('[MQTT-3.1.3-9] an identifier over the limit of the broker is refused with return code 2', () =>
    withBroker(
      async (broker) => {
        await broker.connect('x'.repeat(30));
        await broker.connect('é'.repeat(15));
        await broker.closesAtFirst(
          '31 bytes',
          [raw.connect({ clientId: 'x'.repeat(31) })],
          refused(2, 'client-identifier-too-long'),
        );
        await broker.closesAtFirst(
          '16 characters of two bytes',
          [raw.connect({ clientId: 'é'.repeat(16) })],
          refused(2, 'client-identifier-too-long'),
        );
      },
      { limits: { maxClientIdLength: 30 } },
    ));

  test('[MQTT-3.1.3-10] a Will topic that is not UTF-8 closes the connection', () =>
    withBroker(async (broker) => {
      const payload = [field('id'), field(bytes('c3 28')), field('message')];
      await broker.closesAtFirst('', [rawConnect({ flags: 0x06, payload })], malformed('utf8-invalid'));
    }));

  test('[MQTT-3.1.3-11] a user name that is not UTF-8 closes the connection', () =>
    withBroker(async (broker) => {
      await broker.closesAtFirst(
        '',
        [rawConnect({ flags: 0x82, payload: [field('id'), field(bytes('c3 28'))] })],
        malformed('utf8-invalid'),
      );
    }));
});

describe('3.1.4 response', () => {
  test('[MQTT-3.1.4-1] a CONNECT that is too short or too long closes the connection without CONNACK', () =>
    withBroker(async (broker) => {
      const whole = raw.connect({ clientId: 'id', userName: 'alice', password: 'secret', will: WILL });
      const body = whole.subarray(2);
      for (let length = 0; length < body.byteLength; length++) {
        await broker.closesAtFirst(
          `${length} bytes of ${body.byteLength}`,
          [raw.packet(0x10, body.subarray(0, length))],
          malformed('packet-truncated'),
        );
      }
      await broker.closesAtFirst('a byte too many', [raw.packet(0x10, body, 0)], malformed('packet-trailing-bytes'));
    }));

  test('[MQTT-3.1.4-2] a new connection with the same identifier ends the old one', () =>
    withBroker(async (broker) => {
      const publisher = await broker.connect('publisher');
      for (const clean of [true, false]) {
        const older = await broker.connect({ clientId: 'same', clean });
        await older.subscribe(['a', 1]);
        const { client: newer, sessionPresent } = await broker.reconnect({ clientId: 'same', clean });
        expect(sessionPresent).toBe(!clean);
        await broker.expectClosed(older, { reason: 'session-taken-over' });
        await newer.subscribe(['a', 1]);
        await publisher.publish({ topic: 'a', payload: 'x', qos: 1 });
        await newer.accept({ payload: 'x' });
        await newer.disconnect();
      }
    }));

  test('[MQTT-3.1.4-2] the new connection gets the messages that the old one left unacknowledged', () =>
    withBroker(async (broker) => {
      const session = { clientId: 'same', clean: false };
      const older = await broker.connect(session);
      await older.subscribe(['a', 2]);
      const publisher = await broker.connect('publisher');
      await publisher.publish({ topic: 'a', payload: 'one', qos: 1 });
      await publisher.publish({ topic: 'a', payload: 'two', qos: 2 });
      const [one, two] = await older.deliveries();
      const newer = await broker.connect(session);
      await newer.accept({ payload: 'one', dup: true, packetId: one?.packetId ?? 0 });
      await newer.accept({ payload: 'two', dup: true, packetId: two?.packetId ?? 0 });
      await publisher.publish({ topic: 'a', payload: 'three', qos: 1 });
      await newer.accept({ payload: 'three', dup: false });
      await broker.expectClosed(older, { reason: 'session-taken-over' });
    }));

  test('[MQTT-3.1.4-2] an old connection that does not read does not delay the new one', () =>
    withBroker(async (broker) => {
      const older = await broker.connect('same');
      await older.subscribe(['a', 0]);
      older.wire.pause();
      const publisher = await broker.connect('publisher');
      for (let i = 0; i < 50; i++) await publisher.publish({ topic: 'a', payload: 'x'.repeat(4096) });
      const newer = await broker.connect('same');
      await newer.ping();
      expect(broker.endOf(older)).toEqual({ reason: 'session-taken-over' });
      await broker.advance(60_000);
      expect(older.isClosed).toBe(true);
      await newer.ping();
    }));

  test('[MQTT-3.1.4-2] one of two connections with one identifier that are authenticated at the same time remains', () =>
    withBroker(
      async (broker) => {
        const clients = [broker.open(), broker.open()];
        for (const client of clients) client.send(raw.connect({ clientId: 'same' }));
        await broker.settled();
        expect(clients.filter(({ isClosed }) => !isClosed)).toHaveLength(1);
        for (const client of clients) expect(await client.next('connack')).toMatchObject({ code: 0 });
        for (const client of clients) if (!client.isClosed) await client.ping();
      },
      { authenticator: LATE },
    ));

  test('[MQTT-3.1.4-2] a connection that is refused does not end the one that has the identifier', () =>
    withBroker(async (broker) => {
      const older = await broker.connect('same');
      await broker.closesAtFirst(
        '',
        [raw.connect({ clientId: 'same', userName: 'refused' })],
        refused(4, 'bad-credentials'),
      );
      await older.ping();
    }));

  test('[MQTT-3.1.4-3] an accepted CONNECT with Clean Session 1 starts a new session, even if it takes over a connection', () =>
    withBroker(async (broker) => {
      const older = await broker.connect({ clientId: 'same', clean: false });
      await older.subscribe(['a', 1]);
      const { client, sessionPresent } = await broker.reconnect({ clientId: 'same', clean: true });
      expect(sessionPresent).toBe(false);
      await (await broker.connect('publisher')).publish({ topic: 'a', qos: 1 });
      await client.expectNothing();
    }));

  test('[MQTT-3.1.4-4] a valid CONNECT is answered by return code 0', () =>
    withBroker(async (broker) => {
      const client = broker.open();
      client.send('10 0d 00 04 4d 51 54 54 04 02 00 3c 00 01 61');
      await client.expectBytes('20 02 00 00');
      await client.expectNothing();
    }));

  test('[MQTT-3.1.4-5] packets behind a refused CONNECT have no effect', () =>
    withBroker(async (broker) => {
      const watcher = await broker.watcher('watcher', ['#', 2]);
      const behind = [
        raw.subscribe(1, [['a', 0]]),
        raw.publish({ topic: 'a', payload: 'no', qos: 1, retain: true }),
        raw.PINGREQ,
      ];
      const end = refused(4, 'bad-credentials');
      const client = broker.open();
      client.send(raw.connect({ userName: 'refused' }), ...behind);
      await watcher.expectNothing();
      await broker.expectClosed(client, end);
      await broker.closesAtFirst(
        'no identifier',
        [raw.connect({ clientId: '', clean: false }), ...behind],
        refused(2, 'client-identifier-empty'),
      );
      await (await broker.watcher('later', ['a', 2])).expectNothing();
    }));
});
