// The HTTP API: each operation and each stream of the administration under a path of its own, on Fastify. Queries and
// streams are GET, or POST for names that are too long for a URL; commands are POST. Loaded when it is needed, because
// a start needs none of it.
import type { IncomingMessage, OutgoingHttpHeaders, RequestListener, Server } from 'node:http';
import Fastify from 'fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest, FastifyServerOptions } from 'fastify';
import { AdministrationError } from 'hexmq/ports';
import type { Actor, Administration, OperationDescription, StreamDescription } from 'hexmq/ports';
import type { Identify } from './access.js';
import { BACKUP_PATH } from './backup-path.js';
import { sendBackup } from './backup.js';
import { isOpenTo, LIVE_PATH, METRICS_PATH, READY_PATH } from './open-paths.js';
import { parametersOf } from './parameters.js';
import { problem, problemOf } from './problem.js';
import type { Problem } from './problem.js';
import { sendRecords } from './send-records.js';

export interface AppParts {
  readonly administration: Administration;
  readonly server: Server;
  readonly identify: Identify;
  /** A request was refused because its sender is not known, or may not do this. */
  readonly refused: (request: IncomingMessage, detail: string) => void;
}

const BASE = '/api/v1/';
const ON_LOOPBACK: Actor = { name: 'loopback', role: 'read' };
const PROBE = { exposeHeadRoute: true };
const BODY_BYTES_MAX = 1_048_576;
/** Requests that are being answered, of all connections. */
const RUNNING_MAX = 32;

/**
 * No route has a schema of its own: validation is that of the administration, whatever endpoint a request comes
 * through. With these in place, Fastify does not load its compilers of schemas.
 */
const NO_COMPILERS = {
  buildValidator: () => notUsed,
  buildSerializer: () => notUsed,
} as unknown as NonNullable<NonNullable<FastifyServerOptions['schemaController']>['compilersFactory']>;

/** The handler of requests. */
export async function createApp(parts: AppParts): Promise<RequestListener> {
  const app: FastifyInstance = Fastify({
    serverFactory: () => parts.server,
    schemaController: { compilersFactory: NO_COMPILERS },
    bodyLimit: BODY_BYTES_MAX,
    exposeHeadRoutes: false,
    frameworkErrors: (error, _request, reply) => {
      send(reply, problemOf(error));
    },
  });
  const actors = new WeakMap<FastifyRequest, Actor>();
  bound(app, parts.administration);
  app.addHook('onRequest', async (request, reply) => {
    const known = parts.identify(request.raw);
    const isOpen = typeof known === 'string' && isOpenTo(request.raw);
    const actor = isOpen ? ON_LOOPBACK : known;
    if (typeof actor !== 'string') {
      actors.set(request, actor);
      return;
    }
    parts.refused(request.raw, actor);
    // The rest of the request is of no interest.
    reply.header('www-authenticate', 'Bearer').header('connection', 'close');
    return send(reply, problem('unauthorized', actor));
  });
  app.setErrorHandler((error, request, reply) => {
    if (error instanceof AdministrationError && error.kind === 'forbidden') parts.refused(request.raw, error.message);
    send(reply, problemOf(error));
  });
  app.setNotFoundHandler((request, reply) => {
    notFound(parts.administration, request, reply);
  });
  const { administration } = parts;
  for (const operation of administration.operations.values()) addOperation(app, administration, operation, actors);
  for (const stream of administration.streams.values()) addStream(app, administration, stream, actors);
  app.get(BACKUP_PATH, (request, reply) => sendBackup(administration, actors.get(request) as Actor, reply));
  addProbes(app, administration);
  app.get(`${BASE}openapi.json`, () => administration.openApi);
  await app.ready();
  return (request, response) => {
    app.routing(request, response);
  };
}

function addOperation(
  app: FastifyInstance,
  administration: Administration,
  { name, kind, request: schema }: OperationDescription,
  actors: WeakMap<FastifyRequest, Actor>,
): void {
  const call = (request: FastifyRequest, given: unknown): Promise<unknown> =>
    administration.call(name, given, actors.get(request) as Actor);
  app.post(`${BASE}${name}`, (request) => call(request, request.body ?? {}));
  if (kind === 'query') app.get(`${BASE}${name}`, (request) => call(request, parametersOf(request.query, schema)));
}

function addStream(
  app: FastifyInstance,
  administration: Administration,
  { name, request: schema }: StreamDescription,
  actors: WeakMap<FastifyRequest, Actor>,
): void {
  const open = async (request: FastifyRequest, reply: FastifyReply, given: unknown): Promise<void> => {
    const stream = await administration.open(name, given, actors.get(request) as Actor);
    reply.hijack();
    await sendRecords(reply.raw, reply.getHeaders() as OutgoingHttpHeaders, stream);
  };
  app.post(`${BASE}${name}`, (request, reply) => open(request, reply, request.body ?? {}));
  app.get(`${BASE}${name}`, (request, reply) => open(request, reply, parametersOf(request.query, schema)));
}

/** What monitoring asks for: metrics as Prometheus takes them, and health, for which load balancers use HEAD. */
function addProbes(app: FastifyInstance, administration: Administration): void {
  app.get(METRICS_PATH, PROBE, async (_request, reply) => {
    const { contentType, body } = await administration.metrics();
    return reply.type(contentType).send(body);
  });
  // The answer comes from the event loop that serves the clients: that it comes is all it says.
  app.get(LIVE_PATH, PROBE, () => ({ isLive: true }));
  app.get(READY_PATH, PROBE, async (_request, reply) => {
    const health = (await administration.call('health', {}, ON_LOOPBACK)) as { readonly isReady: boolean };
    return reply.code(health.isReady ? 200 : 503).send(health);
  });
}

/**
 * Bounds what is answered at once, and says in every answer that no cache may keep it. Streams last, and have a bound
 * of their own in the administration. Probes are answered at once: a broker whose operators wait must not be restarted
 * for it.
 */
function bound(app: FastifyInstance, { streams }: Administration): void {
  const unbounded = new Set([LIVE_PATH, READY_PATH, ...[...streams.keys()].map((name) => `${BASE}${name}`)]);
  let running = 0;
  app.addHook('onRequest', async (request, reply) => {
    reply.header('cache-control', 'no-store').header('x-content-type-options', 'nosniff');
    if (unbounded.has(request.routeOptions.url ?? '')) return;
    if (running < RUNNING_MAX) {
      running++;
      // Also if the client has gone before the answer was ready.
      reply.raw.once('close', () => running--);
      return;
    }
    reply.header('retry-after', '1').header('connection', 'close');
    return send(reply, problem('busy', `${RUNNING_MAX} requests are being answered: try again in a moment`));
  });
}

function notFound(administration: Administration, request: FastifyRequest, reply: FastifyReply): void {
  const [path = ''] = request.url.split('?');
  const name = path.startsWith(BASE) ? path.slice(BASE.length) : undefined;
  const operation = name === undefined ? undefined : administration.operations.get(name);
  if (operation !== undefined) {
    const allowed = operation.kind === 'query' ? 'GET, POST' : 'POST';
    reply.header('allow', allowed);
    send(reply, problem('method', `${operation.name} is called with ${allowed.replace(', ', ' or ')}`));
    return;
  }
  if (name !== undefined && administration.streams.has(name)) {
    reply.header('allow', 'GET, POST');
    send(reply, problem('method', `${name} is called with GET or POST`));
    return;
  }
  const names = [...administration.operations.keys(), ...administration.streams.keys()].join(', ');
  send(reply, problemOf(new AdministrationError('unknown-operation', `expected ${BASE} and one of ${names}`)));
}

function send(reply: FastifyReply, body: Problem): FastifyReply {
  return reply.code(body.status).type('application/problem+json').send(JSON.stringify(body));
}

const notUsed = (): never => {
  throw new Error('no route has a schema of its own');
};
