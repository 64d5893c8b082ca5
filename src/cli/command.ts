// The command `hexmq`: its subcommands and flags, what it prints, and its exit status. It decides how failures are told; the process itself
// (streams, signals, ending) is handed in, so that all of this can be tested without one.
import { createRequire } from 'node:module';
import { Command, CommanderError } from 'commander';
import { AUTHENTICATION_ADAPTERS, STORAGE_ADAPTERS } from '../composition/adapter-table.js';
import type { AdapterTable } from '../composition/adapter-table.js';
import { availableIn } from '../composition/config.js';
import type { AdapterConfig, Config } from '../composition/config.js';
import { ConfigError } from '../composition/config-error.js';
import { composeBroker, loadPorts } from '../composition/container.js';
import type { Environment } from '../composition/environment.js';
import { NetworkError, StorageError } from '../ports/index.js';
import type { AckLevel } from '../ports/index.js';
import { readSettings } from './settings.js';
import type { Flags } from './settings.js';

/** The process, as far as the command needs one. */
export interface World {
  readonly environment: Environment;
  print(text: string): void;
  printError(text: string): void;
  /** Calls back for each request to stop (SIGTERM, SIGINT). */
  onStopRequest(callback: () => void): void;
  /** Ends the process without waiting for anything. */
  exitNow(status: number): void;
}

export const ExitStatus = {
  done: 0,
  /** The user can mend it: a flag, a configuration, a port in use, a storage that cannot be opened. */
  refused: 1,
  /** A fault of hexmq's own (EX_SOFTWARE of sysexits.h). */
  fault: 70,
  /** A second request to stop came before the first was done (128 + SIGINT). */
  interrupted: 130,
} as const;

export const VERSION = (createRequire(import.meta.url)('hexmq/package.json') as { version: string }).version;

const HELP_ON_SETTINGS = `
Flags override the environment, the environment overrides the file, the file overrides the defaults. The environment:
  HEXMQ_CONFIG, HEXMQ_HOST, HEXMQ_PORT, HEXMQ_STORAGE, HEXMQ_DATA, HEXMQ_ACK_LEVEL, HEXMQ_LOG_LEVEL   as the flags
  HEXMQ_AUTHENTICATION      the one authentication adapter, such as anonymous
  HEXMQ_LIMITS_<KEY>        a limit: HEXMQ_LIMITS_MAX_INFLIGHT for limits.maxInflight
`;

/** @returns the exit status. Never rejects. */
export async function run(args: readonly string[], world: World): Promise<number> {
  const program = commandLine(world);
  try {
    await program.parseAsync(args, { from: 'user' });
    return ExitStatus.done;
  } catch (error) {
    return tellFailure(error, world);
  }
}

function tellFailure(error: unknown, world: World): number {
  // Commander has printed its own messages, help and version among them.
  if (error instanceof CommanderError) return error.exitCode === 0 ? ExitStatus.done : ExitStatus.refused;
  if (error instanceof ConfigError) {
    for (const problem of error.problems) world.printError(`hexmq: ${problem}\n`);
    return ExitStatus.refused;
  }
  if (error instanceof NetworkError || error instanceof StorageError) {
    world.printError(`hexmq: ${error.message}\n`);
    return ExitStatus.refused;
  }
  tellFault(error, world);
  return ExitStatus.fault;
}

export function tellFault(error: unknown, world: Pick<World, 'printError'>): void {
  const details = error instanceof Error ? (error.stack ?? error.message) : String(error);
  world.printError(`hexmq: fatal: an unexpected error, a fault of hexmq or of an adapter: ${details}\n`);
}

function commandLine(world: World): Command {
  const program = new Command('hexmq')
    .description('An MQTT broker with swappable storage, where an acknowledgement means stored.')
    .version(VERSION, '-V, --version', 'print the version')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => {
        world.print(text);
      },
      writeErr: (text) => {
        world.printError(text);
      },
    })
    .showSuggestionAfterError()
    .addHelpText('after', HELP_ON_SETTINGS);
  program
    .command('start')
    .description('start the broker and run until SIGTERM or SIGINT')
    .option('-c, --config <file>', 'configuration file (YAML); also HEXMQ_CONFIG')
    .option('-p, --port <number>', 'port of the first listener (default 1883)')
    .option('--host <address>', 'host of the first listener (default 127.0.0.1)')
    .option('--storage <adapter>', `storage adapter: ${availableIn(STORAGE_ADAPTERS)}, or an npm package`)
    .option('--data <directory>', 'directory of a storage that writes to disk')
    .option('--ack-level <level>', 'when acknowledgements leave: received, stored or flushed (default flushed)')
    .option('--log-level <level>', 'debug, info, warn, error, fatal or silent (default info)')
    .action((flags: Flags) => start(flags, world));
  program
    .command('check-config')
    .description('say what is wrong with a configuration, without starting')
    .option('-c, --config <file>', 'configuration file (YAML); also HEXMQ_CONFIG')
    .action((flags: Flags) => checkConfig(flags, world));
  return program;
}

async function checkConfig(flags: Flags, world: World): Promise<void> {
  const { config } = readSettings(flags, world.environment);
  // An adapter that is not installed, or refuses its options, is found by loading it; nothing is opened.
  await loadPorts(config, {});
  const listeners = config.listeners.map(({ type, host, port }) => `${type} ${host}:${port}`);
  world.print(`the configuration is valid: ${listeners.join(', ')}, ${describeAdapters(config)}\n`);
}

async function start(flags: Flags, world: World): Promise<void> {
  const { config, warnings } = readSettings(flags, world.environment);
  for (const warning of warnings) world.printError(`hexmq: ${warning}\n`);
  const broker = await composeBroker(config, {});

  const starting = broker.start({ rehearsed: true });
  const stopFailed = new Promise<never>((_resolve, reject) => {
    let isStopping = false;
    world.onStopRequest(() => {
      if (isStopping) {
        world.exitNow(ExitStatus.interrupted);
        return;
      }
      isStopping = true;
      // In the middle of a start the request waits for it; a start that fails is told by the one who awaits it.
      starting.then(() => broker.stop(), () => undefined).catch(reject);
    });
  });

  await starting;
  const listeners = config.listeners.map(({ type, name }) => `${type} ${broker.addresses.get(name) ?? name}`);
  world.print(`hexmq ${VERSION} ready: ${listeners.join(', ')}, ${describeAdapters(config)}\n`);
  await Promise.race([broker.ended, stopFailed]);
}

function describeAdapters({ storage, authentication }: Config): string {
  const authenticators = authentication.map((one) => describe(one.adapter, remarkOn(AUTHENTICATION_ADAPTERS, one)));
  // What an acknowledgement stands for says nothing where nothing lasts.
  const promise = storage.adapter === 'memory' ? undefined : WHEN_ACKNOWLEDGED[storage.ackLevel];
  return `storage ${describe(storage.adapter, remarkOn(STORAGE_ADAPTERS, storage), promise)}, authentication ${authenticators.join(', then ')}`;
}

const WHEN_ACKNOWLEDGED: Readonly<Record<AckLevel, string>> = {
  received: 'acknowledged when received: what is not stored yet is lost when the broker dies',
  stored: 'acknowledged when stored: what is not on the disk yet is lost when the machine dies',
  flushed: 'acknowledged when flushed to disk',
};

function describe(name: string, ...remarks: readonly (string | undefined)[]): string {
  const made = remarks.filter((remark) => remark !== undefined);
  return made.length === 0 ? name : `${name} (${made.join('; ')})`;
}

function remarkOn(table: AdapterTable<unknown>, { adapter, options }: AdapterConfig): string | undefined {
  const entry = Object.hasOwn(table, adapter) ? table[adapter] : undefined;
  if (entry === undefined || entry === 'later') return undefined;
  return typeof entry.remark === 'function' ? entry.remark(options) : entry.remark;
}
