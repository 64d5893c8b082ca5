// The life of a storage adapter: new, open or open for reading only, then closed or taken over by another broker. It
// decides which calls are refused and with which error, so that every adapter says the same thing in the same words.
import { StorageError } from 'hexmq/ports';

export class StorageLifecycle {
  #state: 'new' | 'open' | 'read-only' | 'closed' | 'lost' = 'new';
  /** Why the store was lost. */
  #loss: StorageError | undefined;

  /** @param subject the store in error messages: "the data directory /var/lib/hexmq". */
  constructor(readonly subject: string) {}

  get isOpenReadOnly(): boolean {
    return this.#state === 'read-only';
  }

  get isOpenForWriting(): boolean {
    return this.#state === 'open';
  }

  opened(): void {
    this.#state = 'open';
  }

  openedReadOnly(): void {
    this.#state = 'read-only';
  }

  closed(): void {
    this.#state = 'closed';
  }

  /**
   * Permanent until the next `opened`: another broker now owns the store, unless the reason says something else.
   * @returns the error to throw.
   */
  lost(reason = openedByAnother(this.subject)): StorageError {
    this.#state = 'lost';
    this.#loss = reason;
    return reason;
  }

  /** @throws StorageError `fenced` unless the store is open, in either way. */
  requireOpen(): void {
    const refusal = this.refusal();
    if (refusal !== undefined) throw refusal;
  }

  /** @throws StorageError `fenced` unless the store is open for writing. */
  requireWritable(): void {
    const refusal = this.writeRefusal();
    if (refusal !== undefined) throw refusal;
  }

  /** Why a read is refused, or `undefined` if it is not. */
  refusal(): StorageError | undefined {
    switch (this.#state) {
      case 'open':
      case 'read-only':
        return undefined;
      case 'new':
        return new StorageError('fenced', `${this.subject} is not open: open it first`);
      case 'closed':
        return new StorageError('fenced', `${this.subject} is not open: it was closed`);
      case 'lost':
        return this.#loss ?? openedByAnother(this.subject);
    }
  }

  /** Why a commit is refused, or `undefined` if it is not. */
  writeRefusal(): StorageError | undefined {
    return this.#state === 'read-only'
      ? new StorageError('fenced', `${this.subject} was opened for reading only: nothing can be stored in it`)
      : this.refusal();
  }
}

export const openedByAnother = (subject: string): StorageError =>
  new StorageError('fenced', `${subject} was opened by another hexmq: only one may use it, stop one of them`);

/** For a store that is read at one moment, when that moment is over. */
export const changedWhileRead = (subject: string): StorageError =>
  new StorageError(
    'unavailable',
    `${subject} was changed while it was read: another hexmq uses it, stop that one and try again`,
  );
