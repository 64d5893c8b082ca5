// Listeners behind proxies: which peers may name their clients, and what happens to the others.
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
let listener: TestListener;
const sockets: Socket[] = [];

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await listener.close();
});

afterAll(() => {
  authority.remove();
});

function dial(
  ...pieces: readonly (Buffer | string)[]
): Socket & { readonly isGone: () => boolean; readonly text: () => string } {
  const socket = connect({ host: '127.0.0.1', port: listener.port, noDelay: true });
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

describe('PROXY protocol from a trusted proxy', () => {
  test('the client named in the PROXY header is the peer, and the bytes after the header are data', async () => {
    listener = await TestListener.on((components) => createListener({ ...LOCAL, ...BEHIND }, components));
    dial(Buffer.concat([V1, Buffer.from('hello')]));
    const accepted = await listener.next();
    expect(accepted.channel.peer).toMatchObject(CLIENT);
    await until(() => accepted.received.toString() === 'hello');
    accepted.channel.write(Buffer.from('there'));
    await until(() => sockets[0] !== undefined && (sockets[0] as ReturnType<typeof dial>).text() === 'there');
    expect(listener.events).toEqual([]);
  });

  test('a PROXY header may arrive byte by byte', async () => {
    listener = await TestListener.on((components) => createListener({ ...LOCAL, ...BEHIND }, components));
    const socket = dial();
    for (const byte of [...V1, ...Buffer.from('hello')]) {
      socket.write(Buffer.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    const accepted = await listener.next();
    expect(accepted.channel.peer).toMatchObject(CLIENT);
    await until(() => accepted.received.toString() === 'hello');
  });

  test('a proxy may connect for itself with the command LOCAL', async () => {
    listener = await TestListener.on((components) => createListener({ ...LOCAL, ...BEHIND }, components));
    dial(LOCAL_V2, 'hello');
    const accepted = await listener.next();
    expect(accepted.channel.peer.ipAddress).toBe('127.0.0.1');
    await until(() => accepted.received.toString() === 'hello');
  });

  test('a trusted proxy that sends no PROXY header is refused', async () => {
    listener = await TestListener.on((components) => createListener({ ...LOCAL, ...BEHIND }, components));
    const socket = dial(Buffer.from([0x10, 13, 0, 4]));
    await until(socket.isGone);
    expect(listener.events).toEqual([expect.objectContaining(refusal(/^the proxy sent no PROXY header/))]);
    expect(listener.accepted).toEqual([]);
  });

  test('a proxy that closes within the PROXY header causes one handshake-failed event', async () => {
    listener = await TestListener.on((components) => createListener({ ...LOCAL, ...BEHIND }, components));
    dial(V1.subarray(0, 10)).end();
    await until(() => listener.events.length > 0);
    await until(() => (sockets[0] as ReturnType<typeof dial>).isGone());
    expect(listener.events).toEqual([expect.objectContaining(refusal(/closed the connection before/))]);
  });

  test('an incomplete PROXY header is cut off at the handshake timeout', async () => {
    listener = await TestListener.on((components) =>
      createListener({ ...LOCAL, ...BEHIND, handshakeTimeoutMs: 50 }, components),
    );
    const socket = dial(V1.subarray(0, 10));
    await until(socket.isGone);
    expect(listener.events).toEqual([
      expect.objectContaining({
        kind: 'handshake-failed',
        reason: 'timeout',
        detail: 'proxy-header not completed within 50 ms',
      }),
    ]);
  });

  test('a PROXY header may precede TLS, and the certificate is then the client’s', async () => {
    const tls = { ...server, ca: authority.cert, clientCertificate: 'required' as const };
    listener = await TestListener.on((components) => createListener({ ...LOCAL, ...BEHIND, tls }, components));
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
    const accepted = await listener.next();
    expect(accepted.channel.peer).toMatchObject({ ...CLIENT, certificate: { commonName: 'client' } });
    await until(() => accepted.received.toString() === 'hello');
    socket.destroy();
  });

  test('a PROXY header, an upgrade request and the first frame may arrive in one chunk', async () => {
    listener = await TestListener.on((components) => createWebSocketListener({ ...LOCAL, ...BEHIND }, components));
    const frame = Buffer.from([0x82, 0x81, 0, 0, 0, 0, 0x68]);
    dial(Buffer.concat([V1, Buffer.from(upgradeRequest()), frame]));
    const accepted = await listener.next();
    expect(accepted.channel.peer).toMatchObject(CLIENT);
    await until(() => accepted.received.toString() === 'h');
  });

  test('closing the listener aborts a connection whose PROXY header is incomplete, without an event', async () => {
    listener = await TestListener.on((components) => createListener({ ...LOCAL, ...BEHIND }, components));
    const socket = dial(V1.subarray(0, 10));
    await until(() => listener.connections.length === 1);
    expect(listener.connections).toMatchObject([{ outcome: 'pending' }]);
    await listener.listener.close();
    await until(socket.isGone);
    expect(listener.connections).toMatchObject([{ outcome: 'aborted' }]);
    expect(listener.events).toEqual([]);
  });
});

describe('PROXY protocol from another peer', () => {
  test('a peer that is not a trusted proxy connects without a PROXY header', async () => {
    listener = await TestListener.on((components) => createListener({ ...LOCAL, ...ELSEWHERE }, components));
    dial(Buffer.from([0x10]), Buffer.from([13, 0]));
    const accepted = await listener.next();
    expect(accepted.channel.peer.ipAddress).toBe('127.0.0.1');
    await until(() => accepted.received.equals(Buffer.from([0x10, 13, 0])));
  });

  test.each([
    ['version 1', V1],
    ['version 2', LOCAL_V2],
  ])('a PROXY header of %s from an untrusted peer is refused', async (_version, header) => {
    listener = await TestListener.on((components) => createListener({ ...LOCAL, ...ELSEWHERE }, components));
    const socket = dial(header, 'hello');
    await until(socket.isGone);
    expect(listener.events).toEqual([expect.objectContaining(refusal(/not a trusted proxy/))]);
    expect(listener.accepted).toEqual([]);
  });

  test('a PROXY header on a TLS listener without trusted proxies fails the TLS handshake', async () => {
    listener = await TestListener.on((components) => createListener({ ...LOCAL, tls: server }, components));
    const socket = dial(V1, 'hello');
    await until(socket.isGone);
    expect(listener.events).toMatchObject([{ kind: 'handshake-failed', reason: 'tls' }]);
  });
});

describe('X-Forwarded-For', () => {
  test('X-Forwarded-For from a trusted proxy names the client', async () => {
    listener = await TestListener.on((components) =>
      createWebSocketListener({ ...LOCAL, forwardedFor: { trusted: ['127.0.0.1'] } }, components),
    );
    dial(upgradeRequest('X-Forwarded-For: 9.9.9.9', 'X-Forwarded-For: 192.0.2.7'));
    expect((await listener.next()).channel.peer).toEqual({ remoteAddress: '192.0.2.7', ipAddress: '192.0.2.7' });
  });

  test('X-Forwarded-For from an untrusted peer is ignored', async () => {
    listener = await TestListener.on((components) =>
      createWebSocketListener({ ...LOCAL, forwardedFor: { trusted: ['10.0.0.1'] } }, components),
    );
    dial(upgradeRequest('X-Forwarded-For: 192.0.2.7'));
    expect((await listener.next()).channel.peer.ipAddress).toBe('127.0.0.1');
  });

  test('X-Forwarded-For is ignored if no proxies are trusted', async () => {
    listener = await TestListener.on((components) => createWebSocketListener(LOCAL, components));
    dial(upgradeRequest('X-Forwarded-For: 192.0.2.7'));
    expect((await listener.next()).channel.peer.ipAddress).toBe('127.0.0.1');
  });

  test('a trusted proxy that sends no X-Forwarded-For is refused', async () => {
    listener = await TestListener.on((components) =>
      createWebSocketListener({ ...LOCAL, forwardedFor: { trusted: ['127.0.0.1'] } }, components),
    );
    const socket = dial(upgradeRequest());
    await until(() => socket.text().startsWith('HTTP/1.1 400 Bad Request\r\n'));
    await until(socket.isGone);
    expect(listener.events).toMatchObject([
      {
        kind: 'handshake-failed',
        reason: 'websocket',
        detail: 'the proxy sent no X-Forwarded-For, expected the address of its client',
      },
    ]);
  });
});

describe('address that a connection counts against', () => {
  const XFF = { forwardedFor: { trusted: ['127.0.0.1', '192.0.2.7'] } };

  test('a proxied connection starts without an address and then counts against its client', async () => {
    listener = await TestListener.on((components) => createListener({ ...LOCAL, ...BEHIND }, components));
    dial(V1);
    await listener.next();
    expect(listener.connections).toMatchObject([
      { peer: { remoteAddress: expect.stringMatching(/^127\.0\.0\.1:/) }, clients: [CLIENT], outcome: 'accepted' },
    ]);
    expect(listener.connections[0]?.peer.ipAddress).toBeUndefined();
  });

  test('a connection that a proxy opens for itself counts against no address', async () => {
    listener = await TestListener.on((components) => createListener({ ...LOCAL, ...BEHIND }, components));
    dial(LOCAL_V2);
    await listener.next();
    expect(listener.connections).toMatchObject([{ clients: [], outcome: 'accepted' }]);
    expect(listener.connections[0]?.peer.ipAddress).toBeUndefined();
  });

  test('a direct connection counts against its own address from the start', async () => {
    listener = await TestListener.on((components) => createListener({ ...LOCAL, ...ELSEWHERE }, components));
    dial('hello');
    await listener.next();
    expect(listener.connections).toMatchObject([
      { peer: { ipAddress: '127.0.0.1' }, clients: [], outcome: 'accepted' },
    ]);
  });

  test('if the PROXY header names an HTTP proxy, X-Forwarded-For names the client that counts', async () => {
    listener = await TestListener.on((components) =>
      createWebSocketListener({ ...LOCAL, ...BEHIND, ...XFF }, components),
    );
    dial(V1, upgradeRequest('X-Forwarded-For: 198.51.100.1'));
    await listener.next();
    expect(listener.connections).toMatchObject([{ clients: [{ ipAddress: '198.51.100.1' }], outcome: 'accepted' }]);
    expect(listener.connections[0]?.peer.ipAddress).toBeUndefined();
  });

  test.each([
    ['before the TLS handshake', () => createListener({ ...LOCAL, ...BEHIND, tls: server }), V1],
    [
      'before the WebSocket upgrade',
      () => createWebSocketListener({ ...LOCAL, ...XFF }),
      Buffer.from(upgradeRequest('X-Forwarded-For: 198.51.100.1')),
    ],
  ])('a client that a limit refuses is closed without an answer, %s', async (_when, make, said) => {
    listener = await TestListener.on(make);
    listener.allows = ({ ipAddress }) => ipAddress === undefined;
    const socket = dial(said);
    await until(socket.isGone);
    expect(socket.text()).toBe('');
    expect(listener.connections).toMatchObject([{ outcome: 'aborted' }]);
    expect(listener.events).toEqual([]);
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
