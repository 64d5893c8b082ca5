// How MongoDB storage reports the failures of a server or of the network: each failure as the kind that the broker
// acts on, in a sentence that tells what to do, and the same batch taken once however its first attempts ended.
import { afterAll, afterEach, expect, test } from '@jest/globals';
import type { Document } from 'mongodb';
import type { Change, Message, QueueId, RestoredFact, Seq, StorageErrorKind } from 'hexmq/ports';
import { StorageError } from 'hexmq/ports';
import { MongoStorage, clientFor } from '../../adapters/storage/mongodb/index.js';
import { describeWithServer } from '../e2e/tools.js';
import { mongoServer } from '../support/mongodb-server.js';
import { MongoProxy, isCommit, isGreeting, refusal } from '../support/mongodb/proxy.js';
import type { Verdict } from '../support/mongodb/proxy.js';

const server = await mongoServer();
afterAll(() => server?.stop());

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const append = (seq: number): Change => ({
  kind: 'queue.append',
  queue: 'c:a' as QueueId,
  seq: seq as Seq,
  message: {
    id: seq + 1,
    topic: 't',
    payload: Buffer.from(String(seq)),
    qos: 1,
    retain: false,
    acceptedAtMs: 0,
  } as unknown as Message,
  qos: 1,
  retain: false,
  identifiers: undefined,
});

async function refused(promise: Promise<unknown>): Promise<StorageError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof StorageError))
    throw new Error(`a StorageError was expected, not ${String(error)}`, { cause: error });
  return error;
}

describeWithServer(server, 'a MongoDB server that fails', (real) => {
  async function before(): Promise<{ proxy: MongoProxy; storage: MongoStorage }> {
    const proxy = await MongoProxy.before(real.uri);
    const storage = new MongoStorage({ url: proxy.uri, database: real.newDatabase() });
    cleanups.push(
      () => proxy.close(),
      () => storage.close(),
    );
    await storage.open();
    for await (const _fact of storage.load());
    return { proxy, storage };
  }

  const answer = (code: number, codeName: string, errmsg = `says ${codeName}`): Verdict => ({
    answer: refusal(code, codeName, errmsg),
  });
  const concern = (code: number, codeName: string): Verdict => ({
    amend: (reply: Document) => ({ ...reply, writeConcernError: { code, codeName, errmsg: `says ${codeName}` } }),
  });

  test.each<readonly [string, Verdict, StorageErrorKind, RegExp]>([
    [
      'NotWritablePrimary',
      answer(10_107, 'NotWritablePrimary'),
      'unavailable',
      /has no primary at the moment: wait until the replica set has elected one/,
    ],
    ['PrimarySteppedDown', answer(189, 'PrimarySteppedDown'), 'unavailable', /has no primary at the moment/],
    ['InterruptedAtShutdown', answer(11_600, 'InterruptedAtShutdown'), 'unavailable', /has no primary at the moment/],
    [
      'PrimarySteppedDown behind a write',
      concern(189, 'PrimarySteppedDown'),
      'unavailable',
      /has no primary at the moment/,
    ],
    [
      'WriteConcernFailed',
      concern(64, 'WriteConcernFailed'),
      'unavailable',
      /cannot confirm that a majority of its members has a write: check its members/,
    ],
    ['OutOfDiskSpace', answer(14_031, 'OutOfDiskSpace'), 'full', /^no space left for MongoDB at .+: free some/],
    [
      'an internal error about missing space',
      answer(1, 'InternalError', 'could not extend file: No space left on device'),
      'full',
      /^no space left for MongoDB at/,
    ],
    [
      'Unauthorized',
      answer(13, 'Unauthorized'),
      'unavailable',
      /refuses the login or a request: check user, password and role/,
    ],
    [
      'an unknown code',
      answer(54_321, 'Whatever', 'in\ntwo lines'),
      'unavailable',
      /refused a request: check its log \(in two lines\)$/,
    ],
    ['a closed connection', 'cut', 'unavailable', /cannot be reached or does not answer/],
    ['no answer after the write', 'drop-reply', 'unavailable', /cannot be reached or does not answer/],
  ])(
    'a commit that MongoDB answers with %s fails with that reason, and is applied once when it is repeated',
    async (_name, verdict, kind, text) => {
      const { proxy, storage } = await before();
      let failures = 3;
      proxy.judgeWith((command) => (isCommit(command) && failures-- > 0 ? verdict : 'pass'));
      for (let attempt = 1; attempt <= 3; attempt++) {
        const { kind: found, message } = await refused(storage.commit([append(0)]));
        // The second attempt finds a batch that was applied and not acknowledged, and confirms it by another kind of
        // write.
        if (attempt === 1)
          expect({ found, message }).toEqual({ found: kind, message: expect.stringMatching(text) as unknown });
        expect(message).not.toContain('\n');
      }
      await storage.commit([append(0)]);
      await storage.commit([append(1)]);
      const entries = await storage.readQueue('c:a' as QueueId, 0 as Seq, { maxEntries: 10, maxBytes: 1000 });
      expect(entries.map(({ seq }) => Number(seq))).toEqual([0, 1]);
    },
  );

  test('a failure of the checkpointer is reported to reads and not to commits', async () => {
    const { proxy, storage } = await before();
    proxy.judgeWith(({ name, collection }) =>
      name === 'insert' && collection === 'queues' ? answer(14_031, 'OutOfDiskSpace') : 'pass',
    );
    await storage.commit([append(0)]);
    await storage.commit([append(1)]);
    const read = () => storage.readQueue('c:a' as QueueId, 0 as Seq, { maxEntries: 10, maxBytes: 1000 });
    expect((await refused(read())).kind).toBe('full');
    proxy.judgeWith(() => 'pass');
    expect((await read()).map(({ seq }) => Number(seq))).toEqual([0, 1]);
  });

  test('a server without a primary is reported as such, and used again when it has one', async () => {
    const proxy = await MongoProxy.before(real.uri);
    cleanups.push(() => proxy.close());
    const greetAs = (isPrimary: boolean): void => {
      proxy.judgeWith((command) =>
        isGreeting(command) ? { amend: (reply) => proxy.asMember(reply, isPrimary) } : 'pass',
      );
    };
    greetAs(false);
    const database = real.newDatabase();
    const storage = new MongoStorage({ url: proxy.replicaSetUri, database });
    expect((await refused(storage.open())).message).toMatch(
      /has no primary at the moment: wait until the replica set has elected one/,
    );
    greetAs(true);
    const again = new MongoStorage({ url: proxy.replicaSetUri, database });
    cleanups.push(() => again.close());
    await again.open();
  });

  test('the bounds of the queues may take longer than any other request', async () => {
    const database = real.newDatabase();
    const first = new MongoStorage({ url: real.uri, database });
    await first.open();
    await first.commit([append(0)]);
    await first.close();
    const proxy = await MongoProxy.before(real.uri);
    const SOCKET_MS = 500;
    const storage = new MongoStorage({ url: proxy.uri, database }, (url, requestMsMax = SOCKET_MS) =>
      clientFor(url, requestMsMax),
    );
    cleanups.push(
      () => proxy.close(),
      () => storage.close(),
    );
    await storage.open();
    proxy.judgeWith(({ name }) => {
      proxy.delay(name === 'aggregate' ? 3 * SOCKET_MS : 0);
      return 'pass';
    });
    const facts: RestoredFact[] = [];
    for await (const fact of storage.load()) facts.push(fact);
    expect(facts.map(({ kind }) => kind)).toEqual(['queue', 'last-message-id']);
  });
});
