// The contract of the network port as tests, for any adapter and under any test runner. Each rule of the port is one
// test, so that a run lists everything an adapter gets wrong, not only the first thing. The laws look at behavior
// alone: neither at how an adapter works nor at its speed.
import { reportTo, testOf, thenDisposed } from '../asking.js';
import type { NotAskedReport, TestBody } from '../asking.js';
import { ACCEPTING_LAWS } from './accepting.js';
import { CLOSING_LAWS } from './closing.js';
import { DATA_LAWS } from './data.js';
import { LISTENING_LAWS } from './listening.js';
import { Scenario } from './scenario.js';
import type { NetworkFactory } from './subject.js';

export type { NetworkFactory, NetworkPeer, NetworkUnderTest } from './subject.js';

/** What the contract needs to test a network adapter. */
export interface NetworkContractOptions {
  /** Names the adapter in the report. */
  readonly name: string;
  readonly factory: NetworkFactory;
  /** Of your test runner. It must call the body at once, as Jest, Vitest, Mocha and `node:test` do. */
  readonly describe: (name: string, body: () => void) => void;
  /** Of your test runner. It must await the promise that the body returns. */
  readonly test: (name: string, body: TestBody) => void;
  /** Limit in milliseconds for anything that has to happen. Default 10,000. */
  readonly timeoutMs?: number;
  /** Told of each law that was not asked. Default: a line on standard error. */
  readonly notAsked?: NotAskedReport;
}

const DEFAULT_TIMEOUT_MS = 10_000;

/** Declares the tests of the contract. They throw `ContractViolation` with what was expected and what happened. */
export function networkContract({
  name,
  factory,
  describe,
  test,
  timeoutMs = DEFAULT_TIMEOUT_MS,
  notAsked = reportTo(`network contract: ${name}`),
}: NetworkContractOptions): void {
  describe(`network contract: ${name}`, () => {
    for (const [law, run] of [...DATA_LAWS, ...CLOSING_LAWS, ...ACCEPTING_LAWS, ...LISTENING_LAWS]) {
      const ask = async (): Promise<void> => {
        const scenario = await Scenario.create(factory, timeoutMs);
        await thenDisposed(
          () => scenario.dispose(),
          async () => {
            await run(scenario);
            await scenario.subject.listener.close();
            scenario.verify();
          },
        );
      };
      test(law, testOf(law, notAsked, ask));
    }
  });
}
