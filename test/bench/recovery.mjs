// How long a start takes on a large store, which phases take the time, and the resident memory afterwards, compared
// with an empty store.
//
//   npm run bench:recovery             100,000 sessions with 10 subscriptions and 10 queued messages each
//   npm run bench:recovery -- --sessions 20000 --runs 5    any amount can be given: see `store.mjs`
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { argumentsOf } from './arguments.mjs';
import { BrokerProcess, mebibytes } from './broker-process.mjs';
import { makeStore } from './store.mjs';

const given = argumentsOf({
  sessions: 100_000,
  subscriptions: 10,
  messages: 1_000_000,
  payload: 200,
  retained: 10_000,
  wills: 1000,
  runs: 3,
  directory: tmpdir(),
});
const { runs, directory, ...amounts } = given;
if (statfsSync(directory).bavail * statfsSync(directory).bsize < 3 * amounts.messages * amounts.payload)
  throw new Error(`${directory} has too little space`);

const say = (text) => process.stdout.write(`${text}\n`);
const seconds = (ms) => `${(ms / 1000).toFixed(2)} s`;

/** Kills and restarts the broker each time, because that is the case to measure. */
async function measure(title, data) {
  for (let run = 1; run <= runs; run++) {
    const broker = await BrokerProcess.start(data);
    const { resident, peak } = broker.memory;
    say(
      `${title}, start ${run}: ready after ${seconds(broker.readyMs)}, resident ${mebibytes(resident)} MiB, at most ${mebibytes(peak)} MiB`,
    );
    await broker.kill();
  }
}

function phases(data) {
  const output = execFileSync(process.execPath, [resolve(import.meta.dirname, 'recovery-phases.mjs'), data], {
    encoding: 'utf8',
  });
  const { openMs, loadMs, restoreMs, facts } = JSON.parse(output);
  say(`of which: open ${seconds(openMs)}, load ${seconds(loadMs)}, restore ${seconds(restoreMs)}`);
  for (const [kind, { count, loadMs: load, restoreMs: restore }] of Object.entries(facts)) {
    say(`  ${kind}: ${count}, load ${seconds(load)}, restore ${seconds(restore)}`);
  }
}

const place = mkdtempSync(join(directory, 'hexmq-recovery-'));
try {
  await measure('an empty store', join(place, 'empty'));
  say(`making a store: ${JSON.stringify(amounts)}`);
  await makeStore(join(place, 'large'), amounts);
  await measure('a large store', join(place, 'large'));
  phases(join(place, 'large'));
} finally {
  rmSync(place, { recursive: true });
}
