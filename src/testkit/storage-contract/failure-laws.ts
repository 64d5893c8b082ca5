// Laws about a commit that fails for the moment: it may be repeated, and counts once.
import { askOnlyIf } from '../asking.js';
import { ensure } from '../compare.js';
import { NOT_DURABLE, NO_FAILURES } from './law.js';
import type { Law } from './law.js';
import { appendOf, groupQueueOf, messageOf, payloadOf, put, queueOf, trim } from './samples.js';
import { rejectionOf } from './subject.js';

export function failureLaws(law: Law): void {
  const q = queueOf('a');

  for (const how of ['before', 'after'] as const) {
    law(`a commit that failed ${how} its batch was stored may be sent again, and counts once`, async (subject) => {
      const { failNextCommit } = subject.under;
      askOnlyIf(failNextCommit !== undefined, NO_FAILURES);
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
      subject.watch(batch);
      failNextCommit(how);
      const { kind } = await rejectionOf(subject.storage.commit(batch), 'a commit that failed');
      ensure(
        kind === 'unavailable' || kind === 'full',
        `a commit that failed for the moment must be rejected as unavailable or full, not as ${kind}, ` +
          'which ends the broker',
      );
      if (how === 'after') subject.expect(batch);
      await subject.verifyReads('after the failure, before the batch came again');
      await subject.commit(...batch);
      await subject.verifyReads('after the batch came again');
      await subject.commit(appendOf(q, 3, messageOf(5)), trim(groupQueueOf('g', 'x'), 0));
      await subject.verify();
    });

    law(
      `a crash after a commit that failed ${how} its batch was stored loses none of the batches before it`,
      async (subject) => {
        const { failNextCommit } = subject.under;
        askOnlyIf(failNextCommit !== undefined, NO_FAILURES);
        askOnlyIf(subject.durable, NOT_DURABLE);
        await subject.commit(put.session('a'), appendOf(q, 0, messageOf(1)));
        const batch = [appendOf(q, 1, messageOf(2)), trim(q, 0)];
        subject.watch(batch);
        failNextCommit(how);
        await rejectionOf(subject.storage.commit(batch), 'a commit that failed');
        if (how === 'after') subject.expect(batch);
        await subject.crash();
        await subject.verifyReads('after the crash');
        await subject.commit(...batch);
        await subject.verify();
      },
    );
  }
}
