// A program of this folder, bundled so that a test can run it in a process of its own and kill it.
import { buildSync } from 'esbuild';
import { rmSync } from 'node:fs';
import { join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '../..');

export class ChildProgram {
  /** The bundle: in a directory from which the packages of the repository are resolved. */
  readonly path: string;

  /** @param name of the source file in this folder, without its extension. */
  constructor(readonly name: string) {
    this.path = join(ROOT, `node_modules/.cache/hexmq/${name}-${String(process.pid)}.mjs`);
  }

  build(): void {
    buildSync({
      entryPoints: [join(ROOT, `test/contract/${this.name}.ts`)],
      outfile: this.path,
      bundle: true,
      format: 'esm',
      platform: 'node',
      packages: 'external',
      alias: { 'hexmq/ports': join(ROOT, 'src/ports/index.ts') },
      logLevel: 'error',
    });
  }

  remove(): void {
    rmSync(this.path, { force: true });
  }
}
