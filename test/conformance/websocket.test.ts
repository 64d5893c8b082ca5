// MQTT over WebSocket (MQTT 3.1.1, section 6): a broker in this process with a listener on a port, and a client that
// knows only WebSockets.
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createBroker } from 'hexmq';
import type { Broker } from 'hexmq';
import { WebSocket } from 'ws';
import { field, packet, uint16 } from '../clients/raw-packets.js';

const CONNECT = packet(0x10, field('MQTT'), 4, 0x02, uint16(60), 0, 1, 'i'.charCodeAt(0));
const CONNECT_31 = packet(0x10, field('MQIsdp'), 3, 0x02, uint16(60), 0, 1, 'i'.charCodeAt(0));
const CONNACK = '20020000';
const PINGREQ = Uint8Array.of(0xc0, 0);
const PINGRESP = 'd000';

let broker: Broker;

beforeEach(async () => {
  broker = createBroker({ listeners: [{ type: 'ws', port: 0 }], storage: { adapter: 'memory' } }, { telemetry: [] });
  await broker.start();
});

afterEach(async () => {
  await broker.stop();
});

class Client {
  received = '';
  readonly websocket: WebSocket;
  readonly closed: Promise<number>;
  #changed: () => void = () => undefined;

  constructor(...subprotocols: string[]) {
    this.websocket = new WebSocket(`ws://${broker.addresses.get('ws')}/mqtt`, subprotocols);
    this.websocket.on('message', (data: Buffer, isBinary: boolean) => {
      this.received += isBinary ? data.toString('hex') : 'text';
      this.#changed();
    });
    this.websocket.on('error', () => undefined);
    this.closed = new Promise((resolve) => this.websocket.once('close', resolve));
  }

  /** The status of a refusal, or the subprotocol that was selected. */
  get opened(): Promise<number | string> {
    return new Promise((resolve) => {
      this.websocket.once('open', () => {
        resolve(this.websocket.protocol);
      });
      this.websocket.once('unexpected-response', (request, { statusCode = 0 }) => {
        request.destroy();
        resolve(statusCode);
      });
    });
  }

  receives(bytes: string): Promise<void> {
    return new Promise<void>((resolve) => {
      this.#changed = () => {
        if (this.received.length >= bytes.length) resolve();
      };
      this.#changed();
    }).then(() => {
      expect(this.received).toBe(bytes);
    });
  }
}

describe('6 WebSocket', () => {
  test('[MQTT-6.0.0-1] packets are exchanged in binary frames, and a text frame closes the connection with 1003', async () => {
    const client = new Client('mqtt');
    await client.opened;
    client.websocket.send(CONNECT);
    await client.receives(CONNACK);
    client.websocket.send('text');
    expect(await client.closed).toBe(1003);
  });

  test('[MQTT-6.0.0-2] a frame may hold several packets, and a packet may span several frames', async () => {
    const client = new Client('mqtt');
    await client.opened;
    for (const byte of CONNECT) client.websocket.send(Uint8Array.of(byte));
    await client.receives(CONNACK);
    client.websocket.send(Buffer.concat([PINGREQ, PINGREQ, PINGREQ.subarray(0, 1)]));
    client.websocket.send(PINGREQ.subarray(1));
    await client.receives(CONNACK + PINGRESP.repeat(3));
    client.websocket.terminate();
    await client.closed;
  });

  test('[MQTT-6.0.0-3] a client that offers no subprotocol, or only others than mqtt, is refused with 400', async () => {
    for (const offered of [[], ['mqtt5'], ['MQTT']]) {
      const client = new Client(...offered);
      expect(await client.opened).toBe(400);
    }
  });

  test('[MQTT-6.0.0-4] the broker selects mqtt among the offered subprotocols', async () => {
    for (const offered of [['mqtt'], ['soap', 'mqtt'], ['mqttv3.1', 'mqtt']]) {
      const client = new Client(...offered);
      expect(await client.opened).toBe('mqtt');
      client.websocket.terminate();
      await client.closed;
    }
  });

  test('[MQTT31-websocket] a client that offers only mqttv3.1 gets it, and speaks MQTT 3.1 or 3.1.1', async () => {
    for (const connect of [CONNECT_31, CONNECT]) {
      const client = new Client('mqttv3.1');
      expect(await client.opened).toBe('mqttv3.1');
      client.websocket.send(connect);
      await client.receives(CONNACK);
      client.websocket.terminate();
      await client.closed;
    }
  });
});
