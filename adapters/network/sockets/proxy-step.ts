// For whom a connection speaks: reads the header of a proxy that is listed. A proxy that is listed says for whom it speaks or is refused, and so is
// whoever is not listed and says it.
import type { Socket } from 'node:net';
import type { Handshake } from './handshakes.js';
import { parseProxyHeader, ProxyHeaderError, recognize } from './proxy-header.js';
import type { Trusted } from './trusted.js';

/** `next` is called with a socket that is paused, and has what came after the header. */
export function readProxyHeader(handshake: Handshake, trusted: Trusted, next: (handshake: Handshake) => void): void {
  const { socket } = handshake;
  const isTrusted = trusted.has(handshake.peer.ipAddress);
  let received: Buffer = Buffer.alloc(0);
  const look = (chunk: Buffer): void => {
    if (handshake.isOver) return;
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
    let length: number | undefined;
    try {
      length = isTrusted ? headerOf(handshake, received) : nothingOf(received);
    } catch (error) {
      if (!(error instanceof ProxyHeaderError)) throw error;
      handshake.fail(error.message);
      return;
    }
    if (length === undefined) return;
    socket.pause();
    socket.off('data', look);
    socket.off('end', left);
    giveBack(socket, received.subarray(length));
    next(handshake);
  };
  const left = (): void => {
    handshake.fail('the peer has gone before it said for whom it speaks');
  };
  socket.on('end', left);
  socket.on('data', look);
}

/** The length of the header, if it is whole; who it names is the peer then. */
function headerOf(handshake: Handshake, received: Buffer): number | undefined {
  const header = parseProxyHeader(received);
  if (header?.client !== undefined) handshake.peer = header.client;
  return header?.length;
}

/** No header at all, which has no length. */
function nothingOf(received: Buffer): number | undefined {
  const beginning = recognize(received);
  if (beginning === 'too-short-to-tell') return undefined;
  if (beginning === 'another') return 0;
  throw new ProxyHeaderError('a PROXY header from a peer that is not among the trusted');
}

function giveBack(socket: Socket, bytes: Buffer): void {
  if (bytes.length > 0) socket.unshift(bytes);
}
