// The port of operations that a plugin adds to the administration: they are reached as all others are, over HTTP and
// the Unix socket, by the roles of the callers.
import type { Actor, AdministrationRole, JsonSchema } from './administration.js';
import { port } from './token.js';

/** An operation of a plugin. Over HTTP it is at `/api/v1/plugins/PLUGIN/NAME`; `PLUGIN` is the name of the plugin. */
export interface PluginOperation {
  /** Lower case letters, digits and hyphens. */
  readonly name: string;
  /** A query changes nothing: it is a GET with parameters. A command is a POST with a JSON body. */
  readonly kind: 'query' | 'command';
  /** What the caller needs. Default: `read` for a query, `write` for a command. */
  readonly role?: AdministrationRole | undefined;
  /** One sentence, for the OpenAPI document. */
  readonly summary: string;
  /** JSON Schema of the request, an object. Requests that do not fit never reach the plugin. Default: no parameters. */
  readonly request?: JsonSchema | undefined;
  /** JSON Schema of the answer, for the OpenAPI document. */
  readonly answer?: JsonSchema | undefined;
  /**
   * Answers within 30 seconds, with what JSON can hold.
   * @throws AdministrationError of the right kind; every other error is reported to the caller as `unavailable`.
   */
  handle(request: Readonly<Record<string, unknown>>, actor: Actor): unknown;
}

/** Injection token of a plugin's operations; multi-bound, one binding for each. */
export const PluginOperation = port<PluginOperation>('PluginOperation');
