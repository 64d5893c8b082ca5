// One line about a run of a contract: how many laws there are, and which of them failed or were not asked. A run in
// which nothing failed says little if half of it was not asked.
import type { NotAskedReport, TestBody } from './asking.js';

type Test = (name: string, body: TestBody) => void;

/** What a contract takes in place of the runner's `test`, and the line about its run. */
export interface ContractSummary {
  readonly test: Test;
  readonly notAsked: NotAskedReport;
  /** For when the tests have run: `hexmq storage contract: 61 laws, 4 not asked (failNextCommit)`. */
  line(): string;
}

/**
 * Counts the laws of one contract.
 * @param contract as the line names it, such as `storage contract`.
 * @param test the function of the test runner.
 */
export function contractSummary(contract: string, test: Test): ContractSummary {
  const counts = { laws: 0, ended: 0, failed: 0 };
  const reasons = new Map<string, string>();
  return {
    test: (name, body) => {
      counts.laws++;
      test(name, async function (this: unknown, ...context) {
        try {
          await body.apply(this, context);
        } catch (error) {
          // Vitest ends a test that is skipped with an error of its own.
          if (!reasons.has(name)) counts.failed++;
          throw error;
        } finally {
          counts.ended++;
        }
      });
    },
    notAsked: (law, why) => void reasons.set(law, why),
    line: () => {
      const { laws, ended, failed } = counts;
      const parts = [
        `${laws} laws`,
        ...(ended < laws ? [`${laws - ended} not run`] : []),
        ...(failed > 0 ? [`${failed} failed`] : []),
        ...(reasons.size > 0 ? [`${reasons.size} not asked (${shortened(reasons.values())})`] : []),
      ];
      return `hexmq ${contract}: ${parts.join(', ')}`;
    },
  };
}

/** What is missing, by its name where the reason has one. */
const shortened = (reasons: Iterable<string>): string =>
  [...new Set(Array.from(reasons, (why) => /`(\w+)`/.exec(why)?.[1] ?? why))].join(', ');
