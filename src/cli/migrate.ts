// `hexmq migrate`: copies everything that one storage holds into another.
import type { Command } from 'commander';
import { resolveConfig } from '../composition/resolve-config.js';
import type { Config } from '../composition/config.js';
import { ConfigError } from '../composition/config-error.js';
import { readConfigFile } from '../composition/config-file.js';
import { migrateStore } from '../composition/transfer.js';
import { describeStorage } from './describe-adapters.js';
import { ProgressLine } from './progress-line.js';
import { describeResult } from './describe-result.js';
import type { ProcessHost } from './process-host.js';

interface MigrateFlags {
  readonly from: string;
  readonly to: string;
  readonly replace?: boolean;
}

export function addMigrate(program: Command, host: ProcessHost): void {
  program
    .command('migrate')
    .description('copy everything that one storage holds into another, and compare both; no broker may be using either')
    .requiredOption('--from <file>', 'configuration of the broker whose storage is read')
    .requiredOption('--to <file>', 'configuration of the broker whose storage is written')
    .option('--replace', 'delete everything that the target holds first; without this flag it has to be empty')
    .action((flags: MigrateFlags) => migrate(flags, host));
}

async function migrate({ from, to, replace = false }: MigrateFlags, host: ProcessHost): Promise<void> {
  const source = storageConfig(from, '--from');
  const target = storageConfig(to, '--to');
  const progress = new ProgressLine(host);
  try {
    const result = await migrateStore(source, target, { replace, progress: progress.update });
    progress.end();
    host.print(
      `migrated ${describeStorage(source)} to ${describeStorage(target)}, ` +
        `equal on both sides: ${describeResult(result)}\n`,
    );
  } finally {
    progress.end();
  }
}

/** Reads the file alone: variables of the environment would apply to both storages. */
function storageConfig(path: string, flag: string): Config {
  try {
    return resolveConfig(readConfigFile(path));
  } catch (error) {
    if (error instanceof ConfigError)
      throw new ConfigError(error.problems.map((problem) => `${flag}: ${problem.replace('; check --config', '')}`));
    throw error;
  }
}
