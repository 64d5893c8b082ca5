// MQTT 3.1.1, section 3.3: PUBLISH, with DUP, QoS and RETAIN.
import { describe, expect, test } from '@jest/globals';
import { malformed, withBroker } from '../support/broker-harness.js';
import * as raw from '../clients/raw-packets.js';
import { bytes, field, packet } from '../clients/raw-packets.js';

describe('3.3.1 DUP and QoS', () => {
  test('[MQTT-3.3.1-1] a repeated delivery has DUP 1, and a new one has DUP 0', () =>
    withBroker(async (broker) => {
      const session = { clientId: 'subscriber', clean: false };
      const subscriber = await broker.connect(session);
      await subscriber.subscribe(['a', 2]);
      const publisher = await broker.connect('publisher');
      await publisher.publish({ topic: 'a', payload: 'one', qos: 1 });
      await publisher.publish({ topic: 'a', payload: 'two', qos: 2 });
      expect(await subscriber.deliveries()).toMatchObject([
        { payload: 'one', dup: false },
        { payload: 'two', dup: false },
      ]);
      await subscriber.cut();
      await publisher.publish({ topic: 'a', payload: 'new', qos: 1 });
      const back = await broker.connect(session);
      expect(await back.deliveries()).toMatchObject([
        { payload: 'one', qos: 1, dup: true },
        { payload: 'two', qos: 2, dup: true },
        { payload: 'new', qos: 1, dup: false },
      ]);
    }));

  test('[MQTT-3.3.1-2] PUBLISH at QoS 0 with DUP 1 closes the connection', () =>
    withBroker(async (broker) => {
      const watcher = await broker.watcher('watcher', ['a', 0]);
      await broker.closesConnected('', [raw.publish({ topic: 'a', dup: true })], malformed('publish-dup-at-qos-0'));
      await broker.closesConnected(
        'with RETAIN',
        [raw.publish({ topic: 'a', dup: true, retain: true })],
        malformed('publish-dup-at-qos-0'),
      );
      await watcher.expectNothing();
    }));

  test('[MQTT-3.3.1-3] the DUP flag of the publisher is not forwarded', () =>
    withBroker(async (broker) => {
      const watcher = await broker.watcher('watcher', ['a', 2], ['b', 0]);
      const publisher = await broker.connect('publisher');
      for (const qos of [1, 2] as const) {
        await publisher.publish({ topic: 'a', qos, dup: true });
        await watcher.accept({ topic: 'a', qos, dup: false });
        await publisher.publish({ topic: 'b', qos, dup: true });
        await watcher.accept({ topic: 'b', qos: 0, dup: false });
      }
    }));

  test('[MQTT-3.3.1-4] QoS 3 closes the connection with any DUP and RETAIN', () =>
    withBroker(async (broker) => {
      const watcher = await broker.watcher('watcher', ['a', 0]);
      for (const firstByte of [0x36, 0x37, 0x3e, 0x3f]) {
        const sent = packet(firstByte, field('a'), '00 01', raw.ascii('payload'));
        await broker.closesConnected(firstByte.toString(16), [sent], malformed('publish-qos-invalid'));
      }
      await watcher.expectNothing();
    }));
});

describe('3.3.1.3 RETAIN', () => {
  test('[MQTT-3.3.1-5] a retained message is sent to later subscribers, at the lower of its own and the granted QoS', () =>
    withBroker(async (broker) => {
      const publisher = await broker.connect('publisher');
      for (const published of [0, 1, 2] as const) {
        await publisher.publish({ topic: 'a', payload: `at ${published}`, qos: published, retain: true });
        for (const granted of [0, 1, 2] as const) {
          const watcher = await broker.watcher(`watcher ${published} ${granted}`, ['a', granted]);
          await watcher.accept({
            topic: 'a',
            payload: `at ${published}`,
            qos: Math.min(published, granted) as 0 | 1 | 2,
            retain: true,
          });
          await watcher.expectNothing();
        }
      }
    }));

  test('[MQTT-3.3.1-6] a new subscription gets the last retained message of each topic that matches, and no other', () =>
    withBroker(async (broker) => {
      const publisher = await broker.connect('publisher');
      for (const topic of ['a', 'a/b', 'a/b/c', 'x/b', '/a']) {
        await publisher.publish({ topic, payload: 'an older one', qos: 1, retain: true });
        await publisher.publish({ topic, payload: topic, qos: 1, retain: true });
      }
      const matches = {
        'a/#': ['a', 'a/b', 'a/b/c'],
        '+/b': ['a/b', 'x/b'],
        '+': ['a'],
        '/+': ['/a'],
        '#': ['/a', 'a', 'a/b', 'a/b/c', 'x/b'],
        'a/+/c': ['a/b/c'],
        none: [],
      };
      for (const [filter, topics] of Object.entries(matches)) {
        const watcher = await broker.watcher(filter, [filter, 1]);
        const came = await watcher.deliveries();
        expect({ filter, payloads: came.map(({ payload }) => payload).sort() }).toEqual({ filter, payloads: topics });
        expect({ filter, topics: came.map(({ topic }) => topic).sort() }).toEqual({ filter, topics });
      }
    }));

  test('[MQTT-3.3.1-6] a new subscription gets more retained messages than are in flight at once', () =>
    withBroker(async (broker) => {
      const publisher = await broker.connect('publisher');
      const topics = Array.from({ length: 350 }, (_, i) => `a/${i}`);
      for (const topic of topics) await publisher.publish({ topic, payload: topic, qos: 1, retain: true });
      const watcher = await broker.watcher('watcher', ['a/+', 1]);
      const came: string[] = [];
      for (let i = 0; i < topics.length; i++) came.push((await watcher.accept({ qos: 1, retain: true })).payload);
      expect(came.sort()).toEqual([...topics].sort());
      await watcher.expectNothing();
      expect(
        (await (await broker.watcher('at QoS 0', ['a/#', 0])).deliveries()).map(({ payload }) => payload).sort(),
      ).toEqual([...topics].sort());
    }));

  test('[MQTT-3.3.1-7] a retained message at QoS 0 replaces the previous one and is kept', () =>
    withBroker(async (broker) => {
      const publisher = await broker.connect('publisher');
      await publisher.publish({ topic: 'a', payload: 'old', qos: 1, retain: true });
      await publisher.publish({ topic: 'a', payload: 'new', qos: 0, retain: true });
      const watcher = await broker.watcher('watcher', ['a', 2]);
      await watcher.accept({ payload: 'new', qos: 0, retain: true });
      await watcher.expectNothing();
    }));

  test('[MQTT-3.3.1-8] retained messages for a new subscription have RETAIN 1, at each QoS', () =>
    withBroker(async (broker) => {
      const publisher = await broker.connect('publisher');
      for (const qos of [0, 1, 2] as const)
        await publisher.publish({ topic: `a/${qos}`, payload: 'kept', qos, retain: true });
      const watcher = await broker.watcher('watcher', ['a/#', 2]);
      for (let i = 0; i < 3; i++) await watcher.accept({ retain: true });
    }));

  test('[MQTT-3.3.1-9] messages for an existing subscription have RETAIN 0, at each QoS', () =>
    withBroker(async (broker) => {
      const watcher = await broker.watcher('watcher', ['a', 2]);
      const publisher = await broker.connect('publisher');
      for (const qos of [0, 1, 2] as const) {
        await publisher.publish({ topic: 'a', qos, payload: 'x', retain: true });
        await watcher.accept({ qos, payload: 'x', retain: false });
      }
    }));

  test('[MQTT-3.3.1-9] a retained message that was queued for an offline client has RETAIN 0', () =>
    withBroker(async (broker) => {
      const session = { clientId: 'subscriber', clean: false };
      const subscriber = await broker.connect(session);
      await subscriber.subscribe(['a', 1]);
      await subscriber.disconnect();
      await (await broker.connect('publisher')).publish({ topic: 'a', qos: 1, payload: 'x', retain: true });
      const back = await broker.connect(session);
      await back.accept({ payload: 'x', retain: false });
      await back.expectNothing();
    }));

  test('[MQTT-3.3.1-10] a message with RETAIN 1 and no payload is delivered and removes the retained message, at each QoS', () =>
    withBroker(async (broker) => {
      const publisher = await broker.connect('publisher');
      for (const qos of [0, 1, 2] as const) {
        await publisher.publish({ topic: 'a', payload: 'kept', qos: 1, retain: true });
        await publisher.publish({ topic: 'a/b', payload: 'of another topic', qos: 1, retain: true });
        const watcher = await broker.watcher(`watcher ${qos}`, ['a', 2]);
        await watcher.accept({ payload: 'kept', retain: true });
        await publisher.publish({ topic: 'a', qos, retain: true });
        await watcher.accept({ topic: 'a', payload: '', qos, retain: false });
        await watcher.disconnect();
        const later = await broker.watcher(`later ${qos}`, ['a/#', 2]);
        await later.accept({ payload: 'of another topic' });
        await later.expectNothing();
        await later.disconnect();
      }
    }));

  test('[MQTT-3.3.1-11] a message with RETAIN 1 and no payload is not retained itself', () =>
    withBroker(async (broker) => {
      await (await broker.connect('publisher')).publish({ topic: 'a', qos: 1, retain: true });
      await (await broker.watcher('watcher', ['a', 2])).expectNothing();
    }));

  test('[MQTT-3.3.1-12] a message with RETAIN 0 leaves the retained message as it is, even without payload', () =>
    withBroker(async (broker) => {
      const publisher = await broker.connect('publisher');
      await publisher.publish({ topic: 'a', payload: 'kept', qos: 1, retain: true });
      await publisher.publish({ topic: 'a', payload: 'passing', qos: 1 });
      await publisher.publish({ topic: 'a', payload: '', qos: 1 });
      await publisher.publish({ topic: 'b', payload: 'passing', qos: 1 });
      const watcher = await broker.watcher('watcher', ['#', 2]);
      await watcher.accept({ payload: 'kept' });
      await watcher.expectNothing();
    }));
});

describe('3.3.2 Topic Name', () => {
  test('[MQTT-3.3.2-1] PUBLISH with a missing, truncated or non-UTF-8 Topic Name closes the connection', () =>
    withBroker(async (broker) => {
      await broker.closesConnected('no body', [packet(0x30)], malformed('packet-truncated'));
      await broker.closesConnected('half a length', [packet(0x30, 0x00)], malformed('packet-truncated'));
      await broker.closesConnected(
        'shorter than it says',
        [packet(0x30, '00 03 61 62')],
        malformed('packet-truncated'),
      );
      await broker.closesConnected('no Packet Identifier', [packet(0x32, field('a'))], malformed('packet-truncated'));
      await broker.closesConnected(
        'half a Packet Identifier',
        [packet(0x34, field('a'), 0x00)],
        malformed('packet-truncated'),
      );
      await broker.closesConnected('not UTF-8', [raw.publish({ topic: bytes('61 ff') })], malformed('utf8-invalid'));
    }));

  test('[MQTT-3.3.2-2] a Topic Name with a wildcard closes the connection, and nothing is delivered or acknowledged', () =>
    withBroker(async (broker) => {
      const watcher = await broker.watcher('watcher', ['#', 2]);
      for (const topic of ['a/+', 'a/#', '+', '#', 'a+b', 'a#b', '+/a', 'a/+/b']) {
        for (const qos of [0, 1, 2] as const) {
          await broker.closesConnected(`${topic} at QoS ${qos}`, [raw.publish({ topic, qos, retain: true })], {
            reason: 'topic-name-invalid',
          });
        }
      }
      const came = await watcher.deliveries();
      expect(came.filter(({ topic }) => topic !== 'bystander' && topic !== 'later')).toEqual([]);
    }));

  test('[MQTT-3.3.2-3] a delivery has the topic that was published, which matches the filter', () =>
    withBroker(async (broker) => {
      const matches = {
        'a/+': ['a/b', 'a/', 'a/$x'],
        'a/#': ['a', 'a/b', 'a/', 'a/b/c', 'a//', 'a/$x'],
        '+/b': ['a/b', '/b'],
        '+': ['a', 'b'],
        '+/+': ['a/b', '/b', 'a/', '/', 'a/$x'],
        '/+': ['/b', '/'],
        '#': ['a', 'b', 'a/b', '/b', 'a/', '/', 'a/b/c', 'a//', 'a/$x'],
        'a/b': ['a/b'],
        'a//': ['a//'],
        'a/+/': ['a//'],
        'a/b/#': ['a/b', 'a/b/c'],
      };
      const published = ['a', 'b', 'a/b', '/b', 'a/', '/', 'a/b/c', 'a//', 'a/$x'];
      const publisher = await broker.connect('publisher');
      for (const [filter, topics] of Object.entries(matches)) {
        const watcher = await broker.watcher(filter, [filter, 1]);
        for (const topic of published) await publisher.publish({ topic, payload: topic, qos: 1 });
        const came = await watcher.deliveries();
        expect({ filter, topics: came.map(({ topic }) => topic) }).toEqual({
          filter,
          topics: published.filter((topic) => topics.includes(topic)),
        });
        expect(came.map(({ payload }) => payload)).toEqual(came.map(({ topic }) => topic));
        await watcher.disconnect();
      }
    }));
});

describe('3.3.4 response and 3.3.5 actions', () => {
  test('[MQTT-3.3.4-1] PUBLISH is answered according to its QoS, with or without subscribers', () =>
    withBroker(async (broker) => {
      const publisher = await broker.connect('publisher');
      for (const topic of ['without', 'with']) {
        publisher.send(raw.publish({ topic, qos: 0 }));
        await publisher.expectNothing();
        publisher.send(raw.publish({ topic, qos: 1, packetId: 0x1234 }));
        await publisher.expectBytes('40 02 12 34');
        publisher.send(raw.publish({ topic, qos: 2, packetId: 0x1235 }));
        await publisher.expectBytes('50 02 12 35');
        publisher.send(raw.pubrel(0x1235));
        await publisher.expectBytes('70 02 12 35');
        await broker.watcher('watcher', ['with', 2]);
      }
    }));

  test('[MQTT-3.3.5-1] overlapping filters cause one copy at the highest granted QoS', () =>
    withBroker(async (broker) => {
      const publisher = await broker.connect('publisher');
      const filters = ['a/b', '#', 'a/#', '+/b', 'a/+', '+/+', '+/#', 'a/b/#'];
      for (const highest of [1, 2] as const) {
        for (const best of filters) {
          const watcher = await broker.connect('watcher');
          await watcher.subscribe(
            ...filters.map((filter, i) => [filter, filter === best ? highest : i % highest] as const),
          );
          for (const published of [0, 1, 2] as const) {
            await publisher.publish({ topic: 'a/b', payload: best, qos: published });
            await watcher.accept({ topic: 'a/b', payload: best, qos: Math.min(published, highest) as 0 | 1 | 2 });
            await watcher.expectNothing();
          }
          await watcher.disconnect();
        }
      }
    }));

  test('[MQTT-3.3.5-2] a PUBLISH that is not allowed ends the connection, and is not acknowledged, delivered or retained', () =>
    withBroker(async (broker) => {
      const watcher = await broker.watcher('watcher', ['closed/#', 2], ['open/#', 2]);
      for (const qos of [0, 1, 2] as const) {
        const sent = raw.publish({ topic: 'closed/a', payload: 'no', qos, retain: true });
        await broker.closesConnected(`QoS ${qos}`, [sent], { reason: 'not-authorized' }, { userName: 'limited' });
      }
      await watcher.expectNothing();
      await (
        await broker.connect({ clientId: 'limited', userName: 'limited' })
      ).publish({ topic: 'open/a', payload: 'yes', qos: 2 });
      await watcher.accept({ topic: 'open/a', payload: 'yes', qos: 2 });
      await (await broker.watcher('later', ['closed/#', 2])).expectNothing();
      expect(broker.events.filter(({ kind }) => kind === 'publish-denied')).toHaveLength(3);
    }));

  test('[MQTT-3.3.5-2] no client may publish to $SYS/ and $share/, whatever the rules allow', () =>
    withBroker(async (broker) => {
      for (const topic of ['$SYS/a', '$SYS', '$share/group/a']) {
        await broker.closesConnected(topic, [raw.publish({ topic, qos: 1 })], { reason: 'not-authorized' });
      }
    }));
});
