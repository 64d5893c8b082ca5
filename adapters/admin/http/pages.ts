// The dashboard's files, as the build has made and compressed them. What is served is a fixed table of names, so no
// path of a request ever reaches the file system. It is read with the first request. The files hold nothing secret: the
// page asks for a token, and only the API behind it knows what is true of this broker.
import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Actor, Administration } from 'hexmq/ports';

/** As the build lists them; each is there plain, and as `<name>.br` and `<name>.gz`. */
export interface PageFile {
  readonly name: string;
  readonly type: string;
  readonly etag: string;
  /** Whether its name changes with its content. */
  readonly isImmutable: boolean;
}

type Encoding = 'br' | 'gzip' | 'identity';
type Bodies = PageFile & { readonly bodies: Readonly<Record<Encoding, Buffer>> };

const BASE = '/dashboard/';
const INDEX = 'index.html';
const ACTOR: Actor = { name: 'dashboard', role: 'read' };
/** A name or an address in a Host header, without the port. Nothing else comes into a header of the answer. */
const HOST = /^([A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?$/;

export interface Pages {
  /** @returns whether the request is for a page, and so is answered. */
  answer(request: IncomingMessage, response: ServerResponse): boolean;
}

/** @param directory default: where the build puts the files. */
export function createPages(administration: Administration, directory?: string): Pages {
  let table: ReadonlyMap<string, Bodies> | undefined;
  const find = (path: string): Bodies | undefined => {
    table ??= readTable(directory ?? builtDirectory());
    return table.get(path === BASE ? INDEX : path.slice(BASE.length));
  };
  return {
    answer(request, response) {
      const [path = ''] = (request.url ?? '').split('?', 1);
      if (path === '/' || path === '/dashboard') {
        respond(request, response, () => response.writeHead(302, { ...HEADERS, location: 'dashboard/' }).end());
        return true;
      }
      if (!path.startsWith(BASE)) return false;
      respond(request, response, () => {
        const file = find(path);
        if (file === undefined)
          response.writeHead(404, { ...HEADERS, 'content-type': 'text/plain' }).end('not found\n');
        else void send(file, administration, request, response);
      });
      return true;
    },
  };
}

/** Found by its own name: the code may be part of a bundle, or not be built at all. */
const builtDirectory = (): string =>
  join(dirname(createRequire(import.meta.url).resolve('hexmq/package.json')), 'dist/dashboard');

function readTable(directory: string): ReadonlyMap<string, Bodies> {
  const files = JSON.parse(readFileSync(join(directory, 'files.json'), 'utf8')) as readonly PageFile[];
  return new Map(
    files.map((file) => {
      const read = (suffix: string): Buffer => readFileSync(join(directory, `${file.name}${suffix}`));
      return [file.name, { ...file, bodies: { identity: read(''), gzip: read('.gz'), br: read('.br') } }];
    }),
  );
}

function respond(request: IncomingMessage, response: ServerResponse, answer: () => void): void {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.writeHead(405, { ...HEADERS, allow: 'GET, HEAD', connection: 'close' }).end();
    return;
  }
  try {
    answer();
  } catch {
    // Without a build there is no page, and the API works all the same.
    const text = 'the dashboard is not part of this installation: npm run build makes it\n';
    response.writeHead(503, { ...HEADERS, 'content-type': 'text/plain' }).end(text);
  }
}

async function send(
  file: Bodies,
  administration: Administration,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const isPage = file.name === INDEX;
  const headers = {
    ...HEADERS,
    etag: file.etag,
    vary: 'accept-encoding',
    'cache-control': file.isImmutable ? 'public, max-age=31536000, immutable' : 'no-cache',
    ...(isPage ? { 'content-security-policy': policy(await consoleUrls(administration, request.headers.host)) } : {}),
  };
  if (request.headers['if-none-match'] === file.etag) {
    response.writeHead(304, headers).end();
    return;
  }
  const encoding = encodingFor(request.headers['accept-encoding']);
  const body = file.bodies[encoding];
  response.writeHead(200, {
    ...headers,
    'content-type': file.type,
    'content-length': body.byteLength,
    ...(encoding === 'identity' ? {} : { 'content-encoding': encoding }),
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}

function encodingFor(accepted: string | readonly string[] = ''): Encoding {
  const names = String(accepted)
    .split(',')
    .filter((one) => !/;\s*q=0(\.0*)?\s*$/.test(one))
    .map((one) => one.split(';')[0]?.trim().toLowerCase());
  return names.includes('br') ? 'br' : names.includes('gzip') ? 'gzip' : 'identity';
}

/** Whatever the page is made to show, it runs no code but its own and reaches no other server. */
const policy = (connections: readonly string[]): string =>
  [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    `connect-src ${["'self'", ...connections].join(' ')}`,
    "form-action 'none'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; ');

const HEADERS = {
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
};

/** The WebSocket listeners, under the name by which the browser has reached this one: the console connects to them. */
async function consoleUrls(administration: Administration, host: string | undefined): Promise<readonly string[]> {
  const [, name] = HOST.exec(host ?? '') ?? [];
  if (name === undefined) return [];
  try {
    const { listeners = [] } = (await administration.call('status', {}, ACTOR)) as {
      readonly listeners?: readonly { readonly type?: string; readonly address: string }[];
    };
    return listeners.flatMap(({ type, address }) => {
      const [, port] = /:(\d+)$/.exec(address) ?? [];
      return port !== undefined && (type === 'ws' || type === 'wss') ? [`${type}://${name}:${port}`] : [];
    });
  } catch {
    // A broker that is stopping: the page then shows what it cannot reach.
    return [];
  }
}
