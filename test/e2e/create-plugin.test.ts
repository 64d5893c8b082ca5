// `hexmq create-plugin`: each kind of package compiles, passes its tests and runs in the broker as it was written, with
// the packages of this checkout in place of an installation.
import { describe, expect, test } from '@jest/globals';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hexmq, ROOT, temporaryDirectory } from './hexmq-command.js';
import { run, scene } from './program.js';

const KINDS = ['storage', 'authenticator', 'authorizer', 'interceptor', 'event-listener', 'listener', 'plugin'];
const PATIENCE_MS = 120_000;

interface PackageJson {
  readonly name: string;
  readonly version: string;
  readonly peerDependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

const packageJson = (directory: string): PackageJson =>
  JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) as PackageJson;

/** What `npm install` would bring. */
function link(directory: string): void {
  mkdirSync(join(directory, 'node_modules/@types'), { recursive: true });
  symlinkSync(ROOT, join(directory, 'node_modules/hexmq'));
  for (const name of Object.keys(packageJson(directory).devDependencies))
    if (name !== 'hexmq') symlinkSync(join(ROOT, 'node_modules', name), join(directory, 'node_modules', name));
}

describe('hexmq create-plugin', () => {
  test.each(KINDS)('a package of the kind %s compiles, passes its tests, and is accepted by the broker', (kind) =>
    scene(async () => {
      const cwd = temporaryDirectory();
      const created = await hexmq(['create-plugin', kind, 'my-own'], { cwd });
      expect(created).toMatchObject({ status: 0, stderr: '' });
      expect(created.stdout).toContain('cd my-own');
      const directory = join(cwd, 'my-own');
      link(directory);
      const compiled = await run(process.execPath, ['node_modules/typescript/bin/tsc'], {
        cwd: directory,
        patienceMs: PATIENCE_MS,
      });
      expect(compiled).toMatchObject({ status: 0, stdout: '' });
      const tested = await run(process.execPath, ['--test', '--test-reporter=tap', 'dist/test/index.test.js'], {
        cwd: directory,
        patienceMs: PATIENCE_MS,
      });
      expect({ status: tested.status, failed: /^ *not ok .*/gm.exec(tested.stdout)?.[0] }).toEqual({ status: 0 });
      expect(tested.stdout).toContain('plugin contract: my-own');
      const checked = await hexmq(['check-config', '--config', 'hexmq.yaml'], { cwd: directory });
      expect(checked).toMatchObject({ status: 0, stderr: '' });
      for (const file of ['README.md', '.gitignore', '.github/workflows/test.yml'])
        expect(existsSync(join(directory, file))).toBe(true);
    }),
  );

  test('the package asks for this version of hexmq, and for the tools that hexmq is made with', () =>
    scene(async () => {
      const cwd = temporaryDirectory();
      await hexmq(['create-plugin', 'storage', 'x', '--directory', 'a/b'], { cwd });
      const { name, peerDependencies, devDependencies } = packageJson(join(cwd, 'a/b'));
      const { version, devDependencies: ours } = packageJson(ROOT);
      expect({ name, peerDependencies }).toEqual({ name: 'x', peerDependencies: { hexmq: `^${version}` } });
      const { hexmq: _, ...tools } = devDependencies;
      expect(ours).toMatchObject(tools);
    }));

  test('a directory that is not empty, and a name that is not valid, are refused', () =>
    scene(async () => {
      const cwd = temporaryDirectory();
      writeFileSync(join(cwd, 'file'), '');
      const refused = async (...args: string[]): Promise<string> => {
        const { status, stderr } = await hexmq(['create-plugin', ...args], { cwd });
        expect(status).toBe(1);
        return stderr;
      };
      expect(await refused('plugin', 'x', '--directory', '.')).toBe(
        'hexmq: . is not empty, expected a directory that is new or empty\n',
      );
      expect(await refused('plugin', 'x', '--directory', 'file')).toBe(
        'hexmq: file is a file, expected a directory that is new or empty\n',
      );
      expect(await refused('plugin', 'My Plugin')).toContain('is not valid, expected lower case letters');
      expect(await refused('bridge', 'x')).toContain('Allowed choices are storage, authenticator');
      expect(existsSync(join(cwd, 'x'))).toBe(false);
    }));
});
