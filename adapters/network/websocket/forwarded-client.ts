// The client behind an HTTP proxy, from X-Forwarded-For: each proxy on the way appends the address it was called from.
// A client can put anything at the beginning of the header, so it is read from the end: the first address that is not a
// trusted proxy is the client. The result has no certificate: the one of the TLS handshake is the proxy's.
import { isIP } from 'node:net';
import type { PeerInfo } from 'hexmq/ports';
import { formatAddress, plainAddress } from 'hexmq/ports';
import type { TrustedProxies } from '../sockets/trusted-proxies.js';

/** @throws Error if a trusted proxy sends no header, or one that is not a list of addresses. */
export function forwardedClient(peer: PeerInfo, header: string | undefined, trusted: TrustedProxies): PeerInfo {
  if (!trusted.has(peer.ipAddress)) return peer;
  if (header === undefined) throw new Error('the proxy sent no X-Forwarded-For, expected the address of its client');
  const hops = header.split(',').map((hop) => hop.trim());
  for (const hop of hops.reverse()) {
    const client = parseHop(hop);
    if (!trusted.has(client.ipAddress)) return client;
  }
  // All are trusted proxies, so the first of them is the client.
  return parseHop(hops.at(-1) ?? '');
}

/** Parses an address with or without a port: `192.0.2.7`, `192.0.2.7:5000`, `2001:db8::7`, `[2001:db8::7]:5000`. */
function parseHop(hop: string): PeerInfo & { readonly ipAddress: string } {
  const [, bracketed, ipv4, port] = /^(?:\[(.+)\]|([\d.]+))(?::(\d{1,5}))?$/.exec(hop) ?? [];
  const address = bracketed ?? ipv4 ?? hop;
  if (isIP(address) === 0)
    throw new Error('the proxy sent an invalid X-Forwarded-For, expected addresses separated by commas');
  const ipAddress = plainAddress(address);
  return { remoteAddress: port === undefined ? ipAddress : formatAddress(address, Number(port)), ipAddress };
}
