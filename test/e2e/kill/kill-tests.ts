// The first promise, kept by the built command on a storage whatever happens to its process, or to its server: what was
// acknowledged is never lost, and at QoS 2 nothing comes twice. It is killed without warning, again and again on the
// same data, while its clients do all that clients do.
import { expect, test } from '@jest/globals';
import { Backlog } from './backlog.js';
import { Chance, ROUNDS, SEED } from './chance.js';
import { KillableBroker } from './killable-broker.js';
import { Story } from './story.js';
import { scene } from '../program.js';
import type { StoragePlace } from './storage-place.js';

/** Several times what a broker keeps of a queue in memory. */
const BACKLOG = 6000;
const MINUTE_MS = 60_000;

/** A story from its first start to its last, and a stop. @throws Error that tells it, if a promise was broken. */
export async function tellStory(place: StoragePlace, rounds: number): Promise<Story> {
  const broker = new KillableBroker(place);
  const story = new Story(broker, new Chance(SEED));
  await story.chronicle.witness(async () => {
    await story.open();
    for (let round = 0; round < rounds; round++) await story.round();
    await story.close();
  });
  expect(await broker.stop()).toBe(0);
  return story;
}

/** @param newPlace one in which nothing is stored yet, asked for in a scene. */
export function killTests(newPlace: () => StoragePlace | Promise<StoragePlace>, rounds = ROUNDS): void {
  test(
    `nothing acknowledged is lost and nothing at QoS 2 comes twice in ${rounds} kills (HEXMQ_KILL_SEED=${SEED})`,
    () =>
      scene(async () => {
        const story = await tellStory(await newPlace(), rounds);
        // A story in which nothing happens proves nothing; one of a few rounds may do without something.
        if (rounds < 20) return;
        for (const [what, count] of Object.entries(story.census))
          if (count === 0) throw new Error(`there was no ${what}: seed ${SEED}`);
      }),
    // Nothing in it waits for long: this is for machines that are busy with something else.
    (1 + rounds / 2) * MINUTE_MS,
  );

  test(
    `a backlog of ${BACKLOG} messages arrives whole and in order, however often the broker is killed while it is drained (HEXMQ_KILL_SEED=${SEED})`,
    () =>
      scene(async () => {
        const broker = new KillableBroker(await newPlace());
        const backlog = new Backlog(broker, new Chance(SEED));
        await backlog.chronicle.witness(async () => {
          await backlog.pileUp(BACKLOG);
          let kills = 0;
          for (; kills < 6 && !backlog.isDrained; kills++) await backlog.drainSome();
          // Else it was not in the midst of it.
          expect(kills).toBeGreaterThanOrEqual(2);
          await backlog.drain();
        });
        expect(await broker.stop()).toBe(0);
      }),
    6 * MINUTE_MS,
  );
}
