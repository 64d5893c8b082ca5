// The operations that plugins add. What their schemas refuse does not reach them, and what they throw or do not answer
// becomes an error that names the plugin.
import * as z from 'zod';
import { AdministrationError } from '../ports/index.js';
import { BoundedCalls } from './bounded-calls.js';
import type { Actor, AdministrationRole, Clock, OperationDescription, PluginOperation } from '../ports/index.js';

const TIMEOUT_MS = 30_000;
const NAME = /^[a-z][a-z0-9-]*$/;
const NO_PARAMETERS = { type: 'object', properties: {}, additionalProperties: false };

/** An operation, and the plugin that it is of. */
export interface OwnedOperation {
  readonly plugin: string;
  readonly operation: PluginOperation;
}

export interface Entry {
  readonly description: OperationDescription;
  readonly request: z.ZodType;
  readonly owned: OwnedOperation;
}

export class PluginOperations {
  readonly #entries: ReadonlyMap<string, Entry>;
  readonly #clock: Clock;

  /** @throws TypeError as `checkedOperations`. */
  constructor(operations: readonly OwnedOperation[], clock: Clock) {
    this.#clock = clock;
    this.#entries = checkedOperations(operations);
  }

  get descriptions(): OperationDescription[] {
    return [...this.#entries.values()].map(({ description }) => description);
  }

  /** What checks a call of this operation; `undefined` if no plugin has it. */
  find(name: string): { readonly role: AdministrationRole; readonly request: z.ZodType } | undefined {
    const entry = this.#entries.get(name);
    return entry === undefined ? undefined : { role: entry.description.role, request: entry.request };
  }

  /** @throws AdministrationError (as a rejection) */
  async call(name: string, request: unknown, actor: Actor): Promise<unknown> {
    const { plugin, operation } = (this.#entries.get(name) as Entry).owned;
    const late = `the plugin ${plugin} failed: no answer within ${TIMEOUT_MS} ms`;
    // How many are under way is for the endpoints to bound.
    const calls = new BoundedCalls(this.#clock, { max: Infinity, timeoutMs: TIMEOUT_MS, busy: '', late });
    try {
      return await calls.run(() =>
        Promise.resolve().then(() => operation.handle(request as Readonly<Record<string, unknown>>, actor)),
      );
    } catch (error) {
      if (error instanceof AdministrationError) throw error;
      const why = error instanceof Error ? error.message : String(error);
      throw new AdministrationError('unavailable', `the plugin ${plugin} failed: ${why}`);
    }
  }
}

/** @throws TypeError that names the plugin and what is wrong with its operation. */
export function checkedOperations(operations: readonly OwnedOperation[]): ReadonlyMap<string, Entry> {
  const entries = new Map<string, Entry>();
  for (const owned of operations) {
    const { plugin, operation } = owned;
    const { name, kind, role = kind === 'query' ? 'read' : 'write', summary, answer = {} } = operation;
    const refuse = (why: string): never => {
      throw new TypeError(`the operation ${JSON.stringify(name)}: ${why}`);
    };
    if (!NAME.test(name)) refuse('the name is not valid, expected lower case letters, digits and hyphens');
    const path = `plugins/${plugin}/${name}`;
    if (entries.has(path)) refuse('there are two, expected different names');
    const request = operation.request ?? NO_PARAMETERS;
    const description: OperationDescription = { name: path, kind, role, summary, request, answer };
    entries.set(path, { description, request: schemaOf(request, refuse), owned });
  }
  return entries;
}

function schemaOf(schema: OperationDescription['request'], refuse: (why: string) => never): z.ZodType {
  if (schema['type'] !== 'object') refuse('request: expected the JSON Schema of an object');
  try {
    return z.fromJSONSchema(schema);
  } catch (error) {
    return refuse(`request: ${(error as Error).message}`);
  }
}
