// Reduces a failing plan while it still fails for the same reason: delta debugging on the list of operations.
import type { Operation, Plan } from './operations.js';

/** @param fails whether a plan breaks the same promise; called at most `mostRuns` times. */
export async function shrink(plan: Plan, fails: (smaller: Plan) => Promise<boolean>, mostRuns = 400): Promise<Plan> {
  let operations: readonly Operation[] = plan.operations;
  let runs = 0;
  let size = Math.ceil(operations.length / 2);
  while (size >= 1 && runs < mostRuns) {
    let isSmaller = false;
    for (let from = 0; from < operations.length && runs < mostRuns;) {
      const fewer = [...operations.slice(0, from), ...operations.slice(from + size)];
      runs++;
      if (await fails({ ...plan, operations: fewer })) {
        operations = fewer;
        isSmaller = true;
      } else from += size;
    }
    if (size === 1 && !isSmaller) break;
    if (!isSmaller || size > operations.length) size = Math.max(1, Math.floor(size / 2));
  }
  const acting = new Set(operations.flatMap((operation) => ('client' in operation ? [operation.client] : [])));
  const fewerClients = { ...plan, operations, clients: plan.clients.filter(({ name }) => acting.has(name)) };
  return (await fails(fewerClients)) ? fewerClients : { ...plan, operations };
}
