// Network addresses as the broker shows them: in the log, in the ready line, and as the peer of a connection.

/**
 * The longest path of a Unix socket that every system accepts, in bytes (`sun_path` has 104 on macOS, with the final
 * zero).
 */
export const UNIX_PATH_BYTES_MAX = 103;

/**
 * Turns an IPv4-mapped IPv6 address (`::ffff:192.0.2.7`, RFC 4291 section 2.5.5.2) into IPv4; others stay as they are.
 */
export function plainAddress(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice('::ffff:'.length) : address;
}

/** `127.0.0.1:1883`, `[::1]:1883`. An IPv4-mapped address is shown as IPv4. */
export function formatAddress(address: string, port: number): string {
  const plain = plainAddress(address);
  return plain.includes(':') ? `[${plain}]:${port}` : `${plain}:${port}`;
}
