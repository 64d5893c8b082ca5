// How the kits ask a law: a law with nothing to ask about says so instead of passing, and of several failures the kits
// report the first one, because the others often follow from it.

/** Told of each law that was not asked, and why. */
export type NotAskedReport = (law: string, why: string) => void;

/** Thrown by a law that the adapter, or what its author provides, gives nothing to ask about. */
export class NotAsked extends Error {
  override readonly name = 'NotAsked';
}

/** Ends the law, which counts as not asked, unless the condition holds. */
export function askOnlyIf(condition: boolean, why: string): asserts condition {
  if (!condition) throw new NotAsked(why);
}

/** Carries out `use`, and then `dispose` in any case. If both fail, it throws the failure of `use`. */
export async function thenDisposed<T>(dispose: () => Promise<void>, use: () => Promise<T>): Promise<T> {
  let result: T;
  try {
    result = await use();
  } catch (error) {
    await dispose().catch(() => undefined);
    throw error;
  }
  await dispose();
  return result;
}

/** A test as the kits declare it. It takes no parameter that it needs: Jest would take it for a callback. */
export type TestBody = (this: unknown, context?: unknown) => Promise<void>;

/**
 * The body of a law's test. If the law is not asked, the test is skipped where the runner lets a test skip itself:
 * `node:test` and Vitest pass a context with `skip`. The report is made in any case.
 */
export function testOf(law: string, report: NotAskedReport, ask: () => Promise<void>): TestBody {
  return async (...[context]: [context?: unknown]) => {
    try {
      await ask();
    } catch (error) {
      if (!(error instanceof NotAsked)) throw error;
      report(law, error.message);
      (context as { skip?: (why: string) => void } | undefined)?.skip?.(error.message);
    }
  };
}

/** The report where the author of the adapter takes none: a line on standard error. */
export const reportTo =
  (contract: string): NotAskedReport =>
  (law, why) => {
    process.stderr.write(`${contract}: not asked: ${law}: ${why}\n`);
  };
