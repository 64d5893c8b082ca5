// File storage as a configuration asks for it: checks the options and opens nothing.
import type { Storage } from 'hexmq/ports';
import { FileStorage } from './file-storage.js';

export { engineOf } from './engine.js';
export { FileStorage } from './file-storage.js';
export type { FileStorageOptions } from './file-storage.js';

/** @throws TypeError if an option is unknown, or the directory is missing or not a path. */
export function createStorage(options: unknown): Storage {
  if (options !== undefined && options !== null && (typeof options !== 'object' || Array.isArray(options))) {
    throw new TypeError(
      `file storage: options must be an object, got ${Array.isArray(options) ? 'a list' : typeof options}`,
    );
  }
  const given = (options ?? {}) as Readonly<Record<string, unknown>>;
  const unknownKey = Object.keys(given).find((key) => key !== 'directory');
  if (unknownKey !== undefined) throw new TypeError(`file storage: unknown option "${unknownKey}"; it takes directory`);
  const { directory } = given;
  if (typeof directory !== 'string' || directory === '' || directory.includes('\0')) {
    throw new TypeError(
      `file storage: directory must be the path of a directory, got ${JSON.stringify(directory) ?? 'none'}`,
    );
  }
  return new FileStorage({ directory });
}
