// Reloading a running broker: what `hexmq start` does on SIGHUP, and `hexmq reload`, which sends it.
import type { Command } from 'commander';
import type { BrokerService, ReloadResult } from '../composition/container.js';
import { checkAdapters } from '../composition/check.js';
import { keysThatNeedRestart } from '../composition/config.js';
import { limitSettings } from '../composition/config-defaults.js';
import type { Config } from '../composition/config.js';
import { ConfigError } from '../composition/config-error.js';
import { FileError } from './report-error.js';
import { pidFileOf, readPidFile } from './pid-file.js';
import { runningBroker } from './operate/running-broker.js';
import type { BrokerFlags } from './operate/running-broker.js';
import { loadCheckedConfig } from './load-config.js';
import type { Flags } from './load-config.js';
import type { FileIdentity } from './process-kind.js';
import type { ProcessHost } from './process-host.js';

/**
 * Reads the configuration of `start` again, replaces the limits, and has adapters read their files again. Problems
 * become events in the log as well.
 */
export async function reload(
  broker: BrokerService,
  running: Config,
  flags: Flags,
  host: ProcessHost,
): Promise<ReloadResult> {
  let next: Config | undefined;
  const problems: string[] = [];
  try {
    next = (await loadCheckedConfig(flags, host.environment)).config;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    problems.push(...error.problems);
    for (const problem of error.problems)
      broker.emit({ kind: 'reload-failed', what: 'the configuration', error: problem });
  }
  const restartNeeded = next === undefined ? [] : keysThatNeedRestart(running, next);
  if (restartNeeded.length > 0) broker.emit({ kind: 'restart-needed', keys: restartNeeded });
  problems.push(...(await broker.reload(next === undefined ? undefined : limitSettings(next))));
  return { problems, restartNeeded };
}

interface ReloadFlags extends BrokerFlags {
  readonly pid?: string;
}

export function addReload(program: Command, host: ProcessHost): void {
  program
    .command('reload')
    .description('have a running broker read its limits, password files, access rules and certificates again')
    .option('-c, --config <file>', 'configuration of the broker (YAML), checked first; also HEXMQ_CONFIG')
    .option('--pid-file <file>', 'the PID file that the broker was started with; also HEXMQ_PID_FILE')
    .option('--pid <number>', 'process id of the broker')
    .option('--data <directory>', 'data directory of the broker, whose socket is used; also HEXMQ_DATA')
    .option('--socket <path>', 'the Unix socket of the administration')
    .action((flags: ReloadFlags) => requestReload(flags, host));
}

/**
 * @throws ConfigError when the configuration is wrong, and FileError when the broker is not running; no signal is sent
 * then.
 */
async function requestReload(flags: ReloadFlags, host: ProcessHost): Promise<void> {
  const named = processOf(flags, host);
  if (named === undefined) return reloadBySocket(flags, host);
  const { pid, file, path } = named;
  await checkConfigOf(flags, host);
  const kind = host.whatIs(pid, file);
  if (kind === 'gone') throw new FileError(`cannot signal process ${pid}: it is not running`);
  if (kind === 'other')
    throw new FileError(
      path === undefined
        ? `process ${pid} is no hexmq broker, so it gets no signal`
        : `${path}: process ${pid} is not the broker that wrote this file, so it gets no signal`,
    );
  if (kind === 'starting')
    throw new FileError(`process ${pid} has only just begun to start, so it gets no signal: try again`);
  try {
    host.signal(pid, 'SIGHUP');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new FileError(`cannot signal process ${pid}: ${code === 'ESRCH' ? 'it is not running' : message}`, {
      cause: error,
    });
  }
  host.print(`sent SIGHUP to process ${pid}; its log shows the result\n`);
}

/** What is wrong is known before anything is done. @throws ConfigError */
async function checkConfigOf(flags: ReloadFlags, host: ProcessHost): Promise<void> {
  if ((flags.config ?? host.environment['HEXMQ_CONFIG']) === undefined) return;
  const { config } = await loadCheckedConfig(
    flags.config === undefined ? {} : { config: flags.config },
    host.environment,
  );
  await checkAdapters(config);
}

/** Waits for what comes of it, which a signal cannot tell. */
async function reloadBySocket(flags: ReloadFlags, host: ProcessHost): Promise<void> {
  await checkConfigOf(flags, host);
  const broker = await runningBroker(flags, host);
  const { problems, restartNeeded } = await broker.call('reload', {});
  if (problems.length > 0) throw new ConfigError(problems);
  const [first] = restartNeeded;
  host.print(
    first === undefined
      ? 'reloaded\n'
      : `reloaded; read only at a start and not in force: ${restartNeeded.join(', ')}\n`,
  );
}

interface NamedProcess {
  readonly pid: number;
  /** The PID file that names it. */
  readonly file?: FileIdentity;
  readonly path?: string;
}

/** @returns `undefined` if nothing names a process. */
function processOf(flags: ReloadFlags, host: ProcessHost): NamedProcess | undefined {
  if (flags.pid !== undefined) {
    if (!/^[1-9]\d{0,9}$/.test(flags.pid))
      throw new ConfigError([`--pid: "${flags.pid}" is not valid, expected a process id`]);
    return { pid: Number(flags.pid) };
  }
  const path = pidFileOf(flags, host);
  return path === undefined ? undefined : { ...readPidFile(path), path };
}
