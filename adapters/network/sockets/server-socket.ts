// Where connections come in: a server on an address and a port, or on a path. It decides how a socket is set up and what an operating system's
// refusal means in words; it sets no limit on how many connections there are.
import { chmodSync, lstatSync, unlinkSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { NetworkError } from 'hexmq/ports';
import { formatAddress } from './address.js';

export interface HostAndPort {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
}

export interface UnixPath {
  readonly path: string;
  /** Of the file, in octal: who may connect. Default: as the umask has it. */
  readonly mode?: string | undefined;
}

export type ListenAddress = HostAndPort | UnixPath;

/** Of the socket's own buffers, each way. Below it a write counts as taken. */
export const HIGH_WATER_MARK = 64 * 1024;
/** As many as may arrive while one turn of the event loop runs, when all clients come back at once. */
const DEFAULT_BACKLOG = 4096;
/** Finds peers that vanished without a word and have MQTT's own keep-alive off. Rarely, because every idle connection pays. */
const TCP_KEEP_ALIVE_MS = 300_000;

export const SOCKET_OPTIONS = {
  // A half-closed peer gets what is on its way to it: the channel ends its own side.
  allowHalfOpen: true,
  noDelay: true,
  keepAlive: true,
  keepAliveInitialDelay: TCP_KEEP_ALIVE_MS,
  highWaterMark: HIGH_WATER_MARK,
} as const;

export class ServerSocket {
  #server: Server | undefined;

  constructor(
    readonly place: ListenAddress,
    readonly backlog = DEFAULT_BACKLOG,
  ) {}

  /** @throws NetworkError */
  async open(entered: (socket: Socket) => void): Promise<string> {
    const { place } = this;
    if ('port' in place) {
      const { address, port } = (await this.#listen(entered)) as AddressInfo;
      return formatAddress(address, port);
    }
    try {
      await this.#listen(entered);
    } catch (error) {
      if (!(await isStaleSocket(error, place.path))) throw error;
      unlinkSync(place.path);
      await this.#listen(entered);
    }
    if (place.mode !== undefined) chmodSync(place.path, parseInt(place.mode, 8));
    return place.path;
  }

  close(): void {
    // The address is free as soon as `close` returns; its callback would wait for all open connections as well.
    this.#server?.close();
    this.#server = undefined;
  }

  #listen(entered: (socket: Socket) => void): Promise<AddressInfo | string | null> {
    const server = createServer(SOCKET_OPTIONS);
    server.on('connection', entered);
    const { place, backlog } = this;
    const where = 'port' in place ? { host: place.host, port: place.port } : { path: place.path };
    return new Promise((resolve, reject) => {
      const refused = (error: NodeJS.ErrnoException): void => {
        reject(new NetworkError(explainListenError(error, place), { cause: error }));
      };
      server.once('error', refused);
      server.listen({ ...where, backlog }, () => {
        server.off('error', refused);
        server.on('error', warnOnce());
        this.#server = server;
        resolve(server.address());
      });
    });
  }
}

/** A socket on which nobody listens any more: that of a process that died. */
async function isStaleSocket(error: unknown, path: string): Promise<boolean> {
  const cause = error instanceof NetworkError ? (error.cause as NodeJS.ErrnoException) : undefined;
  if (cause?.code !== 'EADDRINUSE' || lstatSync(path, { throwIfNoEntry: false })?.isSocket() !== true) return false;
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.on('connect', () => {
      socket.destroy();
      resolve(false);
    });
    socket.on('error', ({ code }: NodeJS.ErrnoException) => {
      resolve(code === 'ECONNREFUSED');
    });
  });
}

/** A connection that could not be accepted (most often: no file descriptors left) is gone, and the listener goes on. It is said once a cause. */
function warnOnce(): (error: NodeJS.ErrnoException) => void {
  const said = new Set<string | undefined>();
  return (error) => {
    if (said.has(error.code)) return;
    said.add(error.code);
    const advice =
      error.code === 'EMFILE' || error.code === 'ENFILE' ? ': raise the limit of open files (ulimit -n)' : '';
    process.emitWarning(`a connection could not be accepted: ${error.message}${advice}`, 'HexmqNetworkWarning');
  };
}

function explainListenError(error: NodeJS.ErrnoException, place: ListenAddress): string {
  return 'port' in place ? explainOnPort(error, place) : explainOnPath(error, place);
}

function explainOnPort(error: NodeJS.ErrnoException, { host, port }: HostAndPort): string {
  const what = `cannot listen on ${formatAddress(host, port)}`;
  switch (error.code ?? '') {
    case 'EADDRINUSE':
      return `${what}: the port is in use; choose another (--port) or stop the other process`;
    case 'EACCES':
      return `${what}: not permitted; choose a port from 1024 up (--port), or give the process the right to bind this one`;
    case 'EADDRNOTAVAIL':
      return `${what}: this machine has no such address; use one of its own (--host), or 0.0.0.0 for all`;
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `${what}: the host name cannot be resolved; use an address of this machine (--host)`;
    default:
      return `${what}: ${error.message}`;
  }
}

function explainOnPath(error: NodeJS.ErrnoException, { path }: UnixPath): string {
  const what = `cannot listen on ${path}`;
  switch (error.code ?? '') {
    case 'EADDRINUSE':
      return `${what}: the path is in use; choose another, or stop the other process or remove the file`;
    case 'EACCES':
      return `${what}: not permitted; choose a directory that the user who runs hexmq may write to`;
    case 'ENOENT':
      return `${what}: there is no such directory; make it first`;
    default:
      return `${what}: ${error.message}`;
  }
}
