// Laws about the entries of a queue: appended, trimmed, removed, released and dropped.
import type { Change } from '../../ports/index.js';
import { holdsWhenRepeated } from './law.js';
import type { Law } from './law.js';
import { appendOf, drop, groupQueueOf, messageOf, payloadOf, put, queueOf, release, remove, trim } from './samples.js';

export function queueLaws(law: Law): void {
  const q = queueOf('a');
  const filled = (count: number): Change[] => [
    put.session('a'),
    ...Array.from({ length: count }, (_, i) => appendOf(q, i, messageOf(i), { qos: i % 2 === 0 ? 1 : 2 })),
  ];

  law('entries come back as they were appended, with QoS, retain flag and subscription identifiers', (subject) =>
    holdsWhenRepeated(subject, [
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

  law('an append that is sent twice is one entry', async (subject) => {
    await subject.commit(...filled(3));
    await subject.repeatLast();
    await subject.commit(appendOf(q, 3, messageOf(3)));
    await subject.repeatLast();
    await subject.repeatLast();
    await subject.verify();
  });

  law('trim removes up to and including its seq and nothing above', (subject) =>
    holdsWhenRepeated(
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
    holdsWhenRepeated(
      subject,
      filled(8),
      [remove(q, 3)],
      [remove(q, 0), remove(q, 7)],
      [remove(q, 3), remove(q, 99)],
      [remove(q, 5), remove(q, 4)],
    ),
  );

  law('release marks that entry alone, which keeps its position', (subject) =>
    holdsWhenRepeated(
      subject,
      filled(5),
      [release(q, 1)],
      [release(q, 3), release(q, 1), release(q, 99)],
      [trim(q, 0), remove(q, 3)],
    ),
  );

  law('the bytes of a queue are those of the payloads still to be sent, without released entries', (subject) =>
    holdsWhenRepeated(
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
    holdsWhenRepeated(
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
    holdsWhenRepeated(
      subject,
      [
        appendOf(groupQueueOf('g', 'x/#'), 0, messageOf(1)),
        appendOf(groupQueueOf('g', 'x/#'), 1, messageOf(2)),
        appendOf(groupQueueOf('g/x', '#'), 0, messageOf(3)),
      ],
      [trim(groupQueueOf('g', 'x/#'), 0)],
    ),
  );

  law('a queue may have gaps of any size', (subject) =>
    holdsWhenRepeated(
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

  law('a queue emptied by trim goes on with the next seq, and starts at 0 again after a restart', async (subject) => {
    await subject.commit(...filled(5));
    await subject.commit(trim(q, 4));
    await subject.commit(appendOf(q, 5, messageOf(5)));
    await subject.commit(trim(q, 5));
    await subject.restart();
    await subject.commit(put.session('a'), appendOf(q, 0, messageOf(6)), appendOf(q, 1, messageOf(7)));
    await subject.verify();
    await subject.commit(trim(q, 1));
    await subject.crash();
    await holdsWhenRepeated(subject, [put.session('a'), appendOf(q, 0, messageOf(8))]);
  });

  law('entries below the first of a queue do not come back when their batch is sent again', async (subject) => {
    await subject.commit(put.session('a'), appendOf(q, 0, messageOf(0)));
    await subject.commit(
      appendOf(q, 1, messageOf(1)),
      appendOf(q, 2, messageOf(2)),
      appendOf(q, 3, messageOf(3)),
      trim(q, 2),
    );
    await subject.repeatLast();
    await subject.verify();
    await subject.commit(
      remove(q, 3),
      appendOf(q, 4, messageOf(4)),
      appendOf(q, 5, messageOf(5)),
      remove(q, 4),
      release(q, 5),
    );
    await subject.repeatLast();
    await subject.verify();
  });
}
