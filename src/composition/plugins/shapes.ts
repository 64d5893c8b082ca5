// What is bound to a port has to be of its shape. A package may be of another author, and in plain JavaScript: what is
// missing is said when the configuration is checked, and not by the first client that needs it.
import type { ServiceIdentifier } from 'inversify';
import { requireTraits } from '../../application/storage-checks.js';
import {
  Authenticator,
  Authorizer,
  EventListener,
  Interceptor,
  Listener,
  PluginOperation,
  Startable,
  Storage,
  Telemetry,
} from '../../ports/index.js';

interface Shape {
  readonly what: string;
  readonly methods: readonly string[];
  readonly optional: readonly string[];
  /** Where the adapter does what takes time. */
  readonly startsIn: string;
  /** It has no name of its own. */
  readonly isNameless?: true;
}

const LIFE = ['start', 'stop'] satisfies (keyof Startable)[];
const ACCESS_OPTIONAL = [...LIFE, 'reload'] satisfies (keyof Authenticator)[];

const SHAPES: ReadonlyMap<ServiceIdentifier, Shape> = new Map<ServiceIdentifier, Shape>([
  [
    Storage,
    {
      what: 'a storage',
      methods: [
        'open',
        'openReadOnly',
        'load',
        'commit',
        'readQueue',
        'readRetained',
        'close',
      ] satisfies (keyof Storage)[],
      optional: [],
      startsIn: 'open',
      isNameless: true,
    },
  ],
  [
    Authenticator,
    {
      what: 'an authenticator',
      methods: ['authenticate'] satisfies (keyof Authenticator)[],
      optional: [...ACCESS_OPTIONAL, 'remembers', 'exchange'] satisfies (keyof Authenticator)[],
      startsIn: 'start',
    },
  ],
  [
    Authorizer,
    {
      what: 'an authorizer',
      methods: ['authorize'] satisfies (keyof Authorizer)[],
      optional: [...ACCESS_OPTIONAL, 'watch'] satisfies (keyof Authorizer)[],
      startsIn: 'start',
    },
  ],
  [
    Interceptor,
    {
      what: 'an interceptor',
      methods: [],
      optional: [...LIFE, 'connect', 'publish', 'subscribe', 'unsubscribe', 'deliver'] satisfies (keyof Interceptor)[],
      startsIn: 'start',
    },
  ],
  [
    Listener,
    {
      what: 'a listener',
      methods: ['listen', 'close'] satisfies (keyof Listener)[],
      optional: ['reload', 'problems', 'warnings'] satisfies (keyof Listener)[],
      startsIn: 'listen',
      isNameless: true,
    },
  ],
  [
    EventListener,
    {
      what: 'a listener of events',
      methods: ['handle'] satisfies (keyof EventListener)[],
      optional: LIFE,
      startsIn: 'start',
    },
  ],
  [
    PluginOperation,
    {
      what: 'an operation',
      methods: ['handle'] satisfies (keyof PluginOperation)[],
      optional: [],
      startsIn: 'handle',
    },
  ],
  [
    Telemetry,
    {
      what: 'an observer of events',
      methods: ['emit'] satisfies (keyof Telemetry)[],
      optional: ['reopen'] satisfies (keyof Telemetry)[],
      startsIn: 'emit',
      isNameless: true,
    },
  ],
  [
    Startable,
    { what: 'something to start and stop', methods: [], optional: LIFE, startsIn: 'start', isNameless: true },
  ],
]);

/**
 * @param said what led to the value, such as `createStorage returned`.
 * @returns what is wrong with it, and what was expected; `undefined` if nothing is.
 */
export function shapeProblem(port: ServiceIdentifier, value: unknown, said: string): string | undefined {
  const shape = SHAPES.get(port);
  if (shape === undefined) return undefined;
  const { what, methods, optional, startsIn } = shape;
  if (typeof value !== 'object' || value === null)
    return `${said} ${value === null ? 'null' : typeof value}, expected ${what}`;
  const fields = value as Readonly<Record<string, unknown>>;
  if (typeof fields['then'] === 'function') {
    // Its rejection would end the process before the sentence is read.
    (value as PromiseLike<unknown>).then(undefined, () => undefined);
    return `${said} a promise, expected ${what}; what takes time belongs into its ${startsIn}()`;
  }
  const missing = methods.filter((name) => typeof fields[name] !== 'function');
  if (missing.length > 0) return `${said} an object without ${missing.map(called).join(', ')}, expected ${what}`;
  for (const name of optional)
    if (fields[name] !== undefined && typeof fields[name] !== 'function')
      return `${said} ${what} whose ${name} is no function, expected a function, or none`;
  if (port === Storage) return traitsProblem(value as Storage, said);
  return (shape.isNameless ? undefined : nameProblem(said, what, fields['name'])) ?? methodsProblem(fields, said);
}

function traitsProblem(storage: Storage, said: string): string | undefined {
  try {
    requireTraits(storage);
    return undefined;
  } catch (error) {
    return `${said} a storage that is not usable: ${(error as Error).message}`;
  }
}

function nameProblem(said: string, what: string, name: unknown): string | undefined {
  if (typeof name === 'string' && name !== '') return undefined;
  const found = JSON.stringify(name) ?? 'undefined';
  return `${said} ${what} whose name is ${found}, expected a name for the log`;
}

/** Authentication Methods, and the function that goes with them. */
function methodsProblem({ methods, exchange }: Readonly<Record<string, unknown>>, said: string): string | undefined {
  if (methods === undefined && exchange === undefined) return undefined;
  if (typeof exchange !== 'function')
    return `${said} an authenticator with methods and without exchange(), expected both or none`;
  if (Array.isArray(methods) && methods.length > 0 && methods.every((name) => typeof name === 'string' && name !== ''))
    return undefined;
  return `${said} an authenticator whose methods are no list of names, expected one`;
}

const called = (method: string): string => `${method}()`;
