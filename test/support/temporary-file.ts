// A file of a test's own.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface TemporaryFile {
  readonly path: string;
  write(text: string | Uint8Array): Promise<void>;
  remove(): Promise<void>;
}

export async function temporaryFile(name: string, text: string | Uint8Array): Promise<TemporaryFile> {
  const directory = await mkdtemp(join(tmpdir(), 'hexmq-test-'));
  const path = join(directory, name);
  const write = (content: string | Uint8Array): Promise<void> => writeFile(path, content);
  await write(text);
  return { path, write, remove: () => rm(directory, { recursive: true, force: true }) };
}
