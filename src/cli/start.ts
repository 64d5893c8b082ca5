// `hexmq start`: the broker, until it is asked to stop.
import type { Command } from 'commander';
import { STORAGE_ADAPTERS } from '../composition/adapter-table.js';
import { availableIn } from '../composition/config.js';
import type { Config } from '../composition/config.js';
import { composeBroker } from '../composition/container.js';
import type { BrokerService } from '../composition/container.js';
import { describeAdapters } from './adapter-words.js';
import { ExitStatus } from './failure.js';
import { pidFileOf, removePidFile, writePidFile } from './pid-file.js';
import type { PidFileFlag } from './pid-file.js';
import { reload } from './reload.js';
import { readSettings } from './settings.js';
import type { Flags } from './settings.js';
import { VERSION } from './version.js';
import type { World } from './world.js';

export function addStart(program: Command, world: World): void {
  program
    .command('start')
    .description('start the broker and run until SIGTERM or SIGINT')
    .option('-c, --config <file>', 'configuration file (YAML); also HEXMQ_CONFIG')
    .option('-p, --port <number>', 'port of the first listener (default 1883)')
    .option('--host <address>', 'host of the first listener (default 127.0.0.1)')
    .option('--storage <adapter>', `storage adapter: ${availableIn(STORAGE_ADAPTERS)}, or an npm package`)
    .option('--data <directory>', 'directory of a storage that writes to disk')
    .option('--ack-level <level>', 'when acknowledgements leave: received, stored or flushed (default flushed)')
    .option('--pid-file <file>', 'write the process id there while it runs; also HEXMQ_PID_FILE')
    .option('--log-level <level>', 'debug, info, warn, error, fatal or silent (default info)')
    .action((flags: Flags) => start(flags, world));
}

async function start(flags: Flags & PidFileFlag, world: World): Promise<void> {
  const { config, warnings } = readSettings(flags, world.environment);
  for (const warning of warnings) world.printError(`hexmq: ${warning}\n`);
  const composing = composeBroker(config, {});
  // Other brokers have a meaning for them, and scripts are carried over: none of them should end this one.
  world.onOtherSignals((signal) => {
    void composing.then(
      (composed) => {
        composed.emit({ kind: 'signal-ignored', signal });
      },
      () => undefined,
    );
  });
  const broker = await composing;
  const pidFile = pidFileOf(flags, world);
  if (pidFile !== undefined) writePidFile(pidFile, world.pid);
  try {
    await run(broker, config, flags, world);
  } finally {
    if (pidFile !== undefined) removePidFile(pidFile, world.pid);
  }
}

async function run(broker: BrokerService, config: Config, flags: Flags, world: World): Promise<void> {
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
      starting
        .then(
          () => broker.stop(),
          () => undefined,
        )
        .catch(reject);
    });
  });

  // Not before the start is done: what is read then is new anyway.
  world.onReloadRequest(
    () =>
      void starting.then(
        () => reload(broker, config, flags, world),
        () => undefined,
      ),
  );

  await starting;
  const listeners = config.listeners.map(({ type, name }) => `${type} ${broker.addresses.get(name) ?? name}`);
  world.print(`hexmq ${VERSION} ready: ${listeners.join(', ')}, ${describeAdapters(config)}\n`);
  await Promise.race([broker.ended, stopFailed]);
}
