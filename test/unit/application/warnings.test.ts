// What the broker warns of: at its start, after a reload, and once a day.
import { expect, test } from '@jest/globals';
import { Warnings } from '../../../src/application/warnings.js';
import type { LifecycleEvent } from '../../../src/ports/telemetry.js';
import { VirtualClock } from '../../../src/testkit/virtual-clock.js';

const DAY_MS = 86_400_000;

test('warnings come at the start, when they are asked for, and once a day until the broker stops', async () => {
  const clock = new VirtualClock();
  const events: LifecycleEvent[] = [];
  let days = 3;
  const warnings = new Warnings({
    sources: [
      { name: 'tls', warnings: () => (days > 0 ? [`the certificate ends in ${days} days`] : []) },
      { name: 'storage', warnings: () => [] },
    ],
    ofConfiguration: ['authentication[1]: never asked'],
    clock,
    emit: (event) => events.push(event),
  });
  const told = (): unknown[] => events.splice(0).map((event) => ('detail' in event ? event.detail : event));
  await warnings.start();
  expect(events).toContainEqual({ kind: 'warning', what: 'tls', detail: 'the certificate ends in 3 days' });
  expect(told()).toEqual(['authentication[1]: never asked', 'the certificate ends in 3 days']);
  warnings.report();
  expect(told()).toEqual(['the certificate ends in 3 days']);
  for (days = 2; days >= 0; days--) clock.advance(DAY_MS);
  expect(told()).toEqual(['the certificate ends in 2 days', 'the certificate ends in 1 days']);
  await warnings.stop();
  days = 5;
  clock.advance(2 * DAY_MS);
  expect(told()).toEqual([]);
});
