// What the model of the simulation concludes about wills from what it sees.
import { expect, test } from '@jest/globals';
import type { Change } from '../../src/ports/index.js';
import type { DiskContents } from '../../src/testkit/simulation/evidence/disk-contents.js';
import { LogicalClock } from '../../src/testkit/simulation/evidence/logical-clock.js';
import { Publication } from '../../src/testkit/simulation/evidence/publications.js';
import { WillLog } from '../../src/testkit/simulation/evidence/will-log.js';
import { payloadOf } from '../../src/testkit/simulation/payload.js';

test('a will that the disk let go before CONNACK told that its session had ended is published', () => {
  const published: string[] = [];
  const disk = { wills: new Map<string, string>(), willDueAtMs: new Map<string, number>() };
  const clock = new LogicalClock();
  const log = new WillLog(clock, disk as unknown as DiskContents, ({ tag }) => published.push(tag));
  const stored = { kind: 'will.put', will: { message: { payload: payloadOf('first', 10) } } } as unknown as Change;

  log.connected('c', new Publication('first', 'will of c', 'a', 1, false, false), false);
  disk.wills.set('c', 'first');
  log.kept([stored]);
  log.accepted('first', clock.tick(), true);

  // The client connects again, with Clean Start, while the will would wait for its delay.
  const takenOverAt = clock.tick();
  log.connected('c', undefined, true);
  log.connectionEnded('first', 'by broker', false, {
    nowMs: 100,
    delayMs: 1000,
    lastsMs: 1000,
    takenOverAt,
    mayBeDeleted: false,
  });
  disk.wills.delete('c');
  log.kept([]);
  expect(published).toEqual([]);
  log.accepted(undefined, takenOverAt, true);
  expect(published).toEqual(['first']);
  expect(log.unpublished).toEqual([]);
});
