// `hexmq start`: runs the broker until a signal stops it.
import type { Command } from 'commander';
import { adminSocketOf } from '../composition/admin-socket.js';
import { STORAGE_ADAPTERS } from '../composition/adapter-table.js';
import { adapterNames } from '../composition/adapter-table.js';
import type { Config } from '../composition/config.js';
import { ConfigError } from '../composition/config-error.js';
import { composeBroker, StartInterrupted } from '../composition/container.js';
import type { BrokerService } from '../composition/container.js';
import { openFilesProblem, openFilesWarning } from '../composition/open-files.js';
import { describeAdapters } from './describe-adapters.js';
import { ExitStatus } from './report-error.js';
import { PidFile, pidFileOf } from './pid-file.js';
import type { PidFileFlag } from './pid-file.js';
import { reload } from './reload.js';
import { loadCheckedConfig } from './load-config.js';
import type { Flags } from './load-config.js';
import { VERSION } from '../composition/version.js';
import { Warmup } from '../warmup/warmup.js';
import type { ProcessHost } from './process-host.js';
import type { ServiceManager } from './service-manager.js';

export function addStart(program: Command, host: ProcessHost): void {
  program
    .command('start')
    .description('start the broker and run until SIGTERM or SIGINT')
    .option('-c, --config <file>', 'configuration file (YAML); also HEXMQ_CONFIG')
    .option('-p, --port <number>', 'port of the first listener (default 1883)')
    .option('--host <address>', 'host of the first listener (default 127.0.0.1)')
    .option('--storage <adapter>', `storage adapter: ${adapterNames(STORAGE_ADAPTERS)}, or an npm package`)
    .option('--data <directory>', 'directory of a storage that writes to disk')
    .option('--ack-level <level>', 'when acknowledgements leave: received, stored or flushed (default flushed)')
    .option('--pid-file <file>', 'write the process id there while it runs; also HEXMQ_PID_FILE')
    .option('--log-level <level>', 'debug, info, warn, error, fatal or silent (default info)')
    .action((flags: Flags) => start(flags, host));
}

/** The request to stop, which may come before there is anything to stop. A second one ends the process. */
class StopRequest {
  isMade = false;
  readonly made: Promise<void>;

  constructor(host: ProcessHost) {
    this.made = new Promise((resolve) => {
      host.onStopRequest(() => {
        if (this.isMade) host.exitNow(ExitStatus.interrupted);
        this.isMade = true;
        resolve();
      });
    });
  }

  /** The outcome of work that nothing depends on but a broker; `undefined` if there is to be none. */
  before<T>(work: Promise<T>): Promise<T | void> {
    return Promise.race([work, this.made]);
  }
}

async function start(flags: Flags & PidFileFlag, host: ProcessHost): Promise<void> {
  const stop = new StopRequest(host);
  const loaded = await stop.before(loadCheckedConfig(flags, host.environment));
  if (loaded === undefined) return;
  const { config, warnings } = loaded;
  const tooFewFiles = openFilesProblem(host.openFilesLimit);
  if (tooFewFiles !== undefined) throw new ConfigError([tooFewFiles]);
  const fewFiles = openFilesWarning(host.openFilesLimit, config.limits.maxConnections);
  const pidFile = pidFileOf(flags, host);
  if (pidFile !== undefined) PidFile.check(pidFile, host);
  const composing = composeBroker(config, {}, adminSocketOf(config, pidFile));
  const whenComposed = (body: (composed: BrokerService) => void): void => void composing.then(body, () => undefined);
  // Other brokers have a meaning for them, and scripts are carried over: none of them should end this one.
  host.onOtherSignals((signal) => {
    whenComposed((composed) => {
      if (signal === 'SIGUSR1' && composed.reopenLogs()) return;
      composed.emit({ kind: 'signal-ignored', signal });
    });
  });
  const manager = host.serviceManager((detail) => {
    whenComposed((composed) => {
      composed.emit({ kind: 'warning', what: 'service manager', detail });
    });
  });
  // To load the package of an adapter may take without a limit.
  const broker = await stop.before(composing);
  if (broker === undefined) return;
  const warmup = new Warmup();
  void stop.made.then(() => {
    manager?.stopping();
    return warmup.end();
  });
  try {
    if (!stop.isMade) await Promise.race([warmup.begin(), stop.made]);
    if (stop.isMade) return;
    const starting = broker.start();
    broker.reloadFrom(() => reload(broker, config, flags, host));
    // Not before the start is done: what is read then is new anyway.
    host.onReloadRequest(
      () =>
        void starting.then(
          async () => {
            manager?.reloading();
            await reload(broker, config, flags, host);
            manager?.ready();
          },
          () => undefined,
        ),
    );
    const stopped = stop.made.then(() => broker.stop());
    // Awaited below, unless the start fails.
    stopped.catch(() => undefined);
    await starting;
    // A start that fails says nothing but why.
    for (const detail of [...warnings, ...(fewFiles === undefined ? [] : [fewFiles])]) {
      printWarning(detail, isJson(config, host), host);
      // Otherwise the log is on standard error as well.
      if (config.logging.file !== undefined) broker.emit({ kind: 'warning', what: 'configuration', detail });
    }
    await serve({ broker, config, pidFile, warmup, stopped, manager }, host);
  } catch (error) {
    if (!(error instanceof StartInterrupted)) throw error;
  } finally {
    await warmup.end();
  }
}

interface Serving {
  readonly broker: BrokerService;
  readonly config: Config;
  readonly pidFile: string | undefined;
  readonly warmup: Warmup;
  /** Rejects if the broker was to stop and did not. */
  readonly stopped: Promise<void>;
  readonly manager: ServiceManager | undefined;
}

async function serve({ broker, config, pidFile, warmup, stopped, manager }: Serving, host: ProcessHost): Promise<void> {
  let written: PidFile | undefined;
  try {
    // Only now: with the file there, a script may take the broker for running.
    if (pidFile !== undefined) written = PidFile.write(pidFile, host);
    const listeners = config.listeners.map(({ type, name }) => `${type} ${broker.addresses.get(name) ?? name}`);
    const adapters = describeAdapters(config, broker.storageTraits);
    printReady(`hexmq ${VERSION} ready: ${listeners.join(', ')}, ${adapters}`, isJson(config, host), host);
    manager?.ready();
    warmup.goOnWhile(() => broker.query({ kind: 'counts' }).connections === 0);
    await Promise.race([broker.ended, stopped]);
  } catch (error) {
    // The cause is this error, whatever becomes of the stop.
    await broker.stop().catch(() => undefined);
    throw error;
  } finally {
    written?.remove();
  }
}

const isJson = ({ logging: { format } }: Config, host: ProcessHost): boolean =>
  format === undefined ? host.isOutputJson : format === 'json';

function printWarning(detail: string, asJson: boolean, host: ProcessHost): void {
  const fields = { event: 'warning', what: 'configuration', detail, msg: 'something needs attention' };
  host.printError(asJson ? lineOf('warn', fields) : `hexmq: ${detail}\n`);
}

function printReady(msg: string, asJson: boolean, host: ProcessHost): void {
  host.print(asJson ? lineOf('info', { event: 'started', version: VERSION, msg }) : `${msg}\n`);
}

/** Where the log is JSON, a collector reads both streams as one, so what the command prints is JSON as well. */
const lineOf = (level: 'info' | 'warn', fields: object): string =>
  `${JSON.stringify({ level, time: new Date().toISOString(), ...fields })}\n`;
