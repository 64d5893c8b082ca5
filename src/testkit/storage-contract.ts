// The contract of the storage port as tests, for any adapter and under any test runner. A law of the port is one test, so that a run lists
// everything an adapter gets wrong and not only the first thing. What the adapter claims in its traits decides what is asked of it, both ways: to
// claim less than is true fails too. How an adapter does its work is not looked at, and neither is its speed.
import { StorageError } from '../ports/index.js';
import type { Change, Durability, QueueId, RestoredFact, Seq, Storage } from '../ports/index.js';
import { differences, ensure, report, show } from './compare.js';
import { runAgainstModel } from './storage-model-run.js';
import type { FastCheck, ModelRunOptions } from './storage-model-run.js';
import {
  AWKWARD_NAMES,
  EVERY_PROPERTY,
  NAMES_OF_EVERY_BYTE,
  appendOf,
  clientId,
  drop,
  groupQueueOf,
  messageOf,
  payloadOf,
  put,
  queueOf,
  release,
  remove,
  seq,
  topic,
  trim,
} from './storage-samples.js';
import { Subject, comparable, loadAll, readAll, rejection } from './storage-subject.js';
import type { StorageFactory } from './storage-subject.js';

const MEBIBYTE = 1024 * 1024;
const LARGE_BATCH = 5000;
/** A message for as many sessions: a step of the core is never cut, whatever the adapter prefers. */
const FAN_OUT = 20_000;
const EVERYTHING = { maxEntries: 100_000, maxBytes: 1024 * MEBIBYTE };

export interface StorageContractOptions {
  /** Names the adapter in the report. */
  readonly name: string;
  readonly factory: StorageFactory;
  /** Of your test runner: any that groups tests by calling the body at once, and awaits what a test returns. */
  readonly describe: (name: string, body: () => void) => void;
  readonly test: (name: string, body: () => Promise<void>) => void;
  /** The module `fast-check`, for the random histories. */
  readonly fastCheck: FastCheck;
  readonly model?: ModelRunOptions;
}

/** Declares the contract's tests. */
export function storageContract({ name, factory, describe, test, fastCheck, model }: StorageContractOptions): void {
  /** A test with a store of its own. */
  const law = (text: string, body: (subject: Subject) => Promise<void>): void => {
    test(text, async () => {
      const subject = await Subject.create(factory);
      try {
        await body(subject);
      } finally {
        await subject.dispose();
      }
    });
  };

  describe(`storage contract: ${name}`, () => {
    describe('facts', () => {
      factLaws(law);
    });
    describe('queues', () => {
      queueLaws(law);
    });
    describe('pages', () => {
      pageLaws(law);
    });
    describe('batches', () => {
      batchLaws(law);
    });
    describe('failures', () => {
      failureLaws(law);
    });
    describe('names and contents', () => {
      contentLaws(law);
    });
    describe('life', () => {
      lifeLaws(law);
    });
    describe('looking', () => {
      lookingLaws(law);
      test('a store that is not there is said to be none, and not made by looking for it', () =>
        looksForNothing(factory));
    });
    describe('traits', () => {
      traitLaws(law);
    });
    describe('model', () => {
      test('a random history reads as the model says after every step, crashes and repeats included', () =>
        runAgainstModel(fastCheck, factory, model));
    });
  });
}

type Law = (text: string, body: (subject: Subject) => Promise<void>) => void;

/** Commits, repeats the batch, and compares everything: each of these laws holds for a batch that comes twice. */
async function holds(subject: Subject, ...batches: readonly (readonly Change[])[]): Promise<void> {
  for (const batch of batches) {
    await subject.commit(...batch);
    await subject.verifyReads('after a batch');
    await subject.again();
    await subject.verifyReads('after the same batch again');
  }
  await subject.verify();
}

function factLaws(law: Law): void {
  law('a new store is empty', async (subject) => {
    const page = await subject.storage.readQueue(queueOf('a'), seq(0), EVERYTHING);
    const retained = await subject.storage.readRetained([topic('a')]);
    report('a new store is empty', [...differences([], page, 'page'), ...differences([], retained, 'retained')]);
  });

  law('sessions are put, put again with other values, and dropped', (subject) =>
    holds(
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

  law('subscriptions are put, put again with other options, and dropped', (subject) =>
    holds(
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

  law('inbound packet ids are put and dropped, for each client apart', (subject) =>
    holds(
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
    holds(
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
    holds(
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
    'readRetained answers in the order of the topics asked for and leaves out those that have none',
    async (subject) => {
      const of = (name: string, id: number) => messageOf(id, { topic: name, retain: true });
      await subject.commit(...['a', 'b', 'c', 'd'].map((name, id) => put.retained(of(name, id))));
      const answer = await subject.storage.readRetained(['d', 'none', 'a', 'c'].map(topic));
      report('the order of the topics', differences([of('d', 3), of('a', 0), of('c', 2)], answer));
    },
  );

  law(
    'dropping a session takes its subscriptions, inbound ids and queue with it, not its will and nothing of others',
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
      return holds(
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

  law('a session that was dropped and comes back has nothing of its former life', (subject) =>
    holds(
      subject,
      [put.session('a'), put.subscription('a', 'x'), put.inbound('a', 1), appendOf(queueOf('a'), 5, messageOf(1))],
      [drop.session('a')],
      [put.session('a', { expiryIntervalS: 9 }), appendOf(queueOf('a'), 0, messageOf(2))],
    ),
  );

  law('a message that is retained, queued for many sessions and a will is there each time', async (subject) => {
    const message = messageOf(1, { payload: payloadOf(3000), properties: EVERY_PROPERTY });
    const ids = Array.from({ length: 200 }, (_, i) => `client ${String(i)}`);
    const fanOut = ids.flatMap((id, i): Change[] => [
      put.session(id),
      appendOf(queueOf(id), 0, message, { identifiers: [i + 1], qos: i % 2 === 0 ? 1 : 2 }),
    ]);
    await holds(
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
  });
}

function queueLaws(law: Law): void {
  const q = queueOf('a');
  const filled = (count: number): Change[] => [
    put.session('a'),
    ...Array.from({ length: count }, (_, i) => appendOf(q, i, messageOf(i), { qos: i % 2 === 0 ? 1 : 2 })),
  ];

  law('entries come back as they were appended, with QoS, retain flag and subscription identifiers', (subject) =>
    holds(subject, [
      put.session('a'),
      appendOf(q, 0, messageOf(1, { qos: 2, retain: true }), {
        qos: 2,
        retain: true,
        identifiers: [1, 268_435_455, 1],
      }),
      appendOf(q, 1, messageOf(2, { publisher: undefined }), { qos: 1 }),
      appendOf(q, 2, messageOf(3, { expiresAtMs: 1_800_000_000_000 }), { retain: true, identifiers: [] }),
    ]),
  );

  law('an append that comes twice is one entry', async (subject) => {
    await subject.commit(...filled(3));
    await subject.again();
    await subject.commit(appendOf(q, 3, messageOf(3)));
    await subject.again();
    await subject.again();
    await subject.verify();
  });

  law('trim removes up to and including its seq and nothing above', (subject) =>
    holds(
      subject,
      filled(10),
      [trim(q, 0)],
      [trim(q, 4)],
      [trim(q, 2)],
      [appendOf(q, 10, messageOf(10)), trim(q, 8)],
      [trim(q, 10)],
    ),
  );

  law('remove takes one entry from anywhere in the queue', (subject) =>
    holds(
      subject,
      filled(8),
      [remove(q, 3)],
      [remove(q, 0), remove(q, 7)],
      [remove(q, 3), remove(q, 99)],
      [remove(q, 5), remove(q, 4)],
    ),
  );

  law('release keeps the entry in its place and says so, of that entry alone', (subject) =>
    holds(
      subject,
      filled(5),
      [release(q, 1)],
      [release(q, 3), release(q, 1), release(q, 99)],
      [trim(q, 0), remove(q, 3)],
    ),
  );

  law('the bytes of a queue are those of the payloads still to be sent: a released entry counts none', (subject) =>
    holds(
      subject,
      [
        put.session('a'),
        appendOf(q, 0, messageOf(1, { payload: payloadOf(1000) })),
        appendOf(q, 1, messageOf(2, { payload: payloadOf(10) })),
      ],
      [release(q, 0)],
    ),
  );

  law('dropping a queue removes all of it and nothing of the session', (subject) =>
    holds(
      subject,
      [
        ...filled(4),
        put.subscription('a', 'x'),
        put.inbound('a', 1),
        appendOf(groupQueueOf('g', 'x'), 0, messageOf(9)),
        appendOf(queueOf('ab'), 0, messageOf(8)),
      ],
      [drop.queue(q), drop.queue(queueOf('never there'))],
      [drop.queue(groupQueueOf('g', 'x'))],
      [appendOf(q, 0, messageOf(20))],
    ),
  );

  law('the queue of a shared group needs no session', (subject) =>
    holds(
      subject,
      [
        appendOf(groupQueueOf('g', 'x/#'), 0, messageOf(1)),
        appendOf(groupQueueOf('g', 'x/#'), 1, messageOf(2)),
        appendOf(groupQueueOf('g/x', '#'), 0, messageOf(3)),
      ],
      [trim(groupQueueOf('g', 'x/#'), 0)],
    ),
  );

  law('a queue has gaps of any size', (subject) =>
    holds(
      subject,
      [
        put.session('a'),
        ...[3, 4, 250, 256, 65_535, 65_536, 4_294_967_295, 4_294_967_296, 2 ** 52].map((at, i) =>
          appendOf(q, at, messageOf(i)),
        ),
      ],
      [trim(q, 255)],
      [remove(q, 65_536), release(q, 4_294_967_296)],
      [trim(q, 4_294_967_295)],
    ),
  );

  law('a queue emptied by trim counts on, and begins at 0 again after a restart', async (subject) => {
    await subject.commit(...filled(5));
    await subject.commit(trim(q, 4));
    await subject.commit(appendOf(q, 5, messageOf(5)));
    await subject.commit(trim(q, 5));
    await subject.restart();
    await subject.commit(put.session('a'), appendOf(q, 0, messageOf(6)), appendOf(q, 1, messageOf(7)));
    await subject.verify();
    await subject.commit(trim(q, 1));
    await subject.crash();
    await holds(subject, [put.session('a'), appendOf(q, 0, messageOf(8))]);
  });

  law('entries below the first of a queue do not come back when their batch comes again', async (subject) => {
    await subject.commit(put.session('a'), appendOf(q, 0, messageOf(0)));
    await subject.commit(
      appendOf(q, 1, messageOf(1)),
      appendOf(q, 2, messageOf(2)),
      appendOf(q, 3, messageOf(3)),
      trim(q, 2),
    );
    await subject.again();
    await subject.verify();
    await subject.commit(
      remove(q, 3),
      appendOf(q, 4, messageOf(4)),
      appendOf(q, 5, messageOf(5)),
      remove(q, 4),
      release(q, 5),
    );
    await subject.again();
    await subject.verify();
  });
}

function pageLaws(law: Law): void {
  const q = queueOf('a');
  const sizes = [10, 10, 10, 500, 0, 10, 2000, 10, 10];
  const mixed: Change[] = [
    put.session('a'),
    ...sizes.map((size, i) => appendOf(q, i * 2, messageOf(i, { payload: payloadOf(size, i) }))),
  ];

  law('a page has no more entries than asked for, and as many as fit', async (subject) => {
    await subject.commit(...mixed);
    const problems: string[] = [];
    for (const maxEntries of [1, 2, 5, 8, 9, 10, 1000])
      problems.push(...(await pageProblems(subject, q, 0, maxEntries, 1e9)));
    report('pages bounded in count', problems);
  });

  law('a page has no more bytes than asked for, and as many entries as fit', async (subject) => {
    await subject.commit(...mixed);
    const problems: string[] = [];
    for (const maxBytes of [1, 9, 10, 11, 29, 30, 31, 530, 531, 3000, 100_000])
      problems.push(...(await pageProblems(subject, q, 0, 1000, maxBytes)));
    report('pages bounded in bytes', problems);
  });

  law('a page has at least one entry, however large, if there is one', async (subject) => {
    await subject.commit(...mixed, appendOf(q, 100, messageOf(50, { payload: payloadOf(MEBIBYTE) })));
    const problems: string[] = [];
    for (const from of [0, 6, 12, 17, 100]) problems.push(...(await pageProblems(subject, q, from, 10, 1)));
    report('pages with one entry too large', problems);
  });

  law(
    'a page begins at the first entry at or above `from`, in a gap, after removals and at the end',
    async (subject) => {
      await subject.commit(...mixed);
      await subject.commit(remove(q, 4), remove(q, 6), trim(q, 0), remove(q, 16));
      const problems: string[] = [];
      for (let from = 0; from <= 18; from++) problems.push(...(await pageProblems(subject, q, from, 3, 600)));
      problems.push(...(await pageProblems(subject, q, 2 ** 52, 3, 600)));
      report('where pages begin', problems);
    },
  );

  law('a queue that does not exist has an empty page, and so has one next to others', async (subject) => {
    await subject.commit(
      put.session('ab'),
      appendOf(queueOf('ab'), 0, messageOf(1)),
      put.session('a'),
      put.session(''.padEnd(3, 'b')),
    );
    const problems: string[] = [];
    for (const name of ['a', 'abc', 'b', 'A', 'ab/'])
      problems.push(...differences([], await subject.storage.readQueue(queueOf(name), seq(0), EVERYTHING), name));
    report('queues without entries', problems);
  });

  law('pages of a long queue, one after the other, give each entry once and in order', async (subject) => {
    const count = 1200;
    const perBatch = 300;
    for (let from = 0; from < count; from += perBatch) {
      await subject.commit(...Array.from({ length: perBatch }, (_, i) => appendOf(q, from + i, messageOf(from + i))));
    }
    const { entries, problems } = await readAll(subject.storage, q, { maxEntries: 170, maxBytes: 400 });
    problems.push(
      ...differences(
        Array.from({ length: count }, (_, i) => i),
        entries.map((entry) => entry.seq),
        'seqs',
      ),
    );
    report('a long queue', problems);
    await subject.verify();
  });

  law('a page stays as it was given when the queue changes afterwards', async (subject) => {
    await subject.commit(...mixed);
    const expected = subject.model.page(q, seq(0), EVERYTHING).map(comparable);
    const page = await subject.storage.readQueue(q, seq(0), EVERYTHING);
    await subject.commit(release(q, 0), remove(q, 2), trim(q, 6));
    report('a page given before', differences(expected, page.map(comparable), 'page'));
  });
}

async function pageProblems(
  subject: Subject,
  queue: QueueId,
  from: number,
  maxEntries: number,
  maxBytes: number,
): Promise<string[]> {
  const limit = { maxEntries, maxBytes };
  const page = await subject.storage.readQueue(queue, from as Seq, limit);
  const expected = subject.model.page(queue, from as Seq, limit);
  const path = `page from ${String(from)}, at most ${String(maxEntries)} entries and ${String(maxBytes)} bytes`;
  const seqs = differences(
    expected.map((entry) => entry.seq),
    page.map((entry) => entry.seq),
    `${path}: seqs`,
  );
  return seqs.length > 0 ? seqs : differences(expected.map(comparable), page.map(comparable), path);
}

function batchLaws(law: Law): void {
  const q = queueOf('a');

  law('changes of one batch apply in their order', (subject) =>
    holds(
      subject,
      [
        put.session('a'),
        put.subscription('a', 'old'),
        put.inbound('a', 1),
        appendOf(q, 0, messageOf(1)),
        appendOf(q, 1, messageOf(2)),
      ],
      [
        put.subscription('a', 'in vain'),
        drop.session('a'),
        put.session('a', { expiryIntervalS: 1 }),
        put.session('a', { expiryIntervalS: 2 }),
        put.subscription('a', 'new'),
        put.inbound('a', 2),
        appendOf(q, 0, messageOf(3)),
      ],
      [
        appendOf(q, 1, messageOf(4)),
        appendOf(q, 2, messageOf(5)),
        trim(q, 1),
        appendOf(q, 3, messageOf(6)),
        remove(q, 3),
        release(q, 2),
      ],
      [drop.queue(q), appendOf(q, 0, messageOf(7)), release(q, 0), appendOf(q, 1, messageOf(8)), remove(q, 1)],
      [
        put.retained(messageOf(9, { topic: 't' })),
        drop.retained('t'),
        put.retained(messageOf(10, { topic: 't' })),
        put.retained(messageOf(11, { topic: 't' })),
      ],
      [
        drop.retained('t'),
        put.will('a', messageOf(12)),
        drop.will('a'),
        put.inbound('a', 3),
        drop.inbound('a', 3),
        drop.inbound('a', 2),
        put.inbound('a', 2),
      ],
      [
        put.subscription('a', 'x'),
        drop.subscription('a', 'x'),
        drop.subscription('a', 'new'),
        put.subscription('a', 'new', { qos: 2 }),
      ],
      [put.session('b'), put.subscription('b', 'x'), appendOf(queueOf('b'), 0, messageOf(13)), drop.session('b')],
    ),
  );

  law('repeating the end of a history leaves everything as it was', async (subject) => {
    const history: Change[][] = [
      [put.session('a'), appendOf(q, 0, messageOf(1)), appendOf(q, 1, messageOf(2)), put.subscription('a', 'x')],
      [release(q, 0), put.inbound('a', 1), put.retained(messageOf(3, { topic: 't' }))],
      [trim(q, 0), drop.inbound('a', 1), drop.retained('t')],
      [drop.session('a'), put.session('a'), appendOf(q, 0, messageOf(4)), appendOf(q, 1, messageOf(5))],
      [remove(q, 0), drop.subscription('a', 'x'), put.will('a', messageOf(6))],
    ];
    for (const batch of history) await subject.commit(...batch);
    for (let from = 0; from < history.length; from++) {
      for (const batch of history.slice(from)) await subject.repeat(batch);
      await subject.verifyReads(
        `after repeating the history from batch ${String(from + 1)} of ${String(history.length)}`,
      );
    }
    await subject.verify();
  });

  law('a commit that has resolved can be read at once', async (subject) => {
    for (let i = 0; i < 20; i++) {
      await subject.commit(
        appendOf(q, i, messageOf(i * 2)),
        put.retained(messageOf(i * 2 + 1, { topic: 't', retain: true })),
        ...(i > 2 ? [trim(q, i - 3)] : []),
      );
      await subject.verifyReads(`after commit ${String(i + 1)}`);
    }
  });

  law('what was lent for a commit can be put to other use afterwards', async (subject) => {
    // Every commit of the kit overwrites payload chunks and empties the batch once it has settled; this one looks for the effect by name.
    await subject.commit(
      put.session('a'),
      put.will('a', messageOf(3)),
      appendOf(q, 0, messageOf(1, { payload: payloadOf(50) })),
      put.retained(messageOf(2, { topic: 't' })),
    );
    await subject.verify();
  });

  for (const size of [2, 60, 900]) {
    law(
      `a crash during a commit of ${String(size)} changes leaves all of the batch or nothing, and all of the batches before it`,
      async (subject) => {
        const before = [put.session('a'), put.session('b'), appendOf(q, 0, messageOf(0))];
        await subject.commit(...before);
        const batch = Array.from({ length: size }, (_, i) =>
          i === size - 1
            ? put.retained(messageOf(i + 1, { topic: 'last' }))
            : appendOf(queueOf(i % 2 === 0 ? 'a' : 'b'), i + 1, messageOf(i + 1)),
        );
        subject.know(batch);
        const resolved = await crashDuring(subject, batch);
        if (!subject.durable) return;
        const applied = (await subject.storage.readRetained([topic('last')])).length > 0;
        ensure(applied || !resolved, 'the commit had resolved when the crash came, and yet nothing of it is there');
        if (applied) subject.expected(batch);
        await subject.verifyReads('after a crash during a commit');
        await subject.crash();
        await subject.verifyReads('after one more crash');
      },
    );
  }

  law(
    `a crash during a commit of ${String(FAN_OUT)} changes, a message for as many queues, leaves all of the batch or nothing`,
    async (subject) => {
      await subject.commit(put.session('a'), appendOf(q, 0, messageOf(0)));
      const message = messageOf(1, { payload: payloadOf(2000) });
      const batch = Array.from({ length: FAN_OUT }, (_, i) => appendOf(queueOf(`c${String(i)}`), 0, message));
      const resolved = await crashDuring(subject, batch);
      if (!subject.durable) return;
      const queues = (await reloaded(subject)).filter((fact) => fact.kind === 'queue').length - 1;
      ensure(
        queues === 0 || queues === FAN_OUT,
        `after a crash during a commit, ${String(queues)} of ${String(FAN_OUT)} changes are there: all or none is promised`,
      );
      ensure(queues > 0 || !resolved, 'the commit had resolved when the crash came, and yet nothing of it is there');
      // What was cut off comes again.
      await subject.commit(...batch);
      await subject.again();
      const facts = (await reloaded(subject)).filter((fact) => fact.kind === 'queue');
      const bytes = facts.map((fact) => fact.bytes).filter((each) => each === 2000).length;
      report('a message for many queues', [
        ...differences(FAN_OUT + 1, facts.length, 'queues'),
        ...differences(FAN_OUT, bytes, 'queues with the message'),
      ]);
    },
  );

  law(
    'what was committed as `stored` or as `flushed`, in any order, is there after a crash of the process',
    async (subject) => {
      const message = messageOf(1);
      await subject.commitAs(
        'stored',
        put.session('a'),
        appendOf(q, 0, message),
        put.retained(messageOf(2, { topic: 't' })),
      );
      await subject.verify();
      await subject.commitAs('flushed', appendOf(q, 1, message), put.inbound('a', 1));
      await subject.commitAs('stored', trim(q, 0), drop.inbound('a', 1), put.inbound('a', 2));
      await subject.verifyReads('while running');
      await subject.verify();
      for (let i = 2; i < 30; i++)
        await subject.commitAs(i % 3 === 0 ? 'flushed' : 'stored', appendOf(q, i, messageOf(i)), trim(q, i - 2));
      await subject.verify();
    },
  );

  law('a batch sent again after a crash is applied once', async (subject) => {
    const batch = [
      put.session('a'),
      appendOf(q, 0, messageOf(1)),
      appendOf(q, 1, messageOf(2)),
      put.inbound('a', 1),
      trim(q, 0),
    ];
    await subject.commit(...batch);
    await subject.crash();
    await subject.commit(...batch);
    await subject.again();
    await subject.verify();
  });
}

/** Begins a commit and lets the process die at once, then starts again. @returns whether the commit had resolved before that. */
async function crashDuring(subject: Subject, batch: readonly Change[], durability?: Durability): Promise<boolean> {
  let hasResolved = false;
  subject.storage.commit(batch, durability).then(
    () => (hasResolved = true),
    () => undefined, // whether it was taken is what we are about to see
  );
  const storage = await subject.under.reopen();
  const resolved = hasResolved;
  const { durable } = subject;
  subject.storage = storage;
  await storage.open();
  await loadAll(storage);
  ensure(storage.traits.durable === durable, 'what a storage claims does not change from one opening to the next');
  return resolved;
}

/** The process dies and starts again. @returns what it finds. */
async function reloaded(subject: Subject): Promise<RestoredFact[]> {
  subject.storage = await subject.under.reopen();
  await subject.storage.open();
  return loadAll(subject.storage);
}

function failureLaws(law: Law): void {
  const q = queueOf('a');

  for (const how of ['before', 'after'] as const) {
    law(
      `a commit that failed ${how} its batch was stored is told as one that may come again, and counts once when it does`,
      async (subject) => {
        const { failNextCommit } = subject.under;
        if (failNextCommit === undefined) return;
        const shared = messageOf(1, { payload: payloadOf(3000) });
        await subject.commit(
          put.session('a'),
          put.session('b'),
          appendOf(q, 0, shared),
          appendOf(queueOf('b'), 0, shared),
          appendOf(q, 1, messageOf(2)),
        );
        const batch = [
          appendOf(groupQueueOf('g', 'x'), 0, shared),
          trim(q, 0),
          appendOf(q, 2, messageOf(3)),
          trim(queueOf('b'), 0),
          put.retained(messageOf(4, { topic: 't' })),
        ];
        subject.know(batch);
        failNextCommit(how);
        const { kind } = await rejection(subject.storage.commit(batch), 'a commit that failed');
        ensure(
          kind === 'unavailable' || kind === 'full',
          `a commit that failed for the moment must be rejected as unavailable or full, not as ${kind}: that would end the broker`,
        );
        if (how === 'after') subject.expected(batch);
        await subject.verifyReads('after the failure, before the batch came again');
        await subject.commit(...batch);
        await subject.verifyReads('after the batch came again');
        await subject.commit(appendOf(q, 3, messageOf(5)), trim(groupQueueOf('g', 'x'), 0));
        await subject.verify();
      },
    );

    law(
      `a crash after a commit that failed ${how} its batch was stored loses nothing that came before`,
      async (subject) => {
        const { failNextCommit } = subject.under;
        if (failNextCommit === undefined || !subject.durable) return;
        await subject.commit(put.session('a'), appendOf(q, 0, messageOf(1)));
        const batch = [appendOf(q, 1, messageOf(2)), trim(q, 0)];
        subject.know(batch);
        failNextCommit(how);
        await rejection(subject.storage.commit(batch), 'a commit that failed');
        if (how === 'after') subject.expected(batch);
        await subject.crash();
        await subject.verifyReads('after the crash');
        await subject.commit(...batch);
        await subject.verify();
      },
    );
  }
}

function contentLaws(law: Law): void {
  const perName = (name: string, i: number): Change[] => [
    put.session(name, { expiryIntervalS: i + 1 }),
    put.subscription(name, name, { identifier: i + 1 }),
    put.inbound(name, i + 1),
    put.will(name, messageOf(i * 3, { topic: name })),
    appendOf(queueOf(name), i, messageOf(i * 3 + 1, { topic: name, publisher: clientId(name) })),
    put.retained(messageOf(i * 3 + 2, { topic: name, retain: true })),
  ];
  const names = async (subject: Subject, all: readonly string[]): Promise<void> => {
    for (const [i, name] of all.entries()) await subject.commit(...perName(name, i));
    await subject.verify();
    for (const name of all.filter((_, i) => i % 2 === 0)) {
      await subject.commit(drop.session(name), drop.retained(name), drop.will(name));
    }
    await subject.verify();
  };

  law('names that are easily mixed up or cut off stay apart', (subject) => names(subject, AWKWARD_NAMES));

  law('names with every character up to U+00FF stay apart', (subject) => names(subject, NAMES_OF_EVERY_BYTE));

  law('a queue id of 131,080 bytes works', (subject) => {
    const long = groupQueueOf('g'.repeat(65_535), '#'.repeat(65_535 + 7));
    return holds(
      subject,
      [appendOf(long, 0, messageOf(1)), appendOf(`${long.slice(0, -1)}x` as QueueId, 0, messageOf(2))],
      [trim(long, 0)],
    );
  });

  law('every property of a message comes back, in its order', (subject) => {
    const message = messageOf(1, {
      properties: EVERY_PROPERTY,
      qos: 2,
      retain: true,
      expiresAtMs: 1_800_000_000_000,
      topic: 'p',
    });
    const bare = messageOf(2, { properties: {}, publisher: undefined, qos: 0, topic: 'q' });
    const falsy = messageOf(3, {
      properties: {
        payloadFormatIndicator: 0,
        contentType: '',
        correlationData: new Uint8Array(0),
        userProperties: [],
      },
      topic: 'r',
    });
    const batch = [message, bare, falsy].flatMap((each, i): Change[] => [
      appendOf(queueOf('a'), i, each),
      put.retained(each),
      put.will(`w${String(i)}`, each),
    ]);
    return holds(subject, [put.session('a'), ...batch]);
  });

  law('payloads of any bytes come back, from none to a mebibyte', async (subject) => {
    const everyByte = Uint8Array.from({ length: 256 }, (_, i) => i);
    const payloads = [
      payloadOf(0),
      everyByte,
      new Uint8Array(300),
      new Uint8Array(64).fill(0xff),
      payloadOf(65_536),
      payloadOf(MEBIBYTE),
    ];
    for (const [i, payload] of payloads.entries()) {
      const message = messageOf(i, { payload, topic: `t${String(i)}`, retain: true });
      await subject.commit(
        appendOf(queueOf('a'), i, message),
        put.retained(message),
        put.will(`w${String(i)}`, message),
      );
    }
    await subject.verify();
  });

  law('large numbers come back', (subject) => {
    const id = 2 ** 52 + 1;
    const message = { ...messageOf(id, { expiresAtMs: 2 ** 53 - 1, topic: 't' }), acceptedAtMs: 2 ** 48 + 1 };
    return holds(subject, [
      put.session('a', { expiryIntervalS: 4_294_967_295, disconnectedAtMs: 2 ** 48 + 3 }),
      appendOf(queueOf('a'), 2 ** 52 - 1, message),
      put.retained(message),
      put.will('a', message, { delayS: 4_294_967_295, dueAtMs: 2 ** 48 + 5 }),
    ]);
  });
}

function lifeLaws(law: Law): void {
  law('a store that was closed opens again with what it had', async (subject) => {
    await subject.commit(
      put.session('a'),
      appendOf(queueOf('a'), 0, messageOf(1)),
      put.retained(messageOf(2, { topic: 't' })),
    );
    await subject.restart();
    await subject.verifyReads('after closing and opening again');
    await subject.commit(put.session('b'), appendOf(queueOf('b'), 0, messageOf(3)));
    await subject.restart();
    await subject.verify();
  });

  law('after close every call is rejected with a StorageError that has a message', async (subject) => {
    const { storage } = subject;
    await subject.commit(put.session('a'));
    await storage.close();
    const rejections = {
      commit: await rejection(storage.commit([put.session('b')]), 'commit after close'),
      readQueue: await rejection(storage.readQueue(queueOf('a'), seq(0), EVERYTHING), 'readQueue after close'),
      readRetained: await rejection(storage.readRetained([topic('t')]), 'readRetained after close'),
      load: await rejection(loadAll(storage), 'load after close'),
    };
    const silent = Object.entries(rejections).filter(([, error]) => error.message === '');
    report(
      'an error says what is wrong',
      silent.map(([call]) => `${call} after close is rejected without a message`),
    );
    if (subject.durable) {
      await subject.crash();
      await subject.verifyReads('after a commit that was rejected because the storage was closed');
    }
  });

  law('load gives nothing that was dropped, and every fact once', async (subject) => {
    const q = queueOf('a');
    await subject.commit(
      put.session('a'),
      put.session('b'),
      put.subscription('a', 'x'),
      put.inbound('a', 1),
      put.will('a', messageOf(1)),
    );
    await subject.commit(appendOf(q, 0, messageOf(2)), put.retained(messageOf(3, { topic: 't' })));
    await subject.commit(
      trim(q, 0),
      drop.retained('t'),
      drop.inbound('a', 1),
      drop.subscription('a', 'x'),
      drop.will('a'),
      drop.session('b'),
    );
    await subject.verify();
    await subject.commit(put.session('a'), put.session('a'), put.subscription('a', 'x'));
    await subject.crash();
    await subject.restart();
  });

  law('the last message id is at least the highest stored and never above the highest there was', async (subject) => {
    const q = queueOf('a');
    await subject.commit(put.session('a'), appendOf(q, 0, messageOf(7)), appendOf(q, 1, messageOf(9)));
    await subject.verify();
    await subject.commit(put.retained(messageOf(12, { topic: 't' })), trim(q, 1));
    await subject.verify();
    await subject.commit(drop.retained('t'), appendOf(q, 2, messageOf(14)), release(q, 2));
    await subject.verify();
  });
}

function lookingLaws(law: Law): void {
  const q = queueOf('a');
  const everything: Change[] = [
    put.session('a'),
    put.session('b', { disconnectedAtMs: 1_700_000_000_123 }),
    put.subscription('a', 'x/#'),
    put.subscription('b', 'x'),
    put.inbound('a', 1),
    put.inbound('b', 2),
    put.will('b', messageOf(1)),
    ...Array.from({ length: 20 }, (_, i) => appendOf(q, i, messageOf(10 + i, { payload: payloadOf(i * 200) }))),
    ...Array.from({ length: 5 }, (_, i) =>
      appendOf(queueOf('b'), i * 3, messageOf(10 + i, { payload: payloadOf(i * 200) })),
    ),
    put.retained(messageOf(40, { topic: 't' })),
    put.retained(messageOf(41, { topic: 'u' })),
  ];
  const later: Change[] = [
    trim(q, 2),
    remove(q, 7),
    release(q, 9),
    appendOf(q, 20, messageOf(50)),
    release(q, 20),
    drop.session('b'),
    put.session('b', { expiryIntervalS: 5 }),
    put.subscription('b', 'y'),
    appendOf(queueOf('b'), 1, messageOf(51)),
    drop.retained('t'),
    put.retained(messageOf(52, { topic: 'v', payload: payloadOf(3000) })),
    put.will('b', messageOf(53), { dueAtMs: 1_700_000_000_000 }),
    drop.inbound('a', 1),
  ];

  law(
    'opened to be read after a crash, a store gives all that was committed, page by page, and takes nothing',
    async (subject) => {
      await subject.commit(...everything);
      await subject.commit(...later);
      if (!subject.durable) return;
      await subject.crashAndLook();
      await subject.verifyReads('opened to be read');
      const problems: string[] = [];
      for (const from of [0, 5, 9, 20]) problems.push(...(await pageProblems(subject, q, from, 3, 100_000)));
      report('pages of a store that was opened to be read', problems);
      const { kind } = await rejection(
        subject.storage.commit([put.session('c')]),
        'a commit to a store that was opened to be read',
      );
      ensure(
        kind === 'fenced',
        `a commit to a store that was opened to be read must be rejected as fenced, not as ${kind}`,
      );
      await subject.storage.close();
      await rejection(subject.storage.readQueue(q, seq(0), EVERYTHING), 'readQueue after close');
      await subject.crash();
      await subject.verifyReads('opened to be written after it was opened to be read');
    },
  );

  law('a store can be looked into again and again, and is as it was', async (subject) => {
    await subject.commit(...everything);
    if (!subject.durable) return;
    for (const how of ['close', 'crash', 'close'] as const) {
      await subject.crashAndLook();
      await subject.verifyReads('opened to be read again');
      if (how === 'close') await subject.storage.close();
    }
    await subject.crash();
    await subject.commit(...later);
    await subject.verify();
  });

  law(
    'whoever looks into a store does not take it from its writer, and sees one moment of it or nothing',
    async (subject) => {
      const { second } = subject.under;
      if (second === undefined || !subject.durable) return;
      await subject.commit(...everything);
      const writer = subject.storage;
      const reader = await second();
      const refused = await reader.openReadOnly().then(
        () => undefined,
        (error: unknown) => rejection(Promise.reject(error as Error), 'openReadOnly of a store that a writer has'),
      );
      if (refused === undefined) {
        const before = subject.model.page(q, seq(0), EVERYTHING).map(comparable);
        report(
          'a store that a writer has, opened to be read',
          differences(before, (await reader.readQueue(q, seq(0), EVERYTHING)).map(comparable), 'page'),
        );
        await subject.commit(...later);
        const page = await reader
          .readQueue(q, seq(0), EVERYTHING)
          .catch((error: unknown) => rejection(Promise.reject(error as Error), 'a read of a moment that is over'));
        if (page instanceof StorageError)
          ensure(
            page.kind === 'unavailable',
            `a read of a moment that is over must be rejected as unavailable, not as ${page.kind}`,
          );
        else report('a moment of a store', differences(before, page.map(comparable), 'page'));
        await reader.close();
      } else {
        ensure(
          refused.kind === 'fenced' || refused.kind === 'unavailable',
          `openReadOnly of a store that a writer has must be refused as fenced or unavailable, not as ${refused.kind}`,
        );
      }
      subject.storage = writer;
      await subject.commit(appendOf(q, 30, messageOf(60)));
      await subject.verifyReads('after somebody looked into the store');
      await subject.verify();
    },
  );
}

async function looksForNothing(factory: StorageFactory): Promise<void> {
  const under = await factory.create();
  try {
    ensure(
      !(await under.storage.openReadOnly()),
      'openReadOnly says that there is a store, and nobody has opened one yet',
    );
    await rejection(under.storage.readQueue(queueOf('a'), seq(0), EVERYTHING), 'a read where there is no store');
    const again = await under.reopen();
    ensure(!(await again.openReadOnly()), 'openReadOnly has made a store where there was none');
    const storage = await under.reopen();
    await storage.open();
    report('a store that was looked for before it was made', differences([], await loadAll(storage)));
    await storage.close();
  } finally {
    await under.dispose();
  }
}

function traitLaws(law: Law): void {
  law('traits say what they have to say', async (subject) => {
    const { durable, fencing, preferredBatchChanges } = subject.storage.traits;
    const problems: string[] = [];
    if (typeof durable !== 'boolean') problems.push(`durable is ${show(durable)}`);
    if (typeof fencing !== 'boolean') problems.push(`fencing is ${show(fencing)}`);
    if (!(preferredBatchChanges >= 1))
      problems.push(`preferredBatchChanges is ${show(preferredBatchChanges)}, at least 1 is needed`);
    report('traits', problems);
    await subject.verifyReads('in a new store');
  });

  law('durable is claimed where a crash loses nothing, and only there', async (subject) => {
    const batches = Array.from({ length: 50 }, (_, i): Change[] => [
      put.session(`client ${String(i)}`),
      appendOf(queueOf(`client ${String(i)}`), 0, messageOf(i * 2)),
      put.retained(messageOf(i * 2 + 1, { topic: `t${String(i)}` })),
    ]);
    const expected = batches.flat().filter((change) => change.kind === 'session.put');
    for (const batch of batches) await subject.commit(...batch);
    if (subject.durable) {
      await subject.verify();
      await subject.restart();
      return;
    }
    // The subject does not ask after what is not claimed, so the store is asked directly.
    const storage = await subject.under.reopen();
    subject.storage = storage;
    await storage.open();
    const found = (await loadAll(storage)).filter((fact: RestoredFact) => fact.kind === 'session');
    ensure(
      found.length < expected.length,
      'the adapter does not claim to be durable, but a crash lost nothing: it claims less than is true',
    );
  });

  law('fencing is claimed where there are never two writers, and only there', async (subject) => {
    const { second } = subject.under;
    const first = subject.storage;
    await subject.commit(put.session('a'), appendOf(queueOf('a'), 0, messageOf(1)));
    if (!first.traits.fencing) {
      // Without a second storage nobody but the adapter itself knows; it claims nothing, and nothing is found.
      if (second === undefined) return;
      const fenced = await isFenced(first, await second());
      ensure(!fenced, 'the adapter does not claim fencing, but keeps a second writer out: it claims less than is true');
      return;
    }
    ensure(
      second !== undefined,
      'fencing is claimed: the factory has to give a `second` storage on the same store to try it on',
    );
    const other = await second();
    const refusal = await other.open().then(
      () => undefined,
      (error: unknown) => rejection(Promise.reject(error as Error), 'opening a store that another has'),
    );
    if (refusal === undefined) {
      // The second has taken the store away from the first.
      const stale = [put.session('stale'), put.retained(messageOf(99, { topic: 'stale' }))];
      subject.storage = other;
      subject.know(stale);
      const facts = await loadAll(other);
      ensure(
        !subject.durable || facts.some(({ kind }) => kind === 'session'),
        'the second opener does not see what the first committed',
      );
      const { kind } = await rejection(first.commit(stale), 'a commit of the writer that lost the store');
      ensure(
        kind === 'fenced',
        `a commit of the writer that lost the store must be rejected as fenced, not as ${kind}`,
      );
    } else {
      ensure(
        refusal.kind === 'fenced',
        `opening a store that another has must be rejected as fenced, not as ${refusal.kind}`,
      );
    }
    await subject.commit(put.session('b'), appendOf(queueOf('a'), 1, messageOf(2)));
    await subject.verifyReads('after two writers met');
    await subject.restart();
    await subject.verifyReads('after two writers met and the store was opened again');
  });

  law('a batch larger than the adapter prefers is taken whole', async (subject) => {
    const message = messageOf(1, { payload: payloadOf(20) });
    await subject.commit(
      ...Array.from({ length: LARGE_BATCH }, (_, i) => appendOf(queueOf(`c${String(i % 7)}`), i, message)),
    );
    await subject.again();
    await subject.verify();
  });
}

/** Whether the second storage, or the first once the second is open, is kept from writing. */
async function isFenced(first: Storage, second: Storage): Promise<boolean> {
  try {
    await second.open();
    await loadAll(second);
    await first.commit([put.session('a')]);
    await second.close();
    return false;
  } catch (error) {
    if (error instanceof StorageError && error.kind === 'fenced') return true;
    throw error;
  }
}
