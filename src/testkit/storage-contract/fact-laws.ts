// Laws about what is put and dropped: sessions, subscriptions, inbound ids, wills and retained messages.
import type { Change } from '../../ports/index.js';
import { differences, report } from '../compare.js';
import { EVERYTHING, holdsWhenRepeated } from './law.js';
import type { Law } from './law.js';
import {
  EVERY_PROPERTY,
  appendOf,
  drop,
  groupQueueOf,
  messageOf,
  payloadOf,
  put,
  queueOf,
  release,
  seq,
  topic,
  trim,
} from './samples.js';

export function factLaws(law: Law): void {
  law('a new store is empty', async (subject) => {
    const page = await subject.storage.readQueue(queueOf('a'), seq(0), EVERYTHING);
    const retained = await subject.storage.readRetained([topic('a')]);
    report('a new store is empty', [...differences([], page, 'page'), ...differences([], retained, 'retained')]);
  });

  law('sessions are put, put again with other values, and dropped', (subject) =>
    holdsWhenRepeated(
      subject,
      [put.session('a'), put.session('b', { expiryIntervalS: 4_294_967_295 }), put.session('gone')],
      [
        put.session('a', { expiryIntervalS: 1, disconnectedAtMs: 1_700_000_000_123 }),
        drop.session('gone'),
        drop.session('never there'),
      ],
      [put.session('a', { disconnectedAtMs: undefined })],
    ),
  );

  law('a session comes back with the marks of what was sent, with either of them, and without', (subject) =>
    holdsWhenRepeated(
      subject,
      [
        put.session('a', { sentBelow: seq(0), doubtBelow: seq(0), disconnectedAtMs: 0 }),
        put.session('b', { sentBelow: seq(257) }),
        put.session('c', { doubtBelow: seq(4_294_967_297), disconnectedAtMs: 1_700_000_000_123 }),
        put.session('d'),
      ],
      [
        put.session('a', { sentBelow: seq(Number.MAX_SAFE_INTEGER), doubtBelow: seq(Number.MAX_SAFE_INTEGER) }),
        put.session('b', { disconnectedAtMs: 1 }),
        put.session('d', { sentBelow: seq(1), doubtBelow: seq(65_536), disconnectedAtMs: 1 }),
      ],
      [put.session('a', { sentBelow: seq(3) })],
    ),
  );

  law('subscriptions are put, put again with other options, and dropped', (subject) =>
    holdsWhenRepeated(
      subject,
      [
        put.session('a'),
        put.session('b'),
        put.subscription('a', 'x/#', {
          qos: 2,
          noLocal: true,
          retainAsPublished: true,
          retainHandling: 2,
          identifier: 268_435_455,
        }),
        put.subscription('a', '$share/group/x/+', { qos: 0, retainHandling: 1 }),
        put.subscription('a', 'x/+'),
        put.subscription('b', 'x/#', { qos: 0 }),
      ],
      [
        put.subscription('a', 'x/#', { qos: 1 }),
        drop.subscription('a', 'x/+'),
        drop.subscription('a', 'never there'),
        drop.subscription('c', 'x/#'),
      ],
    ),
  );

  law('inbound packet ids are put and dropped for each client separately', (subject) =>
    holdsWhenRepeated(
      subject,
      [
        put.session('a'),
        put.session('b'),
        put.inbound('a', 1),
        put.inbound('a', 65_535),
        put.inbound('a', 256),
        put.inbound('b', 1),
      ],
      [drop.inbound('a', 1), drop.inbound('b', 2), put.inbound('a', 256)],
    ),
  );

  law('wills are put, put again when they become due, and dropped, with a session or without', (subject) =>
    holdsWhenRepeated(
      subject,
      [
        put.session('a'),
        put.will('a', messageOf(1, { properties: EVERY_PROPERTY, qos: 2, retain: true })),
        put.will('no session', messageOf(2, { payload: payloadOf(0) }), { delayS: 4_294_967_295 }),
        put.will('gone', messageOf(3)),
      ],
      [
        put.will('a', messageOf(1), { delayS: 5, dueAtMs: 1_700_000_005_000 }),
        drop.will('gone'),
        drop.will('never there'),
      ],
    ),
  );

  law('retained messages are put, replaced and dropped', (subject) =>
    holdsWhenRepeated(
      subject,
      [
        put.retained(messageOf(1, { topic: 'a', retain: true })),
        put.retained(messageOf(2, { topic: 'b', retain: true, expiresAtMs: 1_800_000_000_000 })),
        put.retained(messageOf(3, { topic: 'a/b', retain: true })),
      ],
      [
        put.retained(messageOf(4, { topic: 'a', retain: true, payload: payloadOf(77) })),
        drop.retained('b'),
        drop.retained('never there'),
      ],
    ),
  );

  law(
    'readRetained returns messages in the order of the topics, and leaves out topics that have none',
    async (subject) => {
      const of = (name: string, id: number) => messageOf(id, { topic: name, retain: true });
      await subject.commit(...['a', 'b', 'c', 'd'].map((name, id) => put.retained(of(name, id))));
      const answer = await subject.storage.readRetained(['d', 'none', 'a', 'c'].map(topic));
      report('the order of the topics', differences([of('d', 3), of('a', 0), of('c', 2)], answer));
    },
  );

  law(
    'dropping a session drops its subscriptions, inbound ids and queue, but not its will and nothing of other sessions',
    (subject) => {
      const everythingOf = (id: string, n: number): Change[] => [
        put.session(id),
        put.subscription(id, 'x/#'),
        put.subscription(id, '$share/a/x'),
        put.inbound(id, 7),
        put.will(id, messageOf(n)),
        appendOf(queueOf(id), 0, messageOf(n + 1)),
        appendOf(queueOf(id), 1, messageOf(n + 2)),
      ];
      const others = ['a', 'ab', 'a/b', 'a:', 'a\u0001', 'A', 'ä', 'c:a', '0'];
      return holdsWhenRepeated(
        subject,
        [
          ...others.flatMap((id, i) => everythingOf(id, i * 10)),
          appendOf(groupQueueOf('a', 'x'), 0, messageOf(500)),
          put.retained(messageOf(501, { topic: 'a' })),
        ],
        [drop.session('a')],
        [drop.session('a/b')],
      );
    },
  );

  law('a session that is created again after it was dropped starts empty', (subject) =>
    holdsWhenRepeated(
      subject,
      [put.session('a'), put.subscription('a', 'x'), put.inbound('a', 1), appendOf(queueOf('a'), 5, messageOf(1))],
      [drop.session('a')],
      [put.session('a', { expiryIntervalS: 9 }), appendOf(queueOf('a'), 0, messageOf(2))],
    ),
  );

  law(
    'a message that is retained, queued for many sessions and a will is stored in each of these places',
    async (subject) => {
      const message = messageOf(1, { payload: payloadOf(3000), properties: EVERY_PROPERTY });
      const ids = Array.from({ length: 200 }, (_, i) => `client ${String(i)}`);
      const fanOut = ids.flatMap((id, i): Change[] => [
        put.session(id),
        appendOf(queueOf(id), 0, message, { identifiers: [i + 1], qos: i % 2 === 0 ? 1 : 2 }),
      ]);
      await holdsWhenRepeated(
        subject,
        [put.retained(message), put.will('w', message), ...fanOut],
        [
          drop.session('client 0'),
          trim(queueOf('client 1'), 0),
          release(queueOf('client 3'), 0),
          drop.retained('a/topic'),
        ],
        [...ids.slice(4).map((id) => trim(queueOf(id), 0)), drop.will('w')],
      );
    },
  );
}
