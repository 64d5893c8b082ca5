// MQTT over TCP: a listener on a host and a port. It decides how a socket is set up and what an operating system's refusal means in words;
// it knows nothing of what the bytes say, and sets no limit on how many connections there are.
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { NetworkError } from 'hexmq/ports';
import type { Channel, ChannelHandler, Listener } from 'hexmq/ports';
import { formatAddress } from './address.js';
import { HIGH_WATER_MARK, TcpChannel } from './channel.js';
import { openLoop } from './loop.js';

export interface TcpListenerOptions {
  /** Default `tcp`. */
  readonly name?: string;
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** Connections that the operating system completes before we accept them; it may allow fewer. Default 4096. */
  readonly backlog?: number;
}

/** As many as may arrive while one turn of the event loop runs, when all clients come back at once. */
const DEFAULT_BACKLOG = 4096;
/** Finds peers that vanished without a word and have MQTT's own keep-alive off. Rarely, because every idle connection pays. */
const TCP_KEEP_ALIVE_MS = 300_000;

const SOCKET_OPTIONS = {
  // A half-closed peer gets what is on its way to it: the channel ends its own side.
  allowHalfOpen: true,
  noDelay: true,
  keepAlive: true,
  keepAliveInitialDelay: TCP_KEEP_ALIVE_MS,
  highWaterMark: HIGH_WATER_MARK,
} as const;

export function createListener(options: TcpListenerOptions): Listener {
  return new TcpListener(options);
}

class TcpListener implements Listener {
  readonly name: string;
  readonly #options: TcpListenerOptions;
  #server: Server | undefined;

  constructor(options: TcpListenerOptions) {
    this.name = options.name ?? 'tcp';
    this.#options = options;
  }

  listen(accept: (channel: Channel) => ChannelHandler): Promise<string> {
    const { host, port, backlog = DEFAULT_BACKLOG } = this.#options;
    const server = createServer(SOCKET_OPTIONS);
    server.on('connection', (socket: Socket) => {
      const channel = new TcpChannel(socket);
      channel.handledBy(accept(channel));
    });
    return new Promise((resolve, reject) => {
      const refused = (error: NodeJS.ErrnoException): void => {
        reject(new NetworkError(explainListenError(error, host, port), { cause: error }));
      };
      server.once('error', refused);
      server.listen({ host, port, backlog }, () => {
        server.off('error', refused);
        server.on('error', warnOnce());
        this.#server = server;
        const bound = server.address() as AddressInfo;
        resolve(formatAddress(bound.address, bound.port));
      });
    });
  }

  loop(accept: (channel: Channel) => ChannelHandler, handler: ChannelHandler): Promise<Channel> {
    return openLoop(SOCKET_OPTIONS, accept, handler);
  }

  close(): Promise<void> {
    // The port is free as soon as `close` returns; its callback would wait for all open connections as well.
    this.#server?.close();
    this.#server = undefined;
    return Promise.resolve();
  }
}

/** A connection that could not be accepted (most often: no file descriptors left) is gone, and the listener goes on. It is said once a cause. */
function warnOnce(): (error: NodeJS.ErrnoException) => void {
  const said = new Set<string | undefined>();
  return (error) => {
    if (said.has(error.code)) return;
    said.add(error.code);
    const advice = error.code === 'EMFILE' || error.code === 'ENFILE' ? ': raise the limit of open files (ulimit -n)' : '';
    process.emitWarning(`a connection could not be accepted: ${error.message}${advice}`, 'HexmqNetworkWarning');
  };
}

function explainListenError(error: NodeJS.ErrnoException, host: string, port: number): string {
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
