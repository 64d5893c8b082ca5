// Laws about a crash of the process: a batch is there completely or not at all, and what was committed is not lost.
import type { Change, Durability } from '../../ports/index.js';
import { askOnlyIf } from '../asking.js';
import { differences, ensure, report } from '../compare.js';
import { NOT_DURABLE, reopenAndLoad } from './law.js';
import type { Law } from './law.js';
import { appendOf, drop, messageOf, payloadOf, put, queueOf, topic, trim } from './samples.js';
import { loadAll } from './subject.js';
import type { Subject } from './subject.js';

/** Sessions that one message goes to. A step of the core is one batch, whatever size the adapter prefers. */
const FAN_OUT = 20_000;

export function crashLaws(law: Law): void {
  const q = queueOf('a');

  for (const size of [2, 60, 900]) {
    law(
      `a crash during a commit of ${String(size)} changes stores all of it or nothing, and keeps the batches before it`,
      async (subject) => {
        const before = [put.session('a'), put.session('b'), appendOf(q, 0, messageOf(0))];
        await subject.commit(...before);
        const batch = Array.from({ length: size }, (_, i) =>
          i === size - 1
            ? put.retained(messageOf(i + 1, { topic: 'last' }))
            : appendOf(queueOf(i % 2 === 0 ? 'a' : 'b'), i + 1, messageOf(i + 1)),
        );
        subject.watch(batch);
        const resolved = await crashDuring(subject, batch);
        askOnlyIf(subject.durable, NOT_DURABLE);
        const applied = (await subject.storage.readRetained([topic('last')])).length > 0;
        ensure(applied || !resolved, 'the commit had resolved before the crash, but nothing of it is stored');
        if (applied) subject.expect(batch);
        await subject.verifyReads('after a crash during a commit');
        await subject.crash();
        await subject.verifyReads('after one more crash');
      },
    );
  }

  law(
    `a crash during a commit of ${String(FAN_OUT)} changes, a message for as many queues, stores all of it or nothing`,
    async (subject) => {
      await subject.commit(put.session('a'), appendOf(q, 0, messageOf(0)));
      const message = messageOf(1, { payload: payloadOf(2000) });
      const batch = Array.from({ length: FAN_OUT }, (_, i) => appendOf(queueOf(`c${String(i)}`), 0, message));
      const resolved = await crashDuring(subject, batch);
      askOnlyIf(subject.durable, NOT_DURABLE);
      const queues = (await reopenAndLoad(subject)).filter((fact) => fact.kind === 'queue').length - 1;
      ensure(
        queues === 0 || queues === FAN_OUT,
        `after a crash, ${String(queues)} of ${String(FAN_OUT)} changes of a batch are there: all or none is promised`,
      );
      ensure(queues > 0 || !resolved, 'the commit had resolved before the crash, but nothing of it is stored');
      // The shell sends the batch again.
      await subject.commit(...batch);
      await subject.repeatLast();
      const facts = (await reopenAndLoad(subject)).filter((fact) => fact.kind === 'queue');
      const bytes = facts.map((fact) => fact.bytes).filter((each) => each === 2000).length;
      report('a message for many queues', [
        ...differences(FAN_OUT + 1, facts.length, 'queues'),
        ...differences(FAN_OUT, bytes, 'queues with the message'),
      ]);
    },
  );

  law(
    'a commit is there after a crash of the process, whether it was `stored` or `flushed`, in any order',
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
    await subject.repeatLast();
    await subject.verify();
  });
}

/** Starts a commit, and crashes and restarts at once. @returns whether the commit had resolved before the crash. */
async function crashDuring(subject: Subject, batch: readonly Change[], durability?: Durability): Promise<boolean> {
  let hasResolved = false;
  subject.storage.commit(batch, durability).then(
    () => (hasResolved = true),
    () => undefined, // the reads after the crash tell whether it was stored
  );
  const storage = await subject.under.reopen();
  const resolved = hasResolved;
  const { durable } = subject;
  subject.storage = storage;
  await subject.openReopened();
  await loadAll(storage);
  ensure(storage.traits.durable === durable, 'traits must not change from one opening to the next');
  return resolved;
}
