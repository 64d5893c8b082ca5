// A reload takes over every limit, those that a listener reads included.
import { afterEach, describe, expect, test } from '@jest/globals';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { WebSocket } from 'ws';
import { createBroker } from 'hexmq';
import type { Broker, ConfigInput } from 'hexmq';
import type { BrokerEvent, LifecycleEvent } from 'hexmq/ports';

const MEBIBYTE = 1024 * 1024;
/** CONNECT of MQTT 3.1.1, Clean Session 1, Client Identifier `a`. */
const CONNECT = Uint8Array.from([0x10, 13, 0, 4, ...Buffer.from('MQTT'), 4, 2, 0, 60, 0, 1, 0x61]);

let broker: Broker | undefined;
let socket: Socket | WebSocket | undefined;

afterEach(async () => {
  if (socket instanceof WebSocket) socket.terminate();
  else socket?.destroy();
  await broker?.stop();
});

/** A running broker with one listener, and the first event of a kind that it emits. */
async function started(config: ConfigInput): Promise<{
  readonly running: Broker;
  readonly port: number;
  readonly next: (kind: string) => Promise<BrokerEvent | LifecycleEvent>;
}> {
  const waiting = new Map<string, (event: BrokerEvent | LifecycleEvent) => void>();
  const running = createBroker(config, { telemetry: [{ emit: (event) => waiting.get(event.kind)?.(event) }] });
  broker = running;
  await running.start();
  const port = Number([...running.addresses.values()][0]?.split(':').at(-1));
  return { running, port, next: (kind) => new Promise((resolve) => waiting.set(kind, resolve)) };
}

/** QoS 1, Packet Identifier 1. */
function publishOf(payloadBytes: number): Uint8Array {
  let length = payloadBytes + 5;
  const header = [0x32];
  do {
    const rest = length >> 7;
    header.push((length & 0x7f) | (rest > 0 ? 0x80 : 0));
    length = rest;
  } while (length > 0);
  return Buffer.concat([Uint8Array.from([...header, 0, 1, 0x74, 0, 1]), Buffer.alloc(payloadBytes)]);
}

describe('a reload', () => {
  const withLimits = (limits: ConfigInput['limits']): ConfigInput => ({
    storage: { adapter: 'memory' },
    listeners: [
      { type: 'tcp', port: 0, authentication: [{ adapter: 'anonymous' }], proxyProtocol: { trusted: ['127.0.0.1'] } },
    ],
    limits,
  });

  test('a reload replaces the handshake timeout of a listener for connections that arrive after it', async () => {
    const { running, port, next } = await started(withLimits({ connectTimeoutMs: 600_000 }));
    expect(await running.reload(withLimits({ connectTimeoutMs: 30 }))).toEqual([]);
    const failure = next('handshake-failed');
    socket = connect(port, '127.0.0.1');
    expect(await failure).toMatchObject({ reason: 'timeout', detail: 'proxy-header not completed within 30 ms' });
  });

  test("a reload replaces the handshake timeout of a listener by the listener's own limit", async () => {
    const own = withLimits({ connectTimeoutMs: 600_000 });
    const { running, port, next } = await started(own);
    const listeners = own.listeners?.map((listener) => ({ ...listener, limits: { connectTimeoutMs: 30 } }));
    expect(await running.reload({ ...own, listeners })).toEqual([]);
    const failure = next('handshake-failed');
    socket = connect(port, '127.0.0.1');
    expect(await failure).toMatchObject({ reason: 'timeout', detail: 'proxy-header not completed within 30 ms' });
  });

  test('a reload replaces the largest packet that a WebSocket listener accepts', async () => {
    const withSize = (maxPacketSize: number): ConfigInput => ({
      storage: { adapter: 'memory' },
      listeners: [{ type: 'ws', port: 0 }],
      limits: { maxPacketSize },
    });
    const { running, port } = await started(withSize(MEBIBYTE));
    expect(await running.reload(withSize(4 * MEBIBYTE))).toEqual([]);
    const websocket = new WebSocket(`ws://127.0.0.1:${port}/mqtt`, 'mqtt');
    socket = websocket;
    const answers: string[] = [];
    await new Promise<void>((resolve, reject) => {
      websocket.on('open', () => {
        websocket.send(CONNECT);
      });
      websocket.on('message', (data: Buffer) => {
        answers.push(data.toString('hex'));
        if (answers.length === 1) websocket.send(publishOf(2 * MEBIBYTE));
        else resolve();
      });
      websocket.on('close', (code) => {
        reject(new Error(`closed with ${code} after ${answers.join(', ')}`));
      });
      websocket.on('error', reject);
    });
    expect(answers).toEqual(['20020000', '40020001']);
  });
});
