// Clients for the network contract: plain sockets, TLS sockets and WebSockets. They know nothing of MQTT.
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { ConnectionOptions } from 'node:tls';
import { WebSocket } from 'ws';
import type { ClientOptions } from 'ws';
import type { NetworkPeer } from 'hexmq/testkit';

export const portOf = (address: string): number => Number(address.slice(address.lastIndexOf(':') + 1));

class SocketPeer implements NetworkPeer {
  readonly received: Uint8Array[] = [];
  readonly closed: Promise<void>;

  /** @param below the TCP socket under a TLS socket, which alone can be reset. */
  constructor(
    readonly socket: Socket,
    readonly below: Socket = socket,
  ) {
    socket.on('data', (chunk: Uint8Array) => this.received.push(chunk));
    socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => {
      socket.on('close', () => {
        resolve();
      });
    });
  }

  write(bytes: Uint8Array): void {
    this.socket.write(bytes);
  }

  end(): void {
    this.socket.end();
  }

  reset(): void {
    if (this.below.remotePort === undefined) this.below.destroy();
    else this.below.resetAndDestroy();
  }

  pauseReading(): void {
    this.socket.pause();
  }

  resumeReading(): void {
    this.socket.resume();
  }
}

class WebSocketPeer implements NetworkPeer {
  readonly received: Uint8Array[] = [];
  readonly closed: Promise<void>;

  constructor(
    readonly websocket: WebSocket,
    readonly below: Socket,
  ) {
    websocket.on('message', (data: Buffer) => this.received.push(data));
    websocket.on('error', () => undefined);
    this.closed = new Promise((resolve) => {
      websocket.on('close', () => {
        resolve();
      });
    });
  }

  write(bytes: Uint8Array): void {
    this.websocket.send(bytes);
  }

  end(): void {
    this.websocket.close();
  }

  reset(): void {
    this.below.resetAndDestroy();
  }

  pauseReading(): void {
    this.websocket.pause();
  }

  resumeReading(): void {
    this.websocket.resume();
  }
}

function connected(socket: Socket, event: string): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    socket.once(event, resolve);
    socket.once('error', reject);
  });
}

export async function connectSocket(where: { host: string; port: number } | { path: string }): Promise<NetworkPeer> {
  const socket = connect(where);
  await connected(socket, 'connect');
  return new SocketPeer(socket);
}

export async function connectTlsSocket(
  where: { host: string; port: number },
  options: ConnectionOptions,
): Promise<NetworkPeer> {
  const below = connect(where);
  below.on('error', () => undefined);
  const socket = connectTls({ socket: below, servername: 'localhost', ...options });
  await Promise.race([connected(socket, 'secureConnect'), connected(below, 'never')]);
  return new SocketPeer(socket, below);
}

export async function connectWebSocket(
  url: string,
  { tls, ...options }: ClientOptions & { readonly tls?: ConnectionOptions } = {},
): Promise<NetworkPeer> {
  const { hostname, port } = new URL(url);
  const below = connect({ host: hostname, port: Number(port) });
  below.on('error', () => undefined);
  const createConnection = (): Socket =>
    tls === undefined ? below : connectTls({ socket: below, servername: 'localhost', ...tls });
  const websocket = new WebSocket(url, 'mqtt', { perMessageDeflate: false, createConnection, ...options });
  await new Promise<void>((resolve, reject) => {
    websocket.once('open', resolve);
    websocket.once('error', reject);
    below.once('error', reject);
  });
  return new WebSocketPeer(websocket, below);
}
