// Randomness, for the few places that need it.
import { port } from './token.js';

export interface Random {
  /** `length` unpredictable bytes. */
  bytes(length: number): Uint8Array;
}

export const Random = port<Random>('Random');
