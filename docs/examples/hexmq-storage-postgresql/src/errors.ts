// Errors of the driver as one of the four kinds of StorageError, with what the operator can do. What is no failure of
// the server stays what it is: a fault of this package, which no further attempt would repair. No message shows a
// credential: the server is named by host, port and database, never by its URL.
import pg from 'pg';
import { StorageError } from 'hexmq/ports';
import type { StorageErrorKind } from 'hexmq/ports';

type Problem = readonly [kind: StorageErrorKind, sentence: string];

/** By SQLSTATE, or by its class of two characters. */
const PROBLEMS: Readonly<Record<string, (place: string) => Problem>> = {
  '53100': (place) => ['full', `no space left for ${place}: free some on its disk`],
  '53300': (place) => ['unavailable', `${place} has no connection left: raise its max_connections`],
  '53': (place) => ['unavailable', `${place} is short of resources: see its log`],
  '28': (place) => ['unavailable', `${place} refuses the login: check user and password in the url, and pg_hba.conf`],
  '42501': (place) => [
    'unavailable',
    `${place} refuses a request: the user needs CREATE on the database or its schema`,
  ],
  '3D000': (place) => ['unavailable', `${place} has no such database: create it`],
  '25006': (place) => ['unavailable', `${place} is a standby, which is read-only: name the primary in the url`],
  '08': unreachable,
  '57': unreachable,
  '40': (place) => ['unavailable', `${place} has cancelled a transaction: it is tried again`],
  '55P03': (place) => [
    'unavailable',
    `${place} has a lock that is not released: look for other sessions on the schema`,
  ],
  '58': (place) => ['unavailable', `${place} has trouble with its files: see its log`],
  XX001: damaged,
  XX002: damaged,
  '42P01': damaged,
  '42703': damaged,
};

function unreachable(place: string): Problem {
  return ['unavailable', `${place} cannot be reached or does not answer: check that it runs, the url, and the network`];
}

function damaged(place: string): Problem {
  return ['corrupt', `the tables in ${place} are damaged: restore a backup, or choose another schema`];
}

/** Codes of a socket, of a name that is not found, and of TLS. */
const SOCKET_CODE = /^(E[A-Z]+|ERR_(SOCKET|STREAM|TLS|SSL)_\w+|CERT_\w+|UNABLE_TO_\w+|(DEPTH_ZERO_)?SELF_SIGNED_\w+)$/;

/** What the driver says without a code. */
const CONNECTION_WORDS =
  /^(Connection terminated|timeout expired|Query read timeout|Client (has|was)|The server does not support SSL)/;

/**
 * @param place the server and the schema, for the message.
 * @returns the StorageError, or the error itself if it is no failure of the server.
 */
export function storageError(error: unknown, place: string): unknown {
  if (error instanceof StorageError || !(error instanceof Error)) return error;
  const problem = problemOf(error, place);
  if (problem === undefined) return error;
  const [kind, sentence] = problem;
  const detail = error.message.replaceAll(/postgres(ql)?:\/\/\S+/gi, 'postgresql://…').replaceAll(/\s+/g, ' ');
  return new StorageError(kind, detail === '' ? sentence : `${sentence} (${detail})`, { cause: error });
}

function problemOf(error: Error, place: string): Problem | undefined {
  const code = String((error as NodeJS.ErrnoException).code ?? '');
  // The server did not understand this package.
  if (code === '08P01') return undefined;
  if (error instanceof pg.DatabaseError) return (PROBLEMS[code] ?? PROBLEMS[code.slice(0, 2)])?.(place);
  const isOfConnection = SOCKET_CODE.test(code) || CONNECTION_WORDS.test(error.message);
  return isOfConnection || error instanceof AggregateError ? unreachable(place) : undefined;
}

/** For a row that this package cannot have written. */
export const impossible = (place: string, detail: string): StorageError =>
  new StorageError('corrupt', `${damaged(place)[1]} (${detail})`);

/** For a payload that is read in several requests. */
export const goneWhileRead = (place: string, what: string): StorageError =>
  new StorageError('unavailable', `${what} in ${place} was removed while it was read: it is read again`);
