// The options of a configuration, and what is said about those that are not valid.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { StorageError } from 'hexmq/ports';
import { createStorage } from '../src/index.js';

const URL = 'postgresql://hexmq:the-password@127.0.0.1:1/brokers';

const messageOf = (options: unknown): string => {
  try {
    createStorage(options);
  } catch (error) {
    return (error as Error).message;
  }
  return 'none';
};

void describe('the options', () => {
  for (const [options, expected] of [
    [{}, 'url: missing'],
    [{ url: 'mysql://the-password@host/db' }, 'url: not valid'],
    [{ url: 'postgresql://hexmq:the-password@host:port/db' }, 'url: not a URL'],
    [{ url: '${ENV:HEXMQ_TEST_MISSING}' }, 'url: the environment variable HEXMQ_TEST_MISSING is not set'],
    [{ url: URL, schema: 'A b' }, 'schema: "A b" is not valid'],
    [{ url: URL, schema: 'pg_temp' }, 'schema: "pg_temp" is not valid'],
    [{ url: URL, timeoutMs: 1 }, 'timeoutMs: 1 is out of range'],
    [{ url: URL, tables: 3 }, 'tables: unknown key'],
    [{ url: 1, schema: 2, timeoutMs: 3 }, 'timeoutMs: 3 is out of range'],
  ] as const)
    void test(`${JSON.stringify(options).replace('the-password', '…')} is refused: ${expected}`, () => {
      const message = messageOf(options);
      assert.ok(message.includes(expected), message);
      assert.ok(!message.includes('the-password'), message);
    });

  void test('a server that is not there is unavailable, and the message names it without its password', async () => {
    const error: unknown = await createStorage({ url: URL })
      .open()
      .catch((reason: unknown) => reason);
    assert.ok(error instanceof StorageError);
    assert.equal(error.kind, 'unavailable');
    assert.match(error.message, /^PostgreSQL at 127\.0\.0\.1:1\/brokers, schema hexmq cannot be reached/);
    assert.ok(!error.message.includes('the-password'));
  });
});
