// When a reload of a limit takes effect: the rules that docs/configuration.md lists, and the form of a proof.
import type { Limits } from '../../../src/domain/limits.js';
import type { CoreHarness } from '../../support/core-harness.js';
import type { EngineHarness } from '../../support/engine-harness.js';

/** The rules, with the sentence that the page has for each. */
export const EFFECTS = {
  'at once': 'At once. What was accepted before stays: nothing is dropped and no client is disconnected.',
  'next connection': 'For clients that connect afterwards, also those that return to a session.',
  'next timer': 'Timers that are set afterwards. One that runs keeps its time.',
  rate: 'At once. A rate that has changed begins with a full burst. A client that waits is read within 1 s.',
  window: 'When a client has acknowledged its present window. An MQTT client does not know the size.',
  messages: 'For messages accepted afterwards.',
  waiting:
    'With the next message that has to wait: what is over a smaller limit is freed from then on, a part in each step.',
  start: 'At the next start.',
} as const;

/** Observed once before a reload and once after it. */
export interface Proof<Harness> {
  readonly effect: keyof typeof EFFECTS;
  readonly before: Partial<Limits>;
  readonly after: Partial<Limits>;
  readonly observe: (broker: Harness) => unknown;
  readonly expected: readonly [before: unknown, after: unknown];
}

export type CoreProof = Proof<CoreHarness>;
export type ShellProof = Proof<EngineHarness>;
