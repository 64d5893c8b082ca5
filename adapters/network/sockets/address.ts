// Addresses, for people and for rules.
import type { Socket } from 'node:net';
import type { PeerInfo } from 'hexmq/ports';

/** `127.0.0.1:1883`, `[::1]:1883`. An IPv4 peer of an IPv6 socket is shown as what it is. */
export function formatAddress(address: string, port: number): string {
  const plain = plainAddress(address);
  return plain.includes(':') ? `[${plain}]:${port}` : `${plain}:${port}`;
}

/** An IPv4 address that an IPv6 socket reports is IPv4. */
export function plainAddress(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice('::ffff:'.length) : address;
}

/** For people. A peer can be gone before we ask who it is. */
export function addressOf({ remoteAddress, remotePort }: Socket): string {
  return remoteAddress === undefined || remotePort === undefined ? 'unknown' : formatAddress(remoteAddress, remotePort);
}

export function ipAddressOf({ remoteAddress }: Socket): string | undefined {
  return remoteAddress === undefined ? undefined : plainAddress(remoteAddress);
}

export function peerOf(socket: Socket): PeerInfo {
  return { remoteAddress: addressOf(socket), ipAddress: ipAddressOf(socket) };
}
