// `hexmq create-plugin`: writes a package with a plugin, and tests of it. What writes is loaded when it is needed.
import { Argument } from 'commander';
import type { Command } from 'commander';
import { VERSION } from '../../composition/version.js';
import { FileError } from '../report-error.js';
import { printable } from '../printable.js';
import type { ProcessHost } from '../process-host.js';
import { PLUGIN_KINDS } from './kinds.js';
import type { PluginKind } from './kinds.js';

/** The name of a plugin, and of a package: both have to permit it. */
const NAME = /^[a-z][a-z0-9-]{0,63}$/;

export function addCreatePlugin(program: Command, host: ProcessHost): void {
  program
    .command('create-plugin')
    .description('write a package with a plugin in TypeScript, and its tests')
    .addArgument(new Argument('<kind>', 'what it extends; plugin: work of its own').choices(PLUGIN_KINDS))
    .argument('<name>', 'its name: lower case letters, digits and hyphens')
    .option('--directory <directory>', 'where to write it; it has to be new or empty (default: ./<name>)')
    .action(async (kind: PluginKind, name: string, { directory }: { readonly directory?: string }) => {
      if (!NAME.test(name))
        throw new FileError(
          `the name ${printable(name)} is not valid, expected lower case letters, digits and hyphens, at most 64, ` +
            'beginning with a letter',
        );
      const { writePackage } = await import('./write-package.js');
      const to = directory ?? name;
      const files = writePackage({ kind, name, directory: to, version: VERSION });
      await host.write(`${files.map((file) => `${printable(file)}\n`).join('')}\n${nextSteps(to)}`);
    });
}

const nextSteps = (directory: string): string => `Next:
  cd ${quoted(directory)}
  npm install
  npm test
  npx hexmq start --config hexmq.yaml
`;

/** For a shell. */
const quoted = (path: string): string =>
  /^[\w./-]+$/.test(path) && !path.startsWith('-') ? path : `'${printable(path).replaceAll("'", String.raw`'\''`)}'`;
