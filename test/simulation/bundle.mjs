// The simulation as one module, bundled from the sources, so that nothing has to be built first.
import { build } from 'esbuild';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** @returns the exports of `entry.ts`. */
export async function loadSimulation() {
  const directory = await mkdtemp(join(tmpdir(), 'hexmq-simulation-'));
  try {
    const outfile = join(directory, 'simulation.mjs');
    await build({
      entryPoints: [join(ROOT, 'test/simulation/entry.ts')],
      bundle: true,
      platform: 'node',
      format: 'esm',
      target: 'node20',
      outfile,
      alias: { 'hexmq/ports': join(ROOT, 'src/ports/index.ts') },
      sourcemap: 'inline',
      logLevel: 'silent',
    });
    return await import(pathToFileURL(outfile).href);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
