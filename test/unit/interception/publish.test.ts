// Interceptors of PUBLISH and of wills: what they leave is what is authorized, stored and delivered, in the order in
// which clients sent it, and the client is answered in its version.
import { describe, expect, test } from '@jest/globals';
import type { Interceptor, TopicName } from '../../../src/ports/index.js';
import { UserProperties } from '../../../src/protocol/user-properties.js';
import * as v5 from '../../clients/mqtt5-packets.js';
import { connect, DISCONNECT, publish } from '../../clients/raw-packets.js';
import { withBroker } from '../../support/broker-harness.js';
import type { BrokerHarness } from '../../support/broker-harness.js';
import { connect5, connecting5, watcher5 } from '../../support/mqtt5-clients.js';
import { late, PASS } from './answers.js';
import type { Late } from './answers.js';

type Publish = NonNullable<Interceptor['publish']>;

const withPublish = (
  publish: Publish,
  run: (broker: BrokerHarness) => Promise<void>,
  more: Partial<Interceptor> = {},
  limits = {},
): Promise<void> => withBroker(run, { limits, interceptors: [{ name: 'test', publish, ...more }] });

/** Of MQTT 3.1.1, at QoS 0. */
const V3_PUBLISH = publish({ topic: 't', payload: 'x' });

const text = (payload: Uint8Array): string => Buffer.from(payload).toString();
const DENY = { decision: 'deny', reasonCode: 0x99, reason: 'no JSON' } as const;

/** A message under `here/…` is moved to `there/…`, with an exclamation mark. */
const MOVE: Publish = ({ isWill: _, ...message }) =>
  message.topic.startsWith('here/')
    ? {
        decision: 'replace',
        with: {
          ...message,
          topic: message.topic.replace('here/', 'there/') as TopicName,
          payload: Buffer.from(`${text(message.payload)}!`),
        },
      }
    : PASS;

describe('a message that an interceptor replaces', () => {
  test('it is delivered as it was replaced, at every QoS and in both versions, and acknowledged as it was sent', () =>
    withPublish(MOVE, async (broker) => {
      const watcher = await watcher5(broker, 'watcher', ['#', 2]);
      const five = await connect5(broker, 'five');
      const three = await broker.connect('three');
      for (const qos of [0, 1, 2] as const) {
        expect(await five.publish({ topic: 'here/5', payload: 'x', qos })).toBe(0);
        await watcher.accept({ topic: 'there/5', payload: 'x!', qos });
        await three.publish({ topic: 'here/3', payload: 'y', qos });
        await watcher.accept({ topic: 'there/3', payload: 'y!', qos });
      }
    }));

  test('a QoS 2 message that is replaced by one of QoS 0 is acknowledged at QoS 2, and delivered once', () =>
    withPublish(
      ({ isWill: _, ...message }) => ({ decision: 'replace', with: { ...message, qos: 0 } }),
      async (broker) => {
        const watcher = await watcher5(broker, 'watcher', ['t', 2]);
        const publisher = await connect5(broker, 'publisher');
        publisher.send(v5.publish({ topic: 't', payload: 'x', qos: 2, packetId: 7 }));
        await publisher.next('pubrec', { packetId: 7, code: 0 });
        publisher.send(v5.publish({ topic: 't', payload: 'x', qos: 2, packetId: 7, dup: true }));
        await publisher.next('pubrec', { packetId: 7, code: 0 });
        await watcher.accept({ topic: 't', payload: 'x', qos: 0 });
        await watcher.expectNothing();
      },
    ));

  test('properties are passed on as they were replaced', () =>
    withPublish(
      ({ isWill: _, ...message }) => ({
        decision: 'replace',
        with: {
          ...message,
          properties: {
            ...message.properties,
            contentType: 'text/plain',
            userProperties: UserProperties.of([['seen', 'yes']]),
          },
        },
      }),
      async (broker) => {
        const watcher = await watcher5(broker, 'watcher', ['t', 0]);
        const publisher = await connect5(broker, 'publisher');
        await publisher.publish({ topic: 't', payload: 'x', properties: { responseTopic: 'r' } });
        const { properties } = await watcher.next('publish');
        expect(properties).toEqual({ responseTopic: 'r', contentType: 'text/plain', user: [['seen', 'yes']] });
      },
    ));

  test('the rules apply to what it has become', () =>
    withPublish(
      ({ isWill: _, ...message }) => ({ decision: 'replace', with: { ...message, topic: 'closed/a' as TopicName } }),
      async (broker) => {
        const limited = await connect5(broker, { clientId: 'limited', userName: 'limited' });
        expect(await limited.publish({ topic: 'open/a', qos: 1 })).toBe(0x87);
      },
    ));

  test('it is retained under its new topic', () =>
    withPublish(MOVE, async (broker) => {
      const publisher = await connect5(broker, 'publisher');
      await publisher.publish({ topic: 'here/a', payload: 'x', qos: 1, retain: true });
      const later = await watcher5(broker, 'later', ['#', 0]);
      await later.next('publish', { topic: 'there/a', payload: 'x!', retain: true });
    }));

  test('a Topic Alias was resolved before', () =>
    withPublish(MOVE, async (broker) => {
      const watcher = await watcher5(broker, 'watcher', ['#', 0]);
      const publisher = await connect5(broker, 'publisher');
      await publisher.publish({ topic: 'here/a', payload: '1', properties: { topicAlias: 1 } });
      await publisher.publish({ topic: '', payload: '2', properties: { topicAlias: 1 } });
      expect((await watcher.all()).map(({ topic, payload }) => `${topic} ${payload}`)).toEqual([
        'there/a 1!',
        'there/a 2!',
      ]);
    }));
});

describe('a message that an interceptor denies', () => {
  test('MQTT 5 learns the Reason Code and the reason, and the message goes nowhere', () =>
    withPublish(
      () => DENY,
      async (broker) => {
        const watcher = await watcher5(broker, 'watcher', ['#', 2]);
        const publisher = await connect5(broker, 'publisher');
        for (const [qos, type] of [
          [1, 'puback'],
          [2, 'pubrec'],
        ] as const) {
          publisher.send(v5.publish({ topic: 't', payload: 'x', qos, packetId: qos }));
          await publisher.next(type, { packetId: qos, code: 0x99, properties: { reasonString: 'no JSON' } });
        }
        await watcher.expectNothing();
      },
    ));

  test('at QoS 0, and before MQTT 5, the connection ends, or the message is dropped where limits.deniedPublish is ignore', async () => {
    await withPublish(
      () => DENY,
      async (broker) => {
        const five = await connect5(broker, 'five');
        five.send(v5.publish({ topic: 't', payload: 'x' }));
        await five.expectEnd(0x99, 'not-authorized');
        const three = await broker.connect('three');
        three.send(V3_PUBLISH);
        await broker.settled();
        expect([three.isClosed, broker.endOf(three)]).toEqual([true, { reason: 'not-authorized' }]);
      },
    );
    await withPublish(
      () => DENY,
      async (broker) => {
        const watcher = await watcher5(broker, 'watcher', ['#', 2]);
        const three = await broker.connect('three');
        await three.publish({ topic: 't', payload: 'x', qos: 0 });
        await three.publish({ topic: 't', payload: 'x', qos: 1 });
        await watcher.expectNothing();
      },
      {},
      { deniedPublish: 'ignore' },
    );
  });
});

test('a dropped message is acknowledged and goes nowhere', () =>
  withPublish(
    () => ({ decision: 'drop', reason: 'kept' }),
    async (broker) => {
      const watcher = await watcher5(broker, 'watcher', ['#', 2]);
      const publisher = await connect5(broker, 'publisher');
      for (const qos of [0, 1, 2])
        expect(await publisher.publish({ topic: 't', payload: 'x', qos, retain: true })).toBe(0);
      await watcher.expectNothing();
      await (await watcher5(broker, 'later', ['#', 0])).expectNothing();
    },
  ));

describe('an interceptor that answers later', () => {
  const waiting = (run: (broker: BrokerHarness, answers: Late<'publish'>) => Promise<void>): Promise<void> => {
    const answers = late<'publish'>();
    return withPublish(answers.method, (broker) => run(broker, answers));
  };

  test('what the client sends behind it waits, and other clients go on', () =>
    waiting(async (broker, answers) => {
      const watcher = await watcher5(broker, 'watcher', ['#', 2]);
      const slow = await connect5(broker, 'slow');
      slow.send(v5.publish({ topic: 't', payload: '1', qos: 1, packetId: 1 }));
      slow.send(v5.subscribe(2, [['x', 0]]));
      await slow.expectNothing();
      const other = await connect5(broker, 'other');
      expect(await other.subscribe([['y', 0]])).toEqual([0]);
      answers.next(PASS);
      await watcher.accept({ payload: '1' });
      await slow.next('puback', { packetId: 1 });
      await slow.next('suback', { packetId: 2 });
    }));

  test('messages of one client keep their order, whatever each verdict takes', () =>
    waiting(async (broker, answers) => {
      const watcher = await watcher5(broker, 'watcher', ['#', 0]);
      const publisher = await connect5(broker, 'publisher');
      publisher.send(...['1', '2', '3'].map((payload) => v5.publish({ topic: 't', payload })));
      for (const payload of ['1', '2', '3']) {
        await watcher.expectNothing();
        expect(answers.waiting.map((message) => text(message.payload))).toEqual([payload]);
        answers.next(PASS);
        await watcher.next('publish', { payload });
      }
    }));

  test('a message at QoS 0, and DISCONNECT behind it, count even if the network connection ends before the verdict', () =>
    waiting(async (broker, answers) => {
      const watcher = await watcher5(broker, 'watcher', ['#', 0]);
      const publisher = broker.open();
      publisher.send(connect({ clientId: 'p', will: { topic: 'will', payload: 'gone' } }));
      await broker.settled();
      answers.next(PASS); // for the will
      await publisher.next('connack');
      publisher.send(V3_PUBLISH, DISCONNECT);
      publisher.wire.end();
      await broker.settled();
      answers.next(PASS);
      await watcher.next('publish', { topic: 't', payload: 'x' });
      await watcher.expectNothing();
    }));

  test('a client whose network connection has ended is sent nothing while its last packet awaits the verdict', () => {
    const { method, next } = late<'publish'>();
    const publish: Publish = (message, ...more) => (message.topic === 't' ? method(message, ...more) : PASS);
    return withPublish(publish, async (broker) => {
      const gone = await broker.connect({ clientId: 'gone', clean: false });
      await gone.subscribe(['news', 1], ['$share/group/job', 2]);
      const colleague = await watcher5(broker, 'colleague', ['$share/group/job', 2]);
      gone.send(V3_PUBLISH, DISCONNECT);
      await gone.cut();
      await broker.settled();
      const publisher = await connect5(broker, 'publisher');
      await publisher.publish({ topic: 'news', payload: '1', qos: 1 });
      for (const payload of ['a', 'b']) {
        await publisher.publish({ topic: 'job', payload, qos: 2 });
        await colleague.accept({ topic: 'job', payload });
      }
      next(PASS);
      await broker.settled();
      const { client, sessionPresent } = await broker.reconnect({ clientId: 'gone', clean: false });
      expect(sessionPresent).toBe(true);
      expect(await client.next('publish')).toMatchObject({ topic: 'news', dup: false });
    });
  });

  test('a message whose client was disconnected before the verdict is not published, and not acknowledged', () =>
    waiting(async (broker, answers) => {
      const watcher = await watcher5(broker, 'watcher', ['#', 0]);
      const publisher = await connect5(broker, { clientId: 'p', clean: false, properties: { sessionExpiry: 100 } });
      publisher.send(v5.publish({ topic: 't', payload: '1', qos: 2, packetId: 1 }));
      await broker.settled();
      const again = await connect5(broker, { clientId: 'p', clean: false, properties: { sessionExpiry: 100 } });
      answers.next(PASS);
      await watcher.expectNothing();
      again.send(v5.publish({ topic: 't', payload: '1', qos: 2, packetId: 1, dup: true }));
      await broker.settled();
      answers.next(PASS);
      await again.next('pubrec', { packetId: 1, code: 0 });
      await watcher.next('publish', { payload: '1' });
      await watcher.expectNothing();
    }));

  test('its signal is aborted when the connection has ended', () =>
    waiting(async (broker, answers) => {
      const publisher = await connect5(broker, 'p');
      publisher.send(v5.publish({ topic: 't', payload: '1' }));
      await broker.settled();
      expect(answers.signals.map(({ aborted }) => aborted)).toEqual([false]);
      await connect5(broker, 'p');
      expect(answers.signals.map(({ aborted }) => aborted)).toEqual([true]);
      await broker.settled();
      expect(broker.events.map(({ kind }) => kind)).not.toContain('interceptor-failed');
    }));
});

describe('a will', () => {
  test('it passes the interceptors once, with CONNECT, and is published as they left it', () => {
    const seen: string[] = [];
    return withPublish(
      (message, client, context) => {
        seen.push(`${client.clientId} ${message.topic} ${message.isWill}`);
        return MOVE(message, client, context);
      },
      async (broker) => {
        const watcher = await watcher5(broker, 'watcher', ['#', 0]);
        const client = await connect5(broker, {
          clientId: 'c',
          will: { topic: 'here/will', payload: 'gone', properties: { willDelay: 1 } },
          properties: { sessionExpiry: 10 },
        });
        await client.cut();
        await watcher.expectNothing();
        await broker.advance(1100);
        await watcher.next('publish', { topic: 'there/will', payload: 'gone!' });
        expect(seen).toEqual(['c here/will true']);
      },
    );
  });

  test.each([
    ['deny', DENY, 0x87],
    ['drop', { decision: 'drop', reason: 'no wills' } as const, 0],
  ])('with the verdict %s', (_name, verdict, code) =>
    withPublish(
      ({ isWill }) => (isWill ? verdict : PASS),
      async (broker) => {
        const watcher = await watcher5(broker, 'watcher', ['#', 0]);
        const fields = { clientId: 'c', will: { topic: 'will', payload: 'gone' } };
        const client = code === 0 ? await connect5(broker, fields) : undefined;
        if (code !== 0) {
          await connecting5(broker, fields).expectEnd(code, 'not-authorized');
        }
        await client?.cut();
        await watcher.expectNothing();
      },
    ),
  );
});
