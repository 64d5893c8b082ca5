// The crash contract of storage: file storage keeps it, and storages that only look durable within one process do not.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ContractViolation, storageCrashContract } from 'hexmq/testkit';
import type { StoreUnderCrash } from 'hexmq/testkit';
import type { Storage } from 'hexmq/ports';
import { FileStorage } from '../../adapters/storage/file/index.js';
import { MemoryStorage, MemoryStore } from '../../adapters/storage/memory/index.js';
import { ChildProgram } from './child-program.js';

const ROOM = mkdtempSync(join(tmpdir(), 'hexmq-crash-'));
const PROGRAM = new ChildProgram('crash-program');
let directories = 0;

beforeAll(() => {
  PROGRAM.build();
});

afterAll(() => {
  PROGRAM.remove();
  rmSync(ROOM, { recursive: true, force: true });
});

function subject(kind: string, storage?: () => Storage): Promise<StoreUnderCrash> {
  const directory = join(ROOM, String(++directories));
  return Promise.resolve({
    command: [process.execPath, PROGRAM.path, kind, directory],
    storage: storage ?? (() => new FileStorage({ directory })),
    dispose: () => Promise.resolve(),
  });
}

storageCrashContract({ name: 'file', describe, test, factory: { create: () => subject('file') } });

interface Outcome {
  readonly failures: readonly unknown[];
  readonly notAsked: readonly string[];
}

async function outcomeOf(create: () => Promise<StoreUnderCrash>, timeoutMs?: number): Promise<Outcome> {
  const bodies: (() => Promise<void>)[] = [];
  const notAsked: string[] = [];
  storageCrashContract({
    name: 'subject',
    factory: { create },
    describe: (_name, body) => {
      body();
    },
    test: (_name, body) => bodies.push(body),
    notAsked: (_law, why) => notAsked.push(why),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  });
  const failures: unknown[] = [];
  for (const body of bodies) await body().catch((error: unknown) => failures.push(error));
  return { failures, notAsked };
}

describe('the crash contract of storage', () => {
  test.each([
    ['keeps its content in a variable of its module', 'map', 'the store has none'],
    ['acknowledges before it stores', 'hasty', 'the store has'],
    ['stores a batch in two parts', 'parts', 'it differs from them'],
  ])('the crash contract fails for a storage that %s', async (_what, kind, says) => {
    const isMap = kind === 'map';
    // A kill does not hit every moment.
    for (let attempt = 0; attempt < 20; attempt++) {
      const { failures } = await outcomeOf(() =>
        subject(kind, isMap ? () => new MemoryStorage({ store: new MemoryStore() }) : undefined),
      );
      if (failures.length === 0) continue;
      for (const error of failures) expect(error).toBeInstanceOf(ContractViolation);
      const texts = failures.map((error) => (error as Error).message).join('\n');
      if (texts.includes(says)) return;
    }
    throw new Error('nothing was found');
  });

  test('the crash contract is not asked of a storage that does not claim to be durable', async () => {
    const { failures, notAsked } = await outcomeOf(() => subject('forgetful'));
    expect(failures).toEqual([]);
    expect(notAsked).toEqual(Array(3).fill('the adapter does not claim to be durable'));
  });

  test('the crash contract says how a program ended that was not killed, and what it wrote', async () => {
    const { failures } = await outcomeOf(() => subject('no such kind'));
    expect(String(failures[0])).toMatch(
      /ended by itself with status 1 before it was killed; it wrote:[^]*no storage of/,
    );
    const missing = await outcomeOf(() =>
      Promise.resolve({
        command: [join(ROOM, 'not-there')],
        storage: () => new MemoryStorage(),
        dispose: () => Promise.resolve(),
      }),
    );
    expect(String(missing.failures[0])).toContain('could not be started');
  });

  test('the crash contract says how far a program came that takes too long', async () => {
    const { failures } = await outcomeOf(
      () =>
        Promise.resolve({
          command: [process.execPath, '-e', 'setInterval(() => undefined, 1000)'],
          storage: () => new MemoryStorage(),
          dispose: () => Promise.resolve(),
        }),
      500,
    );
    expect(String(failures[0])).toContain('the program had acknowledged 0 of 1 batches after 500 ms');
  });
});
