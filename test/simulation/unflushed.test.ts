// What the model of the simulation takes for a gap in what a crash has left of acknowledged messages.
import { expect, test } from '@jest/globals';
import type { DiskContents } from '../../src/testkit/simulation/evidence/disk-contents.js';
import type { ObservedClient } from '../../src/testkit/simulation/evidence/observed-client.js';
import { Publication, Publications } from '../../src/testkit/simulation/evidence/publications.js';
import type { SharedGroups } from '../../src/testkit/simulation/evidence/shared-groups.js';
import { Unflushed } from '../../src/testkit/simulation/evidence/unflushed.js';

/** A message with the moments at which it came and was acknowledged. */
type Published = readonly [tag: string, publisher: string, cameAt: number, acknowledgedAt: number];

/** @returns the gaps after a crash that has left these messages of all that were acknowledged. */
function gapsOf(published: readonly Published[], left: readonly string[]): string[] {
  const disk = {
    everQueuedIn: new Map(left.map((tag) => [tag, new Set(['c:s'])])),
    everHad: (_queue: string, tag: string) => left.includes(tag),
    retainedAt: new Map(),
    retained: new Map(),
    inbound: new Map(),
  } as unknown as DiskContents;
  const subscriber = { queue: 'c:s', received: { completed: new Set() } } as unknown as ObservedClient;
  const groups = { isStoredForAll: () => true } as unknown as SharedGroups;
  const owedClients = (): ObservedClient[] => [subscriber];
  const unflushed = new Unflushed({ disk, publications: new Publications(), clients: new Map(), groups, owedClients });
  for (const [tag, publisher, cameAt, acknowledgedAt] of published) {
    const publication = new Publication(tag, publisher, 't', 1, false, false);
    publication.received(cameAt);
    publication.acknowledgedAt = acknowledgedAt;
    unflushed.add(publication);
  }
  return unflushed.crashed().map(({ lost, later }) => `${lost.tag} before ${later.tag}`);
}

test('of one publisher, a message may not be lost while a later one is left', () => {
  const published: Published[] = [
    ['1', 'p', 1, 3],
    ['2', 'p', 2, 4],
  ];
  expect(gapsOf(published, ['2'])).toEqual(['1 before 2']);
  expect(gapsOf(published, ['1'])).toEqual([]);
});

test('a message may not be lost while one is left that came from another publisher after its acknowledgement', () => {
  const published: Published[] = [
    ['1', 'p', 1, 2],
    ['2', 'q', 3, 4],
  ];
  expect(gapsOf(published, ['2'])).toEqual(['1 before 2']);
});

test('of two publishers whose messages waited at the same time, either message may have been accepted first', () => {
  const published: Published[] = [
    ['1', 'p', 1, 4],
    ['2', 'q', 2, 3],
  ];
  expect(gapsOf(published, ['2'])).toEqual([]);
  expect(gapsOf(published, ['1'])).toEqual([]);
});

test('two wills of one client may be published in any order', () => {
  const published: Published[] = [
    ['1', 'will of c', 1, 4],
    ['2', 'will of c', 2, 3],
  ];
  expect(gapsOf(published, ['2'])).toEqual([]);
});
