// The randomness port, for generated client identifiers. A port so that a simulation can be repeated from its seed.
import { port } from './token.js';

/** The source of random bytes. */
export interface Random {
  /** @returns `length` new bytes, cryptographically unpredictable outside tests. */
  bytes(length: number): Uint8Array;
}

/** Injection token of the source of randomness. */
export const Random = port<Random>('Random');
