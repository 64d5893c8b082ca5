// The queries of the administration: asked of the core, which answers at once, and of storage for what only storage
// has.
import { AdministrationError } from '../ports/index.js';
import type {
  Answers,
  Cursor,
  Page,
  Query,
  QueryKind,
  SessionView,
  StorageError,
  TopicName,
  Seq,
} from '../ports/index.js';
import { BoundedCalls } from './bounded-calls.js';
import type { BrokerParts } from './broker-parts.js';
import { noSessionOf } from './commands.js';
import { checksOf } from './health.js';
import type { Continuation, Found } from './kept-cursors.js';
import type { AnswerOf, CheckedRequestOf, ItemOf, PagedOperation } from './operations.js';
import { inPages, largestInPages } from './pages.js';
import * as show from './views.js';

type PagedQuery = Exclude<QueryKind, 'counts' | 'session' | 'will' | 'shared-queue'>;
type StoredQueue = Pick<SessionView, 'stored' | 'queue'> & show.SentMarks;

/** Of payload, in one page of a queue that is read from storage. */
const PAGE_BYTES = 262_144;
const READS = {
  max: 4,
  timeoutMs: 10_000,
  busy: 'storage is being read for other callers: try again in a moment',
  late: 'storage has not answered within 10 s',
};

/** Authorizers may ask a service or a database. */
const EXPLANATIONS = {
  max: 4,
  timeoutMs: 10_000,
  busy: 'access is being explained to other callers: try again in a moment',
  late: 'the authorizers have not answered within 10 s',
};

/** The first page of each paged operation. */
export type Begin = {
  readonly [Name in PagedOperation]: (
    request: CheckedRequestOf<Name>,
  ) => Continuation<ItemOf<Name>> | Promise<Continuation<ItemOf<Name>>>;
};

export class Queries {
  readonly #reads: BoundedCalls;
  readonly #explanations: BoundedCalls;
  readonly #startedMs: number;

  readonly begin: Begin = {
    clients: ({ clientIdPrefix }) => this.#pages({ kind: 'connections', clientIdPrefix }, show.clientOf),
    sessions: ({ clientIdPrefix }) => this.#pages({ kind: 'sessions', clientIdPrefix }, show.sessionOf),
    subscriptions: ({ clientId }) => {
      if (clientId !== undefined) this.#sessionOf(clientId);
      return this.#pages({ kind: 'subscriptions', clientId }, show.subscriptionOf);
    },
    queue: (request) => this.#queue(request),
    inbound: ({ clientId }) => {
      this.#sessionOf(clientId);
      return this.#pages({ kind: 'inbound', clientId }, (packetId) => packetId);
    },
    queues: () =>
      largestInPages(
        this.#ask({ kind: 'queues' }),
        show.queueOf,
        (one, other) => other.queued - one.queued || other.queuedBytes - one.queuedBytes,
      ),
    route: ({ topic }) => this.#pages({ kind: 'recipients', topic }, show.recipientOf),
    'shared-groups': () => this.#pages({ kind: 'shared-groups' }, show.groupOf),
    retained: ({ topicFilter }) => this.#pages({ kind: 'retained', topicFilter }, show.retainedOf),
  };

  constructor(readonly parts: BrokerParts) {
    this.#reads = new BoundedCalls(parts.clock, READS);
    this.#explanations = new BoundedCalls(parts.clock, EXPLANATIONS);
    this.#startedMs = parts.clock.wallMs();
  }

  status(): AnswerOf<'status'> {
    const { control, version, clock, levels, addresses, listenerKinds } = this.parts;
    const counts = control.query({ kind: 'counts' });
    return {
      version,
      pid: process.pid,
      startedAt: show.instant(this.#startedMs),
      now: show.instant(clock.wallMs()),
      logLevel: levels[0]?.level ?? 'silent',
      listeners: [...addresses].map(([listener, address]) => ({ listener, address, ...listenerKinds.get(listener) })),
      storage: this.storage(),
      connections: counts.connections,
      sessions: counts.sessions,
      subscriptions: counts.subscriptions,
      retainedMessages: counts.retainedMessages,
      retainedBytes: counts.retainedBytes,
      waitingBytes: counts.waitingBytes,
      messages: show.messagesOf(counts),
    };
  }

  storage(): AnswerOf<'storage'> {
    const { storage, storageAdapter, storageState, ackLevel, uncommittedChanges } = this.parts;
    const { isWriting, isReading, error } = storageState;
    return {
      adapter: storageAdapter,
      isDurable: storage.traits.durable,
      ackLevel,
      isWriting,
      isReading,
      ...(error === undefined ? {} : { error }),
      uncommittedChanges: uncommittedChanges(),
    };
  }

  health(): AnswerOf<'health'> {
    const checks = checksOf(this.parts, this.parts.measure());
    return { isReady: checks.every(({ isOk }) => isOk), checks };
  }

  limits(): AnswerOf<'limits'> {
    const { current, perListener } = this.parts.limits;
    return {
      limits: limitsOf(current),
      listeners: [...perListener].map(([listener, limits]) => ({ listener, limits: limitsOf(limits) })),
    };
  }

  async aclExplain({ userName, ...question }: CheckedRequestOf<'acl-explain'>): Promise<AnswerOf<'acl-explain'>> {
    return show.explanationOf(await this.#explanations.run(() => this.parts.explain({ userName, ...question })));
  }

  client(clientId: string): AnswerOf<'client'> {
    const { connection } = this.#sessionOf(clientId);
    if (connection === undefined) throw new AdministrationError('not-found', `the client ${clientId} is not connected`);
    return show.clientOf(connection);
  }

  session(clientId: string): AnswerOf<'session'> {
    const session = show.sessionOf(this.#sessionOf(clientId));
    const will = this.parts.control.query({ kind: 'will', clientId });
    return will === undefined ? session : { ...session, will: show.willOf(will) };
  }

  async retainedMessage({
    topic,
    maxPayloadBytes,
  }: CheckedRequestOf<'retained-message'>): Promise<AnswerOf<'retained-message'>> {
    const [message] = await this.#read(() => this.parts.storage.readRetained([topic as TopicName]));
    if (message === undefined)
      throw new AdministrationError('not-found', `the topic ${topic} has no retained message that is stored`);
    return show.retainedMessageOf(message, { wallAheadMs: this.#wallAheadMs, maxPayloadBytes });
  }

  #queue({ clientId = '', sharedGroup, maxPayloadBytes }: CheckedRequestOf<'queue'>): Continuation<ItemOf<'queue'>> {
    const find = (): StoredQueue | undefined =>
      sharedGroup === undefined
        ? this.parts.control.query({ kind: 'session', clientId })
        : this.parts.control.query({ kind: 'shared-queue', sharedGroup });
    const found = find();
    if (found === undefined)
      throw new AdministrationError(
        'not-found',
        sharedGroup === undefined ? noSessionOf(clientId) : `there is no shared group ${sharedGroup}`,
      );
    if (!found.stored)
      return sharedGroup === undefined
        ? this.#pages({ kind: 'queue', clientId }, show.queuedOf)
        : this.#pages({ kind: 'queue', sharedGroup }, (view) => ({ ...show.queuedOf(view), packetId: undefined }));
    const { queue } = found;
    const from =
      (seq: number): Continuation<ItemOf<'queue'>> =>
      async (limit): Promise<Found<ItemOf<'queue'>>> => {
        const entries = await this.#read(() =>
          this.parts.storage.readQueue(queue, seq as Seq, { maxEntries: limit, maxBytes: PAGE_BYTES }),
        );
        const marks = find() ?? found;
        const display = { wallAheadMs: this.#wallAheadMs, maxPayloadBytes };
        const last = entries.at(-1);
        return {
          items: entries.map((entry) => show.storedOf(entry, marks, display)),
          next: last === undefined ? undefined : from(last.seq + 1),
        };
      };
    return from(0);
  }

  get #wallAheadMs(): number {
    return this.parts.control.query({ kind: 'counts' }).wallAheadMs;
  }

  #sessionOf(clientId: string): SessionView {
    const session = this.parts.control.query({ kind: 'session', clientId });
    if (session === undefined) throw new AdministrationError('not-found', noSessionOf(clientId));
    return session;
  }

  #pages<Kind extends PagedQuery, Item extends object | number>(
    query: QuestionOf<Kind>,
    toItem: (view: ViewOf<Kind>) => Item,
  ): Continuation<Item> {
    return inPages(this.#ask(query), toItem);
  }

  #ask<Kind extends PagedQuery>(
    question: QuestionOf<Kind>,
  ): (examine: number, cursor: Cursor<ViewOf<Kind>> | undefined) => Page<ViewOf<Kind>> {
    // The compiler does not follow the kind through the union of all questions.
    return (examine, cursor) => this.parts.control.query({ ...question, examine, cursor } as unknown as Query<Kind>);
  }

  async #read<T>(read: () => Promise<T>): Promise<T> {
    try {
      return await this.#reads.run(read);
    } catch (error) {
      if (error instanceof AdministrationError) throw error;
      throw new AdministrationError('unavailable', `storage cannot be read: ${(error as StorageError).message}`);
    }
  }
}

type QuestionOf<Kind extends PagedQuery> = WithoutPaging<Query<Kind>>;
type WithoutPaging<One> = One extends unknown ? Omit<One, 'examine' | 'cursor'> : never;
type ViewOf<Kind extends PagedQuery> = Extract<Answers[Kind], { readonly items: unknown }>['items'][number];

const limitsOf = (limits: object): Record<string, number | boolean | string> =>
  Object.fromEntries(
    Object.entries(limits).map(([key, value]) => [key, (value ?? 'off') as number | boolean | string]),
  );
