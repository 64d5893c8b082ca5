// The listening socket: on a port of every address that a host has, or on a path of the file system. It sets the
// options of accepted sockets and turns the operating system's errors into advice. Limits on connections are the
// broker's.
import { chmodSync, existsSync, unlinkSync } from 'node:fs';
import { lookup } from 'node:dns/promises';
import { createServer, isIP } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { dirname } from 'node:path';
import { formatAddress, NetworkError } from 'hexmq/ports';
import { isStaleSocket } from './stale-socket.js';

export interface HostAndPort {
  readonly host: string;
  /** 0 to 65,535; 0 lets the operating system choose a free port. */
  readonly port: number;
}

export interface UnixSocketPath {
  readonly path: string;
  /** Permissions of the socket file in octal (`0660`), which decide who may connect. Default: by the umask. */
  readonly mode?: string | undefined;
}

export type ListenAddress = HostAndPort | UnixSocketPath;

/** Size of Node's buffers for each socket, per direction. A write that leaves more than this queued returns false. */
export const HIGH_WATER_MARK = 64 * 1024;
/** Enough for the connections that arrive during one turn of the event loop when all clients reconnect at once. */
const DEFAULT_BACKLOG = 4096;
/** Detects vanished peers that have disabled MQTT keep-alive. Long, because each probe costs for every idle client. */
const TCP_KEEP_ALIVE_MS = 300_000;

const SOCKET_OPTIONS = {
  // A peer that half-closes still receives what was written; the channel then ends its own side.
  allowHalfOpen: true,
  noDelay: true,
  keepAlive: true,
  keepAliveInitialDelay: TCP_KEEP_ALIVE_MS,
  highWaterMark: HIGH_WATER_MARK,
} as const;

/** @returns the addresses of a host name; of an address, itself. */
export type ResolveHost = (host: string) => Promise<readonly string[]>;

/** Errors of an address whose family the machine does not have: `localhost` may stand for `::1` all the same. */
const FAMILY_MISSING = new Set(['EADDRNOTAVAIL', 'EAFNOSUPPORT']);

export class ServerSocket {
  readonly #servers: Server[] = [];

  constructor(
    readonly listenAddress: ListenAddress,
    readonly backlog = DEFAULT_BACKLOG,
    readonly resolveHost: ResolveHost = addressesOf,
  ) {}

  /**
   * Starts listening.
   * @returns the address for humans: `127.0.0.1:1883`, all of them with commas if the host has several, or the path.
   * @throws NetworkError naming the address and what to do.
   */
  async open(onSocket: (socket: Socket) => void): Promise<string> {
    const { listenAddress } = this;
    if ('port' in listenAddress) return this.#openPort(listenAddress, onSocket);
    try {
      await this.#listen(listenAddress, onSocket);
    } catch (error) {
      if (!(await isStaleSocket(causeOf(error), listenAddress.path))) throw error;
      unlinkSync(listenAddress.path);
      await this.#listen(listenAddress, onSocket);
    }
    if (listenAddress.mode !== undefined) chmodSync(listenAddress.path, parseInt(listenAddress.mode, 8));
    return listenAddress.path;
  }

  close(): void {
    // Not awaited: the address is free as soon as `close` returns, while its callback waits for all open connections.
    for (const server of this.#servers.splice(0)) server.close();
  }

  /** All addresses get the same port, also where the operating system chooses it. */
  async #openPort({ host, port }: HostAndPort, onSocket: (socket: Socket) => void): Promise<string> {
    const opened: AddressInfo[] = [];
    let failure: unknown;
    for (const address of await this.#addressesOf({ host, port }))
      try {
        const at = { host: address, port: opened[0]?.port ?? port };
        opened.push((await this.#listen(at, onSocket)) as AddressInfo);
      } catch (error) {
        failure ??= error;
        if (isFamilyMissing(error)) continue;
        this.close();
        throw error;
      }
    if (opened.length === 0) throw failure;
    return opened.map(({ address, port: actual }) => formatAddress(address, actual)).join(', ');
  }

  async #addressesOf(asked: HostAndPort): Promise<readonly string[]> {
    try {
      return await this.resolveHost(asked.host);
    } catch (error) {
      throw new NetworkError(explainPortError(error as NodeJS.ErrnoException, asked), { cause: error });
    }
  }

  #listen(listenAddress: ListenAddress, onSocket: (socket: Socket) => void): Promise<AddressInfo | string | null> {
    const server = createServer(SOCKET_OPTIONS);
    server.on('connection', onSocket);
    const { backlog } = this;
    const where =
      'port' in listenAddress ? { host: listenAddress.host, port: listenAddress.port } : { path: listenAddress.path };
    return new Promise((resolve, reject) => {
      const onError = (error: NodeJS.ErrnoException): void => {
        reject(new NetworkError(explainListenError(error, listenAddress), { cause: error }));
      };
      server.once('error', onError);
      server.listen({ ...where, backlog }, () => {
        server.off('error', onError);
        server.on('error', warnOncePerCode());
        this.#servers.push(server);
        resolve(server.address());
      });
    });
  }
}

export async function addressesOf(host: string): Promise<readonly string[]> {
  if (isIP(host) !== 0) return [host];
  const found = await lookup(host, { all: true });
  return [...new Set(found.map(({ address }) => address))];
}

/** The error of the operating system behind one of this file. */
const causeOf = (error: unknown): NodeJS.ErrnoException | undefined =>
  error instanceof NetworkError ? (error.cause as NodeJS.ErrnoException) : undefined;

const isFamilyMissing = (error: unknown): boolean => FAMILY_MISSING.has(causeOf(error)?.code ?? '');

/**
 * Warns about connections that could not be accepted, most often for lack of file descriptors. The listener continues;
 * each error code is reported once.
 */
function warnOncePerCode(): (error: NodeJS.ErrnoException) => void {
  const reported = new Set<string | undefined>();
  return (error) => {
    if (reported.has(error.code)) return;
    reported.add(error.code);
    const advice =
      error.code === 'EMFILE' || error.code === 'ENFILE' ? ': raise the limit of open files (ulimit -n)' : '';
    process.emitWarning(`a connection could not be accepted: ${error.message}${advice}`, 'HexmqNetworkWarning');
  };
}

export function explainListenError(error: NodeJS.ErrnoException, address: ListenAddress): string {
  return 'port' in address ? explainPortError(error, address) : explainPathError(error, address);
}

function explainPortError(error: NodeJS.ErrnoException, { host, port }: HostAndPort): string {
  const what = `cannot listen on ${formatAddress(host, port)}`;
  switch (error.code ?? '') {
    case 'EADDRINUSE':
      return `${what}: the port is in use; choose another (--port) or stop the other process`;
    case 'EACCES':
      return `${what}: not permitted; choose a port from 1024 up (--port), or allow the process to bind this one`;
    case 'EADDRNOTAVAIL':
      return `${what}: this machine has no such address; use one of its addresses (--host), or 0.0.0.0 for all`;
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `${what}: the host name cannot be resolved; use an address of this machine (--host)`;
    default:
      return `${what}: ${error.message}`;
  }
}

function explainPathError(error: NodeJS.ErrnoException, { path }: UnixSocketPath): string {
  const what = `cannot listen on ${path}`;
  switch (error.code ?? '') {
    case 'EADDRINUSE':
      return `${what}: the path is in use; choose another, stop the other process, or remove the file`;
    case 'EACCES':
      // libuv reports a missing directory with the same code.
      if (!existsSync(dirname(path))) return `${what}: the directory does not exist; create it first`;
      return `${what}: not permitted; choose a directory that the user who runs hexmq can write to`;
    default:
      return `${what}: ${error.message}`;
  }
}
