// Laws about opening, loading and closing.
import { report } from '../compare.js';
import { EVERYTHING } from './law.js';
import type { Law } from './law.js';
import { appendOf, drop, messageOf, put, queueOf, release, seq, topic, trim } from './samples.js';
import { loadAll, rejectionOf } from './subject.js';

export function lifeCycleLaws(law: Law): void {
  law('a store that was closed opens again with what was committed', async (subject) => {
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
      commit: await rejectionOf(storage.commit([put.session('b')]), 'commit after close'),
      readQueue: await rejectionOf(storage.readQueue(queueOf('a'), seq(0), EVERYTHING), 'readQueue after close'),
      readRetained: await rejectionOf(storage.readRetained([topic('t')]), 'readRetained after close'),
      load: await rejectionOf(loadAll(storage), 'load after close'),
    };
    const silent = Object.entries(rejections).filter(([, error]) => error.message === '');
    report(
      'every rejection has a message',
      silent.map(([call]) => `${call} after close is rejected without a message`),
    );
    if (subject.durable) {
      await subject.crash();
      await subject.verifyReads('after a commit that was rejected because the storage was closed');
    }
  });

  law('load yields every fact once, and nothing that was dropped', async (subject) => {
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
