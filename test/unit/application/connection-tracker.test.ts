// From the arrival of a connection to its end: who is counted, for how long, and by which address.
import { describe, expect, test } from '@jest/globals';
import { ConnectionTracker } from '../../../src/application/connection-tracker.js';
import type { ConnectionOrigin } from '../../../src/application/connection-tracker.js';
import { DEFAULT_LIMITS } from '../../../src/domain/connect/limits.js';
import type { Limits, ListenerLimits } from '../../../src/domain/connect/limits.js';
import type { IncomingConnection, Channel } from '../../../src/ports/network.js';
import { VirtualClock } from '../../../src/testkit/virtual-clock.js';

const from = (ipAddress?: string): { remoteAddress: string; ipAddress: string | undefined } => ({
  remoteAddress: `${ipAddress ?? 'a proxy'}:5000`,
  ipAddress,
});
const CHANNEL = {} as Channel;

function made(limits: Partial<Limits>, ofListeners: Readonly<Record<string, ListenerLimits>> = {}) {
  const refusals: string[] = [];
  const entered: ConnectionOrigin[] = [];
  const arrivals = new ConnectionTracker(
    { ...DEFAULT_LIMITS, ...limits },
    new Map(Object.entries(ofListeners)),
    new VirtualClock(),
    {
      connectionRejected: (_id, { remoteAddress }, reason) => refusals.push(`${remoteAddress} ${reason}`),
      connectionAccepted: ({ id, listener, ipAddress }) => {
        entered.push({ id, listener, ipAddress });
        return { data: () => undefined, drained: () => undefined, closed: () => undefined };
      },
    },
  );
  const arrive = (ipAddress?: string, listener = 'tls'): IncomingConnection | undefined =>
    arrivals.open(listener, from(ipAddress));
  return { arrivals, refusals, entered, arrive };
}

describe('one that has arrived', () => {
  test('is pending until it has failed, however often that is said', () => {
    const { arrive, refusals } = made({ maxPendingConnections: 1 });
    const first = arrive('10.0.0.1');
    expect(arrive('10.0.0.2')).toBeUndefined();
    expect(refusals).toEqual(['10.0.0.2:5000 too-many-pending-connections']);
    first?.abort();
    first?.abort();
    expect(arrive('10.0.0.3')).toBeDefined();
    expect(arrive('10.0.0.4')).toBeUndefined();
  });

  test('is pending until it is established once it is open, and can fail no more', () => {
    const { arrivals, arrive, entered } = made({ maxPendingConnections: 1, maxConnectionsPerAddress: 1 });
    const first = arrive('10.0.0.1');
    first?.accept(CHANNEL);
    first?.abort();
    expect(arrive('10.0.0.2')).toBeUndefined();
    arrivals.established('tls');
    const second = arrive('10.0.0.2');
    expect(second).toBeDefined();
    second?.abort();
    expect(arrive('10.0.0.1')).toBeUndefined();
    arrivals.close(entered[0] as ConnectionOrigin, true);
    expect(arrive('10.0.0.1')).toBeDefined();
  });

  test('counts for its listener as well', () => {
    const { arrive } = made({ maxPendingConnections: 3 }, { tls: { maxPendingConnections: 1 } });
    expect(
      [arrive(), arrive(), arrive(undefined, 'tcp'), arrive(undefined, 'tcp'), arrive(undefined, 'tcp')].map(
        (arrival) => arrival !== undefined,
      ),
    ).toEqual([true, false, true, true, false]);
  });

  test('counts for limits that its listener gets while it is there, and for none that are taken away', () => {
    const { arrivals, arrive } = made({});
    const first = arrive();
    arrivals.setLimits(DEFAULT_LIMITS, new Map([['tls', { maxPendingConnections: 1 }]]));
    expect(arrive()).toBeUndefined();
    first?.abort();
    expect(arrive()).toBeDefined();
    expect(arrive()).toBeUndefined();
    arrivals.setLimits(DEFAULT_LIMITS, new Map());
    expect(arrive()).toBeDefined();
  });
});

describe('one that a proxy has opened', () => {
  test('is counted by the address of its client once that is known', () => {
    const { arrivals, arrive, entered, refusals } = made({ maxConnectionsPerAddress: 1 });
    const [first, second, other] = [arrive(), arrive(), arrive()];
    expect(first?.setClientAddress(from('192.0.2.7'))).toBe(true);
    expect(second?.setClientAddress(from('192.0.2.7'))).toBe(false);
    second?.abort();
    expect(other?.setClientAddress(from('192.0.2.8'))).toBe(true);
    expect(refusals).toEqual(['192.0.2.7:5000 too-many-connections-of-address']);
    first?.accept(CHANNEL);
    expect(entered).toMatchObject([{ ipAddress: '192.0.2.7' }]);
    arrivals.established('tls');
    arrivals.close(entered[0] as ConnectionOrigin, true);
    expect(arrive()?.setClientAddress(from('192.0.2.7'))).toBe(true);
  });

  test('is pending from its arrival on, and makes room when its client may not come in', () => {
    const { arrive, refusals } = made({ maxPendingConnections: 2, maxConnectRatePerAddress: 1 });
    const [first, second] = [arrive(), arrive()];
    expect(arrive()).toBeUndefined();
    expect(first?.setClientAddress(from('192.0.2.7'))).toBe(true);
    expect(second?.setClientAddress(from('192.0.2.7'))).toBe(false);
    second?.abort();
    expect(arrive()).toBeDefined();
    expect(refusals).toEqual(['a proxy:5000 too-many-pending-connections', '192.0.2.7:5000 connect-rate-of-address']);
  });
});
