// MQTT 3.1.1, chapters 4 and 7: stored state, Quality of Service, retry, order, topics, errors, conformance.
import { connect as connectSocket } from 'node:net';
import { describe, expect, test } from '@jest/globals';
import { createListener } from '../../adapters/network/tcp/index.js';
import { malformed, withBroker } from '../support/broker-harness.js';
import { RawClient, SocketActivity, socketWire } from '../clients/raw-client.js';
import * as raw from '../clients/raw-packets.js';
import { packet, uint16 } from '../clients/raw-packets.js';

const SESSION = { clientId: 'subscriber', clean: false } as const;

const numbers = (count: number): string[] => Array.from({ length: count }, (_, i) => String(i + 1));

describe('4.1 storing state', () => {
  test('[MQTT-4.1.0-1] a session is kept for years, with its subscriptions and its messages', () =>
    withBroker(async (broker) => {
      const subscriber = await broker.connect(SESSION);
      await subscriber.subscribe(['a', 1], ['b/#', 2]);
      await subscriber.disconnect();
      const publisher = await broker.connect('publisher');
      await publisher.publish({ topic: 'a', payload: 'waiting', qos: 1 });
      await broker.advance(3 * 365 * 24 * 3600 * 1000);
      const { client, sessionPresent } = await broker.reconnect(SESSION);
      expect(sessionPresent).toBe(true);
      await client.accept({ payload: 'waiting' });
      await publisher.publish({ topic: 'b/c', payload: 'new', qos: 2 });
      await client.accept({ payload: 'new', qos: 2 });
    }));

  test('[MQTT-4.1.0-2] a session does not expire while its client is connected', () =>
    withBroker(
      async (broker) => {
        const publisher = await broker.connect('publisher');
        const first = await broker.connect(SESSION);
        await first.subscribe(['a', 1]);
        await first.disconnect();
        await broker.advance(30_000);
        const subscriber = await broker.connect(SESSION);
        for (let i = 0; i < 5; i++) {
          await broker.advance(3_600_000);
          await publisher.publish({ topic: 'a', payload: String(i), qos: 1 });
          await subscriber.accept({ payload: String(i) });
        }
        await subscriber.cut();
        expect((await broker.reconnect(SESSION)).sessionPresent).toBe(true);
      },
      { limits: { sessionExpiryMax: 60 } },
    ));
});

describe('4.3 Quality of Service', () => {
  test('[MQTT-4.3.1-1] a QoS 0 delivery has QoS 0 and DUP 0, and is not repeated', () =>
    withBroker(async (broker) => {
      const subscriber = await broker.connect(SESSION);
      await subscriber.subscribe(['a', 0]);
      const publisher = await broker.connect('publisher');
      await publisher.publish({ topic: 'a', payload: 'x', qos: 2 });
      await subscriber.expectBytes('30 04 00 01 61 78');
      await subscriber.cut();
      await (await broker.connect(SESSION)).expectNothing();
    }));

  test('[MQTT-4.3.2-1] a QoS 1 delivery is kept until PUBACK', () =>
    withBroker(async (broker) => {
      const subscriber = await broker.connect(SESSION);
      await subscriber.subscribe(['a', 1]);
      await (await broker.connect('publisher')).publish({ topic: 'a', payload: 'x', qos: 1 });
      const { packetId } = await subscriber.expectPublish({ payload: 'x', qos: 1, dup: false });
      await subscriber.expectNothing();
      await subscriber.cut();
      const second = await broker.connect(SESSION);
      await second.accept({ payload: 'x', qos: 1, dup: true, packetId });
      await second.cut();
      await (await broker.connect(SESSION)).expectNothing();
    }));

  test('[MQTT-4.3.2-2] at QoS 1 each PUBLISH is acknowledged and delivered, also with the same Packet Identifier and DUP', () =>
    withBroker(async (broker) => {
      const watcher = await broker.watcher('watcher', ['a', 1]);
      const publisher = await broker.connect('publisher');
      for (const dup of [false, true, true]) {
        publisher.send(raw.publish({ topic: 'a', payload: `dup ${dup}`, qos: 1, packetId: 7, dup }));
        await publisher.expectBytes('40 02 00 07');
        await watcher.accept({ payload: `dup ${dup}`, dup: false });
      }
    }));

  test('[MQTT-4.3.3-1] a QoS 2 delivery is kept until PUBREC, then its PUBREL until PUBCOMP, and PUBLISH is never repeated', () =>
    withBroker(async (broker) => {
      const subscriber = await broker.connect(SESSION);
      await subscriber.subscribe(['a', 2]);
      await (await broker.connect('publisher')).publish({ topic: 'a', payload: 'x', qos: 2 });
      const { packetId } = await subscriber.expectPublish({ payload: 'x', qos: 2, dup: false });
      await subscriber.cut();

      const second = await broker.connect(SESSION);
      await second.expectPublish({ payload: 'x', qos: 2, dup: true, packetId });
      second.send(raw.pubrec(packetId));
      expect(await second.next('pubrel')).toEqual({ type: 'pubrel', packetId });
      await second.cut();

      for (let i = 0; i < 2; i++) {
        const third = await broker.connect(SESSION);
        expect(await third.next('pubrel')).toEqual({ type: 'pubrel', packetId });
        await third.expectNothing();
        await third.cut();
      }

      const last = await broker.connect(SESSION);
      await last.next('pubrel');
      last.send(raw.pubcomp(packetId));
      await last.expectNothing();
      await last.cut();
      await (await broker.connect(SESSION)).expectNothing();
    }));

  test('[MQTT-4.3.3-1] a PUBREC that arrives twice is answered with PUBREL twice', () =>
    withBroker(async (broker) => {
      const subscriber = await broker.watcher('subscriber', ['a', 2]);
      await (await broker.connect('publisher')).publish({ topic: 'a', qos: 2 });
      const { packetId } = await subscriber.expectPublish({ qos: 2 });
      for (let i = 0; i < 2; i++) {
        subscriber.send(raw.pubrec(packetId));
        expect(await subscriber.next('pubrel')).toEqual({ type: 'pubrel', packetId });
      }
      subscriber.send(raw.pubcomp(packetId));
      await subscriber.expectNothing();
    }));

  test('[MQTT-4.3.3-2] at QoS 2 a PUBLISH repeated before PUBREL is acknowledged and not delivered again; after PUBCOMP it is a new one', () =>
    withBroker(async (broker) => {
      const watcher = await broker.watcher('watcher', ['a', 2]);
      const publisher = await broker.connect('publisher');
      for (const round of ['first', 'second']) {
        for (const dup of [false, true, true]) {
          publisher.send(raw.publish({ topic: 'a', payload: round, qos: 2, packetId: 9, dup }));
          await publisher.expectBytes('50 02 00 09');
        }
        publisher.send(raw.pubrel(9));
        await publisher.expectBytes('70 02 00 09');
        publisher.send(raw.pubrel(9));
        await publisher.expectBytes('70 02 00 09');
        await watcher.accept({ payload: round });
        await watcher.expectNothing();
      }
    }));

  test('[MQTT-4.3.3-2] a PUBREL with an unknown Packet Identifier is answered with PUBCOMP', () =>
    withBroker(async (broker) => {
      const client = await broker.connect();
      client.send(raw.pubrel(0x4321));
      await client.expectBytes('70 02 43 21');
    }));

  test('[MQTT311-qos2-moment] a QoS 2 message is delivered to its subscribers at PUBLISH, once', () =>
    withBroker(async (broker) => {
      const watcher = await broker.watcher('watcher', ['a', 2]);
      const publisher = await broker.connect('publisher');
      publisher.send(raw.publish({ topic: 'a', payload: 'x', qos: 2, packetId: 1 }));
      await publisher.expectBytes('50 02 00 01');
      await watcher.accept({ payload: 'x', qos: 2 });
      publisher.send(raw.pubrel(1));
      await publisher.expectBytes('70 02 00 01');
      await watcher.expectNothing();
    }));
});

describe('4.4 delivery retry', () => {
  test('[MQTT-4.4.0-1] when a session is resumed, the broker repeats unacknowledged PUBLISH and PUBREL packets with their identifiers', () =>
    withBroker(async (broker) => {
      const subscriber = await broker.connect(SESSION);
      await subscriber.subscribe(['a', 2]);
      const publisher = await broker.connect('publisher');
      for (const [payload, qos] of [
        ['1', 1],
        ['2', 2],
        ['3', 2],
        ['4', 1],
        ['5', 2],
      ] as const)
        await publisher.publish({ topic: 'a', payload, qos });
      const first = await subscriber.deliveries();
      const [one = 0, two = 0, three = 0, four = 0, five = 0] = first.map(({ packetId }) => packetId);
      // 1 is acknowledged, 2 has reached PUBREL, 3 is done, 4 and 5 are open.
      subscriber.send(raw.puback(one), raw.pubrec(two), raw.pubrec(three));
      await subscriber.next('pubrel');
      await subscriber.next('pubrel');
      subscriber.send(raw.pubcomp(three));
      await subscriber.cut();

      for (const end of ['cut', 'disconnect'] as const) {
        const back = await broker.connect(SESSION);
        expect(await back.next('pubrel')).toEqual({ type: 'pubrel', packetId: two });
        expect(await back.deliveries()).toMatchObject([
          { payload: '4', qos: 1, dup: true, packetId: four },
          { payload: '5', qos: 2, dup: true, packetId: five },
        ]);
        await back[end]();
      }
    }));

  test('[MQTT-4.4.0-1] the broker repeats nothing on a live connection', () =>
    withBroker(async (broker) => {
      const subscriber = await broker.connect(SESSION);
      await subscriber.subscribe(['a', 2]);
      const publisher = await broker.connect('publisher');
      for (const qos of [1, 2] as const) await publisher.publish({ topic: 'a', qos });
      expect(await subscriber.deliveries()).toHaveLength(2);
      await broker.advance(24 * 3600 * 1000);
      await subscriber.expectNothing();
    }));

  test('[MQTT-4.4.0-1] a QoS 2 message that a client repeats on a resumed session is not delivered again', () =>
    withBroker(async (broker) => {
      const watcher = await broker.watcher('watcher', ['a', 2]);
      const session = { clientId: 'publisher', clean: false };
      const publisher = await broker.connect(session);
      publisher.send(raw.publish({ topic: 'a', payload: 'once', qos: 2, packetId: 5 }));
      await publisher.expectBytes('50 02 00 05');
      await watcher.accept({ payload: 'once' });
      await publisher.cut();
      const second = await broker.connect(session);
      second.send(raw.publish({ topic: 'a', payload: 'once', qos: 2, packetId: 5, dup: true }));
      await second.expectBytes('50 02 00 05');
      second.send(raw.pubrel(5));
      await second.expectBytes('70 02 00 05');
      await second.cut();
      const third = await broker.connect(session);
      third.send(raw.pubrel(5));
      await third.expectBytes('70 02 00 05');
      await watcher.expectNothing();
      await third.publish({ topic: 'a', payload: 'a new one', qos: 2, packetId: 5 });
      await watcher.accept({ payload: 'a new one' });
    }));
});

describe('4.5 message receipt', () => {
  test('[MQTT-4.5.0-1] a message is delivered to all subscribers, online or offline, and to the publisher itself', () =>
    withBroker(async (broker) => {
      const filters = ['a/b', 'a/+', 'a/#', '#', '+/b'];
      for (const filter of filters) {
        const away = await broker.connect({ clientId: `away ${filter}`, clean: false });
        await away.subscribe([filter, 1]);
        await away.disconnect();
      }
      const here = await Promise.all(filters.map((filter) => broker.watcher(`here ${filter}`, [filter, 1])));
      const publisher = await broker.watcher('publisher', ['a/b', 0]);
      publisher.send(raw.publish({ topic: 'a/b', payload: 'for all', qos: 1, packetId: 1 }));
      await broker.settled();
      expect(publisher.takeUnread()).toContain('40 02 00 01');
      for (const client of here) await client.accept({ payload: 'for all' });
      for (const filter of filters)
        await (await broker.connect({ clientId: `away ${filter}`, clean: false })).accept({ payload: 'for all' });
    }));
});

describe('4.6 message ordering', () => {
  test('[MQTT-4.6.0-1] repeated deliveries arrive in their first order, and before waiting messages', () =>
    withBroker(
      async (broker) => {
        const subscriber = await broker.connect(SESSION);
        await subscriber.subscribe(['a', 2]);
        const publisher = await broker.connect('publisher');
        for (const payload of numbers(30)) await publisher.publish({ topic: 'a', payload, qos: 1 });
        expect((await subscriber.deliveries()).map(({ payload }) => payload)).toEqual(numbers(20));
        await subscriber.cut();
        for (let i = 0; i < 2; i++) {
          const back = await broker.connect(SESSION);
          const again = await back.deliveries();
          expect(again.map(({ payload }) => payload)).toEqual(numbers(20));
          expect(again.every(({ dup }) => dup)).toBe(true);
          await back.cut();
        }
        const last = await broker.connect(SESSION);
        for (const payload of numbers(30)) await last.accept({ payload, dup: Number(payload) <= 20 });
        await last.expectNothing();
      },
      { limits: { maxInflight: 20 } },
    ));

  test('[MQTT-4.6.0-2] PUBACK packets have the order of the PUBLISH packets', () =>
    withBroker(async (broker) => {
      await broker.watcher('watcher', ['a/#', 1]);
      const client = await broker.connect();
      const ids = [9, 3, 65_535, 1, 500, 4];
      client.send(...ids.map((packetId) => raw.publish({ topic: `a/${packetId % 2}`, qos: 1, packetId })));
      for (const packetId of ids) expect(await client.next('puback')).toEqual({ type: 'puback', packetId });
    }));

  test('[MQTT-4.6.0-2] [MQTT-4.6.0-3] no acknowledgement overtakes another one that waits for storage', () =>
    withBroker(async (broker) => {
      const away = await broker.connect({ clientId: 'away', clean: false });
      await away.subscribe(['stored', 2]);
      await away.disconnect();
      for (const clean of [true, false]) {
        const client = await broker.connect({ clientId: 'publisher', clean });
        for (const [qos, type] of [
          [1, 'puback'],
          [2, 'pubrec'],
        ] as const) {
          const ids = Array.from({ length: 20 }, (_, i) => 100 - i);
          client.send(
            ...ids.map((packetId, i) =>
              raw.publish({
                topic: i % 3 === 0 ? 'stored' : 'no/subscriber',
                payload: 'x',
                qos,
                packetId,
                retain: i % 5 === 0,
              }),
            ),
          );
          for (const packetId of ids) expect(await client.next(type)).toEqual({ type, packetId });
        }
        await client.disconnect();
      }
    }));

  test('[MQTT-4.6.0-3] PUBREC packets have the order of the PUBLISH packets', () =>
    withBroker(async (broker) => {
      await broker.watcher('watcher', ['a/#', 2]);
      const client = await broker.connect();
      const ids = [9, 3, 65_535, 1, 500, 4];
      client.send(...ids.map((packetId) => raw.publish({ topic: `a/${packetId % 2}`, qos: 2, packetId })));
      for (const packetId of ids) expect(await client.next('pubrec')).toEqual({ type: 'pubrec', packetId });
    }));

  test('[MQTT-4.6.0-4] PUBREL packets have the order of the PUBREC packets', () =>
    withBroker(async (broker) => {
      const subscriber = await broker.watcher('subscriber', ['a', 2]);
      const publisher = await broker.connect('publisher');
      for (const payload of numbers(6)) await publisher.publish({ topic: 'a', payload, qos: 2 });
      const ids = (await subscriber.deliveries()).map(({ packetId }) => packetId);
      const answered = [3, 0, 5, 1, 4, 2].map((i) => ids[i] ?? 0);
      subscriber.send(...answered.map(raw.pubrec));
      for (const packetId of answered) expect(await subscriber.next('pubrel')).toEqual({ type: 'pubrel', packetId });
    }));

  test('[MQTT-4.6.0-4] PUBREL packets of a resumed session have the order of the PUBREC packets', () =>
    withBroker(async (broker) => {
      const subscriber = await broker.connect(SESSION);
      await subscriber.subscribe(['a', 2]);
      const publisher = await broker.connect('publisher');
      for (const payload of numbers(6)) await publisher.publish({ topic: 'a', payload, qos: 2 });
      const ids = (await subscriber.deliveries()).map(({ packetId }) => packetId);
      const early = [ids[2] ?? 0, ids[4] ?? 0];
      subscriber.send(...early.map(raw.pubrec));
      for (const packetId of early) expect(await subscriber.next('pubrel')).toEqual({ type: 'pubrel', packetId });
      const answered = [5, 2, 0, 4, 3, 1].map((i) => ids[i] ?? 0);
      subscriber.send(...answered.map(raw.pubrec));
      for (const packetId of answered) expect(await subscriber.next('pubrel')).toEqual({ type: 'pubrel', packetId });
    }));

  test('[MQTT-4.6.0-5] [MQTT-4.6.0-6] messages of one client on a topic at one QoS keep their order for online subscribers', () =>
    withBroker(async (broker) => {
      const count = 300;
      const watchers = [await broker.watcher('one', ['a', 2]), await broker.watcher('two', ['#', 2])];
      const publisher = await broker.connect('publisher');
      for (const qos of [0, 1, 2] as const) {
        publisher.send(
          ...numbers(count).map((payload, i) => raw.publish({ topic: 'a', payload, qos, packetId: i + 1 })),
        );
        if (qos === 1) for (let i = 1; i <= count; i++) await publisher.next('puback');
        if (qos === 2) {
          for (let i = 1; i <= count; i++) await publisher.next('pubrec');
          publisher.send(...Array.from({ length: count }, (_, i) => raw.pubrel(i + 1)));
          for (let i = 1; i <= count; i++) await publisher.next('pubcomp');
        }
        for (const watcher of watchers) for (const payload of numbers(count)) await watcher.accept({ payload, qos });
        for (const watcher of watchers) await watcher.expectNothing();
      }
    }));

  test('[MQTT-4.6.0-6] messages keep their order for a subscriber that reconnects, from waiting to new ones', () =>
    withBroker(async (broker) => {
      for (const qos of [1, 2] as const) {
        const subscriber = await broker.connect(SESSION);
        await subscriber.subscribe(['a', 2]);
        await subscriber.disconnect();
        const publisher = await broker.connect('publisher');
        for (const payload of numbers(400).slice(0, 300)) await publisher.publish({ topic: 'a', payload, qos });
        const back = await broker.connect(SESSION);
        for (const payload of numbers(100)) await back.accept({ payload, qos });
        publisher.send(
          ...numbers(400)
            .slice(300)
            .map((payload, i) => raw.publish({ topic: 'a', payload, qos, packetId: i + 1000 })),
        );
        for (const payload of numbers(400).slice(100)) await back.accept({ payload, qos });
        await back.expectNothing();
        await back.disconnect();
      }
    }));
});

describe('4.7 Topic Names and Topic Filters', () => {
  test('[MQTT-4.7.1-1] a wildcard in a Topic Name or in a Will topic closes the connection', () =>
    withBroker(async (broker) => {
      for (const topic of ['a/+/b', '#']) {
        await broker.closesConnected(topic, [raw.publish({ topic, qos: 1 })], { reason: 'topic-name-invalid' });
        await broker.closesAtFirst(`Will ${topic}`, [raw.connect({ will: { topic, payload: '' } })], {
          reason: 'protocol-violation',
        });
      }
    }));

  test('[MQTT-4.7.1-2] a filter with # in the middle or as a part of a level closes the connection', () =>
    withBroker(async (broker) => {
      for (const filter of ['a#', 'a/#/b', '#/a', '#a', 'a/b#', 'a/#b', '##', '#/', '/#/']) {
        await broker.closesConnected(filter, [raw.subscribe(1, [[filter, 0]])], { reason: 'topic-filter-invalid' });
        await broker.closesConnected(
          `${filter} behind another`,
          [
            raw.subscribe(1, [
              ['a', 0],
              [filter, 0],
            ]),
          ],
          { reason: 'topic-filter-invalid' },
        );
        await broker.closesConnected(`UNSUBSCRIBE ${filter}`, [raw.unsubscribe(1, [filter])], {
          reason: 'topic-filter-invalid',
        });
      }
      expect(await (await broker.connect()).subscribe(['#', 0], ['/#', 0], ['a/#', 0], ['a//#', 0])).toEqual([
        0, 0, 0, 0,
      ]);
    }));

  test('[MQTT-4.7.1-3] a filter with + as a part of a level closes the connection', () =>
    withBroker(async (broker) => {
      for (const filter of ['a+', '+a', '+a/b', 'a/b+', 'a/+b/c', '++', 'a+/b']) {
        await broker.closesConnected(filter, [raw.subscribe(1, [[filter, 0]])], { reason: 'topic-filter-invalid' });
        await broker.closesConnected(`UNSUBSCRIBE ${filter}`, [raw.unsubscribe(1, [filter])], {
          reason: 'topic-filter-invalid',
        });
      }
      const valid = ['+', '+/a', 'a/+', 'a/+/b', '+/+', '/+', '+/', '+/#', '+/a/#'];
      expect(await (await broker.connect()).subscribe(...valid.map((filter) => [filter, 1] as const))).toEqual(
        valid.map(() => 1),
      );
    }));

  test('[MQTT-4.7.2-1] a wildcard at the beginning does not match a topic that begins with $, not even a retained one', () =>
    withBroker(async (broker) => {
      const matches = {
        '#': [],
        '+': [],
        '+/y': [],
        '+/#': [],
        '$x/#': ['$x', '$x/y', '$x/y/z'],
        '$x/+': ['$x/y'],
        $x: ['$x'],
        '$x/y': ['$x/y'],
        '/#': [],
      };
      const published = ['$x', '$x/y', '$x/y/z'];
      const publisher = await broker.connect('publisher');
      for (const topic of published) await publisher.publish({ topic, payload: 'kept', qos: 1, retain: true });
      for (const [filter, topics] of Object.entries(matches)) {
        const watcher = await broker.watcher(filter, [filter, 1]);
        expect({ filter, retained: (await watcher.deliveries()).map(({ topic }) => topic).sort() }).toEqual({
          filter,
          retained: topics,
        });
        for (const topic of published) await publisher.publish({ topic, payload: 'live', qos: 1 });
        expect({ filter, live: (await watcher.deliveries()).map(({ topic }) => topic) }).toEqual({
          filter,
          live: topics,
        });
      }
    }));

  test('[MQTT-4.7.3-1] an empty Topic Name, Will topic or filter closes the connection', () =>
    withBroker(async (broker) => {
      for (const qos of [0, 1, 2] as const) {
        await broker.closesConnected(`QoS ${qos}`, [raw.publish({ topic: '', payload: 'x', qos })], {
          reason: 'topic-name-invalid',
        });
      }
      await broker.closesAtFirst('Will', [raw.connect({ will: { topic: '', payload: '' } })], {
        reason: 'protocol-violation',
      });
      await broker.closesConnected('SUBSCRIBE', [raw.subscribe(1, [['', 0]])], { reason: 'topic-filter-invalid' });
      await broker.closesConnected('UNSUBSCRIBE', [raw.unsubscribe(1, [''])], { reason: 'topic-filter-invalid' });
    }));

  test('[MQTT-4.7.3-1] a topic may have a single character, and an empty level is a level', () =>
    withBroker(async (broker) => {
      const watcher = await broker.watcher('watcher', ['/', 0], ['a', 0], [' ', 0], ['//', 0]);
      const publisher = await broker.connect('publisher');
      for (const topic of ['/', 'a', ' ', '//']) {
        await publisher.publish({ topic });
        await watcher.expectPublish({ topic });
        await watcher.expectNothing();
      }
    }));

  test('[MQTT-4.7.3-3] topics and filters of 65,535 bytes work if the limit allows them', () =>
    withBroker(
      async (broker) => {
        const topic = 'x'.repeat(65_535);
        const watcher = await broker.watcher('watcher', [topic, 1], [`+/${'é'.repeat(32_766)}`, 1]);
        const publisher = await broker.connect('publisher');
        await publisher.publish({ topic, payload: 'x', qos: 1 });
        expect((await watcher.accept({ payload: 'x' })).topic).toBe(topic);
      },
      { limits: { maxTopicLength: 65_535 } },
    ));

  test('[MQTT-4.7.3-3] topics and filters over a lower limit close the connection', () =>
    withBroker(
      async (broker) => {
        await broker.watcher('watcher', ['x'.repeat(20), 1]);
        await broker.closesConnected('PUBLISH', [raw.publish({ topic: 'x'.repeat(21), qos: 1 })], {
          reason: 'topic-name-invalid',
        });
        await broker.closesConnected('SUBSCRIBE', [raw.subscribe(1, [['é'.repeat(11), 1]])], {
          reason: 'topic-filter-invalid',
        });
        await broker.closesConnected('levels', [raw.publish({ topic: 'a/b/c/d/e', qos: 1 })], {
          reason: 'topic-name-invalid',
        });
      },
      { limits: { maxTopicLength: 20, maxTopicLevels: 4 } },
    ));

  test('[MQTT-4.7.3-4] topics are compared byte by byte: case, composed accents, spaces and separators matter', () =>
    withBroker(async (broker) => {
      const alike = [
        'caf\u00e9',
        'cafe\u0301',
        'CAF\u00c9',
        'cafe',
        ' cafe',
        'cafe ',
        '/cafe',
        'cafe/',
        '\ufeffcafe',
        '\uff43afe',
      ];
      const publisher = await broker.connect('publisher');
      const watchers = await Promise.all(alike.map((filter) => broker.watcher(`for ${filter}`, [filter, 1])));
      for (const topic of alike) await publisher.publish({ topic, qos: 1, retain: true });
      for (const [i, watcher] of watchers.entries()) {
        expect((await watcher.deliveries()).map(({ topic }) => topic)).toEqual([alike[i]]);
      }
    }));
});

describe('4.8 handling errors', () => {
  test('[MQTT-4.8.0-1] packet types that do not exist, or that only a server sends, close the connection', () =>
    withBroker(async (broker) => {
      for (const flags of [0, 2, 0x0f]) {
        await broker.closesConnected('type 0', [packet(flags)], malformed('packet-type-reserved'));
        await broker.closesConnected('type 15', [packet(0xf0 | flags)], malformed('packet-type-reserved'));
      }
      await broker.closesAtFirst('type 0 first', [packet(0)], malformed('packet-type-reserved'));
      await broker.closesConnected('CONNACK', ['20 02 00 00'], malformed('packet-type-unexpected'));
      await broker.closesConnected('SUBACK', ['90 03 00 01 00'], malformed('packet-type-unexpected'));
      await broker.closesConnected('UNSUBACK', ['b0 02 00 01'], malformed('packet-type-unexpected'));
      await broker.closesConnected('PINGRESP', ['d0 00'], malformed('packet-type-unexpected'));
    }));

  test('[MQTT-4.8.0-1] packets with too few or too many bytes close the connection', () =>
    withBroker(async (broker) => {
      for (const firstByte of [0x40, 0x50, 0x62, 0x70]) {
        const label = firstByte.toString(16);
        await broker.closesConnected(`${label} empty`, [packet(firstByte)], malformed('packet-truncated'));
        await broker.closesConnected(`${label} short`, [packet(firstByte, 0)], malformed('packet-truncated'));
        await broker.closesConnected(
          `${label} long`,
          [packet(firstByte, uint16(1), 0)],
          malformed('packet-trailing-bytes'),
        );
        await broker.closesConnected(
          `${label} with Packet Identifier 0`,
          [packet(firstByte, uint16(0))],
          malformed('packet-id-zero'),
        );
      }
      await broker.closesConnected('PINGREQ', [packet(0xc0, 0)], malformed('packet-trailing-bytes'));
      await broker.closesConnected('DISCONNECT', [packet(0xe0, 0)], malformed('packet-trailing-bytes'));
    }));

  test('[MQTT-4.8.0-1] packets before a violation in the same bytes are handled and answered, and packets behind it are not', () =>
    withBroker(async (broker) => {
      const watcher = await broker.watcher('watcher', ['a', 1]);
      const before = raw.publish({ topic: 'a', payload: 'before', qos: 1, packetId: 1 });
      const behind = raw.publish({ topic: 'a', payload: 'behind', qos: 1, packetId: 2 });
      await broker.closesConnected('', [raw.PINGREQ, '00 00', behind], {
        ...malformed('packet-type-reserved'),
        answer: 'd0 00',
      });
      const client = await broker.connect('client');
      client.send(before, 'f0 00', behind);
      await watcher.accept({ payload: 'before' });
      await watcher.expectNothing();
      expect(client.isClosed).toBe(true);
      expect(broker.endOf(client)).toEqual(malformed('packet-type-reserved'));
    }));

  test('[MQTT-4.8.0-1] unexpected acknowledgements are not a violation', () =>
    withBroker(async (broker) => {
      const client = await broker.connect();
      client.send(raw.puback(77), raw.pubcomp(78));
      await client.expectNothing();
      client.send(raw.pubrec(79));
      await client.expectBytes('62 02 00 4f');
      await client.ping();
    }));

  test('[MQTT-4.8.0-1] a packet over the limit of the broker closes the connection', () =>
    withBroker(
      async (broker) => {
        await broker.closesConnected(
          '',
          [raw.publish({ topic: 'a', payload: 'x'.repeat(1000) })],
          malformed('packet-too-large'),
        );
      },
      { limits: { maxPacketSize: 1000 } },
    ));

  test('[MQTT-4.8.0-2] a client that does not read for too long is disconnected, and only that one', () =>
    withBroker(
      async (broker) => {
        const watcher = await broker.watcher('watcher', ['a', 0]);
        const stuck = await broker.watcher('stuck', ['a', 0]);
        stuck.wire.pause();
        const publisher = await broker.connect('publisher');
        for (let i = 0; i < 50; i++) await publisher.publish({ topic: 'a', payload: 'x'.repeat(4096) });
        expect(await watcher.deliveries()).toHaveLength(50);
        await broker.advance(59_000);
        expect(stuck.isClosed).toBe(false);
        await broker.advance(2_000);
        await broker.advance(60_000);
        await broker.expectClosed(stuck, { reason: 'drain-timeout' });
      },
      { limits: { drainTimeoutMs: 60_000 } },
    ));

  test('[MQTT-4.8.0-2] a failing authentication affects only the client that requested it', () =>
    withBroker(async (broker) => {
      const end = { reason: 'authentication-unavailable', answer: '20 02 00 03' } as const;
      await broker.closesAtFirst('', [raw.connect({ userName: 'broken' })], end);
      await broker.connect({ userName: 'another' });
    }));

  test('[MQTT-4.8.0-2] an authentication that never answers affects only the client that requested it', () =>
    withBroker(
      async (broker) => {
        const waiting = broker.open();
        waiting.send(raw.connect({ userName: 'never' }), raw.PINGREQ);
        await broker.advance(29_000);
        await waiting.expectNothing();
        await broker.advance(2_000);
        await broker.expectClosed(waiting, { reason: 'authentication-timeout' });
      },
      {
        limits: { authTimeoutMs: 30_000 },
        authenticator: {
          name: 'never',
          authenticate: ({ userName }) =>
            userName === 'never'
              ? new Promise(() => undefined)
              : { decision: 'allow', permissions: { kind: 'allow-all' } },
        },
      },
    ));

  test('[MQTT311-others-untouched] a client in the middle of a QoS 2 flow is not affected by the violation of another client', () =>
    withBroker(async (broker) => {
      const watcher = await broker.watcher('watcher', ['a', 2]);
      const publisher = await broker.connect('publisher');
      publisher.send(raw.publish({ topic: 'a', payload: 'x', qos: 2, packetId: 1 }));
      await publisher.expectBytes('50 02 00 01');
      await broker.closesConnected('', ['00 00'], malformed('packet-type-reserved'));
      publisher.send(raw.pubrel(1));
      await publisher.expectBytes('70 02 00 01');
      await watcher.accept({ payload: 'x', qos: 2 });
    }));
});

describe('7 conformance', () => {
  test('[MQTT-7.0.0-2] the flows of the standard work with the packets of the standard alone', () =>
    withBroker(async (broker) => {
      // Bytes of the standard only, written out.
      const client = broker.open();
      client.send('10 0c 00 04 4d 51 54 54 04 02 00 00 00 00');
      await client.expectBytes('20 02 00 00');
      client.send('82 06 00 01 00 01 61 02');
      await client.expectBytes('90 03 00 01 02');
      client.send('30 04 00 01 61 78');
      await client.expectBytes('30 04 00 01 61 78');
      client.send('c0 00');
      await client.expectBytes('d0 00');
      client.send('a2 05 00 02 00 01 61');
      await client.expectBytes('b0 02 00 02');
      client.send('34 06 00 01 61 00 03 78');
      await client.expectBytes('50 02 00 03');
      client.send('62 02 00 03');
      await client.expectBytes('70 02 00 03');
      client.send('e0 00');
      await broker.expectClosed(client, { reason: 'client-disconnect' });
    }));

  test('[MQTT-7.1.1-1] the broker is reached over TCP', async () => {
    const listener = createListener({ host: '127.0.0.1', port: 0 });
    await withBroker(
      async (broker) => {
        const port = Number(broker.addressOf(listener).split(':').at(-1));
        const wire = socketWire(connectSocket({ host: '127.0.0.1', port }));
        const client = new RawClient(wire, new SocketActivity());
        client.send(raw.connect({ clientId: 'over TCP' }));
        expect(await client.next('connack')).toMatchObject({ code: 0 });
        await client.subscribe(['a', 2]);
        const payload = 'x'.repeat(300_000);
        await (await broker.connect('publisher')).publish({ topic: 'a', payload, qos: 2 });
        expect((await client.accept({ qos: 2 })).payload).toBe(payload);
        await client.disconnect();
      },
      { listeners: [listener] },
    );
  });
});
