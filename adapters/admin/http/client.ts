// The other side of the Unix socket: calls operations and reads streams of a running broker, for the command. An error
// is the one that the broker's administration reported.
import { request as httpRequest } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { createInterface } from 'node:readline';
import { AdministrationError, NetworkError } from 'hexmq/ports';
import type { AdministrationErrorKind, RequestProblem } from 'hexmq/ports';
import { ACTOR_HEADER } from './access.js';
import { BACKUP_PATH } from './backup-path.js';

/** Longer than the broker takes for any answer: only one that hangs does not answer by then. */
const TIMEOUT_MS = 60_000;
/** More than any page has: what is larger does not come from hexmq. */
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;

export interface AdministrationClient {
  /**
   * @throws AdministrationError of the broker (as a rejection); NetworkError if none runs, or it cannot be reached.
   */
  call(operation: string, request: object): Promise<unknown>;
  /**
   * The records of a stream as they come. Ends when the broker ends the stream.
   * @throws as `call` does, and NetworkError if the broker has gone in the middle of it.
   */
  open(stream: string, request: object): AsyncGenerator<object>;
  /**
   * The text of a backup. It may be cut off: its last line says whether it is complete.
   * @throws as `call` does; while it is read, NetworkError if the connection breaks.
   */
  backup(): Promise<AsyncIterable<Uint8Array>>;
}

/** @param actor who runs the command, for the log of the broker. */
export const connectTo = (socketPath: string, actor: string): AdministrationClient => ({
  async call(operation, request) {
    const response = await send(socketPath, actor, 'POST', `/api/v1/${operation}`, TIMEOUT_MS, JSON.stringify(request));
    const text = await textOf(response);
    const answer = parsed(text, socketPath);
    if (response.statusCode === 200) return answer;
    throw errorOf(answer);
  },
  async *open(stream, request) {
    const response = await send(socketPath, actor, 'POST', `/api/v1/${stream}`, TIMEOUT_MS, JSON.stringify(request));
    await requireAccepted(response, socketPath);
    try {
      for await (const line of createInterface({ input: response, crlfDelay: Infinity }))
        if (line !== '') yield parsed(line, socketPath) as object;
    } catch (error) {
      throw response.errored === null ? error : gone(socketPath, error);
    } finally {
      response.destroy();
    }
    // A reader of lines takes a connection that was cut off for the end.
    if (!response.complete) throw gone(socketPath, response.errored);
  },
  async backup() {
    // Storage may take long to make a snapshot; the user can end the command.
    const response = await send(socketPath, actor, 'GET', BACKUP_PATH, 0);
    await requireAccepted(response, socketPath);
    return partsOf(response, socketPath);
  },
});

/** @throws AdministrationError as the broker has reported it. */
async function requireAccepted(response: IncomingMessage, socketPath: string): Promise<void> {
  if (response.statusCode !== 200) throw errorOf(parsed(await textOf(response), socketPath));
}

const gone = (socketPath: string, cause: unknown): NetworkError =>
  new NetworkError(`the broker at ${socketPath} has ended`, { cause });

async function* partsOf(response: IncomingMessage, socketPath: string): AsyncGenerator<Uint8Array> {
  try {
    yield* response as AsyncIterable<Buffer>;
  } catch (error) {
    throw new NetworkError(`the broker at ${socketPath} ended the backup before it was complete`, { cause: error });
  }
}

function send(
  socketPath: string,
  actor: string,
  method: 'GET' | 'POST',
  path: string,
  timeoutMs: number,
  body?: string,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({
      socketPath,
      method,
      path,
      headers: {
        ...(body === undefined
          ? {}
          : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
        [ACTOR_HEADER]: actor.replaceAll(/[^\x21-\x7e]/g, '?').slice(0, 64),
      },
      timeout: timeoutMs,
    });
    request.on('response', resolve);
    request.on('timeout', () => {
      request.destroy(new NetworkError(`the broker at ${socketPath} has not answered within ${timeoutMs / 1000} s`));
    });
    request.on('error', (error) => {
      reject(error instanceof NetworkError ? error : new NetworkError(explain(error, socketPath), { cause: error }));
    });
    request.end(body);
  });
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.byteLength;
    if (bytes > ANSWER_BYTES_MAX) throw new NetworkError('the answer is too large, expected one of hexmq');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function parsed(text: string, socketPath: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new NetworkError(`what listens on ${socketPath} does not answer as hexmq does`, { cause: error });
  }
}

function errorOf(answer: unknown): AdministrationError {
  const {
    type = '',
    detail = '',
    errors = [],
  } = answer as {
    readonly type?: string;
    readonly detail?: string;
    readonly errors?: readonly RequestProblem[];
  };
  const kind = type.replace('urn:hexmq:problem:', '') as AdministrationErrorKind;
  return new AdministrationError(kind, detail === '' ? 'the broker refuses the request' : detail, errors);
}

function explain({ code, message }: NodeJS.ErrnoException, path: string): string {
  switch (code ?? '') {
    case 'ENOENT':
    case 'ECONNREFUSED':
      return (
        `no broker runs here: nothing listens on ${path}; start one, ` +
        'or give --config, --data or --pid-file as the broker was started with them'
      );
    case 'EACCES':
    case 'EPERM':
      return `${path} belongs to another user: run this as the user who runs the broker, or as root`;
    case 'ECONNRESET':
    case 'EPIPE':
      return `the broker at ${path} has ended before it answered`;
    default:
      return `cannot reach the broker at ${path}: ${message}`;
  }
}
