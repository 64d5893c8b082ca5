// The simulation as one module, made from the sources as they are: nothing has to be built first. A source can be
// changed on the way in, which is how the tests plant a bug.
import { build } from 'esbuild';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/**
 * @param {{ file: string, from: string, to: string }} [mutation] a text of one source file that is replaced; it must be
 *   there exactly once.
 * @returns the exports of `entry.ts`.
 */
export async function loadSimulation(mutation) {
  const directory = await mkdtemp(join(tmpdir(), 'hexmq-simulation-'));
  try {
    const outfile = join(directory, 'simulation.mjs');
    let isPlanted = mutation === undefined;
    const planting = {
      name: 'mutation',
      setup(pluginBuild) {
        if (mutation === undefined) return;
        const path = join(ROOT, mutation.file);
        pluginBuild.onLoad({ filter: /\.ts$/ }, async (args) => {
          if (args.path !== path) return undefined;
          const source = await readFile(path, 'utf8');
          const found = source.split(mutation.from).length - 1;
          if (found !== 1)
            throw new Error(`${mutation.file} has ${found} places with "${mutation.from}", there must be one`);
          isPlanted = true;
          return { contents: source.replace(mutation.from, () => mutation.to), loader: 'ts' };
        });
      },
    };
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
      plugins: [planting],
    });
    if (!isPlanted) throw new Error(`${mutation.file} is not part of the simulation`);
    return await import(pathToFileURL(outfile).href);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
