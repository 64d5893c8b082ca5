// Addresses for people.

/** `127.0.0.1:1883`, `[::1]:1883`. An IPv4 peer of an IPv6 socket is shown as what it is. */
export function formatAddress(address: string, port: number): string {
  if (!address.includes(':')) return `${address}:${port}`;
  if (address.startsWith('::ffff:') && address.includes('.')) return `${address.slice('::ffff:'.length)}:${port}`;
  return `[${address}]:${port}`;
}
