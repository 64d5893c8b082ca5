// From HTTP to WebSocket: which requests become one, and what the others are answered. Of HTTP a connection gets one request, of bounded size, in the
// time of its handshake.
import { createServer, STATUS_CODES } from 'node:http';
import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import { WebSocketServer } from 'ws';
import type { ServerOptions, WebSocket } from 'ws';
import type { PeerInfo } from 'hexmq/ports';
import type { Handshake } from '../sockets/pending-handshakes.js';
import type { TrustedProxies } from '../sockets/trusted-proxies.js';
import { forwardedClient } from './forwarded-client.js';

export interface UpgradeOptions {
  readonly path: string;
  /** Proxies whose X-Forwarded-For is taken. */
  readonly forwardedFor: TrustedProxies | undefined;
  /** Of a message that a known client sends in one piece; it may hold many packets. */
  readonly maxMessageBytes: () => number;
}

/** The handshake is for the caller to end. */
export type WebSocketHandler = (websocket: WebSocket, socket: Socket, handshake: Handshake) => void;

/** In the order of preference. The second is that of MQTT 3.1. */
const SUBPROTOCOLS = ['mqtt', 'mqttv3.1'];
const HEADER_BYTES_MAX = 8 * 1024;
/** Fragments of one message, each of which costs room besides its bytes. */
const FRAGMENTS_MAX = 4096;
/** A peer that has closed gets this long to end its connection. */
const CLOSE_TIMEOUT_MS = 5000;

const handshakeOf = Symbol('handshake');
type UpgradingSocket = Socket & { [handshakeOf]?: Handshake };

export class WebSocketUpgrade {
  readonly #options: UpgradeOptions;
  readonly #http: Server;
  readonly #websockets: WebSocketServer;
  readonly #upgraded: WebSocketHandler;

  constructor(options: UpgradeOptions, upgraded: WebSocketHandler) {
    this.#options = options;
    this.#upgraded = upgraded;
    // The types lag behind the library.
    const settings: ServerOptions & { readonly closeTimeout: number } = {
      noServer: true,
      clientTracking: false,
      // Every message would cost memory and time that a peer decides on.
      perMessageDeflate: false,
      maxFragments: FRAGMENTS_MAX,
      closeTimeout: CLOSE_TIMEOUT_MS,
      // The channel answers, and looks whether the answers are read.
      autoPong: false,
      // Text is not taken anyway.
      skipUTF8Validation: true,
      handleProtocols: (offered) => SUBPROTOCOLS.find((protocol) => offered.has(protocol)) ?? false,
    };
    this.#websockets = new WebSocketServer(settings);
    this.#websockets.on('wsClientError', (error, socket) => {
      refuse(socket as Socket, 400, `the request asks for no WebSocket that can be served: ${error.message}`);
    });
    // The time is that of the handshake.
    this.#http = createServer({ maxHeaderSize: HEADER_BYTES_MAX, headersTimeout: 0, requestTimeout: 0 });
    this.#http.on('upgrade', (request, socket, head) => {
      this.#upgrade(request, socket as Socket, head);
    });
    this.#http.on('request', ({ socket }: IncomingMessage) => {
      refuse(socket, 426, 'the request asks for no upgrade to a WebSocket', 'Upgrade: websocket\r\n');
    });
    this.#http.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      if (error.code === 'HPE_HEADER_OVERFLOW')
        refuse(socket as Socket, 431, `the headers are longer than ${HEADER_BYTES_MAX} bytes`);
      else refuse(socket as Socket, 400, `the request is not HTTP: ${error.message}`);
    });
  }

  begin(socket: Socket, handshake: Handshake): void {
    handshake.step = 'websocket';
    (socket as UpgradingSocket)[handshakeOf] = handshake;
    this.#http.emit('connection', socket);
    // It may have been paused while something before HTTP was read.
    socket.resume();
  }

  #upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    const handshake = (socket as UpgradingSocket)[handshakeOf];
    if (handshake === undefined || handshake.isOver) return;
    const { path, forwardedFor } = this.#options;
    if (request.url?.split('?')[0] !== path) {
      refuse(socket, 404, 'the request is for another path than that of MQTT');
      return;
    }
    // [MQTT-6.0.0-3]: whoever offers none does not speak MQTT, and we could not select one [MQTT-6.0.0-4].
    if (!offers(request.headers['sec-websocket-protocol'])) {
      refuse(socket, 400, `the request offers no subprotocol of MQTT, expected ${SUBPROTOCOLS.join(' or ')}`);
      return;
    }
    if (forwardedFor !== undefined) {
      let client: PeerInfo;
      try {
        const header = request.headers['x-forwarded-for'];
        client = forwardedClient(handshake.peer, Array.isArray(header) ? header.join(',') : header, forwardedFor);
      } catch (error) {
        refuse(socket, 400, (error as Error).message);
        return;
      }
      if (client !== handshake.peer && !handshake.setClientAddress(client)) return;
    }
    // Read for each connection, because a reload may have changed it.
    this.#websockets.options.maxPayload = this.#options.maxMessageBytes();
    this.#websockets.handleUpgrade(request, socket, head, (websocket) => {
      delete (socket as UpgradingSocket)[handshakeOf];
      this.#upgraded(websocket, socket, handshake);
    });
  }
}

function offers(header: string | undefined): boolean {
  return header?.split(',').some((protocol) => SUBPROTOCOLS.includes(protocol.trim())) ?? false;
}

/** Answers with the reason and ends; the peer's answer to that is waited for as long as the handshake may take. */
function refuse(socket: UpgradingSocket, status: number, detail: string, headers = ''): void {
  const handshake = socket[handshakeOf];
  if (handshake === undefined) {
    socket.destroy();
    return;
  }
  // It may go on asking.
  if (socket.writableEnded) return;
  handshake.failAfterReply(detail);
  socket.on('error', () => undefined);
  const body = `${detail}\n`;
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${headers}Connection: close\r\nContent-Type: text/plain; charset=utf-8\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
  socket.resume();
}
