// The operations of the administration as one table: name, kind, role, and the schemas of request and answer. The HTTP
// API, the protocol of the Unix socket, validation, the OpenAPI document and the types of the command line come from
// it, so that none of them can say something else.
import * as z from 'zod';
import type { AdministrationRole } from '../ports/index.js';
import * as s from './schemas.js';

interface Operation<Request extends z.ZodType = z.ZodType, Answer extends z.ZodType = z.ZodType> {
  readonly kind: 'query' | 'command';
  readonly role: AdministrationRole;
  readonly summary: string;
  readonly request: Request;
  readonly answer: Answer;
}

const query = <Request extends z.ZodType, Answer extends z.ZodType>(
  summary: string,
  request: Request,
  answer: Answer,
): Operation<Request, Answer> => ({ kind: 'query', role: 'read', summary, request, answer });

const command = <Request extends z.ZodType, Answer extends z.ZodType>(
  summary: string,
  request: Request,
  answer: Answer,
): Operation<Request, Answer> => ({ kind: 'command', role: 'write', summary, request, answer });

const ofClient = () => s.request({ clientId: s.clientId() });
const byPrefix = () =>
  s.pageRequest({ clientIdPrefix: s.text('Only clients whose Client Identifier begins with this.').optional() });
const done = () => z.strictObject({ result: z.literal('done') });

export const OPERATIONS = {
  status: query('What runs, since when, and how much there is of everything.', s.request({}), s.status),
  caller: query('Who calls, and with which role.', s.request({}), s.caller),
  clients: query('Network connections, in the order of their opening.', byPrefix(), s.page(s.client)),
  client: query('The connection of one client.', ofClient(), s.client),
  sessions: query('Sessions, with a connection or without.', byPrefix(), s.page(s.session)),
  session: query('The session of one client, with its connection and its will.', ofClient(), s.sessionInFull),
  subscriptions: query(
    'The subscriptions of all clients, or of one.',
    s.pageRequest({ clientId: s.clientId().optional() }),
    s.page(s.subscription),
  ),
  queue: query(
    'The messages in the queue of one client or shared group: those in flight and those that wait.',
    s.queueRequest,
    s.page(s.queuedMessage),
  ),
  inbound: query(
    'The Packet Identifiers of QoS 2 messages of one client that wait for its PUBREL.',
    s.pageRequest({ clientId: s.clientId() }),
    s.page(z.int()),
  ),
  queues: query(
    'The largest queues among those that one page looks at; all pages together look at every queue.',
    s.pageRequest({}),
    s.page(s.queue),
  ),
  route: query(
    'The subscriptions that a message on a topic would go to.',
    s.pageRequest({ topic: s.topic() }),
    s.page(s.recipient),
  ),
  'shared-groups': query('The groups of shared subscriptions.', s.pageRequest({}), s.page(s.sharedGroup)),
  retained: query(
    'The topics with a retained message.',
    s.pageRequest({ topicFilter: s.topicFilter().default('#') }),
    s.page(s.retained),
  ),
  'retained-message': query(
    'The retained message of one topic.',
    s.request({ topic: s.topic(), maxPayloadBytes: s.maxPayloadBytes() }),
    s.retainedMessage,
  ),
  limits: query('The limits in force.', s.request({}), s.limits),
  storage: query('The state of the storage.', s.request({}), s.storage),
  metrics: query('All metrics, as they are now.', s.request({}), z.array(s.metric)),
  health: query('Whether the broker can serve clients, with each check.', s.request({}), s.health),
  'acl-explain': query(
    'Whether a client may do something, and the access rule that decides.',
    s.request({
      clientId: s.clientId(),
      userName: s.text('The user name; absent for a client without one.').optional(),
      action: s.oneOf(s.ACCESS_ACTIONS, 'What the client would do.'),
      topic: s.text('A Topic Name; for subscribe a Topic Filter.'),
    }),
    s.explanation,
  ),
  disconnect: command(
    'Ends the connection of a client. It counts as lost: its will is published, and a stored session stays.',
    ofClient(),
    done(),
  ),
  'delete-session': command(
    'Ends a session, with its connection, its subscriptions and its queue.',
    ofClient(),
    done(),
  ),
  'delete-retained': command('Removes the retained message of a topic.', s.request({ topic: s.topic() }), done()),
  'purge-queue': command(
    'Drops what waits for a client. What was sent to it stays until it is acknowledged.',
    ofClient(),
    z.strictObject({ dropped: z.int().describe('How many messages were dropped.') }),
  ),
  publish: command(
    'Publishes a message, which no permissions limit.',
    s.publication,
    z.strictObject({
      matched: z.int().describe('How many subscriptions matched.'),
      accepted: z.int().describe('To how many the message was sent, or for how many it waits.'),
    }),
  ),
  reload: command(
    'Reads the limits, password files, access rules and certificates again.',
    s.request({}),
    z.strictObject({
      problems: z.array(z.string()).describe('What could not be read; it stays as it was.'),
      restartNeeded: z.array(z.string()).describe('Keys that have changed and are only read at a start.'),
    }),
  ),
  'log-level': command(
    'Sets the level of the log until the next start.',
    s.request({ level: s.oneOf(s.LOG_LEVELS, 'The least severe level that is logged.') }),
    z.strictObject({ level: z.string(), before: z.string() }),
  ),
} as const satisfies Readonly<Record<string, Operation>>;

export type OperationName = keyof typeof OPERATIONS;
/** A request as a caller writes it, without defaults. */
export type RequestOf<Name extends OperationName> = z.input<(typeof OPERATIONS)[Name]['request']>;
/** A request that was checked. */
export type CheckedRequestOf<Name extends OperationName> = z.output<(typeof OPERATIONS)[Name]['request']>;
export type AnswerOf<Name extends OperationName> = z.output<(typeof OPERATIONS)[Name]['answer']>;
/** The operations that answer in pages. */
export type PagedOperation = {
  [Name in OperationName]: AnswerOf<Name> extends { items: unknown[] } ? Name : never;
}[OperationName];
export type ItemOf<Name extends PagedOperation> = AnswerOf<Name>['items'][number];

export const isOperation = (name: string): name is OperationName => Object.hasOwn(OPERATIONS, name);
