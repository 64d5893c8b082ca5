// Commands that show lists of a running broker: clients, sessions, subscriptions, queues, retained messages.
import type { Command } from 'commander';
import type { AnswerOf, ItemOf, PagedOperation, RequestOf } from '../../administration/operations.js';
import { ConfigError } from '../../composition/config-error.js';
import type { ProcessHost } from '../process-host.js';
import * as columns from './columns.js';
import { addOutputFlags, atMost, output, showList } from './output.js';
import type { Columns, OutputFlags } from './output.js';
import { addBrokerFlags, runningBroker } from './running-broker.js';
import type { BrokerFlags, RunningBroker } from './running-broker.js';

export interface ListFlags extends BrokerFlags, OutputFlags {
  readonly limit?: string;
  readonly prefix?: string;
  readonly top?: string;
}

const COUNT_MAX = 1_000_000_000;
const TOP_DEFAULT = 10;
const TOP_MAX = 1000;

export const addListFlags = (command: Command): Command =>
  addOutputFlags(addBrokerFlags(command)).option('--limit <count>', 'the first so many (default: all)');

export function addLists(program: Command, host: ProcessHost): void {
  addListFlags(program.command('clients'))
    .description('list the clients that are connected to a running broker')
    .option('--prefix <text>', 'only Client Identifiers that begin with it')
    .action((flags: ListFlags) => list('clients', byPrefix(flags), columns.CLIENTS, flags, host));
  addListFlags(program.command('sessions'))
    .description('list the sessions of a running broker, those of clients that are away included')
    .option('--prefix <text>', 'only Client Identifiers that begin with it')
    .action((flags: ListFlags) => list('sessions', byPrefix(flags), columns.SESSIONS, flags, host));
  addListFlags(program.command('subscriptions'))
    .description('list the subscriptions of all clients of a running broker, or of one')
    .argument('[client id]', 'only this client')
    .action((clientId: string | undefined, flags: ListFlags) =>
      list('subscriptions', clientId === undefined ? {} : { clientId }, columns.SUBSCRIPTIONS, flags, host),
    );
  addListFlags(program.command('route'))
    .description('show who would get a message on a topic')
    .argument('<topic>', 'a Topic Name')
    .action((topic: string, flags: ListFlags) => list('route', { topic }, columns.RECIPIENTS, flags, host));
  addListFlags(program.command('shared-groups'))
    .description('list the groups of shared subscriptions of a running broker')
    .action((flags: ListFlags) => list('shared-groups', {}, columns.GROUPS, flags, host));
  addOutputFlags(addBrokerFlags(program.command('queues')))
    .description('list the longest queues of a running broker')
    .option('--top <count>', `so many (default ${TOP_DEFAULT})`)
    .action((flags: ListFlags) => queues(flags, host));
}

const byPrefix = ({ prefix }: ListFlags): { clientIdPrefix?: string } =>
  prefix === undefined ? {} : { clientIdPrefix: prefix };

/** Shows the items of an operation, as many as the flags want. */
export async function list<Name extends PagedOperation>(
  operation: Name,
  request: RequestOf<Name>,
  table: Columns<ItemOf<Name>>,
  flags: ListFlags,
  host: ProcessHost,
): Promise<void> {
  const max = countOf('--limit', flags.limit, COUNT_MAX) ?? Infinity;
  const broker = await runningBroker(flags, host);
  await output(flags, host, async (write) => {
    await showList(atMost(broker.all(operation, request), max), table, flags.json === true, write);
  });
}

async function queues(flags: ListFlags, host: ProcessHost): Promise<void> {
  const top = countOf('--top', flags.top, TOP_MAX) ?? TOP_DEFAULT;
  const broker = await runningBroker(flags, host);
  await output(flags, host, async (write) => {
    await showList(await longest(broker, top), columns.QUEUES, flags.json === true, write);
  });
}

type Queue = AnswerOf<'queues'>['items'][number];

/** Each page has the longest of a part of all queues. */
async function longest(broker: RunningBroker, top: number): Promise<readonly Queue[]> {
  let found: Queue[] = [];
  let unsorted = 0;
  const keep = (): void => {
    found = found.sort((one, other) => other.queued - one.queued || other.queuedBytes - one.queuedBytes).slice(0, top);
    unsorted = 0;
  };
  for await (const queue of broker.all('queues', { limit: top })) {
    found.push(queue);
    if (++unsorted >= TOP_MAX) keep();
  }
  keep();
  return found;
}

/** @throws ConfigError that names the flag. */
export function countOf(flag: string, given: string | undefined, max: number): number | undefined {
  if (given === undefined) return undefined;
  if (/^\d{1,10}$/.test(given) && Number(given) >= 1 && Number(given) <= max) return Number(given);
  throw new ConfigError([`${flag}: ${JSON.stringify(given)} is not valid, expected a whole number from 1 to ${max}`]);
}
