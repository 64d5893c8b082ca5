// Addresses, for people and for rules.
import type { Socket } from 'node:net';

/** `127.0.0.1:1883`, `[::1]:1883`. An IPv4 peer of an IPv6 socket is shown as what it is. */
export function formatAddress(address: string, port: number): string {
  const plain = plainAddress(address);
  return plain.includes(':') ? `[${plain}]:${port}` : `${plain}:${port}`;
}

export function ipAddressOf({ remoteAddress }: Socket): string | undefined {
  return remoteAddress === undefined ? undefined : plainAddress(remoteAddress);
}

/** An IPv4 address that an IPv6 socket reports is IPv4. */
function plainAddress(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice('::ffff:'.length) : address;
}
