// Who may open a connection: how many a second, how many that have not said yet who they are, and both for each address. It is asked when a connection
// arrives, before anything is read of it, so one that is refused costs next to nothing; there is no answer to it either, for nobody has asked anything yet.
// Of a connection that a proxy opened the address is known later: until then it counts for all limits but those of an address.
//
// Addresses are remembered only as long as they count: while they have connections, or a rate that is not paid. A stranger with many addresses
// (every IPv6 network of 64 bits is one) can make it remember so many, then the oldest are forgotten.
import type { Limits } from '../domain/connect/limits.js';
import type { RefusalReason } from '../domain/reasons.js';
import { TokenBucket } from './token-bucket.js';

export type ConnectionRateLimits = Partial<
  Pick<Limits, 'maxPendingConnections' | 'maxConnectRate' | 'maxConnectRatePerAddress' | 'maxConnectionsPerAddress'>
>;

export type ConnectionLimitReason = Extract<
  RefusalReason,
  'too-many-pending-connections' | 'connect-rate' | 'connect-rate-of-address' | 'too-many-connections-of-address'
>;

/** Addresses without a connection whose rate is remembered. */
const ADDRESSES_MAX = 100_000;

interface Address {
  connections: number;
  rate: TokenBucket | undefined;
}

export class ConnectionLimiter {
  #limits: ConnectionRateLimits;
  #rate: TokenBucket | undefined;
  #pending = 0;
  /** In the order of their last connection. */
  readonly #addresses = new Map<string, Address>();

  constructor(limits: ConnectionRateLimits) {
    this.#limits = limits;
  }

  /** From now on. Who is in stays in. */
  set limits(limits: ConnectionRateLimits) {
    if (limits.maxConnectRate !== this.#limits.maxConnectRate) this.#rate = undefined;
    if (limits.maxConnectRatePerAddress !== this.#limits.maxConnectRatePerAddress)
      for (const address of this.#addresses.values()) address.rate = undefined;
    this.#limits = limits;
  }

  /**
   * Whether one more may come in from there; it has to be told to `opened` then.
   * @param ipAddress `undefined`: from this machine, not by network; or not known yet.
   */
  check(ipAddress: string | undefined, nowMs: number): ConnectionLimitReason | undefined {
    const { maxPendingConnections, maxConnectRate } = this.#limits;
    if (maxPendingConnections !== undefined && this.#pending >= maxPendingConnections)
      return 'too-many-pending-connections';
    const refusal = this.checkAddress(ipAddress, nowMs);
    if (refusal !== undefined) return refusal;
    // Last, so that one address that floods does not use up what all have.
    if (maxConnectRate !== undefined) {
      this.#rate ??= new TokenBucket(maxConnectRate, nowMs);
      if (this.#rate.waitMs(nowMs) > 0) return 'connect-rate';
    }
    return undefined;
  }

  add(ipAddress: string | undefined, nowMs: number): void {
    this.#pending++;
    this.#rate?.take(1, nowMs);
    this.addAddress(ipAddress, nowMs);
  }

  /** Whether one that is in may stay, now that its address is known; it has to be told to `openedFrom` then, and otherwise to `closed`. */
  checkAddress(ipAddress: string | undefined, nowMs: number): ConnectionLimitReason | undefined {
    const { maxConnectRatePerAddress, maxConnectionsPerAddress } = this.#limits;
    const address = ipAddress === undefined ? undefined : this.#addresses.get(networkPrefix(ipAddress));
    if (address === undefined) return undefined;
    if (maxConnectionsPerAddress !== undefined && address.connections >= maxConnectionsPerAddress)
      return 'too-many-connections-of-address';
    if (maxConnectRatePerAddress !== undefined && (address.rate?.waitMs(nowMs) ?? 0) > 0)
      return 'connect-rate-of-address';
    return undefined;
  }

  addAddress(ipAddress: string | undefined, nowMs: number): void {
    const { maxConnectRatePerAddress, maxConnectionsPerAddress } = this.#limits;
    if (ipAddress === undefined || (maxConnectRatePerAddress === undefined && maxConnectionsPerAddress === undefined))
      return;
    const network = networkPrefix(ipAddress);
    const address = this.#addresses.get(network) ?? { connections: 0, rate: undefined };
    this.#addresses.delete(network);
    this.#addresses.set(network, address);
    address.connections++;
    if (maxConnectRatePerAddress !== undefined)
      (address.rate ??= new TokenBucket(maxConnectRatePerAddress, nowMs)).take(1, nowMs);
    if (this.#addresses.size > ADDRESSES_MAX) this.#forget(nowMs);
  }

  /** It was accepted: it is known who it is. */
  established(): void {
    this.#pending--;
  }

  /** @param ipAddress as it was told. */
  remove(ipAddress: string | undefined, wasEstablished: boolean, nowMs: number): void {
    if (!wasEstablished) this.#pending--;
    if (ipAddress === undefined) return;
    const network = networkPrefix(ipAddress);
    const address = this.#addresses.get(network);
    // The limit may have come after the connection.
    if (address === undefined || address.connections === 0) return;
    address.connections--;
    if (address.connections === 0 && (address.rate === undefined || address.rate.isFull(nowMs)))
      this.#addresses.delete(network);
  }

  /** Those whose rate is paid, and if that is not enough, the oldest. One that has connections is never forgotten: there are only so many of those. */
  #forget(nowMs: number): void {
    const free = [...this.#addresses].filter(([, { connections }]) => connections === 0);
    for (const [network, { rate }] of free)
      if (rate === undefined || rate.isFull(nowMs)) this.#addresses.delete(network);
    for (const [network] of free) {
      if (this.#addresses.size <= ADDRESSES_MAX / 2) return;
      this.#addresses.delete(network);
    }
  }
}

/** Whoever has one address of an IPv6 network has 2^64 of them. */
export function networkPrefix(ipAddress: string): string {
  if (!ipAddress.includes(':')) return ipAddress;
  // What is behind % is the interface of this machine.
  const [address = ''] = ipAddress.split('%');
  const [head = '', tail] = address.split('::');
  const groups = head === '' ? [] : head.split(':');
  const rest = tail === undefined || tail === '' ? [] : tail.split(':');
  // An IPv4 address at the end stands for two groups; nothing of it is in the first four.
  while (tail !== undefined && groups.length + rest.length < 8) groups.push('0');
  return [...groups, ...rest]
    .slice(0, 4)
    .map((group) => group.toLowerCase().replace(/^0+(?=.)/, ''))
    .join(':');
}
