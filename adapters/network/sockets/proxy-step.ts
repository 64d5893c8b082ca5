// For whom a connection speaks: reads the header of a proxy that is listed. A proxy that is listed says for whom it speaks or is refused, and so is
// whoever is not listed and says it.
import type { Socket } from 'node:net';
import type { PeerInfo } from 'hexmq/ports';
import type { Handshake } from './pending-handshakes.js';
import { parseProxyHeader, ProxyHeaderError, recognizeStart } from './proxy-header.js';
import type { ProxyHeader } from './proxy-header.js';
import type { TrustedProxies } from './trusted-proxies.js';

/** `next` is called with a socket that is paused, and has what came after the header; and with the client that the header named, if it did. */
export function readProxyHeader(
  handshake: Handshake,
  trusted: TrustedProxies,
  next: (handshake: Handshake, client: PeerInfo | undefined) => void,
): void {
  const { socket } = handshake;
  const isTrusted = trusted.has(handshake.peer.ipAddress);
  let received: Buffer = Buffer.alloc(0);
  const look = (chunk: Buffer): void => {
    if (handshake.isOver) return;
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
    let header: ProxyHeader | undefined;
    try {
      header = isTrusted ? parseProxyHeader(received) : expectNoHeader(received);
    } catch (error) {
      if (!(error instanceof ProxyHeaderError)) throw error;
      handshake.fail(error.message);
      return;
    }
    if (header === undefined) return;
    const { length, client } = header;
    socket.pause();
    socket.off('data', look);
    socket.off('end', left);
    giveBack(socket, received.subarray(length));
    next(handshake, client);
  };
  const left = (): void => {
    handshake.fail('the peer has gone before it said for whom it speaks');
  };
  socket.on('end', left);
  socket.on('data', look);
}

/** No header at all, which has no length and names nobody. */
function expectNoHeader(received: Buffer): ProxyHeader | undefined {
  const beginning = recognizeStart(received);
  if (beginning === 'too-short-to-tell') return undefined;
  if (beginning === 'another') return { length: 0, client: undefined };
  throw new ProxyHeaderError('a PROXY header from a peer that is not among the trusted');
}

function giveBack(socket: Socket, bytes: Buffer): void {
  if (bytes.length > 0) socket.unshift(bytes);
}
