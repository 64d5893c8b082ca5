// What the type tests say: `expectType<Equal<A, B>>()` compiles only if A and B are the same type.

/** Whether two types are the same, `any` and readonly members included. */
export type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

export function expectType<T extends true>(_proof?: T): void {
  // The compiler is the test.
}
