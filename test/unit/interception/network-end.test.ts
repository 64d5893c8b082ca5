// The end of a network connection while an interceptor has not answered: what had arrived is still handled, and the
// client counts as gone from that end on.
import { describe, expect, test } from '@jest/globals';
import * as v5 from '../../clients/mqtt5-packets.js';
import type { Connect5 } from '../../clients/mqtt5-packets.js';
import { withBroker } from '../../support/broker-harness.js';
import type { BrokerHarness } from '../../support/broker-harness.js';
import { connect5, watcher5 } from '../../support/mqtt5-clients.js';
import type { Client5 } from '../../support/mqtt5-clients.js';
import { late, PASS } from './answers.js';

const WILL = { topic: 'will', payload: 'gone' };

/** A client whose network connection ends while its last packets wait; `answer` lets them pass. */
const afterTheEnd = (
  fields: Connect5,
  packets: readonly Uint8Array[],
  run: (broker: BrokerHarness, watcher: Client5, answer: () => Promise<void>) => Promise<void>,
): Promise<void> => {
  const answers = late<'publish'>();
  return withBroker(
    async (broker) => {
      const watcher = await watcher5(broker, 'watcher', ['#', 2]);
      const client = await connect5(broker, { clientId: 'c', ...fields });
      client.send(...packets);
      await broker.settled();
      await client.cut();
      await broker.settled();
      await run(broker, watcher, async () => {
        answers.next(PASS);
        await broker.settled();
      });
    },
    {
      interceptors: [
        {
          name: 'slow',
          timeoutMs: 600_000,
          publish: (message, client, context) => (message.isWill ? PASS : answers.method(message, client, context)),
        },
      ],
    },
  );
};

const endsOf = ({ events }: BrokerHarness): string[] =>
  events.flatMap((event) => (event.kind === 'connection-ended' && event.clientId === 'c' ? [event.reason] : []));

const sessionEndsOf = ({ events }: BrokerHarness): string[] =>
  events.flatMap((event) => (event.kind === 'session-ended' && event.clientId === 'c' ? [event.reason] : []));

test.each([0, 1, 2])('the last message is published when it has passed, at QoS %i', (qos) =>
  afterTheEnd({}, [v5.publish({ topic: 't', payload: 'last', qos, packetId: 1 })], async (broker, watcher, answer) => {
    expect(endsOf(broker)).toEqual([]);
    await answer();
    await watcher.next('publish', { topic: 't', payload: 'last' });
    expect(endsOf(broker)).toEqual(['connection-lost']);
  }),
);

test('its will follows the last message', () =>
  afterTheEnd({ will: WILL }, [v5.publish({ topic: 't', payload: 'last' })], async (_broker, watcher, answer) => {
    await watcher.expectNothing();
    await answer();
    await watcher.next('publish', { payload: 'last' });
    await watcher.next('publish', { payload: 'gone' });
  }));

describe.each([
  ['with the last packet', [v5.publish({ topic: 't' })]],
  ['with DISCONNECT behind it', [v5.publish({ topic: 't' }), v5.disconnect(4)]],
])('the time of a client begins with the end of its network connection, %s', (_name, packets) => {
  const fields = { clean: false, properties: { sessionExpiry: 10 } };

  test('of its session', () =>
    afterTheEnd(fields, packets, async (broker, _watcher, answer) => {
      await broker.advance(6000);
      await answer();
      await broker.advance(3900);
      expect(sessionEndsOf(broker)).toEqual([]);
      await broker.advance(200);
      expect(sessionEndsOf(broker)).toEqual(['expired']);
    }));

  test('also if it is over when the answer comes', () =>
    afterTheEnd(fields, packets, async (broker, _watcher, answer) => {
      await broker.advance(11_000);
      await answer();
      await broker.advance(1);
      expect(sessionEndsOf(broker)).toEqual(['expired']);
    }));

  test('of its will', () =>
    afterTheEnd(
      { ...fields, will: { ...WILL, properties: { willDelay: 5 } } },
      packets,
      async (broker, watcher, answer) => {
        await broker.advance(3000);
        await answer();
        await watcher.next('publish', { topic: 't' });
        await broker.advance(1900);
        await watcher.expectNothing();
        await broker.advance(200);
        await watcher.next('publish', { payload: 'gone' });
      },
    ));
});
