// The command of the simulation:
//   npm run simulate -- --seeds 5000 [--from 1]      that many runs, each with its own seed
//   npm run simulate -- --seed 42                    one run, with its script
// Exit status 0 when no promise was broken, 1 at the first one that was, 2 for arguments that it does not know.
import { parseArgs } from 'node:util';
import { loadSimulation } from './bundle.mjs';

const PROGRESS_MS = 5000;

function parseNumber(text, name, least) {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < least)
    throw new Error(`--${name} must be a whole number of at least ${least}, not "${text}"`);
  return number;
}

function parseArguments() {
  const { values } = parseArgs({
    options: { seeds: { type: 'string' }, from: { type: 'string' }, seed: { type: 'string' } },
  });
  if (values.seed !== undefined) return { one: parseNumber(values.seed, 'seed', 0) };
  return { count: parseNumber(values.seeds ?? '1000', 'seeds', 1), from: parseNumber(values.from ?? '1', 'from', 0) };
}

async function runOne({ runSeed, explain, describeFailure }, seed) {
  const { script, violation } = await runSeed(seed, true);
  console.log(script.join('\n'));
  if (violation === undefined) {
    console.log(`seed ${seed} breaks no promise`);
    return 0;
  }
  console.log(`\nreduced as far as possible:\n\n${describeFailure(await explain(seed))}`);
  return 1;
}

async function runMany({ runSeed, explain, describeFailure }, from, count) {
  const startMs = performance.now();
  let reportedMs = startMs;
  let steps = 0;
  for (let seed = from; seed < from + count; seed++) {
    const { violation, steps: taken } = await runSeed(seed);
    steps += taken;
    if (violation !== undefined) {
      console.log(`seed ${seed} fails, reducing it`);
      console.log(describeFailure(await explain(seed)));
      return 1;
    }
    const nowMs = performance.now();
    if (nowMs - reportedMs < PROGRESS_MS) continue;
    reportedMs = nowMs;
    console.log(
      `${seed - from + 1} of ${count} seeds, ${Math.round(((seed - from + 1) * 1000) / (nowMs - startMs))} a second`,
    );
  }
  console.log(
    `${count} seeds from ${from} on, ${steps} turns, no promise broken, ${((performance.now() - startMs) / 1000).toFixed(1)} s`,
  );
  return 0;
}

try {
  const asked = parseArguments();
  const simulation = await loadSimulation();
  process.exitCode =
    'one' in asked ? await runOne(simulation, asked.one) : await runMany(simulation, asked.from, asked.count);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 2;
}
