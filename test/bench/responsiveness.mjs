// How long a client that pings every 50 ms waits while others make the broker do as much as the default limits allow.
//
//   npm run bench:responsiveness
//   npm run bench:responsiveness -- --storage file --only A2
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { argumentsOf } from './arguments.mjs';
import { BrokerProcess, mebibytes } from './broker-process.mjs';
import { MIXES } from './mixes.mjs';

const { storage, only, bound, longest } = argumentsOf({
  /** `memory`, `file` or `both`. */
  storage: 'both',
  /** Only mixes whose name contains this. */
  only: '',
  /** Milliseconds that no ping may take. */
  bound: 250,
  /** Seconds after which an attack is given up. */
  longest: 40,
});

const say = (text) => process.stdout.write(`${text}\n`);

class Probe {
  #child;
  #output = '';

  constructor(port) {
    this.#child = spawn(process.execPath, [resolve(import.meta.dirname, 'probe.mjs'), String(port)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#child.stdout.setEncoding('utf8').on('data', (text) => (this.#output += text));
  }

  async ready() {
    await once(this.#child.stdout, 'data');
  }

  /** @returns the times of all pings in milliseconds, ascending. */
  async stop() {
    this.#child.stdin.end();
    await once(this.#child, 'close');
    const times = JSON.parse(this.#output.slice(this.#output.indexOf('[')));
    return times.sort((one, other) => one - other);
  }
}

async function measure(name, kind) {
  const { prepare, limits = {} } = MIXES[name];
  const data = kind === 'file' ? mkdtempSync(join(tmpdir(), 'hexmq-responsiveness-')) : undefined;
  const broker = await BrokerProcess.start(data === undefined ? undefined : join(data, 'store'), { limits });
  try {
    const attack = await prepare(broker.port);
    const probe = new Probe(broker.port);
    await probe.ready();
    await pause(500);
    const startedAt = performance.now();
    await Promise.race([attack(), pause(longest * 1000)]);
    const seconds = (performance.now() - startedAt) / 1000;
    await pause(500);
    const times = await probe.stop();
    const worst = times.at(-1);
    const median = times[times.length >> 1];
    const peak = mebibytes(broker.memory.peak);
    say(
      `| ${name} | ${kind} | ${worst.toFixed(0)} ms | ${median.toFixed(1)} ms | ${seconds.toFixed(1)} s | ${peak} MiB |`,
    );
    if (worst > bound) process.exitCode = 1;
  } finally {
    await broker.kill();
    if (data !== undefined) rmSync(data, { recursive: true });
  }
}

say('| mix | storage | worst ping | median ping | duration | peak resident |');
say('|---|---|---|---|---|---|');
const kinds = storage === 'both' ? ['memory', 'file'] : [storage];
for (const name of Object.keys(MIXES).filter((each) => each.includes(only)))
  for (const kind of kinds) await measure(name, kind);
process.exit();
