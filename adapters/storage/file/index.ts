// File storage as a configuration asks for it: checks the options and opens nothing.
import { OptionReader } from 'hexmq/ports';
import type { Storage } from 'hexmq/ports';
import { FileStorage } from './file-storage.js';

export { engineOf } from './engine.js';
export { FileStorage } from './file-storage.js';
export type { FileStorageOptions } from './file-storage.js';

const DIRECTORY = 'the path of a directory';

/** @throws TypeError that names the option and what was expected. */
export function createStorage(given: unknown): Storage {
  const options = new OptionReader(given);
  const { directory } = options.readAll({ directory: () => options.requireString('directory', DIRECTORY) });
  if (directory.includes('\0'))
    options.refuse('directory', `${JSON.stringify(directory)} is not valid, expected ${DIRECTORY}`);
  return new FileStorage({ directory });
}
