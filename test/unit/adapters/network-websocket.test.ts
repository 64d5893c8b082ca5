// What is specific to the WebSocket listener: requests and frames. test/contract covers what every network does.
import { afterEach, describe, expect, test } from '@jest/globals';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { WebSocket } from 'ws';
import { FrameReader } from '../../../adapters/network/websocket/frame-reader.js';
import { createListener } from '../../../adapters/network/websocket/index.js';
import { TestListener, until } from '../../support/test-listener.js';

const LOCAL = { host: '127.0.0.1', port: 0 };
let listener: TestListener;
const sockets: Socket[] = [];
const websockets: WebSocket[] = [];

const listen = async (options: object = {}): Promise<void> => {
  listener = await TestListener.on((components) => createListener({ ...LOCAL, ...options }, components));
};

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const websocket of websockets.splice(0)) websocket.terminate();
  await listener.close();
});

function open(protocols: string | string[] = 'mqtt', path = '/mqtt'): WebSocket {
  const websocket = new WebSocket(`ws://${listener.address}${path}`, protocols);
  websocket.on('error', () => undefined);
  websockets.push(websocket);
  return websocket;
}

const opened = (websocket: WebSocket): Promise<void> =>
  new Promise((resolve, reject) => websocket.once('open', resolve).once('error', reject));
const closeCodeOf = (websocket: WebSocket): Promise<number> =>
  new Promise((resolve) => websocket.once('close', resolve));

interface RawSocket extends Socket {
  readonly isGone: () => boolean;
  readonly bytes: () => Buffer;
}

function dial(...pieces: readonly (Buffer | string)[]): RawSocket {
  const socket = connect({ host: '127.0.0.1', port: listener.port, noDelay: true });
  sockets.push(socket);
  let isGone = false;
  let bytes = Buffer.alloc(0);
  socket.on('error', () => undefined);
  socket.on('data', (chunk: Buffer) => (bytes = Buffer.concat([bytes, chunk])));
  socket.on('close', () => (isGone = true));
  for (const piece of pieces) socket.write(piece);
  return Object.assign(socket, { isGone: () => isGone, bytes: () => bytes });
}

const UPGRADE = [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
];

function request({
  path = '/mqtt',
  method = 'GET',
  headers = [...UPGRADE, 'Sec-WebSocket-Protocol: mqtt'],
}: { path?: string; method?: string; headers?: readonly string[] } = {}): string {
  return [`${method} ${path} HTTP/1.1`, 'Host: x', ...headers, '', ''].join('\r\n');
}

const BINARY = 0x2;
const CONTINUATION = 0x0;
const PING = 0x9;

/** A client frame, masked with zeros. */
function frame(opcode: number, payload: Uint8Array, isLast = true): Buffer {
  const { length } = payload;
  const size =
    length < 126
      ? [0x80 | length]
      : length < 65_536
        ? [0xfe, length >> 8, length & 0xff]
        : [0xff, 0, 0, 0, 0, length >>> 24, (length >> 16) & 0xff, (length >> 8) & 0xff, length & 0xff];
  return Buffer.concat([Buffer.from([(isLast ? 0x80 : 0) | opcode, ...size, 0, 0, 0, 0]), payload]);
}

/** A raw socket after a successful upgrade. */
async function dialOpen(): Promise<RawSocket> {
  const socket = dial(request());
  await until(() => socket.bytes().includes('\r\n\r\n'));
  return socket;
}

describe('upgrade requests', () => {
  test.each([
    ['mqtt', ['mqtt']],
    ['mqttv3.1', ['mqttv3.1']],
    ['mqtt', ['mqttv3.1', 'mqtt']],
    ['mqtt', ['something', 'mqtt']],
  ])('subprotocol %s is selected when a client offers %p', async (selected, offered) => {
    await listen();
    const websocket = open(offered);
    await opened(websocket);
    expect(websocket.protocol).toBe(selected);
    expect(websocket.extensions).toBe('');
  });

  test('the path is configurable, and a request may have a query', async () => {
    await listen({ path: '/' });
    await opened(open('mqtt', '/?token=1'));
  });

  test.each([
    ['for another path', { path: '/mqtt/' }, 404, 'not the path of MQTT'],
    ['without a subprotocol', { headers: UPGRADE }, 400, 'no MQTT subprotocol'],
    [
      'with other subprotocols only',
      { headers: [...UPGRADE, 'Sec-WebSocket-Protocol: mqtt5, MQTT'] },
      400,
      'no MQTT subprotocol',
    ],
    ['without an upgrade', { headers: [] }, 426, 'not a WebSocket upgrade'],
    ['with another method', { method: 'POST' }, 400, 'not a valid WebSocket upgrade'],
    [
      'without a key',
      { headers: [...UPGRADE.slice(0, 3), 'Sec-WebSocket-Protocol: mqtt'] },
      400,
      'not a valid WebSocket upgrade',
    ],
    [
      'with an old WebSocket version',
      {
        headers: [
          ...UPGRADE.slice(0, 2),
          'Sec-WebSocket-Version: 7',
          ...UPGRADE.slice(3),
          'Sec-WebSocket-Protocol: mqtt',
        ],
      },
      400,
      'not a valid WebSocket upgrade',
    ],
    [
      'with too many headers',
      { headers: Array.from({ length: 100 }, (_, index) => `X-${index}: ${'x'.repeat(100)}`) },
      431,
      'headers exceed 8192 bytes',
    ],
  ])('a request %s is refused', async (_what, what, status, detail) => {
    await listen();
    const socket = dial(request(what));
    await until(socket.isGone);
    expect(socket.bytes().toString()).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(listener.events).toEqual([
      expect.objectContaining({
        kind: 'handshake-failed',
        reason: 'websocket',
        detail: expect.stringContaining(detail),
      }),
    ]);
    expect(listener.accepted).toEqual([]);
  });

  test('bytes that are not HTTP, such as MQTT or TLS, are refused', async () => {
    await listen();
    for (const bytes of [Buffer.from([0x10, 13, 0, 4, ...Buffer.from('MQTT')]), Buffer.from([0x16, 3, 1, 2, 0, 1])]) {
      const socket = dial(bytes);
      await until(socket.isGone);
      expect(socket.bytes().toString()).toMatch(/^HTTP\/1\.1 400 /);
    }
    expect(listener.events).toHaveLength(2);
  });

  test('an incomplete request is cut off at the handshake timeout', async () => {
    await listen({ handshakeTimeoutMs: 50 });
    const socket = dial('GET /mqtt HTTP/1.1\r\nHost: x\r\n');
    await until(socket.isGone);
    expect(listener.events).toMatchObject([{ reason: 'timeout', detail: 'websocket not completed within 50 ms' }]);
  });

  test('a refused client that does not close is cut off at the handshake timeout', async () => {
    await listen({ handshakeTimeoutMs: 50 });
    const socket = connect({ host: '127.0.0.1', port: listener.port, allowHalfOpen: true });
    sockets.push(socket);
    socket.resume();
    socket.on('error', () => undefined);
    const gone = new Promise((resolve) => socket.once('close', resolve));
    socket.write(request({ path: '/other' }));
    // It sends further requests, which are ignored.
    const repeating = setInterval(() => socket.write(request()), 5);
    await gone;
    clearInterval(repeating);
    expect(listener.events).toHaveLength(1);
  });

  test('the request and the first frame may arrive byte by byte', async () => {
    await listen();
    const socket = dial();
    for (const byte of Buffer.concat([Buffer.from(request()), frame(BINARY, Buffer.from('hello'))])) {
      socket.write(Buffer.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    const accepted = await listener.next();
    await until(() => accepted.received.toString() === 'hello');
  });
});

describe('frames', () => {
  test('binary frames form one stream of bytes, whatever their boundaries', async () => {
    await listen();
    const socket = await dialOpen();
    socket.write(
      Buffer.concat([
        frame(BINARY, Buffer.from('one')),
        frame(BINARY, Buffer.from('tw'), false),
        frame(CONTINUATION, Buffer.from('o'), false),
      ]),
    );
    socket.write(
      Buffer.concat([
        frame(PING, Buffer.from('between')),
        frame(CONTINUATION, Buffer.from('three')),
        frame(BINARY, Buffer.alloc(0)),
      ]),
    );
    const accepted = await listener.next();
    await until(() => accepted.received.toString() === 'onetwothree');
    // The ping was answered.
    await until(() => socket.bytes().includes(Buffer.from([0x8a, 7, ...Buffer.from('between')])));
  });

  test('a text frame closes the connection with 1003', async () => {
    await listen();
    const websocket = open();
    await opened(websocket);
    const closed = closeCodeOf(websocket);
    websocket.send('text');
    websocket.send(Buffer.from('late'));
    expect(await closed).toBe(1003);
    const accepted = await listener.next();
    await until(() => accepted.isClosed);
    expect(accepted.received).toHaveLength(0);
  });

  test.each([
    ['without a mask', Buffer.from([0x82, 1, 0])],
    ['with reserved bits', Buffer.from([0xc2, 0x80, 0, 0, 0, 0])],
    ['with an unknown opcode', Buffer.from([0x83, 0x80, 0, 0, 0, 0])],
    ['that continue no message', frame(CONTINUATION, Buffer.from('x'))],
    ['with a control payload over 125 bytes', frame(PING, Buffer.alloc(126))],
  ])('frames %s close the connection with 1002', async (_what, bytes) => {
    await listen();
    const socket = await dialOpen();
    const before = socket.bytes().length;
    socket.write(bytes);
    await until(() => socket.bytes().length > before);
    expect([...socket.bytes().subarray(before, before + 4)]).toEqual([0x88, 2, 1002 >> 8, 1002 & 0xff]);
    socket.destroy();
    const accepted = await listener.next();
    await until(() => accepted.isClosed);
  });

  test('a Close frame from the client is answered, and the channel closes', async () => {
    await listen();
    const websocket = open();
    await opened(websocket);
    websocket.close(1000);
    expect(await closeCodeOf(websocket)).toBe(1000);
    const accepted = await listener.next();
    await until(() => accepted.isClosed);
  });

  test('closing a channel sends a Close frame with 1000', async () => {
    await listen();
    const websocket = open();
    await opened(websocket);
    const { channel } = await listener.next();
    channel.close(1000);
    expect(await closeCodeOf(websocket)).toBe(1000);
  });
});

describe('an incomplete message', () => {
  test('is handed on as it arrives, so that the broker counts what it keeps of it', async () => {
    await listen();
    const socket = await dialOpen();
    const accepted = await listener.next();
    // One of 2^53 - 1 bytes.
    const head = Buffer.from([0x82, 0xff, 0, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]);
    socket.write(head);
    const content = Buffer.from(Array.from({ length: 300_000 }, (_, i) => i & 0xff));
    socket.write(content);
    await until(() => accepted.received.equals(content));
  });

  test('of fragments of one byte becomes one piece for each chunk, without their headers', async () => {
    const pieces: Buffer[] = [];
    const reader = new FrameReader({
      data: (bytes) => pieces.push(Buffer.from(bytes)),
      control: (bytes) => pieces.push(Buffer.concat([Buffer.from('control:'), bytes])),
      text: () => undefined,
      interleaved: () => undefined,
    });
    const text = Buffer.from('a packet in fragments');
    const fragments = [...text].map((byte, i) => frame(i === 0 ? BINARY : CONTINUATION, Buffer.of(byte), false));
    reader.read(Buffer.concat(fragments));
    expect(pieces.map(String)).toEqual([text.toString()]);
  });

  test('is unmasked wherever the chunks are cut, and control frames between are left as they are', () => {
    const mask = Buffer.from([0x12, 0x34, 0x56, 0x78]);
    const masked = (opcode: number, payload: Buffer, isLast: boolean): Buffer => {
      const bytes = frame(opcode, payload, isLast);
      const at = bytes.length - payload.length;
      mask.copy(bytes, at - 4);
      for (let i = 0; i < payload.length; i++) bytes[at + i] = (payload[i] as number) ^ (mask[i & 3] as number);
      return bytes;
    };
    const content = Buffer.from(Array.from({ length: 70_000 }, (_, i) => (i * 7) & 0xff));
    const ping = masked(PING, Buffer.from('ping'), true);
    const stream = Buffer.concat([
      masked(BINARY, content.subarray(0, 5), false),
      masked(CONTINUATION, Buffer.alloc(0), false),
      ping,
      masked(CONTINUATION, content.subarray(5, 300), false),
      masked(CONTINUATION, content.subarray(300), true),
      masked(BINARY, content.subarray(0, 200), true),
    ]);
    for (const size of [1, 2, 3, 5, 7, 13, 64, 1000, 65_536, stream.length]) {
      const data: Buffer[] = [];
      const control: Buffer[] = [];
      const reader = new FrameReader({
        data: (bytes) => data.push(Buffer.from(bytes)),
        control: (bytes) => control.push(Buffer.from(bytes)),
        text: () => data.push(Buffer.from('text')),
        interleaved: () => data.push(Buffer.from('interleaved')),
      });
      for (let at = 0; at < stream.length; at += size) reader.read(Buffer.from(stream.subarray(at, at + size)));
      expect(Buffer.concat(data).equals(Buffer.concat([content, content.subarray(0, 200)]))).toBe(true);
      expect(Buffer.concat(control)).toEqual(ping);
    }
  });

  test('in which another one begins closes the connection with 1002', async () => {
    await listen();
    const socket = await dialOpen();
    socket.write(Buffer.concat([frame(BINARY, Buffer.of(1), false), frame(BINARY, Buffer.of(2))]));
    await until(() => socket.bytes().includes(Buffer.from([0x88, 2, 1002 >> 8, 1002 & 0xff])));
  });

  test('a client that pings without reading gets one pong instead of one for each ping', async () => {
    await listen();
    const socket = await dialOpen();
    const accepted = await listener.next();
    accepted.channel.admitted?.();
    socket.pause();
    const pings = Buffer.concat(Array.from({ length: 1000 }, (_, index) => frame(PING, Buffer.alloc(125, index))));
    for (let round = 0; round < 200; round++) {
      socket.write(pings);
      await new Promise((resolve) => setImmediate(resolve));
    }
    socket.write(frame(BINARY, Buffer.from('alive')));
    await until(() => accepted.received.toString() === 'alive');
    const { sentBytes } = accepted.channel;
    accepted.channel.write(Buffer.from('the end'));
    let last = '';
    socket.on('data', (chunk: Buffer) => {
      last = (last + chunk.toString('latin1')).slice(-100_000);
    });
    socket.resume();
    await until(() => last.includes('the end'));
    // The answers that the broker had queued, as opposed to those already sent.
    expect(socket.bytesRead - sentBytes).toBeLessThan(1024 * 1024);
  });
});
