// Laws about the pages in which a queue is read.
import type { Change } from '../../ports/index.js';
import { differences, report } from '../compare.js';
import { EVERYTHING, MEBIBYTE, pageProblems } from './law.js';
import type { Law } from './law.js';
import { appendOf, messageOf, payloadOf, put, queueOf, release, remove, seq, trim } from './samples.js';
import { comparableEntry, readAll } from './subject.js';

export function pageLaws(law: Law): void {
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

  law('a queue that does not exist has an empty page, also next to queues with similar names', async (subject) => {
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

  law('pages of a long queue, read one after the other, have each entry once and in order', async (subject) => {
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

  law('a page that was returned does not change when the queue does', async (subject) => {
    await subject.commit(...mixed);
    const expected = subject.model.page(q, seq(0), EVERYTHING).map(comparableEntry);
    const page = await subject.storage.readQueue(q, seq(0), EVERYTHING);
    await subject.commit(release(q, 0), remove(q, 2), trim(q, 6));
    report('a page given before', differences(expected, page.map(comparableEntry), 'page'));
  });
}
