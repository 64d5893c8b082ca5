// `hexmq check-config`: reports everything that a start would refuse, without starting.
import type { Command } from 'commander';
import type { Config } from '../composition/config.js';
import { ConfigError } from '../composition/config-error.js';
import { checkAdapters, problemsInRemainder } from '../composition/check.js';
import { describeAdapters } from './describe-adapters.js';
import { formatAddress } from '../ports/index.js';
import { loadConfig } from './load-config.js';
import type { Flags } from './load-config.js';
import type { ProcessHost } from './process-host.js';

export function addCheckConfig(program: Command, host: ProcessHost): void {
  program
    .command('check-config')
    .description('report what is wrong with a configuration, without starting')
    .option('-c, --config <file>', 'configuration file (YAML); also HEXMQ_CONFIG')
    .action((flags: Flags) => checkConfig(flags, host));
}

async function checkConfig(flags: Flags, host: ProcessHost): Promise<void> {
  let config: Config;
  try {
    config = loadConfig(flags, host.environment).config;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new ConfigError([...error.problems, ...(await problemsInRemainder(error))]);
  }
  // Creating the adapters finds those that are not installed or refuse their options. Nothing is opened.
  const traits = await checkAdapters(config);
  const listeners = config.listeners.map(
    (listener) =>
      `${listener.type} ${listener.type === 'unix' ? listener.path : formatAddress(listener.host, listener.port)}`,
  );
  host.print(`the configuration is valid: ${listeners.join(', ')}, ${describeAdapters(config, traits)}\n`);
}
