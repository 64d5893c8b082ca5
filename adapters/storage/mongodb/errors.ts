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
const OUT_OF_SPACE = new Set([14_031, 10_334_001]);
/** In words too: a server that stands on another database passes on what that one says (53100 is PostgreSQL's disk_full). */
const SPACE = /no space left|disk (is )?full|out ?of ?disk ?space|quota|could not extend file|53100/i;
/** The request itself is wrong, which is a fault of this program: bad value, failed to parse, type mismatch, no such command, too large, and so on. */
const FAULTS = new Set([2, 9, 14, 20, 28, 40, 52, 59, 66, 10_334, 17_280]);

export const isDuplicateKey = (error: unknown): boolean => error instanceof MongoServerError && error.code === DUPLICATE_KEY;

/** @returns the places in the list of those that were there already. @throws what it was given, when that is not all that went wrong. */
export function duplicatesIn(error: unknown): number[] {
  if (!(error instanceof MongoBulkWriteError) || error.result.getWriteConcernError() !== undefined) throw error;
  const failures = [error.writeErrors].flat();
  if (failures.length === 0 || failures.some(({ code }) => code !== DUPLICATE_KEY)) throw error;
  return failures.map(({ index }) => index);
}

/** Whether a request may have been, or may yet be, carried out although it failed. */
export const isUnknownOutcome = (error: unknown): boolean =>
  !(error instanceof MongoServerError) || error instanceof MongoWriteConcernError || error instanceof MongoOperationTimeoutError || error.code === 50;

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
  ].some((kind) => error instanceof kind) || /^Mongo(PoolCleared|WaitQueueTimeout)Error$/.test(error.name);

/** @param place the server and the database, for messages. @returns the StorageError, or the error itself if it is no failure of a server. */
export function storageError(error: unknown, place: string): unknown {
  if (error instanceof StorageError) return error;
  if (error instanceof DamagedDocument || error instanceof BSON.BSONError) return damaged(place, error.message, error);
  if (!(error instanceof Error) || !(error instanceof MongoError || isOfTheConnection(error))) return error;
  const detail = innermost(error).message.replaceAll(/mongodb(\+srv)?:\/\/\S+/gi, 'mongodb://…');
  const problem = (kind: StorageError['kind'], text: string): StorageError => new StorageError(kind, `${text} (${detail})`, { cause: error });
  if (error instanceof MongoCompatibilityError) return problem('unavailable', `MongoDB at ${place} is of a version that is not supported: 4.2 or later is needed`);
  const refused = serverErrorIn(error);
  if (refused !== undefined) {
    const { code } = refused;
    if (UNAUTHORIZED.has(Number(code))) {
      return problem('unavailable', `MongoDB at ${place} refuses the login, or what it was asked: check user, password and role (readWrite is needed)`);
    }
    if (OUT_OF_SPACE.has(Number(code)) || SPACE.test(detail)) return problem('full', `no space left for MongoDB at ${place}: free some`);
  }
  if (isOfTheConnection(error)) return problem('unavailable', `MongoDB at ${place} cannot be reached, or does not answer`);
  if (refused === undefined || FAULTS.has(Number(refused.code))) return error;
  return problem('unavailable', `MongoDB at ${place} did not take the call`);
}

/** A refused login arrives wrapped in what failed because of it. */
function serverErrorIn(error: unknown): MongoServerError | undefined {
  for (let each = error; each instanceof Error; each = each.cause) if (each instanceof MongoServerError) return each;
  return undefined;
}

function innermost(error: Error): Error {
  let each = error;
  while (each.cause instanceof Error && each.cause.message !== '') each = each.cause;
  return each;
}

export const damaged = (place: string, detail: string, cause?: unknown): StorageError =>
  new StorageError('corrupt', `the data in MongoDB at ${place} is damaged: restore a backup, or choose another database to begin anew (${detail})`, { cause });
