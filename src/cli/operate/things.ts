// Commands about the whole of a running broker, or about one client, one queue or one retained message of it.
import type { Command } from 'commander';
import type { AnswerOf } from '../../administration/operations.js';
import { printable } from '../printable.js';
import { Denied } from '../report-error.js';
import type { ProcessHost } from '../process-host.js';
import * as columns from './columns.js';
import { addListFlags, list } from './lists.js';
import type { ListFlags } from './lists.js';
import { addOutputFlags, output, printAnswer, showList, showPairs } from './output.js';
import type { OutputFlags, Write } from './output.js';
import { addBrokerFlags, runningBroker } from './running-broker.js';
import type { BrokerFlags, RunningBroker } from './running-broker.js';

type ShowFlags = BrokerFlags & OutputFlags;

const PAYLOAD_MAX = 65_536;

export function addThings(program: Command, host: ProcessHost): void {
  addOutputFlags(addBrokerFlags(program.command('status')))
    .description('show what a running broker does, and how much there is of everything')
    .option('--exit-code', 'show whether it can serve clients: exit status 0 if it can, 3 if not, 1 if none answers')
    .action((flags: ShowFlags & { readonly exitCode?: boolean }) =>
      flags.exitCode === true ? showHealth(flags, host) : showStatus(flags, host),
    );
  addOutputFlags(addBrokerFlags(program.command('client')))
    .description('show the connection of a client')
    .argument('<client id>')
    .action((clientId: string, flags: ShowFlags) => showClient(clientId, flags, host));
  addOutputFlags(addBrokerFlags(program.command('session')))
    .description('show the session of a client, or delete it: session delete <client id>')
    .argument('<client id>', 'the client, or: delete')
    .argument('[client id]', 'the client whose session is deleted')
    .action((first: string, second: string | undefined, flags: ShowFlags) =>
      actsOn('delete', first, second)
        ? act(
            'delete-session',
            { clientId: second ?? '' },
            `the session of ${printable(second ?? '')} is deleted`,
            flags,
            host,
          )
        : showSession(first, flags, host),
    );
  addListFlags(program.command('queue'))
    .description('list the messages in a queue, or drop those that wait: queue purge <client id>')
    .argument('<client id>', 'the client, or $share/<ShareName>/<Topic Filter>, or: purge')
    .argument('[client id]', 'the client whose queue is purged')
    .action((first: string, second: string | undefined, flags: ListFlags) =>
      actsOn('purge', first, second)
        ? purge(second ?? '', flags, host)
        : list('queue', { ...queueOf(first), ...payloadsFor(flags) }, columns.QUEUE, flags, host),
    );
  addListFlags(program.command('retained'))
    .description(
      'list topics with a retained message; show one: retained get <topic>; remove it: retained delete <topic>',
    )
    .argument('[filter]', 'a Topic Filter (default #), or: get, delete')
    .argument('[topic]', 'the topic whose message is shown or removed')
    .action((first: string | undefined, second: string | undefined, flags: ListFlags) => {
      if (actsOn('delete', first, second))
        return act('delete-retained', { topic: second ?? '' }, `the retained message is removed`, flags, host);
      if (actsOn('get', first, second)) return showRetained(second ?? '', flags, host);
      return list('retained', first === undefined ? {} : { topicFilter: first }, columns.RETAINED, flags, host);
    });
  addOutputFlags(addBrokerFlags(program.command('limits')))
    .description('show the limits in force')
    .action((flags: ShowFlags) => showLimits(flags, host));
}

/** With one argument, a word that is also an action is a name. */
const actsOn = (action: string, first: string | undefined, second: string | undefined): boolean =>
  first === action && second !== undefined;

/** A name that begins with $share/ is that of a shared group. */
export const queueOf = (name: string): { clientId: string } | { sharedGroup: string } =>
  name.startsWith('$share/') ? { sharedGroup: name } : { clientId: name };

/** Programs get whole payloads, as far as the broker shows them. */
const payloadsFor = ({ json }: OutputFlags): { maxPayloadBytes?: number } =>
  json === true ? { maxPayloadBytes: PAYLOAD_MAX } : {};

/** Shows something of the broker, once or, with `--watch`, again and again. */
async function outputOf(
  flags: ShowFlags,
  host: ProcessHost,
  show: (broker: RunningBroker, write: Write) => Promise<void>,
): Promise<void> {
  const broker = await runningBroker(flags, host);
  await output(flags, host, (write) => show(broker, write));
}

function showStatus(flags: ShowFlags, host: ProcessHost): Promise<void> {
  return outputOf(flags, host, async (broker, write) => {
    const status = await broker.call('status', {});
    await showPairs(columns.statusPairs(status), status, flags.json === true, write);
  });
}

/** @throws Denied if the broker is not ready. */
async function showHealth(flags: ShowFlags, host: ProcessHost): Promise<void> {
  let isReady = true;
  await outputOf(flags, host, async (broker, write) => {
    const health = await broker.call('health', {});
    ({ isReady } = health);
    await showPairs(columns.healthPairs(health), health, flags.json === true, write);
  });
  if (!isReady) throw new Denied();
}

function showClient(clientId: string, flags: ShowFlags, host: ProcessHost): Promise<void> {
  return outputOf(flags, host, async (broker, write) => {
    const client = await broker.call('client', { clientId });
    await showPairs(columns.clientPairs(client), client, flags.json === true, write);
  });
}

function showSession(clientId: string, flags: ShowFlags, host: ProcessHost): Promise<void> {
  return outputOf(flags, host, async (broker, write) => {
    const session = await broker.call('session', { clientId });
    await showPairs(columns.sessionPairs(session), session, flags.json === true, write);
    if (flags.json === true || session.subscriptions === 0) return;
    await write('\n');
    await showList(broker.all('subscriptions', { clientId }), columns.SUBSCRIPTIONS, false, write);
  });
}

function showRetained(topic: string, flags: ShowFlags, host: ProcessHost): Promise<void> {
  return outputOf(flags, host, async (broker, write) => {
    const message = await broker.call('retained-message', { topic, maxPayloadBytes: PAYLOAD_MAX });
    await showPairs(retainedPairs(message), message, flags.json === true, write);
  });
}

const retainedPairs = (message: AnswerOf<'retained-message'>): readonly (readonly [string, string])[] => [
  ['topic', printable(message.topic)],
  ['QoS', String(message.qos)],
  ['publisher', message.publisher === undefined ? 'none' : printable(message.publisher)],
  ['accepted', message.acceptedAt ?? 'unknown'],
  ['expires', message.expiresAt ?? 'never'],
  ['bytes', String(message.payloadBytes ?? 0)],
  ['payload', columns.payloadCell(message.payload)],
];

function showLimits(flags: ShowFlags, host: ProcessHost): Promise<void> {
  return outputOf(flags, host, async (broker, write) => {
    const { limits, listeners } = await broker.call('limits', {});
    const pairs = Object.entries(limits).map(([key, value]): [string, string] => [key, String(value)]);
    const own = listeners.flatMap(({ listener, limits: ofListener }) =>
      Object.entries(ofListener).map(([key, value]): [string, string] => [`${listener}: ${key}`, String(value)]),
    );
    await showPairs([...pairs, ...own], { limits, listeners }, flags.json === true, write);
  });
}

/** Gives a command that is done or fails, and says so. */
export async function act<Name extends 'disconnect' | 'delete-session' | 'delete-retained'>(
  operation: Name,
  request: { clientId: string } | { topic: string },
  done: string,
  flags: ShowFlags,
  host: ProcessHost,
): Promise<void> {
  const broker = await runningBroker(flags, host);
  const answer = await broker.call(operation, request as never);
  printAnswer(answer, done, flags, host);
}

async function purge(clientId: string, flags: ShowFlags, host: ProcessHost): Promise<void> {
  const broker = await runningBroker(flags, host);
  const answer = await broker.call('purge-queue', { clientId });
  printAnswer(answer, `${answer.dropped} messages for ${printable(clientId)} are dropped`, flags, host);
}
