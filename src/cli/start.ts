// `hexmq start`: runs the broker until a signal stops it.
import type { Command } from 'commander';
import { STORAGE_ADAPTERS } from '../composition/adapter-table.js';
import { adapterNames } from '../composition/adapter-table.js';
import type { Config } from '../composition/config.js';
import { composeBroker } from '../composition/container.js';
import type { BrokerService } from '../composition/container.js';
import { describeAdapters } from './describe-adapters.js';
import { ExitStatus } from './report-error.js';
import { pidFileOf, removePidFile, writePidFile } from './pid-file.js';
import type { PidFileFlag } from './pid-file.js';
import { reload } from './reload.js';
import { loadConfig } from './load-config.js';
import type { Flags } from './load-config.js';
import { VERSION } from './version.js';
import { Warmup } from '../warmup/warmup.js';
import type { ProcessHost } from './process-host.js';

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

async function start(flags: Flags & PidFileFlag, host: ProcessHost): Promise<void> {
  const { config, warnings } = loadConfig(flags, host.environment);
  for (const warning of warnings) host.printError(`hexmq: ${warning}\n`);
  const composing = composeBroker(config, {});
  // Other brokers have a meaning for them, and scripts are carried over: none of them should end this one.
  host.onOtherSignals((signal) => {
    void composing.then(
      (composed) => {
        composed.emit({ kind: 'signal-ignored', signal });
      },
      () => undefined,
    );
  });
  const broker = await composing;
  const pidFile = pidFileOf(flags, host);
  try {
    await run(broker, config, flags, host);
  } finally {
    if (pidFile !== undefined) removePidFile(pidFile, host.pid);
  }
}

async function run(
  broker: BrokerService,
  config: Config,
  flags: Flags & PidFileFlag,
  host: ProcessHost,
): Promise<void> {
  const warmup = new Warmup();
  // Begins when this function has come to its first `await`: signals come as soon as the PID file is there, and a
  // signal that is not handled yet would end the process and leave the file.
  const starting = Promise.resolve().then(async () => {
    const pidFile = pidFileOf(flags, host);
    if (pidFile !== undefined) writePidFile(pidFile, host.pid);
    await warmup.begin();
    await broker.start();
  });
  const stopFailed = new Promise<never>((_resolve, reject) => {
    let isStopping = false;
    host.onStopRequest(() => {
      if (isStopping) {
        host.exitNow(ExitStatus.interrupted);
        return;
      }
      isStopping = true;
      void warmup.end();
      // During a start the request waits for its end; the code that awaits the start reports its failure.
      starting
        .then(
          () => broker.stop(),
          () => undefined,
        )
        .catch(reject);
    });
  });

  // Not before the start is done: what is read then is new anyway.
  host.onReloadRequest(
    () =>
      void starting.then(
        () => reload(broker, config, flags, host),
        () => undefined,
      ),
  );

  try {
    await starting;
    const listeners = config.listeners.map(({ type, name }) => `${type} ${broker.addresses.get(name) ?? name}`);
    host.print(`hexmq ${VERSION} ready: ${listeners.join(', ')}, ${describeAdapters(config)}\n`);
    warmup.goOnWhile(() => broker.query({ kind: 'counts' }).connections === 0);
    await Promise.race([broker.ended, stopFailed]);
  } finally {
    await warmup.end();
  }
}
