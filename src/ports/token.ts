// Injection tokens. Made by a function because a token that is declared with a type and assigned a symbol loses the type inside its own
// file; returned from here it keeps it, and binding the wrong thing to it does not compile.
import type { ServiceIdentifier } from 'inversify';

export function port<T>(name: string): ServiceIdentifier<T> {
  return Symbol.for(`hexmq.${name}`);
}
