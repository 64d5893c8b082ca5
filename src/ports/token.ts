// Injection tokens of the ports. A function makes them, because a token declared with a type and assigned a symbol
// loses the type inside its own file. Returned from here it keeps the type, and a wrong binding does not compile.
import type { ServiceIdentifier } from 'inversify';

/** @param name unique among all ports; the token is the same in every copy of the package. */
export function port<T>(name: string): ServiceIdentifier<T> {
  return Symbol.for(`hexmq.${name}`);
}
