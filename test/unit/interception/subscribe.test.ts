// Interceptors of SUBSCRIBE and UNSUBSCRIBE: entry by entry, in place.
import { describe, expect, test } from '@jest/globals';
import type { Interceptor } from '../../../src/ports/index.js';
import * as v5 from '../../clients/mqtt5-packets.js';
import { withBroker } from '../../support/broker-harness.js';
import type { BrokerHarness } from '../../support/broker-harness.js';
import { connect5 } from '../../support/mqtt5-clients.js';
import { late, PASS } from './answers.js';

const withInterceptors = (
  run: (broker: BrokerHarness) => Promise<void>,
  ...interceptors: Interceptor[]
): Promise<void> => withBroker(run, { interceptors });

const DENIED = { reasonCode: 0x97, reason: 'too many' };

/** Puts filters under `tenant/`, and denies `secret`. */
const TENANT: Interceptor = {
  name: 'tenant',
  subscribe: ({ subscriptions }) => ({
    decision: 'replace',
    with: subscriptions.map((one) =>
      one.topicFilter === 'secret' ? DENIED : { ...one, topicFilter: `tenant/${one.topicFilter}` },
    ),
  }),
  unsubscribe: ({ topicFilters }) => ({
    decision: 'replace',
    with: topicFilters.map((one) => (one === 'secret' ? { ...DENIED, reasonCode: 0x87 } : `tenant/${one}`)),
  }),
};

describe('a SUBSCRIBE that an interceptor replaces', () => {
  test('the client has the subscriptions as they were replaced, and its answer has one code for each that it sent', () =>
    withInterceptors(async (broker) => {
      const client = await connect5(broker, 'c');
      expect(
        await client.subscribe([
          ['a', 1],
          ['secret', 0],
          ['b', 2],
        ]),
      ).toEqual([1, 0x97, 2]);
      const publisher = await connect5(broker, 'p');
      expect(await publisher.publish({ topic: 'a', qos: 1 })).toBe(0x10);
      expect(await publisher.publish({ topic: 'tenant/a', payload: 'x', qos: 1 })).toBe(0);
      await client.accept({ topic: 'tenant/a', payload: 'x' });
      expect(await publisher.publish({ topic: 'tenant/secret', qos: 1 })).toBe(0x10);
      expect(await client.unsubscribe('a', 'secret', 'c')).toEqual([0, 0x87, 0x11]);
      expect(await publisher.publish({ topic: 'tenant/a', qos: 1 })).toBe(0x10);
    }, TENANT));

  test('in MQTT 3.1.1 a denied filter is answered with 0x80', () =>
    withInterceptors(async (broker) => {
      const client = await broker.connect('c');
      expect(await client.subscribe(['a', 1], ['secret', 1])).toEqual([1, 0x80]);
    }, TENANT));

  test('the rules apply to what it has become', () =>
    withInterceptors(async (broker) => {
      const client = await connect5(broker, { clientId: 'c', userName: 'limited' });
      expect(await client.subscribe([['open/a', 0]])).toEqual([0x87]);
    }, TENANT));

  test('a denial of the packet denies every filter', () =>
    withInterceptors(
      async (broker) => {
        const client = await connect5(broker, 'c');
        expect(
          await client.subscribe([
            ['a', 1],
            ['b', 0],
          ]),
        ).toEqual([0x97, 0x97]);
        expect(await client.unsubscribe('a', 'b')).toEqual([0x87, 0x87]);
      },
      {
        name: 'no',
        subscribe: () => ({ decision: 'deny', ...DENIED }),
        unsubscribe: () => ({ decision: 'deny', ...DENIED, reasonCode: 0x87 }),
      },
    ));
});

describe('several interceptors', () => {
  test('each is shown what the one before it has left, without what was denied', () => {
    const shown: string[][] = [];
    const look: Interceptor = {
      name: 'look',
      subscribe: ({ subscriptions }) => {
        shown.push(subscriptions.map(({ topicFilter }) => topicFilter));
        return {
          decision: 'replace',
          with: subscriptions.map((one) => (one.topicFilter.endsWith('b') ? DENIED : one)),
        };
      },
    };
    return withInterceptors(
      async (broker) => {
        const client = await connect5(broker, 'c');
        expect(
          await client.subscribe([
            ['a', 1],
            ['secret', 0],
            ['b', 2],
            ['c', 0],
          ]),
        ).toEqual([1, 0x97, 0x97, 0]);
        expect(shown).toEqual([['tenant/a', 'tenant/b', 'tenant/c']]);
      },
      TENANT,
      look,
    );
  });

  test('a denial of the whole by the second concerns what the first has left', () =>
    withInterceptors(
      async (broker) => {
        const client = await connect5(broker, 'c');
        expect(
          await client.subscribe([
            ['a', 1],
            ['secret', 0],
          ]),
        ).toEqual([0x80, 0x97]);
      },
      TENANT,
      { name: 'no', subscribe: () => ({ decision: 'deny', reasonCode: 0x80, reason: 'closed' }) },
    ));

  test('synchronous and asynchronous ones are called in order, and none behind a denial', () => {
    const called: string[] = [];
    const one = (name: string, isLate: boolean, denies = false): Interceptor => ({
      name,
      publish: ({ topic }) => {
        called.push(`${name} ${topic}`);
        const verdict = denies ? ({ decision: 'deny', reasonCode: 0x87, reason: 'no' } as const) : PASS;
        return isLate ? Promise.resolve(verdict) : verdict;
      },
    });
    return withInterceptors(
      async (broker) => {
        const publisher = await connect5(broker, 'p');
        expect(await publisher.publish({ topic: 't', qos: 1 })).toBe(0x87);
        expect(called).toEqual(['first t', 'second t', 'third t', 'fourth t']);
      },
      one('first', false),
      one('second', true),
      one('third', false),
      one('fourth', true, true),
      one('fifth', false),
    );
  });
});

test('SUBSCRIBE and UNSUBSCRIBE wait for answers that come later, in order', async () => {
  const subscribes = late<'subscribe'>();
  const unsubscribes = late<'unsubscribe'>();
  await withInterceptors(
    async (broker) => {
      const client = await connect5(broker, 'c');
      client.send(v5.subscribe(1, [['a', 0]]), v5.unsubscribe(2, ['a']), v5.subscribe(3, [['b', 1]]));
      await client.expectNothing();
      subscribes.next(PASS);
      await client.next('suback', { packetId: 1 });
      await client.expectNothing();
      unsubscribes.next(PASS);
      await client.next('unsuback', { packetId: 2 });
      subscribes.next(PASS);
      await client.next('suback', { packetId: 3 });
    },
    { name: 'late', subscribe: subscribes.method, unsubscribe: unsubscribes.method },
  );
});
