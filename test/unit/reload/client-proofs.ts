// For each limit of clients, their sessions and their timers: what a client sees before and after a reload of it.
import { CoreHarness, will } from '../../support/core-harness.js';
import type { Limits } from '../../../src/domain/limits.js';
import { PacketType } from '../../../src/protocol/packets.js';
import type { CoreProof } from './effects.js';
import { freshName, connackFor, endOf, heardBy, waiting, granted, publishing, DENIED } from './observations.js';

export const CLIENT_PROOFS = {
  messageExpiryMax: {
    effect: 'messages',
    before: { messageExpiryMax: 1 },
    after: { messageExpiryMax: undefined },
    observe: (core) => {
      const name = freshName();
      const away = core.connectStored(name);
      away.subscribe([name, 1]);
      away.lose();
      core.connect('publisher').publish(name, 'x');
      core.advance(2000);
      core.lines();
      return core.heard(core.connectStored(name)).length;
    },
    // With CONNACK.
    expected: [1, 2],
  },
  willGraceAfterRestartMs: {
    effect: 'start',
    before: { willGraceAfterRestartMs: 100 },
    after: { willGraceAfterRestartMs: 1000 },
    observe: (core) => {
      core.connectStored(freshName(), { will: will('w', 'x') });
      const restarted = new CoreHarness(core.settings.current, core.store, core.nowMs);
      restarted.advance(500);
      return restarted.broker.counters.accepted > 0;
    },
    expected: [true, false],
  },
  maxConnections: {
    effect: 'at once',
    before: { maxConnections: 1 },
    after: { maxConnections: 3 },
    observe: (core) => [connackFor(core), connackFor(core)],
    expected: [
      ['connack 0', 'connack 3'],
      ['connack 0', 'connack 0'],
    ],
  },
  connectTimeoutMs: {
    effect: 'next timer',
    before: { connectTimeoutMs: 100 },
    after: { connectTimeoutMs: 1000 },
    observe: (core) => {
      core.lines();
      core.open();
      core.advance(500);
      return core.lines().length;
    },
    expected: [1, 0],
  },
  packetTimeoutMs: {
    effect: 'at once',
    before: { packetTimeoutMs: 1000 },
    after: { packetTimeoutMs: 100_000 },
    observe: (core) =>
      endOf(
        core,
        (peer) => {
          core.receiving.add(peer.id);
          core.advance(3000);
        },
        { keepAlive: 1 },
      ),
    expected: ['keep-alive-timeout', undefined],
  },
  storageTimeoutMs: {
    effect: 'next timer',
    before: { storageTimeoutMs: 100 },
    after: { storageTimeoutMs: 1000 },
    observe: (core) => {
      core.admitsAtOnce = false;
      core.lines();
      const peer = core.connectStored(freshName());
      core.advance(500);
      return core.heard(peer);
    },
    expected: [['connack 3'], []],
  },
  keepAliveMax: {
    effect: 'next connection',
    before: { keepAliveMax: 1, keepAliveUnlimited: false },
    after: { keepAliveMax: 100, keepAliveUnlimited: false },
    observe: (core) =>
      endOf(core, () => {
        core.advance(3000);
      }),
    expected: ['keep-alive-timeout', undefined],
  },
  keepAliveUnlimited: {
    effect: 'next connection',
    before: { keepAliveMax: 1, keepAliveUnlimited: false },
    after: { keepAliveMax: 1, keepAliveUnlimited: true },
    observe: (core) =>
      endOf(core, () => {
        core.advance(3000);
      }),
    expected: ['keep-alive-timeout', undefined],
  },
  maxSessions: {
    effect: 'at once',
    before: { maxSessions: 1 },
    after: { maxSessions: 3 },
    observe: (core) => [connackFor(core), connackFor(core)],
    expected: [
      ['connack 0', 'connack 3'],
      ['connack 0', 'connack 0'],
    ],
  },
  maxSessionBytes: {
    effect: 'at once',
    before: { maxSessionBytes: 1000 },
    after: { maxSessionBytes: 3000 },
    observe: (core) => [connackFor(core), connackFor(core)],
    expected: [
      ['connack 0', 'connack 3'],
      ['connack 0', 'connack 0'],
    ],
  },
  maxSubscriptionsPerClient: {
    effect: 'at once',
    before: { maxSubscriptionsPerClient: 1 },
    after: { maxSubscriptionsPerClient: 2 },
    observe: (core) => granted(core, ['a', 'b']),
    expected: [['2,128'], ['2,2']],
  },
  maxSubscriptionBytesPerClient: {
    effect: 'at once',
    before: { maxSubscriptionBytesPerClient: 500 },
    after: { maxSubscriptionBytesPerClient: 1000 },
    observe: (core) => granted(core, ['a', 'b']),
    expected: [['2,128'], ['2,2']],
  },
  maxSubscriptions: {
    effect: 'at once',
    before: { maxSubscriptions: 1 },
    after: { maxSubscriptions: 3 },
    observe: (core) => granted(core, ['a', 'b']),
    expected: [['2,128'], ['2,2']],
  },
  maxSubscriptionBytes: {
    effect: 'at once',
    before: { maxSubscriptionBytes: 500 },
    after: { maxSubscriptionBytes: 2000 },
    observe: (core) => granted(core, ['a', 'b']),
    expected: [['2,128'], ['2,2']],
  },
  maxWaitingBytes: {
    effect: 'waiting',
    before: { maxWaitingBytes: 1200, maxInflight: 1 },
    after: { maxWaitingBytes: 10_000, maxInflight: 1 },
    observe: (core) => waiting(core, true),
    expected: [3, 4],
  },
  maxQos: {
    effect: 'at once',
    before: { maxQos: 1 },
    after: { maxQos: 2 },
    observe: (core) => granted(core, ['a']),
    expected: [['1'], ['2']],
  },
  wildcardSubscriptions: {
    effect: 'at once',
    before: { wildcardSubscriptions: false },
    after: { wildcardSubscriptions: true },
    observe: (core) => granted(core, ['a/#']),
    expected: [['128'], ['2']],
  },
  sharedSubscriptions: {
    effect: 'at once',
    before: { sharedSubscriptions: false },
    after: { sharedSubscriptions: true },
    observe: (core) => granted(core, ['$share/g/a']),
    expected: [['128'], ['2']],
  },
  subscriptionIdentifiers: {
    effect: 'at once',
    before: { subscriptionIdentifiers: false },
    after: { subscriptionIdentifiers: true },
    observe: (core) =>
      endOf(core, (peer) => {
        peer.send({
          type: PacketType.subscribe,
          packetId: core.nextPacketId(),
          subscriptions: [{ topicFilter: 'a', qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 }],
          properties: { subscriptionIdentifiers: [1] },
        });
      }),
    expected: ['subscription-identifiers-not-supported', undefined],
  },
  deniedPublish: {
    effect: 'at once',
    before: { deniedPublish: 'disconnect' },
    after: { deniedPublish: 'ignore' },
    observe: (core) => endOf(core, publishing('a'), { permissions: DENIED }),
    expected: ['not-authorized', undefined],
  },
  deniedSubscription: {
    effect: 'at once',
    before: { deniedSubscription: 'refuse' },
    after: { deniedSubscription: 'grant' },
    observe: (core) =>
      heardBy(core, { permissions: DENIED }, (peer) => {
        peer.subscribe(['a', 1]);
      }).map((line) => line.replace(/^suback \d+ /, '')),
    expected: [['128'], ['1']],
  },
} satisfies Partial<Record<keyof Limits, CoreProof>>;
