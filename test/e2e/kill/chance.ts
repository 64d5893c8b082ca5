// Random choices from a seed. The traffic of a test follows from the seed; the moment of a kill depends on the machine.
export class Chance {
  #state: number;

  constructor(readonly seed: number) {
    this.#state = seed >>> 0;
  }

  /** From 0 up to but not including 1 (mulberry32). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let x = this.#state;
    x = Math.imul(x ^ (x >>> 15), x | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 0x1_0000_0000;
  }

  /** An integer between the two, both included. */
  between(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1));
  }

  happens(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.between(0, choices.length - 1)] as T;
  }
}

function numberFrom(name: string, otherwise: () => number): number {
  const text = process.env[name];
  if (text === undefined || text === '') return otherwise();
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`${name}: "${text}" is not a whole number`);
  return value;
}

export const SEED = numberFrom('HEXMQ_KILL_SEED', () => Math.floor(Math.random() * 0x1_0000_0000));
export const ROUNDS = numberFrom('HEXMQ_KILL_ROUNDS', () => 20);
