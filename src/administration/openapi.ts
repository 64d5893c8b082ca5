// The operations and streams as data: descriptions for endpoints, and an OpenAPI document. Both are made from the
// schemas that validate.
import * as z from 'zod';
import type { JsonSchema, OperationDescription, StreamDescription } from '../ports/index.js';
import { OPERATIONS } from './operations.js';
import { STREAMS } from './streams.js';

let described: ReadonlyMap<string, OperationDescription> | undefined;
let describedStreams: ReadonlyMap<string, StreamDescription> | undefined;

/** The operations by name. */
export function descriptions(): ReadonlyMap<string, OperationDescription> {
  return (described ??= new Map(
    Object.entries(OPERATIONS).map(([name, { kind, role, summary, request, answer }]) => [
      name,
      { name, kind, role, summary, request: schemaOf(request, 'input'), answer: schemaOf(answer, 'output') },
    ]),
  ));
}

/** The streams by name. */
export function streamDescriptions(): ReadonlyMap<string, StreamDescription> {
  return (describedStreams ??= new Map(
    Object.entries(STREAMS).map(([name, { role, summary, request, record }]) => [
      name,
      { name, role, summary, request: schemaOf(request, 'input'), record: schemaOf(record, 'output') },
    ]),
  ));
}

function schemaOf(schema: z.ZodType, io: 'input' | 'output'): JsonSchema {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, target: 'draft-2020-12' });
  return rest;
}

const PROBLEM: JsonSchema = {
  description: 'What was wrong and what was expected (RFC 9457).',
  type: 'object',
  required: ['type', 'title', 'status', 'detail'],
  properties: {
    type: { type: 'string', description: 'urn:hexmq:problem: and the kind of the problem.' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    errors: {
      type: 'array',
      items: {
        type: 'object',
        required: ['parameter', 'detail'],
        properties: { parameter: { type: 'string' }, detail: { type: 'string' } },
      },
    },
  },
};

/** No operation: the answer is a text of any length. */
const BACKUP = {
  get: {
    operationId: 'backup',
    summary: 'Everything that the broker stores, as of one moment, in the export format.',
    description: 'Needs the role write. It is complete if its last line is of the kind "end".',
    responses: {
      200: { description: 'Lines of JSON.', content: { 'application/x-ndjson': { schema: { type: 'string' } } } },
      default: { $ref: '#/components/responses/Problem' },
    },
  },
};

/**
 * Every operation has a path of its own: queries are GET with parameters, commands are POST with a JSON body.
 * @param more operations that are not the broker's own.
 */
export function openApiOf(version: string, more: readonly OperationDescription[] = []): object {
  const paths = [
    ...[...descriptions().values(), ...more].map((operation) => [`/api/v1/${operation.name}`, pathOf(operation)]),
    ...[...streamDescriptions().values()].map((stream) => [`/api/v1/${stream.name}`, streamPathOf(stream)]),
  ];
  return {
    openapi: '3.1.0',
    info: {
      title: 'hexmq administration',
      version,
      description: 'Shows and changes a running broker. The same operations are behind the command hexmq.',
    },
    security: [{ token: [] }],
    paths: Object.fromEntries([...paths, ['/api/v1/backup', BACKUP]] as [string, object][]),
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
      schemas: { Problem: PROBLEM },
      responses: {
        Problem: {
          description: 'The operation was not carried out.',
          content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
        },
      },
    },
  };
}

function pathOf({ name, kind, role, summary, request, answer }: OperationDescription): object {
  const operation = {
    operationId: name,
    summary,
    description: `Needs the role ${role}.`,
    responses: {
      200: { description: 'The answer.', content: { 'application/json': { schema: answer } } },
      default: { $ref: '#/components/responses/Problem' },
    },
  };
  return kind === 'query'
    ? { get: { ...operation, parameters: parametersOf(request) } }
    : { post: { ...operation, requestBody: { required: true, content: { 'application/json': { schema: request } } } } };
}

/** One record on each line, and an empty line now and then. */
function streamPathOf({ name, role, summary, request, record }: StreamDescription): object {
  return {
    get: {
      operationId: name,
      summary,
      description: `Needs the role ${role}. One record a line until it is closed; empty lines mean nothing.`,
      parameters: parametersOf(request),
      responses: {
        200: { description: 'The records.', content: { 'application/x-ndjson': { schema: record } } },
        default: { $ref: '#/components/responses/Problem' },
      },
    },
  };
}

function parametersOf({ properties = {}, required = [] }: JsonSchema): object[] {
  const names = required as readonly string[];
  return Object.entries(properties as Record<string, object>).map(([name, schema]) => ({
    name,
    in: 'query',
    required: names.includes(name),
    schema,
  }));
}
