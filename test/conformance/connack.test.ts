// MQTT 3.1.1, section 3.2: CONNACK.
import { describe, expect, test } from '@jest/globals';
import type { AuthenticatorAnswer, RefusalReason } from '../../src/ports/index.js';
import { refused, withBroker } from '../support/broker-harness.js';
import * as raw from '../clients/raw-packets.js';
import type { ConnectFields } from '../clients/raw-packets.js';

const SESSION = { clientId: 'subscriber', clean: false } as const;

describe('3.2 CONNACK', () => {
  test('[MQTT-3.2.0-1] CONNACK is sent before the messages that wait in the session', () =>
    withBroker(async (broker) => {
      const subscriber = await broker.connect(SESSION);
      await subscriber.subscribe(['a', 2]);
      const publisher = await broker.connect('publisher');
      await publisher.publish({ topic: 'a', payload: 'in flight', qos: 2 });
      await subscriber.expectPublish({ payload: 'in flight' });
      await subscriber.cut();
      await publisher.publish({ topic: 'a', payload: 'queued', qos: 1 });
      const back = broker.open();
      back.send(raw.connect(SESSION));
      expect(await back.next('connack')).toEqual({ type: 'connack', sessionPresent: true, code: 0 });
      await back.expectPublish({ payload: 'in flight' });
      await back.expectPublish({ payload: 'queued' });
    }));

  test('[MQTT-3.2.0-1] CONNACK is sent before messages that are published in the same moment', () =>
    withBroker(async (broker) => {
      const subscriber = await broker.connect(SESSION);
      await subscriber.subscribe(['a', 1], ['b', 0]);
      await subscriber.disconnect();
      const publisher = await broker.connect('publisher');
      const back = broker.open();
      back.send(raw.connect(SESSION));
      // Between any two steps that the broker takes from CONNECT to CONNACK.
      for (let i = 1; i <= 40; i++) {
        publisher.send(
          raw.publish({ topic: 'a', payload: String(i), qos: 1, packetId: i }),
          raw.publish({ topic: 'b', payload: String(i) }),
        );
        await (i <= 30 ? Promise.resolve() : new Promise((resolve) => setImmediate(resolve)));
      }
      expect(await back.next('connack')).toEqual({ type: 'connack', sessionPresent: true, code: 0 });
      const came = await back.deliveries();
      expect(came.filter(({ topic }) => topic === 'a').map(({ payload }) => payload)).toEqual(
        Array.from({ length: 40 }, (_, i) => String(i + 1)),
      );
      expect(came.filter(({ topic }) => topic === 'b').length).toBeGreaterThan(0);
    }));

  test('[MQTT-3.2.2-1] Clean Session 1 over a stored session gets Session Present 0', () =>
    withBroker(async (broker) => {
      await (await broker.connect(SESSION)).disconnect();
      const client = broker.open();
      client.send(raw.connect({ ...SESSION, clean: true }));
      await client.expectBytes('20 02 00 00');
    }));

  test('[MQTT-3.2.2-2] Clean Session 0 over a stored session gets Session Present 1', () =>
    withBroker(async (broker) => {
      await (await broker.connect(SESSION)).disconnect();
      const client = broker.open();
      client.send(raw.connect(SESSION));
      await client.expectBytes('20 02 01 00');
    }));

  test('[MQTT-3.2.2-3] Clean Session 0 without a stored session gets Session Present 0', () =>
    withBroker(async (broker) => {
      const client = broker.open();
      client.send(raw.connect(SESSION));
      await client.expectBytes('20 02 00 00');
    }));

  test('[MQTT-3.2.2-3] Clean Session 0 after the stored session has expired gets Session Present 0', () =>
    withBroker(
      async (broker) => {
        await (await broker.connect(SESSION)).disconnect();
        await broker.advance(59_000);
        await (await broker.connect(SESSION)).disconnect();
        await broker.advance(61_000);
        const client = broker.open();
        client.send(raw.connect(SESSION));
        await client.expectBytes('20 02 00 00');
      },
      { limits: { sessionExpiryMax: 60 } },
    ));

  test('[MQTT-3.2.2-4] a refusal has Session Present 0, and an existing session is kept', () =>
    withBroker(async (broker) => {
      await (await broker.connect(SESSION)).disconnect();
      await broker.closesAtFirst('', [raw.connect({ ...SESSION, userName: 'refused' })], refused(4, 'bad-credentials'));
      expect((await broker.reconnect(SESSION)).sessionPresent).toBe(true);
    }));

  test('[MQTT-3.2.2-5] the broker closes the connection after each refusal', () =>
    withBroker(async (broker) => {
      await broker.closesAtFirst(
        'wrong password',
        [raw.connect({ userName: 'refused' })],
        refused(4, 'bad-credentials'),
      );
      await broker.closesAtFirst(
        'not authorised',
        [raw.connect({ userName: 'forbidden' })],
        refused(5, 'not-authorized'),
      );
      await broker.closesAtFirst(
        'authentication out of order',
        [raw.connect({ userName: 'broken' })],
        refused(3, 'authentication-unavailable'),
      );
      const will = { topic: 'closed/will', payload: '' };
      await broker.closesAtFirst(
        'a Will that is not allowed',
        [raw.connect({ userName: 'limited', will })],
        refused(5, 'not-authorized'),
      );
      await broker.closesAtFirst(
        'no identifier',
        [raw.connect({ clientId: '', clean: false })],
        refused(2, 'client-identifier-empty'),
      );
    }));

  test('[MQTT-3.2.2-5] [MQTT31-return-codes] the return code tells a wrong password, a missing right and a broken authentication apart', () =>
    withBroker(
      async (broker) => {
        for (const level of [3, 4] as const) {
          const closes = (label: string, fields: ConnectFields, code: number, reason: RefusalReason): Promise<void> =>
            broker.closesAtFirst(
              `${label}, level ${level}`,
              [raw.connect({ clientId: 'client', level, ...fields })],
              refused(code, reason),
            );
          await closes('a wrong password', { userName: 'alice', password: 'wrong' }, 4, 'bad-credentials');
          await closes('a password that is empty', { userName: 'alice', password: '' }, 4, 'bad-credentials');
          await closes('no password', { userName: 'alice' }, 4, 'bad-credentials');
          await closes('an unknown user', { userName: 'mallory', password: 'secret' }, 4, 'bad-credentials');
          await closes('a user that no authenticator knows', { userName: 'unknown' }, 5, 'not-authorized');
          await closes('a user who may not', { userName: 'banned', password: 'secret' }, 5, 'not-authorized');
          await closes('an authenticator that throws', { userName: 'throws' }, 3, 'authentication-unavailable');
          await closes('an authenticator that fails later', { userName: 'rejects' }, 3, 'authentication-unavailable');
          await closes(
            'an authenticator that answers nothing',
            { userName: 'nothing' },
            3,
            'authentication-unavailable',
          );
          await (
            await broker.connect({ clientId: 'client', level, userName: 'alice', password: 'secret' })
          ).disconnect();
        }
      },
      {
        authenticator: {
          name: 'of this test',
          authenticate({ userName, password }) {
            switch (userName ?? 'bystander') {
              case 'alice':
              case 'mallory': {
                const isRight =
                  userName === 'alice' && password !== undefined && Buffer.from(password).toString() === 'secret';
                return isRight
                  ? { decision: 'allow' }
                  : Promise.resolve({ decision: 'deny', reason: 'bad-credentials', detail: 'the test says so' });
              }
              case 'banned':
                return { decision: 'deny', reason: 'not-authorized', detail: 'the test says so' };
              case 'unknown':
                return { decision: 'abstain' };
              case 'throws':
                throw new Error('the test says so');
              case 'rejects':
                return Promise.reject(new Error('the test says so'));
              case 'nothing':
                return undefined as unknown as AuthenticatorAnswer;
              default:
                return { decision: 'allow' };
            }
          },
        },
      },
    ));

  test('[MQTT-3.2.2-5] a connection beyond the limit is refused with return code 3, unless it takes over another one', () =>
    withBroker(
      async (broker) => {
        const first = await broker.connect('first');
        await broker.connect('second');
        const third = broker.open();
        third.send(raw.connect({ clientId: 'third' }));
        await third.expectBytes('20 02 00 03');
        expect(third.isClosed).toBe(true);
        expect(broker.endOf(third)).toEqual({ reason: 'too-many-connections' });
        await (await broker.connect('first')).ping();
        expect(first.isClosed).toBe(true);
        expect(broker.endOf(first)).toEqual({ reason: 'session-taken-over' });
      },
      { limits: { maxConnections: 2 } },
    ));

  test('[MQTT-3.2.2-6] if no return code fits, as for a Will topic with a wildcard, the connection is closed without CONNACK', () =>
    withBroker(async (broker) => {
      await broker.closesAtFirst('', [raw.connect({ will: { topic: 'a/+', payload: '' } })], {
        reason: 'protocol-violation',
      });
    }));
});
