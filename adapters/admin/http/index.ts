// The endpoints to the administration: HTTP on a Unix socket, and HTTP or HTTPS on a port. Both speak the same
// protocol. The server is Node's, with bounds on everything that a client can make it hold; the API behind it is loaded
// with the first request.
import { createServer } from 'node:http';
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { Server as SecureServer } from 'node:https';
import { NetworkError } from 'hexmq/ports';
import type { Administration, AdministrationEndpoint, LifecycleEvent } from 'hexmq/ports';
import { TlsFiles } from '../../network/sockets/tls-files.js';
import type { TlsOptions } from '../../network/sockets/tls-files.js';
import { byCredentials, onSocket } from './access.js';
import type { CertificateRole, Identify } from './access.js';
import { listenOnPath, listenOnPort } from './listening.js';
import { createPages } from './pages.js';
import type { Pages } from './pages.js';
import { rawAnswer } from './problem.js';
import { Tokens } from './tokens.js';

export interface SocketOptions {
  readonly path: string;
  /** Whether the broker must not start without it. */
  readonly isConfigured: boolean;
}

export interface HttpOptions {
  readonly host: string;
  readonly port: number;
  readonly tls?: TlsOptions | undefined;
  readonly tokens?: string | undefined;
  readonly certificates?: readonly CertificateRole[] | undefined;
  /** Whether the dashboard is served. Default: true. */
  readonly dashboard?: boolean | undefined;
}

export interface EndpointComponents {
  readonly emit: (event: LifecycleEvent) => void;
}

/** Bounds of Node's server, in milliseconds and bytes. */
const SERVER = {
  headersTimeout: 5000,
  requestTimeout: 15_000,
  keepAliveTimeout: 5000,
  handshakeTimeout: 5000,
  connectionsCheckingInterval: 1000,
  maxHeaderSize: 16_384,
};
/** Longer than any answer takes; then a reader that takes nothing of its answer is cut off. */
const SILENT_MS = 60_000;
const CONNECTIONS_MAX = 64;
const REQUESTS_PER_CONNECTION_MAX = 10_000;
/**
 * Requests of one connection that wait for their answers. Programs send the next request after an answer; thousands in
 * one packet would keep clients waiting while they are refused.
 */
const PIPELINED_MAX = 8;
/** For answers that are under way when the broker stops. */
const CLOSE_MS = 1000;

export function createEndpoint(
  options: { readonly socket: SocketOptions } | { readonly http: HttpOptions },
  components: EndpointComponents,
): AdministrationEndpoint {
  return 'socket' in options
    ? new SocketEndpoint(options.socket, components)
    : new HttpEndpoint(options.http, components);
}

abstract class Endpoint implements AdministrationEndpoint {
  abstract readonly name: string;
  #server: Server | undefined;
  #app: Promise<RequestListener> | undefined;

  constructor(readonly components: EndpointComponents) {}

  abstract open(administration: Administration): Promise<string | undefined>;

  protected async listen(
    server: Server,
    administration: Administration,
    identify: Identify,
    listens: (server: Server) => Promise<string>,
    pages?: Pages,
  ): Promise<string> {
    server.maxConnections = CONNECTIONS_MAX;
    server.maxRequestsPerSocket = REQUESTS_PER_CONNECTION_MAX;
    server.setTimeout(SILENT_MS);
    const parts = { administration, server, identify, refused: this.#refused };
    const isTooMany = boundPipelines();
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      if (isTooMany(request, response)) return;
      if (pages?.answer(request, response) === true) return;
      (this.#app ??= loadApp(parts)).then(
        (handle) => {
          handle(request, response);
        },
        () => {
          response.writeHead(500).end();
        },
      );
    });
    server.on('clientError', ({ code }: NodeJS.ErrnoException, socket) => {
      if (socket.writable && code !== 'ECONNRESET') socket.end(rawAnswer(code));
      else socket.destroy();
    });
    const address = await listens(server);
    this.#server = server;
    return address;
  }

  async close(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    const late = setTimeout(() => {
      server.closeAllConnections();
    }, CLOSE_MS);
    await new Promise<void>((resolve) => {
      server.close(() => {
        resolve();
      });
      server.closeIdleConnections();
    });
    clearTimeout(late);
  }

  readonly #refused = ({ socket }: IncomingMessage, detail: string): void => {
    const { remoteAddress = 'unknown' } = socket;
    this.components.emit({ kind: 'administration-refused', endpoint: this.name, remoteAddress, detail });
  };
}

class SocketEndpoint extends Endpoint {
  readonly name = 'admin.socket';

  constructor(
    readonly options: SocketOptions,
    components: EndpointComponents,
  ) {
    super(components);
  }

  async open(administration: Administration): Promise<string | undefined> {
    const { path, isConfigured } = this.options;
    try {
      return await this.listen(createServer(SERVER), administration, onSocket, (server) => listenOnPath(server, path));
    } catch (error) {
      if (isConfigured || !(error instanceof NetworkError)) throw error;
      this.components.emit({ kind: 'warning', what: 'administration', detail: error.message });
      return undefined;
    }
  }
}

class HttpEndpoint extends Endpoint {
  readonly name = 'admin';
  readonly #tls: TlsFiles | undefined;
  readonly #tokens: Tokens | undefined;
  #secure: SecureServer | undefined;

  constructor(
    readonly options: HttpOptions,
    components: EndpointComponents,
  ) {
    super(components);
    const { tls, tokens } = options;
    this.#tls = tls === undefined ? undefined : new TlsFiles(tls);
    this.#tokens = tokens === undefined ? undefined : new Tokens(tokens);
  }

  open(administration: Administration): Promise<string> {
    const { host, port, tls, certificates = [], dashboard = true } = this.options;
    this.#tokens?.read();
    const context = this.#tls?.read();
    const server =
      context === undefined
        ? createServer(SERVER)
        : (this.#secure = createSecureServer({ ...SERVER, ...context, ...clientCertificates(tls) }));
    const identify = byCredentials(this.#tokens, certificates);
    const listens = (one: Server): Promise<string> => listenOnPort(one, host, port);
    return this.listen(server, administration, identify, listens, dashboard ? createPages(administration) : undefined);
  }

  async reload(): Promise<void> {
    this.#tokens?.read();
    const context = this.#tls?.read();
    if (context !== undefined) this.#secure?.setSecureContext(context);
    return Promise.resolve();
  }

  async problems(): Promise<readonly string[]> {
    const { tls, tokens } = this.options;
    const checks = [
      () => tokens !== undefined && new Tokens(tokens).read(),
      () => tls !== undefined && new TlsFiles(tls).read(),
    ];
    return Promise.resolve(checks.flatMap(problemsOf));
  }

  warnings(): readonly string[] {
    return this.#tls?.warnings() ?? [];
  }
}

/** @returns whether a connection has so many unanswered requests that it is cut off. */
function boundPipelines(): (request: IncomingMessage, response: ServerResponse) => boolean {
  const unanswered = new WeakMap<object, number>();
  return ({ socket }, response) => {
    if (socket.destroyed) return true;
    const count = (unanswered.get(socket) ?? 0) + 1;
    if (count > PIPELINED_MAX) {
      socket.destroy();
      return true;
    }
    unanswered.set(socket, count);
    response.once('close', () => unanswered.set(socket, (unanswered.get(socket) ?? 1) - 1));
    return false;
  };
}

function problemsOf(check: () => unknown): string[] {
  try {
    check();
    return [];
  } catch (error) {
    const found: readonly unknown[] = error instanceof AggregateError ? error.errors : [error];
    return found.map((one) => (one as Error).message);
  }
}

/** A certificate that is not valid is refused with the handshake, one that is absent is for tokens to make up for. */
const clientCertificates = ({ clientCertificate = 'none' }: Partial<TlsOptions> = {}): object =>
  clientCertificate === 'none' ? {} : { requestCert: true, rejectUnauthorized: clientCertificate === 'required' };

async function loadApp(parts: Parameters<typeof import('./app.js').createApp>[0]): Promise<RequestListener> {
  const { createApp } = await import('./app.js');
  return createApp(parts);
}
