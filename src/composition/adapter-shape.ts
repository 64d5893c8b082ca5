// What the constructor of an adapter has to return. A package may be of another author, and in plain JavaScript: what
// is missing is said when the configuration is checked, and not by the first client that needs it.
import { requireTraits } from '../application/storage-checks.js';
import type { Authenticator, Authorizer, Storage } from '../ports/index.js';

interface Shape {
  readonly what: string;
  readonly methods: readonly string[];
  readonly optional: readonly string[];
  /** Where the adapter does what takes time. */
  readonly startsIn: string;
}

/** The functions that modules of adapters export. */
export type Factory = 'createStorage' | 'createAuthenticator' | 'createAuthorizer';

const ACCESS_OPTIONAL = ['start', 'stop', 'reload'] satisfies (keyof Authenticator)[];

const SHAPES: Readonly<Record<Factory, Shape>> = {
  createStorage: {
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
  },
  createAuthenticator: {
    what: 'an authenticator',
    methods: ['authenticate'] satisfies (keyof Authenticator)[],
    optional: [...ACCESS_OPTIONAL, 'remembers', 'exchange'] satisfies (keyof Authenticator)[],
    startsIn: 'start',
  },
  createAuthorizer: {
    what: 'an authorizer',
    methods: ['authorize'] satisfies (keyof Authorizer)[],
    optional: [...ACCESS_OPTIONAL, 'watch'] satisfies (keyof Authorizer)[],
    startsIn: 'start',
  },
};

export const isFactory = (name: string): name is Factory => Object.hasOwn(SHAPES, name);

/** @returns what is wrong with what the factory returned, and what was expected; `undefined` if nothing is. */
export function shapeProblem(factory: Factory, made: unknown): string | undefined {
  const { what, methods, optional, startsIn } = SHAPES[factory];
  if (typeof made !== 'object' || made === null)
    return `${factory} returned ${made === null ? 'null' : typeof made}, expected ${what}`;
  const fields = made as Readonly<Record<string, unknown>>;
  if (typeof fields['then'] === 'function') {
    // Its rejection would end the process before the sentence is read.
    (made as PromiseLike<unknown>).then(undefined, () => undefined);
    return `${factory} returned a promise, expected ${what}; what takes time belongs into its ${startsIn}()`;
  }
  const missing = methods.filter((name) => typeof fields[name] !== 'function');
  if (missing.length > 0)
    return `${factory} returned an object without ${missing.map(called).join(', ')}, expected ${what}`;
  for (const name of optional)
    if (fields[name] !== undefined && typeof fields[name] !== 'function')
      return `${factory} returned ${what} whose ${name} is no function, expected a function, or none`;
  if (factory === 'createStorage') return traitsProblem(made as Storage);
  return nameProblem(factory, what, fields['name']) ?? methodsProblem(fields);
}

function traitsProblem(storage: Storage): string | undefined {
  try {
    requireTraits(storage);
    return undefined;
  } catch (error) {
    return `createStorage returned a storage that is not usable: ${(error as Error).message}`;
  }
}

function nameProblem(factory: Factory, what: string, name: unknown): string | undefined {
  if (typeof name === 'string' && name !== '') return undefined;
  const found = JSON.stringify(name) ?? 'undefined';
  return `${factory} returned ${what} whose name is ${found}, expected a name for the log`;
}

/** Authentication Methods, and the function that goes with them. */
function methodsProblem({ methods, exchange }: Readonly<Record<string, unknown>>): string | undefined {
  if (methods === undefined && exchange === undefined) return undefined;
  if (typeof exchange !== 'function')
    return 'createAuthenticator returned an authenticator with methods and without exchange(), expected both or none';
  if (Array.isArray(methods) && methods.length > 0 && methods.every((name) => typeof name === 'string' && name !== ''))
    return undefined;
  return 'createAuthenticator returned an authenticator whose methods are no list of names, expected one';
}

const called = (method: string): string => `${method}()`;
