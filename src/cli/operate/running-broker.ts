// The broker that runs, as a command sees it: found by the same flags as `start` has, and called by the operations of
// the administration, whose types come from its table.
import { existsSync } from 'node:fs';
import { userInfo } from 'node:os';
import type { Command } from 'commander';
import type { AnswerOf, ItemOf, OperationName, PagedOperation, RequestOf } from '../../administration/operations.js';
import type { StreamName, StreamRequestOf } from '../../administration/streams.js';
import { ADAPTER_TOOLS } from '../../composition/adapter-table.js';
import { adminSocketOf, besidePidFile } from '../../composition/admin-socket.js';
import { NetworkError, UNIX_PATH_BYTES_MAX } from '../../ports/index.js';
import { loadConfig } from '../load-config.js';
import { pidFileOf, readPidFile } from '../pid-file.js';
import type { ProcessHost } from '../process-host.js';

/** Of a page, in items: a list that is read to its end needs few requests. */
const PAGE = 500;

export interface BrokerFlags {
  readonly config?: string;
  readonly storage?: string;
  readonly data?: string;
  readonly pidFile?: string;
  readonly socket?: string;
}

export const addBrokerFlags = (command: Command): Command =>
  command
    .option('-c, --config <file>', 'configuration that the broker was started with; also HEXMQ_CONFIG')
    .option('--data <directory>', 'data directory of the broker; also HEXMQ_DATA')
    .option('--pid-file <file>', 'the PID file of a broker that stores elsewhere; also HEXMQ_PID_FILE')
    .option('--socket <path>', 'the Unix socket of the administration, in place of these');

export interface RunningBroker {
  call<Name extends OperationName>(operation: Name, request: RequestOf<Name>): Promise<AnswerOf<Name>>;
  /** The text of a backup, which may be cut off: its last line says whether it is complete. */
  backup(): Promise<AsyncIterable<Uint8Array>>;
  /** All items, page by page. */
  all<Name extends PagedOperation>(operation: Name, request: RequestOf<Name>): AsyncGenerator<ItemOf<Name>>;
  /** Records as they come, until the broker ends the stream. */
  open<Name extends StreamName>(stream: Name, request: StreamRequestOf<Name>): AsyncGenerator<object>;
}

/**
 * @throws ConfigError if the configuration is wrong, FileError if the PID file is, NetworkError if they name no socket,
 * or that of another broker.
 */
export async function runningBroker(flags: BrokerFlags, host: ProcessHost): Promise<RunningBroker> {
  const { connectTo } = await ADAPTER_TOOLS.adminClient();
  const { path, ofPidFile } = socketOf(flags, host);
  const client = connectTo(path, userName());
  const call: RunningBroker['call'] = (operation, request) =>
    client.call(operation, request) as Promise<AnswerOf<typeof operation>>;
  if (ofPidFile !== undefined) await requireSame(ofPidFile, path, call);
  return {
    call,
    open: (stream, request) => client.open(stream, request),
    backup: () => client.backup(),
    async *all<Name extends PagedOperation>(operation: Name, request: RequestOf<Name>): AsyncGenerator<ItemOf<Name>> {
      let cursor: string | undefined;
      do {
        const page = (await call(operation, {
          limit: PAGE,
          ...request,
          ...(cursor === undefined ? {} : { cursor }),
        })) as { readonly items: ItemOf<Name>[]; readonly cursor?: string };
        yield* page.items;
        cursor = page.cursor;
      } while (cursor !== undefined);
    },
  };
}

interface FoundSocket {
  readonly path: string;
  /** The PID file of the broker, if nothing but the default has named the socket. */
  readonly ofPidFile?: string | undefined;
}

/** The broker in the default directory need not be the one that wrote the PID file. */
async function requireSame(pidFile: string, socket: string, call: RunningBroker['call']): Promise<void> {
  const { pid } = readPidFile(pidFile);
  const { pid: answering } = await call('status', {});
  if (answering === pid) return;
  throw new NetworkError(
    `${pidFile} is that of process ${pid}, which has no socket at ${besidePidFile(pidFile)}; the broker at ${socket} ` +
      `is process ${answering}: give --config or --data as the broker was started with them`,
  );
}

function socketOf(flags: BrokerFlags, host: ProcessHost): FoundSocket {
  const found = flags.socket === undefined ? foundSocket(flags, host) : { path: flags.socket };
  const { path } = found;
  const bytes = Buffer.byteLength(path);
  if (bytes > UNIX_PATH_BYTES_MAX)
    throw new NetworkError(
      `the path of the broker's socket has ${bytes} bytes, and a Unix socket takes ${UNIX_PATH_BYTES_MAX}: ${path}; ` +
        'start the broker with a shorter admin.socket in its configuration',
    );
  return found;
}

function foundSocket(flags: BrokerFlags, host: ProcessHost): FoundSocket {
  const { config: file, storage, data } = flags;
  const { environment } = host;
  const { config } = loadConfig(
    {
      ...(file === undefined ? {} : { config: file }),
      ...(storage === undefined ? {} : { storage }),
      ...(data === undefined ? {} : { data }),
    },
    environment,
  );
  const pidFile = pidFileOf(flags, host);
  // Its name alone does not tell where the broker stores.
  if (pidFile !== undefined && file === undefined && data === undefined && existsSync(besidePidFile(pidFile)))
    return { path: besidePidFile(pidFile) };
  const found = adminSocketOf(config, pidFile);
  const isNamed = [file, data, environment['HEXMQ_CONFIG'], environment['HEXMQ_DATA']].some((one) => one !== undefined);
  if (found !== undefined) return { path: found.path, ofPidFile: isNamed ? undefined : pidFile };
  throw new NetworkError(
    config.admin.socket === 'off'
      ? 'the configuration has admin.socket: off, so the broker has no socket: use HTTP, or configure a socket'
      : `a broker with ${config.storage.adapter} storage has its socket beside its PID file: ` +
          'give --pid-file as the broker was started with it, or configure admin.socket',
  );
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // A user id without a name, as containers have.
    return `uid-${process.getuid?.() ?? 'unknown'}`;
  }
}
