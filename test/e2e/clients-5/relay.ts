// Stands between a client and the broker, over TCP or WebSocket, and decodes what passes: it shows what a client does
// not report, and loses a connection for a client that cannot do so by itself.
import { createServer, connect as connectSocket } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import type { Duplex } from 'node:stream';
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

export class Relay {
  readonly packets: RelayedPacket[] = [];
  readonly #server: Server | WebSocketServer;

  private constructor(server: (join: (client: Duplex, broker: Duplex) => void) => Server | WebSocketServer) {
    this.#server = server((client, broker) => {
      this.#join(client, broker);
    });
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

  #join(client: Duplex, broker: Duplex): void {
    let clientId = '';
    const cut = (): void => {
      client.destroy();
      broker.destroy();
    };
    const pass = (from: RelayedPacket['from'], source: Duplex, target: Duplex): void => {
      let isCut = false;
      const decoder = parser({ protocolVersion: 5 }).on('packet', (packet: Packet) => {
        if (packet.cmd === 'connect') clientId = packet.clientId;
        isCut ||= packet.cmd === 'publish' && packet.topic === CUT;
        this.packets.push({ clientId, from, packet });
      });
      source.on('data', (chunk: Buffer) => {
        decoder.parse(chunk);
        if (isCut) cut();
        else target.write(chunk);
      });
      // Not `cut`: what was written before arrives.
      const end = (): void => void target.end();
      source.on('end', end).on('close', end).on('error', cut);
    };
    pass('client', client, broker);
    pass('broker', broker, client);
  }
}

type Join = (client: Duplex, broker: Duplex) => void;

function tcpServer(broker: string, join: Join): Server {
  const [host = '', port = ''] = broker.split(':');
  return createServer((client) => {
    join(client, connectSocket(Number(port), host));
  }).listen(0, '127.0.0.1');
}

function webSocketServer(broker: string, join: Join): WebSocketServer {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, handleProtocols: () => 'mqtt' });
  return server.on('connection', (client) => {
    join(createWebSocketStream(client), createWebSocketStream(new WebSocket(`ws://${broker}/mqtt`, 'mqtt')));
  });
}
