// Interceptors of CONNECT: they come before authentication, and what they leave is checked like what a client sends.
import { describe, expect, test } from '@jest/globals';
import type { Authenticator, Interceptor } from '../../../src/ports/index.js';
import * as v5 from '../../clients/mqtt5-packets.js';
import { connect } from '../../clients/raw-packets.js';
import { refused, withBroker } from '../../support/broker-harness.js';
import type { BrokerHarness } from '../../support/broker-harness.js';
import { connect5, connecting5, watcher5 } from '../../support/mqtt5-clients.js';
import { late, PASS } from './answers.js';

type Connect = NonNullable<Interceptor['connect']>;

const withConnect = (
  method: Connect,
  run: (broker: BrokerHarness) => Promise<void>,
  authenticator?: Authenticator,
  limits = {},
): Promise<void> =>
  withBroker(run, {
    limits,
    interceptors: [{ name: 'test', connect: method }],
    ...(authenticator === undefined ? {} : { authenticator }),
  });

describe('a CONNECT that an interceptor replaces', () => {
  test('the client is authenticated, and known, as it was replaced', () => {
    const asked: string[] = [];
    return withConnect(
      (request) => ({
        decision: 'replace',
        with: {
          ...request,
          clientId: `tenant/${request.clientId}`,
          userName: 'alice',
          password: Buffer.from('secret'),
        },
      }),
      async (broker) => {
        await connect5(broker, { clientId: 'c', userName: 'refused' });
        expect(asked).toEqual(['tenant/c alice secret']);
        expect(broker.events).toContainEqual(
          expect.objectContaining({ kind: 'client-connected', clientId: 'tenant/c', userName: 'alice' }),
        );
      },
      {
        name: 'asked',
        authenticate: ({ clientId, userName, password }) => {
          asked.push(`${clientId} ${userName} ${Buffer.from(password ?? []).toString()}`);
          return { decision: 'allow' };
        },
      },
    );
  });

  test('Clean Start, Session Expiry Interval, Keep Alive and the will count as replaced', () =>
    withConnect(
      (request) => ({
        decision: 'replace',
        with: {
          ...request,
          clean: false,
          keepAlive: 7,
          properties: { ...request.properties, sessionExpiryInterval: 50 },
          will: {
            topic: 'will',
            payload: Buffer.from('from the interceptor'),
            qos: 0,
            retain: false,
            properties: undefined,
          },
        },
      }),
      async (broker) => {
        const watcher = await watcher5(broker, 'watcher', ['will', 0]);
        const client = await connect5(broker, { clientId: 'c', clean: true });
        expect(broker.events).toContainEqual(
          expect.objectContaining({ kind: 'client-connected', clientId: 'c', keepAliveS: 7, stored: true }),
        );
        await client.cut();
        await watcher.next('publish', { payload: 'from the interceptor' });
        expect((await connect5(broker, { clientId: 'c', clean: true })).connack?.sessionPresent).toBe(true);
      },
    ));

  test('a Client Identifier that is too long is refused as if the client had sent it', () =>
    withConnect(
      (request) => ({ decision: 'replace', with: { ...request, clientId: 'x'.repeat(100) } }),
      (broker) =>
        connecting5(broker, { clientId: 'c' })
          .expectEnd(0x85, 'client-identifier-too-long')
          .then(() => undefined),
      undefined,
      { maxClientIdLength: 50 },
    ));
});

describe('a CONNECT that an interceptor denies', () => {
  test.each([
    [0x8a, 5],
    [0x86, 4],
    [0x85, 2],
    [0x97, 3],
  ])('Reason Code 0x%s in MQTT 5 is the Return Code %i before', (reasonCode, returnCode) =>
    withConnect(
      ({ clientId }) => (clientId === 'c' ? { decision: 'deny', reasonCode, reason: 'not today' } : PASS),
      async (broker) => {
        const { properties } = await connecting5(broker, { clientId: 'c' }).expectEnd(
          reasonCode,
          'denied-by-interceptor',
        );
        expect(properties).toEqual({ reasonString: 'not today' });
        await broker.closesAtFirst('3.1.1', [connect({ clientId: 'c' })], refused(returnCode, 'denied-by-interceptor'));
      },
    ),
  );
});

test('a CONNECT waits for an answer that comes later, and what the client sends behind it waits too', async () => {
  const answers = late<'connect'>();
  await withConnect(answers.method, async (broker) => {
    const client = connecting5(broker, { clientId: 'c' });
    client.send(v5.subscribe(1, [['t', 0]]));
    await client.expectNothing();
    answers.next(PASS);
    await client.next('connack', { code: 0 });
    await client.next('suback', { packetId: 1 });
  });
});

test('a client that leaves before the answer is not authenticated', async () => {
  const answers = late<'connect'>();
  let asked = 0;
  await withConnect(
    answers.method,
    async (broker) => {
      const client = connecting5(broker, { clientId: 'c' });
      await broker.settled();
      await client.cut();
      answers.next(PASS);
      await broker.settled();
      expect(asked).toBe(0);
    },
    {
      name: 'counting',
      authenticate: () => {
        asked++;
        return { decision: 'allow' };
      },
    },
  );
});
