// Interceptors that throw, hang or answer nonsense: the fallback decides, an event names the interceptor and what was
// expected, and the broker goes on.
import { describe, expect, test } from '@jest/globals';
import type { Interceptor, TopicName } from '../../../src/ports/index.js';
import * as v5 from '../../clients/mqtt5-packets.js';
import { withBroker } from '../../support/broker-harness.js';
import type { BrokerHarness } from '../../support/broker-harness.js';
import { connect5, connecting5 } from '../../support/mqtt5-clients.js';

const errorsOf = ({ events }: BrokerHarness): string[] =>
  events.flatMap((event) =>
    event.kind === 'interceptor-failed'
      ? [`${event.interceptor} ${event.packet} ${event.fallback}: ${event.error}`]
      : [],
  );

const MESSAGE = { topic: 't' as TopicName, payload: new Uint8Array(1), qos: 0, retain: false, properties: undefined };

/** What is wrong, as JavaScript can answer it, and what the event says. */
const NONSENSE: readonly (readonly [answer: unknown, error: string])[] = [
  [undefined, 'its answer is undefined, expected { decision: "pass" }, "replace" or "deny"'],
  ['pass', 'its answer is "pass", expected { decision: "pass" }, "replace" or "deny"'],
  [{ decision: 'ok' }, 'decision is "ok", expected "pass", "replace", "deny" or "drop"'],
  [{ decision: 'deny' }, 'reasonCode is undefined, expected one of 0x80, 0x83, 0x87, 0x90, 0x97, 0x99'],
  [{ decision: 'deny', reasonCode: 0x8e, reason: 'x' }, 'reasonCode is 142, expected one of'],
  [{ decision: 'deny', reasonCode: 0x87 }, 'reason is undefined, expected a string'],
  [{ decision: 'drop' }, 'reason is undefined, expected a string'],
  [{ decision: 'replace' }, 'with is undefined, expected a message'],
  [{ decision: 'replace', message: MESSAGE }, 'message is an object, expected only decision, with'],
  [{ decision: 'replace', with: { ...MESSAGE, topic: 'a/#' } }, 'with.topic is "a/#", expected a Topic Name'],
  [{ decision: 'replace', with: { ...MESSAGE, topic: '' } }, 'with.topic is "", expected a Topic Name'],
  [{ decision: 'replace', with: { ...MESSAGE, topic: '\ud800' } }, 'expected text that UTF-8 can encode'],
  [{ decision: 'replace', with: { ...MESSAGE, payload: 'text' } }, 'with.payload is "text", expected a Uint8Array'],
  [{ decision: 'replace', with: { ...MESSAGE, qos: 3 } }, 'with.qos is 3, expected an integer from 0 to 2'],
  [{ decision: 'replace', with: { ...MESSAGE, retain: 1 } }, 'with.retain is 1, expected true or false'],
  [{ decision: 'replace', with: { ...MESSAGE, colour: 1 } }, 'with.colour is 1, expected only topic, payload'],
  [
    { decision: 'replace', with: { ...MESSAGE, properties: { topicAlias: 70_000, serverKeepAlive: 1 } } },
    'serverKeepAlive',
  ],
  [{ decision: 'replace', with: { ...MESSAGE, properties: { payloadFormatIndicator: 2 } } }, 'payloadFormatIndicator'],
  [{ decision: 'replace', with: { ...MESSAGE, properties: { responseTopic: 'a/+' } } }, 'responseTopic'],
  [
    { decision: 'replace', with: { ...MESSAGE, properties: { contentType: 7 } } },
    'properties that this packet may carry',
  ],
  [
    { decision: 'replace', with: { ...MESSAGE, properties: { userProperties: 'x' } } },
    'properties that this packet may carry',
  ],
];

const answering = (publish: () => unknown, more: Partial<Interceptor> = {}): Interceptor => ({
  name: 'odd',
  publish: publish as NonNullable<Interceptor['publish']>,
  ...more,
});

describe('an answer that is no verdict', () => {
  test.each(NONSENSE)('%j', (answer, error) =>
    withBroker(
      async (broker) => {
        const publisher = await connect5(broker, 'p');
        expect(await publisher.publish({ topic: 't', qos: 1 })).toBe(0x83);
        expect(errorsOf(broker)).toEqual([expect.stringContaining(`odd publish deny: `)]);
        expect(errorsOf(broker)[0]).toContain(error);
      },
      { interceptors: [answering(() => answer)] },
    ),
  );

  test('with a promise it is the same', () =>
    withBroker(
      async (broker) => {
        const publisher = await connect5(broker, 'p');
        expect(await publisher.publish({ topic: 't', qos: 1 })).toBe(0x83);
        expect(errorsOf(broker)).toHaveLength(1);
      },
      { interceptors: [answering(() => Promise.resolve('yes'))] },
    ));
});

describe.each([
  ['throws', () => Promise.reject(new Error('out of order'))],
  [
    'rejects',
    () => {
      throw new Error('out of order');
    },
  ],
])('an interceptor that %s', (_how, method) => {
  test('denies by default, with 0x83', () =>
    withBroker(
      async (broker) => {
        const publisher = await connect5(broker, 'p');
        expect(await publisher.publish({ topic: 't', qos: 1 })).toBe(0x83);
        expect(errorsOf(broker)).toEqual(['odd publish deny: out of order']);
      },
      { interceptors: [answering(method)] },
    ));

  test('passes with onFailure: pass', () =>
    withBroker(
      async (broker) => {
        const publisher = await connect5(broker, 'p');
        expect(await publisher.publish({ topic: 't', qos: 1 })).toBe(0x10);
        expect(errorsOf(broker)).toEqual(['odd publish pass: out of order']);
      },
      { interceptors: [answering(method, { onFailure: 'pass' })] },
    ));
});

test('an interceptor that never answers fails after its time', () =>
  withBroker(
    async (broker) => {
      const publisher = await connect5(broker, 'p');
      publisher.send(v5.publish({ topic: 't', qos: 1, packetId: 1 }));
      await broker.advance(299);
      await publisher.expectNothing();
      await broker.advance(2);
      await publisher.next('puback', { code: 0x83 });
      expect(errorsOf(broker)).toEqual(['odd publish deny: no answer within 300 ms']);
    },
    { interceptors: [answering(() => new Promise(() => undefined), { timeoutMs: 300 })] },
  ));

test('a CONNECT, a SUBSCRIBE and an UNSUBSCRIBE whose interceptor fails are refused', () => {
  const fails = (): never => {
    throw new Error('out of order');
  };
  return withBroker(
    async (broker) => {
      await connecting5(broker, { clientId: 'refused' }).expectEnd(0x83, 'denied-by-interceptor');
      const client = await connect5(broker, 'c');
      expect(await client.subscribe([['a', 0]])).toEqual([0x83]);
      expect(await client.unsubscribe('a')).toEqual([0x83]);
    },
    {
      interceptors: [
        {
          name: 'odd',
          connect: ({ clientId }) => (clientId === 'refused' ? fails() : { decision: 'pass' }),
          subscribe: fails,
          unsubscribe: fails,
        },
      ],
    },
  );
});

test.each([
  [[], 'with is a list, expected a list of 1'],
  [[{ topicFilter: 'a' }], 'with[0].qos is undefined'],
  [[{ reasonCode: 0x11, reason: 'x' }], 'with[0].reasonCode is 17'],
  [
    [{ topicFilter: '$share/g/a', qos: 0, noLocal: true, retainAsPublished: false, retainHandling: 0 }],
    'with[0].noLocal is true',
  ],
  [
    [{ topicFilter: 'a/#/b', qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 }],
    'with[0].topicFilter',
  ],
])('subscriptions replaced by %j are no verdict', (replaced, error) =>
  withBroker(
    async (broker) => {
      const client = await connect5(broker, 'c');
      expect(await client.subscribe([['a', 0]])).toEqual([0x83]);
      expect(errorsOf(broker)[0]).toContain(error);
    },
    { interceptors: [{ name: 'odd', subscribe: () => ({ decision: 'replace', with: replaced as never }) }] },
  ),
);

test.each([
  [{ timeoutMs: 0 }, 'interceptor odd: timeoutMs is 0, expected an integer from 1 to 600000'],
  [{ onFailure: 'ignore' }, 'interceptor odd: onFailure is ignore, expected deny or pass'],
  [{ publish: true }, 'interceptor odd: publish is boolean, expected a function, or none'],
  [
    { publish: undefined },
    'interceptor odd: every method is undefined, expected connect, or publish, or subscribe, or unsubscribe',
  ],
])('an interceptor with %j is refused', (wrong, message) =>
  expect(
    withBroker(() => Promise.resolve(), { interceptors: [answering(() => undefined, wrong as Partial<Interceptor>)] }),
  ).rejects.toThrow(message),
);
