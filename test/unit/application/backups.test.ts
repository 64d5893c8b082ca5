// Backups of a running broker: one at a time, one moment, and no reader that stops or is slow holds anything for long.
import { beforeEach, describe, expect, test } from '@jest/globals';
import { createHash } from 'node:crypto';
import { MemoryStorage } from '../../../adapters/storage/memory/index.js';
import { Backups, READER_MS_MAX } from '../../../src/application/backups.js';
import type { BackupsParts } from '../../../src/application/backups.js';
import { backupText } from '../../../src/application/transfer/backup.js';
import { checkExport } from '../../../src/composition/transfer.js';
import type { BrokerEvent, LifecycleEvent, StorageSnapshot } from '../../../src/ports/index.js';
import { messageOf, put } from '../../../src/testkit/storage-contract/samples.js';
import { VirtualClock } from '../../../src/testkit/virtual-clock.js';

let clock: VirtualClock;
let storage: MemoryStorage;
let events: (BrokerEvent | LifecycleEvent)[];
let openSnapshots: number;

const hash = (text: string): string => createHash('sha256').update(text).digest('hex');

function backupsWith(more: Partial<BackupsParts> = {}): Backups {
  return new Backups({
    storage: {
      snapshot: async () => {
        const snapshot = await storage.snapshot();
        openSnapshots++;
        return { ...readsOf(snapshot), close: () => snapshot.close().finally(() => openSnapshots--) };
      },
    },
    adapter: 'memory',
    begin: () => Promise.resolve({ result: 'done' }),
    textOf: (snapshot) => backupText(snapshot, hash, clock),
    clock,
    emit: (event) => events.push(event),
    ...more,
  });
}

const readsOf = (snapshot: StorageSnapshot): Omit<StorageSnapshot, 'close'> => ({
  load: () => snapshot.load(),
  readQueue: (queue, from, limit) => snapshot.readQueue(queue, from, limit),
  readRetained: (topics) => snapshot.readRetained(topics),
});

/** Lets everything that waits for nothing but promises happen. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function read(text: AsyncIterable<string>): Promise<string> {
  let all = '';
  for await (const part of text) all += part;
  return all;
}

const oneChunk = async function* (text: string): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(Buffer.from(text));
};

beforeEach(async () => {
  clock = new VirtualClock();
  storage = new MemoryStorage();
  events = [];
  openSnapshots = 0;
  await storage.open();
  // Enough for several pieces of text.
  await storage.commit(Array.from({ length: 2000 }, (_, i) => put.session(`client-${i}`)));
  await storage.commit([put.retained(messageOf(1, { topic: 'r' }))]);
});

describe('a backup', () => {
  test('has the store as it was when it began, can be imported, and is reported as complete', async () => {
    const backup = await backupsWith().begin('alice');
    await storage.commit([put.session('later'), put.retained(messageOf(2, { topic: 'later' }))]);
    const text = await read(backup.text);
    expect(text).not.toContain('later');
    await expect(checkExport(oneChunk(text))).resolves.toBe(2001);
    expect(events).toEqual([{ kind: 'backup-ended', actor: 'alice', result: 'complete', facts: 2001, detail: '' }]);
    expect(openSnapshots).toBe(0);
  });

  test('takes its snapshot only when what was recorded before is durable', async () => {
    let durable: () => void = () => undefined;
    const begin = new Promise<void>((resolve) => (durable = resolve));
    const begun = backupsWith({ begin: () => begin.then(() => ({ result: 'done' })) }).begin('alice');
    await settled();
    await storage.commit([put.session('acknowledged')]);
    durable();
    expect(await read((await begun).text)).toContain('acknowledged');
  });

  test('is refused while another one runs, which is named, and not afterwards', async () => {
    const backups = backupsWith();
    const first = await backups.begin('alice');
    await expect(backups.begin('bob')).rejects.toMatchObject({ kind: 'busy', message: expect.stringMatching('alice') });
    expect(events).toMatchObject([{ kind: 'operator-command', actor: 'bob', command: 'backup', result: 'refused' }]);
    await read(first.text);
    await read((await backups.begin('bob')).text);
    expect(openSnapshots).toBe(0);
  });

  test('is refused by name where the storage has no snapshots', async () => {
    const { begin } = { begin: backupsWith({ storage: {}, adapter: './mine.js' }) };
    await expect(begin.begin('alice')).rejects.toMatchObject({
      kind: 'refused',
      message: expect.stringMatching('./mine.js'),
    });
  });

  test('ends with its reader, who stops reading', async () => {
    const backup = await backupsWith().begin('alice');
    for await (const _ of backup.text) break;
    expect(openSnapshots).toBe(0);
    expect(events).toMatchObject([{ result: 'failed', detail: 'the reader has stopped' }]);
  });

  test.each([
    ['has not begun to read', 0],
    ['has read a piece', 1],
  ])('ends when its reader takes nothing for too long: a reader that %s', async (_, pieces) => {
    const backups = backupsWith();
    const backup = await backups.begin('alice');
    const reading = backup.text[Symbol.asyncIterator]();
    for (let i = 0; i < pieces; i++) await reading.next();
    clock.advance(READER_MS_MAX - 1);
    await settled();
    expect(openSnapshots).toBe(1);
    clock.advance(1);
    await settled();
    expect(openSnapshots).toBe(0);
    expect(backup.ended.aborted).toBe(true);
    await expect(reading.next()).rejects.toMatchObject({ kind: 'unavailable', message: expect.stringMatching('slow') });
    await read((await backups.begin('bob')).text);
  });

  test('ends when the broker stops, which then waits until it holds nothing', async () => {
    const backups = backupsWith();
    const backup = await backups.begin('alice');
    const reading = backup.text[Symbol.asyncIterator]();
    await reading.next();
    await backups.stop();
    expect(openSnapshots).toBe(0);
    await expect(reading.next()).rejects.toMatchObject({ kind: 'unavailable', message: 'the broker stops' });
    await expect(backups.begin('alice')).rejects.toMatchObject({ kind: 'unavailable' });
  });

  test('that its caller gives up while the snapshot is made closes it when it is there', async () => {
    const { promise, resolve } = withResolver<StorageSnapshot>();
    const backups = backupsWith({ storage: { snapshot: () => promise } });
    const gone = new AbortController();
    const begun = backups.begin('alice', gone.signal);
    await settled();
    gone.abort();
    await expect(begun).rejects.toMatchObject({ kind: 'unavailable', message: 'the reader has gone' });
    await expect(backups.begin('bob')).rejects.toMatchObject({ kind: 'busy' });
    const snapshot = await storage.snapshot();
    let isClosed = false;
    resolve({ ...readsOf(snapshot), close: () => snapshot.close().finally(() => (isClosed = true)) });
    await settled();
    await settled();
    expect(isClosed).toBe(true);
  });

  test('whose snapshot cannot be read any more has no last line', async () => {
    const backup = await backupsWith().begin('alice');
    const reading = backup.text[Symbol.asyncIterator]();
    const { value } = (await reading.next()) as { value: string };
    await storage.close();
    await expect(reading.next()).rejects.toMatchObject({ kind: 'unavailable' });
    expect(openSnapshots).toBe(0);
    await expect(checkExport(oneChunk(value))).rejects.toThrow(/end/);
  });
});

function withResolver<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((done) => (resolve = done));
  return { promise, resolve };
}
