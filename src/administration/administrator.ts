// The administration of a running broker behind its port: finds the operation, checks the role and the request, carries
// it out, and turns every failure that a caller can cause into an error that says what was wrong.
import type * as z from 'zod';
import { AdministrationError } from '../ports/index.js';
import type {
  Actor,
  Administration,
  AdministrationRole,
  Backup,
  MetricsText,
  OperationDescription,
  RecordStream,
  RequestProblem,
  StreamDescription,
} from '../ports/index.js';
import type { BrokerParts } from './broker-parts.js';
import { Commands } from './commands.js';
import { descriptions, openApiOf, streamDescriptions } from './openapi.js';
import { KeptCursors } from './kept-cursors.js';
import { Metrics } from './metrics/metrics.js';
import { isOperation, OPERATIONS } from './operations.js';
import { PluginOperations } from './plugin-operations.js';
import type { AnswerOf, CheckedRequestOf, OperationName, PagedOperation } from './operations.js';
import { Queries } from './queries.js';
import { isStream, STREAMS, Streams } from './streams.js';

type Handlers = {
  readonly [Name in Exclude<OperationName, PagedOperation>]: (
    request: CheckedRequestOf<Name>,
    actor: Actor,
  ) => AnswerOf<Name> | Promise<AnswerOf<Name>>;
};

interface AnyPageRequest {
  readonly limit: number;
  readonly cursor?: string | undefined;
}

export class Administrator implements Administration {
  readonly #cursors: KeptCursors;
  readonly #queries: Queries;
  readonly #commands: Commands;
  readonly #streams: Streams;
  readonly #backups: BrokerParts['backups'];
  readonly #metrics: Metrics;
  readonly #ofPlugins: PluginOperations;
  readonly #version: string;

  readonly #handlers: Handlers = {
    status: () => this.#queries.status(),
    caller: (_request, { name, role }) => ({ name, role }),
    client: ({ clientId }) => this.#queries.client(clientId),
    session: ({ clientId }) => this.#queries.session(clientId),
    'retained-message': (request) => this.#queries.retainedMessage(request),
    limits: () => this.#queries.limits(),
    metrics: () => this.#metrics.json(),
    health: () => this.#queries.health(),
    storage: () => this.#queries.storage(),
    'acl-explain': (request) => this.#queries.aclExplain(request),
    disconnect: (request, actor) => this.#commands.disconnect(request, actor),
    'delete-session': (request, actor) => this.#commands.deleteSession(request, actor),
    'delete-retained': (request, actor) => this.#commands.deleteRetained(request, actor),
    'purge-queue': (request, actor) => this.#commands.purgeQueue(request, actor),
    publish: (request, actor) => this.#commands.publish(request, actor),
    reload: (_request, actor) => this.#commands.reload(actor),
    'log-level': (request, actor) => this.#commands.logLevel(request, actor),
  };

  constructor(parts: BrokerParts) {
    this.#cursors = new KeptCursors(parts.clock);
    this.#queries = new Queries(parts);
    this.#commands = new Commands(parts);
    this.#streams = new Streams(parts);
    this.#backups = parts.backups;
    this.#metrics = new Metrics(parts);
    this.#ofPlugins = new PluginOperations(parts.pluginOperations, parts.clock);
    this.#version = parts.version;
  }

  /** Made when it is first needed: a start needs none of it. */
  get operations(): ReadonlyMap<string, OperationDescription> {
    const ofPlugins = this.#ofPlugins.descriptions;
    if (ofPlugins.length === 0) return descriptions();
    return new Map([...descriptions(), ...ofPlugins.map((one) => [one.name, one] as const)]);
  }

  get streams(): ReadonlyMap<string, StreamDescription> {
    return streamDescriptions();
  }

  get openApi(): object {
    return openApiOf(this.#version, this.#ofPlugins.descriptions);
  }

  metrics(): Promise<MetricsText> {
    return this.#metrics.text();
  }

  async call(operation: string, given: unknown, actor: Actor): Promise<unknown> {
    const isOfBroker = isOperation(operation);
    const found = isOfBroker ? OPERATIONS[operation] : this.#ofPlugins.find(operation);
    if (found === undefined) throw unknown('operation', operation, OPERATIONS);
    const { role, request: schema } = found;
    requireRole(role, operation, actor);
    const request = check(schema, given);
    try {
      return await (isOfBroker
        ? this.#carryOut(operation, request, actor)
        : this.#ofPlugins.call(operation, request, actor));
    } catch (error) {
      throw reported(error);
    }
  }

  async open(stream: string, given: unknown, actor: Actor): Promise<RecordStream> {
    if (!isStream(stream)) throw unknown('stream', stream, STREAMS);
    const { role, request: schema } = STREAMS[stream];
    requireRole(role, stream, actor);
    const request = check(schema, given);
    try {
      return await Promise.resolve(this.#streams.open(stream, request, actor));
    } catch (error) {
      throw reported(error);
    }
  }

  async backup(actor: Actor, given?: AbortSignal): Promise<Backup> {
    requireRole('write', 'backup', actor);
    try {
      return await this.#backups.begin(actor.name, given);
    } catch (error) {
      throw reported(error);
    }
  }

  /** No page continues any more, every stream ends, and so does a backup under way. */
  async close(): Promise<void> {
    this.#cursors.close();
    this.#streams.close();
    await this.#backups.stop();
  }

  #carryOut(operation: OperationName, request: unknown, actor: Actor): unknown {
    if (operation in this.#handlers) {
      const handle = this.#handlers[operation as keyof Handlers] as (request: unknown, actor: Actor) => unknown;
      return handle(request, actor);
    }
    return this.#page(operation as PagedOperation, request as AnyPageRequest);
  }

  async #page(operation: PagedOperation, request: AnyPageRequest): Promise<object> {
    const { limit, cursor } = request;
    const begin = this.#queries.begin[operation] as (request: AnyPageRequest) => ReturnType<KeptCursors['take']>;
    const next = cursor === undefined ? begin(request) : this.#cursors.take(operation, cursor);
    const found = await next(limit);
    return found.next === undefined
      ? { items: found.items }
      : { items: found.items, cursor: this.#cursors.keep(operation, found.next) };
  }
}

function unknown(what: string, name: string, table: object): AdministrationError {
  const names = Object.keys(table).join(', ');
  return new AdministrationError('unknown-operation', `there is no ${what} ${name}, expected one of ${names}`);
}

function reported(error: unknown): AdministrationError {
  if (error instanceof AdministrationError) return error;
  // The broker is stopping: nothing else makes the core refuse a request that was checked.
  return new AdministrationError('unavailable', error instanceof Error ? error.message : String(error));
}

function requireRole(role: AdministrationRole, operation: string, actor: Actor): void {
  if (role === 'write' && actor.role !== 'write')
    throw new AdministrationError('forbidden', `${operation} needs the role write, and ${actor.name} has read`);
}

function check(schema: z.ZodType, given: unknown): unknown {
  const parsed = schema.safeParse(given ?? {});
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.flatMap(problemsOf);
  const [first] = problems;
  const where = first === undefined || first.parameter === '' ? '' : `${first.parameter}: `;
  throw new AdministrationError('invalid', `${where}${first?.detail ?? 'the request is not valid'}`, problems);
}

function problemsOf(issue: z.core.$ZodIssue): RequestProblem[] {
  if (issue.code === 'unrecognized_keys')
    return issue.keys.slice(0, 10).map((key) => ({ parameter: shortened(key), detail: 'there is no such parameter' }));
  return [{ parameter: issue.path.map(String).join('.'), detail: issue.message }];
}

const shortened = (key: string): string => (key.length > 60 ? `${key.slice(0, 57)}...` : key);
