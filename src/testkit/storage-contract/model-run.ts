// Random histories, run on a storage and on the model in parallel and compared after every step; a failing one is
// shrunk to the shortest that still fails. They are histories as the core makes them: seqs ascend, and what belongs to
// a session comes after it. fast-check is a parameter, so that the rest of the kit does not need it.
import type { Arbitrary, AsyncCommand } from 'fast-check';
import type { Change, Message, QueueId, Seq } from '../../ports/index.js';
import { ContractViolation, differences, report, show } from '../compare.js';
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
} from './samples.js';
import type { StorageModel } from './model.js';
import { Subject, comparableEntry } from './subject.js';
import type { StorageFactory } from './subject.js';

/** The module `fast-check`, imported as a namespace or as its default export. */
export type FastCheck = Omit<typeof import('fast-check'), 'default'>;

export interface ModelRunOptions {
  /** The number of histories. Default 60. */
  readonly runs?: number;
  /** The number of steps in the longest history. Default 25. */
  readonly steps?: number;
  /** The seed that a failure reports, to run the same histories again. Default: a random one. */
  readonly seed?: number;
  /** Whether to report the first failure instead of looking for a shorter history. Default false. */
  readonly dontShrink?: boolean;
}

/** The steps that were run, for the report: what a step does is known only when it has run. */
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
  // Shrinking continues from the history that failed last, so the last failure is the shortest.
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
  const history = lastFailed.length === 0 ? 'no step at all' : `the history\n    ${lastFailed.join('\n    ')}`;
  throw new ContractViolation(
    `after ${history}\n${cause}\n` + `(seed ${String(result.seed)}, ${String(result.numShrinks)} times shrunk)`,
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
    fc.constant(new Repeat()),
    fc.constant(new Reopen('Crash')),
    fc.constant(new Reopen('Restart')),
    fc.constant(new OpenReadOnly()),
    fc
      .tuple(fc.constantFrom(...QUEUES), fc.nat(12), fc.integer({ min: 1, max: 5 }), fc.nat(60))
      .map(([queue, from, maxEntries, maxBytes]) => new ReadPage(queue, seq(from), maxEntries, maxBytes)),
  ];
}

/** A change that is made concrete when it is known what the store holds. */
type Intent = (
  model: StorageModel,
  newMessage: (parts: { topic?: string; size: number; isRepeated: boolean }) => Message,
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
      isRepeated: fc.boolean(),
      qos: fc.constantFrom<1 | 2>(1, 2),
    })
    .map(({ queue: q, size: bytes, gap, isRepeated, qos }): Intent => (model, newMessage) => {
      const change = appendOf(q, model.nextSeq(q) + gap, newMessage({ size: bytes, isRepeated }), { qos });
      return q.startsWith('c:') ? withSession(q.slice(2), change)(model, newMessage) : [change];
    });
  /** An entry that is there, or was: chosen by a number, which shrinks well. */
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
        .map(([name, bytes, isRepeated]): Intent => (_, newMessage) => [
          put.retained(newMessage({ topic: name, size: bytes, isRepeated })),
        ]),
    },
    { weight: 1, arbitrary: topic.map((name): Intent => () => [drop.retained(name)]) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(client, size, fc.nat(3))
        .map(([id, bytes, delayS]): Intent => (_, newMessage) => [
          put.will(id, newMessage({ size: bytes, isRepeated: false }), { delayS }),
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
      const resolved = intent(scratch, ({ topic, size, isRepeated }) => {
        if (!isRepeated || message === undefined || (topic !== undefined && message.topic !== topic)) {
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

class Repeat implements Step {
  check(): boolean {
    return true;
  }

  async run({ steps }: History, subject: Subject): Promise<void> {
    steps.push(this.toString());
    await subject.repeatLast();
    await subject.verifyReads('after the last batch came again');
  }

  toString(): string {
    return 'Repeat';
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

/** Opens read-only what a crash left. */
class OpenReadOnly implements Step {
  check(): boolean {
    return true;
  }

  async run({ steps }: History, subject: Subject): Promise<void> {
    steps.push(this.toString());
    if (subject.durable) {
      await subject.crashAndOpenReadOnly();
      await subject.verifyReads('opened read-only after a crash');
    }
    await subject.crash();
  }

  toString(): string {
    return 'Crash, open read-only';
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
    // How much a released entry counts in a page is up to the store, so pages with one are not compared.
    if (expected.some(({ released }) => released) || subject.model.queue(this.queue).some(({ released }) => released))
      return;
    const page = await subject.storage.readQueue(this.queue, this.from, limit);
    report(this.toString(), differences(expected.map(comparableEntry), page.map(comparableEntry), 'page'));
  }

  toString(): string {
    const limit = `at most ${String(this.maxEntries)} entries and ${String(this.maxBytes)} bytes`;
    return `read ${this.queue} from ${String(this.from)}, ${limit}`;
  }
}

function describeChange(change: Change): string {
  switch (change.kind) {
    case 'queue.append': {
      const { id, payload } = change.message;
      const message = `message ${String(id)}, ${String(payload.byteLength)} bytes`;
      return `append ${change.queue} ${String(change.seq)} (${message})`;
    }
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
