// Commands that show what happens in a running broker as it happens: tail and trace.
import { Option } from 'commander';
import type { Command } from 'commander';
import type { ProcessHost } from '../process-host.js';
import { isOutputClosed } from '../report-error.js';
import { ConfigError } from '../../composition/config-error.js';
import { eventLine } from './event-lines.js';
import { countOf } from './lists.js';
import { addJsonFlag } from './output.js';
import { addBrokerFlags, runningBroker } from './running-broker.js';
import type { BrokerFlags } from './running-broker.js';
import { MessageOutcomes, stepLine } from './trace-lines.js';
import type { Step } from './trace-lines.js';
import { jsonOf } from '../printable.js';

type Level = 'debug' | 'info' | 'warn' | 'error' | 'fatal';

interface TailFlags extends BrokerFlags {
  readonly json?: boolean;
  readonly level: Level;
  readonly client?: string;
  readonly event?: readonly string[];
}

interface TraceFlags extends BrokerFlags {
  readonly json?: boolean;
  readonly topic?: string;
  readonly client?: string;
  readonly seconds?: string;
}

const TRACE_SECONDS_MAX = 3600;

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
  addJsonFlag(addBrokerFlags(program.command('trace')))
    .description('show what happens to messages on some topics, or from and to a client, step by step')
    .option('--topic <filter>', 'messages on topics that match this Topic Filter')
    .option('--client <client id>', 'messages from and to this client, and its events')
    .option('--seconds <count>', `how long, up to ${TRACE_SECONDS_MAX} (default 60)`)
    .action((flags: TraceFlags) => trace(flags, host));
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
      await host.write(`${json ? jsonOf(record) : eventLine(record)}\n`);
  });
}

async function trace(flags: TraceFlags, host: ProcessHost): Promise<void> {
  const { topic, client, json = false } = flags;
  if ((topic === undefined) === (client === undefined))
    throw new ConfigError(['expected --topic or --client, one of them']);
  const seconds = countOf('--seconds', flags.seconds, TRACE_SECONDS_MAX);
  const broker = await runningBroker(flags, host);
  const request = {
    ...(topic === undefined ? {} : { topicFilter: topic }),
    ...(client === undefined ? {} : { clientId: client }),
    ...(seconds === undefined ? {} : { seconds }),
  };
  const outcomes = new MessageOutcomes();
  await shown(async () => {
    for await (const record of broker.open('trace', request)) {
      const step = record as Step;
      await host.write(json ? `${jsonOf(step)}\n` : [stepLine(step), ...outcomes.take(step)].join('\n') + '\n');
    }
    if (!json) for (const line of outcomes.rest()) await host.write(`${line}\n`);
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
