// What the driver says, as one of the four kinds of StorageError, with what can be done. When to try again is the caller's affair. What is none of a
// server's failures stays what it is: a fault of this program, which no further attempt would mend. Nothing here shows a credential: servers are named
// by host, never by URL.
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

/** A document is not what was written. */
export class DamagedDocument extends Error {
  override readonly name = 'DamagedDocument';
}

const DUPLICATE_KEY = 11_000;
const UNAUTHORIZED = new Set([13, 18, 8000]);
/** Of a server that steps down, shuts down, or is a secondary. */
const NOT_PRIMARY = new Set([91, 189, 10_058, 10_107, 11_600, 11_602, 13_435, 13_436]);
const NOT_REPLICATED = new Set([64, 79, 100]);
/** What Node says of a certificate, or of a connection on which TLS cannot be agreed on. */
const CERTIFICATE = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ERR_TLS/;
const OUT_OF_SPACE = new Set([14_031, 10_334_001]);
/** In words too: a server that stands on another database passes on what that one says (53100 is PostgreSQL's disk_full). */
const SPACE = /no space left|disk (is )?full|out ?of ?disk ?space|quota|could not extend file|53100/i;
/** The request itself is wrong, which is a fault of this program: bad value, failed to parse, type mismatch, no such command, too large, and so on. */
const FAULTS = new Set([2, 9, 14, 20, 28, 40, 52, 59, 66, 10_334, 17_280]);

export const isDuplicateKey = (error: unknown): boolean =>
  error instanceof MongoServerError && error.code === DUPLICATE_KEY;

/** @returns the places in the list of those that were there already. @throws what it was given, when that is not all that went wrong. */
export function duplicatesIn(error: unknown): number[] {
  if (!(error instanceof MongoBulkWriteError) || error.result.getWriteConcernError() !== undefined) throw error;
  const failures = [error.writeErrors].flat();
  if (failures.length === 0 || failures.some(({ code }) => code !== DUPLICATE_KEY)) throw error;
  return failures.map(({ index }) => index);
}

/** Whether a request may have been, or may yet be, carried out although it failed. */
export const isUnknownOutcome = (error: unknown): boolean =>
  !(error instanceof MongoServerError) ||
  error instanceof MongoWriteConcernError ||
  error instanceof MongoOperationTimeoutError ||
  error.code === 50;

/** What a socket, or TLS on it, says by itself. The driver passes it on as it is when a request is being written. */
const OF_A_SOCKET = /^(E(?!RR_)[A-Z0-9]+|ERR_(STREAM|SOCKET|TLS|SSL)_\w+)$/;

const isOfTheConnection = (error: Error): boolean =>
  OF_A_SOCKET.test(String((error as NodeJS.ErrnoException).code)) ||
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

/** @param place the server and the database, for messages. @returns the StorageError, or the error itself if it is no failure of a server. */
export function storageError(error: unknown, place: string): unknown {
  if (error instanceof StorageError) return error;
  if (error instanceof DamagedDocument || error instanceof BSON.BSONError) return damaged(place, error.message, error);
  if (!(error instanceof Error)) return error;
  const { message, code: reason } = innermost(error);
  const detail = message.replaceAll(/mongodb(\+srv)?:\/\/\S+/gi, 'mongodb://…').replaceAll(/\s+/g, ' ');
  const problem = (kind: StorageError['kind'], text: string): StorageError =>
    new StorageError(kind, `${text} (${detail})`, { cause: error });
  if (!(error instanceof MongoError)) {
    const text = settingProblem(error, place) ?? (isOfTheConnection(error) ? unreachable(place) : undefined);
    return text === undefined ? error : problem('unavailable', text);
  }
  if (firstOf(MongoCompatibilityError, error) !== undefined) {
    return problem('unavailable', `MongoDB at ${place} is of a version that is not supported: 4.4 or later is needed`);
  }
  const refused = firstOf(MongoServerError, error);
  if (refused !== undefined) {
    const code = Number(refused.code);
    if (UNAUTHORIZED.has(code)) {
      return problem(
        'unavailable',
        `MongoDB at ${place} refuses the login, or what it was asked: check user, password and role (readWrite is needed)`,
      );
    }
    if (OUT_OF_SPACE.has(code) || SPACE.test(detail))
      return problem('full', `no space left for MongoDB at ${place}: free some`);
    if (NOT_PRIMARY.has(code)) return problem('unavailable', noPrimary(place));
    if (NOT_REPLICATED.has(code)) {
      return problem(
        'unavailable',
        `MongoDB at ${place} cannot say that a majority of its members has what was written: look at its members`,
      );
    }
  }
  if (typeof reason === 'string' && CERTIFICATE.test(reason)) {
    return problem(
      'unavailable',
      `MongoDB at ${place} shows a certificate that is not trusted: check tlsCAFile in the URL, and the host name in the certificate`,
    );
  }
  if (isOfOtherSet(error))
    return problem(
      'unavailable',
      `MongoDB at ${place} is not of the replica set that the URL names: check replicaSet in it`,
    );
  if (isWithoutPrimary(error)) return problem('unavailable', noPrimary(place));
  if (isOfTheConnection(error)) return problem('unavailable', unreachable(place));
  if (refused === undefined || FAULTS.has(Number(refused.code))) return error;
  return problem('unavailable', `MongoDB at ${place} did not take the call: look at its log`);
}

const unreachable = (place: string): string =>
  `MongoDB at ${place} cannot be reached, or does not answer: check that it runs, the URL, and the network`;

const noPrimary = (place: string): string =>
  `MongoDB at ${place} has no primary at the moment: a replica set chooses one by itself, else look at its members`;

/** All servers of the URL have answered, and have been put aside for it. */
const isOfOtherSet = (error: MongoError): boolean =>
  error instanceof MongoServerSelectionError &&
  error.reason?.type === 'ReplicaSetNoPrimary' &&
  error.reason.servers.size === 0;

/** Members answer, and none of them takes writes. */
const isWithoutPrimary = (error: MongoError): boolean =>
  error instanceof MongoServerSelectionError &&
  error.reason?.type === 'ReplicaSetNoPrimary' &&
  [...error.reason.servers.values()].some(({ type }) => type !== 'Unknown');

/** What the URL says of files and names, and what the system says of those; only an opening comes upon it. */
function settingProblem(error: Error, place: string): string | undefined {
  const { syscall = '', code = '', path } = error as NodeJS.ErrnoException;
  if (syscall === 'querySrv' || syscall === 'queryTxt')
    return `MongoDB at ${place} is not to be found: DNS has nothing for mongodb+srv:// there, check the URL`;
  if (path !== undefined && syscall !== 'connect')
    return `the file ${path}, which the URL of MongoDB at ${place} names, cannot be read`;
  return code.startsWith('ERR_OSSL')
    ? `a file that tlsCAFile or tlsCertificateKeyFile names for MongoDB at ${place} is not what it has to be: a PEM file is expected`
    : undefined;
}

/** What a server says at a greeting or a login arrives wrapped in what failed because of it. */
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
    `the data in MongoDB at ${place} is damaged: restore a backup, or choose another database to begin anew (${detail})`,
    { cause },
  );
