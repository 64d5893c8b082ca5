// The phases of a start on a store: the broker's own steps in its order, each timed. Prints one line of JSON. It runs
// in a process of its own, so that nothing is compiled or cached before it begins.
import { createStorage } from 'hexmq/adapters/storage/file';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ROOT } from './broker-process.mjs';

/** The core is not part of the public API, so it is imported from where the build puts it. */
const built = (path) => import(pathToFileURL(resolve(ROOT, 'dist/src', path)).href);

const startedAt = performance.now();
const [{ Broker }, { DEFAULT_LIMITS }] = await Promise.all([built('domain/broker.js'), built('domain/limits.js')]);
const sink = new Proxy({}, { get: () => () => undefined });
const broker = new Broker({ changes: sink, effects: sink, limits: DEFAULT_LIMITS, newClientId: () => 'unused' });
const storage = createStorage({ directory: process.argv[2] });

const openedAt = performance.now();
await storage.open();
const loadedAt = performance.now();

/** By kind of fact: milliseconds to read them, milliseconds to restore them, and how many. */
const facts = {};
let lastAt = loadedAt;
for await (const fact of storage.load()) {
  const readAt = performance.now();
  broker.restore(fact, Date.now());
  const restoredAt = performance.now();
  const sum = (facts[fact.kind] ??= { count: 0, loadMs: 0, restoreMs: 0 });
  sum.count++;
  sum.loadMs += readAt - lastAt;
  sum.restoreMs += restoredAt - readAt;
  lastAt = restoredAt;
}
await storage.close();

const sumOf = (name) => Object.values(facts).reduce((sum, each) => sum + each[name], 0);
const phases = {
  openMs: loadedAt - openedAt,
  loadMs: sumOf('loadMs'),
  restoreMs: sumOf('restoreMs'),
};
process.stdout.write(`${JSON.stringify({ programMs: openedAt - startedAt, ...phases, facts })}\n`);
