// Listens on a TCP port: the place of a transport of your own.
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { ContainerModule, definePlugin } from 'hexmq/plugin';
import { formatAddress, Listener, NetworkError, OptionReader } from 'hexmq/ports';
import type { Channel, ChannelHandler, ConnectionHandler, PeerInfo } from 'hexmq/ports';

interface Options {
  readonly host: string;
  readonly port: number;
}

/** Time for a peer that has ended its side to read what is still on the way to it. */
const PEER_ENDED_GRACE_MS = 5000;

export class SocketListener implements Listener {
  readonly name = 'example-plugin';
  #server: Server | undefined;

  constructor(private readonly options: Options) {}

  listen(onConnection: ConnectionHandler): Promise<string> {
    const { host, port } = this.options;
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => accept(socket, onConnection));
    return new Promise((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => {
        const why = error.code === 'EADDRINUSE' ? 'the port is in use; choose another one' : error.message;
        reject(new NetworkError(`cannot listen on ${formatAddress(host, port)}: ${why}`, { cause: error }));
      });
      server.listen({ host, port }, () => {
        this.#server = server;
        const address = server.address() as AddressInfo;
        resolve(formatAddress(address.address, address.port));
      });
    });
  }

  /** Open connections stay: the broker ends them. */
  async close(): Promise<void> {
    this.#server?.close();
    this.#server = undefined;
  }
}

function accept(socket: Socket, onConnection: ConnectionHandler): void {
  socket.on('error', () => undefined);
  const { remoteAddress = 'unknown', remotePort = 0 } = socket;
  const peer = { remoteAddress: formatAddress(remoteAddress, remotePort), ipAddress: remoteAddress };
  const connection = onConnection(peer);
  if (connection === undefined) {
    socket.destroy();
    return;
  }
  // A handshake of your transport comes here; if it fails, call connection.abort().
  const channel = new SocketChannel(socket, peer);
  channel.start(connection.accept(channel));
}

class SocketChannel implements Channel {
  #isClosing = false;
  #error: Error | undefined;
  #grace: NodeJS.Timeout | undefined;

  constructor(
    private readonly socket: Socket,
    readonly peer: PeerInfo,
  ) {}

  /** Grows with each write that has left. A transport that sends large writes in pieces counts the pieces. */
  get sentBytes(): number {
    return this.socket.bytesWritten - this.socket.writableLength;
  }

  get unreadBytes(): number {
    return this.socket.readableLength;
  }

  start(handler: ChannelHandler): void {
    const { socket } = this;
    socket.on('error', (error) => {
      this.#error = error;
    });
    socket.on('close', () => {
      clearTimeout(this.#grace);
      handler.closed(this.#error);
    });
    socket.on('end', () => this.close(PEER_ENDED_GRACE_MS));
    socket.on('drain', () => {
      if (!this.#isClosing) handler.drained();
    });
    socket.on('data', (chunk: Uint8Array) => {
      if (!this.#isClosing) handler.data(chunk);
    });
  }

  write(bytes: Uint8Array): boolean {
    return this.#isClosing || this.socket.destroyed ? true : this.socket.write(bytes);
  }

  pause(): void {
    if (!this.#isClosing) this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  close(graceMs: number): void {
    const { socket } = this;
    if (graceMs <= 0) {
      this.#isClosing = true;
      socket.destroy();
      return;
    }
    if (this.#isClosing || socket.destroyed) return;
    this.#isClosing = true;
    socket.end();
    // Reads and discards what still arrives: closing a socket with unread data resets it.
    socket.resume();
    this.#grace = setTimeout(() => socket.destroy(), graceMs);
  }
}

export default definePlugin<Options>({
  name: 'example-plugin',
  version: '0.1.0',
  api: 1,
  provides: [Listener],
  options: (given) => {
    const reader = new OptionReader(given);
    return reader.readAll({
      host: () => reader.string('host', 'an address of this machine') ?? '127.0.0.1',
      port: () => reader.integer('port', { min: 0, max: 65_535, fallback: 1884 }),
    });
  },
  module: (options) =>
    new ContainerModule(({ bind }) => {
      bind(Listener).toConstantValue(new SocketListener(options));
    }),
});
