// A plan that is being made: operations are added to it, and the themes of a run change what is there.
import type { Limits } from '../../domain/limits.js';
import type { Action, ClientTraits, Operation } from './operations.js';

export const TOPICS = ['a', 'a/b', 'a/c', 'd/e/f', '$x/y'];
export const FILTERS = ['a', 'a/b', 'a/c', 'a/#', '#', '+/b', 'a/+', 'd/e/+', 'd/#', '$x/#'];
export const SHARED_FILTERS = ['$share/g/a/b', '$share/g/a/#', '$share/h/#'];

/** What the broker says of itself, and subscriptions to it. */
export const OWN_TOPICS = ['$SYS/broker/a', '$SYS/broker/a/b', '$SYS/broker/c'];
export const OWN_FILTERS = ['$SYS/#', '$SYS/broker/+', '$SYS/broker/a/#', '$SYS/+/c'];

export class PlanDraft {
  readonly operations: Operation[] = [];

  constructor(
    readonly limits: { -readonly [Key in keyof Limits]?: Limits[Key] },
    readonly clients: ClientTraits[],
    readonly durationMs: number,
  ) {}

  readonly add = (atMs: number, action: Action): void => {
    this.operations.push({ ...action, id: this.operations.length, atMs });
  };

  /** Puts another operation in the place of each for which `change` returns one. */
  replace(change: (operation: Operation) => Operation | undefined): void {
    for (const [i, one] of this.operations.entries()) this.operations[i] = change(one) ?? one;
  }
}
