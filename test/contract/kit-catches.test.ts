// Tests of the contract: adapters with one defect each, and the laws of the storage contract that find them out.
import { describe, expect, test } from '@jest/globals';
import { StorageError, UserProperties } from 'hexmq/ports';
import type {
  Change,
  ClientId,
  Durability,
  Message,
  PageLimit,
  QueueId,
  RestoredFact,
  Seq,
  StorageTraits,
  StoredEntry,
  TopicName,
} from 'hexmq/ports';
import { ContractViolation } from 'hexmq/testkit';
import { MemoryStorage } from '../../adapters/storage/memory/index.js';
import type { MemoryStore } from '../../adapters/storage/memory/index.js';
import { failuresOf, Sound } from './broken-storage.js';
import type { SoundClass } from './broken-storage.js';

/** Slow laws, which run only where one of them is expected to fail. */
const SLOW =
  /20000|easily confused|U\+00FF|mebibyte|131,080|committed as one|in each of these places|however large|once and in order|900 changes|model/;
const MODEL = 'a random history';

/** Runs the kit on an adapter, without the slow laws that are not expected to fail. */
const failures = (Broken: SoundClass, expected: readonly string[]): Promise<Map<string, Error>> =>
  failuresOf(Broken, (law) => expected.length === 0 || expected.some((part) => law.includes(part)) || !SLOW.test(law));

const withoutKind = (kind: Change['kind']): SoundClass =>
  class extends Sound {
    override commit(batch: readonly Change[]): Promise<void> {
      return super.commit(batch.filter((change) => change.kind !== kind));
    }
  };

const mapChanges = (each: (change: Change) => readonly Change[]): SoundClass =>
  class extends Sound {
    override commit(batch: readonly Change[]): Promise<void> {
      return super.commit(batch.flatMap(each));
    }
  };

/** An adapter that writes its text in an encoding that is not its own inverse, or not one to one. */
const spelled = (spell: (text: string) => string): SoundClass =>
  mapChanges((change) => [
    change.kind === 'session.put'
      ? { ...change, session: { ...change.session, clientId: spell(change.session.clientId) as ClientId } }
      : change,
  ]);

const mapMessages = (each: (message: Message) => Message): SoundClass =>
  mapChanges((change) => [
    change.kind === 'queue.append' || change.kind === 'retained.put'
      ? { ...change, message: each(change.message) }
      : change,
  ]);

const claiming = (claims: Partial<StorageTraits>): SoundClass =>
  class extends Sound {
    override get traits(): StorageTraits {
      return { ...super.traits, ...claims };
    }
  };

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

interface Case {
  readonly wrong: string;
  readonly Broken: SoundClass;
  /** Parts of the names of laws that have to fail; others may. */
  readonly caughtBy: readonly string[];
  /** Text that one of the errors has to contain. */
  readonly says?: string;
}

const CASES: readonly Case[] = [
  {
    wrong: 'forgets trims',
    Broken: withoutKind('queue.trim'),
    caughtBy: ['trim removes', 'a queue emptied by trim', MODEL],
  },
  {
    wrong: 'forgets releases',
    Broken: withoutKind('queue.release'),
    caughtBy: ['release marks that entry alone', MODEL],
  },
  { wrong: 'forgets inbound ids', Broken: withoutKind('inbound.put'), caughtBy: ['inbound packet ids', MODEL] },
  { wrong: 'forgets to drop wills', Broken: withoutKind('will.drop'), caughtBy: ['wills are put', MODEL] },
  { wrong: 'forgets to drop queues', Broken: withoutKind('queue.drop'), caughtBy: ['dropping a queue', MODEL] },
  {
    wrong: 'trims one short',
    Broken: mapChanges((change) => [
      change.kind === 'queue.trim' ? { ...change, through: (change.through - 1) as Seq } : change,
    ]),
    caughtBy: ['trim removes', MODEL],
    says: 'through',
  },
  {
    wrong: 'forgets what was sent to a session',
    Broken: mapChanges((change) => [
      change.kind === 'session.put' ? { ...change, session: { ...change.session, sentBelow: undefined } } : change,
    ]),
    caughtBy: ['a session comes back with the marks'],
    says: 'sentBelow',
  },
  {
    wrong: 'removes released entries',
    Broken: mapChanges((change) => [change.kind === 'queue.release' ? { ...change, kind: 'queue.remove' } : change]),
    caughtBy: ['release marks that entry alone', MODEL],
  },
  {
    wrong: 'drops the will with the session',
    Broken: mapChanges((change) =>
      change.kind === 'session.drop' ? [change, { kind: 'will.drop', clientId: change.clientId }] : [change],
    ),
    caughtBy: ['dropping a session drops'],
  },
  {
    wrong: 'leaves the queue behind when a session is dropped',
    Broken: class LeavesQueue extends Sound {
      override async commit(batch: readonly Change[]): Promise<void> {
        for (const change of batch) {
          const queue = change.kind === 'session.drop' ? change.queue : undefined;
          const left =
            queue === undefined ? [] : await this.inner.readQueue(queue, 0 as Seq, { maxEntries: 1e6, maxBytes: 1e9 });
          const back = left.map((entry): Change => ({
            kind: 'queue.append',
            queue: queue as QueueId,
            ...entry,
          }));
          await super.commit([change, ...back]);
        }
      }
    },
    caughtBy: ['dropping a session drops', 'after it was dropped starts empty'],
  },
  {
    wrong: 'drops sessions by prefix',
    Broken: class DropsByPrefix extends Sound {
      static readonly seen = new Set<ClientId>();

      override commit(batch: readonly Change[]): Promise<void> {
        const { seen } = DropsByPrefix;
        for (const change of batch) if (change.kind === 'session.put') seen.add(change.session.clientId);
        return super.commit(
          batch.flatMap((change): Change[] =>
            change.kind === 'session.drop'
              ? [...seen].filter((id) => id.startsWith(change.clientId)).map((clientId) => ({ ...change, clientId }))
              : [change],
          ),
        );
      }
    },
    caughtBy: ['dropping a session drops', MODEL],
  },
  {
    wrong: 'appends an entry twice if its batch is repeated',
    Broken: class AppendsTwice extends Sound {
      readonly twice: { queue: QueueId; entry: StoredEntry }[] = [];

      override async commit(batch: readonly Change[]): Promise<void> {
        for (const change of batch) {
          if (change.kind !== 'queue.append') continue;
          const [entry] = await this.inner.readQueue(change.queue, change.seq, { maxEntries: 1, maxBytes: 1 });
          if (entry?.seq === change.seq) this.twice.push({ queue: change.queue, entry });
        }
        await super.commit(batch);
      }

      override async readQueue(queue: QueueId, from: Seq, limit: PageLimit): Promise<readonly StoredEntry[]> {
        const page = await super.readQueue(queue, from, limit);
        return page.flatMap((entry) => [
          entry,
          ...this.twice
            .filter((other) => other.queue === queue && other.entry.seq === entry.seq)
            .map((other) => other.entry),
        ]);
      }
    },
    caughtBy: ['an append that is sent twice'],
  },
  {
    wrong: 'applies a batch in two parts',
    Broken: class Halves extends Sound {
      override async commit(batch: readonly Change[]): Promise<void> {
        const half = Math.ceil(batch.length / 2);
        const second = batch.slice(half);
        await super.commit(batch.slice(0, half));
        await turn();
        if (!this.dead) await super.commit(second);
      }
    },
    caughtBy: ['a crash during a commit of 60 changes'],
  },
  {
    wrong: 'applies a large batch in two parts',
    Broken: class LargeHalves extends Sound {
      override async commit(batch: readonly Change[]): Promise<void> {
        const first = batch.slice(0, 4096);
        const rest = batch.slice(4096);
        await super.commit(first);
        if (rest.length === 0) return;
        await turn();
        if (!this.dead) await super.commit(rest);
      }
    },
    caughtBy: ['a crash during a commit of 20000 changes'],
    says: '4096 of 20000',
  },
  {
    wrong: 'keeps batches that need no flush in its own memory',
    Broken: class Lazy extends Sound {
      readonly unwritten: Change[] = [];

      override async commit(batch: readonly Change[], durability: Durability = 'flushed'): Promise<void> {
        this.unwritten.push(...batch);
        if (durability === 'flushed') await super.commit(this.unwritten.splice(0));
      }
    },
    caughtBy: ['whether it was `stored` or `flushed`'],
  },
  {
    wrong: 'resolves a commit that failed',
    Broken: class Optimist extends Sound {
      override commit(batch: readonly Change[]): Promise<void> {
        return super.commit(batch).catch(() => undefined);
      }
    },
    caughtBy: [
      'a commit that failed before its batch',
      'a commit that failed after its batch',
      'a crash after a commit that failed before',
    ],
    says: 'must be rejected, but resolved',
  },
  {
    wrong: 'reports a temporary failure as permanent',
    Broken: class Pessimist extends Sound {
      override async commit(batch: readonly Change[]): Promise<void> {
        const isFailing = this.failing !== undefined;
        try {
          await super.commit(batch);
        } catch (error) {
          throw isFailing ? new StorageError('corrupt', 'all is lost', { cause: error }) : error;
        }
      }
    },
    caughtBy: ['a commit that failed before its batch', 'a commit that failed after its batch'],
    says: 'not as corrupt',
  },
  {
    wrong: 'keeps a part of a batch that failed',
    Broken: class HalfFailed extends Sound {
      override async commit(batch: readonly Change[]): Promise<void> {
        if (this.failing === 'before') await this.inner.commit(batch.slice(0, 1));
        await super.commit(batch);
      }
    },
    caughtBy: ['a commit that failed before its batch', 'a crash after a commit that failed before'],
  },
  {
    wrong: 'treats a failed batch as stored',
    Broken: class Believer extends Sound {
      readonly believed = new Set<string>();

      override async commit(batch: readonly Change[]): Promise<void> {
        const appends = batch.flatMap((change) =>
          change.kind === 'queue.append' ? [`${change.queue} ${String(change.seq)}`] : [],
        );
        const isFailing = this.failing !== undefined;
        await super
          .commit(
            isFailing
              ? batch
              : batch.filter(
                  (change) =>
                    change.kind !== 'queue.append' || !this.believed.has(`${change.queue} ${String(change.seq)}`),
                ),
          )
          .catch((error: unknown) => {
            for (const each of appends) this.believed.add(each);
            throw error;
          });
      }
    },
    caughtBy: ['a commit that failed before its batch'],
  },
  {
    wrong: 'resolves before it has applied',
    Broken: class Early extends Sound {
      pending: Promise<void> = Promise.resolve();

      override commit(batch: readonly Change[]): Promise<void> {
        const copy = [...batch];
        this.pending = turn().then(() => (this.dead ? undefined : this.inner.commit(copy)));
        this.pending.catch(() => undefined);
        return Promise.resolve();
      }
    },
    caughtBy: ['can be read at once', 'durable is claimed'],
  },
  {
    wrong: 'sorts a batch by kind',
    Broken: class Sorts extends Sound {
      override commit(batch: readonly Change[]): Promise<void> {
        return super.commit([...batch].sort((a, b) => (a.kind < b.kind ? -1 : a.kind > b.kind ? 1 : 0)));
      }
    },
    caughtBy: ['apply in their order', MODEL],
  },
  {
    wrong: 'remembers the highest seq of an emptied queue without end',
    Broken: class Watermarks extends Sound {
      override async readQueue(queue: QueueId, from: Seq, limit: PageLimit): Promise<readonly StoredEntry[]> {
        const first = Math.max(from, Watermarks.trimmed.get(this.store)?.get(queue) ?? 0) as Seq;
        return super.readQueue(queue, first, limit);
      }

      override commit(batch: readonly Change[]): Promise<void> {
        const ofStore = Watermarks.trimmed.get(this.store) ?? new Map<QueueId, number>();
        Watermarks.trimmed.set(this.store, ofStore);
        for (const change of batch) if (change.kind === 'queue.trim') ofStore.set(change.queue, change.through + 1);
        return super.commit(batch);
      }

      static readonly trimmed = new WeakMap<MemoryStore, Map<QueueId, number>>();
    },
    caughtBy: ['starts at 0 again after a restart'],
  },
  {
    wrong: 'returns an empty page if the first entry is too large',
    Broken: class EmptyPages extends Sound {
      override async readQueue(queue: QueueId, from: Seq, limit: PageLimit): Promise<readonly StoredEntry[]> {
        const page = await super.readQueue(queue, from, limit);
        return page.length === 1 && (page[0] as StoredEntry).message.payload.byteLength > limit.maxBytes ? [] : page;
      }
    },
    caughtBy: ['at least one entry, however large'],
  },
  {
    wrong: 'does not bound pages in bytes',
    Broken: class FatPages extends Sound {
      override readQueue(queue: QueueId, from: Seq, limit: PageLimit): Promise<readonly StoredEntry[]> {
        return super.readQueue(queue, from, { ...limit, maxBytes: Number.MAX_SAFE_INTEGER });
      }
    },
    caughtBy: ['no more bytes than asked for'],
  },
  {
    wrong: 'returns half of the entries that fit',
    Broken: class ThinPages extends Sound {
      override readQueue(queue: QueueId, from: Seq, limit: PageLimit): Promise<readonly StoredEntry[]> {
        return super.readQueue(queue, from, { ...limit, maxEntries: Math.ceil(limit.maxEntries / 2) });
      }
    },
    caughtBy: ['no more entries than asked for, and as many as fit'],
  },
  {
    wrong: 'starts a page behind `from`',
    Broken: class Behind extends Sound {
      override readQueue(queue: QueueId, from: Seq, limit: PageLimit): Promise<readonly StoredEntry[]> {
        return super.readQueue(queue, Math.max(0, from - 1) as Seq, limit);
      }
    },
    caughtBy: ['begins at the first entry at or above', 'each entry once and in order'],
  },
  {
    wrong: 'returns pages in the wrong order',
    Broken: class Backwards extends Sound {
      override async readQueue(queue: QueueId, from: Seq, limit: PageLimit): Promise<readonly StoredEntry[]> {
        return [...(await super.readQueue(queue, from, limit))].reverse();
      }
    },
    caughtBy: ['no more entries than asked for', 'each entry once and in order'],
  },
  {
    wrong: 'orders seqs as text',
    Broken: class AsText extends Sound {
      override async readQueue(queue: QueueId, from: Seq, limit: PageLimit): Promise<readonly StoredEntry[]> {
        return [...(await super.readQueue(queue, from, limit))].sort((a, b) =>
          String(a.seq) < String(b.seq) ? -1 : 1,
        );
      }
    },
    caughtBy: ['a queue may have gaps of any size'],
  },
  {
    wrong: 'reads a retained message that was replaced',
    Broken: class Stale extends Sound {
      readonly cache = new Map<TopicName, Message>();

      override async readRetained(topics: readonly TopicName[]): Promise<readonly Message[]> {
        for (const message of await super.readRetained(topics))
          if (!this.cache.has(message.topic)) this.cache.set(message.topic, message);
        return topics.flatMap((topic) => this.cache.get(topic) ?? []);
      }
    },
    caughtBy: ['retained messages are put, replaced and dropped', MODEL],
  },
  {
    wrong: 'returns retained messages in an order of its own',
    Broken: class OwnOrder extends Sound {
      override async readRetained(topics: readonly TopicName[]): Promise<readonly Message[]> {
        return [...(await super.readRetained(topics))].sort((a, b) => a.id - b.id);
      }
    },
    caughtBy: ['in the order of the topics'],
  },
  {
    wrong: 'keeps payloads without copying them',
    Broken: class Borrows extends Sound {
      static readonly borrowed = new WeakMap<MemoryStore, Map<number, Uint8Array>>();

      override commit(batch: readonly Change[]): Promise<void> {
        const borrowed = Borrows.borrowed.get(this.store) ?? new Map<number, Uint8Array>();
        Borrows.borrowed.set(this.store, borrowed);
        for (const change of batch)
          if (change.kind === 'queue.append') borrowed.set(change.message.id, change.message.payload);
        return super.commit(batch);
      }

      override async readQueue(queue: QueueId, from: Seq, limit: PageLimit): Promise<readonly StoredEntry[]> {
        const page = await super.readQueue(queue, from, limit);
        const borrowed = Borrows.borrowed.get(this.store);
        return page.map((entry) => ({
          ...entry,
          message: { ...entry.message, payload: borrowed?.get(entry.message.id) ?? entry.message.payload },
        }));
      }
    },
    caughtBy: ['can be reused once the commit has settled', MODEL],
  },
  {
    wrong: 'strips a byte order mark',
    Broken: spelled((text) => text.replace(/^\ufeff/, '')),
    caughtBy: ['easily confused'],
  },
  { wrong: 'normalises text', Broken: spelled((text) => text.normalize('NFC')), caughtBy: ['easily confused'] },
  { wrong: 'ignores case', Broken: spelled((text) => text.toLowerCase()), caughtBy: ['easily confused'] },
  { wrong: 'cuts long names off', Broken: spelled((text) => text.slice(0, 65_000)), caughtBy: ['easily confused'] },
  {
    wrong: 'writes names in Latin-1',
    Broken: spelled((text) => Buffer.from(text, 'latin1').toString('latin1')),
    caughtBy: ['easily confused'],
  },
  { wrong: 'trims names', Broken: spelled((text) => text.trim()), caughtBy: ['easily confused', 'U+00FF'] },
  {
    wrong: 'keeps user properties as an object',
    Broken: mapMessages((message) => {
      const userProperties = message.properties?.userProperties;
      if (userProperties === undefined) return message;
      return {
        ...message,
        properties: { ...message.properties, userProperties: UserProperties.of(new Map(userProperties)) },
      };
    }),
    caughtBy: ['every property of a message'],
  },
  {
    wrong: 'keeps correlation data as text',
    Broken: mapMessages((message) => {
      const correlationData = message.properties?.correlationData;
      if (correlationData === undefined) return message;
      return {
        ...message,
        properties: {
          ...message.properties,
          correlationData: new Uint8Array(Buffer.from(Buffer.from(correlationData).toString())),
        },
      };
    }),
    caughtBy: ['every property of a message'],
  },
  {
    wrong: 'keeps payloads as text',
    Broken: mapMessages((message) => ({
      ...message,
      payload: new Uint8Array(Buffer.from(Buffer.from(message.payload).toString())),
    })),
    caughtBy: ['payloads of any bytes'],
  },
  {
    wrong: 'keeps seqs in 32 bits',
    Broken: mapChanges((change) => [
      change.kind === 'queue.append' ? { ...change, seq: (change.seq >>> 0) as Seq } : change,
    ]),
    caughtBy: ['a queue may have gaps of any size', 'large numbers'],
  },
  {
    wrong: 'loads sessions last',
    Broken: class SessionsLast extends Sound {
      override async *load(): AsyncGenerator<RestoredFact> {
        const sessions: RestoredFact[] = [];
        for await (const fact of super.load()) {
          if (fact.kind === 'session') sessions.push(fact);
          else yield fact;
        }
        yield* sessions;
      }
    },
    caughtBy: ['inbound packet ids', 'subscriptions are put'],
    says: 'load yields a session after a',
  },
  {
    wrong: 'loads a fact twice',
    Broken: class LoadsTwice extends Sound {
      override async *load(): AsyncGenerator<RestoredFact> {
        for await (const fact of super.load()) {
          yield fact;
          if (fact.kind === 'subscription') yield fact;
        }
      }
    },
    caughtBy: ['every fact once'],
  },
  {
    wrong: 'miscounts queues',
    Broken: class Miscounts extends Sound {
      override async *load(): AsyncGenerator<RestoredFact> {
        for await (const fact of super.load())
          yield fact.kind === 'queue' ? { ...fact, count: fact.next - fact.first } : fact;
      }
    },
    caughtBy: ['remove takes one entry', MODEL],
    says: 'count',
  },
  {
    wrong: 'does not report the last message id',
    Broken: class NoLastId extends Sound {
      override async *load(): AsyncGenerator<RestoredFact> {
        for await (const fact of super.load()) if (fact.kind !== 'last-message-id') yield fact;
      }
    },
    caughtBy: ['the last message id is at least'],
  },
  {
    wrong: 'reports a last message id that is too low',
    Broken: class LowLastId extends Sound {
      override async *load(): AsyncGenerator<RestoredFact> {
        for await (const fact of super.load())
          yield fact.kind === 'last-message-id' ? { ...fact, id: (fact.id - 3) as Message['id'] } : fact;
      }
    },
    caughtBy: ['the last message id is at least'],
  },
  {
    wrong: 'rejects with an error of its own',
    Broken: class OwnErrors extends Sound {
      override async commit(batch: readonly Change[]): Promise<void> {
        try {
          await super.commit(batch);
        } catch {
          throw new Error('ECLOSED');
        }
      }
    },
    caughtBy: ['after close every call is rejected'],
    says: 'must be rejected with a StorageError',
  },
  {
    wrong: 'accepts commits after close',
    Broken: class NeverClosed extends Sound {
      override close(): Promise<void> {
        return Promise.resolve();
      }
    },
    caughtBy: ['after close every call is rejected'],
  },
  {
    wrong: 'takes the lease when opened read-only',
    Broken: class TakesToLook extends Sound {
      override async openReadOnly(): Promise<boolean> {
        const isThere = this.store.exists;
        await this.open();
        return isThere;
      }
    },
    caughtBy: ['refuses commits', 'leaves it to its writer', 'reported as missing'],
  },
  {
    wrong: 'reports a store that does not exist',
    Broken: class MakesToLook extends Sound {
      override openReadOnly(): Promise<boolean> {
        this.store.exists = true;
        return super.openReadOnly();
      }
    },
    caughtBy: ['reported as missing'],
    says: 'reports a store',
  },
  {
    wrong: 'mixes two moments when opened read-only',
    Broken: class Mixes extends Sound {
      override readQueue(queue: QueueId, from: Seq, limit: PageLimit): Promise<readonly StoredEntry[]> {
        return Promise.resolve(this.store.page(queue, from, limit));
      }
    },
    caughtBy: ['leaves it to its writer', 'reported as missing'],
  },
  {
    wrong: 'misses a part of what a crash left when opened read-only',
    Broken: class Overlooks extends Sound {
      isLooking = false;

      override openReadOnly(): Promise<boolean> {
        this.isLooking = true;
        return super.openReadOnly();
      }

      override async *load(): AsyncIterable<RestoredFact> {
        for await (const fact of super.load()) if (!this.isLooking || fact.kind !== 'will') yield fact;
      }
    },
    caughtBy: ['refuses commits', 'any number of times', MODEL],
  },
  {
    wrong: 'claims to be durable and is not',
    Broken: class Forgets extends Sound {
      readonly private = new MemoryStorage();

      override get traits(): StorageTraits {
        return { ...super.traits, fencing: false };
      }

      override open(): Promise<void> {
        return this.private.open();
      }

      override load(): AsyncIterable<RestoredFact> {
        return this.private.load();
      }

      override commit(batch: readonly Change[]): Promise<void> {
        return this.private.commit(batch);
      }

      override readQueue(queue: QueueId, from: Seq, limit: PageLimit): Promise<readonly StoredEntry[]> {
        return this.private.readQueue(queue, from, limit);
      }

      override readRetained(topics: readonly TopicName[]): Promise<readonly Message[]> {
        return this.private.readRetained(topics);
      }
    },
    caughtBy: ['durable is claimed if and only if', 'sessions are put', 'opens again with what was committed', MODEL],
  },
  {
    wrong: 'is durable and does not claim it',
    Broken: claiming({ durable: false }),
    caughtBy: ['durable is claimed if and only if'],
    says: 'claims less than is true',
  },
  {
    wrong: 'is fencing and does not claim it',
    Broken: claiming({ fencing: false }),
    caughtBy: ['fencing is claimed if and only if'],
    says: 'claims less than is true',
  },
  {
    wrong: 'claims fencing and lets two storages write',
    Broken: class TwoWriters extends Sound {
      override async commit(batch: readonly Change[]): Promise<void> {
        this.store.writer = this.inner;
        await super.commit(batch);
      }
    },
    caughtBy: ['fencing is claimed if and only if'],
  },
  {
    wrong: 'calls a lost lease unavailable',
    Broken: class Retries extends Sound {
      override async commit(batch: readonly Change[]): Promise<void> {
        try {
          await super.commit(batch);
        } catch (error) {
          throw new StorageError('unavailable', 'try again', { cause: error });
        }
      }
    },
    caughtBy: ['fencing is claimed if and only if'],
    says: 'must be rejected as fenced, not as unavailable',
  },
  {
    wrong: 'refuses batches larger than it prefers',
    Broken: class SmallBatches extends Sound {
      override commit(batch: readonly Change[]): Promise<void> {
        return batch.length > 2999 ? Promise.reject(new StorageError('full', 'too many changes')) : super.commit(batch);
      }
    },
    caughtBy: ['larger than the adapter prefers'],
  },
  {
    wrong: 'claims to prefer batches without changes',
    Broken: claiming({ preferredBatchChanges: NaN }),
    caughtBy: ['traits have values of the right type and range'],
  },
];

describe('the storage contract', () => {
  test('the storage contract passes for a correct adapter', async () => {
    expect([...(await failures(Sound, [])).entries()]).toEqual([]);
  });

  test.each(CASES)('the storage contract fails for an adapter that $wrong', async ({ Broken, caughtBy, says }) => {
    const found = await failures(Broken, caughtBy);
    const names = [...found.keys()];
    expect(caughtBy.filter((part) => !names.some((name) => name.includes(part)))).toEqual([]);
    // A failed law reports the violation in words, instead of failing with another error.
    const awaited = [...found]
      .filter(([name]) => caughtBy.some((part) => name.includes(part)))
      .map(([, error]) => error);
    expect(awaited.filter((error) => !(error instanceof ContractViolation || error instanceof StorageError))).toEqual(
      [],
    );
    if (says !== undefined) expect(awaited.map(({ message }) => message).join('\n')).toContain(says);
  });

  test('the storage contract reports the shortest failing history as steps, with its seed', async () => {
    const found = await failures(withoutKind('queue.trim'), [MODEL]);
    const error = [...found].find(([name]) => name.includes(MODEL))?.[1];
    expect(error?.message).toMatch(
      /^after the history\n {4}Commit \[.*append .*trim .*\n.*expected .*got .*\n\(seed 4711, \d+ times shrunk\)$/s,
    );
    expect(error?.message.split('\n').length).toBeLessThan(12);
  });
});
