// Random histories, run on a storage and on the model in parallel and compared after every step; a failing one is
// shrunk to the shortest that still fails. They are histories as the core makes them: seqs ascend, and what belongs to
// a session comes after it. fast-check is a parameter, so that the rest of the kit does not need it.
import type { Arbitrary, AsyncCommand } from 'fast-check';
import type { Change, Message, QueueId, Seq } from '../../ports/index.js';
import { thenDisposed } from '../asking.js';
import { ContractViolation, differences, report, show } from '../compare.js';
import type { FastCheck } from './fast-check.js';
import { intentOf, QUEUES } from './intents.js';
import type { Intent } from './intents.js';
import { messageOf, payloadOf, seq } from './samples.js';
import { Subject, comparableEntry } from './subject.js';
import type { KnownSnapshot, StorageFactory } from './subject.js';

/** The extent of the comparison with the model. */
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
  /** The snapshot that is open. */
  snapshot: KnownSnapshot | undefined;
}

type Step = AsyncCommand<History, Subject>;

export async function runAgainstModel(
  fc: FastCheck,
  factory: StorageFactory,
  options: ModelRunOptions & { readonly reopenTimeoutMs?: number | undefined } = {},
): Promise<void> {
  const { runs = 60, steps = 25, seed: fromSeed, dontShrink = false } = options;
  // Shrinking continues from the history that failed last, so the last failure is the shortest.
  let lastFailed: readonly string[] = [];
  const property = fc.asyncProperty(fc.commands(stepsOf(fc), { maxCommands: steps, size: 'max' }), async (commands) => {
    const subject = await Subject.create(factory, options.reopenTimeoutMs);
    const history: History = { steps: [], snapshot: undefined };
    const run = async (): Promise<void> => {
      try {
        await fc.asyncModelRun(() => ({ model: history, real: subject }), commands);
        await finished(history);
        await subject.verify();
      } catch (error) {
        lastFailed = history.steps;
        throw error;
      }
    };
    await thenDisposed(() => subject.dispose(), run);
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
    fc.constant(new Snapshot()),
    fc
      .tuple(fc.constantFrom(...QUEUES), fc.nat(12), fc.integer({ min: 1, max: 5 }), fc.nat(60))
      .map(([queue, from, maxEntries, maxBytes]) => new ReadPage(queue, seq(from), maxEntries, maxBytes)),
  ];
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

  async run(history: History, subject: Subject): Promise<void> {
    history.steps.push(this.toString());
    await finished(history);
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

  async run(history: History, subject: Subject): Promise<void> {
    history.steps.push(this.toString());
    await finished(history);
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

/** Compares the snapshot that was made earlier, and makes one. */
class Snapshot implements Step {
  check(): boolean {
    return true;
  }

  async run(history: History, subject: Subject): Promise<void> {
    history.steps.push(this.toString());
    await finished(history);
    if (subject.storage.snapshot !== undefined) history.snapshot = await subject.takeSnapshot();
  }

  toString(): string {
    return 'Snapshot';
  }
}

async function finished(history: History): Promise<void> {
  const { snapshot } = history;
  history.snapshot = undefined;
  await snapshot?.verify('some steps later');
  await snapshot?.close();
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
