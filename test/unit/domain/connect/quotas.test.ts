// The limits on sessions and subscriptions, for one client and for all clients together.
import { describe, expect, test } from '@jest/globals';
import { DEFAULT_LIMITS } from '../../../../src/domain/limits.js';
import { CoreHarness } from '../../../support/core-harness.js';

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

  test('a subscription beyond the limit ends an MQTT 3.1 connection, which has no code for it', () => {
    const core = harness({ maxSubscriptionsPerClient: 1 });
    const a = core.connect('a', { version: 3 });
    core.lines();
    a.subscribe(['one', 0], ['two', 0]);
    expect(core.lines()).toEqual(expect.arrayContaining(['1 close not-authorized']));
  });
});

describe('a listener', () => {
  test("a listener limits its own connections, in addition to the broker's limit", () => {
    const core = harness({ maxConnections: 3 });
    core.broker.limit({ ...DEFAULT_LIMITS, maxConnections: 3 }, new Map([['narrow', { maxConnections: 1 }]]));
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
    core.broker.limit(
      DEFAULT_LIMITS,
      new Map([['quick', { connectTimeoutMs: 100, authTimeoutMs: 200, maxInflight: 1 }]]),
    );
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
