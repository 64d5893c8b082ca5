// Laws about snapshots, for adapters that have them: one moment, whole batches, and no effect on what is stored.
import type { Change } from '../../ports/index.js';
import { askOnlyIf } from '../asking.js';
import { differences, ensure, report } from '../compare.js';
import { NO_SNAPSHOT, NOT_DURABLE } from './law.js';
import type { Law } from './law.js';
import { collectLoaded } from './model.js';
import {
  appendOf,
  drop,
  groupQueueOf,
  messageOf,
  payloadOf,
  put,
  queueOf,
  release,
  remove,
  seq,
  trim,
} from './samples.js';
import { comparableEntry, loadAll, readAll, rejectionOf, snapshotOf } from './subject.js';
import type { Subject } from './subject.js';

const A = queueOf('a');
const B = queueOf('b');
const GROUP = groupQueueOf('g', 'x/#');
/** Larger than adapters keep with the entries, so that it is shared. */
const SHARED = messageOf(20, { payload: payloadOf(3000, 20), topic: 'shared' });

/** Everything that a store can hold. */
const EVERYTHING: readonly (readonly Change[])[] = [
  [
    put.session('a'),
    put.session('b', { disconnectedAtMs: 5 }),
    put.session('gone'),
    put.subscription('a', 'x/#'),
    put.subscription('a', 'y'),
    put.subscription('gone', 'x/#'),
    put.inbound('a', 7),
    put.inbound('gone', 8),
    put.will('a', messageOf(0, { payload: payloadOf(300, 3) })),
    put.will('b', messageOf(0)),
  ],
  Array.from({ length: 80 }, (_, i) => appendOf(A, i, messageOf(100 + i))),
  [appendOf(B, 0, SHARED), appendOf(GROUP, 0, SHARED), put.retained(SHARED), appendOf(queueOf('gone'), 0, SHARED)],
  [appendOf(B, 1, messageOf(300)), appendOf(B, 2, messageOf(301)), release(B, 2)],
  [put.retained(messageOf(302, { topic: 'r/1' })), put.retained(messageOf(303, { topic: 'r/2' }))],
];

/** Changes, replaces or removes all of it. */
const OVERTHROW: readonly (readonly Change[])[] = [
  [trim(A, 40), remove(A, 50), release(A, 60), appendOf(A, 80, messageOf(400))],
  [release(B, 0), remove(B, 1), trim(B, 2), appendOf(B, 3, SHARED)],
  [drop.queue(GROUP), drop.session('gone'), drop.subscription('a', 'y'), drop.inbound('a', 7), drop.will('b')],
  [put.session('a', { expiryIntervalS: 1 }), put.subscription('a', 'x/#', { qos: 2 }), put.inbound('a', 9)],
  [put.will('a', messageOf(0, { payload: payloadOf(9) })), put.retained(messageOf(401, { topic: 'r/1' }))],
  [drop.retained(messageOf(0, { topic: 'r/2' }).topic), drop.retained(SHARED.topic), put.session('new')],
  [appendOf(queueOf('new'), 0, messageOf(402)), appendOf(GROUP, 5, messageOf(403)), put.session('gone')],
  [trim(A, 80), drop.queue(B)],
];

async function commitAll(subject: Subject, batches: readonly (readonly Change[])[]): Promise<void> {
  for (const batch of batches) await subject.commit(...batch);
}

export function snapshotLaws(law: Law): void {
  law('a snapshot shows the store as it was, whatever is committed since', async (subject) => {
    await commitAll(subject, EVERYTHING);
    const snapshot = await subject.takeSnapshot();
    await snapshot.verify('at once');
    for (const [i, batch] of OVERTHROW.entries()) {
      await subject.commit(...batch);
      // An adapter may apply what it has committed only when it is read.
      await subject.verifyReads('while there is a snapshot');
      await snapshot.verify(`after ${String(i + 1)} batches more`);
    }
    await snapshot.close();
    await subject.verify();
  });

  law('a snapshot whose reading has begun is not disturbed by commits', async (subject) => {
    await commitAll(subject, EVERYTHING);
    const model = subject.model.copy();
    const snapshot = await snapshotOf(subject.storage);
    const facts = [];
    let next = 0;
    for await (const fact of snapshot.load()) {
      facts.push(fact);
      const batch = OVERTHROW[next++];
      if (batch !== undefined) await subject.commit(...batch);
    }
    const problems = differences(model.loaded(), collectLoaded(facts).state);
    for (const queue of [A, B, GROUP]) {
      const { entries } = await readAll(snapshot, queue, { maxEntries: 3, maxBytes: 10_000 });
      const expected = model.queue(queue).map(comparableEntry);
      problems.push(...differences(expected, entries.map(comparableEntry), `queue ${queue}`));
    }
    report('a snapshot that was read during commits', problems);
    await snapshot.close();
    await subject.verify();
  });

  law('a snapshot made during a commit shows all of it or nothing, and everything before it', async (subject) => {
    askOnlyIf(subject.storage.snapshot !== undefined, NO_SNAPSHOT);
    for (let round = 0; round < 8; round++) {
      const base = round * 100;
      await subject.commit(put.session(`s${String(round)}`), appendOf(A, base, messageOf(base)));
      const before = subject.model.copy();
      const batch = Array.from({ length: 60 }, (_, i) =>
        appendOf(i % 2 === 0 ? A : B, base + 1 + i, messageOf(base + 1 + i)),
      );
      const committed = subject.commit(...batch);
      // Its failure is reported where it is awaited, unless the snapshot fails first.
      committed.catch(() => undefined);
      for (let turn = 0; turn < round; turn++) await new Promise((resolve) => setImmediate(resolve));
      const snapshot = await snapshotOf(subject.storage);
      const facts = await loadAll(snapshot);
      await committed;
      const hasNothing = differences(before.loaded(), collectLoaded(facts).state);
      const hasAll = differences(subject.model.loaded(), collectLoaded(facts).state);
      if (hasNothing.length > 0) report('a snapshot made during a commit', hasAll);
      await snapshot.close();
    }
    await subject.verify();
  });

  law('a snapshot of an empty store is empty, and another one can follow', async (subject) => {
    for (let i = 0; i < 3; i++) {
      const snapshot = await subject.takeSnapshot();
      await subject.commit(put.session(`s${String(i)}`), appendOf(queueOf(`s${String(i)}`), 0, messageOf(i)));
      await snapshot.verify('before the first commit, or between two');
      await snapshot.close();
      await snapshot.close();
    }
    await subject.verify();
  });

  law('a snapshot that was closed refuses reads, and so does one whose storage was closed', async (subject) => {
    await commitAll(subject, EVERYTHING);
    const snapshot = await snapshotOf(subject.storage);
    await snapshot.close();
    await rejectionOf(loadAll(snapshot), 'loading a snapshot that was closed');
    await rejectionOf(snapshot.readQueue(A, seq(0), { maxEntries: 1, maxBytes: 1 }), 'reading a closed snapshot');
    const second = await snapshotOf(subject.storage);
    await subject.storage.close();
    await rejectionOf(loadAll(second), 'loading a snapshot of a storage that was closed');
    await rejectionOf(second.readRetained([SHARED.topic]), 'reading a snapshot of a storage that was closed');
    await second.close();
    await rejectionOf(snapshotOf(subject.storage), 'a snapshot of a storage that was closed');
  });

  law(
    'a crash while there is a snapshot loses nothing, and leaves nothing that hinders the next one',
    async (subject) => {
      await commitAll(subject, EVERYTHING);
      askOnlyIf(subject.durable, NOT_DURABLE);
      for (let i = 0; i < 2; i++) {
        const { snapshot } = await subject.takeSnapshot();
        for await (const fact of snapshot.load()) if (fact.kind !== 'session') break;
        await commitAll(subject, OVERTHROW.slice(i * 4, i * 4 + 4));
        await subject.crash();
        await subject.verifyReads('after a crash while there was a snapshot');
      }
      const after = await subject.takeSnapshot();
      await subject.commit(put.session('later'));
      await after.verify('after crashes');
      await after.close();
      await subject.verify();
    },
  );

  law('a snapshot that is made while a crash comes leaves the store whole', async (subject) => {
    askOnlyIf(subject.storage.snapshot !== undefined, NO_SNAPSHOT);
    await commitAll(subject, EVERYTHING);
    askOnlyIf(subject.durable, NOT_DURABLE);
    for (let turns = 0; turns < 6; turns++) {
      const made = snapshotOf(subject.storage).then(
        () => true,
        () => false,
      );
      for (let turn = 0; turn < turns * 3; turn++) await new Promise((resolve) => setImmediate(resolve));
      await subject.crash();
      await subject.verifyReads('after a crash while a snapshot was made');
      ensure(typeof (await made) === 'boolean', 'the call settles');
    }
    await subject.verify();
  });
}
