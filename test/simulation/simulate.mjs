// npm run simulate -- --seeds 5000 [--from 1]      that many runs, each with its own seed
// npm run simulate -- --seed 42                    one run, with its script
// Ends with 0 when no promise was broken, with 1 at the first one that was, with 2 when it was asked something else.
import { parseArgs } from 'node:util';
import { loadSimulation } from './bundle.mjs';

const PROGRESS_MS = 5000;

function numberOf(text, name, least) {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < least)
    throw new Error(`--${name} is a whole number from ${least} on, not "${text}"`);
  return number;
}

function read() {
  const { values } = parseArgs({
    options: { seeds: { type: 'string' }, from: { type: 'string' }, seed: { type: 'string' } },
  });
  if (values.seed !== undefined) return { one: numberOf(values.seed, 'seed', 0) };
  return { count: numberOf(values.seeds ?? '1000', 'seeds', 1), from: numberOf(values.from ?? '1', 'from', 0) };
}

async function runOne({ runSeed, explain, describeFailure }, seed) {
  const { script, violation } = await runSeed(seed, true);
  console.log(script.join('\n'));
  if (violation === undefined) {
    console.log(`seed ${seed} breaks no promise`);
    return 0;
  }
  console.log(`\nthe same, made as small as it goes:\n\n${describeFailure(await explain(seed))}`);
  return 1;
}

async function runMany({ runSeed, explain, describeFailure }, from, count) {
  const startMs = performance.now();
  let toldMs = startMs;
  let steps = 0;
  for (let seed = from; seed < from + count; seed++) {
    const { violation, steps: taken } = await runSeed(seed);
    steps += taken;
    if (violation !== undefined) {
      console.log(`seed ${seed} fails, making it smaller`);
      console.log(describeFailure(await explain(seed)));
      return 1;
    }
    const nowMs = performance.now();
    if (nowMs - toldMs < PROGRESS_MS) continue;
    toldMs = nowMs;
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
  const asked = read();
  const simulation = await loadSimulation();
  process.exitCode =
    'one' in asked ? await runOne(simulation, asked.one) : await runMany(simulation, asked.from, asked.count);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 2;
}
