// Commands that show what happens in a running broker as it happens: tail.
import { Option } from 'commander';
import type { Command } from 'commander';
import type { ProcessHost } from '../process-host.js';
import { isOutputClosed } from '../report-error.js';
import { eventLine } from './event-lines.js';
import { addJsonFlag } from './output.js';
import { addBrokerFlags, runningBroker } from './running-broker.js';
import type { BrokerFlags } from './running-broker.js';

type Level = 'debug' | 'info' | 'warn' | 'error' | 'fatal';

interface TailFlags extends BrokerFlags {
  readonly json?: boolean;
  readonly level: Level;
  readonly client?: string;
  readonly event?: readonly string[];
}

export function addWatching(program: Command, host: ProcessHost): void {
  addJsonFlag(addBrokerFlags(program.command('tail')))
    .description('show the events of a running broker as they come, until a signal ends it')
    .addOption(
      new Option('--level <level>', 'the least severe level, whatever the level of the log is')
        .choices(['debug', 'info', 'warn', 'error', 'fatal'])
        .default('info'),
    )
    .option('--client <client id>', 'only events of this client')
    .option('--event <name...>', 'only these events, such as message-dropped')
    .action((flags: TailFlags) => tail(flags, host));
}

async function tail({ level, client, event, json = false, ...flags }: TailFlags, host: ProcessHost): Promise<void> {
  const broker = await runningBroker(flags, host);
  const request = {
    level,
    ...(client === undefined ? {} : { clientId: client }),
    ...(event === undefined ? {} : { event: [...event] }),
  };
  await shown(async () => {
    for await (const record of broker.open('events', request))
      await host.write(`${json ? JSON.stringify(record) : eventLine(record)}\n`);
  });
}

/** A reader that has enough, such as `head`, is no error. */
async function shown(show: () => Promise<void>): Promise<void> {
  try {
    await show();
  } catch (error) {
    if (!isOutputClosed(error)) throw error;
  }
}
