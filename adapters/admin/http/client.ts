// The other side of the Unix socket: calls operations of a running broker, for the command. An error is the one that
// the broker's administration reported.
import { request as httpRequest } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { AdministrationError, NetworkError } from 'hexmq/ports';
import type { AdministrationErrorKind, RequestProblem } from 'hexmq/ports';
import { ACTOR_HEADER } from './access.js';

/** Longer than the broker takes for any answer: only one that hangs does not answer by then. */
const TIMEOUT_MS = 60_000;
/** More than any page has: what is larger does not come from hexmq. */
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;

export interface AdministrationClient {
  /**
   * @throws AdministrationError of the broker (as a rejection); NetworkError if none runs, or it cannot be reached.
   */
  call(operation: string, request: object): Promise<unknown>;
}

/** @param actor who runs the command, for the log of the broker. */
export const connectTo = (socketPath: string, actor: string): AdministrationClient => ({
  async call(operation, request) {
    const body = JSON.stringify(request);
    const response = await send(socketPath, actor, operation, body);
    const text = await textOf(response);
    const answer = parsed(text, socketPath);
    if (response.statusCode === 200) return answer;
    throw errorOf(answer);
  },
});

function send(socketPath: string, actor: string, operation: string, body: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({
      socketPath,
      method: 'POST',
      path: `/api/v1/${operation}`,
      headers: {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
        [ACTOR_HEADER]: actor.replaceAll(/[^\x21-\x7e]/g, '?').slice(0, 64),
      },
      timeout: TIMEOUT_MS,
    });
    request.on('response', resolve);
    request.on('timeout', () => {
      request.destroy(new NetworkError(`the broker at ${socketPath} has not answered within ${TIMEOUT_MS / 1000} s`));
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
