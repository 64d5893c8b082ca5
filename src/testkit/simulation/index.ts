// The whole broker with its clients, its network, its disk and its crashes, run from one seed. Same seed, same run.
import type { Storage } from '../../ports/index.js';
import { describeOperation } from './operations.js';
import type { Plan } from './operations.js';
import { planOf } from './plan.js';
import { shrink } from './shrink.js';
import type { Violation } from './violation.js';
import { World } from './world.js';
import type { Outcome } from './outcome.js';

export { planOf } from './plan.js';
export type { Plan } from './operations.js';
export type { InvariantName, Violation } from './violation.js';
export type { Outcome } from './outcome.js';

/** The storage under test, and whether to keep the script of the run (default: no). */
export interface SimulationOptions {
  /**
   * Creates an empty storage whose content stays when it is closed and opened again; called for each start of the
   * broker. It must do nothing in real time.
   */
  readonly makeStorage: () => Storage;
  readonly keepScript?: boolean;
}

/** A broken promise, and the smallest plan found that breaks it. */
export interface Failure {
  readonly seed: number;
  readonly violation: Violation;
  /** What is left of the plan, and the script of that. */
  readonly plan: Plan;
  readonly script: readonly string[];
}

/** Runs a plan to its end, or to the first broken promise. */
export function runPlan(plan: Plan, { makeStorage, keepScript = false }: SimulationOptions): Promise<Outcome> {
  return new World(plan, makeStorage, keepScript).run();
}

/** Runs the plan of a seed to its end, or to the first broken promise. */
export function runSeed(seed: number, options: SimulationOptions): Promise<Outcome> {
  return runPlan(planOf(seed), options);
}

/** The smallest run found that fails as this seed does; `undefined`: it does not fail. */
export async function explain(seed: number, options: SimulationOptions): Promise<Failure | undefined> {
  const plan = planOf(seed);
  const { violation } = await runPlan(plan, options);
  if (violation === undefined) return undefined;
  const smallest = await shrink(
    plan,
    async (smaller) => (await runPlan(smaller, options)).violation?.invariant === violation.invariant,
  );
  const outcome = await runPlan(smallest, { ...options, keepScript: true });
  return { seed, violation: outcome.violation ?? violation, plan: smallest, script: outcome.script };
}

/** For people. */
export function describeFailure({ seed, violation, plan, script }: Failure): string {
  return [
    `seed ${seed} breaks "${violation.invariant}": ${violation.detail}`,
    '',
    `what is left of the plan (${plan.clients.length} clients, limits ${JSON.stringify(plan.limits)}, ` +
      `clients ${JSON.stringify(plan.clients)}):`,
    ...plan.operations.map((operation) => `  ${describeOperation(operation)}`),
    '',
    'what happened (-> sent by the client, => taken by the broker, <- sent by the broker, <= taken by the client):',
    ...script.map((line) => `  ${line}`),
  ].join('\n');
}
