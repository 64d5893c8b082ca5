// Commands that change a running broker: disconnect, publish, log-level. Deleting and purging stand with what they
// concern, and `reload` has a file of its own.
import { Option } from 'commander';
import type { Command } from 'commander';
import { ConfigError } from '../../composition/config-error.js';
import { LOG_LEVELS } from '../../administration/schemas.js';
import { printable } from '../printable.js';
import type { ProcessHost } from '../process-host.js';
import { addJsonFlag, printAnswer } from './output.js';
import { addBrokerFlags, runningBroker } from './running-broker.js';
import type { BrokerFlags } from './running-broker.js';
import { act } from './things.js';

interface ActionFlags extends BrokerFlags {
  readonly json?: boolean;
}

interface PublishFlags extends ActionFlags {
  readonly qos: '0' | '1' | '2';
  readonly retain?: boolean;
  readonly stdin?: boolean;
  readonly expiry?: string;
}

type Level = (typeof LOG_LEVELS)[number];

/** What fits into one request, in base64. */
const STDIN_BYTES_MAX = 393_216;

export function addActions(program: Command, host: ProcessHost): void {
  addJsonFlag(addBrokerFlags(program.command('disconnect')))
    .description('end the connection of a client; its will is published, and a stored session stays')
    .argument('<client id>')
    .action((clientId: string, flags: ActionFlags) =>
      act('disconnect', { clientId }, `${printable(clientId)} is disconnected`, flags, host),
    );
  addJsonFlag(addBrokerFlags(program.command('publish')))
    .description('publish a message through a running broker')
    .argument('<topic>', 'a Topic Name')
    .argument('[message]', 'the payload as text (default: empty)')
    .addOption(new Option('--qos <qos>', 'Quality of Service').choices(['0', '1', '2']).default('0'))
    .option('--retain', 'retain the message; without a payload, remove the retained one')
    .option('--expiry <seconds>', 'Message Expiry Interval')
    .option('--stdin', 'read the payload from standard input')
    .action((topic: string, message: string | undefined, flags: PublishFlags) => publish(topic, message, flags, host));
  addJsonFlag(addBrokerFlags(program.command('log-level')))
    .description('show the level of the log of a running broker, or set it until the next start')
    .argument('[level]', LOG_LEVELS.join(', '))
    .action((level: string | undefined, flags: ActionFlags) => logLevel(level, flags, host));
}

async function publish(
  topic: string,
  message: string | undefined,
  { qos, retain = false, expiry, stdin, ...flags }: PublishFlags,
  host: ProcessHost,
): Promise<void> {
  if (stdin === true && message !== undefined)
    throw new ConfigError(['a message and --stdin are both given, expected one of them']);
  const expiryS = expiry === undefined ? undefined : Number(expiry);
  const payload = stdin === true ? { payloadBase64: await readInput(host) } : { payload: message ?? '' };
  const broker = await runningBroker(flags, host);
  const answer = await broker.call('publish', {
    topic,
    ...payload,
    qos: Number(qos) as 0 | 1 | 2,
    retain,
    ...(expiryS === undefined ? {} : { messageExpiryInterval: expiryS }),
  });
  const sentence = `published: ${answer.matched} subscriptions match, ${answer.accepted} have it or get it`;
  printAnswer(answer, sentence, flags, host);
}

/** In base64. @throws ConfigError if there is nothing to read, or too much. */
async function readInput({ input }: ProcessHost): Promise<string> {
  if (input === undefined) throw new ConfigError(['--stdin: standard input is a terminal, expected a file or a pipe']);
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of input) {
    bytes += chunk.byteLength;
    if (bytes > STDIN_BYTES_MAX)
      throw new ConfigError([`--stdin: more than ${STDIN_BYTES_MAX} bytes, expected a payload of at most as many`]);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('base64');
}

async function logLevel(level: string | undefined, flags: ActionFlags, host: ProcessHost): Promise<void> {
  const broker = await runningBroker(flags, host);
  if (level === undefined) {
    const { logLevel: now } = await broker.call('status', {});
    printAnswer({ level: now }, now, flags, host);
    return;
  }
  const answer = await broker.call('log-level', { level: level as Level });
  const sentence = `the level of the log is ${answer.level}, it was ${answer.before}`;
  printAnswer(answer, sentence, flags, host);
}
