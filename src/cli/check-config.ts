// `hexmq check-config`: reports everything that a start would refuse, and what will surprise, without starting.
import type { Command } from 'commander';
import { checkAdapters } from '../composition/check.js';
import type { ListenerConfig } from '../composition/config.js';
import { ConfigError } from '../composition/config-error.js';
import { configWarnings } from '../composition/config-warnings.js';
import { describeAdapters } from './describe-adapters.js';
import { openFilesProblem } from '../composition/open-files.js';
import { formatAddress } from '../ports/index.js';
import type { StorageTraits } from '../ports/index.js';
import { loadCheckedConfig } from './load-config.js';
import type { Flags } from './load-config.js';
import type { ProcessHost } from './process-host.js';

interface CheckFlags extends Flags {
  readonly strict?: boolean;
}

export function addCheckConfig(program: Command, host: ProcessHost): void {
  program
    .command('check-config')
    .description('report what is wrong with a configuration and what will surprise, without starting')
    .option('-c, --config <file>', 'configuration file (YAML); also HEXMQ_CONFIG')
    .option('--strict', 'end with status 1 also if there are only warnings')
    .action((flags: CheckFlags) => checkConfig(flags, host));
}

async function checkConfig(flags: CheckFlags, host: ProcessHost): Promise<void> {
  const loaded = await loadCheckedConfig(flags, host.environment);
  const { config } = loaded;
  const warnings = [...loaded.warnings, ...configWarnings(config)];
  // How many clients fit is not said: a service has another limit than the shell in which it is checked.
  const ofFiles = openFilesProblem(host.openFilesLimit);
  const problems = ofFiles === undefined ? [] : [ofFiles];
  let traits: StorageTraits | undefined;
  try {
    const checked = await checkAdapters(config);
    warnings.push(...checked.warnings);
    traits = checked.traits;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    problems.push(...error.problems);
  }
  if (flags.strict === true) problems.push(...warnings);
  else for (const warning of warnings) host.printError(`hexmq: warning: ${warning}\n`);
  if (problems.length > 0) throw new ConfigError(problems);
  const listeners = config.listeners.map((listener) => `${listener.type} ${addressOf(listener)}`);
  host.print(`the configuration is valid: ${listeners.join(', ')}, ${describeAdapters(config, traits)}\n`);
}

function addressOf(listener: ListenerConfig): string {
  if (listener.type === 'plugin') return listener.package;
  return listener.type === 'unix' ? listener.path : formatAddress(listener.host, listener.port);
}
