// Limits on opening connections: how many a second, how many whose CONNECT has not been accepted yet, and both per
// address. It is checked before anything is read from a connection, so a refusal costs next to nothing; the peer gets
// no answer, because it has sent nothing to answer.
//
// For a connection through a proxy the client's address is known only later: until then it counts against all limits
// except those of an address.
//
// Connections of an address are counted with a limit or without, so that a limit set by a reload counts those that are
// already there. Its rate is remembered while there is one and it has not recovered. A peer with many addresses (every
// IPv6 /64 network is one) can make the limiter remember the rates of `ADDRESSES_MAX` of them; beyond that the oldest
// are forgotten.
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

/** Addresses whose rate is remembered. */
const ADDRESSES_MAX = 100_000;

export class ConnectionLimiter {
  readonly #limits: () => ConnectionRateLimits;
  #rate: TokenBucket | undefined;
  #pending = 0;
  /** By network prefix; those without connections are absent. */
  readonly #connections = new Map<string, number>();
  /** By network prefix, ordered by the most recent connection, oldest first. */
  readonly #rates = new Map<string, TokenBucket>();

  /** @param limits returns those in force. They apply to new connections; open ones stay. */
  constructor(limits: () => ConnectionRateLimits) {
    this.#limits = limits;
  }

  /**
   * Whether one more connection is allowed; if so, call `add`.
   * @param ipAddress `undefined` if there is none (a local connection) or it is not known yet (behind a proxy).
   * @returns the limit that refuses it, or `undefined`.
   */
  check(ipAddress: string | undefined, nowMs: number): ConnectionLimitReason | undefined {
    const { maxPendingConnections, maxConnectRate } = this.#limits();
    if (maxPendingConnections !== undefined && this.#pending >= maxPendingConnections)
      return 'too-many-pending-connections';
    const reason = this.checkAddress(ipAddress, nowMs);
    if (reason !== undefined) return reason;
    // Last, so that a single address that floods the listener does not use up the rate that all share.
    this.#rate = TokenBucket.at(maxConnectRate, this.#rate, nowMs);
    return this.#rate !== undefined && this.#rate.waitMs(nowMs) > 0 ? 'connect-rate' : undefined;
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
    const { maxConnectRatePerAddress, maxConnectionsPerAddress } = this.#limits();
    if (ipAddress === undefined || (maxConnectRatePerAddress === undefined && maxConnectionsPerAddress === undefined))
      return undefined;
    const network = networkPrefix(ipAddress);
    if (maxConnectionsPerAddress !== undefined && (this.#connections.get(network) ?? 0) >= maxConnectionsPerAddress)
      return 'too-many-connections-of-address';
    const rate = this.#rates.get(network);
    // A bucket with another rate is from before a reload.
    if (rate?.perS === maxConnectRatePerAddress && (rate?.waitMs(nowMs) ?? 0) > 0) return 'connect-rate-of-address';
    return undefined;
  }

  addAddress(ipAddress: string | undefined, nowMs: number): void {
    if (ipAddress === undefined) return;
    const network = networkPrefix(ipAddress);
    this.#connections.set(network, (this.#connections.get(network) ?? 0) + 1);
    const rate = TokenBucket.at(this.#limits().maxConnectRatePerAddress, this.#rates.get(network), nowMs);
    this.#rates.delete(network);
    if (rate === undefined) return;
    this.#rates.set(network, rate);
    rate.take(1, nowMs);
    if (this.#rates.size > ADDRESSES_MAX) this.#prune(nowMs);
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
    const left = (this.#connections.get(network) ?? 0) - 1;
    if (left > 0) {
      this.#connections.set(network, left);
      return;
    }
    this.#connections.delete(network);
    if (this.#rates.get(network)?.isFull(nowMs) === true) this.#rates.delete(network);
  }

  /** Forgets addresses whose rate has recovered and, if that is not enough, the oldest. */
  #prune(nowMs: number): void {
    for (const [network, rate] of this.#rates) if (rate.isFull(nowMs)) this.#rates.delete(network);
    for (const network of this.#rates.keys()) {
      if (this.#rates.size <= ADDRESSES_MAX / 2) return;
      this.#rates.delete(network);
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
