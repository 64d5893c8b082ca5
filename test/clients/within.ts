// A bound for everything that a test waits for, so that a failure says what did not happen.

/** Long enough for every program that works; a test that reaches it has failed. */
export const GUARD_MS = 25_000;

/** Rejects after `guardMs` with a message that names what did not happen. */
export function within<T>(promise: Promise<T>, what: string, guardMs = GUARD_MS): Promise<T> {
  return new Promise((resolve, reject) => {
    const guard = setTimeout(() => {
      reject(new Error(`waited in vain for ${what}`));
    }, guardMs);
    promise.then(resolve, reject).finally(() => {
      clearTimeout(guard);
    });
  });
}
