// The WebSocket step of a connection: which HTTP requests are upgraded, and how the others are answered. A connection
// may send one request, of bounded size, within the time of its handshake.
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
  /** Proxies whose X-Forwarded-For is used. */
  readonly forwardedFor: TrustedProxies | undefined;
}

/** Takes over the WebSocket; it must complete the handshake. */
export type WebSocketHandler = (websocket: WebSocket, socket: Socket, handshake: Handshake) => void;

/** In order of preference. The second is used by clients of MQTT 3.1. */
const SUBPROTOCOLS = ['mqtt', 'mqttv3.1'];
/** RFC 6455, section 5.5. */
const CONTROL_BYTES_MAX = 125;
const HEADER_BYTES_MAX = 8 * 1024;
/** Time for a peer to end the connection after the closing handshake. */
const CLOSE_TIMEOUT_MS = 5000;

const handshakeOf = Symbol('handshake');
type UpgradingSocket = Socket & { [handshakeOf]?: Handshake };

export class WebSocketUpgrade {
  readonly #options: UpgradeOptions;
  readonly #http: Server;
  readonly #websockets: WebSocketServer;
  readonly #onWebSocket: WebSocketHandler;

  constructor(options: UpgradeOptions, onWebSocket: WebSocketHandler) {
    this.#options = options;
    this.#onWebSocket = onWebSocket;
    // `closeTimeout` is missing in the library's types.
    const settings: ServerOptions & { readonly closeTimeout: number } = {
      noServer: true,
      clientTracking: false,
      // Compression would let a peer decide how much memory and time each message costs.
      perMessageDeflate: false,
      // It gets control frames only.
      maxPayload: CONTROL_BYTES_MAX,
      closeTimeout: CLOSE_TIMEOUT_MS,
      // The channel answers pings, and checks whether the peer reads the answers.
      autoPong: false,
      // Text frames are refused anyway.
      skipUTF8Validation: true,
      handleProtocols: (offered) => SUBPROTOCOLS.find((protocol) => offered.has(protocol)) ?? false,
    };
    this.#websockets = new WebSocketServer(settings);
    this.#websockets.on('wsClientError', (error, socket) => {
      refuse(socket as Socket, 400, `the request is not a valid WebSocket upgrade: ${error.message}`);
    });
    // No timeouts of its own: the handshake's applies.
    this.#http = createServer({ maxHeaderSize: HEADER_BYTES_MAX, headersTimeout: 0, requestTimeout: 0 });
    this.#http.on('upgrade', (request, socket, head) => {
      this.#upgrade(request, socket as Socket, head);
    });
    this.#http.on('request', ({ socket }: IncomingMessage) => {
      refuse(socket, 426, 'the request is not a WebSocket upgrade', 'Upgrade: websocket');
    });
    this.#http.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      if (error.code === 'HPE_HEADER_OVERFLOW')
        refuse(socket as Socket, 431, `the headers exceed ${HEADER_BYTES_MAX} bytes`);
      else refuse(socket as Socket, 400, `the request is not HTTP: ${error.message}`);
    });
  }

  start(socket: Socket, handshake: Handshake): void {
    handshake.step = 'websocket';
    (socket as UpgradingSocket)[handshakeOf] = handshake;
    this.#http.emit('connection', socket);
    // An earlier step may have paused it.
    socket.resume();
  }

  #upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    const handshake = (socket as UpgradingSocket)[handshakeOf];
    if (handshake === undefined || handshake.isSettled) return;
    const { path, forwardedFor } = this.#options;
    if (request.url?.split('?')[0] !== path) {
      refuse(socket, 404, 'the path of the request is not the path of MQTT');
      return;
    }
    // [MQTT-6.0.0-3]: a client must offer `mqtt`; without an offer the server cannot select one [MQTT-6.0.0-4].
    if (!offers(request.headers['sec-websocket-protocol'])) {
      refuse(socket, 400, `the request offers no MQTT subprotocol, expected ${SUBPROTOCOLS.join(' or ')}`);
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
    this.#websockets.handleUpgrade(request, socket, head, (websocket) => {
      delete (socket as UpgradingSocket)[handshakeOf];
      this.#onWebSocket(websocket, socket, handshake);
    });
  }
}

function offers(header: string | undefined): boolean {
  return header?.split(',').some((protocol) => SUBPROTOCOLS.includes(protocol.trim())) ?? false;
}

/** Answers with the reason and ends the connection; the peer may take as long to close as the handshake has left. */
function refuse(socket: UpgradingSocket, status: number, detail: string, ...headers: readonly string[]): void {
  const handshake = socket[handshakeOf];
  if (handshake === undefined) {
    socket.destroy();
    return;
  }
  // The peer may send further requests after a refusal.
  if (socket.writableEnded) return;
  handshake.failAfterReply(detail);
  socket.on('error', () => undefined);
  const body = `${detail}\n`;
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    ...headers,
    'Connection: close',
    'Content-Type: text/plain; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
  ];
  socket.end(`${lines.join('\r\n')}\r\n\r\n${body}`);
  socket.resume();
}
