// The scripts that install what tests need, with an apt-get that is busy or fails.
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const SUPPORT = resolve(import.meta.dirname, '../support');
const LOCKED = 'E: Could not get lock /var/lib/apt/lists/lock. It is held by process 815 (apt-get)';

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'hexmq-apt-'));
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

/** A program that takes the place of the real one. */
function program(name: string, body: string): void {
  const path = join(directory, name);
  writeFileSync(path, `#!/bin/sh\n${body}\n`);
  chmodSync(path, 0o755);
}

function run(script: string, ...args: string[]): { status: number | null; stderr: string } {
  const { status, stderr } = spawnSync('bash', [join(SUPPORT, script), ...args], {
    encoding: 'utf8',
    env: { ...process.env, PATH: `${directory}:${process.env['PATH'] ?? ''}`, HEXMQ_TEST_CACHE: join(directory, 'c') },
  });
  return { status, stderr };
}

test('apt-get is repeated while another program holds its lock', () => {
  program('sleep', `echo "$1" >>${directory}/slept`);
  program(
    'apt-get',
    `[ "$(cat ${directory}/slept 2>/dev/null | wc -l)" -ge 3 ] || { echo '${LOCKED}' >&2; exit 100; }`,
  );
  const { status, stderr } = run('apt.sh', 'update');
  expect({ status, stderr }).toEqual({
    status: 0,
    stderr: 'apt.sh: another program holds the lock of apt: waiting for it, 15 minutes at most\n',
  });
});

test('a lock that is never free, and a failure of another kind, are named', () => {
  program('sleep', 'true');
  program('apt-get', `echo '${LOCKED}' >&2; exit 100`);
  expect(run('apt.sh', 'update')).toMatchObject({ status: 1, stderr: expect.stringContaining('held by process 815') });
  program('apt-get', 'echo "E: Unable to locate package x" >&2; exit 100');
  expect(run('apt.sh', 'install', 'x')).toEqual({
    status: 1,
    stderr: 'E: Unable to locate package x\napt.sh: failed: apt-get install x\n',
  });
});

test('the script of the MongoDB server says what failed when it cannot be installed', () => {
  for (const name of ['unshare', 'flock']) program(name, 'exit 0');
  program('id', 'echo 0');
  program('go', 'exit 1');
  program('apt-get', 'echo "E: no network" >&2; exit 100');
  const { status, stderr } = run('mongodb/server.sh', 'install');
  expect(status).toBe(1);
  expect(stderr).toContain('E: no network\napt.sh: failed: apt-get update -qq\n');
  expect(stderr).toContain('server.sh: the lists of packages are needed to install debootstrap');
  expect(stderr).not.toContain('unbound variable');
});
