// Network addresses, formatted for humans and for access rules.
import type { Socket } from 'node:net';
import type { PeerInfo } from 'hexmq/ports';

/** `127.0.0.1:1883`, `[::1]:1883`. An IPv4 peer of an IPv6 socket is shown as IPv4. */
export function formatAddress(address: string, port: number): string {
  const plain = plainAddress(address);
  return plain.includes(':') ? `[${plain}]:${port}` : `${plain}:${port}`;
}

/** Turns an IPv4-mapped IPv6 address (`::ffff:192.0.2.7`), as IPv6 sockets report it, into IPv4. */
export function plainAddress(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice('::ffff:'.length) : address;
}

/** For humans; `unknown` if the peer has already gone. */
export function addressOf({ remoteAddress, remotePort }: Socket): string {
  return remoteAddress === undefined || remotePort === undefined ? 'unknown' : formatAddress(remoteAddress, remotePort);
}

export function ipAddressOf({ remoteAddress }: Socket): string | undefined {
  return remoteAddress === undefined ? undefined : plainAddress(remoteAddress);
}

export function peerOf(socket: Socket): PeerInfo {
  return { remoteAddress: addressOf(socket), ipAddress: ipAddressOf(socket) };
}
