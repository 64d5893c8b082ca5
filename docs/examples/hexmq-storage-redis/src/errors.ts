// Errors of the client as StorageErrors. What is no failure of the server stays what it is: a fault of this package.
import { ErrorReply } from '@redis/client';
import { StorageError } from 'hexmq/ports';

/** The first word of an answer, where it is for the moment or can be corrected. */
const FOR_THE_MOMENT: Readonly<Record<string, string>> = {
  LOADING: 'is loading its data: wait',
  BUSY: 'is busy with a script: wait',
  READONLY: 'is a replica, which is read-only: name the primary in the url',
  MASTERDOWN: 'is a replica without its primary',
  MISCONF: 'cannot write to its disk: see its log',
  NOAUTH: 'refuses the login: check user and password in the url',
  WRONGPASS: 'refuses the login: check user and password in the url',
  NOPERM: 'refuses a request: the user needs the rights that the README lists',
  UNKILLABLE: 'is busy with a script: wait',
};

export function storageError(error: unknown, place: string): unknown {
  if (error instanceof StorageError || !(error instanceof Error)) return error;
  const detail = error.message.replaceAll(/rediss?:\/\/\S+/gi, 'redis://…').replaceAll(/\s+/g, ' ');
  if (!(error instanceof ErrorReply)) {
    const isFault = error instanceof TypeError || error instanceof RangeError;
    const sentence = `${place} cannot be reached or does not answer: check that it runs, the url, and the network`;
    return isFault ? error : new StorageError('unavailable', `${sentence} (${detail})`, { cause: error });
  }
  const word = detail.split(' ', 1)[0] ?? '';
  if (word === 'OOM')
    return new StorageError('full', `no memory left for ${place}: raise its maxmemory`, { cause: error });
  if (word === 'WRONGTYPE') return damaged(place, detail, error);
  const sentence = FOR_THE_MOMENT[word];
  return sentence === undefined
    ? error
    : new StorageError('unavailable', `${place} ${sentence} (${detail})`, { cause: error });
}

export const damaged = (place: string, detail: string, cause?: unknown): StorageError =>
  new StorageError(
    'corrupt',
    `the data in ${place} is damaged: restore a backup, or choose another prefix (${detail})`,
    {
      cause,
    },
  );
