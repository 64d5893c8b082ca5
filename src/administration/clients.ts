// Clients, sessions and retained messages for programs in the process: the queries and commands of the core behind a
// typed port.
import { AdministrationError, topicFilterProblem } from '../ports/index.js';
import type {
  BrokerControl,
  ClientCounts,
  Clients,
  ClientSelection,
  ClientSession,
  Command,
  ConnectedClient,
  ConnectionView,
  Cursor,
  Page,
  RetainedMessage,
  RetainedTopic,
  RetainedView,
  SessionView,
  Storage,
  TopicName,
} from '../ports/index.js';

export interface ClientsParts {
  readonly control: Pick<BrokerControl, 'query' | 'command'>;
  /** Whether queries and commands are possible. */
  readonly isRunning: () => boolean;
  readonly storage: Pick<Storage, 'readRetained'>;
  /** Calls back after what is there now has been handled. */
  readonly later: (callback: () => void) => void;
}

/** In whose name the embedding program acts. */
const EMBEDDING_PROGRAM = 'embedding program';
/** Things that one page looks at: clients wait meanwhile. */
const EXAMINE = 500;

export class ClientDirectory implements Clients {
  readonly #parts: ClientsParts;
  readonly #actor: string;

  readonly sessions: Clients['sessions'] = {
    list: ({ prefix } = {}) => {
      const clientIdPrefix = prefixOf(prefix);
      return this.#list(
        (cursor: Cursor<SessionView> | undefined) =>
          this.#query({ kind: 'sessions', clientIdPrefix, examine: EXAMINE, cursor }),
        sessionOf,
      );
    },
    get: (clientId) =>
      Promise.resolve().then(() => {
        const view = this.#query({ kind: 'session', clientId: textOf('clientId', clientId) });
        return view === undefined ? undefined : sessionOf(view);
      }),
    delete: (clientId) => this.#command({ kind: 'delete-session', clientId }),
  };

  readonly retained: Clients['retained'] = {
    list: (topicFilter = '#') => {
      const problem = topicFilterProblem(textOf('topicFilter', topicFilter));
      if (problem !== undefined) throw new RangeError(`topicFilter: ${problem}`);
      return this.#list(
        (cursor: Cursor<RetainedView> | undefined) =>
          this.#query({ kind: 'retained', topicFilter, examine: EXAMINE, cursor }),
        topicOf,
      );
    },
    get: (topic) => this.#retainedMessage(topic),
    delete: (topic) => this.#command({ kind: 'delete-retained', topic }),
  };

  /** @param actor in whose name commands are given; default: the embedding program. */
  constructor(parts: ClientsParts, actor = EMBEDDING_PROGRAM) {
    this.#parts = parts;
    this.#actor = actor;
  }

  /** The same for a plugin, in its name. */
  ownedBy(actor: string): ClientDirectory {
    return new ClientDirectory(this.#parts, actor);
  }

  list({ prefix }: ClientSelection = {}): AsyncIterable<ConnectedClient> {
    const clientIdPrefix = prefixOf(prefix);
    return this.#list(
      (cursor: Cursor<ConnectionView> | undefined) =>
        this.#query({ kind: 'connections', clientIdPrefix, examine: EXAMINE, cursor }),
      clientOf,
    );
  }

  async get(clientId: string): Promise<ConnectedClient | undefined> {
    return (await this.sessions.get(clientId))?.connection;
  }

  disconnect(clientId: string, { reasonCode }: { readonly reasonCode?: number | undefined } = {}): Promise<boolean> {
    return this.#command({ kind: 'disconnect', clientId, ...(reasonCode === undefined ? {} : { reasonCode }) });
  }

  counts(): Promise<ClientCounts> {
    return Promise.resolve().then(() => {
      const counts = this.#query({ kind: 'counts' });
      const { connections: connected, sessions, subscriptions, retainedMessages, queued } = counts;
      return { connected, sessions, subscriptions, retainedMessages, queued };
    });
  }

  readonly #query: BrokerControl['query'] = (query) => {
    this.#requireRunning();
    return this.#parts.control.query(query);
  };

  async #command(command: Command): Promise<boolean> {
    this.#requireRunning();
    try {
      const { result } = await this.#parts.control.command(command, this.#actor);
      return result !== 'not-found';
    } catch (error) {
      if (error instanceof TypeError) throw error;
      throw new AdministrationError('unavailable', (error as Error).message);
    }
  }

  #requireRunning(): void {
    if (!this.#parts.isRunning()) throw new AdministrationError('unavailable', 'the broker does not run');
  }

  async *#list<View, Shown>(
    read: (cursor: Cursor<View> | undefined) => Page<View>,
    show: (view: View) => Shown | undefined,
  ): AsyncGenerator<Shown> {
    for (let cursor: Cursor<View> | undefined, isFirst = true; isFirst || cursor !== undefined; isFirst = false) {
      const page = read(cursor);
      for (const view of page.items) {
        const shown = show(view);
        if (shown !== undefined) yield shown;
      }
      cursor = page.next;
      await new Promise<void>((resolve) => {
        this.#parts.later(resolve);
      });
    }
  }

  async #retainedMessage(topic: string): Promise<RetainedMessage | undefined> {
    textOf('topic', topic);
    this.#requireRunning();
    const [message] = await this.#read(topic as TopicName);
    if (message === undefined) return undefined;
    const { payload, qos, properties, publisher } = message;
    return { topic, payload, qos, properties, publisher };
  }

  async #read(topic: TopicName): ReturnType<Storage['readRetained']> {
    try {
      return await this.#parts.storage.readRetained([topic]);
    } catch (error) {
      throw new AdministrationError('unavailable', `storage cannot be read: ${(error as Error).message}`);
    }
  }
}

/** `undefined` for a connection that is not accepted yet. */
function clientOf(view: ConnectionView): ConnectedClient | undefined {
  const { clientId, connection, state, stateSinceMs, listener, remoteAddress, protocolVersion, keepAliveS } = view;
  if (clientId === undefined || protocolVersion === undefined || state !== 'connected') return undefined;
  const connectedSince = new Date(stateSinceMs);
  const { isCongested } = view;
  return {
    clientId,
    connection,
    connectedSince,
    listener,
    remoteAddress,
    protocolVersion,
    keepAlive: keepAliveS,
    isCongested,
  };
}

function sessionOf(view: SessionView): ClientSession {
  const { clientId, stored, expiryIntervalS, disconnectedAtMs, subscriptions, queued, queuedBytes, hasWill } = view;
  return {
    clientId,
    isStored: stored,
    expiryInterval: expiryIntervalS,
    disconnectedAt: disconnectedAtMs === undefined ? undefined : new Date(disconnectedAtMs),
    subscriptions,
    inFlight: view.outboundInFlight,
    queued,
    queuedBytes,
    hasWill,
    connection: view.connection === undefined ? undefined : clientOf(view.connection),
  };
}

const topicOf = ({ topic, payloadBytes, expiresAtMs }: RetainedView): RetainedTopic => ({
  topic,
  payloadBytes,
  expiresAt: expiresAtMs === undefined ? undefined : new Date(expiresAtMs),
});

const prefixOf = (prefix: unknown): string | undefined =>
  prefix === undefined ? undefined : textOf('selection.prefix', prefix);

function textOf(field: string, value: unknown): string {
  if (typeof value !== 'string') throw new TypeError(`${field}: a text is expected, got ${typeof value}`);
  return value;
}
