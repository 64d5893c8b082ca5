// What `hexmq passwd --scram` needs to write a file of this adapter.
import { credentialsOf, formatCredentials, METHODS } from './credentials.js';
import { prepared } from './prepared.js';

export { DEFAULT_ITERATIONS, MAX_ITERATIONS, MIN_ITERATIONS } from './credentials.js';
export { newDecoy } from './credentials-file.js';

/** @returns the name as it is compared; `undefined` if no client can send it. */
export const scramName = (userName: string): string | undefined => prepared(userName, 'stored');

/** The secrets of a user, one for each method. @throws Error if the password is not permitted. */
export async function scramSecrets(password: Uint8Array, iterations: number): Promise<string[]> {
  return Promise.all(
    METHODS.map(async (method) => formatCredentials(await credentialsOf(method, password, { iterations }))),
  );
}
