// Storage that breaks its contract: the broker ends and names the fault, instead of delivering too little or in the
// wrong order.
import { describe, expect, test } from '@jest/globals';
import { MemoryNetwork } from '../../../adapters/network/memory/index.js';
import { MemoryStorage } from '../../../adapters/storage/memory/index.js';
import { Committer } from '../../../src/application/committer.js';
import { StorageFault, loadedFrom, requirePage, requireRetained } from '../../../src/application/storage-checks.js';
import { DEFAULT_LIMITS } from '../../../src/domain/limits.js';
import type { RestoredFact, Seq, Storage, StoredEntry } from '../../../src/ports/index.js';
import { assembleBroker } from '../../../src/testkit/assemble-broker.js';
import { FaultyStorage } from '../../../src/testkit/faulty-storage.js';
import type { Misbehaviour } from '../../../src/testkit/faulty-storage.js';
import { SeededRandom } from '../../../src/testkit/seeded-random.js';
import { VirtualClock } from '../../../src/testkit/virtual-clock.js';
import * as raw from '../../clients/raw-packets.js';
import { append, messageOf, queue, topic } from '../../contract/changes.js';
import { HandStorage } from '../../support/hand-storage.js';

/** A store with three messages for the client `away`, that answers in this way when it is opened again. */
async function misbehaving(how: Misbehaviour): Promise<FaultyStorage> {
  const storage = new FaultyStorage(() => new MemoryStorage());
  await storage.open();
  await storage.commit([
    {
      kind: 'session.put',
      session: {
        clientId: 'away' as never,
        expiryIntervalS: 4294967295,
        disconnectedAtMs: 0,
        sentBelow: undefined,
        doubtBelow: undefined,
      },
    },
    { kind: 'retained.put', message: messageOf(9) },
    ...[0, 1, 2].map((seq) => append('away', seq, messageOf(seq))),
  ]);
  const restarted = storage.crash();
  restarted.misbehave(how);
  return restarted;
}

function brokerWith(storage: Storage) {
  const clock = new VirtualClock();
  const network = new MemoryNetwork({ clock });
  const broker = assembleBroker({
    storage,
    listeners: [network],
    authenticators: [{ name: 'all', authenticate: () => ({ decision: 'allow' }) as never }],
    telemetry: [],
    clock,
    random: new SeededRandom(1),
    limits: DEFAULT_LIMITS,
  });
  return { broker, network };
}

const entry = (seq: number, bytes = 1): StoredEntry => ({
  ...{ seq: seq as Seq, message: messageOf(seq, new Uint8Array(bytes)), qos: 1, retain: false },
  ...{ identifiers: undefined, released: false },
});

describe('storage that breaks its contract', () => {
  test.each([
    ['load-reversed', /load gave a session too late/],
    ['load-twice', /twice/],
  ] as const)('refuses a start as a fault (%s)', async (how, says) => {
    const { broker } = brokerWith(await misbehaving(how));
    const failure = await broker.start().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(StorageFault);
    expect((failure as Error).message).toMatch(says);
  });

  test.each([
    ['pages-reversed', /has the entry 1 where 3 or later was expected/],
    ['pages-empty', /from entry 0 is empty, although entries are there/],
  ] as const)('ends the broker as a fault when a client returns (%s)', async (how, says) => {
    const { broker, network } = brokerWith(await misbehaving(how));
    await broker.start();
    const client = network.connect({ remoteAddress: 'test:1' });
    client.write(raw.connect({ clientId: 'away', clean: false }));
    const failure = await broker.ended.catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(StorageFault);
    expect((failure as Error).message).toMatch(says);
  });

  test.each([
    [undefined, /no traits/],
    [{}, /traits.durable is undefined/],
    [{ durable: 'yes', fencing: true, preferredBatchChanges: 1 }, /traits.durable is string/],
    [{ durable: true, preferredBatchChanges: 1 }, /traits.fencing is undefined/],
    [{ durable: true, fencing: true, preferredBatchChanges: 0 }, /preferredBatchChanges is 0/],
    [{ durable: true, fencing: true, preferredBatchChanges: '5' }, /preferredBatchChanges is 5/],
    [{ durable: true, fencing: true }, /preferredBatchChanges is undefined/],
  ])('is refused with the traits %j', (traits, says) => {
    const storage = Object.create(new HandStorage(), { traits: { value: traits } }) as Storage;
    const make = (): Committer => new Committer(storage, new VirtualClock(), undefined as never);
    expect(make).toThrow(StorageFault);
    expect(make).toThrow(says);
  });

  test.each([
    ['no array', undefined, /is no array/],
    ['more entries than asked for', [entry(5), entry(6), entry(7), entry(8)], /has 4 entries/],
    ['an entry before the first', [entry(4)], /has the entry 4 where 5/],
    ['an entry twice', [entry(5), entry(5)], /has the entry 5 where 6/],
    ['more bytes than asked for', [entry(5, 60), entry(6, 60)], /has 120 bytes/],
  ])('gives a page with %s', (_, page, says) => {
    const check = (): unknown => requirePage(queue('a'), 5 as Seq, { maxEntries: 3, maxBytes: 100 }, page as never);
    expect(check).toThrow(StorageFault);
    expect(check).toThrow(says);
  });

  test('gives what was asked for, and is not refused', () => {
    const page = [entry(5, 1000)];
    expect(requirePage(queue('a'), 5 as Seq, { maxEntries: 3, maxBytes: 100 }, page)).toBe(page);
    const a = messageOf(1, undefined, 'a');
    const b = messageOf(2, undefined, 'b');
    expect(requireRetained([topic('a'), topic('x'), topic('b')], [a, b])).toEqual([a, b]);
    expect(() => requireRetained([topic('a'), topic('b')], [b, a])).toThrow('out of order or unasked');
    expect(() => requireRetained([topic('a')], undefined as never)).toThrow('readRetained gave no array');
  });

  test.each([
    [{ first: 0, next: 2, count: 3, bytes: 0 }, /impossible bounds/],
    [{ first: 2, next: 2, count: 0, bytes: 0 }, /impossible bounds/],
    [{ first: 0, next: 1, count: 1, bytes: Number.NaN }, /impossible bounds/],
  ])('gives a queue the bounds %j', async (bounds, says) => {
    const load = async function* (): AsyncGenerator<RestoredFact> {
      await Promise.resolve();
      yield { kind: 'queue', queue: queue('a'), ...bounds } as unknown as RestoredFact;
    };
    await expect(loadedFrom({ load }).next()).rejects.toThrow(says);
  });
});
