// Listeners behind proxies: whose word is taken, and that nobody else's is.
import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { createListener } from '../../../adapters/network/tcp/index.js';
import { createListener as createWebSocketListener } from '../../../adapters/network/websocket/index.js';
import { CertificateAuthority } from '../../e2e/certificates.js';
import { TestListener, until } from '../../support/test-listener.js';

const LOCAL = { host: '127.0.0.1', port: 0 };
const BEHIND = { proxyProtocol: { trusted: ['127.0.0.0/8'] } };
const ELSEWHERE = { proxyProtocol: { trusted: ['10.0.0.0/8'] } };
const V1 = Buffer.from('PROXY TCP4 192.0.2.7 10.0.0.1 5555 1883\r\n');
const LOCAL_V2 = Buffer.from([0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a, 0x20, 0, 0, 0]);
const CLIENT = { remoteAddress: '192.0.2.7:5555', ipAddress: '192.0.2.7' };

const authority = new CertificateAuthority();
const server = authority.issue('server');
const client = authority.issue('client');
let listening: TestListener;
const sockets: Socket[] = [];

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await listening.close();
});

afterAll(() => {
  authority.remove();
});

function dial(
  ...pieces: readonly (Buffer | string)[]
): Socket & { readonly isGone: () => boolean; readonly text: () => string } {
  const socket = connect({ host: '127.0.0.1', port: listening.port, noDelay: true });
  sockets.push(socket);
  let isGone = false;
  let text = '';
  socket.on('error', () => undefined);
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
  socket.on('close', () => (isGone = true));
  for (const piece of pieces) socket.write(piece);
  return Object.assign(socket, { isGone: () => isGone, text: () => text });
}

const refusal = (detail: RegExp): object => ({
  kind: 'handshake-failed',
  reason: 'proxy-header',
  remoteAddress: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
  detail: expect.stringMatching(detail),
});

describe('a proxy that is listed', () => {
  test('says for whom it speaks, and what follows is the client’s', async () => {
    listening = await TestListener.on((components) => createListener({ ...LOCAL, ...BEHIND }, components));
    dial(Buffer.concat([V1, Buffer.from('hello')]));
    const accepted = await listening.next();
    expect(accepted.channel.peer).toMatchObject(CLIENT);
    await until(() => accepted.received.toString() === 'hello');
    accepted.channel.write(Buffer.from('there'));
    await until(() => sockets[0] !== undefined && (sockets[0] as ReturnType<typeof dial>).text() === 'there');
    expect(listening.events).toEqual([]);
  });

  test('may say it byte by byte', async () => {
    listening = await TestListener.on((components) => createListener({ ...LOCAL, ...BEHIND }, components));
    const socket = dial();
    for (const byte of [...V1, ...Buffer.from('hello')]) {
      socket.write(Buffer.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    const accepted = await listening.next();
    expect(accepted.channel.peer).toMatchObject(CLIENT);
    await until(() => accepted.received.toString() === 'hello');
  });

  test('may speak for itself', async () => {
    listening = await TestListener.on((components) => createListener({ ...LOCAL, ...BEHIND }, components));
    dial(LOCAL_V2, 'hello');
    const accepted = await listening.next();
    expect(accepted.channel.peer.ipAddress).toBe('127.0.0.1');
    await until(() => accepted.received.toString() === 'hello');
  });

  test('that says nothing of it is refused', async () => {
    listening = await TestListener.on((components) => createListener({ ...LOCAL, ...BEHIND }, components));
    const socket = dial(Buffer.from([0x10, 13, 0, 4]));
    await until(socket.isGone);
    expect(listening.events).toEqual([expect.objectContaining(refusal(/^the proxy sent no PROXY header/))]);
    expect(listening.accepted).toEqual([]);
  });

  test('that goes in the middle of it is refused, once', async () => {
    listening = await TestListener.on((components) => createListener({ ...LOCAL, ...BEHIND }, components));
    dial(V1.subarray(0, 10)).end();
    await until(() => listening.events.length > 0);
    await until(() => (sockets[0] as ReturnType<typeof dial>).isGone());
    expect(listening.events).toEqual([expect.objectContaining(refusal(/gone/))]);
  });

  test('that does not come to its end is cut off', async () => {
    listening = await TestListener.on((components) =>
      createListener({ ...LOCAL, ...BEHIND, handshakeTimeoutMs: 50 }, components),
    );
    const socket = dial(V1.subarray(0, 10));
    await until(socket.isGone);
    expect(listening.events).toEqual([
      expect.objectContaining({
        kind: 'handshake-failed',
        reason: 'timeout',
        detail: 'proxy-header is not done after 50 ms',
      }),
    ]);
  });

  test('says it before TLS, and the certificate is the client’s', async () => {
    const tls = { ...server, ca: authority.cert, clientCertificate: 'required' as const };
    listening = await TestListener.on((components) => createListener({ ...LOCAL, ...BEHIND, tls }, components));
    const below = dial(V1);
    const socket = connectTls({
      socket: below,
      ca: readFileSync(authority.cert),
      servername: 'localhost',
      cert: readFileSync(client.cert),
      key: readFileSync(client.key),
    });
    socket.on('error', () => undefined);
    socket.write('hello');
    const accepted = await listening.next();
    expect(accepted.channel.peer).toMatchObject({ ...CLIENT, certificate: { commonName: 'client' } });
    await until(() => accepted.received.toString() === 'hello');
    socket.destroy();
  });

  test('says it before HTTP, also in one piece with it', async () => {
    listening = await TestListener.on((components) => createWebSocketListener({ ...LOCAL, ...BEHIND }, components));
    const frame = Buffer.from([0x82, 0x81, 0, 0, 0, 0, 0x68]);
    dial(Buffer.concat([V1, Buffer.from(upgradeRequest()), frame]));
    const accepted = await listening.next();
    expect(accepted.channel.peer).toMatchObject(CLIENT);
    await until(() => accepted.received.toString() === 'h');
  });

  test('is not waited for any more when the listener is closed', async () => {
    listening = await TestListener.on((components) => createListener({ ...LOCAL, ...BEHIND }, components));
    const socket = dial(V1.subarray(0, 10));
    await until(() => socket.bytesWritten === 10);
    await new Promise((resolve) => setTimeout(resolve, 20));
    await listening.listener.close();
    await until(socket.isGone);
    expect(listening.events).toEqual([]);
  });
});

describe('a peer that is not listed', () => {
  test('is who it is', async () => {
    listening = await TestListener.on((components) => createListener({ ...LOCAL, ...ELSEWHERE }, components));
    dial(Buffer.from([0x10]), Buffer.from([13, 0]));
    const accepted = await listening.next();
    expect(accepted.channel.peer.ipAddress).toBe('127.0.0.1');
    await until(() => accepted.received.equals(Buffer.from([0x10, 13, 0])));
  });

  test.each([
    ['version 1', V1],
    ['version 2', LOCAL_V2],
  ])('is refused when it sends a header of %s', async (_version, header) => {
    listening = await TestListener.on((components) => createListener({ ...LOCAL, ...ELSEWHERE }, components));
    const socket = dial(header, 'hello');
    await until(socket.isGone);
    expect(listening.events).toEqual([expect.objectContaining(refusal(/not among the trusted/))]);
    expect(listening.accepted).toEqual([]);
  });

  test('is refused with a header on a listener that has no proxies: it is no TLS and no HTTP', async () => {
    listening = await TestListener.on((components) => createListener({ ...LOCAL, tls: server }, components));
    const socket = dial(V1, 'hello');
    await until(socket.isGone);
    expect(listening.events).toMatchObject([{ kind: 'handshake-failed', reason: 'tls' }]);
  });
});

describe('X-Forwarded-For', () => {
  test('of a proxy that is listed names the client', async () => {
    listening = await TestListener.on((components) =>
      createWebSocketListener({ ...LOCAL, forwardedFor: { trusted: ['127.0.0.1'] } }, components),
    );
    dial(upgradeRequest('X-Forwarded-For: 9.9.9.9', 'X-Forwarded-For: 192.0.2.7'));
    expect((await listening.next()).channel.peer).toEqual({ remoteAddress: '192.0.2.7', ipAddress: '192.0.2.7' });
  });

  test('of anyone else is passed over', async () => {
    listening = await TestListener.on((components) =>
      createWebSocketListener({ ...LOCAL, forwardedFor: { trusted: ['10.0.0.1'] } }, components),
    );
    dial(upgradeRequest('X-Forwarded-For: 192.0.2.7'));
    expect((await listening.next()).channel.peer.ipAddress).toBe('127.0.0.1');
  });

  test('is passed over where no proxy is listed', async () => {
    listening = await TestListener.on((components) => createWebSocketListener(LOCAL, components));
    dial(upgradeRequest('X-Forwarded-For: 192.0.2.7'));
    expect((await listening.next()).channel.peer.ipAddress).toBe('127.0.0.1');
  });

  test('that is missing from a proxy that is listed is a refusal', async () => {
    listening = await TestListener.on((components) =>
      createWebSocketListener({ ...LOCAL, forwardedFor: { trusted: ['127.0.0.1'] } }, components),
    );
    const socket = dial(upgradeRequest());
    await until(() => socket.text().startsWith('HTTP/1.1 400 Bad Request\r\n'));
    await until(socket.isGone);
    expect(listening.events).toMatchObject([
      {
        kind: 'handshake-failed',
        reason: 'websocket',
        detail: 'the proxy sent no X-Forwarded-For, expected the address of its client',
      },
    ]);
  });
});

describe('who is counted', () => {
  const XFF = { forwardedFor: { trusted: ['127.0.0.1', '192.0.2.7'] } };

  test('at the arrival of a proxy that is listed nobody, then its client', async () => {
    listening = await TestListener.on((components) => createListener({ ...LOCAL, ...BEHIND }, components));
    dial(V1);
    await listening.next();
    expect(listening.connections).toMatchObject([
      { peer: { remoteAddress: expect.stringMatching(/^127\.0\.0\.1:/) }, clients: [CLIENT], outcome: 'accepted' },
    ]);
    expect(listening.connections[0]?.peer.ipAddress).toBeUndefined();
  });

  test('nobody where a proxy speaks for itself', async () => {
    listening = await TestListener.on((components) => createListener({ ...LOCAL, ...BEHIND }, components));
    dial(LOCAL_V2);
    await listening.next();
    expect(listening.connections).toMatchObject([{ clients: [], outcome: 'accepted' }]);
    expect(listening.connections[0]?.peer.ipAddress).toBeUndefined();
  });

  test('anyone who is not listed, at arrival', async () => {
    listening = await TestListener.on((components) => createListener({ ...LOCAL, ...ELSEWHERE }, components));
    dial('hello');
    await listening.next();
    expect(listening.connections).toMatchObject([
      { peer: { ipAddress: '127.0.0.1' }, clients: [], outcome: 'accepted' },
    ]);
  });

  test('the client that X-Forwarded-For names, also where the PROXY header names the proxy that says so', async () => {
    listening = await TestListener.on((components) =>
      createWebSocketListener({ ...LOCAL, ...BEHIND, ...XFF }, components),
    );
    dial(V1, upgradeRequest('X-Forwarded-For: 198.51.100.1'));
    await listening.next();
    expect(listening.connections).toMatchObject([{ clients: [{ ipAddress: '198.51.100.1' }], outcome: 'accepted' }]);
    expect(listening.connections[0]?.peer.ipAddress).toBeUndefined();
  });

  test.each([
    ['before TLS is begun', () => createListener({ ...LOCAL, ...BEHIND, tls: server }), V1],
    [
      'before an upgrade',
      () => createWebSocketListener({ ...LOCAL, ...XFF }),
      Buffer.from(upgradeRequest('X-Forwarded-For: 198.51.100.1')),
    ],
  ])('is cut off without a word if it may not come in, %s', async (_when, make, said) => {
    listening = await TestListener.on(make);
    listening.allows = ({ ipAddress }) => ipAddress === undefined;
    const socket = dial(said);
    await until(socket.isGone);
    expect(socket.text()).toBe('');
    expect(listening.connections).toMatchObject([{ outcome: 'failed' }]);
    expect(listening.events).toEqual([]);
  });
});

function upgradeRequest(...headers: readonly string[]): string {
  const lines = [
    'GET /mqtt HTTP/1.1',
    'Host: x',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  ];
  return [...lines, 'Sec-WebSocket-Protocol: mqtt', ...headers, '', ''].join('\r\n');
}
