// The OpenAPI document in docs: it is what the table of operations makes, and describes every operation.
import { expect, test } from '@jest/globals';
import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { openApiOf } from '../../../src/administration/openapi.js';
import { OPERATIONS } from '../../../src/administration/operations.js';
import { STREAMS } from '../../../src/administration/streams.js';
import { VERSION } from '../../../src/composition/version.js';

const FILE = resolve(import.meta.dirname, '../../../docs/admin-api.json');
const made = `${JSON.stringify(openApiOf(VERSION), undefined, 2)}\n`;

test('the OpenAPI document in docs is the one that the operations make', () => {
  if (process.env['HEXMQ_WRITE_DOCS'] === '1') writeFileSync(FILE, made);
  expect(readFileSync(FILE, 'utf8')).toBe(made);
});

test('the OpenAPI document has every operation and stream, with the schema of its request and of its answer', () => {
  const { paths } = JSON.parse(made) as { readonly paths: Readonly<Record<string, Readonly<Record<string, object>>>> };
  const names = [...Object.keys(OPERATIONS), ...Object.keys(STREAMS), 'backup'];
  expect(Object.keys(paths)).toEqual(names.map((name) => `/api/v1/${name}`));
  expect(paths['/api/v1/events']?.['get']).toMatchObject({
    responses: { 200: { content: { 'application/x-ndjson': { schema: { type: 'object' } } } } },
  });
  expect(paths['/api/v1/clients']?.['get']).toMatchObject({
    parameters: expect.arrayContaining([expect.objectContaining({ name: 'limit', in: 'query' })]) as unknown,
  });
  expect(paths['/api/v1/publish']?.['post']).toMatchObject({
    requestBody: { content: { 'application/json': { schema: { required: ['topic'] } } } },
  });
});
