import { describe, expect, test } from '@jest/globals';
import { ConnectionLimiter, networkPrefix } from '../../../src/application/connection-limiter.js';
import type { ConnectionRateLimits } from '../../../src/application/connection-limiter.js';

/** So many from one address, one after the other at once: what became of each. */
function enter(
  door: ConnectionLimiter,
  ipAddress: string | undefined,
  count: number,
  nowMs = 0,
): (string | undefined)[] {
  return Array.from({ length: count }, () => {
    const refusal = door.check(ipAddress, nowMs);
    if (refusal === undefined) door.add(ipAddress, nowMs);
    return refusal;
  });
}

const doorWith = (limits: ConnectionRateLimits): ConnectionLimiter => new ConnectionLimiter(limits);

describe('connections', () => {
  test('come in as they like without limits', () => {
    expect(new Set(enter(doorWith({}), '10.0.0.1', 1000))).toEqual(new Set([undefined]));
  });

  test('that have not been accepted are limited, and make room when they are or when they go', () => {
    const door = doorWith({ maxPendingConnections: 2 });
    expect(enter(door, '10.0.0.1', 3)).toEqual([undefined, undefined, 'too-many-pending-connections']);
    door.established();
    expect(enter(door, '10.0.0.2', 2)).toEqual([undefined, 'too-many-pending-connections']);
    door.remove('10.0.0.1', false, 0);
    // It was accepted before: it takes no place among those that wait.
    door.remove('10.0.0.1', true, 0);
    expect(enter(door, '10.0.0.2', 2)).toEqual([undefined, 'too-many-pending-connections']);
  });

  test('of one address are limited while they are open, those of others not', () => {
    const door = doorWith({ maxConnectionsPerAddress: 2 });
    expect(enter(door, '10.0.0.1', 3)).toEqual([undefined, undefined, 'too-many-connections-of-address']);
    expect(enter(door, '10.0.0.2', 1)).toEqual([undefined]);
    door.remove('10.0.0.1', true, 0);
    expect(enter(door, '10.0.0.1', 2)).toEqual([undefined, 'too-many-connections-of-address']);
    expect(enter(door, undefined, 5)).toEqual(Array(5).fill(undefined));
  });

  test('of one IPv6 network count as those of one address', () => {
    const door = doorWith({ maxConnectionsPerAddress: 1 });
    expect(enter(door, '2001:db8:1:2::1', 1)).toEqual([undefined]);
    expect(enter(door, '2001:db8:1:2:ffff::7', 1)).toEqual(['too-many-connections-of-address']);
    expect(enter(door, '2001:db8:1:3::1', 1)).toEqual([undefined]);
  });

  test('a second are limited for each address, whatever becomes of them', () => {
    const door = doorWith({ maxConnectRatePerAddress: 2 });
    expect(enter(door, '10.0.0.1', 3)).toEqual([undefined, undefined, 'connect-rate-of-address']);
    for (let i = 0; i < 2; i++) door.remove('10.0.0.1', false, 0);
    expect(enter(door, '10.0.0.1', 1)).toEqual(['connect-rate-of-address']);
    expect(enter(door, '10.0.0.2', 1)).toEqual([undefined]);
    expect(enter(door, '10.0.0.1', 2, 501)).toEqual([undefined, 'connect-rate-of-address']);
  });

  test('a second are limited in all, and an address that floods uses up nothing of it', () => {
    const door = doorWith({ maxConnectRate: 3, maxConnectRatePerAddress: 1 });
    expect(enter(door, '10.0.0.1', 100)).toEqual([undefined, ...Array<string>(99).fill('connect-rate-of-address')]);
    expect(enter(door, '10.0.0.2', 1)).toEqual([undefined]);
    expect(enter(door, '10.0.0.3', 1)).toEqual([undefined]);
    expect(enter(door, '10.0.0.4', 1)).toEqual(['connect-rate']);
    expect(enter(door, '10.0.0.4', 1, 400)).toEqual([undefined]);
  });

  test('whose address is not known yet count for all limits but those of an address, and for those once it is known', () => {
    const door = doorWith({ maxPendingConnections: 3, maxConnectionsPerAddress: 1 });
    expect(enter(door, undefined, 2)).toEqual([undefined, undefined]);
    expect(door.checkAddress('10.0.0.1', 0)).toBeUndefined();
    door.addAddress('10.0.0.1', 0);
    expect(door.checkAddress('10.0.0.1', 0)).toBe('too-many-connections-of-address');
    door.remove(undefined, false, 0);
    expect(enter(door, '10.0.0.1', 1)).toEqual(['too-many-connections-of-address']);
    expect(enter(door, '10.0.0.2', 1)).toEqual([undefined]);
    expect(enter(door, '10.0.0.3', 2)).toEqual([undefined, 'too-many-pending-connections']);
    door.remove('10.0.0.1', false, 0);
    expect(enter(door, '10.0.0.1', 2)).toEqual([undefined, 'too-many-pending-connections']);
  });

  test('fall under other limits as soon as they are set', () => {
    const door = doorWith({});
    enter(door, '10.0.0.1', 5);
    door.limits = { maxConnectionsPerAddress: 1, maxConnectRate: 1 };
    expect(enter(door, '10.0.0.2', 2)).toEqual([undefined, 'too-many-connections-of-address']);
    for (let i = 0; i < 5; i++) door.remove('10.0.0.1', true, 0);
    expect(enter(door, '10.0.0.1', 1, 2000)).toEqual([undefined]);
  });

  test('from two hundred thousand addresses do not make it forget one that has a connection', () => {
    const door = doorWith({ maxConnectionsPerAddress: 1, maxConnectRatePerAddress: 1 });
    enter(door, '10.0.0.1', 1);
    for (let i = 0; i < 200_000; i++) {
      const address = `11.${i >> 16}.${(i >> 8) & 255}.${i & 255}`;
      enter(door, address, 1);
      door.remove(address, false, 0);
    }
    expect(enter(door, '10.0.0.1', 1, 60_000)).toEqual(['too-many-connections-of-address']);
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
])('the network of %s is %s', (address, network) => {
  expect(networkPrefix(address)).toBe(network);
});
