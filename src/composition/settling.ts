// Calls of adapters that may never settle. Nothing would be said then: a process in which nothing is left that could
// happen ends silently, and one that has something else to do waits without a limit.
import { StorageError } from '../ports/index.js';
import type { LifecycleEvent } from '../ports/index.js';

const FIRST_NOTICE_MS = 10_000;
const NOTICE_EVERY_MS = 60_000;

interface Waiting {
  /** Called now and then with how long the call has taken. */
  readonly notice?: (what: string, seconds: number) => void;
}

/**
 * Waits for a call of an adapter, however long it takes, as long as something is left that could settle it.
 * @param what the call, its adapter and the key of the configuration, for people.
 * @throws StorageError when nothing is left; otherwise what the call rejects with.
 */
export async function settled<T>(call: PromiseLike<T> | T, what: string, { notice }: Waiting = {}): Promise<T> {
  const startedMs = performance.now();
  let reject!: (error: Error) => void;
  const never = new Promise<never>((_resolve, rejectNever) => (reject = rejectNever));
  const nothingLeft = (): void => {
    reject(new StorageError('unavailable', `${what} never settled, expected a promise that resolves or rejects`));
  };
  let noticeTimer: NodeJS.Timeout | undefined;
  // It must not keep the process alive: what it reports may be that nothing else does.
  const arm = (afterMs: number): void => {
    noticeTimer = setTimeout(() => {
      notice?.(what, Math.round((performance.now() - startedMs) / 1000));
      arm(NOTICE_EVERY_MS);
    }, afterMs).unref();
  };
  process.once('beforeExit', nothingLeft);
  arm(FIRST_NOTICE_MS);
  try {
    return await Promise.race([call, never]);
  } finally {
    clearTimeout(noticeTimer);
    process.off('beforeExit', nothingLeft);
  }
}

/** @param key where the adapter stands in the configuration. */
export const callOf = (method: string, adapter: string, key: string): string =>
  `${key}.adapter: ${method}() of ${adapter}`;

export const reportSlowStart =
  (emit: (event: LifecycleEvent) => void) =>
  (waitsFor: string, seconds: number): void => {
    emit({ kind: 'start-waits', waitsFor, seconds });
  };

export const reportSlowStop =
  (emit: (event: LifecycleEvent) => void) =>
  (waitsFor: string, seconds: number): void => {
    emit({ kind: 'stop-waits', waitsFor, seconds });
  };
