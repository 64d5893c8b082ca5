// Where the Unix socket of the administration is: where the configuration says, or else beside what the broker writes,
// so that a command that is given the same configuration finds it. `hexmq start` and the commands that talk to a
// running broker both ask here.
import { join, resolve } from 'node:path';
import type { AdminSocket } from './admin-schema.js';
import type { Config } from './config.js';

/** The name in a data directory: file storage knows it as one of its own. */
const NAME = 'admin.sock';

/** @param pidFile where the broker writes its process id. @returns `undefined` if there is none. */
export function adminSocketOf({ admin, storage }: Config, pidFile?: string): AdminSocket | undefined {
  if (admin.socket === 'off') return undefined;
  if (admin.socket !== undefined) return { path: admin.socket, isConfigured: true };
  const { directory } = storage.options;
  if (storage.adapter === 'file' && typeof directory === 'string')
    return { path: join(resolve(directory), NAME), isConfigured: false };
  if (pidFile === undefined) return undefined;
  return { path: besidePidFile(pidFile), isConfigured: false };
}

/** Where it is for storage that has no directory. */
export const besidePidFile = (pidFile: string): string => `${resolve(pidFile).replace(/\.pid$/, '')}.${NAME}`;
