// A backup as an operator takes it, by the broker's own life cycle of backups: the command, a snapshot, and a reader
// that takes its time while the broker goes on. What was read is compared with what the disk had at that moment.
import { Backups } from '../../application/backups.js';
import { AdministrationError } from '../../ports/index.js';
import type { Change, CommandOutcome, QueueId, Seq, StorageSnapshot } from '../../ports/index.js';
import type { DiskMoment, SimulatedDisk } from './disk.js';
import { DiskContents } from './evidence/disk-contents.js';
import type { BrokerIncarnation } from './incarnation.js';
import type { Model } from './model.js';
import type { Script } from './script.js';

const PAGE = { maxEntries: 10, maxBytes: 10_000 };

/** Of one incarnation of the broker. */
export class BackupReader {
  readonly #backups: Backups;
  #moment: DiskMoment | undefined;
  #readMs = 0;

  constructor(
    readonly incarnation: BrokerIncarnation,
    readonly disk: SimulatedDisk,
    readonly model: Model,
    readonly script: Script,
  ) {
    this.#backups = new Backups({
      storage: { snapshot: () => this.#snapshot() },
      adapter: 'simulated',
      begin: (actor) => this.#begin(actor),
      textOf: (snapshot) => this.#read(snapshot),
      clock: incarnation,
      emit: () => undefined,
    });
  }

  /** Takes a backup, and pauses for so long before each part of it. */
  run(readMs: number): void {
    this.#run(readMs).catch((error: unknown) => {
      // Another one is under way, storage takes too long, or the broker stops.
      if (!(error instanceof AdministrationError) && !this.incarnation.isDead) this.model.failed(error);
    });
  }

  async #run(readMs: number): Promise<void> {
    const backup = await this.#backups.begin('the plan');
    this.#readMs = readMs;
    for await (const text of backup.text) {
      if (this.incarnation.isDead) return;
      this.script.note('operator', 'has a backup');
      this.model.backedUp(JSON.parse(text) as string[]);
    }
  }

  async #begin(actor: string): Promise<CommandOutcome> {
    const { incarnation, model } = this;
    const command = { kind: 'backup' } as const;
    const observed = model.commandGiven(command);
    const outcome = await incarnation.service.command(command, actor);
    if (!incarnation.isDead) model.commandAnswered(observed, outcome);
    return outcome;
  }

  async #snapshot(): Promise<StorageSnapshot> {
    this.#moment = await this.disk.snapshot();
    if (this.#moment === undefined) throw new AdministrationError('refused', 'the storage has no snapshots');
    return this.#moment.snapshot;
  }

  /** With pauses, so that the broker commits between two parts of it. @returns the differences, as JSON. */
  async *#read(snapshot: StorageSnapshot): AsyncGenerator<{ readonly text: string; readonly facts: number }> {
    await this.#pass();
    const contents = new DiskContents();
    for await (const fact of snapshot.load()) {
      if (fact.kind === 'queue') {
        await this.#pass();
        contents.apply(await readQueue(snapshot, fact.queue), 0);
      } else if (fact.kind === 'retained') {
        const messages = await snapshot.readRetained([fact.topic]);
        contents.apply(
          messages.map((message) => ({ kind: 'retained.put', message })),
          0,
        );
      } else if (fact.kind === 'session') contents.apply([{ kind: 'session.put', session: fact.session }], 0);
      else if (fact.kind === 'subscription')
        contents.apply([{ kind: 'subscription.put', subscription: fact.subscription }], 0);
      else if (fact.kind === 'inbound')
        contents.apply([{ kind: 'inbound.put', clientId: fact.clientId, packetId: fact.packetId }], 0);
      else if (fact.kind === 'will') contents.apply([{ kind: 'will.put', will: fact.will }], 0);
    }
    const expected = this.#moment?.expected() ?? [];
    const differences = expected.map((one) => differencesOf(one, contents));
    const isRight = differences.some(({ length }) => length === 0);
    yield { text: JSON.stringify(isRight ? [] : differences[0]), facts: 0 };
  }

  #pass(): Promise<void> {
    const { incarnation } = this;
    if (this.#readMs === 0) return Promise.resolve();
    return new Promise((resolve) => incarnation.at(incarnation.nowMs() + this.#readMs, resolve));
  }
}

async function readQueue(snapshot: StorageSnapshot, queue: QueueId): Promise<Change[]> {
  const changes: Change[] = [];
  let from = 0 as Seq;
  for (;;) {
    const page = await snapshot.readQueue(queue, from, PAGE);
    const last = page.at(-1);
    if (last === undefined) return changes;
    for (const { released, ...entry } of page) {
      changes.push({ kind: 'queue.append', queue, ...entry });
      if (released) changes.push({ kind: 'queue.release', queue, seq: entry.seq });
    }
    from = (last.seq + 1) as Seq;
  }
}

function differencesOf(expected: DiskContents, contents: DiskContents): string[] {
  const has = textOf(contents);
  return Object.entries(textOf(expected)).flatMap(([what, text]) =>
    has[what] === text ? [] : [`${what}: the disk had ${text}, the backup has ${has[what]}`],
  );
}

/** What the contents have, without the order in which it came. */
const textOf = (contents: DiskContents): Record<string, string> => ({
  sessions: sorted(
    [...contents.sessions.keys()].map((name) => [
      name,
      contents.expiryMs.get(name),
      contents.disconnectedAtMs.get(name),
    ]),
  ),
  subscriptions: sorted(
    [...contents.subscriptions].flatMap(([name, of]) => [...of].map(([filter, { qos }]) => [name, filter, qos])),
  ),
  inbound: sorted([...contents.inbound].flatMap(([name, of]) => [...of.keys()].map((packetId) => [name, packetId]))),
  wills: sorted([...contents.wills].map(([name, tag]) => [name, tag, contents.willDueAtMs.get(name)])),
  queues: sorted(
    [...contents.queues].flatMap(([queue, of]) =>
      [...of].map(([seq, { tag, released }]) => [queue, seq, released ? '' : tag, released]),
    ),
  ),
  retained: sorted([...contents.retained]),
});

const sorted = (rows: readonly (readonly unknown[])[]): string =>
  rows
    .map((row) => JSON.stringify(row))
    .sort()
    .join(' ');
