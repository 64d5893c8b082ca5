// Laws about traits: an adapter claims what is true of it, and neither more nor less.
import { StorageError } from '../../ports/index.js';
import type { Change, RestoredFact, Storage } from '../../ports/index.js';
import { askOnlyIf } from '../asking.js';
import { ensure, report, show } from '../compare.js';
import { NO_SECOND } from './law.js';
import type { Law } from './law.js';
import { appendOf, messageOf, payloadOf, put, queueOf } from './samples.js';
import { loadAll, rejectionOf } from './subject.js';

const LARGE_BATCH = 5000;

export function traitLaws(law: Law): void {
  law('traits have values of the right type and range', async (subject) => {
    const { durable, fencing, preferredBatchChanges } = subject.storage.traits;
    const problems: string[] = [];
    if (typeof durable !== 'boolean') problems.push(`durable is ${show(durable)}`);
    if (typeof fencing !== 'boolean') problems.push(`fencing is ${show(fencing)}`);
    if (!(preferredBatchChanges >= 1))
      problems.push(`preferredBatchChanges is ${show(preferredBatchChanges)}, at least 1 is needed`);
    report('traits', problems);
    await subject.verifyReads('in a new store');
  });

  law('durable is claimed if and only if a crash loses nothing', async (subject) => {
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
    // The subject does not check what is not claimed, so this law reads the store directly.
    const storage = await subject.under.reopen();
    subject.storage = storage;
    await subject.openReopened();
    const found = (await loadAll(storage)).filter((fact: RestoredFact) => fact.kind === 'session');
    ensure(
      found.length < expected.length,
      'the adapter does not claim to be durable, but a crash lost nothing: it claims less than is true',
    );
  });

  law('fencing is claimed if and only if there are never two writers', async (subject) => {
    const { second } = subject.under;
    const first = subject.storage;
    await subject.commit(put.session('a'), appendOf(queueOf('a'), 0, messageOf(1)));
    if (!first.traits.fencing) {
      askOnlyIf(second !== undefined, NO_SECOND);
      const fenced = await isFenced(first, await second());
      ensure(!fenced, 'the adapter does not claim fencing, but keeps a second writer out: it claims less than is true');
      return;
    }
    ensure(
      second !== undefined,
      'fencing is claimed: the factory has to provide `second`, a storage on the same store, to test it',
    );
    const other = await second();
    const refusal = await other.open().then(
      () => undefined,
      (error: unknown) => rejectionOf(Promise.reject(error as Error), 'opening a store that another has'),
    );
    if (refusal === undefined) {
      // The second storage has taken the store from the first.
      const stale = [put.session('stale'), put.retained(messageOf(99, { topic: 'stale' }))];
      subject.storage = other;
      subject.watch(stale);
      const facts = await loadAll(other);
      ensure(
        !subject.durable || facts.some(({ kind }) => kind === 'session'),
        'the second opener does not see what the first committed',
      );
      const { kind } = await rejectionOf(first.commit(stale), 'a commit of the writer that lost the store');
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

  law('a batch larger than the adapter prefers is committed as one', async (subject) => {
    const message = messageOf(1, { payload: payloadOf(20) });
    await subject.commit(
      ...Array.from({ length: LARGE_BATCH }, (_, i) => appendOf(queueOf(`c${String(i % 7)}`), i, message)),
    );
    await subject.repeatLast();
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
