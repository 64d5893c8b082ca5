// A proxy between a storage and its server, which ends connections as the death of a process or of a network would:
// the driver and the storage know nothing of it.
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';

/** A word of the script that stores a batch, which is one request. */
const BEGIN = Buffer.from('HSETNX');
const COMMIT = BEGIN;

export class Proxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** When the next transaction is cut off. */
  #cut: 'before' | 'after' | undefined;

  private constructor(readonly target: URL) {
    this.#server = createServer((client) => {
      this.#join(client);
    });
  }

  static async before(url: string): Promise<Proxy> {
    const proxy = new Proxy(new URL(url));
    await once(proxy.#server.listen(0, '127.0.0.1'), 'listening');
    return proxy;
  }

  /** The URL of the server, by way of the proxy. */
  get url(): string {
    const url = new URL(this.target);
    url.hostname = '127.0.0.1';
    url.port = String((this.#server.address() as AddressInfo).port);
    return url.href;
  }

  /** The next transaction ends with its connection: before it has begun, or when only its answer is missing. */
  failNext(how: 'before' | 'after'): void {
    this.#cut = how;
  }

  /** Ends all connections. Others may follow. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Ends all connections, and refuses others. */
  close(): void {
    this.#server.close();
    this.cut();
  }

  #join(client: Socket): void {
    const server = connect(Number(this.target.port), this.target.hostname);
    const end = (): void => {
      client.destroy();
      server.destroy();
    };
    let isAnswerLost = false;
    for (const socket of [client, server]) {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', end).on('close', () => {
        this.#sockets.delete(socket);
        end();
      });
    }
    client.on('data', (chunk) => {
      if (this.#cut === 'before' && chunk.includes(BEGIN)) {
        this.#cut = undefined;
        end();
        return;
      }
      if (this.#cut === 'after' && chunk.includes(COMMIT)) {
        this.#cut = undefined;
        isAnswerLost = true;
      }
      server.write(chunk);
    });
    server.on('data', (chunk) => {
      if (isAnswerLost) end();
      else client.write(chunk);
    });
  }
}
