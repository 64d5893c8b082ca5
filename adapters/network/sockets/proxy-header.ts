// Parser of the PROXY protocol, versions 1 (text) and 2 (binary), in which a proxy names its client before the client's
// bytes (HAProxy's specification of the PROXY protocol, sections 2.1 and 2.2). Pure functions of the bytes received so
// far; which peers may send a header is decided elsewhere.
import { isIPv4, isIPv6 } from 'node:net';
import type { PeerInfo } from 'hexmq/ports';
import { formatAddress, plainAddress } from 'hexmq/ports';

const V1_START = Buffer.from('PROXY ');
/** Section 2.1, line end included. */
const V1_BYTES_MAX = 107;
const V2_START = Buffer.from([0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a]);
const V2_FIXED_BYTES = 16;
/** Addresses take 216 bytes at most; the rest leaves room for extensions (TLV), which are ignored. */
const V2_REST_BYTES_MAX = 4096;

/** The bytes are not a PROXY header, or name a client that cannot be served. */
export class ProxyHeaderError extends Error {
  override readonly name = 'ProxyHeaderError';
}

export interface ProxyHeader {
  /** Length of the header in bytes; the client's bytes follow. */
  readonly length: number;
  /** `undefined` if the proxy connects for itself (a health check), or does not know its client. */
  readonly client: PeerInfo | undefined;
}

/** The protocol version that the bytes begin with. */
export type HeaderStart = 1 | 2 | 'no-header' | 'incomplete';

export function recognizeStart(bytes: Buffer): HeaderStart {
  for (const [version, start] of [
    [1, V1_START],
    [2, V2_START],
  ] as const) {
    const common = Math.min(bytes.length, start.length);
    if (bytes.compare(start, 0, common, 0, common) === 0) return common === start.length ? version : 'incomplete';
  }
  return 'no-header';
}

/**
 * @returns `undefined` while the header is incomplete.
 * @throws ProxyHeaderError whose message says what is wrong.
 */
export function parseProxyHeader(bytes: Buffer): ProxyHeader | undefined {
  switch (recognizeStart(bytes)) {
    case 1:
      return parseV1(bytes);
    case 2:
      return parseV2(bytes);
    case 'no-header':
      throw new ProxyHeaderError('the proxy sent no PROXY header, expected one at the start of every connection');
    case 'incomplete':
      return undefined;
  }
}

function parseV1(bytes: Buffer): ProxyHeader | undefined {
  const end = bytes.subarray(0, V1_BYTES_MAX).indexOf('\r\n');
  if (end < 0) {
    if (bytes.length >= V1_BYTES_MAX)
      throw new ProxyHeaderError(`a PROXY line without a line end within ${V1_BYTES_MAX} bytes`);
    return undefined;
  }
  const length = end + 2;
  const [, family, source = '', destination = '', sourcePort = '', destinationPort = '', ...rest] = bytes
    .toString('latin1', 0, end)
    .split(' ');
  // The specification requires everything after UNKNOWN to be ignored.
  if (family === 'UNKNOWN') return { length, client: undefined };
  const isAddress = family === 'TCP4' ? isIPv4 : family === 'TCP6' ? isIPv6 : undefined;
  if (isAddress === undefined)
    throw new ProxyHeaderError('a PROXY line with an unknown address family, expected TCP4, TCP6 or UNKNOWN');
  if (
    !isAddress(source) ||
    !isAddress(destination) ||
    !isPort(sourcePort) ||
    !isPort(destinationPort) ||
    rest.length > 0
  ) {
    throw new ProxyHeaderError(
      `an invalid PROXY line, expected PROXY ${family} followed by two addresses and two ports`,
    );
  }
  return { length, client: clientAt(source, Number(sourcePort)) };
}

const isPort = (text: string): boolean => /^(0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535;

function parseV2(bytes: Buffer): ProxyHeader | undefined {
  if (bytes.length < V2_FIXED_BYTES) return undefined;
  const [versionAndCommand = 0, familyAndTransport = 0] = bytes.subarray(V2_START.length);
  const restLength = bytes.readUInt16BE(14);
  if (versionAndCommand >> 4 !== 2)
    throw new ProxyHeaderError(`a binary PROXY header with version ${versionAndCommand >> 4}, expected 2`);
  const command = versionAndCommand & 0x0f;
  if (command > 1)
    throw new ProxyHeaderError(`a PROXY header with command ${command}, expected 0 (LOCAL) or 1 (PROXY)`);
  if (restLength > V2_REST_BYTES_MAX)
    throw new ProxyHeaderError(
      `a PROXY header that announces ${restLength} bytes, expected at most ${V2_REST_BYTES_MAX}`,
    );
  const length = V2_FIXED_BYTES + restLength;
  if (bytes.length < length) return undefined;
  // LOCAL: a health check by the proxy itself; its addresses must be ignored.
  return {
    length,
    client: command === 0 ? undefined : clientOfV2(familyAndTransport, bytes.subarray(V2_FIXED_BYTES, length)),
  };
}

function clientOfV2(familyAndTransport: number, addresses: Buffer): PeerInfo | undefined {
  const requireBytes = (min: number): void => {
    if (addresses.length < min)
      throw new ProxyHeaderError(`a PROXY header with ${addresses.length} address bytes, expected at least ${min}`);
  };
  switch (familyAndTransport) {
    case 0x00: // unspecified
      return undefined;
    case 0x11: // TCP over IPv4
      requireBytes(12);
      return clientAt(addresses.subarray(0, 4).join('.'), addresses.readUInt16BE(8));
    case 0x21: // TCP over IPv6
      requireBytes(36);
      return clientAt(ipv6(addresses.subarray(0, 16)), addresses.readUInt16BE(32));
    case 0x31: // stream over a Unix socket
      requireBytes(216);
      return { remoteAddress: `unix:${unixPath(addresses.subarray(0, 108))}` };
    default:
      throw new ProxyHeaderError(
        `a PROXY header with family and transport 0x${familyAndTransport.toString(16).padStart(2, '0')}, ` +
          'expected a stream over IPv4, IPv6 or a Unix socket',
      );
  }
}

function clientAt(address: string, port: number): PeerInfo {
  return { remoteAddress: formatAddress(address, port), ipAddress: plainAddress(address) };
}

/** In the notation of the operating system (RFC 5952), so that equal addresses are equal strings. */
function ipv6(bytes: Buffer): string {
  if (bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff)
    return `::ffff:${bytes.subarray(12).join('.')}`;
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2).toString(16));
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}

/** Drops the leading zero of the abstract namespace, and everything that is not printable ASCII. */
function unixPath(bytes: Buffer): string {
  const text = bytes.toString('latin1');
  const end = text.indexOf('\0', 1);
  return (end < 0 ? text : text.slice(0, end)).replace(/[^\x21-\x7e]/g, '');
}
