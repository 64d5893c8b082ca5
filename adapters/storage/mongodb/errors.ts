// Errors of the driver, as one of the four kinds of StorageError, with what the operator can do. The caller decides
// when to try again. An error that is no failure of a server stays what it is: a fault of this program, which no
// further attempt would repair. No message shows a credential: servers are named by host, never by URL.
import {
  BSON,
  MongoBulkWriteError,
  MongoClientClosedError,
  MongoCompatibilityError,
  MongoError,
  MongoExpiredSessionError,
  MongoNetworkError,
  MongoNotConnectedError,
  MongoOperationTimeoutError,
  MongoServerError,
  MongoServerSelectionError,
  MongoTopologyClosedError,
  MongoWriteConcernError,
} from 'mongodb';
import { StorageError } from 'hexmq/ports';
import type { StorageErrorKind } from 'hexmq/ports';

/** A document differs from what was written. */
export class DamagedDocument extends Error {
  override readonly name = 'DamagedDocument';
}

const DUPLICATE_KEY = 11_000;
const UNAUTHORIZED = new Set([13, 18, 8000]);
/** From a server that steps down, shuts down, or is a secondary. */
const NOT_PRIMARY = new Set([91, 189, 10_058, 10_107, 11_600, 11_602, 13_435, 13_436]);
const NOT_REPLICATED = new Set([64, 79, 100]);
/** Node's codes for a certificate that is refused, and for a TLS handshake that fails. */
const CERTIFICATE = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ERR_TLS/;
const OUT_OF_SPACE = new Set([14_031, 10_334_001]);
/**
 * The words as well as the code: a server built on another database passes on its messages (53100 is PostgreSQL's
 * disk_full).
 */
const SPACE = /no space left|disk (is )?full|out ?of ?disk ?space|quota|could not extend file|53100/i;
/**
 * The request itself is wrong, which is a fault of this program: bad value, failed to parse, type mismatch, unknown
 * command, too large.
 */
const FAULTS = new Set([2, 9, 14, 20, 28, 40, 52, 59, 66, 10_334, 17_280]);

export const isDuplicateKey = (error: unknown): boolean =>
  error instanceof MongoServerError && error.code === DUPLICATE_KEY;

/**
 * @returns the positions, in the list that was inserted, of the documents that were there already.
 * @throws the given error if anything else went wrong.
 */
export function duplicatesIn(error: unknown): number[] {
  if (!(error instanceof MongoBulkWriteError) || error.result.getWriteConcernError() !== undefined) throw error;
  const failures = [error.writeErrors].flat();
  if (failures.length === 0 || failures.some(({ code }) => code !== DUPLICATE_KEY)) throw error;
  return failures.map(({ index }) => index);
}

/** Whether a request that failed may have been carried out, or may still be. */
export const isUnknownOutcome = (error: unknown): boolean =>
  !(error instanceof MongoServerError) ||
  error instanceof MongoWriteConcernError ||
  error instanceof MongoOperationTimeoutError ||
  error.code === 50;

/** Codes of a socket, or of TLS on it, which the driver passes on while it writes a request. */
const SOCKET_CODE = /^(E(?!RR_)[A-Z0-9]+|ERR_(STREAM|SOCKET|TLS|SSL)_\w+)$/;

const isConnectionFailure = (error: Error): boolean =>
  SOCKET_CODE.test(String((error as NodeJS.ErrnoException).code)) ||
  [
    MongoNetworkError,
    MongoServerSelectionError,
    MongoWriteConcernError,
    MongoOperationTimeoutError,
    MongoNotConnectedError,
    MongoTopologyClosedError,
    MongoClientClosedError,
    MongoExpiredSessionError,
  ].some((kind) => error instanceof kind) ||
  /^Mongo(PoolCleared|WaitQueueTimeout)Error$/.test(error.name);

/**
 * @param place the server and the database, for messages.
 * @returns the StorageError, or the error itself if it is no failure of a server.
 */
export function storageError(error: unknown, place: string): unknown {
  if (error instanceof StorageError) return error;
  if (error instanceof DamagedDocument || error instanceof BSON.BSONError) return damaged(place, error.message, error);
  if (!(error instanceof Error)) return error;
  const { message, code: reason } = innermost(error);
  const detail = message.replaceAll(/mongodb(\+srv)?:\/\/\S+/gi, 'mongodb://…').replaceAll(/\s+/g, ' ');
  const server = `MongoDB at ${place}`;
  const problem =
    error instanceof MongoError
      ? driverProblem(error, reason, detail, server)
      : (settingProblem(error, server) ?? (isConnectionFailure(error) ? unreachable(server) : undefined));
  if (problem === undefined) return error;
  const [kind, text] = problem;
  return new StorageError(kind, `${text} (${detail})`, {
    cause: error,
  });
}

/** The kind of an error, and its sentence. */
type Problem = readonly [kind: StorageErrorKind, text: string];

const unreachable = (server: string): Problem => [
  'unavailable',
  `${server} cannot be reached or does not answer: check that it runs, the URL, and the network`,
];

const noPrimary = (server: string): Problem => [
  'unavailable',
  `${server} has no primary at the moment: wait until the replica set has elected one, or check its members`,
];

function driverProblem(error: MongoError, reason: unknown, detail: string, server: string): Problem | undefined {
  if (firstOf(MongoCompatibilityError, error) !== undefined)
    return ['unavailable', `${server} is of a version that is not supported: upgrade it to 4.4 or later`];
  const refusal = firstOf(MongoServerError, error);
  const refused = refusal === undefined ? undefined : serverProblem(Number(refusal.code), detail, server);
  if (refused !== undefined) return refused;
  if (typeof reason === 'string' && CERTIFICATE.test(reason)) {
    return [
      'unavailable',
      `${server} has a certificate that is not trusted: ` +
        'check tlsCAFile in the URL, and the host name in the certificate',
    ];
  }
  if (isOfAnotherSet(error)) {
    return ['unavailable', `${server} is not a member of the replica set that the URL names: check replicaSet in it`];
  }
  if (isWithoutPrimary(error)) return noPrimary(server);
  if (isConnectionFailure(error)) return unreachable(server);
  if (refusal === undefined || FAULTS.has(Number(refusal.code))) return undefined;
  return ['unavailable', `${server} refused a request: check its log`];
}

function serverProblem(code: number, detail: string, server: string): Problem | undefined {
  if (UNAUTHORIZED.has(code)) {
    return [
      'unavailable',
      `${server} refuses the login or a request: check user, password and role (readWrite is needed)`,
    ];
  }
  if (OUT_OF_SPACE.has(code) || SPACE.test(detail)) return ['full', `no space left for ${server}: free some`];
  if (NOT_PRIMARY.has(code)) return noPrimary(server);
  if (NOT_REPLICATED.has(code)) {
    return ['unavailable', `${server} cannot confirm that a majority of its members has a write: check its members`];
  }
  return undefined;
}

/** All servers of the URL have answered, and the driver has discarded them as members of another set. */
const isOfAnotherSet = (error: MongoError): boolean =>
  error instanceof MongoServerSelectionError &&
  error.reason?.type === 'ReplicaSetNoPrimary' &&
  error.reason.servers.size === 0;

/** Members answer, and none of them accepts writes. */
const isWithoutPrimary = (error: MongoError): boolean =>
  error instanceof MongoServerSelectionError &&
  error.reason?.type === 'ReplicaSetNoPrimary' &&
  [...error.reason.servers.values()].some(({ type }) => type !== 'Unknown');

/** A host name or a file that the URL refers to; only an opening meets these. */
function settingProblem(error: Error, server: string): Problem | undefined {
  const { syscall = '', code = '', path } = error as NodeJS.ErrnoException;
  if (syscall === 'querySrv' || syscall === 'queryTxt') {
    return ['unavailable', `${server} cannot be found: DNS has no mongodb+srv:// records for that name, check the URL`];
  }
  if (path !== undefined && syscall !== 'connect') {
    return [
      'unavailable',
      `the file ${path}, which the URL of ${server} names, cannot be read: check its path and permissions`,
    ];
  }
  if (!code.startsWith('ERR_OSSL')) return undefined;
  return [
    'unavailable',
    `the file that tlsCAFile or tlsCertificateKeyFile names for ${server} is not valid: a PEM file is needed`,
  ];
}

/** An answer to a greeting or a login arrives wrapped in the error of the operation that failed because of it. */
function firstOf<Kind extends Error>(kind: new (...args: never[]) => Kind, error: unknown): Kind | undefined {
  for (let each = error; each instanceof Error; each = each.cause) if (each instanceof kind) return each;
  return undefined;
}

function innermost(error: Error): NodeJS.ErrnoException {
  let each = error;
  while (each.cause instanceof Error && each.cause.message !== '') each = each.cause;
  return each;
}

export const damaged = (place: string, detail: string, cause?: unknown): StorageError =>
  new StorageError(
    'corrupt',
    `the data in MongoDB at ${place} is damaged: restore a backup, or start with another database (${detail})`,
    { cause },
  );
