// Limits on opening connections: how many a second, how many whose CONNECT has not been accepted yet, and both per
// address. It is checked before anything is read from a connection, so a refusal costs next to nothing; the peer gets
// no answer, because it has sent nothing to answer.
//
// For a connection through a proxy the client's address is known only later: until then it counts against all limits
// except those of an address.
//
// An address is remembered only while it matters: while it has connections, or while its rate has not recovered. A
// peer with many addresses (every IPv6 /64 network is one) can make the limiter remember `ADDRESSES_MAX` of them;
// beyond that the oldest are forgotten.
import type { ConnectionLimits } from '../domain/limits.js';
import type { RefusalReason } from '../domain/reasons.js';
import { TokenBucket } from './token-bucket.js';

export type ConnectionRateLimits = Partial<
  Pick<
    ConnectionLimits,
    'maxPendingConnections' | 'maxConnectRate' | 'maxConnectRatePerAddress' | 'maxConnectionsPerAddress'
  >
>;

export type ConnectionLimitReason = Extract<
  RefusalReason,
  'too-many-pending-connections' | 'connect-rate' | 'connect-rate-of-address' | 'too-many-connections-of-address'
>;

/** Remembered addresses; those with open connections are kept beyond it. */
const ADDRESSES_MAX = 100_000;

interface AddressEntry {
  connections: number;
  rate: TokenBucket | undefined;
}

export class ConnectionLimiter {
  #limits: ConnectionRateLimits;
  #rate: TokenBucket | undefined;
  #pending = 0;
  /** By network prefix, ordered by the most recent connection, oldest first. */
  readonly #addresses = new Map<string, AddressEntry>();

  constructor(limits: ConnectionRateLimits) {
    this.#limits = limits;
  }

  /** Applies to new connections; open ones stay. A rate that changes starts with a full bucket. */
  set limits(limits: ConnectionRateLimits) {
    if (limits.maxConnectRate !== this.#limits.maxConnectRate) this.#rate = undefined;
    if (limits.maxConnectRatePerAddress !== this.#limits.maxConnectRatePerAddress)
      for (const entry of this.#addresses.values()) entry.rate = undefined;
    this.#limits = limits;
  }

  /**
   * Whether one more connection is allowed; if so, call `add`.
   * @param ipAddress `undefined` if there is none (a local connection) or it is not known yet (behind a proxy).
   * @returns the limit that refuses it, or `undefined`.
   */
  check(ipAddress: string | undefined, nowMs: number): ConnectionLimitReason | undefined {
    const { maxPendingConnections, maxConnectRate } = this.#limits;
    if (maxPendingConnections !== undefined && this.#pending >= maxPendingConnections)
      return 'too-many-pending-connections';
    const reason = this.checkAddress(ipAddress, nowMs);
    if (reason !== undefined) return reason;
    // Last, so that a single address that floods the listener does not use up the rate that all share.
    if (maxConnectRate !== undefined) {
      this.#rate ??= new TokenBucket(maxConnectRate, nowMs);
      if (this.#rate.waitMs(nowMs) > 0) return 'connect-rate';
    }
    return undefined;
  }

  /** Counts a connection as pending. */
  add(ipAddress: string | undefined, nowMs: number): void {
    this.#pending++;
    this.#rate?.take(1, nowMs);
    this.addAddress(ipAddress, nowMs);
  }

  /**
   * Whether a connection that was added without an address may stay, now that the address is known. If so, call
   * `addAddress`; otherwise `remove` it without an address.
   */
  checkAddress(ipAddress: string | undefined, nowMs: number): ConnectionLimitReason | undefined {
    const { maxConnectRatePerAddress, maxConnectionsPerAddress } = this.#limits;
    const entry = ipAddress === undefined ? undefined : this.#addresses.get(networkPrefix(ipAddress));
    if (entry === undefined) return undefined;
    if (maxConnectionsPerAddress !== undefined && entry.connections >= maxConnectionsPerAddress)
      return 'too-many-connections-of-address';
    if (maxConnectRatePerAddress !== undefined && (entry.rate?.waitMs(nowMs) ?? 0) > 0)
      return 'connect-rate-of-address';
    return undefined;
  }

  addAddress(ipAddress: string | undefined, nowMs: number): void {
    const { maxConnectRatePerAddress, maxConnectionsPerAddress } = this.#limits;
    if (ipAddress === undefined || (maxConnectRatePerAddress === undefined && maxConnectionsPerAddress === undefined))
      return;
    const network = networkPrefix(ipAddress);
    const entry = this.#addresses.get(network) ?? { connections: 0, rate: undefined };
    this.#addresses.delete(network);
    this.#addresses.set(network, entry);
    entry.connections++;
    if (maxConnectRatePerAddress !== undefined)
      (entry.rate ??= new TokenBucket(maxConnectRatePerAddress, nowMs)).take(1, nowMs);
    if (this.#addresses.size > ADDRESSES_MAX) this.#prune(nowMs);
  }

  /** Moves a connection from pending to established. */
  established(): void {
    this.#pending--;
  }

  /** @param ipAddress as given to `add` or `addAddress`. */
  remove(ipAddress: string | undefined, wasEstablished: boolean, nowMs: number): void {
    if (!wasEstablished) this.#pending--;
    if (ipAddress === undefined) return;
    const network = networkPrefix(ipAddress);
    const entry = this.#addresses.get(network);
    // The limit may have been set after the connection was opened.
    if (entry === undefined || entry.connections === 0) return;
    entry.connections--;
    if (entry.connections === 0 && (entry.rate === undefined || entry.rate.isFull(nowMs)))
      this.#addresses.delete(network);
  }

  /**
   * Forgets addresses whose rate has recovered and, if that is not enough, the oldest. An address with connections is
   * never forgotten: their number is bounded by the number of connections.
   */
  #prune(nowMs: number): void {
    const idle = [...this.#addresses].filter(([, { connections }]) => connections === 0);
    for (const [network, { rate }] of idle)
      if (rate === undefined || rate.isFull(nowMs)) this.#addresses.delete(network);
    for (const [network] of idle) {
      if (this.#addresses.size <= ADDRESSES_MAX / 2) return;
      this.#addresses.delete(network);
    }
  }
}

/**
 * The unit that is counted: an IPv4 address, or the first 64 bits of an IPv6 address, which one host owns as a whole.
 */
export function networkPrefix(ipAddress: string): string {
  if (!ipAddress.includes(':')) return ipAddress;
  // A zone (`%eth0`) names an interface of this machine.
  const [address = ''] = ipAddress.split('%');
  const [head = '', tail] = address.split('::');
  const groups = head === '' ? [] : head.split(':');
  const rest = tail === undefined || tail === '' ? [] : tail.split(':');
  // An IPv4 suffix stands for two groups, but never lies within the first four.
  while (tail !== undefined && groups.length + rest.length < 8) groups.push('0');
  return [...groups, ...rest]
    .slice(0, 4)
    .map((group) => group.toLowerCase().replace(/^0+(?=.)/, ''))
    .join(':');
}
