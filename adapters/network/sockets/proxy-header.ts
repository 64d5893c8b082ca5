// The header that a proxy puts before the bytes of its client, in both versions of the PROXY protocol (the specification of HAProxy, 2.2). It
// decides what is one and whom it names; whose word is taken is decided elsewhere. Pure functions of the bytes that have come so far.
import { isIPv4, isIPv6 } from 'node:net';
import type { PeerInfo } from 'hexmq/ports';
import { formatAddress, plainAddress } from './address.js';

const V1_START = Buffer.from('PROXY ');
/** Of the specification, with the line's end. */
const V1_BYTES_MAX = 107;
const V2_START = Buffer.from([0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a]);
const V2_FIXED_BYTES = 16;
/** Addresses take 216 at most; the rest is for what proxies say besides, which is passed over. */
const V2_REST_BYTES_MAX = 4096;

/** Bytes that are no PROXY header, or not one that can be served. */
export class ProxyHeaderError extends Error {
  override readonly name = 'ProxyHeaderError';
}

export interface ProxyHeader {
  /** Bytes that it takes; what follows is the client's. */
  readonly length: number;
  /** `undefined`: the proxy speaks for itself, or does not know. */
  readonly client: PeerInfo | undefined;
}

export type HeaderStart = 1 | 2 | 'another' | 'too-short-to-tell';

export function recognizeStart(bytes: Buffer): HeaderStart {
  for (const [version, start] of [
    [1, V1_START],
    [2, V2_START],
  ] as const) {
    const common = Math.min(bytes.length, start.length);
    if (bytes.compare(start, 0, common, 0, common) === 0)
      return common === start.length ? version : 'too-short-to-tell';
  }
  return 'another';
}

/**
 * @returns `undefined` while there is not enough of it.
 * @throws ProxyHeaderError
 */
export function parseProxyHeader(bytes: Buffer): ProxyHeader | undefined {
  const beginning = recognizeStart(bytes);
  switch (beginning) {
    case 1:
      return parseV1(bytes);
    case 2:
      return parseV2(bytes);
    case 'another':
      throw new ProxyHeaderError('the proxy sent no PROXY header, expected one at the beginning of every connection');
    case 'too-short-to-tell':
      return undefined;
  }
}

function parseV1(bytes: Buffer): ProxyHeader | undefined {
  const end = bytes.subarray(0, V1_BYTES_MAX).indexOf('\r\n');
  if (end < 0) {
    if (bytes.length >= V1_BYTES_MAX)
      throw new ProxyHeaderError(`a PROXY line without an end in ${V1_BYTES_MAX} bytes`);
    return undefined;
  }
  const length = end + 2;
  const [, family, source = '', destination = '', sourcePort = '', destinationPort = '', ...rest] = bytes
    .toString('latin1', 0, end)
    .split(' ');
  // Whatever follows the word is to be passed over.
  if (family === 'UNKNOWN') return { length, client: undefined };
  const isAddress = family === 'TCP4' ? isIPv4 : family === 'TCP6' ? isIPv6 : undefined;
  if (isAddress === undefined)
    throw new ProxyHeaderError('a PROXY line of an unknown family, expected TCP4, TCP6 or UNKNOWN');
  if (
    !isAddress(source) ||
    !isAddress(destination) ||
    !isPort(sourcePort) ||
    !isPort(destinationPort) ||
    rest.length > 0
  ) {
    throw new ProxyHeaderError(
      `a PROXY line that is not valid, expected PROXY ${family} and two addresses and two ports`,
    );
  }
  return { length, client: clientAt(source, Number(sourcePort)) };
}

const isPort = (text: string): boolean => /^(0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535;

function parseV2(bytes: Buffer): ProxyHeader | undefined {
  if (bytes.length < V2_FIXED_BYTES) return undefined;
  const [versionAndCommand = 0, familyAndTransport = 0] = bytes.subarray(V2_START.length);
  const rest = bytes.readUInt16BE(14);
  if (versionAndCommand >> 4 !== 2)
    throw new ProxyHeaderError(`a binary PROXY header of version ${versionAndCommand >> 4}, expected 2`);
  const command = versionAndCommand & 0x0f;
  if (command > 1)
    throw new ProxyHeaderError(`a PROXY header with command ${command}, expected 0 (LOCAL) or 1 (PROXY)`);
  if (rest > V2_REST_BYTES_MAX)
    throw new ProxyHeaderError(`a PROXY header that announces ${rest} bytes, expected ${V2_REST_BYTES_MAX} at most`);
  const length = V2_FIXED_BYTES + rest;
  if (bytes.length < length) return undefined;
  // LOCAL: a proxy that asks whether we are there. Its addresses are to be passed over.
  return {
    length,
    client: command === 0 ? undefined : clientOfV2(familyAndTransport, bytes.subarray(V2_FIXED_BYTES, length)),
  };
}

function clientOfV2(familyAndTransport: number, rest: Buffer): PeerInfo | undefined {
  const needed = (least: number): void => {
    if (rest.length < least)
      throw new ProxyHeaderError(`a PROXY header with ${rest.length} bytes of addresses, expected ${least} at least`);
  };
  switch (familyAndTransport) {
    case 0x00: // unspecified
      return undefined;
    case 0x11: // TCP over IPv4
      needed(12);
      return clientAt(rest.subarray(0, 4).join('.'), rest.readUInt16BE(8));
    case 0x21: // TCP over IPv6
      needed(36);
      return clientAt(ipv6(rest.subarray(0, 16)), rest.readUInt16BE(32));
    case 0x31: // a Unix socket
      needed(216);
      return { remoteAddress: `unix:${unixPath(rest.subarray(0, 108))}` };
    default:
      throw new ProxyHeaderError(
        `a PROXY header of family and transport 0x${familyAndTransport.toString(16).padStart(2, '0')}, expected a stream over IPv4, IPv6 or Unix sockets`,
      );
  }
}

function clientAt(address: string, port: number): PeerInfo {
  return { remoteAddress: formatAddress(address, port), ipAddress: plainAddress(address) };
}

/** As the operating system writes it. */
function ipv6(bytes: Buffer): string {
  if (bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff)
    return `::ffff:${bytes.subarray(12).join('.')}`;
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2).toString(16));
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}

/** A name in the abstract namespace begins with a zero; it and whatever is not printable is left out. */
function unixPath(bytes: Buffer): string {
  const text = bytes.toString('latin1');
  const end = text.indexOf('\0', 1);
  return (end < 0 ? text : text.slice(0, end)).replace(/[^\x21-\x7e]/g, '');
}
