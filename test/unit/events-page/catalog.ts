// What docs/events.md says of each event of the log. The compiler demands every kind of event and every field.
import type { BrokerEvent, LifecycleEvent } from 'hexmq/ports';

type Event = BrokerEvent | LifecycleEvent;
type Kind = Event['kind'];
type FieldsOf<K extends Kind> = Exclude<keyof Extract<Event, { kind: K }> & string, 'kind'>;

interface Entry<Field extends string> {
  readonly means: string;
  readonly fields: Readonly<Record<Field, string>>;
  /** Left out if the reasons say it, or if there is nothing to do. */
  readonly todo?: string;
}

export type Catalog = { readonly [K in Kind]: Entry<FieldsOf<K>> };

const connection = 'number of the connection, in the order of arrival';
const clientId = 'Client Identifier';
const remoteAddress = 'address and port of the client, or of the proxy that is not trusted';
const listener = 'name of the listener';
const userName = 'user name; absent if none was given, or with `logging.userNames: false`';
const address = { remoteAddress, listener };
const adapterError = 'what the adapter said';

export const CATALOG: Catalog = {
  'client-connected': {
    means: 'CONNACK accepted the client.',
    fields: {
      connection,
      clientId,
      protocolVersion: '3 (MQTT 3.1), 4 (3.1.1) or 5',
      sessionPresent: 'whether it continues a session',
      stored: 'whether the session outlives the connection',
      keepAliveS: 'Keep Alive in force, in seconds; 0: none',
      ...address,
      userName,
    },
  },
  'connection-refused': {
    means: 'A connection or a CONNECT was refused.',
    fields: {
      connection,
      clientId: `${clientId}; absent before CONNECT`,
      reason: '[reason](#reasons-of-connection-refused)',
      detail: 'what exactly, such as the limit or the adapter that decided',
      ...address,
      userName: 'the first 128 characters of what the client gave, true or not',
    },
  },
  'connection-ended': {
    means: 'A connection ended.',
    fields: {
      connection,
      clientId: `${clientId}; absent before CONNECT`,
      reason: '[reason](#reasons-of-connection-ended)',
      malformed: 'kind of the mistake in a malformed packet',
      detail: 'what exactly',
      ...address,
      userName,
    },
  },
  'client-reauthenticated': {
    means: 'A connected client of MQTT 5 authenticated again; its permissions are those of the new answer.',
    fields: { connection, clientId, method: 'Authentication Method', ...address, userName },
  },
  'publish-denied': {
    means: 'A client may not publish to this topic.',
    fields: { clientId, userName, topic: 'Topic Name', detail: 'rule or limit that decided' },
    todo: 'Correct the rules or the client. `hexmq acl explain` says what a client may do and why.',
  },
  'subscribe-denied': {
    means: 'A client may not subscribe to this filter, or is at a limit of subscriptions.',
    fields: { clientId, userName, topicFilter: 'Topic Filter', detail: 'rule or limit that decided' },
    todo: 'Correct the rules or the client. `hexmq acl explain` says what a client may do and why.',
  },
  'message-dropped': {
    means: 'A message was not delivered to one of its receivers, or not retained.',
    fields: {
      reason: '[reason](#reasons-of-message-dropped)',
      messageId: 'number of the message; absent if it was dropped unread',
      topic: 'Topic Name; absent if it was dropped unread',
      qos: 'QoS 0, 1 or 2',
      queue: 'queue that lost it: `c:` and a Client Identifier, or `g:` and a shared group',
      detail: 'rule or answer that decided',
    },
  },
  'retained-limited': {
    means: 'A subscription matched more retained messages than `limits.retainedQueueSize`; it gets the first of them.',
    fields: { clientId, topicFilter: 'Topic Filter', limit: 'number of messages that it gets' },
    todo: 'Subscribe to less, or raise `limits.retainedQueueSize`.',
  },
  'will-published': { means: 'The will of a client was published.', fields: { clientId, topic: 'Topic Name' } },
  'session-ended': {
    means: 'A session ended, with its subscriptions and its queue.',
    fields: { clientId, reason: '[reason](#reasons-of-session-ended)' },
  },
  'operator-command': {
    means: 'An operator, or a program in the name of one, changed something, or began a trace or a backup.',
    fields: {
      actor: 'who',
      command:
        '`disconnect`, `delete-session`, `delete-retained`, `publish`, `reload`, `log-level`, `trace`, `backup`, …',
      subject: 'Client Identifier, topic or level',
      result: '`done`, `not-found`, `published` or `refused`',
    },
    todo: 'None: it is the audit trail.',
  },
  'administration-refused': {
    means:
      'A request to the administration was refused, because it is not known who sent it, or its role does not allow it.',
    fields: { endpoint: 'name of the endpoint', remoteAddress: 'address of the client', detail: 'what was wrong' },
    todo: 'Correct the token or the certificate of the program; or an attack: see the address.',
  },
  'clock-corrected': {
    means: 'The clock of the machine jumped. Expiry and delays are not affected.',
    fields: { byMs: 'by how many milliseconds; negative: back' },
    todo: 'If it repeats: look at the time service of the machine.',
  },
  listening: {
    means: 'A listener accepts connections.',
    fields: { listener, address: 'host and port, or path' },
  },
  'handshake-failed': {
    means: 'A connection ended before its first byte of MQTT.',
    fields: { ...address, reason: '[reason](#reasons-of-handshake-failed)', detail: 'what exactly' },
  },
  'listener-reloaded': {
    means: 'New connections of the listener get its changed certificates.',
    fields: { listener },
  },
  'listener-reload-failed': {
    means: 'Changed certificates cannot be used. The listener keeps its previous ones.',
    fields: { listener, error: 'which file, and why' },
    todo: 'Correct the file soon: when the previous certificate ends, clients cannot connect.',
  },
  ready: {
    means: 'The start is done and clients can connect.',
    fields: { sessions: 'number of restored sessions', retained: 'number of restored retained messages' },
  },
  'start-waits': {
    means: 'The start waits for an adapter.',
    fields: { waitsFor: 'call and adapter', seconds: 'since when, in seconds' },
    todo: 'Look at what the adapter waits for: a server, a large store, a lock.',
  },
  stopping: { means: 'The stop has begun.', fields: { connections: 'number of open connections' } },
  'stop-waits': {
    means: 'The stop waits for an adapter.',
    fields: { waitsFor: 'call and adapter', seconds: 'since when, in seconds' },
    todo: 'Look at storage. A second SIGTERM ends the process at once; nothing acknowledged is lost.',
  },
  stopped: { means: 'Everything is stopped and stored.', fields: {} },
  'storage-failing': {
    means:
      'Storage fails, and is tried again until it succeeds. Logged when it begins, when the cause changes, and each ' +
      'minute. Acknowledgements wait.',
    fields: {
      operation: '`write` (acknowledgements wait) or `read` (deliveries of stored messages wait)',
      error: 'what storage said',
      storageErrorKind: '`full`, `unavailable`, …: the kind of failure',
      attempt: 'number of the attempt, from 1',
    },
    todo: 'Page someone. [When storage fails](when-storage-fails.md) says what each kind means.',
  },
  'storage-recovered': {
    means: 'Storage works again, and everything that waited goes on.',
    fields: { operation: '`write` or `read`', attempts: 'number of attempts that it took' },
  },
  'authenticator-passed-over': {
    means: 'An authenticator failed, and its `onFailure: abstain` lets the next one decide.',
    fields: { authenticator: 'its name', error: adapterError },
    todo: 'Look at the service behind it.',
  },
  'interceptor-failed': {
    means: 'An interceptor threw an error, answered nonsense or was too slow. Its fallback decides about the packet.',
    fields: {
      interceptor: 'its name',
      packet: '`connect`, `publish`, `subscribe`, `unsubscribe` or `deliver`',
      clientId: 'the client that sent the packet, or was to get the message',
      error: adapterError,
      fallback: '`deny` or `pass`',
    },
    todo: 'Look at the plugin, and at the service behind it.',
  },
  'plugin-started': {
    means: 'A plugin has started.',
    fields: {
      plugin: 'its name',
      version: 'its version',
      package: 'the package or the path that it was loaded from',
      provides: 'the ports that it bound',
    },
  },
  'plugin-failed': {
    means: 'A part of a plugin threw an error or took too long. The broker goes on.',
    fields: { plugin: 'its name', what: '`stop` or `scheduled task`', error: adapterError },
    todo: 'Look at the plugin.',
  },
  'plugin-log': {
    means: 'A line that a plugin has written, at the level that it chose.',
    fields: {
      plugin: 'its name',
      severity: '`debug`, `info`, `warn` or `error`',
      text: 'the line',
      fields: 'what the plugin has added, as JSON',
      suppressed: 'how many lines before this one were left out, beyond 100 in ten seconds',
    },
  },
  'subscriber-failed': {
    means:
      'The function that receives the messages of an in-process subscription threw an error, rejected, or has not ' +
      'ended for 30 seconds. Logged at once, and as long as it goes on, every ten seconds. The other messages come.',
    fields: {
      subscriber: 'the name of the subscription',
      topic: 'the topic of the message, the last one if there were several',
      error: 'what it threw, the last time',
      failures: 'how often it failed since the line before',
    },
    todo: 'Look at the program that embeds the broker, or at the plugin.',
  },
  'subscriber-overflow': {
    means:
      'An in-process subscription takes its messages more slowly than they come, and some were dropped. Logged at ' +
      'once, and as long as it goes on, every ten seconds.',
    fields: {
      subscriber: 'the name of the subscription',
      dropped: 'how many messages were dropped since the line before',
    },
    todo: 'Let it do less for each message, or raise its `maxWaiting`.',
  },
  'event-listener-failed': {
    means:
      'A function of the embedding program or of a plugin that gets events threw an error, rejected, or has not ended ' +
      'for 30 seconds. Logged at once, and as long as it goes on, every ten seconds. The other events come.',
    fields: {
      listener: 'the name of the listener',
      event: 'the kind of the event that it was given, the last one if there were several',
      error: 'what it threw, the last time',
      failures: 'how often it failed since the line before',
    },
    todo: 'Look at the program that embeds the broker, or at the plugin.',
  },
  'event-listener-overflow': {
    means:
      'A listener of events takes them more slowly than they come, and some were dropped. Logged at once, and as long ' +
      'as it goes on, every ten seconds.',
    fields: {
      listener: 'the name of the listener',
      dropped: 'how many events were dropped since the line before',
    },
    todo: 'Let it do less for each event, want fewer kinds, or raise its `maxWaiting`.',
  },
  'attempts-slowed': {
    means: 'Many logins failed; further ones are delayed. Logged once until the failures are forgotten.',
    fields: {
      scope: '`login` (a user name from an address), `address` or `user-name`: what the failures have in common',
      ipAddress: 'the address, if they share one',
      userName: 'the user name, if they share one; long ones are cut',
      failures: 'number of failures',
    },
    todo: 'A device with an old password, or an attack: see the address.',
  },
  'close-failed': {
    means: 'An adapter could not release what it holds at the stop.',
    fields: { adapter: 'its name', error: adapterError },
  },
  'changes-abandoned': {
    means:
      'The broker stops although storage has not taken everything. Nothing of it was acknowledged, unless `storage.ackLevel` is `received`.',
    fields: { changes: 'number of changes' },
    todo: 'Look at storage before the next start.',
  },
  reloaded: {
    means: 'A reload succeeded for these parts.',
    fields: { what: 'names of listeners, authenticators and authorizers, and `limits`' },
  },
  'reload-failed': {
    means: 'A reload failed for a part, which keeps its previous state.',
    fields: { what: 'the part', error: 'what was wrong' },
    todo: 'Correct the file and reload again. `hexmq check-config` checks it before.',
  },
  'backup-ended': {
    means: 'A backup of the running broker is complete, or ended before it was.',
    fields: {
      actor: 'who began it',
      result: '`complete` or `failed`',
      facts: 'how many facts it has',
      detail: 'why it is not complete',
    },
    todo: 'If it failed: see `detail`, and take another one. What was written of it is no backup, and is refused by `hexmq import`.',
  },
  'restart-needed': {
    means: 'Keys have changed that a reload does not apply.',
    fields: { keys: 'the keys' },
    todo: 'Restart the broker when it suits.',
  },
  warning: {
    means:
      'Something works and will surprise, such as a certificate that ends soon. At the start, after a reload, once a day.',
    fields: { what: 'listener, `storage`, `configuration` or `service manager`', detail: 'what exactly' },
    todo: 'See `detail`.',
  },
  'signal-ignored': {
    means: 'The process got a signal that has no meaning for it.',
    fields: { signal: 'the signal' },
    todo: 'Correct the script that sent it. SIGHUP reloads; SIGUSR1 opens the log file again, if there is one.',
  },
  'permissions-renewed': {
    means: 'Connected clients were authorized again, because the rules have changed.',
    fields: { clients: 'number of clients', failed: 'number of those that keep their previous permissions' },
    todo: 'If `failed` is not 0: see `permissions-kept`.',
  },
  'permissions-kept': {
    means: 'A client could not be authorized again and keeps its permissions.',
    fields: { clientId, detail: 'why' },
    todo: 'Look at the service that decides, then reload.',
  },
  fatal: {
    means:
      'The broker cannot go on and ends with status 70, or 1 if it was the configuration. Nothing acknowledged is lost.',
    fields: { error: 'in the log `err`: type, message and stack' },
    todo: 'Page someone. The message names the cause; report a bug with the stack.',
  },
};

/** Lines about the log itself, and of the command. They are no events of the port of telemetry. */
export const OWN_LINES: readonly (readonly [event: string, level: string, means: string, todo: string])[] = [
  ['started', 'info', 'The ready line of `hexmq start`, on standard output, where that is JSON: `version`.', ''],
  [
    'log-lines-dropped',
    'warn',
    'Lines are missing here: their `count`, and as `cause` the code of the error, if writing failed.',
    'Make room on the disk, or read the log faster.',
  ],
  [
    'log-failing',
    'error',
    'On standard error: `logging.file` cannot be written; up to 4 MiB of lines wait.',
    'Make room on the disk.',
  ],
  ['log-reopened', 'info', 'The first line of `logging.file` after SIGUSR1.', ''],
  [
    'log-reopen-failed',
    'error',
    'In the previous file and on standard error: `logging.file` cannot be opened again.',
    'Correct the directory or its permissions, and send SIGUSR1 again.',
  ],
];
