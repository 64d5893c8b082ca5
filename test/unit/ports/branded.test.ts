// Errors of another copy of the package: an adapter may have been installed with a hexmq of its own.
import { expect, jest, test } from '@jest/globals';
import { isRetryable } from '../../../src/application/retry.js';
import { collectErrors, ConfigError } from '../../../src/composition/config-error.js';
import { StorageError } from '../../../src/ports/storage.js';

type Exports = Readonly<Record<string, unknown>>;
type ErrorClass = typeof Error;

/** Everything that a program can import from the package by the names of its entries. */
async function importEntries(): Promise<Exports> {
  const entries = [
    await import('../../../src/index.js'),
    await import('../../../src/ports/index.js'),
    await import('../../../src/testkit/index.js'),
  ] as unknown as Exports[];
  return Object.assign({}, ...entries) as Exports;
}

const isErrorClass = (value: unknown): value is ErrorClass =>
  typeof value === 'function' && value.prototype instanceof Error;

async function importCopy<Module>(load: () => Promise<Module>): Promise<Module> {
  jest.resetModules();
  return load();
}

test('every error class that the package exports recognises the errors of another copy of the package, and no others', async () => {
  const here = await importEntries();
  const there = await importCopy(importEntries);
  const names = Object.keys(here).filter((name) => isErrorClass(here[name]));
  expect(names.sort()).toEqual([
    'AdministrationError',
    'ConfigError',
    'ContractViolation',
    'NetworkError',
    'StorageError',
  ]);
  for (const name of names) {
    const [ours, theirs] = [here[name], there[name]] as [ErrorClass, ErrorClass];
    expect(ours).not.toBe(theirs);
    for (const other of names) {
      const one = Object.create((there[other] as ErrorClass).prototype as object) as unknown;
      expect([name, other, one instanceof ours]).toEqual([name, other, name === other]);
    }
    for (const value of [new Error(name), { name }, name, undefined, null]) expect(value instanceof ours).toBe(false);
  }
});

test('an error of storage from another copy of the package is retried or ends the broker by its kind', async () => {
  const copy = await importCopy(() => import('../../../src/ports/storage.js'));
  expect(copy.StorageError).not.toBe(StorageError);
  expect(isRetryable(new copy.StorageError('unavailable', 'busy'))).toBe(true);
  expect(isRetryable(new copy.StorageError('fenced', 'taken'))).toBe(false);
});

test('problems of a configuration from another copy of the package are reported as such', async () => {
  const copy = await importCopy(() => import('../../../src/composition/config-error.js'));
  const reports = [Promise.reject(new copy.ConfigError(['one'])), Promise.reject(new ConfigError(['two']))];
  await expect(collectErrors(reports)).rejects.toMatchObject({ problems: ['one', 'two'] });
});

test('an error of a subclass is recognised by its own class', () => {
  class DiskError extends StorageError {}
  expect(new DiskError('full', 'full') instanceof StorageError).toBe(true);
  expect(new DiskError('full', 'full') instanceof DiskError).toBe(true);
  expect(new StorageError('full', 'full') instanceof DiskError).toBe(false);
});
