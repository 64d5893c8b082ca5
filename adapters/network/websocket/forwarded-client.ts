// For whom a proxy speaks that terminates HTTP: X-Forwarded-For, to which each proxy on the way appends the address that it was called from. What a
// client wrote there itself is at the beginning, so it is read from the end: the first that is not one of our proxies is the client. A certificate is
// that of whoever shook hands, which is the proxy: it says nothing of the client behind it.
import { isIP } from 'node:net';
import type { PeerInfo } from 'hexmq/ports';
import { formatAddress, plainAddress } from '../sockets/address.js';
import type { TrustedProxies } from '../sockets/trusted-proxies.js';

/** @throws Error when a proxy that is trusted does not say whom it speaks for, or says what is no address. */
export function forwardedClient(peer: PeerInfo, header: string | undefined, trusted: TrustedProxies): PeerInfo {
  if (!trusted.has(peer.ipAddress)) return peer;
  if (header === undefined) throw new Error('the proxy sent no X-Forwarded-For, expected the address of its client');
  const hops = header.split(',').map((hop) => hop.trim());
  for (const hop of hops.reverse()) {
    const client = parseHop(hop);
    if (!trusted.has(client.ipAddress)) return client;
  }
  // All of them are proxies: the first of them is the client.
  return parseHop(hops.at(-1) ?? '');
}

/** An address, with a port or without: `192.0.2.7`, `192.0.2.7:5000`, `2001:db8::7`, `[2001:db8::7]:5000`. */
function parseHop(hop: string): PeerInfo & { readonly ipAddress: string } {
  const [, bracketed, ipv4, port] = /^(?:\[(.+)\]|([\d.]+))(?::(\d{1,5}))?$/.exec(hop) ?? [];
  const address = bracketed ?? ipv4 ?? hop;
  if (isIP(address) === 0)
    throw new Error('the proxy sent an X-Forwarded-For that is not valid, expected addresses with commas between');
  const ipAddress = plainAddress(address);
  return { remoteAddress: port === undefined ? ipAddress : formatAddress(address, Number(port)), ipAddress };
}
