// The API of the administration as the page calls it: by token, with errors as they come from the broker. The types are
// those of the table of operations.
import type { AnswerOf, ItemOf, OperationName, PagedOperation, RequestOf } from '../administration/operations.js';

export type { AnswerOf, ItemOf, OperationName, PagedOperation, RequestOf };

export interface Caller {
  readonly name: string;
  readonly role: 'read' | 'write';
}

/** Beside the page, also behind a proxy that serves the broker under a path of its own. */
const BASE = new URL('../api/v1/', document.baseURI);
/** Kept until the tab is closed, and for this tab only. */
const TOKEN = 'hexmq.token';
const TIMEOUT_MS = 65_000;
/** Of one line of a stream: more than any record has. */
const LINE_MAX = 4_194_304;

export class ApiError extends Error {
  override readonly name = 'ApiError';

  constructor(
    /** As in the type of the problem; `unreachable` if there was no answer. */
    readonly kind: string,
    message: string,
    readonly problems: readonly { readonly parameter: string; readonly detail: string }[] = [],
  ) {
    super(message);
  }
}

let refused: (why: string) => void = () => undefined;

/** @param callback is called when the broker does not know the caller any more. */
export function onRefused(callback: (why: string) => void): void {
  refused = callback;
}

export const token = {
  get: (): string | undefined => sessionStorage.getItem(TOKEN) ?? undefined,
  set: (value: string): void => {
    sessionStorage.setItem(TOKEN, value);
  },
  clear: (): void => {
    sessionStorage.removeItem(TOKEN);
  },
};

/** @throws ApiError (as a rejection) */
export async function call<Name extends OperationName>(
  operation: Name,
  request: RequestOf<Name>,
  withToken = token.get(),
): Promise<AnswerOf<Name>> {
  const response = await send(operation, withToken, { method: 'POST', body: JSON.stringify(request) });
  return (await response.json()) as AnswerOf<Name>;
}

/** Resolves when the broker ends the stream. @throws ApiError (as a rejection), also when the signal aborts. */
export async function stream(path: string, onLine: (line: string) => void, signal: AbortSignal): Promise<void> {
  const { body } = await send(path, token.get(), { signal });
  if (body === null) return;
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const lines = (rest + value).split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > LINE_MAX) throw new ApiError('fault', 'the broker sends a line without an end');
      // An empty line says that the broker is there.
      for (const line of lines) if (line !== '') onLine(line);
    }
  } catch (error) {
    if (error instanceof ApiError) throw error;
    throw new ApiError('unreachable', signal.aborted ? 'stopped' : 'the connection to the broker was lost');
  } finally {
    reader.cancel().catch(() => undefined);
  }
}

async function send(path: string, credentials: string | undefined, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(new URL(path, BASE), {
      cache: 'no-store',
      redirect: 'error',
      signal: AbortSignal.timeout(TIMEOUT_MS),
      ...init,
      headers: {
        ...(init.body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(credentials === undefined ? {} : { authorization: `Bearer ${credentials}` }),
      },
    });
  } catch {
    throw new ApiError('unreachable', 'The broker does not answer.');
  }
  if (response.ok) return response;
  throw await errorOf(response);
}

async function errorOf(response: Response): Promise<ApiError> {
  const problem = (await response.json().catch(() => ({}))) as {
    readonly type?: string;
    readonly detail?: string;
    readonly errors?: ApiError['problems'];
  };
  const kind = problem.type?.replace('urn:hexmq:problem:', '') ?? 'fault';
  const error = new ApiError(kind, problem.detail ?? `the broker answers with ${response.status}`, problem.errors);
  if (response.status === 401) refused(error.message);
  return error;
}
