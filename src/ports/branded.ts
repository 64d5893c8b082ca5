// Errors that are recognised across copies of the package. An adapter that was installed with a hexmq of its own throws
// an error of that copy, and `instanceof` would compare its class with the one here. The command is such a copy too: it
// is a bundle, while adapters import the library beside it.

/**
 * Has `instanceof` recognise the errors of this class by a symbol that all copies share, whichever of them made the
 * error. Subclasses are recognised in the ordinary way.
 * @param name unique among the errors of the package.
 */
export function brand(errorClass: abstract new (...args: never) => Error, name: string): void {
  const mark = Symbol.for(`hexmq.error.${name}`);
  Object.defineProperty(errorClass.prototype, mark, { value: true });
  Object.defineProperty(errorClass, Symbol.hasInstance, {
    value(this: unknown, error: unknown): boolean {
      if (this !== errorClass) return Function.prototype[Symbol.hasInstance].call(this, error);
      return typeof error === 'object' && error !== null && mark in error;
    },
  });
}
