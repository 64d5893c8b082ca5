// The message about a package that an adapter needs and that is not installed. `test/e2e/package.test.ts` has the
// errors of such an import on every version of Node.
import { describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { missingPackage, OPTIONAL_PACKAGES } from '../../../src/composition/optional-packages.js';

const importError = (message: string, code = 'ERR_MODULE_NOT_FOUND'): Error =>
  Object.assign(new Error(message), { code });

describe('optional packages', () => {
  test('the message names the key, the adapter, the package and the command that installs it', () => {
    const error = importError("Cannot find package 'classic-level' imported from /opt/hexmq/engine.js");
    expect(missingPackage('storage.adapter', 'file', error)).toBe(
      'storage.adapter: file needs the package classic-level, which is not installed: npm install classic-level',
    );
  });

  test.each([
    importError("Cannot find package 'bson' imported from /opt/node_modules/mongodb/lib/bson.js"),
    importError("Cannot find module '/opt/node_modules/mongodb/lib/gone.js' imported from /opt/a.js"),
    importError("Cannot find package 'mongodb' imported from /opt/a.js", 'ERR_OTHER'),
    'mongodb',
    undefined,
  ])('another error of an import is none of a missing optional package: %s', (error) => {
    expect(missingPackage('storage.adapter', 'mongodb', error)).toBeUndefined();
  });

  test('each is an optional peer of the package, and installed for development', () => {
    const { peerDependencies, peerDependenciesMeta, devDependencies, dependencies } = JSON.parse(
      readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'),
    ) as Readonly<Record<string, Readonly<Record<string, unknown>>>>;
    for (const name of OPTIONAL_PACKAGES) {
      expect(peerDependencies?.[name]).toBe(devDependencies?.[name]);
      expect(peerDependenciesMeta?.[name]).toEqual({ optional: true });
      expect(dependencies).not.toHaveProperty([name]);
    }
  });
});
