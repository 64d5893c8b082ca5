// What only the listener on WebSockets does: which requests it takes, what it makes of frames, and what someone unknown can make it hold.
import { afterEach, describe, expect, test } from '@jest/globals';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { WebSocket } from 'ws';
import { createListener } from '../../../adapters/network/websocket/index.js';
import { TestListener, until } from '../../support/test-listener.js';

const LOCAL = { host: '127.0.0.1', port: 0 };
let listening: TestListener;
const sockets: Socket[] = [];
const websockets: WebSocket[] = [];

const listen = async (options: object = {}): Promise<void> => {
  listening = await TestListener.on((components) => createListener({ ...LOCAL, ...options }, components));
};

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const websocket of websockets.splice(0)) websocket.terminate();
  await listening.close();
});

function open(protocols: string | string[] = 'mqtt', path = '/mqtt'): WebSocket {
  const websocket = new WebSocket(`ws://${listening.address}${path}`, protocols);
  websocket.on('error', () => undefined);
  websockets.push(websocket);
  return websocket;
}

const opened = (websocket: WebSocket): Promise<void> =>
  new Promise((resolve, reject) => websocket.once('open', resolve).once('error', reject));
const closeCodeOf = (websocket: WebSocket): Promise<number> =>
  new Promise((resolve) => websocket.once('close', resolve));

interface Dialled extends Socket {
  readonly isGone: () => boolean;
  readonly bytes: () => Buffer;
}

function dial(...pieces: readonly (Buffer | string)[]): Dialled {
  const socket = connect({ host: '127.0.0.1', port: listening.port, noDelay: true });
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

/** Masked with zeros, which is a mask. */
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

/** A raw WebSocket that is open. */
async function dialOpen(): Promise<Dialled> {
  const socket = dial(request());
  await until(() => socket.bytes().includes('\r\n\r\n'));
  return socket;
}

describe('a request', () => {
  test.each([
    ['mqtt', ['mqtt']],
    ['mqttv3.1', ['mqttv3.1']],
    ['mqtt', ['mqttv3.1', 'mqtt']],
    ['mqtt', ['something', 'mqtt']],
  ])('is answered with the subprotocol %s when it offers %p', async (selected, offered) => {
    await listen();
    const websocket = open(offered);
    await opened(websocket);
    expect(websocket.protocol).toBe(selected);
    expect(websocket.extensions).toBe('');
  });

  test('may have a query behind the path, and the path may be another', async () => {
    await listen({ path: '/' });
    await opened(open('mqtt', '/?token=1'));
  });

  test.each([
    ['for another path', { path: '/mqtt/' }, 404, 'another path'],
    ['without a subprotocol', { headers: UPGRADE }, 400, 'no subprotocol of MQTT'],
    [
      'with other subprotocols only',
      { headers: [...UPGRADE, 'Sec-WebSocket-Protocol: mqtt5, MQTT'] },
      400,
      'no subprotocol of MQTT',
    ],
    ['that asks for no upgrade', { headers: [] }, 426, 'no upgrade'],
    ['with another method', { method: 'POST' }, 400, 'no WebSocket that can be served'],
    [
      'without a key',
      { headers: [...UPGRADE.slice(0, 3), 'Sec-WebSocket-Protocol: mqtt'] },
      400,
      'no WebSocket that can be served',
    ],
    [
      'of an old version',
      {
        headers: [
          ...UPGRADE.slice(0, 2),
          'Sec-WebSocket-Version: 7',
          ...UPGRADE.slice(3),
          'Sec-WebSocket-Protocol: mqtt',
        ],
      },
      400,
      'no WebSocket that can be served',
    ],
    [
      'with headers without end',
      { headers: Array.from({ length: 100 }, (_, index) => `X-${index}: ${'x'.repeat(100)}`) },
      431,
      'headers are longer than 8192 bytes',
    ],
  ])('%s is refused', async (_what, what, status, detail) => {
    await listen();
    const socket = dial(request(what));
    await until(socket.isGone);
    expect(socket.bytes().toString()).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(listening.events).toEqual([
      expect.objectContaining({
        kind: 'handshake-failed',
        reason: 'websocket',
        detail: expect.stringContaining(detail),
      }),
    ]);
    expect(listening.accepted).toEqual([]);
  });

  test('that is none is refused, be it MQTT or TLS', async () => {
    await listen();
    for (const bytes of [Buffer.from([0x10, 13, 0, 4, ...Buffer.from('MQTT')]), Buffer.from([0x16, 3, 1, 2, 0, 1])]) {
      const socket = dial(bytes);
      await until(socket.isGone);
      expect(socket.bytes().toString()).toMatch(/^HTTP\/1\.1 400 /);
    }
    expect(listening.events).toHaveLength(2);
  });

  test('that does not come to its end is cut off', async () => {
    await listen({ handshakeTimeoutMs: 50 });
    const socket = dial('GET /mqtt HTTP/1.1\r\nHost: x\r\n');
    await until(socket.isGone);
    expect(listening.events).toMatchObject([{ reason: 'timeout', detail: 'websocket is not done after 50 ms' }]);
  });

  test('that was refused is cut off as well if the peer does not go', async () => {
    await listen({ handshakeTimeoutMs: 50 });
    const socket = connect({ host: '127.0.0.1', port: listening.port, allowHalfOpen: true });
    sockets.push(socket);
    socket.resume();
    socket.on('error', () => undefined);
    const gone = new Promise((resolve) => socket.once('close', resolve));
    socket.write(request({ path: '/other' }));
    // It goes on asking, which nobody answers.
    const asking = setInterval(() => socket.write(request()), 5);
    await gone;
    clearInterval(asking);
    expect(listening.events).toHaveLength(1);
  });

  test('may bring the first frames with it, byte by byte', async () => {
    await listen();
    const socket = dial();
    for (const byte of Buffer.concat([Buffer.from(request()), frame(BINARY, Buffer.from('hello'))])) {
      socket.write(Buffer.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    const accepted = await listening.next();
    await until(() => accepted.received.toString() === 'hello');
  });
});

describe('frames', () => {
  test('are one stream of bytes, however they are cut', async () => {
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
    const accepted = await listening.next();
    await until(() => accepted.received.toString() === 'onetwothree');
    // The ping was answered.
    await until(() => socket.bytes().includes(Buffer.from([0x8a, 7, ...Buffer.from('between')])));
  });

  test('of text close the connection', async () => {
    await listen();
    const websocket = open();
    await opened(websocket);
    const closed = closeCodeOf(websocket);
    websocket.send('text');
    websocket.send(Buffer.from('late'));
    expect(await closed).toBe(1003);
    const accepted = await listening.next();
    await until(() => accepted.isClosed);
    expect(accepted.received).toHaveLength(0);
  });

  test.each([
    ['that are not masked', Buffer.from([0x82, 1, 0])],
    ['with reserved bits', Buffer.from([0xc2, 0x80, 0, 0, 0, 0])],
    ['of an unknown kind', Buffer.from([0x83, 0x80, 0, 0, 0, 0])],
    ['that continue nothing', frame(CONTINUATION, Buffer.from('x'))],
    ['of control that are too long', frame(PING, Buffer.alloc(126))],
  ])('%s end the connection with 1002', async (_what, bytes) => {
    await listen();
    const socket = await dialOpen();
    const before = socket.bytes().length;
    socket.write(bytes);
    await until(() => socket.bytes().length > before);
    expect([...socket.bytes().subarray(before, before + 4)]).toEqual([0x88, 2, 1002 >> 8, 1002 & 0xff]);
    socket.destroy();
    const accepted = await listening.next();
    await until(() => accepted.isClosed);
  });

  test('that close are answered, and the end is in order', async () => {
    await listen();
    const websocket = open();
    await opened(websocket);
    websocket.close(1000);
    expect(await closeCodeOf(websocket)).toBe(1000);
    const accepted = await listening.next();
    await until(() => accepted.isClosed);
  });

  test('that close are sent by the broker with 1000', async () => {
    await listen();
    const websocket = open();
    await opened(websocket);
    const { channel } = await listening.next();
    channel.close(1000);
    expect(await closeCodeOf(websocket)).toBe(1000);
  });
});

describe('someone unknown', () => {
  /** What the broker has not taken in of a message that never ends. */
  async function pour(make: () => Buffer): Promise<{ sent: number; socket: Dialled }> {
    const socket = await dialOpen();
    let sent = 0;
    while (!socket.isGone() && sent < 8 * 1024 * 1024) {
      const piece = make();
      sent += piece.length;
      if (!socket.write(piece))
        await Promise.race([
          new Promise((resolve) => socket.once('drain', resolve)),
          new Promise((resolve) => socket.once('close', resolve)),
        ]);
      await new Promise((resolve) => setImmediate(resolve));
    }
    return { sent, socket };
  }

  test('cannot make the broker hold a large message', async () => {
    await listen();
    const head = frame(BINARY, Buffer.alloc(0x7f_ffff)).subarray(0, 14);
    let isFirst = true;
    const { socket } = await pour(() => {
      const piece = isFirst ? head : Buffer.alloc(16 * 1024);
      isFirst = false;
      return piece;
    });
    await until(socket.isGone);
    const accepted = await listening.next();
    await until(() => accepted.isClosed);
    expect(accepted.received).toHaveLength(0);
    expect(socket.bytes().includes(Buffer.from([0x88, 2, 1009 >> 8, 1009 & 0xff]))).toBe(true);
  });

  test('cannot make it hold many small fragments', async () => {
    await listen();
    let isFirst = true;
    const { socket } = await pour(() => {
      const piece = Buffer.concat(
        Array.from({ length: 100 }, (_, index) =>
          frame(isFirst && index === 0 ? BINARY : CONTINUATION, Buffer.of(1), false),
        ),
      );
      isFirst = false;
      return piece;
    });
    await until(socket.isGone);
    const accepted = await listening.next();
    await until(() => accepted.isClosed);
  });

  test('that has been admitted may send more in one message, up to the largest packet', async () => {
    await listen({ maxPacketSize: 2 * 1024 * 1024 });
    const websocket = open();
    await opened(websocket);
    const accepted = await listening.next();
    accepted.channel.admitted?.();
    websocket.send(Buffer.alloc(2 * 1024 * 1024));
    await until(() => accepted.received.length === 2 * 1024 * 1024);
    const closed = closeCodeOf(websocket);
    websocket.send(Buffer.alloc(2 * 1024 * 1024 + 1));
    expect(await closed).toBe(1009);
  });

  test('that pings and does not read gets one answer, not all of them', async () => {
    await listen();
    const socket = await dialOpen();
    const accepted = await listening.next();
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
    // What waited here, and was not on its way.
    expect(socket.bytesRead - sentBytes).toBeLessThan(1024 * 1024);
  });
});
