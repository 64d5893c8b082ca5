// The rows of the table of memory in docs/architecture/README.md, by their first column, with the attacks on each.
import * as arrival from './arrival.js';
import type { Attack } from './attack.js';
import * as names from './names.js';
import * as output from './output.js';

/** By name; or why no attack from outside can tell whether the bound of a row holds, and which test does. */
type Entry = Readonly<Record<string, Attack>> | string;

/** Each attack once, with the rows that it is for. */
export function attacksOf(
  table: Readonly<Record<string, Entry>>,
): readonly (readonly [rows: string, name: string, attack: Attack])[] {
  const found = new Map<Attack, { readonly rows: string[]; readonly name: string }>();
  for (const [row, entry] of Object.entries(table)) {
    if (typeof entry === 'string') continue;
    for (const [name, attack] of Object.entries(entry)) {
      const known = found.get(attack);
      if (known === undefined) found.set(attack, { rows: [row], name });
      else known.rows.push(row);
    }
  }
  return [...found].map(([attack, { rows, name }]) => [rows.join('; '), name, attack] as const);
}

export const ATTACKS: Readonly<Record<string, Entry>> = {
  'a partial packet': { 'packets that are announced and do not come': arrival.announcedPackets },
  'partial packets of all connections': { 'packets that do not end': arrival.partialPackets },
  'a partial WebSocket message': { 'messages that do not end': arrival.partialWebSocketMessages },
  'before MQTT: a PROXY header, an HTTP request, a TLS handshake': {
    'HTTP requests that do not end': arrival.handshakes,
    'TLS handshakes that do not end': arrival.tlsHandshakes,
  },
  'connections that are not read for the moment, and CONNECTs in progress': {
    'clients that publish faster than they may': arrival.unread,
    'CONNECTs that an authenticator does not answer': arrival.awaitedConnects,
  },
  'what authenticators and authorizers were asked for clients that have gone since, or whose time was over': {
    'clients that log in and leave': names.leavingClients,
  },
  'connections, and pending ones from their arrival on': {
    'connections that begin a CONNECT': arrival.silentConnections,
  },
  'everything that waits for clients and is not taken': {
    'clients that do not read': output.deafClients,
    'clients that do not acknowledge': output.unacknowledged,
  },
  'output not yet sent, of one connection': { 'a client that does not read': output.oneDeafClient },
  'output of a connection that has ended': { 'clients that break the protocol': output.endedConnections },
  'a message in flight': { 'clients that do not acknowledge': output.unacknowledged },
  'an offline stored session': { 'clients that stay away': output.awayOnDisk },
  'a connected stored session': { 'clients that do not read': output.connectedOnDisk },
  'a session that is not stored': { 'clients that do not acknowledge': output.transientQueues },
  'stored queues, where the store is in memory': { 'clients that stay away': output.awayInMemory },
  'a waiting message': { 'small messages in large chunks': output.smallPartsOfChunks },
  'Packet Identifiers of QoS 2 messages that a client has not released': {
    'clients that leave them behind': output.unreleased,
  },
  'the user name of a connection': { 'long ones': names.userNames },
  'sessions, with their Client Identifiers, and wills, with topic and payload': { 'long ones': names.sessions },
  'subscriptions, with Topic Filters and share names': { 'deep and long ones': names.subscriptions },
  'topics with a retained message': { 'deep ones': names.retainedTopics },
  'payloads of retained messages': { 'large ones': names.retainedPayloads },
  'failed logins, and those that succeeded lately': { 'ever new long names': names.failedLogins },
  'cached passwords and answers': { 'ever new long names': names.cachedAnswers },
  'cached routes': { 'ever new long topics': names.topics },
  'permissions of connected clients': { 'ever new long topics': names.topics },
  'log lines that standard error does not take': { 'a log that is not read': names.unreadLog },
  'packets of publishers that wait for a queue': { 'large messages for a full queue': arrival.waitingPublishers },
  'what file storage remembers of stored entries, to remove them without a look-up':
    'five million entries would have to be stored, which takes more than a minute: unit/adapters/storage/file/known-entries.test.ts',
  'streams of the administration':
    'sixteen of them hold a few megabytes each: unit/administration/streams.test.ts counts what waits',
  'what the broker says of itself':
    'no client adds to it: unit/administration/sys.test.ts has the table, and counts the events of a second',
  'messages for an in-process subscription':
    'the program that subscribes decides how slow it is: unit/application/in-process/mailbox.test.ts counts what waits',
  'events for a listener in the process':
    'the program that listens decides how slow it is: unit/application/in-process/mailbox.test.ts counts what waits',
  'a backup':
    'it reads as an export does, for an operator alone: e2e/backup.test.ts takes one under load, and unit/application/backups.test.ts bounds its reader',
  'addresses counted for a limit or a rate':
    'a hundred thousand of them take 20 MB: unit/application/connection-limiter.test.ts counts them',
  'pages of queues and of retained messages':
    'storage hands pages over at once: unit/application/pager.test.ts holds answers back',
  'messages that wait behind a large publication':
    'it is over in milliseconds: unit/application/publication-backlog.test.ts holds one up',
  'changes not yet durable': 'storage has to stand still: unit/application/ingress.test.ts makes it do so',
};
