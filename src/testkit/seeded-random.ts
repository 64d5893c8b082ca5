// Reproducible randomness: the same seed gives the same numbers on every machine, so that a failed run can be repeated
// from its seed. The generator is xoshiro128**, its state filled from the seed by splitmix32. Not for secrets.
import type { Random } from '../ports/index.js';

const rotateLeft = (x: number, by: number): number => (x << by) | (x >>> (32 - by));

/** Random numbers and bytes from a seed. Not for secrets. */
export class SeededRandom implements Random {
  readonly #state = new Uint32Array(4);

  constructor(readonly seed: number) {
    let x = seed >>> 0;
    for (let i = 0; i < 4; i++) {
      x = (x + 0x9e3779b9) >>> 0;
      let z = x;
      z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
      z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
      this.#state[i] = z ^ (z >>> 15);
    }
  }

  /** A whole number from 0 to 4,294,967,295. */
  uint32(): number {
    const s = this.#state;
    const [a, b, c, d] = s as unknown as [number, number, number, number];
    const result = Math.imul(rotateLeft(Math.imul(b, 5), 7), 9) >>> 0;
    s[2] = c ^ a;
    s[3] = d ^ b;
    s[1] = b ^ (c ^ a);
    s[0] = a ^ (d ^ b);
    s[2] = c ^ a ^ (b << 9);
    s[3] = rotateLeft(d ^ b, 11);
    return result;
  }

  /** A number from 0 up to, but not including, 1. */
  fraction(): number {
    return this.uint32() / 0x1_0000_0000;
  }

  /** A whole number from `least` to `most`, both included. */
  int(least: number, most: number): number {
    return least + Math.floor(this.fraction() * (most - least + 1));
  }

  /** True with this probability: 0 is never, 1 is always. */
  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  /** @throws RangeError if the list is empty. */
  pick<T>(from: readonly T[]): T {
    if (from.length === 0) throw new RangeError('there is nothing to pick from');
    return from[this.int(0, from.length - 1)] as T;
  }

  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let i = 0; i < length; i++) bytes[i] = this.uint32() >>> 24;
    return bytes;
  }

  /**
   * An independent generator, so that more draws in one part of a test do not change the other parts.
   */
  fork(): SeededRandom {
    return new SeededRandom(this.uint32());
  }
}
