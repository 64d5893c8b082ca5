// MQTT 5 over WebSocket, chapter 6: a broker in this process with a listener on a port, and a client that knows only
// WebSockets.
import { expect, test } from '@jest/globals';
import { createBroker } from 'hexmq';
import { WebSocket } from 'ws';
import * as v5 from '../../clients/mqtt5-packets.js';
import { bytes } from '../../clients/raw-packets.js';

interface Opened {
  readonly socket: WebSocket;
  readonly packets: v5.Packet5[];
  readonly closed: Promise<void>;
  /** Waits for so many packets. */
  received(count: number): Promise<void>;
}

async function opened(address: string, ...subprotocols: string[]): Promise<Opened> {
  const socket = new WebSocket(`ws://${address}/mqtt`, subprotocols);
  const packets: v5.Packet5[] = [];
  let rest = new Uint8Array();
  let changed = (): void => undefined;
  socket.on('message', (data: Buffer, isBinary: boolean) => {
    expect(isBinary).toBe(true);
    rest = new Uint8Array(bytes(rest, data));
    for (let packet = v5.parse(rest); packet !== undefined; packet = v5.parse(rest)) {
      packets.push(packet);
      rest = rest.slice(packet.size);
    }
    changed();
  });
  socket.on('error', () => undefined);
  const closed = new Promise<void>((resolve) => {
    socket.once('close', () => {
      resolve();
    });
  });
  await new Promise((resolve) => {
    socket.once('open', resolve);
    socket.once('close', resolve);
  });
  const received = (count: number): Promise<void> =>
    new Promise((resolve) => {
      changed = () => {
        if (packets.length >= count) resolve();
      };
      changed();
    });
  return { socket, packets, closed, received };
}

async function withListener(run: (address: string) => Promise<void>): Promise<void> {
  const broker = createBroker(
    { listeners: [{ type: 'ws', port: 0 }], storage: { adapter: 'memory' } },
    { telemetry: [] },
  );
  await broker.start();
  try {
    await run(broker.addresses.get('ws') ?? '');
  } finally {
    await broker.stop();
  }
}

test('[MQTT-6.0.0-1] a text frame closes the connection, and the broker sends binary frames', () =>
  withListener(async (address) => {
    const client = await opened(address, 'mqtt');
    client.socket.send(v5.connect());
    await client.received(1);
    client.socket.send('text');
    await client.closed;
    expect(client.packets[0]).toMatchObject({ type: 'connack', code: 0 });
  }));

test('[MQTT-6.0.0-2] the borders of frames mean nothing: a packet can come byte by byte, and several in one frame', () =>
  withListener(async (address) => {
    const client = await opened(address, 'mqtt');
    for (const byte of v5.connect({ properties: { user: [['a', 'b']] } })) client.socket.send(Uint8Array.of(byte));
    await client.received(1);
    client.socket.send(bytes(v5.subscribe(1, [['t', 1]]), v5.publish({ topic: 't', payload: 'x' }), 'c0 00'));
    await client.received(4);
    expect(client.packets.map(({ type }) => type).sort()).toEqual(['connack', 'pingresp', 'publish', 'suback']);
    client.socket.close();
    await client.closed;
  }));

test('[MQTT-6.0.0-3] [MQTT-6.0.0-4] the broker selects the subprotocol mqtt', () =>
  withListener(async (address) => {
    for (const offered of [['mqtt'], ['other', 'mqtt']]) {
      const { socket, closed } = await opened(address, ...offered);
      expect(socket.protocol).toBe('mqtt');
      socket.close();
      await closed;
    }
    const refused = await opened(address, 'other');
    expect(refused.socket.readyState).toBe(WebSocket.CLOSED);
  }));
