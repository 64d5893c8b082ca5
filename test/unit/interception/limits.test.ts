// What interceptors leave meets the limits of the client, of its version and of the broker, and what waits for them
// stays within bounds.
import { describe, expect, test } from '@jest/globals';
import type { Interceptor, TopicName } from '../../../src/ports/index.js';
import * as v5 from '../../clients/mqtt5-packets.js';
import { connect, publish } from '../../clients/raw-packets.js';
import { withBroker } from '../../support/broker-harness.js';
import type { BrokerHarness } from '../../support/broker-harness.js';
import { connect5, connecting5, watcher5 } from '../../support/mqtt5-clients.js';
import { late, PASS } from './answers.js';

const one = (interceptor: Omit<Interceptor, 'name'>): { interceptors: readonly Interceptor[] } => ({
  interceptors: [{ name: 'test', ...interceptor }],
});

describe('a delivery of a shared subscription that becomes too large for its member', () => {
  test.each([0, 1, 2])('is dropped, and not offered to the same member again, at QoS %i', (qos) =>
    withBroker(
      async (broker) => {
        const small = await connect5(broker, { clientId: 'small', properties: { maximumPacketSize: 60 } });
        await small.subscribe([['$share/g/t', 2]]);
        const publisher = await connect5(broker, 'publisher');
        await publisher.publish({ topic: 't', payload: 'x', qos });
        await small.expectNothing();
        expect(broker.events.flatMap((e) => (e.kind === 'message-dropped' ? [e.reason] : []))).toEqual([
          'packet-too-large',
        ]);
      },
      one({ deliver: (message) => ({ decision: 'replace', with: { ...message, payload: new Uint8Array(100) } }) }),
    ),
  );
});

test.each([0, 1, 2])('a client gets the denial, whatever length and text its reason has, at QoS %i', (qos) =>
  withBroker(
    async (broker) => {
      const publisher = await connect5(broker, 'publisher');
      publisher.send(v5.publish({ topic: 't', payload: 'x', qos, packetId: 1 }));
      if (qos === 0) await publisher.expectEnd(0x99);
      else await publisher.next(qos === 1 ? 'puback' : 'pubrec', { code: 0x99 });
      await connecting5(broker, { clientId: 'refused' }).expectEnd(0x87);
      const subscriber = await connect5(broker, 's');
      expect(await subscriber.subscribe([['a', 0]])).toEqual([0x87]);
    },
    one({
      publish: () => ({ decision: 'deny', reasonCode: 0x99, reason: `\0\ud800${'x'.repeat(70_000)}` }),
      subscribe: () => ({ decision: 'deny', reasonCode: 0x87, reason: `\0\ud800${'x'.repeat(70_000)}` }),
      connect: ({ clientId }) =>
        clientId === 'refused' ? { decision: 'deny', reasonCode: 0x87, reason: `\0${'x'.repeat(70_000)}` } : PASS,
    }),
  ),
);

test('a QoS 2 message of MQTT 3.1.1 that was accepted under another topic is acknowledged when it is repeated', () =>
  withBroker(
    async (broker) => {
      const fields = { clientId: 'p', userName: 'limited', clean: false };
      const first = broker.open();
      first.send(connect(fields), publish({ topic: 'closed/a', payload: 'x', qos: 2, packetId: 1 }));
      await broker.settled();
      await first.cut();
      const again = broker.open();
      again.send(connect(fields), publish({ topic: 'closed/a', payload: 'x', qos: 2, packetId: 1, dup: true }));
      await again.next('connack');
      expect(await again.next('pubrec')).toMatchObject({ packetId: 1 });
    },
    one({
      publish: ({ isWill: _, ...message }) => ({
        decision: 'replace',
        with: { ...message, topic: 'open/a' as TopicName },
      }),
    }),
  ));

test('a QoS 0 message that becomes one of QoS 1, for which there is no room, is not acknowledged', () =>
  withBroker(
    async (broker) => {
      const fields = { clientId: 's', clean: false, properties: { sessionExpiry: 100 } };
      const subscriber = await connect5(broker, fields);
      await subscriber.subscribe([['t', 1]]);
      await subscriber.cut();
      const publisher = await connect5(broker, 'p');
      publisher.send(v5.publish({ topic: 't', payload: '1' }), v5.publish({ topic: 't', payload: '2' }));
      await publisher.expectNothing();
      const again = await connect5(broker, fields);
      await again.accept({ payload: '1' });
      await again.accept({ payload: '2' });
    },
    {
      limits: { queueFullPolicy: 'refuse', maxQueueSize: 1 },
      ...one({ publish: ({ isWill: _, ...message }) => ({ decision: 'replace', with: { ...message, qos: 1 } }) }),
    },
  ));

test('properties of CONNECT that an interceptor puts in place do not reach a client before MQTT 5', () =>
  withBroker(
    async (broker) => {
      const client = await broker.connect('three');
      await client.subscribe(['topic', 0]);
      const publisher = await connect5(broker, 'p');
      for (const payload of ['1', '2', '3']) await publisher.publish({ topic: 'topic', payload });
      for (const payload of ['1', '2', '3'])
        expect(await client.next('publish')).toMatchObject({ topic: 'topic', payload });
    },
    one({
      connect: (request) => ({
        decision: 'replace',
        with: { ...request, properties: { topicAliasMaximum: 10 } },
      }),
    }),
  ));

test('CONNACK says what an interceptor has changed of what the client has asked for', () =>
  withBroker(
    async (broker) => {
      const client = await connect5(broker, { clientId: '', keepAlive: 60, properties: { sessionExpiry: 100 } });
      expect(client.connack?.properties).toMatchObject({
        serverKeepAlive: 20,
        sessionExpiry: 50,
        assignedClientId: 'given',
      });
    },
    one({
      connect: (request) => ({
        decision: 'replace',
        with: { ...request, clientId: 'given', keepAlive: 20, properties: { sessionExpiryInterval: 50 } },
      }),
    }),
  ));

test('clients whose wills are denied late do not exceed the limit of connections', () => {
  const answers = late<'publish'>();
  return withBroker(
    async (broker) => {
      const will = { topic: 'will', payload: 'gone' };
      const first = connecting5(broker, { clientId: 'a', will });
      const second = connecting5(broker, { clientId: 'b', will });
      await broker.settled();
      answers.next({ decision: 'deny', reasonCode: 0x87, reason: 'no' });
      answers.next({ decision: 'deny', reasonCode: 0x87, reason: 'no' });
      await first.next('connack', { code: 0 });
      await second.expectEnd(0x97, 'too-many-connections');
    },
    { limits: { maxConnections: 1, deniedPublish: 'ignore' }, ...one({ publish: answers.method }) },
  );
});

test('messages that are dropped count in the Receive Maximum', () =>
  withBroker(
    async (broker) => {
      const publisher = await connect5(broker, 'p');
      for (const packetId of [1, 2]) publisher.send(v5.publish({ topic: 't', qos: 2, packetId }));
      await publisher.next('pubrec', { packetId: 1 });
      await publisher.next('pubrec', { packetId: 2 });
      publisher.send(v5.publish({ topic: 't', qos: 2, packetId: 3 }));
      await publisher.expectEnd(0x93, 'receive-maximum-exceeded');
    },
    { limits: { receiveMaximum: 2 }, ...one({ publish: () => ({ decision: 'drop', reason: 'kept' }) }) },
  ));

test('CONNECTs that wait for an interceptor do not keep other clients from being read', () =>
  withBroker(
    async (broker) => {
      const watcher = await watcher5(broker, 'watcher', ['#', 0]);
      const publisher = await connect5(broker, 'publisher');
      const will = { topic: 'will', payload: 'x'.repeat(60_000) };
      for (let i = 0; i < 1200; i++) connecting5(broker, { clientId: `slow-${i}`, will });
      await broker.settled();
      await publisher.publish({ topic: 't', payload: 'x' });
      await watcher.next('publish', { payload: 'x' });
    },
    one({
      connect: ({ clientId }) => (clientId.startsWith('slow') ? new Promise(() => undefined) : PASS),
    }),
  ));

describe('a publisher before MQTT 5 that waits for room in a queue, and an interceptor that answers later', () => {
  const waiting = (publishing: NonNullable<Interceptor['publish']>, run: (broker: BrokerHarness) => Promise<void>) =>
    withBroker(
      async (broker) => {
        const subscriber = await connect5(broker, {
          clientId: 's',
          clean: false,
          properties: { sessionExpiry: 1000 },
        });
        await subscriber.subscribe([['t', 1]]);
        await subscriber.cut();
        const filler = await connect5(broker, 'filler');
        await filler.publish({ topic: 't', payload: '1', qos: 1 });
        await run(broker);
      },
      {
        limits: { queueFullPolicy: 'refuse', maxQueueSize: 1, fullQueueTimeoutMs: 5000 },
        ...one({
          publish: (message, client, context) =>
            client.clientId === 'p' ? publishing(message, client, context) : PASS,
        }),
      },
    );

  test('it is disconnected when that takes too long', () =>
    waiting(
      () => Promise.resolve(PASS),
      async (broker) => {
        const publisher = await broker.connect('p');
        publisher.send(publish({ topic: 't', payload: '2', qos: 1, packetId: 1 }));
        for (let s = 0; s < 7; s++) await broker.advance(1000);
        expect(broker.endOf(publisher)).toEqual({ reason: 'queue-full' });
      },
    ));

  test('its connection ends with its network connection, although an answer is awaited then', () => {
    const answers = late<'publish'>();
    return waiting(answers.method, async (broker) => {
      const publisher = await broker.connect('p');
      publisher.send(publish({ topic: 't', payload: '2', qos: 1, packetId: 1 }));
      await broker.settled();
      answers.next(PASS);
      await broker.advance(1000);
      expect(answers.waiting).toHaveLength(1);
      await publisher.cut();
      await broker.settled();
      answers.next(PASS);
      await broker.settled();
      expect(broker.endOf(publisher)).toEqual({ reason: 'connection-lost' });
    });
  });
});

test('a CONNECT whose network connection ends while an interceptor has not answered is not handled any further', () => {
  const answers = late<'connect'>();
  return withBroker(
    async (broker) => {
      const client = broker.open();
      client.send(connect({ clientId: 'p' }), publish({ topic: 't', payload: 'x' }));
      await broker.settled();
      await client.cut();
      await broker.settled();
      expect(answers.signals.map(({ aborted }) => aborted)).toEqual([true]);
    },
    one({ connect: answers.method }),
  );
});

test('wills count among what an interceptor holds that never answers', () => {
  let asked = 0;
  return withBroker(
    async (broker) => {
      const will = { topic: 'will', payload: 'x'.repeat(60_000) };
      for (let i = 0; i < 300; i++) {
        const client = connecting5(broker, { clientId: `c${i}`, will });
        await broker.settled();
        await client.cut();
      }
      expect(asked).toBeLessThan(300);
    },
    one({
      connect: () => {
        asked++;
        return new Promise(() => undefined);
      },
    }),
  );
});

test('a replaced payload has to be UTF-8 if its Payload Format Indicator says so, and the broker checks that', () =>
  withBroker(
    async (broker) => {
      const publisher = await connect5(broker, 'p');
      expect(await publisher.publish({ topic: 't', qos: 1, properties: { payloadFormat: 1 } })).toBe(0x83);
    },
    {
      limits: { checkPayloadFormat: true },
      ...one({
        publish: ({ isWill: _, ...message }) => ({
          decision: 'replace',
          with: { ...message, payload: Uint8Array.of(0xff) },
        }),
      }),
    },
  ));

test('an acknowledgement behind a message that waits for an interceptor is no late one', () => {
  const answers = late<'publish'>();
  return withBroker(
    async (broker) => {
      const client = await connect5(broker, { clientId: 'c', keepAlive: 0 });
      await client.subscribe([['t', 1]]);
      const publisher = await connect5(broker, 'p');
      await publisher.publish({ topic: 't', payload: 'x', qos: 1 });
      const { packetId } = await client.next('publish', { payload: 'x' });
      client.send(v5.publish({ topic: 'u', qos: 1, packetId: 1 }), v5.acknowledge('puback', packetId));
      for (let s = 0; s < 4; s++) await broker.advance(1000);
      expect(answers.waiting).toHaveLength(1);
      answers.next(PASS);
      await client.next('puback', { packetId: 1 });
      for (let s = 0; s < 4; s++) await broker.advance(1000);
      expect(broker.events.filter(({ kind }) => kind === 'connection-ended')).toEqual([]);
    },
    {
      limits: { ackDelayMax: 1 },
      ...one({
        timeoutMs: 60_000,
        publish: (message, client, context) =>
          client.clientId === 'c' ? answers.method(message, client, context) : PASS,
      }),
    },
  );
});
