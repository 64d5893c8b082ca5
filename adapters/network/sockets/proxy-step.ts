// The PROXY protocol step of a connection. A trusted proxy must send a header, and no other peer may: otherwise a
// client could claim any address.
import type { PeerInfo } from 'hexmq/ports';
import type { Handshake } from './pending-handshakes.js';
import { parseProxyHeader, ProxyHeaderError, recognizeStart } from './proxy-header.js';
import type { ProxyHeader } from './proxy-header.js';
import type { TrustedProxies } from './trusted-proxies.js';

/**
 * Reads the header, then calls `next` with the client it names, if any. The socket is then paused, with the bytes after
 * the header still to be read.
 */
export function readProxyHeader(
  handshake: Handshake,
  trusted: TrustedProxies,
  next: (handshake: Handshake, client: PeerInfo | undefined) => void,
): void {
  const { socket } = handshake;
  const isTrusted = trusted.has(handshake.peer.ipAddress);
  let received: Buffer = Buffer.alloc(0);
  const onData = (chunk: Buffer): void => {
    if (handshake.isSettled) return;
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
    socket.off('data', onData);
    socket.off('end', onEnd);
    if (received.length > length) socket.unshift(received.subarray(length));
    next(handshake, client);
  };
  const onEnd = (): void => {
    handshake.fail('the peer closed the connection before sending a PROXY header');
  };
  socket.on('end', onEnd);
  socket.on('data', onData);
}

/** For a peer that is not a trusted proxy. @throws ProxyHeaderError if it sends a header all the same. */
function expectNoHeader(received: Buffer): ProxyHeader | undefined {
  const start = recognizeStart(received);
  if (start === 'incomplete') return undefined;
  if (start === 'no-header') return { length: 0, client: undefined };
  throw new ProxyHeaderError('a PROXY header from a peer that is not a trusted proxy');
}
