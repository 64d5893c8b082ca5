// What the contract kits tell the author of an adapter: which laws were not asked and why, the first of several
// failures, and a store that cannot be opened again.
import { describe, expect, test } from '@jest/globals';
import * as fastCheck from 'fast-check';
import { authenticatorContract, authorizerContract, networkContract, storageContract } from 'hexmq/testkit';
import type { StorageUnderTest, TestBody } from 'hexmq/testkit';
import { createAuthenticator } from '../../adapters/auth/anonymous/index.js';
import { MemoryStorage, MemoryStore } from '../../adapters/storage/memory/index.js';
import { StorageError } from 'hexmq/ports';

interface Declared {
  readonly name: string;
  readonly body: TestBody;
}

/** A test runner that only collects. */
function collecting(): {
  readonly tests: Declared[];
  readonly runner: {
    describe: (name: string, body: () => void) => void;
    test: (name: string, body: TestBody) => void;
  };
} {
  const tests: Declared[] = [];
  return {
    tests,
    runner: {
      describe: (_name, body) => {
        body();
      },
      test: (name, body) => tests.push({ name, body }),
    },
  };
}

function storageTests(create: () => StorageUnderTest): { tests: Declared[]; notAsked: Map<string, string> } {
  const { tests, runner } = collecting();
  const notAsked = new Map<string, string>();
  storageContract({
    ...runner,
    name: 'subject',
    fastCheck,
    factory: { create: () => Promise.resolve(create()) },
    notAsked: (law, why) => notAsked.set(law, why),
    reopenTimeoutMs: 300,
  });
  return { tests, notAsked };
}

const named = (tests: readonly Declared[], part: string): Declared => {
  const found = tests.find(({ name }) => name.includes(part));
  if (found === undefined) throw new Error(`no test is named ${part}`);
  return found;
};

const failureOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'none',
    (error: unknown) => error,
  );

const simple = (parts: Partial<StorageUnderTest> = {}): StorageUnderTest => {
  const store = new MemoryStore();
  return {
    storage: new MemoryStorage({ store }),
    reopen: () => Promise.resolve(new MemoryStorage({ store })),
    dispose: () => Promise.resolve(),
    ...parts,
  };
};

describe('a law that is not asked', () => {
  test('a law of storage for which the factory provides nothing is reported, with what is missing', async () => {
    const { tests, notAsked } = storageTests(() => simple());
    await named(tests, 'a commit that failed before').body();
    await named(tests, 'leaves it to its writer').body();
    expect([...notAsked.values()]).toEqual([
      'the factory provides no `failNextCommit`',
      'the factory provides no `second`',
    ]);
  });

  test('a law about durability is reported for a storage that does not claim it', async () => {
    const { tests, notAsked } = storageTests(() =>
      simple({ storage: new MemoryStorage(), reopen: () => Promise.resolve(new MemoryStorage()) }),
    );
    await named(tests, 'a crash during a commit of 2 changes').body();
    expect([...notAsked.values()]).toEqual(['the adapter does not claim to be durable']);
  });

  test('a runner whose tests can skip themselves skips it', async () => {
    const { tests } = storageTests(() => simple());
    const skipped: string[] = [];
    await named(tests, 'a commit that failed before').body({ skip: (why: string) => skipped.push(why) });
    expect(skipped).toEqual(['the factory provides no `failNextCommit`']);
  });

  test('no test of a kit takes a parameter, which Jest would wait for to be called', () => {
    const { tests } = storageTests(() => simple());
    expect(tests.filter(({ body }) => body.length > 0)).toEqual([]);
  });

  test('a law of authentication for which there are no credentials is reported', async () => {
    const { tests, runner } = collecting();
    const notAsked: string[] = [];
    authenticatorContract({
      ...runner,
      name: 'anonymous',
      factory: {
        create: () =>
          Promise.resolve({
            authenticator: createAuthenticator(),
            good: {},
            dispose: () => Promise.resolve(),
          }),
      },
      notAsked: (law, why) => notAsked.push(`${law}: ${why}`),
    });
    for (const { body } of tests) await body();
    expect(notAsked).toContain(
      'an unknown client gets the declared answer: the factory provides no `unknown`: the adapter knows every client',
    );
  });

  test('a law of authorization without a source that changes is reported', async () => {
    const { tests, runner } = collecting();
    const notAsked: string[] = [];
    authorizerContract({
      ...runner,
      name: 'all',
      sample: { clientId: 'a' },
      factory: {
        create: () =>
          Promise.resolve({
            authorizer: { name: 'all', authorize: () => Promise.resolve({ kind: 'allow-all' } as const) },
            dispose: () => Promise.resolve(),
          }),
      },
      notAsked: (_law, why) => notAsked.push(why),
    });
    await named(tests, 'a reload that finds the same rules').body();
    expect(notAsked).toEqual(['the authorizer has no `reload`, and its rules do not live elsewhere']);
  });
});

describe('the first of several failures', () => {
  const disposal = new Error('the directory is not empty');

  test('the failure of a law of storage hides that of the removal of the store after it', async () => {
    const cause = new Error('the disk is on fire');
    const storage = new MemoryStorage();
    storage.commit = () => Promise.reject(cause);
    const { tests } = storageTests(() => simple({ storage, dispose: () => Promise.reject(disposal) }));
    expect(await failureOf(named(tests, 'sessions are put').body())).toBe(cause);
    storage.open = () => Promise.reject(cause);
    expect(await failureOf(named(tests, 'sessions are put').body())).toBe(cause);
  });

  test('a removal of the store that fails alone fails the test', async () => {
    const { tests } = storageTests(() => simple({ dispose: () => Promise.reject(disposal) }));
    expect(await failureOf(named(tests, 'a new store is empty').body())).toBe(disposal);
  });

  test('the failure of a law of the network hides that of the end of the listener after it', async () => {
    const cause = new Error('no port is free');
    const { tests, runner } = collecting();
    networkContract({
      ...runner,
      name: 'subject',
      factory: {
        create: () =>
          Promise.resolve({
            listener: {
              name: 'subject',
              listen: () => Promise.reject(cause),
              close: () => Promise.reject(disposal),
            },
            connect: () => Promise.reject(cause),
            dispose: () => Promise.reject(disposal),
          } as never),
      },
    });
    expect(await failureOf((tests[0] as Declared).body())).toBe(cause);
  });
});

describe('a store that cannot be opened again after `reopen`', () => {
  const again = (open: () => Promise<void>): (() => Promise<MemoryStorage>) => {
    return () => {
      const storage = new MemoryStorage();
      storage.open = open;
      return Promise.resolve(storage);
    };
  };

  test('the kit reports a refusal with its words, and what `reopen` has to do', async () => {
    const refused = again(() => Promise.reject(new StorageError('fenced', 'process 7 has the lock')));
    const { tests } = storageTests(() => simple({ reopen: refused }));
    const error = String(await failureOf(named(tests, 'sessions are put').body()));
    expect(error).toContain('it was refused as fenced: process 7 has the lock');
    expect(error).toContain('the factory has to end it, as the death of its process would');
  });

  test('the kit reports an opening that waits for a lock before the time of the test runner is over', async () => {
    const waits = again(() => new Promise<void>(() => undefined));
    const { tests } = storageTests(() => simple({ reopen: waits }));
    expect(String(await failureOf(named(tests, 'sessions are put').body()))).toContain(
      'open has not settled within 300 ms',
    );
  });
});
