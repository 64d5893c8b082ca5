// Errors as problem details (RFC 9457): what was wrong with the request, and what was expected.
import { AdministrationError } from 'hexmq/ports';
import type { AdministrationErrorKind, RequestProblem } from 'hexmq/ports';

export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly errors?: readonly RequestProblem[];
}

type ProblemKind = AdministrationErrorKind | 'unauthorized' | 'method' | 'malformed' | 'too-large' | 'fault';

const KINDS: Readonly<Record<ProblemKind, readonly [status: number, title: string]>> = {
  invalid: [400, 'The request is not valid'],
  malformed: [400, 'The request cannot be read'],
  unauthorized: [401, 'It is not known who sends the request'],
  forbidden: [403, 'The role does not allow this'],
  'unknown-operation': [404, 'There is no such operation'],
  'not-found': [404, 'There is no such thing'],
  method: [405, 'The operation is called in another way'],
  gone: [410, 'The cursor is no longer there'],
  'too-large': [413, 'The request is too large'],
  refused: [422, 'The broker refuses this'],
  fault: [500, 'A fault of hexmq'],
  busy: [503, 'Too much is asked for at once'],
  unavailable: [503, 'The broker cannot answer now'],
};

const DETAIL_MAX = 1000;

export function problem(kind: ProblemKind, detail: string, errors: readonly RequestProblem[] = []): Problem {
  const [status, title] = KINDS[kind];
  return {
    type: `urn:hexmq:problem:${kind}`,
    title,
    status,
    detail: detail.length > DETAIL_MAX ? `${detail.slice(0, DETAIL_MAX)}…` : detail,
    ...(errors.length === 0 ? {} : { errors }),
  };
}

/** What went wrong in a request, in Fastify or in the administration. */
export function problemOf(error: unknown): Problem {
  if (error instanceof AdministrationError) return problem(error.kind, error.message, error.problems);
  const { statusCode, message } = error as { readonly statusCode?: number; readonly message?: string };
  if (statusCode === 413) return problem('too-large', message ?? '');
  if (statusCode === 415) return problem('malformed', 'expected a body with the header Content-Type: application/json');
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) return problem('malformed', message ?? '');
  return problem('fault', 'an unexpected error, a bug in hexmq');
}

/** The whole answer to a request that is not HTTP, or that Node refuses before anything of ours sees it. */
export function rawAnswer(code: string | undefined): string {
  const [status, text, detail] = refusalOf(code);
  const body = JSON.stringify({ ...problem('malformed', detail), status });
  return [
    `HTTP/1.1 ${status} ${text}`,
    'Content-Type: application/problem+json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
    '',
    body,
  ].join('\r\n');
}

function refusalOf(code: string | undefined): readonly [number, string, string] {
  if (code === 'HPE_HEADER_OVERFLOW') {
    const detail = 'the headers are too large: send long names in the body of a POST';
    return [431, 'Request Header Fields Too Large', detail];
  }
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return [408, 'Request Timeout', 'the request did not arrive in time'];
  return [400, 'Bad Request', 'this is not HTTP'];
}
