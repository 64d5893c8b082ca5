// Interceptors of deliveries: what one client gets, while others get the message as it was.
import { describe, expect, test } from '@jest/globals';
import type { DeliveredMessage, Interceptor, TopicName } from '../../../src/ports/index.js';
import { withBroker } from '../../support/broker-harness.js';
import type { BrokerHarness } from '../../support/broker-harness.js';
import { connect5, watcher5 } from '../../support/mqtt5-clients.js';
import * as v5 from '../../clients/mqtt5-packets.js';
import { PASS } from './answers.js';

type Deliver = NonNullable<Interceptor['deliver']>;

const withDeliver = (
  deliver: Deliver,
  run: (broker: BrokerHarness) => Promise<void>,
  more: Partial<Interceptor> = {},
): Promise<void> => withBroker(run, { interceptors: [{ name: 'test', deliver, ...more }] });

const ALTERED = ({ topic, payload, properties }: DeliveredMessage) =>
  ({
    decision: 'replace',
    with: {
      topic: `seen/${topic}` as TopicName,
      payload: Buffer.from(`${Buffer.from(payload).toString()}?`),
      properties,
    },
  }) as const;

/** For the client `altered` alone. */
const alter: Deliver = (message, { clientId }) => (clientId === 'altered' ? ALTERED(message) : PASS);
const drop: Deliver = (_message, { clientId }) =>
  clientId === 'altered' ? { decision: 'drop', reason: 'not for this one' } : PASS;

const drops = ({ events }: BrokerHarness): string[] =>
  events.flatMap((event) =>
    event.kind === 'message-dropped' && event.reason === 'dropped-by-interceptor' ? [String(event.detail)] : [],
  );

describe('a delivery that an interceptor replaces', () => {
  test('one client gets it as it was replaced, the others as it was, at every QoS', () =>
    withDeliver(alter, async (broker) => {
      const altered = await watcher5(broker, 'altered', ['t', 2]);
      const other = await watcher5(broker, 'other', ['t', 2]);
      const publisher = await connect5(broker, 'publisher');
      for (const qos of [0, 1, 2] as const) {
        await publisher.publish({ topic: 't', payload: `${qos}`, qos });
        await altered.accept({ topic: 'seen/t', payload: `${qos}?`, qos });
        await other.accept({ topic: 't', payload: `${qos}`, qos });
      }
    }));

  test('retained messages, and what waited while the client was away, pass it too', () =>
    withDeliver(alter, async (broker) => {
      const publisher = await connect5(broker, 'publisher');
      await publisher.publish({ topic: 't', payload: 'kept', qos: 1, retain: true });
      const fields = { clientId: 'altered', clean: false, properties: { sessionExpiry: 100 } };
      const first = await connect5(broker, fields);
      await first.subscribe([['t', 1]]);
      await first.accept({ topic: 'seen/t', payload: 'kept?', retain: true });
      await first.cut();
      await publisher.publish({ topic: 't', payload: 'waits', qos: 1 });
      const again = await connect5(broker, fields);
      await again.accept({ topic: 'seen/t', payload: 'waits?' });
    }));

  test('a repeat is the same', () =>
    withDeliver(alter, async (broker) => {
      const fields = { clientId: 'altered', clean: false, properties: { sessionExpiry: 100 } };
      const first = await connect5(broker, fields);
      await first.subscribe([['t', 2]]);
      const publisher = await connect5(broker, 'publisher');
      await publisher.publish({ topic: 't', payload: 'x', qos: 2 });
      const { packetId } = await first.next('publish', { topic: 'seen/t', payload: 'x?' });
      await first.cut();
      const again = await connect5(broker, fields);
      await again.next('publish', { topic: 'seen/t', payload: 'x?', dup: true, packetId });
    }));

  test('one that becomes too large for its client is dropped for it', () =>
    withDeliver(
      (message, { clientId }) =>
        clientId === 'small' ? { decision: 'replace', with: { ...message, payload: new Uint8Array(100) } } : PASS,
      async (broker) => {
        const small = await connect5(broker, { clientId: 'small', properties: { maximumPacketSize: 60 } });
        await small.subscribe([['t', 1]]);
        const publisher = await connect5(broker, 'publisher');
        await publisher.publish({ topic: 't', payload: 'x', qos: 0 });
        await publisher.publish({ topic: 't', payload: 'x', qos: 1 });
        await small.expectNothing();
        expect(broker.events.filter((event) => event.kind === 'message-dropped').map(({ reason }) => reason)).toEqual([
          'packet-too-large',
          'packet-too-large',
        ]);
      },
    ));
});

describe('a delivery that an interceptor drops', () => {
  test('its client does not get it, and others do', () =>
    withDeliver(drop, async (broker) => {
      const altered = await watcher5(broker, 'altered', ['t', 2]);
      const other = await watcher5(broker, 'other', ['t', 2]);
      const publisher = await connect5(broker, 'publisher');
      for (const qos of [0, 1, 2] as const) {
        await publisher.publish({ topic: 't', payload: `${qos}`, qos });
        await other.accept({ payload: `${qos}` });
      }
      await altered.expectNothing();
      expect(drops(broker)).toHaveLength(3);
    }));

  test('one of a shared subscription goes to no other member', () =>
    withDeliver(
      () => ({ decision: 'drop', reason: 'no' }),
      async (broker) => {
        const one = await watcher5(broker, 'one', ['$share/g/t', 1]);
        const two = await watcher5(broker, 'two', ['$share/g/t', 1]);
        const publisher = await connect5(broker, 'publisher');
        await publisher.publish({ topic: 't', payload: 'x', qos: 1 });
        await one.expectNothing();
        await two.expectNothing();
        expect(drops(broker)).toHaveLength(1);
      },
    ));

  test('a QoS 2 message that may have been received ends its handshake', () => {
    let isDropping = false;
    return withDeliver(
      () => (isDropping ? { decision: 'drop', reason: 'no longer' } : PASS),
      async (broker) => {
        const fields = { clientId: 'c', clean: false, properties: { sessionExpiry: 100 } };
        const first = await connect5(broker, fields);
        await first.subscribe([['t', 2]]);
        const publisher = await connect5(broker, 'publisher');
        await publisher.publish({ topic: 't', payload: 'x', qos: 2 });
        const { packetId } = await first.next('publish');
        await first.cut();
        isDropping = true;
        const again = await connect5(broker, fields);
        await again.next('pubrel', { packetId });
        again.send(v5.acknowledge('pubcomp', packetId));
        await again.expectNothing();
      },
    );
  });
});

test.each([
  ['nothing', () => undefined, 'its answer is undefined'],
  ['a promise', () => Promise.resolve(PASS), 'at once'],
  ['deny', () => ({ decision: 'deny', reasonCode: 0x87, reason: 'x' }), 'decision is "deny"'],
  ['another QoS', () => ({ decision: 'replace', with: { topic: 't', payload: 'text' } }), 'with.payload is "text"'],
  ['a filter', () => ({ decision: 'replace', with: { topic: '#', payload: new Uint8Array(1) } }), 'with.topic is "#"'],
])('%s is no verdict: the delivery is dropped, or passes with onFailure: pass', async (_what, deliver, error) => {
  for (const onFailure of ['deny', 'pass'] as const)
    await withDeliver(
      deliver as unknown as Deliver,
      async (broker) => {
        const watcher = await watcher5(broker, 'watcher', ['t', 1]);
        const publisher = await connect5(broker, 'publisher');
        await publisher.publish({ topic: 't', payload: 'x', qos: 1 });
        if (onFailure === 'pass') await watcher.accept({ payload: 'x' });
        else await watcher.expectNothing();
        const failures = broker.events.flatMap((event) => (event.kind === 'interceptor-failed' ? [event] : []));
        expect(failures).toMatchObject([{ packet: 'deliver', fallback: onFailure }]);
        expect(failures[0]?.error).toContain(error);
      },
      { onFailure },
    );
});
