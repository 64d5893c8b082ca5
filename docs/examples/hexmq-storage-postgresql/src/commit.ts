// How the effect of a batch becomes rows: what goes first, then what comes, in statements of a bounded size.
import type { Message, QueueId } from 'hexmq/ports';
import type { Connection, Row } from './connection.js';
import { EVERY_SEQ } from './effect.js';
import type { Effect, EntryEffect, QueueEffect } from './effect.js';
import { draftHead, messageHead } from './messages.js';
import type { Head } from './messages.js';
import { keyOf } from './names.js';
import type { Named } from './names.js';
import type { RowStatement, Statements } from './statements.js';

/** Of one statement. A single row may have more bytes. */
const ROWS_MAX = 1000;
const BYTES_MAX = 1024 * 1024;
/** What is sent before the answers to it are waited for. */
const UNANSWERED_BYTES_MAX = 8 * BYTES_MAX;
/** From this size on, a message of several queues is stored once. Below, a row of its own costs more than a copy. */
const SHARED_BYTES_MIN = 512;

const NOTHING = new Uint8Array(0);

/** Values of a row of a statement, without those that are `undefined`, and its payload if it has one. */
interface NewRow {
  readonly row: Readonly<Record<string, unknown>>;
  readonly payload?: Uint8Array;
}

/** Writes one batch, inside a transaction that the caller begins and ends. */
export class Commit {
  readonly #connection: Connection;
  readonly #statements: Statements;
  readonly #effect: Effect;
  /** Answers that are not awaited yet. */
  #answers: Promise<unknown>[] = [];
  #unanswered = 0;
  /** Long names that have to be there, by key. */
  readonly #names = new Map<string, string>();
  /** Of the messages that are stored once, those that may no longer be in use. */
  readonly #unused: number[] = [];

  constructor(connection: Connection, statements: Statements, effect: Effect) {
    this.#connection = connection;
    this.#statements = statements;
    this.#effect = effect;
  }

  /** @throws StorageError */
  async write(): Promise<void> {
    const { queues } = this.#effect;
    await this.#dropClients();
    await this.#rows(this.#statements.dropEntries, ranges(queues), (rows) => {
      for (const { id, uses } of rows) if (Number(uses) <= 0) this.#unused.push(Number(id));
    });
    await this.#rows(this.#statements.releaseEntries, releases(queues));
    await this.#writeFacts();
    await this.#writeEntries();
    if (this.#names.size > 0)
      await this.#rows(
        this.#statements.putNames,
        [...this.#names].map(([key, name]) => ({ row: { key, name } })),
      );
    await this.#settle();
    if (this.#unused.length > 0) await this.#connection.run(this.#statements.dropMessages, [this.#unused]);
  }

  async #dropClients(): Promise<void> {
    const { droppedClients, droppedQueues } = this.#effect;
    const { dropSessions, dropSubscriptionsOf, dropInboundOf, dropNames } = this.#statements;
    const clients = [...droppedClients].map((client) => keyOf('client', client).key);
    if (clients.length > 0)
      for (const statement of [dropSessions, dropSubscriptionsOf, dropInboundOf])
        await this.#send(statement, [clients]);
    const queues = [...droppedQueues].map((queue) => keyOf('queue', queue).key);
    const long = [...clients, ...queues].filter((key) => key.startsWith('#'));
    if (long.length > 0) await this.#send(dropNames, [long]);
  }

  async #writeFacts(): Promise<void> {
    const statements = this.#statements;
    const { sessions, subscriptions, inbound, wills, retained } = this.#effect;
    const client = (name: string): string => this.#key('client', name);
    await this.#rows(
      statements.putSessions,
      [...sessions].map(
        ([name, { expiryIntervalS: expiry, disconnectedAtMs, sentBelow: sent, doubtBelow: doubt }]) => ({
          row: { client: client(name), expiry, disconnected: disconnectedAtMs, sent, doubt },
        }),
      ),
    );
    const subscriptionRows = [...subscriptions].flatMap(([name, byFilter]) =>
      [...byFilter].map(([filter, subscription]) => {
        const { key, longName } = keyOf('filter', filter);
        const row = { client: client(name), filter: key, long: longName };
        if (subscription === undefined) return { row, isGone: true };
        const { qos, noLocal, retainAsPublished, retainHandling, identifier } = subscription;
        const options = {
          qos,
          no_local: noLocal,
          as_published: retainAsPublished,
          handling: retainHandling,
          identifier,
        };
        return { row: { ...row, ...options }, isGone: false };
      }),
    );
    await this.#both(statements.dropSubscriptions, statements.putSubscriptions, subscriptionRows);
    const inboundRows = [...inbound].flatMap(([name, ids]) =>
      [...ids].map(([id, isThere]) => ({ row: { client: client(name), id }, isGone: isThere === undefined })),
    );
    await this.#both(statements.dropInbound, statements.putInbound, inboundRows);
    const goneWills = goneOf(wills).map((name) => keyOf('will', name).key);
    if (goneWills.length > 0) await this.#send(statements.dropWills, [goneWills]);
    const longWills = goneWills.filter((key) => key.startsWith('#'));
    if (longWills.length > 0) await this.#send(statements.dropNames, [longWills]);
    const goneTopics = goneOf(retained).map((topic) => keyOf('topic', topic).key);
    if (goneTopics.length > 0) await this.#send(statements.dropRetained, [goneTopics]);
    await this.#rows(statements.putWills, this.#willRows());
    await this.#rows(statements.putRetained, this.#retainedRows());
  }

  *#willRows(): Generator<NewRow> {
    for (const [name, will] of this.#effect.wills) {
      if (will === undefined) continue;
      const { message, delayS: delay, dueAtMs: due } = will;
      const row = { client: this.#key('will', name), head: draftHead(message), delay, due };
      yield { row, payload: message.payload };
    }
  }

  *#retainedRows(): Generator<NewRow> {
    for (const [topic, message] of this.#effect.retained) {
      if (message === undefined) continue;
      const { id, expiresAtMs: expires, payload } = message;
      yield { row: { topic: keyOf('topic', topic).key, id, expires, head: messageHead(message) }, payload };
    }
  }

  /** Messages that are stored once come before the entries that refer to them. */
  async #writeEntries(): Promise<void> {
    const heads = new Map<number, Head>();
    const headOf = (message: Message): Head => {
      let head = heads.get(message.id);
      if (head === undefined) heads.set(message.id, (head = messageHead(message)));
      return head;
    };
    const shared = new Map<number, NewRow>();
    const uses = this.#effect.uses();
    for (const { entries } of this.#effect.queues.values())
      for (const entry of entries.values()) {
        if (typeof entry !== 'object') continue;
        const { message } = entry.append;
        const count = uses.get(message.id) ?? 1;
        if (count === 1 || shared.has(message.id) || !isLarge(message)) continue;
        shared.set(message.id, {
          row: { id: message.id, uses: count, head: headOf(message) },
          payload: message.payload,
        });
      }
    await this.#rows(this.#statements.putMessages, shared.values());
    await this.#rows(this.#statements.putEntries, this.#entryRows(shared, headOf));
  }

  *#entryRows(shared: ReadonlyMap<number, unknown>, headOf: (message: Message) => Head): Generator<NewRow> {
    for (const [queue, { entries }] of this.#effect.queues) {
      let key: string | undefined;
      for (const entry of entries.values()) {
        if (typeof entry !== 'object') continue;
        key ??= this.#key('queue', queue);
        const { released } = entry;
        const { seq, message, qos, retain, identifiers } = entry.append;
        const bytes = released ? 0 : message.payload.byteLength;
        const row = { queue: key, seq, qos, retain, identifiers, released, bytes };
        if (shared.has(message.id)) yield { row: { ...row, message: message.id } };
        else yield { row: { ...row, head: headOf(message) }, payload: released ? NOTHING : message.payload };
      }
    }
  }

  async #both(
    drop: RowStatement,
    put: RowStatement,
    all: readonly (NewRow & { readonly isGone: boolean })[],
  ): Promise<void> {
    await this.#rows(
      drop,
      all.filter(({ isGone }) => isGone),
    );
    await this.#rows(
      put,
      all.filter(({ isGone }) => !isGone),
    );
  }

  #key(named: Named, name: string): string {
    const { key, longName } = keyOf(named, name);
    if (longName !== undefined) this.#names.set(key, longName);
    return key;
  }

  /** Sends rows in statements of a bounded size, none for no rows. */
  async #rows(statement: RowStatement, all: Iterable<NewRow>, answer?: (rows: readonly Row[]) => void): Promise<void> {
    let rows: string[] = [];
    let payloads: Uint8Array[] = [];
    let textLength = 0;
    let at = 0;
    const flush = async (): Promise<void> => {
      const values: unknown[] = [`[${rows.join(',')}]`];
      if (statement.hasPayloads) values.push(Buffer.concat(payloads));
      const bytes = textLength + at;
      rows = [];
      payloads = [];
      textLength = at = 0;
      await this.#send(statement, values, bytes, answer);
    };
    for (const { row, payload } of all) {
      const cut = payload && { at: at + 1, length: payload.byteLength };
      const text = JSON.stringify({ ...row, ...cut });
      rows.push(text);
      textLength += text.length;
      if (payload !== undefined) {
        payloads.push(payload);
        at += payload.byteLength;
      }
      if (rows.length >= ROWS_MAX || textLength + at >= BYTES_MAX) await flush();
    }
    if (rows.length > 0) await flush();
  }

  async #send(
    statement: RowStatement,
    values: readonly unknown[],
    bytes = 0,
    answer: (rows: readonly Row[]) => void = () => undefined,
  ): Promise<void> {
    const done = this.#connection.run(statement, values).then(answer);
    // Its failure is reported where it is awaited.
    done.catch(() => undefined);
    this.#answers.push(done);
    this.#unanswered += bytes;
    // Also lets the event loop run between the statements of a large batch.
    if (this.#unanswered >= UNANSWERED_BYTES_MAX || this.#answers.length >= 8) await this.#settle();
  }

  async #settle(): Promise<void> {
    const answers = this.#answers;
    this.#answers = [];
    this.#unanswered = 0;
    const failure = (await Promise.allSettled(answers)).find(({ status }) => status === 'rejected');
    if (failure?.status === 'rejected') throw failure.reason as Error;
  }
}

const goneOf = (puts: ReadonlyMap<string, unknown>): string[] =>
  [...puts].filter(([, value]) => value === undefined).map(([name]) => name);

const isLarge = ({ payload, properties }: Message): boolean =>
  payload.byteLength + (properties?.userProperties?.bytes.byteLength ?? 0) >= SHARED_BYTES_MIN;

/**
 * The entries that go, as ranges of seqs. Those that are put go first, because a batch may come again: that is one
 * range, where there mostly is nothing.
 */
function* ranges(queues: ReadonlyMap<QueueId, QueueEffect>): Generator<NewRow> {
  for (const [name, { through, entries }] of queues) {
    const queue = keyOf('queue', name).key;
    if (through >= 0) yield { row: { queue, low: 0, high: through } };
    if (through === EVERY_SEQ) continue;
    let low = -1;
    let high = -1;
    for (const seq of seqsToDelete(through, entries)) {
      if (seq === high + 1 && low >= 0) high = seq;
      else {
        if (low >= 0) yield { row: { queue, low, high } };
        low = high = seq;
      }
    }
    if (low >= 0) yield { row: { queue, low, high } };
  }
}

function* seqsToDelete(through: number, entries: ReadonlyMap<number, EntryEffect>): Generator<number> {
  for (const [seq, entry] of entries) if (entry !== 'released' && seq > through) yield seq;
}

function* releases(queues: ReadonlyMap<QueueId, QueueEffect>): Generator<NewRow> {
  for (const [name, { entries }] of queues)
    for (const [seq, entry] of entries)
      if (entry === 'released') yield { row: { queue: keyOf('queue', name).key, seq } };
}
