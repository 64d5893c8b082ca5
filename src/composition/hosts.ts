// The hosts of listeners as they are written in a configuration: which texts can be one, and which of them are the same
// address for the operating system.
import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net';

/** One label of a host name (RFC 1123); underscores are not allowed there, and are in use. */
const LABEL = /^[a-z\d_]([a-z\d_-]*[a-z\d_])?$/i;
const NAME_CHARACTERS_MAX = 253;
const LABEL_CHARACTERS_MAX = 63;

/** An IPv4 or IPv6 address, the latter also with a zone, or a name that can be resolved. */
export function isHost(text: string): boolean {
  const [address = '', zone] = text.split('%');
  if (zone !== undefined) return isIPv6(address) && /^[\w.-]+$/.test(zone);
  if (isIP(text) !== 0) return true;
  const labels = text.replace(/\.$/, '').split('.');
  // A name of numbers alone would be an address, and is none.
  return (
    text.length <= NAME_CHARACTERS_MAX &&
    labels.every((label) => label.length <= LABEL_CHARACTERS_MAX && LABEL.test(label)) &&
    !/^\d+$/.test(labels.at(-1) ?? '')
  );
}

export function isLoopback(host: string): boolean {
  const name = host.toLowerCase();
  if (name === 'localhost') return true;
  const address = plain(name);
  return isIPv4(address) ? address.startsWith('127.') : isSameIPv6(address, '::1');
}

/** Whether the operating system refuses a second listener at `b` on the port of one at `a`. */
export function overlap(a: string, b: string): boolean {
  return addressesOf(a).some((one) => addressesOf(b).some((other) => isOverlapping(one, other)));
}

/** Only names that mean the same everywhere are resolved. */
function addressesOf(host: string): readonly string[] {
  const name = host.toLowerCase();
  return name === 'localhost' ? ['127.0.0.1', '::1'] : [plain(name)];
}

function isOverlapping(a: string, b: string): boolean {
  // A listener on all IPv6 addresses takes connections over IPv4 as well.
  if (isSameIPv6(a, '::') || isSameIPv6(b, '::')) return isIP(a) !== 0 && isIP(b) !== 0;
  if (isIPv4(a) && isIPv4(b)) return a === b || a === '0.0.0.0' || b === '0.0.0.0';
  return a === b || isSameIPv6(a, b);
}

/** Without the form in which IPv6 writes an IPv4 address. */
const plain = (address: string): string => {
  const mapped = /^::ffff:(.+)$/.exec(address)?.[1] ?? '';
  return isIPv4(mapped) ? mapped : address;
};

/** However the two are abbreviated. */
function isSameIPv6(a: string, b: string): boolean {
  if (!isIPv6(a) || !isIPv6(b)) return false;
  const [addressA = '', zoneA] = a.split('%');
  const [addressB = '', zoneB] = b.split('%');
  if (zoneA !== zoneB) return false;
  const list = new BlockList();
  list.addAddress(addressA, 'ipv6');
  return list.check(addressB, 'ipv6');
}
