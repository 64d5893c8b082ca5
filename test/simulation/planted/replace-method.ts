// A method of a class replaced for a while. The class and the method are references that the compiler checks, so a
// rename takes a planted bug along, and a method that disappears breaks the build.

type AnyFunction = (...args: never[]) => unknown;
type MethodName<T> = { [K in keyof T]: T[K] extends AnyFunction ? K : never }[keyof T];
type Arguments<F> = F extends (...args: infer A) => unknown ? A : never;
type Result<F> = F extends (...args: never[]) => infer R ? R : never;

/** Removes a planted bug. */
export type Undo = () => void;

/**
 * @param replacement gets the object, the original method (bound to the object) and the arguments of each call.
 */
export function replaceMethod<T extends object, K extends MethodName<T>>(
  prototype: T,
  name: K,
  replacement: (self: T, original: T[K], ...args: Arguments<T[K]>) => Result<T[K]>,
): Undo {
  const original = Object.getOwnPropertyDescriptor(prototype, name);
  if (typeof original?.value !== 'function') throw new Error(`${String(name)} is not a method of the class`);
  const method = original.value as AnyFunction;
  Object.defineProperty(prototype, name, {
    ...original,
    value(this: T, ...args: Arguments<T[K]>): Result<T[K]> {
      return replacement(this, method.bind(this) as T[K], ...args);
    },
  });
  return () => Object.defineProperty(prototype, name, original);
}

/** Runs `call` while a property of an object has another value. */
export function withValue<T extends object, K extends keyof T, R>(object: T, name: K, value: T[K], call: () => R): R {
  const previous = object[name];
  const writable = object as { -readonly [Key in keyof T]: T[Key] };
  writable[name] = value;
  try {
    return call();
  } finally {
    writable[name] = previous;
  }
}

export const undoAll =
  (...undos: readonly Undo[]): Undo =>
  () => {
    for (const undo of undos) undo();
  };
