// The connection limiter, and the network that an address is counted by.
import { describe, expect, test } from '@jest/globals';
import { ConnectionLimiter, networkPrefix } from '../../../src/application/connection-limiter.js';
import type { ConnectionRateLimits } from '../../../src/application/connection-limiter.js';

/** Opens connections from one address at one moment; for each, the limit that refused it. */
function open(
  limiter: ConnectionLimiter,
  ipAddress: string | undefined,
  count: number,
  nowMs = 0,
): (string | undefined)[] {
  return Array.from({ length: count }, () => {
    const reason = limiter.check(ipAddress, nowMs);
    if (reason === undefined) limiter.add(ipAddress, nowMs);
    return reason;
  });
}

const limiterWith = (limits: ConnectionRateLimits): ConnectionLimiter => new ConnectionLimiter(() => limits);

describe('connection limiter', () => {
  test('without limits, a thousand connections from one address are allowed', () => {
    expect(new Set(open(limiterWith({}), '10.0.0.1', 1000))).toEqual(new Set([undefined]));
  });

  test('pending connections are limited, and stop counting when they are established or closed', () => {
    const limiter = limiterWith({ maxPendingConnections: 2 });
    expect(open(limiter, '10.0.0.1', 3)).toEqual([undefined, undefined, 'too-many-pending-connections']);
    limiter.established();
    expect(open(limiter, '10.0.0.2', 2)).toEqual([undefined, 'too-many-pending-connections']);
    limiter.remove('10.0.0.1', false, 0);
    // This one was established, so closing it leaves the number of pending connections as it is.
    limiter.remove('10.0.0.1', true, 0);
    expect(open(limiter, '10.0.0.2', 2)).toEqual([undefined, 'too-many-pending-connections']);
  });

  test('open connections are limited per address, and other addresses are not affected', () => {
    const limiter = limiterWith({ maxConnectionsPerAddress: 2 });
    expect(open(limiter, '10.0.0.1', 3)).toEqual([undefined, undefined, 'too-many-connections-of-address']);
    expect(open(limiter, '10.0.0.2', 1)).toEqual([undefined]);
    limiter.remove('10.0.0.1', true, 0);
    expect(open(limiter, '10.0.0.1', 2)).toEqual([undefined, 'too-many-connections-of-address']);
    expect(open(limiter, undefined, 5)).toEqual(Array(5).fill(undefined));
  });

  test('all addresses of an IPv6 /64 network count as one address', () => {
    const limiter = limiterWith({ maxConnectionsPerAddress: 1 });
    expect(open(limiter, '2001:db8:1:2::1', 1)).toEqual([undefined]);
    expect(open(limiter, '2001:db8:1:2:ffff::7', 1)).toEqual(['too-many-connections-of-address']);
    expect(open(limiter, '2001:db8:1:3::1', 1)).toEqual([undefined]);
  });

  test('connections per second are limited per address, even if they are closed at once', () => {
    const limiter = limiterWith({ maxConnectRatePerAddress: 2 });
    expect(open(limiter, '10.0.0.1', 3)).toEqual([undefined, undefined, 'connect-rate-of-address']);
    for (let i = 0; i < 2; i++) limiter.remove('10.0.0.1', false, 0);
    expect(open(limiter, '10.0.0.1', 1)).toEqual(['connect-rate-of-address']);
    expect(open(limiter, '10.0.0.2', 1)).toEqual([undefined]);
    expect(open(limiter, '10.0.0.1', 2, 501)).toEqual([undefined, 'connect-rate-of-address']);
  });

  test('connections per second are limited in total, not counting those refused to a flooding address', () => {
    const limiter = limiterWith({ maxConnectRate: 3, maxConnectRatePerAddress: 1 });
    expect(open(limiter, '10.0.0.1', 100)).toEqual([undefined, ...Array<string>(99).fill('connect-rate-of-address')]);
    expect(open(limiter, '10.0.0.2', 1)).toEqual([undefined]);
    expect(open(limiter, '10.0.0.3', 1)).toEqual([undefined]);
    expect(open(limiter, '10.0.0.4', 1)).toEqual(['connect-rate']);
    expect(open(limiter, '10.0.0.4', 1, 400)).toEqual([undefined]);
  });

  test('a connection counts against the limits per address only once its address is known', () => {
    const limiter = limiterWith({ maxPendingConnections: 3, maxConnectionsPerAddress: 1 });
    expect(open(limiter, undefined, 2)).toEqual([undefined, undefined]);
    expect(limiter.checkAddress('10.0.0.1', 0)).toBeUndefined();
    limiter.addAddress('10.0.0.1', 0);
    expect(limiter.checkAddress('10.0.0.1', 0)).toBe('too-many-connections-of-address');
    limiter.remove(undefined, false, 0);
    expect(open(limiter, '10.0.0.1', 1)).toEqual(['too-many-connections-of-address']);
    expect(open(limiter, '10.0.0.2', 1)).toEqual([undefined]);
    expect(open(limiter, '10.0.0.3', 2)).toEqual([undefined, 'too-many-pending-connections']);
    limiter.remove('10.0.0.1', false, 0);
    expect(open(limiter, '10.0.0.1', 2)).toEqual([undefined, 'too-many-pending-connections']);
  });

  test('new limits apply at once, and count the connections that were there before', () => {
    let limits: ConnectionRateLimits = {};
    const limiter = new ConnectionLimiter(() => limits);
    open(limiter, '10.0.0.1', 5);
    limits = { maxConnectionsPerAddress: 1, maxConnectRate: 1 };
    expect(open(limiter, '10.0.0.2', 2)).toEqual([undefined, 'too-many-connections-of-address']);
    expect(open(limiter, '10.0.0.1', 1, 2000)).toEqual(['too-many-connections-of-address']);
    for (let i = 0; i < 4; i++) limiter.remove('10.0.0.1', true, 0);
    expect(open(limiter, '10.0.0.1', 1, 2000)).toEqual(['too-many-connections-of-address']);
    limiter.remove('10.0.0.1', true, 0);
    expect(open(limiter, '10.0.0.1', 1, 2000)).toEqual([undefined]);
  });

  test('a rate that stays the same keeps its bucket when the limits are replaced, and another one begins with a full one', () => {
    let limits: ConnectionRateLimits = { maxConnectRate: 2, maxConnectRatePerAddress: 1 };
    const limiter = new ConnectionLimiter(() => limits);
    open(limiter, '10.0.0.1', 1);
    open(limiter, '10.0.0.2', 1);
    limits = { ...limits, maxPendingConnections: 100 };
    expect(open(limiter, '10.0.0.1', 1)).toEqual(['connect-rate-of-address']);
    expect(open(limiter, '10.0.0.3', 1)).toEqual(['connect-rate']);
    limits = { maxConnectRate: 3, maxConnectRatePerAddress: 2 };
    expect(open(limiter, '10.0.0.1', 3)).toEqual([undefined, undefined, 'connect-rate-of-address']);
    expect(open(limiter, '10.0.0.3', 2)).toEqual([undefined, 'connect-rate']);
  });

  test('an address with an open connection is remembered while 200,000 other addresses come and go', () => {
    const limiter = limiterWith({ maxConnectionsPerAddress: 1, maxConnectRatePerAddress: 1 });
    open(limiter, '10.0.0.1', 1);
    for (let i = 0; i < 200_000; i++) {
      const address = `11.${i >> 16}.${(i >> 8) & 255}.${i & 255}`;
      open(limiter, address, 1);
      limiter.remove(address, false, 0);
    }
    expect(open(limiter, '10.0.0.1', 1, 60_000)).toEqual(['too-many-connections-of-address']);
  });
});

test.each([
  ['10.1.2.3', '10.1.2.3'],
  ['2001:0db8:0:7::1', '2001:db8:0:7'],
  ['2001:DB8::1', '2001:db8:0:0'],
  ['::1', '0:0:0:0'],
  ['::', '0:0:0:0'],
  ['fe80::1%eth0', 'fe80:0:0:0'],
  ['1:2:3:4:5:6:7:8', '1:2:3:4'],
  ['1:2:3:4:5:6:7::', '1:2:3:4'],
])('the network prefix of %s is %s', (address, network) => {
  expect(networkPrefix(address)).toBe(network);
});
