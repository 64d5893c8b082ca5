// Laws about a batch: applied in order, idempotent, readable at once, and copied from memory that belongs to the
// caller.
import type { Change } from '../../ports/index.js';
import { holdsWhenRepeated } from './law.js';
import type { Law } from './law.js';
import { appendOf, drop, messageOf, payloadOf, put, queueOf, release, remove, trim } from './samples.js';

export function batchLaws(law: Law): void {
  const q = queueOf('a');

  law('changes of one batch apply in their order', (subject) =>
    holdsWhenRepeated(
      subject,
      [
        put.session('a'),
        put.subscription('a', 'old'),
        put.inbound('a', 1),
        appendOf(q, 0, messageOf(1)),
        appendOf(q, 1, messageOf(2)),
      ],
      [
        put.subscription('a', 'overtaken'),
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

  law('repeating the last batches of a history, in order, changes nothing', async (subject) => {
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

  law('memory that was passed to a commit can be reused once the commit has settled', async (subject) => {
    // Every commit of the kit overwrites its payloads and empties the batch once it has settled; this law names the
    // effect.
    await subject.commit(
      put.session('a'),
      put.will('a', messageOf(3)),
      appendOf(q, 0, messageOf(1, { payload: payloadOf(50) })),
      put.retained(messageOf(2, { topic: 't' })),
    );
    await subject.verify();
  });
}
