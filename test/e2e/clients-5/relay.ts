// Stands between a client and the broker, over TCP or WebSocket, and decodes what passes: it shows what a client does
// not report, loses a connection for a client that cannot do so by itself, and keeps connections in their order: one
// that a client has closed has ended for the broker as well before the next one begins.
import { createServer, connect as connectSocket } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import type { Duplex } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { parser } from 'mqtt-packet';
import type { Packet } from 'mqtt-packet';
import { createWebSocketStream, WebSocket, WebSocketServer } from 'ws';

/** Publishing to this topic loses the connection; the message does not reach the broker. */
const CUT = 'relay/cut';

export interface RelayedPacket {
  readonly clientId: string;
  readonly from: 'client' | 'broker';
  readonly packet: Packet;
}

type Join = (client: Duplex, reachBroker: () => Duplex) => void;

export class Relay {
  readonly packets: RelayedPacket[] = [];
  readonly #server: Server | WebSocketServer;
  /** Connections that the client has closed, until the broker has closed them too. */
  readonly #ending = new Set<Promise<void>>();

  private constructor(server: (join: Join) => Server | WebSocketServer) {
    this.#server = server((client, reachBroker) => void this.#join(client, reachBroker));
  }

  /** Listens on a free port, for a broker's address such as `127.0.0.1:49152`. */
  static async to(type: 'tcp' | 'ws', broker: string): Promise<Relay> {
    const relay = new Relay((join) => (type === 'tcp' ? tcpServer(broker, join) : webSocketServer(broker, join)));
    await new Promise<void>((listening) => relay.#server.once('listening', listening));
    return relay;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  close(): void {
    this.#server.close();
  }

  async #join(client: Duplex, reachBroker: () => Duplex): Promise<void> {
    client.on('error', () => undefined);
    // The end of an earlier connection has arrived, but may not have been read.
    await nextTurn();
    await nextTurn();
    await Promise.all(this.#ending);
    const broker = reachBroker();
    const cut = (): void => {
      client.destroy();
      broker.destroy();
    };
    const ended = new Promise<void>((resolve) => broker.on('close', resolve));
    client.once('end', () => {
      this.#ending.add(ended);
      void ended.then(() => this.#ending.delete(ended));
    });
    const of = { clientId: '' };
    this.#pass('client', client, broker, of, cut);
    this.#pass('broker', broker, client, of, cut);
  }

  #pass(from: RelayedPacket['from'], source: Duplex, target: Duplex, of: { clientId: string }, cut: () => void): void {
    let isCut = false;
    const decoder = parser({ protocolVersion: 5 }).on('packet', (packet: Packet) => {
      if (packet.cmd === 'connect') of.clientId = packet.clientId;
      isCut ||= packet.cmd === 'publish' && packet.topic === CUT;
      this.packets.push({ clientId: of.clientId, from, packet });
    });
    source.on('data', (chunk: Buffer) => {
      decoder.parse(chunk);
      if (isCut) cut();
      else target.write(chunk);
    });
    // Not `cut`: what was written before arrives.
    const end = (): void => void target.end();
    source.on('end', end).on('close', end).on('error', cut);
  }
}

function tcpServer(broker: string, join: Join): Server {
  const [host = '', port = ''] = broker.split(':');
  return createServer((client) => {
    join(client, () => connectSocket(Number(port), host));
  }).listen(0, '127.0.0.1');
}

function webSocketServer(broker: string, join: Join): WebSocketServer {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, handleProtocols: () => 'mqtt' });
  return server.on('connection', (client) => {
    join(createWebSocketStream(client), () => createWebSocketStream(new WebSocket(`ws://${broker}/mqtt`, 'mqtt')));
  });
}
