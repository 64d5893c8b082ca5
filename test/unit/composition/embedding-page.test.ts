// The examples of docs/embedding.md: each is a whole program, and runs to its end.
import { expect, test } from '@jest/globals';
import { createBroker } from 'hexmq';
import type { Broker, ConfigInput, Overrides } from 'hexmq';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { resolve } from 'node:path';

const page = readFileSync(resolve(import.meta.dirname, '../../../docs/embedding.md'), 'utf8');
const examples = [...page.matchAll(/## (.+)\n\n```js\n([^]+?)```/g)].map(([, title = '', code = '']) => [title, code]);

type Program = (...values: unknown[]) => Promise<void>;
const AsyncFunction = (async () => Promise.resolve()).constructor as new (...text: string[]) => Program;

/** Without a log between the lines of the tests. */
const silent = (config?: ConfigInput, overrides?: Overrides): Broker =>
  createBroker(config, { telemetry: [], ...overrides });

test('there is an example for each of them', () => {
  expect(examples.length).toBe(4);
});

test.each(examples)('the example of "%s" runs to its end', async (_title, code = '') => {
  const program = new AsyncFunction('createBroker', 'createServer', 'console', code.replaceAll(/^import .*$/gm, ''));
  const lines: string[] = [];
  await program(silent, createServer, { log: (...values: unknown[]) => lines.push(values.join(' ')) });
  expect(lines.filter((line) => line.includes('undefined'))).toEqual([]);
});
