// Turns a scenario into a transcript: each input as a line, and below it the output of the core.
import { CoreHarness } from '../support/core-harness.js';
import type { CorePeer } from '../support/core-harness.js';

export interface Stage {
  readonly core: CoreHarness;
  /** Runs one input, and writes it and its outcome to the transcript. */
  step<T>(input: string, action: () => T): T;
  /** Opens and admits a connection: two inputs, which the transcript shows as one. */
  connect(clientId: string, options?: Parameters<CoreHarness['connect']>[1]): CorePeer;
  /** Continues with a new core on the stored facts, as after a crash. */
  restart(): void;
}

export type Scenario = (stage: Stage) => void;

export function transcriptOf(scenario: Scenario): string {
  const lines: string[] = [];
  let core = new CoreHarness();
  const step = <T>(input: string, action: () => T): T => {
    const result = action();
    lines.push(`> ${input}`, ...core.lines().map((line) => `  ${line}`));
    return result;
  };
  scenario({
    get core() {
      return core;
    },
    step,
    connect: (clientId, options) => {
      const clean = options?.clean ?? true;
      return step(`${clientId} connects, Clean Session ${clean ? 1 : 0}`, () => core.connect(clientId, options));
    },
    restart: () => {
      core = core.restarted();
      lines.push('> the broker is killed and starts again', ...core.lines().map((line) => `  ${line}`));
    },
  });
  return `${lines.join('\n')}\n`;
}
