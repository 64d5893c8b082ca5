// The two ends of a socket, formatted for humans and for access rules.
import type { Socket } from 'node:net';
import { formatAddress, plainAddress } from 'hexmq/ports';
import type { PeerInfo } from 'hexmq/ports';

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
