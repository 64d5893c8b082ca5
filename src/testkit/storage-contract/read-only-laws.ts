// Laws about `openReadOnly`: it shows what was committed, makes and changes nothing, and takes nothing from a writer.
import { StorageError } from '../../ports/index.js';
import type { Change } from '../../ports/index.js';
import { askOnlyIf, thenDisposed } from '../asking.js';
import { differences, ensure, report } from '../compare.js';
import { EVERYTHING, NOT_DURABLE, NO_SECOND, pageProblems } from './law.js';
import type { Law } from './law.js';
import { appendOf, drop, messageOf, payloadOf, put, queueOf, release, remove, seq, trim } from './samples.js';
import { comparableEntry, loadAll, rejectionOf } from './subject.js';
import type { StorageFactory } from './subject.js';

export function readOnlyLaws(law: Law): void {
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
    'a store opened read-only after a crash has all that was committed, page by page, and refuses commits',
    async (subject) => {
      await subject.commit(...everything);
      await subject.commit(...later);
      askOnlyIf(subject.durable, NOT_DURABLE);
      await subject.crashAndOpenReadOnly();
      await subject.verifyReads('opened read-only');
      const problems: string[] = [];
      for (const from of [0, 5, 9, 20]) problems.push(...(await pageProblems(subject, q, from, 3, 100_000)));
      report('pages of a store that was opened read-only', problems);
      const { kind } = await rejectionOf(
        subject.storage.commit([put.session('c')]),
        'a commit to a store that was opened read-only',
      );
      ensure(
        kind === 'fenced',
        `a commit to a store that was opened read-only must be rejected as fenced, not as ${kind}`,
      );
      await subject.storage.close();
      await rejectionOf(subject.storage.readQueue(q, seq(0), EVERYTHING), 'readQueue after close');
      await subject.crash();
      await subject.verifyReads('opened for writing after it was opened read-only');
    },
  );

  law('a store can be opened read-only any number of times, and does not change', async (subject) => {
    await subject.commit(...everything);
    askOnlyIf(subject.durable, NOT_DURABLE);
    for (const how of ['close', 'crash', 'close'] as const) {
      await subject.crashAndOpenReadOnly();
      await subject.verifyReads('opened read-only again');
      if (how === 'close') await subject.storage.close();
    }
    await subject.crash();
    await subject.commit(...later);
    await subject.verify();
  });

  law(
    'opening a store read-only leaves it to its writer, and reads one moment of it or is refused',
    async (subject) => {
      const { second } = subject.under;
      askOnlyIf(second !== undefined, NO_SECOND);
      askOnlyIf(subject.durable, NOT_DURABLE);
      await subject.commit(...everything);
      const writer = subject.storage;
      const reader = await second();
      const refused = await reader.openReadOnly().then(
        () => undefined,
        (error: unknown) => rejectionOf(Promise.reject(error as Error), 'openReadOnly of a store that a writer has'),
      );
      if (refused === undefined) {
        const before = subject.model.page(q, seq(0), EVERYTHING).map(comparableEntry);
        report(
          'a store that a writer has, opened read-only',
          differences(before, (await reader.readQueue(q, seq(0), EVERYTHING)).map(comparableEntry), 'page'),
        );
        await subject.commit(...later);
        const page = await reader
          .readQueue(q, seq(0), EVERYTHING)
          .catch((error: unknown) =>
            rejectionOf(Promise.reject(error as Error), 'a read of a snapshot that has expired'),
          );
        if (page instanceof StorageError)
          ensure(
            page.kind === 'unavailable',
            `a read of a snapshot that has expired must be rejected as unavailable, not as ${page.kind}`,
          );
        else report('a snapshot of a store', differences(before, page.map(comparableEntry), 'page'));
        await reader.close();
      } else {
        ensure(
          refused.kind === 'fenced' || refused.kind === 'unavailable',
          `openReadOnly of a store that a writer has must be refused as fenced or unavailable, not as ${refused.kind}`,
        );
      }
      subject.storage = writer;
      await subject.commit(appendOf(q, 30, messageOf(60)));
      await subject.verifyReads('after another storage opened the store read-only');
      await subject.verify();
    },
  );
}

export async function findsNoStore(factory: StorageFactory): Promise<void> {
  const under = await factory.create();
  await thenDisposed(
    () => under.dispose(),
    async () => {
      ensure(!(await under.storage.openReadOnly()), 'openReadOnly reports a store, but none was ever opened');
      await rejectionOf(under.storage.readQueue(queueOf('a'), seq(0), EVERYTHING), 'a read where there is no store');
      const again = await under.reopen();
      ensure(!(await again.openReadOnly()), 'openReadOnly made a store where there was none');
      const storage = await under.reopen();
      await storage.open();
      report('a store that was opened read-only before it existed', differences([], await loadAll(storage)));
      await storage.close();
    },
  );
}
