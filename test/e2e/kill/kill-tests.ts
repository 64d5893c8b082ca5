// The promises of the broker, checked on the built command while it is killed: an acknowledged message is never lost,
// and at QoS 2 no message arrives twice. The process or its storage server is killed repeatedly on the same data.
import { expect, test } from '@jest/globals';
import { Backlog } from './backlog.js';
import { Chance, ROUNDS, SEED } from './chance.js';
import { KillableBroker } from './killable-broker.js';
import { Scenario } from './scenario.js';
import { scene } from '../program.js';
import type { StoragePlace } from './storage-place.js';

/** Several times what a broker keeps of a queue in memory. */
const BACKLOG = 6000;
const MINUTE_MS = 60_000;

/** Runs a scenario to its end and stops the broker. @throws Error with the violations, if a promise was broken. */
export async function runScenario(place: StoragePlace, rounds: number): Promise<Scenario> {
  const broker = new KillableBroker(place);
  const scenario = new Scenario(broker, new Chance(SEED));
  await scenario.history.explainFailures(async () => {
    await scenario.open();
    for (let round = 0; round < rounds; round++) await scenario.round();
    await scenario.close();
  });
  expect(await broker.stop()).toBe(0);
  return scenario;
}

/** @param newPlace creates an empty place; called within a scene. */
export function killTests(newPlace: () => StoragePlace | Promise<StoragePlace>, rounds = ROUNDS): void {
  test(
    `no acknowledged message is lost and no QoS 2 message arrives twice in ${rounds} kills (HEXMQ_KILL_SEED=${SEED})`,
    () =>
      scene(async () => {
        const scenario = await runScenario(await newPlace(), rounds);
        // A scenario in which nothing happens proves nothing; in a few rounds not everything happens.
        if (rounds < 20) return;
        for (const [what, count] of Object.entries(scenario.census))
          if (count === 0) throw new Error(`there was no ${what}: seed ${SEED}`);
      }),
    // The rounds themselves are short; the limit allows for busy machines.
    (1 + rounds / 2) * MINUTE_MS,
  );

  test(
    `a backlog of ${BACKLOG} messages arrives completely and in order although the broker is killed while it is drained (HEXMQ_KILL_SEED=${SEED})`,
    () =>
      scene(async () => {
        const broker = new KillableBroker(await newPlace());
        const backlog = new Backlog(broker, new Chance(SEED));
        await backlog.history.explainFailures(async () => {
          await backlog.pileUp(BACKLOG);
          let kills = 0;
          for (; kills < 6 && !backlog.isDrained; kills++) await backlog.drainSome();
          // Otherwise the backlog was not interrupted.
          expect(kills).toBeGreaterThanOrEqual(2);
          await backlog.drain();
        });
        expect(await broker.stop()).toBe(0);
      }),
    6 * MINUTE_MS,
  );
}
