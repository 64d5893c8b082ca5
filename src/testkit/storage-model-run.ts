// Random histories, run on a storage and on the model in step and compared after every step; a failing one is shrunk to the shortest that
// still fails. The histories are such as the core makes: seqs go up, what belongs to a session comes after it. fast-check is handed in, so that
// using the rest of the kit does not need it.
import type { Arbitrary, AsyncCommand } from 'fast-check';
import type { Change, Message, QueueId, Seq } from '../ports/index.js';
import { ContractViolation, differences, report, show } from './compare.js';
import {
  appendOf,
  clientId,
  drop,
  groupQueueOf,
  messageOf,
  payloadOf,
  put,
  queueOf,
  release,
  remove,
  seq,
  trim,
} from './storage-samples.js';
import type { StorageModel } from './storage-model.js';
import { Subject, comparable } from './storage-subject.js';
import type { StorageFactory } from './storage-subject.js';

/** The module, imported whole or as its default export. */
export type FastCheck = Omit<typeof import('fast-check'), 'default'>;

export interface ModelRunOptions {
  /** Histories; 60 unless told. */
  readonly runs?: number;
  /** Steps in the longest; 25 unless told. */
  readonly steps?: number;
  /** To run the same histories again: as the failure reports it. */
  readonly seed?: number;
  /** Give up at the first failure instead of looking for a shorter one. */
  readonly dontShrink?: boolean;
}

/** What was done, for the report: what a step amounted to is known when it has run. */
interface History {
  readonly steps: string[];
}

type Step = AsyncCommand<History, Subject>;

const CLIENTS = ['a', 'ab', 'a/b'];
const FILTERS = ['x', 'x/#', '$share/g/x'];
const TOPICS = ['t', 't/u', 'T'];
const QUEUES: readonly QueueId[] = [...CLIENTS.map(queueOf), groupQueueOf('g', 'x'), groupQueueOf('g', 'x/#')];

export async function runAgainstModel(
  fc: FastCheck,
  factory: StorageFactory,
  options: ModelRunOptions = {},
): Promise<void> {
  const { runs = 60, steps = 25, seed: fromSeed, dontShrink = false } = options;
  // Shrinking goes on from the history that failed last, so that is the one it ends with.
  let lastFailed: readonly string[] = [];
  const property = fc.asyncProperty(fc.commands(stepsOf(fc), { maxCommands: steps, size: 'max' }), async (commands) => {
    const subject = await Subject.create(factory);
    const history: History = { steps: [] };
    try {
      await fc.asyncModelRun(() => ({ model: history, real: subject }), commands);
      await subject.verify();
    } catch (error) {
      lastFailed = history.steps;
      throw error;
    } finally {
      await subject.dispose();
    }
  });
  const result = await fc.check(property, {
    numRuns: runs,
    endOnFailure: dontShrink,
    ...(fromSeed === undefined ? {} : { seed: fromSeed }),
  });
  if (!result.failed) return;
  const cause = result.errorInstance instanceof Error ? result.errorInstance.message : show(result.errorInstance);
  throw new ContractViolation(
    `after ${lastFailed.length === 0 ? 'no step at all' : `the history\n    ${lastFailed.join('\n    ')}`}\n${cause}\n(seed ${String(result.seed)}, ${String(result.numShrinks)} times shortened)`,
    { cause: result.errorInstance },
  );
}

function stepsOf(fc: FastCheck): Arbitrary<Step>[] {
  const commit = fc
    .array(intentOf(fc), { minLength: 1, maxLength: 8, size: 'max' })
    .map((intents) => new Commit(intents));
  return [
    commit,
    commit,
    commit,
    commit,
    fc.constant(new Again()),
    fc.constant(new Reopen('Crash')),
    fc.constant(new Reopen('Restart')),
    fc.constant(new Look()),
    fc
      .tuple(fc.constantFrom(...QUEUES), fc.nat(12), fc.integer({ min: 1, max: 5 }), fc.nat(60))
      .map(([queue, from, maxEntries, maxBytes]) => new ReadPage(queue, seq(from), maxEntries, maxBytes)),
  ];
}

/** A wish for a change, made into one when it is known what the store holds. */
type Intent = (
  model: StorageModel,
  newMessage: (parts: { topic?: string; size: number; again: boolean }) => Message,
) => Change[];

function intentOf(fc: FastCheck): Arbitrary<Intent> {
  const client = fc.constantFrom(...CLIENTS);
  const filter = fc.constantFrom(...FILTERS);
  const topic = fc.constantFrom(...TOPICS);
  const queue = fc.constantFrom(...QUEUES);
  const packetId = fc.integer({ min: 1, max: 3 });
  const size = fc.integer({ min: 1, max: 40 });
  const withSession =
    (id: string, ...changes: Change[]): Intent =>
    (model) => [...(model.sessions.has(clientId(id)) ? [] : [put.session(id)]), ...changes];

  const append = fc
    .record({
      queue,
      size: fc.nat(40),
      gap: fc.constantFrom(0, 0, 0, 1, 300),
      again: fc.boolean(),
      qos: fc.constantFrom<1 | 2>(1, 2),
    })
    .map(({ queue: q, size: bytes, gap, again, qos }): Intent => (model, newMessage) => {
      const change = appendOf(q, model.nextSeq(q) + gap, newMessage({ size: bytes, again }), { qos });
      return q.startsWith('c:') ? withSession(q.slice(2), change)(model, newMessage) : [change];
    });
  /** An entry that is there, or was: chosen by a number, so that what is shrunk stays a choice. */
  const entry = (make: (q: QueueId, at: Seq) => Change): Arbitrary<Intent> =>
    fc.tuple(queue, fc.nat(30)).map(([q, choice]): Intent => (model) => {
      const entries = model.queue(q);
      const chosen = entries[choice % (entries.length + 1)]?.seq ?? seq(Math.max(0, model.nextSeq(q) - 1));
      return [make(q, chosen)];
    });

  return fc.oneof(
    { weight: 6, arbitrary: append },
    { weight: 2, arbitrary: entry(trim) },
    { weight: 2, arbitrary: entry(remove) },
    { weight: 2, arbitrary: entry(release) },
    { weight: 1, arbitrary: queue.map((q): Intent => () => [drop.queue(q)]) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(client, fc.nat(9))
        .map(([id, n]): Intent => () => [
          put.session(id, { expiryIntervalS: n + 1, disconnectedAtMs: n % 2 === 0 ? undefined : n }),
        ]),
    },
    { weight: 1, arbitrary: client.map((id): Intent => () => [drop.session(id)]) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(client, filter, fc.constantFrom<0 | 1 | 2>(0, 1, 2))
        .map(([id, text, qos]) => withSession(id, put.subscription(id, text, { qos }))),
    },
    { weight: 1, arbitrary: fc.tuple(client, filter).map(([id, text]): Intent => () => [drop.subscription(id, text)]) },
    { weight: 1, arbitrary: fc.tuple(client, packetId).map(([id, n]) => withSession(id, put.inbound(id, n))) },
    { weight: 1, arbitrary: fc.tuple(client, packetId).map(([id, n]): Intent => () => [drop.inbound(id, n)]) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(topic, size, fc.boolean())
        .map(([name, bytes, again]): Intent => (_, newMessage) => [
          put.retained(newMessage({ topic: name, size: bytes, again })),
        ]),
    },
    { weight: 1, arbitrary: topic.map((name): Intent => () => [drop.retained(name)]) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(client, size, fc.nat(3))
        .map(([id, bytes, delayS]): Intent => (_, newMessage) => [
          put.will(id, newMessage({ size: bytes, again: false }), { delayS }),
        ]),
    },
    { weight: 1, arbitrary: client.map((id): Intent => () => [drop.will(id)]) },
  );
}

class Commit implements Step {
  #committed: readonly Change[] = [];

  constructor(readonly intents: readonly Intent[]) {}

  check(): boolean {
    return true;
  }

  async run({ steps }: History, subject: Subject): Promise<void> {
    this.#committed = this.#resolve(subject);
    steps.push(this.toString());
    await subject.commit(...this.#committed);
    await subject.verifyReads('after the last commit');
  }

  toString(): string {
    return `Commit [${this.#committed.map(describeChange).join('; ')}]`;
  }

  #resolve(subject: Subject): Change[] {
    const scratch = subject.model.copy();
    const changes: Change[] = [];
    let message: Message | undefined;
    for (const intent of this.intents) {
      const resolved = intent(scratch, ({ topic, size, again }) => {
        if (!again || message === undefined || (topic !== undefined && message.topic !== topic)) {
          const id = scratch.highestMessageId + 1;
          message = messageOf(id, { payload: payloadOf(size, id), ...(topic === undefined ? {} : { topic }) });
        }
        return message;
      });
      scratch.apply(resolved);
      changes.push(...resolved);
    }
    return changes;
  }
}

class Again implements Step {
  check(): boolean {
    return true;
  }

  async run({ steps }: History, subject: Subject): Promise<void> {
    steps.push(this.toString());
    await subject.again();
    await subject.verifyReads('after the last batch came again');
  }

  toString(): string {
    return 'the same again';
  }
}

class Reopen implements Step {
  constructor(readonly how: 'Crash' | 'Restart') {}

  check(): boolean {
    return true;
  }

  async run({ steps }: History, subject: Subject): Promise<void> {
    steps.push(this.toString());
    await (this.how === 'Crash' ? subject.crash() : subject.restart());
    await subject.verifyReads(`after a ${this.how.toLowerCase()}`);
  }

  toString(): string {
    return this.how;
  }
}

/** Into what a crash left. */
class Look implements Step {
  check(): boolean {
    return true;
  }

  async run({ steps }: History, subject: Subject): Promise<void> {
    steps.push(this.toString());
    if (subject.durable) {
      await subject.crashAndLook();
      await subject.verifyReads('opened to be read after a crash');
    }
    await subject.crash();
  }

  toString(): string {
    return 'Crash, and a look';
  }
}

class ReadPage implements Step {
  constructor(
    readonly queue: QueueId,
    readonly from: Seq,
    readonly maxEntries: number,
    readonly maxBytes: number,
  ) {}

  check(): boolean {
    return true;
  }

  async run({ steps }: History, subject: Subject): Promise<void> {
    steps.push(this.toString());
    const limit = { maxEntries: this.maxEntries, maxBytes: this.maxBytes };
    const expected = subject.model.page(this.queue, this.from, limit);
    // What a released entry counts in a page is the store's business, so where there is one only the bounds are not compared.
    if (expected.some(({ released }) => released) || subject.model.queue(this.queue).some(({ released }) => released))
      return;
    const page = await subject.storage.readQueue(this.queue, this.from, limit);
    report(this.toString(), differences(expected.map(comparable), page.map(comparable), 'page'));
  }

  toString(): string {
    return `read ${this.queue} from ${String(this.from)}, at most ${String(this.maxEntries)} entries and ${String(this.maxBytes)} bytes`;
  }
}

function describeChange(change: Change): string {
  switch (change.kind) {
    case 'queue.append':
      return `append ${change.queue} ${String(change.seq)} (message ${String(change.message.id)}, ${String(change.message.payload.byteLength)} bytes)`;
    case 'queue.trim':
      return `trim ${change.queue} through ${String(change.through)}`;
    case 'queue.remove':
    case 'queue.release':
      return `${change.kind.slice(6)} ${change.queue} ${String(change.seq)}`;
    case 'queue.drop':
      return `drop queue ${change.queue}`;
    case 'session.put':
      return `session ${change.session.clientId}`;
    case 'subscription.put':
      return `subscription ${change.subscription.clientId} ${change.subscription.topicFilter}`;
    case 'subscription.drop':
      return `drop subscription ${change.clientId} ${change.topicFilter}`;
    case 'inbound.put':
    case 'inbound.drop':
      return `${change.kind} ${change.clientId} ${String(change.packetId)}`;
    case 'retained.put':
      return `retain ${change.message.topic} (message ${String(change.message.id)})`;
    case 'retained.drop':
      return `drop retained ${change.topic}`;
    case 'will.put':
      return `will ${change.will.clientId}`;
    case 'session.drop':
    case 'will.drop':
      return `${change.kind} ${change.clientId}`;
  }
}
