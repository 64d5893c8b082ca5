// Closes a storage after its use. If both fail, the first failure is the cause, and the one to report.
import type { Storage } from '../../ports/storage.js';

export async function thenClosed<Result>(storage: Pick<Storage, 'close'>, use: () => Promise<Result>): Promise<Result> {
  let result: Result;
  try {
    result = await use();
  } catch (error) {
    await storage.close().catch(() => undefined);
    throw error;
  }
  await storage.close();
  return result;
}
