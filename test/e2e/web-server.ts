// A web server on a loopback address that answers as the test defines, and records its requests.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface WebRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export type WebAnswer = (response: ServerResponse, request: WebRequest) => void;

export class WebServer {
  readonly requests: WebRequest[] = [];
  /** Connections opened so far. */
  connections = 0;
  answer: WebAnswer = (response) => void response.writeHead(204).end();
  readonly #server = createServer((incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      const { method = '', url: path = '', headers } = incoming;
      const request = { method, path, headers, body: Buffer.concat(chunks).toString('utf8') };
      this.requests.push(request);
      this.#arrived?.();
      this.answer(response, request);
    });
  });
  #port = 0;
  #arrived: (() => void) | undefined;

  constructor() {
    this.#server.on('connection', () => this.connections++);
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Listens again on the same address after a close. */
  async listen(): Promise<this> {
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
    return this;
  }

  /** Resolves when that many requests have arrived. */
  async asked(count: number): Promise<void> {
    while (this.requests.length < count) await new Promise<void>((resolve) => (this.#arrived = resolve));
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

export const json =
  (body: unknown, status = 200): WebAnswer =>
  (response) =>
    void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));

export const status =
  (code: number, headers: Readonly<Record<string, string>> = {}): WebAnswer =>
  (response) =>
    void response.writeHead(code, headers).end();
