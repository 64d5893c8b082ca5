#!/usr/bin/env node
// What tools by others find wrong with the package as npm would publish it: `npm run check:package`. publint looks at
// package.json and the files that it names, `@arethetypeswrong/core` at how TypeScript resolves the types of each
// entry.
//   node test/support/check-package.mjs [hexmq-0.1.0.tgz]
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';

const ROOT = resolve(import.meta.dirname, '../..');

/** The package has modules alone. These are how it looks to programs that cannot import modules. */
const NOT_FOR_MODULES = ['node10', 'node16-cjs'];

/** The examples are packages of their own, to be read and copied: a program imports nothing of them from here. */
const OF_EXAMPLE = /^publint: error: \.\/docs\/examples\/[^/]+\/package\.json has an "exports" field/;

const directory = mkdtempSync(join(tmpdir(), 'hexmq-package-'));
try {
  const tarball = readFileSync(resolve(process.argv[2] ?? pack()));
  const problems = [...(await ofPublint(tarball)), ...(await ofTypes(tarball))];
  for (const problem of problems) console.error(problem);
  if (problems.length === 0) console.log('publint and attw find nothing wrong with the package');
  process.exitCode = problems.length === 0 ? 0 : 1;
} finally {
  rmSync(directory, { recursive: true });
}

function pack() {
  const args = ['pack', '--ignore-scripts', '--silent', '--pack-destination', directory];
  return join(directory, execFileSync('npm', args, { cwd: ROOT, encoding: 'utf8' }).trim());
}

async function ofPublint(tarball) {
  const { messages, pkg } = await publint({ pack: { tarball }, strict: true });
  return messages
    .map((message) => `publint: ${message.type}: ${formatMessage(message, pkg, { color: false })}`)
    .filter((problem) => !OF_EXAMPLE.test(problem));
}

async function ofTypes(tarball) {
  const { entrypoints, problems } = await checkPackage(createPackageFromTarballData(new Uint8Array(tarball)), {
    // Patterns are not followed by themselves.
    entrypoints: ['.', 'plugin', 'ports', 'testkit', 'adapters/storage/file', 'adapters/auth/http'],
  });
  const resolved = Object.values(entrypoints ?? {});
  if (resolved.length < 6) return ['attw: the package has no types'];
  return problems
    .filter(({ resolutionKind, resolutionOption }) => !isLeftOut(resolutionKind ?? resolutionOption))
    .map(({ kind, entrypoint, resolutionKind }) => `attw: ${kind} ${entrypoint ?? ''} ${resolutionKind ?? ''}`);
}

function isLeftOut(resolution) {
  return NOT_FOR_MODULES.includes(resolution);
}
