// The storage of commands that work on a store: the flags that select it, and the configuration they result in.
import type { Command } from 'commander';
import { STORAGE_ADAPTERS } from '../composition/adapter-table.js';
import { adapterNames } from '../composition/adapter-table.js';
import type { Config } from '../composition/config.js';
import { loadConfig } from './load-config.js';
import type { Flags } from './load-config.js';
import type { ProcessHost } from './process-host.js';

export type StoreFlags = Pick<Flags, 'config' | 'storage' | 'data'>;

export function addStoreFlags(command: Command): Command {
  return command
    .option('-c, --config <file>', 'configuration of the broker (YAML); also HEXMQ_CONFIG')
    .option(
      '--storage <adapter>',
      `storage adapter: ${adapterNames(STORAGE_ADAPTERS)}, or an npm package; also HEXMQ_STORAGE`,
    )
    .option('--data <directory>', 'directory of a storage that writes to disk; also HEXMQ_DATA');
}

export function readStoreConfig({ config, storage, data }: StoreFlags, host: ProcessHost): Config {
  const flags: Flags = {
    ...(config === undefined ? {} : { config }),
    ...(storage === undefined ? {} : { storage }),
    ...(data === undefined ? {} : { data }),
  };
  return loadConfig(flags, host.environment).config;
}
