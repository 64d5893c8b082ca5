// The limits on sessions and subscriptions, for one client and for all clients together.
import { describe, expect, test } from '@jest/globals';
import type { ClientId, TopicFilter } from '../../../../src/domain/identifiers.js';
import { DEFAULT_LIMITS } from '../../../../src/domain/limits.js';
import type { Limits } from '../../../../src/domain/limits.js';
import { subscriptionBytes } from '../../../../src/domain/name-bytes.js';
import { CoreHarness } from '../../../support/core-harness.js';
import type { CorePeer } from '../../../support/core-harness.js';

const harness = (limits: Partial<typeof DEFAULT_LIMITS>): CoreHarness =>
  new CoreHarness({ ...DEFAULT_LIMITS, ...limits });

describe('maxSessions', () => {
  test('maxSessions refuses a client that would need one more session, and no client that has one', () => {
    const core = harness({ maxSessions: 2 });
    const a = core.connectStored('a');
    a.lose();
    core.connect('b');
    core.lines();
    core.connect('c');
    expect(core.lines()).toEqual(['3 < connack 3', '! refused too-many-sessions', '3 close connection-refused']);
    core.connectStored('a');
    expect(core.lines()).toContain('4 < connack 0 present');
  });
});

describe('subscriptions', () => {
  test('the subscriptions of one client are limited; a replacement does not count, and UNSUBSCRIBE makes room', () => {
    const core = harness({ maxSubscriptionsPerClient: 2 });
    const a = core.connect('a');
    a.subscribe(['one', 0], ['two', 0]);
    core.lines();
    a.subscribe(['two', 2], ['three', 0]);
    expect(core.heard(a)).toEqual([expect.stringMatching(/^suback \d+ 2,128$/)]);
    a.unsubscribe('one');
    core.lines();
    a.subscribe(['three', 1], ['four', 0]);
    expect(core.heard(a)).toEqual([expect.stringMatching(/^suback \d+ 1,128$/)]);
  });

  test('the subscriptions of all clients are limited, including shared ones and those of offline sessions', () => {
    const core = harness({ maxSubscriptions: 3 });
    const a = core.connectStored('a');
    a.subscribe(['one', 0], ['$share/g/two', 0]);
    a.lose();
    const b = core.connect('b');
    core.lines();
    b.subscribe(['one', 0], ['two', 0]);
    expect(core.heard(b)).toEqual([expect.stringMatching(/^suback \d+ 0,128$/)]);
    b.lose();
    const c = core.connect('c');
    core.lines();
    c.subscribe(['three', 0], ['four', 0]);
    expect(core.heard(c)).toEqual([expect.stringMatching(/^suback \d+ 0,128$/)]);
  });

  test.each([{ maxSubscriptions: 10 }, { maxSubscriptionBytes: 5000 }])(
    'packets that are at work at the same time do not exceed a limit together (%j)',
    (limits) => {
      const core = new CoreHarness({ ...DEFAULT_LIMITS, ...limits }, undefined, undefined, 1);
      const clients = Array.from({ length: 8 }, (_, i) => core.connect(`c${i}`));
      core.finishesAtOnce = false;
      for (const [i, client] of clients.entries())
        client.subscribe(...Array.from({ length: 6 }, (_, n): readonly [string, 0] => [`${i}/${n}`, 0]));
      clients[7]?.lose();
      core.finish();
      const { maxSubscriptions = Infinity, maxSubscriptionBytes = Infinity } = limits as Partial<Limits>;
      const { subscriptions } = core.broker.query({ kind: 'counts' }) as { readonly subscriptions: number };
      expect(subscriptions).toBeGreaterThan(0);
      expect(subscriptions).toBeLessThanOrEqual(maxSubscriptions);
      expect(subscriptions * subscriptionBytes('0/0' as TopicFilter, false)).toBeLessThanOrEqual(maxSubscriptionBytes);
      // What was planned for them is given back: there is as much room as before.
      for (const client of clients.slice(0, 7)) client.lose();
      core.finish();
      const later = core.connect('later');
      core.lines();
      later.subscribe(['x', 0]);
      core.finish();
      expect(core.heard(later)).toEqual([expect.stringMatching(/^suback \d+ 0$/)]);
    },
  );

  test('a subscription beyond the limit ends an MQTT 3.1 connection, which has no code for it', () => {
    const core = harness({ maxSubscriptionsPerClient: 1 });
    const a = core.connect('a', { version: 3 });
    core.lines();
    a.subscribe(['one', 0], ['two', 0]);
    expect(core.lines()).toEqual(expect.arrayContaining(['1 close not-authorized']));
  });
});

describe('limits of memory', () => {
  const longName = 'x'.repeat(5000);

  test('maxSubscriptionBytesPerClient counts the length of filters; a replacement needs no room, UNSUBSCRIBE makes it', () => {
    const core = harness({ maxSubscriptionBytesPerClient: 24_000 });
    const a = core.connect('a');
    core.lines();
    a.subscribe([`1/${longName}`, 1], [`2/${longName}`, 1], [`3/${longName}`, 1], [`1/${longName}`, 0], ['short', 0]);
    expect(core.heard(a)).toEqual([expect.stringMatching(/^suback \d+ 1,1,128,0,0$/)]);
    a.unsubscribe(`2/${longName}`);
    core.lines();
    a.subscribe([`3/${longName}`, 1], [`1/${longName}`, 1], [`2/${longName}`, 1]);
    expect(core.heard(a)).toEqual([expect.stringMatching(/^suback \d+ 1,1,128$/)]);
    const b = core.connect('b');
    core.lines();
    b.subscribe([`4/${longName}`, 1]);
    expect(core.heard(b)).toEqual([expect.stringMatching(/^suback \d+ 1$/)]);
  });

  test('maxSubscriptionBytes counts all clients, share names, and what was there at the start, which stays', () => {
    const core = harness({ maxSubscriptionBytes: 45_000 });
    const clientId = 'away' as ClientId;
    const subscription = { qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
    const sent = { sentBelow: undefined, doubtBelow: undefined };
    core.broker.restore(
      { kind: 'session', session: { clientId, expiryIntervalS: 1000, disconnectedAtMs: 0, ...sent } },
      0,
    );
    for (let i = 0; i < 3; i++) {
      const topicFilter = `${i}/${longName}` as TopicFilter;
      core.broker.restore(
        { kind: 'subscription', subscription: { ...subscription, clientId, topicFilter, identifier: undefined } },
        0,
      );
    }
    const a = core.connect('a');
    core.lines();
    a.subscribe([`$share/${longName}/t`, 1], ['t', 1]);
    expect(core.lines()).toEqual([
      expect.stringMatching(/subscribe-denied/),
      expect.stringMatching(/^1 < suback \d+ 128,1$/),
    ]);
    const away = core.connectStored('away');
    away.unsubscribe(`1/${longName}`, `2/${longName}`);
    core.lines();
    a.subscribe([`$share/${longName}/t`, 1]);
    expect(core.heard(a)).toEqual([expect.stringMatching(/^suback \d+ 1$/)]);
  });

  test('maxSubscriptionBytes has room again when a session has ended', () => {
    const core = harness({ maxSubscriptionBytes: 12_000 });
    for (const name of ['a', 'b']) {
      const client = core.connect(name);
      core.lines();
      client.subscribe([`1/${longName}`, 1], [`2/${longName}`, 1]);
      expect(core.heard(client)).toEqual([expect.stringMatching(/^suback \d+ 1,128$/)]);
      client.lose();
    }
  });

  test('maxSessionBytes refuses a client whose identifier would need more, and no client that has a session', () => {
    const core = harness({ maxSessionBytes: 12_500 });
    core.connectStored(longName).lose();
    core.lines();
    core.connect(`2${longName}`);
    expect(core.lines()).toEqual(['2 < connack 3', '! refused session-bytes-full', '2 close connection-refused']);
    core.connectStored(longName).lose();
    expect(core.lines()).toContain('3 < connack 0 present');
    core.connect('short');
    expect(core.lines()).toContain('4 < connack 0');
  });

  test('maxSessionBytes counts wills, with their payloads; a client that returns with its will needs no more', () => {
    const core = harness({ maxSessionBytes: 66_000 });
    const will = (size: number) =>
      ({ topic: 'w', payload: new Uint8Array(size), qos: 0, retain: false, properties: undefined }) as const;
    core.connect('a', { will: will(60_000) });
    core.lines();
    core.connect('b', { will: will(5_000) });
    expect(core.lines()).toContain('! refused session-bytes-full');
    core.connect('a', { will: will(60_000) });
    expect(core.lines()).toContain('3 < connack 0');
    core.connect('a', { will: will(65_000) });
    expect(core.lines()).toContain('! refused session-bytes-full');
    core.connect('a', {});
    core.connect('b', { will: will(5_000) });
    expect(core.lines()).toContain('6 < connack 0');
  });

  test('maxSessionBytes counts long user names of connected clients, and no longer when they have gone', () => {
    const core = harness({ maxSessionBytes: 12_500 });
    core.connect('a', { userName: longName });
    core.lines();
    core.connect('b', { userName: longName });
    expect(core.lines()).toContain('! refused session-bytes-full');
    core.connect('a', { userName: longName });
    expect(core.lines()).toContain('3 < connack 0');
    core.connect('a', { userName: 'short' }).lose();
    core.connect('b', { userName: longName });
    expect(core.lines()).toContain('5 < connack 0');
  });

  test('maxSessionBytes counts Packet Identifiers that are not released, also of clients that are away', () => {
    const core = harness({ maxSessionBytes: 8000 });
    const send = (peer: CorePeer, count: number): void => {
      for (let packetId = 1; packetId <= count; packetId++) peer.publish('t', 'x', 2, { packetId });
    };
    const away = core.connectStored('away');
    send(away, 111);
    away.lose();
    core.lines();
    core.connect('refused');
    expect(core.lines()).toContain('! refused session-bytes-full');
    const back = core.connectStored('away');
    core.lines();
    send(back, 111);
    expect(core.lines()).not.toContain('3 close session-bytes-full');
    back.publish('t', 'x', 2, { packetId: 112 });
    expect(core.lines()).toContain('3 close session-bytes-full');
    const again = core.connectStored('away');
    for (let packetId = 1; packetId <= 111; packetId++) again.pubrel(packetId);
    core.lines();
    core.connect('accepted');
    expect(core.lines()).toContain('5 < connack 0');
  });
});

describe('a listener', () => {
  test("a listener limits its own connections, in addition to the broker's limit", () => {
    const core = harness({ maxConnections: 3 });
    core.settings.replace({
      limits: { ...DEFAULT_LIMITS, maxConnections: 3 },
      perListener: new Map([['narrow', { maxConnections: 1 }]]),
    });
    const codes = ['narrow', 'narrow', 'wide', 'wide', 'wide'].map((listener, i) => {
      const peer = core.open(listener);
      peer.connect(`c${i}`);
      peer.allow();
      return { peer, said: core.heard(peer) };
    });
    expect(codes.map(({ said }) => said)).toEqual([
      ['connack 0'],
      ['connack 3'],
      ['connack 0'],
      ['connack 0'],
      ['connack 3'],
    ]);
    codes[0]?.peer.lose();
    const next = core.open('narrow');
    next.connect('next');
    next.allow();
    expect(core.heard(next)).toEqual(['connack 0']);
  });

  test('a listener has timeouts and a window of its own', () => {
    const core = harness({});
    core.settings.replace({
      limits: DEFAULT_LIMITS,
      perListener: new Map([['quick', { connectTimeoutMs: 100, authTimeoutMs: 200, maxInflight: 1 }]]),
    });
    core.open('quick');
    core.advance(100);
    expect(core.lines()).toEqual(['1 close connect-timeout']);
    const slow = core.open('quick');
    slow.connect('slow');
    core.lines();
    core.advance(200);
    expect(core.lines()).toContain('2 close authentication-timeout');
    const a = core.open('quick');
    a.connect('a');
    a.allow();
    a.subscribe(['t', 1]);
    core.lines();
    const publisher = core.connect('publisher');
    publisher.publish('t', 'one');
    publisher.publish('t', 'two');
    expect(core.heard(a)).toHaveLength(1);
  });
});
