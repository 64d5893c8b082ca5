// What an operator names as a file is read if it is one, or a link to one, and nothing else makes the reader wait.
import { afterAll, describe, expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openRegularFileSync, readRegularFile, readRegularFileSync } from '../../../src/ports/regular-file.js';

const directory = mkdtempSync(join(tmpdir(), 'hexmq-files-'));
const at = (name: string): string => join(directory, name);

afterAll(() => {
  rmSync(directory, { recursive: true });
});

const READERS: readonly (readonly [string, (path: string) => Buffer | Promise<Buffer>])[] = [
  ['at once', readRegularFileSync],
  ['while other work goes on', readRegularFile],
];

describe.each(READERS)('reading a file %s', (name, read) => {
  // So that what is thrown and what is rejected look the same.
  const attempt = async (path: string): Promise<string> => String(await read(path));

  test('a file is read, also through links as Kubernetes mounts its secrets', async () => {
    mkdirSync(at(`${name}-1`));
    writeFileSync(join(at(`${name}-1`), 'key'), 'secret');
    symlinkSync(`${name}-1`, at(`${name}-data`));
    symlinkSync(join(`${name}-data`, 'key'), at(`${name}-key`));
    expect(await attempt(at(`${name}-key`))).toBe('secret');
  });

  test('a FIFO is refused without waiting for a writer, also behind a link', async () => {
    execFileSync('mkfifo', [at(`${name}-fifo`)]);
    symlinkSync(`${name}-fifo`, at(`${name}-link`));
    for (const path of [at(`${name}-fifo`), at(`${name}-link`)])
      await expect(attempt(path)).rejects.toThrow('it is a FIFO (named pipe), expected a regular file');
  });

  test('a device, a directory and a socket are refused', async () => {
    await expect(attempt('/dev/zero')).rejects.toThrow('it is a device, expected a regular file');
    await expect(attempt(directory)).rejects.toMatchObject({ code: 'EISDIR' });
    await expect(attempt(directory)).rejects.toThrow('it is a directory, expected a regular file');
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(at(`${name}-socket`), resolve));
    await expect(attempt(at(`${name}-socket`))).rejects.toThrow('it is a socket, expected a regular file');
    server.close();
  });

  test('what is not there is reported as by the system', async () => {
    await expect(attempt(at('nothing'))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

test('a descriptor is for a regular file alone', () => {
  writeFileSync(at('pid'), '1');
  closeSync(openRegularFileSync(at('pid')));
  expect(() => openRegularFileSync('/dev/null')).toThrow('it is a device, expected a regular file');
});
