// A directory with plugins as their authors would write them, in plain JavaScript, and a configuration file's place.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

const ROOT = join(import.meta.dirname, '../../..');

/** What the sources begin with: the modules of this checkout under the names of the package. */
const HEAD = `
import { ContainerModule, definePlugin } from '${pathToFileURL(join(ROOT, 'src/plugin/index.ts')).href}';
import * as ports from '${pathToFileURL(join(ROOT, 'src/ports/index.ts')).href}';
const bound = (port, value) => () => new ContainerModule(({ bind }) => { bind(port).toConstantValue(value); });
`;

export class PluginDirectory {
  readonly path = mkdtempSync(join(tmpdir(), 'hexmq-plugins-'));

  /** Writes a file with this source. @returns its path, as a configuration has it. */
  write(name: string, source: string): string {
    const path = join(this.path, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, `${HEAD}${source}`);
    return `./${name}`;
  }

  /** Writes a package.json, or another file that is no module. */
  writeJson(name: string, content: object): void {
    const path = join(this.path, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, JSON.stringify(content));
  }

  remove(): void {
    rmSync(this.path, { recursive: true });
  }
}
