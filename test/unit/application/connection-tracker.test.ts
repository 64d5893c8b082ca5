// The connection tracker: which connections count, for how long, and by which address.
import { describe, expect, test } from '@jest/globals';
import { ConnectionTracker } from '../../../src/application/connection-tracker.js';
import type { ConnectionOrigin } from '../../../src/application/connection-tracker.js';
import { DEFAULT_LIMITS } from '../../../src/domain/limits.js';
import type { Limits, ListenerLimits } from '../../../src/domain/limits.js';
import { LiveSettings } from '../../../src/application/settings.js';
import type { Channel, IncomingConnection } from '../../../src/ports/network.js';
import { VirtualClock } from '../../../src/testkit/virtual-clock.js';

const from = (ipAddress?: string): { remoteAddress: string; ipAddress: string | undefined } => ({
  remoteAddress: `${ipAddress ?? 'a proxy'}:5000`,
  ipAddress,
});
const CHANNEL = {} as Channel;

function createTracker(
  limits: Partial<Limits>,
  ofListeners: Readonly<Record<string, ListenerLimits>> = {},
  maxOpen = Infinity,
) {
  const rejections: string[] = [];
  const accepted: ConnectionOrigin[] = [];
  const settings = new LiveSettings({
    limits: { ...DEFAULT_LIMITS, ...limits },
    perListener: new Map(Object.entries(ofListeners)),
  });
  const tracker = new ConnectionTracker(settings, maxOpen, new VirtualClock(), {
    connectionRejected: (_id, { remoteAddress }, reason) => rejections.push(`${remoteAddress} ${reason}`),
    connectionAccepted: ({ id, listener, ipAddress }) => {
      accepted.push({ id, listener, ipAddress });
      return { data: () => undefined, drained: () => undefined, closed: () => undefined };
    },
  });
  const open = (ipAddress?: string, listener = 'tls'): IncomingConnection | undefined =>
    tracker.open(listener, from(ipAddress));
  return { tracker, settings, rejections, accepted, open };
}

describe('connection tracker', () => {
  test('a connection for which no file descriptor would be left for storage is refused, pending or not', () => {
    const { tracker, open, rejections } = createTracker({}, {}, 2);
    const first = open('10.0.0.1');
    open('10.0.0.2');
    tracker.established('tls');
    expect(open('10.0.0.3')).toBeUndefined();
    expect(rejections).toEqual(['10.0.0.3:5000 too-many-open-files']);
    first?.abort();
    expect(open('10.0.0.4')).toBeDefined();
  });

  test('a connection is pending until its first abort', () => {
    const { open, rejections } = createTracker({ maxPendingConnections: 1 });
    const first = open('10.0.0.1');
    expect(open('10.0.0.2')).toBeUndefined();
    expect(rejections).toEqual(['10.0.0.2:5000 too-many-pending-connections']);
    first?.abort();
    first?.abort();
    expect(open('10.0.0.3')).toBeDefined();
    expect(open('10.0.0.4')).toBeUndefined();
  });

  test('an accepted connection stays pending until it is established, and can no longer be aborted', () => {
    const { tracker, open, accepted } = createTracker({ maxPendingConnections: 1, maxConnectionsPerAddress: 1 });
    const first = open('10.0.0.1');
    first?.accept(CHANNEL);
    first?.abort();
    expect(open('10.0.0.2')).toBeUndefined();
    tracker.established('tls');
    const second = open('10.0.0.2');
    expect(second).toBeDefined();
    second?.abort();
    expect(open('10.0.0.1')).toBeUndefined();
    tracker.close(accepted[0] as ConnectionOrigin, true);
    expect(open('10.0.0.1')).toBeDefined();
  });

  test('a connection counts against the limits of its listener as well as those of the broker', () => {
    const { open } = createTracker({ maxPendingConnections: 3 }, { tls: { maxPendingConnections: 1 } });
    expect(
      [open(), open(), open(undefined, 'tcp'), open(undefined, 'tcp'), open(undefined, 'tcp')].map(
        (connection) => connection !== undefined,
      ),
    ).toEqual([true, false, true, true, false]);
  });

  test('an open connection counts against a limit that is set later, until that limit is removed', () => {
    const { settings, open } = createTracker({});
    const first = open();
    settings.replace({ limits: DEFAULT_LIMITS, perListener: new Map([['tls', { maxPendingConnections: 1 }]]) });
    expect(open()).toBeUndefined();
    first?.abort();
    expect(open()).toBeDefined();
    expect(open()).toBeUndefined();
    settings.replace({ limits: DEFAULT_LIMITS, perListener: new Map() });
    expect(open()).toBeDefined();
  });
});

describe('connection tracker behind a proxy', () => {
  test('a connection through a proxy counts against the address of its client once that is known', () => {
    const { tracker, open, accepted, rejections } = createTracker({ maxConnectionsPerAddress: 1 });
    const [first, second, other] = [open(), open(), open()];
    expect(first?.setClientAddress(from('192.0.2.7'))).toBe(true);
    expect(second?.setClientAddress(from('192.0.2.7'))).toBe(false);
    second?.abort();
    expect(other?.setClientAddress(from('192.0.2.8'))).toBe(true);
    expect(rejections).toEqual(['192.0.2.7:5000 too-many-connections-of-address']);
    first?.accept(CHANNEL);
    expect(accepted).toMatchObject([{ ipAddress: '192.0.2.7' }]);
    tracker.established('tls');
    tracker.close(accepted[0] as ConnectionOrigin, true);
    expect(open()?.setClientAddress(from('192.0.2.7'))).toBe(true);
  });

  test('a connection through a proxy is pending from the start, and no longer once its client is refused', () => {
    const { open, rejections } = createTracker({ maxPendingConnections: 2, maxConnectRatePerAddress: 1 });
    const [first, second] = [open(), open()];
    expect(open()).toBeUndefined();
    expect(first?.setClientAddress(from('192.0.2.7'))).toBe(true);
    expect(second?.setClientAddress(from('192.0.2.7'))).toBe(false);
    second?.abort();
    expect(open()).toBeDefined();
    expect(rejections).toEqual(['a proxy:5000 too-many-pending-connections', '192.0.2.7:5000 connect-rate-of-address']);
  });
});
