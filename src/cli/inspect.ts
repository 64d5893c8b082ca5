// `hexmq inspect`: shows what a storage holds, as tables for people or, with --json, as one object per line for
// programs.
import { Argument } from 'commander';
import type { Command } from 'commander';
import {
  inspectQueue,
  inspectRetained,
  inspectSession,
  inspectSessions,
  inspectTotals,
  withStore,
} from '../composition/transfer.js';
import { NetworkError, StorageError } from '../ports/index.js';
import type { Message, MessageDraft, Storage, StoredEntry } from '../ports/index.js';
import { inspectRunning } from './operate/inspect-running.js';
import { isOutputClosed } from './report-error.js';
import { jsonOf, preview, printable, shortened } from './printable.js';
import { addStoreFlags, readStoreConfig } from './store-settings.js';
import type { StoreFlags } from './store-settings.js';
import { Table } from './table.js';
import type { Row } from './table.js';
import type { ProcessHost } from './process-host.js';

const NEVER_S = 4_294_967_295;
/** The Packet Identifiers that the broker assigns: docs/decisions/0029. */
const PACKET_IDS = 65_535;

const SUBJECTS = ['totals', 'sessions', 'session', 'queue', 'retained'] as const;
type Subject = (typeof SUBJECTS)[number];

interface InspectFlags extends StoreFlags {
  readonly json?: boolean;
}

/** The output of one run. */
interface Printer {
  readonly json: boolean;
  readonly write: (text: string) => Promise<void>;
}

export function addInspect(program: Command, host: ProcessHost): void {
  const command = addStoreFlags(program.command('inspect'));
  command
    .description('show what a storage holds, without changing it')
    .addArgument(
      new Argument(
        '[what]',
        'totals, sessions, session <client id>, queue <client id or $share/group/filter>, retained [filter]',
      )
        .choices(SUBJECTS)
        .default('totals'),
    )
    .argument('[name]', 'the client or group, or a Topic Filter')
    .option('--json', 'one JSON object on each line, with whole payloads in base64')
    .action((what: Subject, name: string | undefined, flags: InspectFlags) => {
      const needsName = what === 'session' || what === 'queue';
      if (needsName && name === undefined) command.error(`error: inspect ${what}: a client id is missing`);
      if ((what === 'totals' || what === 'sessions') && name !== undefined)
        command.error(`error: inspect ${what}: takes no name, got ${printable(name)}`);
      return inspect(what, name, flags, host);
    });
}

async function inspect(
  what: Subject,
  name: string | undefined,
  { json = false, ...flags }: InspectFlags,
  host: ProcessHost,
): Promise<void> {
  const printer: Printer = { json, write: (text) => host.write(text) };
  try {
    await withStore(readStoreConfig(flags, host), (storage) => show(what, name, storage, printer)).catch(
      async (error: unknown) => {
        if (!(error instanceof StorageError) || error.kind !== 'fenced') throw error;
        await inspectRunning({ what, name, json }, flags, host).catch((failure: unknown) => {
          // Whatever has the store answers nothing: that it has it is what there is to say.
          throw failure instanceof NetworkError ? error : failure;
        });
      },
    );
  } catch (error) {
    // The reader, such as `head`, has enough.
    if (!isOutputClosed(error)) throw error;
  }
}

function show(what: Subject, name = '', storage: Storage, printer: Printer): Promise<void> {
  switch (what) {
    case 'totals':
      return showTotals(storage, printer);
    case 'sessions':
      return showSessions(storage, printer);
    case 'session':
      return showSession(storage, name, printer);
    case 'queue':
      return showQueue(storage, name, printer);
    case 'retained':
      return showRetained(storage, name === '' ? undefined : name, printer);
  }
}

async function showTotals(storage: Storage, { json, write }: Printer): Promise<void> {
  const totals = await inspectTotals(storage);
  if (json) return write(`${jsonOf(totals)}\n`);
  await write(
    pairs([
      ['sessions', `${totals.sessions} (${totals.sessionsNotDisconnected} with a connection that never ended)`],
      ['subscriptions', String(totals.subscriptions)],
      [
        'queued messages',
        `${totals.queuedMessages} in ${totals.queues} queues, ${totals.queuedBytes} bytes of payload`,
      ],
      ['retained messages', `${totals.retainedMessages}, ${totals.retainedBytes} bytes of payload`],
      ['wills', String(totals.wills)],
      ['inbound QoS 2', `${totals.inboundPacketIds} packet identifiers`],
      ['last message id', totals.lastMessageId === undefined ? 'none' : String(totals.lastMessageId)],
    ]) +
      (totals.unfinished
        ? 'This storage is the target of a migrate or import that has not finished; run it again.\n'
        : ''),
  );
}

async function showSessions(storage: Storage, printer: Printer): Promise<void> {
  const headings = [
    'CLIENT ID',
    'DISCONNECTED',
    'EXPIRES AFTER',
    'SUBSCRIPTIONS',
    'QUEUED',
    'BYTES',
    'INBOUND QOS 2',
    'WILL',
  ];
  await showAll(
    await inspectSessions(storage),
    printer,
    headings,
    (session) => session,
    (session) => [
      shortened(session.clientId),
      time(session.disconnectedAtMs, 'no'),
      expiry(session.expiryIntervalS),
      String(session.subscriptions),
      String(session.queuedMessages),
      String(session.queuedBytes),
      String(session.inboundPacketIds),
      session.hasWill ? 'yes' : 'no',
    ],
  );
}

async function showSession(storage: Storage, clientId: string, { json, write }: Printer): Promise<void> {
  const { session, subscriptions, inboundPacketIds, will, queue } = await inspectSession(storage, clientId);
  if (json) {
    const plainWill =
      will === undefined
        ? undefined
        : { delayS: will.delayS, dueAtMs: will.dueAtMs, message: plainMessage(will.message) };
    return write(`${jsonOf({ ...session, subscriptions, inboundPacketIds, will: plainWill, queue })}\n`);
  }
  await write(
    pairs([
      ['client id', printable(session.clientId)],
      ['disconnected', time(session.disconnectedAtMs, 'no')],
      ['expires after', expiry(session.expiryIntervalS)],
      [
        'queue',
        queue === undefined
          ? 'empty'
          : `${queue.messages} messages, ${queue.bytes} bytes of payload, ` +
            `seq ${queue.firstSeq} to ${queue.nextSeq - 1}`,
      ],
      ['inbound QoS 2', inboundPacketIds.length === 0 ? 'none' : inboundPacketIds.join(', ')],
      [
        'will',
        will === undefined
          ? 'none'
          : `${printable(will.message.topic)}, delay ${will.delayS} s, ` +
            `due ${time(will.dueAtMs, 'when the connection ends')}`,
      ],
      ['subscriptions', subscriptions.length === 0 ? 'none' : ''],
    ]),
  );
  for (const { topicFilter, qos } of subscriptions) await write(`  QoS ${qos}  ${printable(topicFilter)}\n`);
}

async function showQueue(storage: Storage, owner: string, printer: Printer): Promise<void> {
  const headings = ['SEQ', 'PACKET ID', 'QOS', 'STATE', 'ACCEPTED', 'EXPIRES', 'BYTES', 'TOPIC', 'PAYLOAD'];
  await showAll(inspectQueue(storage, owner), printer, headings, plainEntry, ({ seq, qos, released, message }) => [
    String(seq),
    String((seq % PACKET_IDS) + 1),
    String(qos),
    released ? 'released' : 'waiting',
    ...messageCells(message),
  ]);
}

async function showRetained(storage: Storage, filter: string | undefined, printer: Printer): Promise<void> {
  const headings = ['QOS', 'ACCEPTED', 'EXPIRES', 'BYTES', 'TOPIC', 'PAYLOAD'];
  await showAll(inspectRetained(storage, filter), printer, headings, plainMessage, (message) => [
    String(message.qos),
    ...messageCells(message),
  ]);
}

async function showAll<Item>(
  items: AsyncIterable<Item> | Iterable<Item>,
  { json, write }: Printer,
  headings: Row,
  plain: (item: Item) => object,
  row: (item: Item) => Row,
): Promise<void> {
  const table = new Table(headings, write);
  for await (const item of items) await (json ? write(`${jsonOf(plain(item))}\n`) : table.add(row(item)));
  if (!json) await table.end();
}

function messageCells({ topic, payload, acceptedAtMs, expiresAtMs }: Message): Row {
  return [
    time(acceptedAtMs, ''),
    time(expiresAtMs, 'never'),
    String(payload.byteLength),
    shortened(topic),
    preview(payload),
  ];
}

const plainEntry = ({ seq, qos, retain, identifiers, released, message }: StoredEntry): object => ({
  seq,
  packetId: (seq % PACKET_IDS) + 1,
  qos,
  retain,
  identifiers,
  released,
  message: plainMessage(message),
});

function plainMessage({ payload, properties, ...message }: MessageDraft): object {
  const { correlationData, ...others } = properties ?? {};
  return {
    ...message,
    properties:
      properties === undefined
        ? undefined
        : { ...others, ...(correlationData === undefined ? {} : { correlationData: base64(correlationData) }) },
    payloadBytes: payload.byteLength,
    payload: base64(payload),
  };
}

const base64 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
const pairs = (lines: readonly (readonly [string, string])[]): string =>
  lines.map(([name, value]) => `${`${name}:`.padEnd(19)}${value}`.trimEnd() + '\n').join('');
const expiry = (seconds: number): string => (seconds >= NEVER_S ? 'never' : `${seconds} s`);

/** In ISO 8601; a number outside the range of dates as it is. */
function time(atMs: number | undefined, none: string): string {
  if (atMs === undefined) return none;
  return Math.abs(atMs) > 8.64e15 ? String(atMs) : new Date(atMs).toISOString();
}
