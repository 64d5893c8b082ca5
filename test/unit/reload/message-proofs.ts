// For each limit of names, packets, queues and retained messages: what a client sees before and after a reload of it.
import type { Limits } from '../../../src/domain/limits.js';
import type { CoreProof } from './effects.js';
import {
  freshName,
  connackFor,
  endOf,
  sentUnacknowledged,
  waiting,
  foundAfterwards,
  buffered,
  retained,
  LONG,
  publishing,
  publishingWith,
  referenceFor,
} from './observations.js';

export const MESSAGE_PROOFS = {
  maxClientIdLength: {
    effect: 'next connection',
    before: { maxClientIdLength: 10 },
    after: { maxClientIdLength: 24 },
    observe: (core) => connackFor(core, LONG),
    expected: ['connack 2', 'connack 0'],
  },
  strict31ClientId: {
    effect: 'next connection',
    before: { strict31ClientId: true },
    after: { strict31ClientId: false },
    observe: (core) => connackFor(core, LONG, { version: 3 }),
    expected: ['connack 2', 'connack 0'],
  },
  assignClientId: {
    effect: 'next connection',
    before: { assignClientId: false },
    after: { assignClientId: true },
    observe: (core) => connackFor(core, ''),
    expected: ['connack 2', 'connack 0'],
  },
  maxTopicLength: {
    effect: 'at once',
    before: { maxTopicLength: 20 },
    after: { maxTopicLength: 24 },
    observe: (core) => endOf(core, publishing(LONG)),
    expected: ['topic-name-invalid', undefined],
  },
  maxTopicLevels: {
    effect: 'at once',
    before: { maxTopicLevels: 2 },
    after: { maxTopicLevels: 3 },
    observe: (core) => endOf(core, publishing('a/b/c')),
    expected: ['topic-name-invalid', undefined],
  },
  maxFiltersPerPacket: {
    effect: 'at once',
    before: { maxFiltersPerPacket: 1 },
    after: { maxFiltersPerPacket: 2 },
    observe: (core) =>
      endOf(core, (peer) => {
        peer.subscribe(['a', 0], ['b', 0]);
      }),
    expected: ['too-many-filters', undefined],
  },
  maxQueueSize: {
    effect: 'at once',
    before: { maxQueueSize: 1 },
    after: { maxQueueSize: 2 },
    observe: (core) => waiting(core, false),
    expected: [1, 2],
  },
  maxQueueBytes: {
    effect: 'at once',
    before: { maxQueueBytes: 100 },
    after: { maxQueueBytes: 300 },
    observe: (core) => waiting(core, false),
    expected: [1, 3],
  },
  maxStoredQueueBytes: {
    effect: 'waiting',
    before: { maxStoredQueueBytes: 600 },
    after: { maxStoredQueueBytes: 10_000 },
    observe: (core) => waiting(core, false),
    expected: [1, 4],
  },
  maxTransientQueueBytes: {
    effect: 'at once',
    before: { maxTransientQueueBytes: 400, maxInflight: 1 },
    after: { maxTransientQueueBytes: 10_000, maxInflight: 1 },
    observe: (core) => waiting(core, true),
    expected: [2, 4],
  },
  queueFullPolicy: {
    effect: 'at once',
    before: { queueFullPolicy: 'discard', maxQueueSize: 1 },
    after: { queueFullPolicy: 'discard-oldest', maxQueueSize: 1 },
    observe: foundAfterwards,
    expected: [['1'], ['3']],
  },
  maxInflight: {
    effect: 'window',
    before: { maxInflight: 2 },
    after: { maxInflight: 5 },
    observe: (core) => sentUnacknowledged(core),
    expected: [2, 5],
  },
  initialInflight: {
    effect: 'next connection',
    before: { initialInflight: 2 },
    after: { initialInflight: 5 },
    observe: (core) => sentUnacknowledged(core, 2),
    expected: [2, 5],
  },
  receiveMaximum: {
    effect: 'next connection',
    before: { receiveMaximum: 1 },
    after: { receiveMaximum: 2 },
    observe: (core) =>
      endOf(
        core,
        (peer) => {
          for (let i = 0; i < 2; i++) peer.publish('a', 'x', 2);
        },
        { version: 5 },
      ),
    expected: ['receive-maximum-exceeded', undefined],
  },
  topicAliasMax: {
    effect: 'next connection',
    before: { topicAliasMax: 1 },
    after: { topicAliasMax: 2 },
    observe: (core) => endOf(core, publishingWith({ topicAlias: 2 }), { version: 5 }),
    expected: ['topic-alias-invalid', undefined],
  },
  responseTopic: {
    effect: 'next connection',
    before: { responseTopic: 'a/%c' },
    after: { responseTopic: 'b/%c' },
    observe: (core) => {
      const peer = core.open();
      peer.connect('asking', { version: 5, properties: { requestResponseInformation: 1 } });
      peer.allow();
      return core.heard(peer)[0]?.match(/responseInformation=(\S+)/)?.[1];
    },
    expected: ['a/asking', 'b/asking'],
  },
  serverReference: {
    effect: 'next connection',
    before: { serverReference: 'one', serverRedirect: 'server-moved' },
    after: { serverReference: 'two', serverRedirect: 'server-moved' },
    observe: (core) => referenceFor(core),
    expected: ['0x9d one', '0x9d two'],
  },
  serverRedirect: {
    effect: 'next connection',
    before: { serverReference: 'one', serverRedirect: 'server-moved' },
    after: { serverReference: 'one', serverRedirect: 'use-another-server' },
    observe: (core) => referenceFor(core),
    expected: ['0x9d one', '0x9c one'],
  },
  maxPropertyBytes: {
    effect: 'at once',
    before: { maxPropertyBytes: 100 },
    after: { maxPropertyBytes: 1000 },
    observe: (core) => endOf(core, publishingWith({ contentType: 'x'.repeat(200) }), { version: 5 }),
    expected: ['properties-too-large', undefined],
  },
  checkPayloadFormat: {
    effect: 'at once',
    before: { checkPayloadFormat: true },
    after: { checkPayloadFormat: false },
    observe: (core) => endOf(core, publishingWith({ payloadFormatIndicator: 1 }, Buffer.from([0xff])), { version: 5 }),
    expected: ['payload-format-invalid', undefined],
  },
  maxBufferedQos0Messages: {
    effect: 'at once',
    before: { maxBufferedQos0Messages: 1 },
    after: { maxBufferedQos0Messages: 3 },
    observe: buffered,
    expected: [1, 3],
  },
  maxBufferedQos0Bytes: {
    effect: 'at once',
    before: { maxBufferedQos0Bytes: 150 },
    after: { maxBufferedQos0Bytes: 350 },
    observe: buffered,
    expected: [1, 3],
  },
  ackDelayMax: {
    effect: 'next connection',
    before: { ackDelayMax: undefined },
    after: { ackDelayMax: 1 },
    observe: (core) =>
      endOf(core, (peer) => {
        peer.subscribe(['late', 1]);
        publishing('late')(peer);
        for (let i = 0; i < 10; i++) core.advance(500);
      }),
    expected: [undefined, 'unacknowledged'],
  },
  drainTimeoutMs: {
    effect: 'next timer',
    before: { drainTimeoutMs: 100 },
    after: { drainTimeoutMs: 1000 },
    observe: (core) =>
      endOf(core, (peer) => {
        peer.congested();
        core.advance(500);
      }),
    expected: ['drain-timeout', undefined],
  },
  fullQueueTimeoutMs: {
    effect: 'next timer',
    before: { fullQueueTimeoutMs: 100, queueFullPolicy: 'refuse', maxQueueSize: 1 },
    after: { fullQueueTimeoutMs: 1000, queueFullPolicy: 'refuse', maxQueueSize: 1 },
    observe: (core) => {
      const name = freshName();
      const away = core.connectStored(name);
      away.subscribe([name, 1]);
      away.lose();
      return endOf(core, (peer) => {
        publishing(name)(peer);
        publishing(name)(peer);
        core.advance(500);
      });
    },
    expected: ['queue-full', undefined],
  },
  retainedMessages: {
    effect: 'at once',
    before: { retainedMessages: false },
    after: { retainedMessages: true },
    observe: (core) =>
      endOf(core, (peer) => {
        peer.publish('r', 'x', 1, { retain: true });
      }),
    expected: ['retain-not-supported', undefined],
  },
  maxRetainedMessages: {
    effect: 'at once',
    before: { maxRetainedMessages: 1 },
    after: { maxRetainedMessages: 2 },
    observe: (core) => retained(core, 'r/1', 'r/2', 'r/3'),
    expected: [1, 2],
  },
  maxRetainedTopicBytes: {
    effect: 'at once',
    before: { maxRetainedTopicBytes: 700 },
    after: { maxRetainedTopicBytes: 1300 },
    observe: (core) => retained(core, 'r/1', 'r/2', 'r/3'),
    expected: [1, 2],
  },
  maxRetainedBytes: {
    effect: 'at once',
    before: { maxRetainedBytes: 1 },
    after: { maxRetainedBytes: 2 },
    observe: (core) => retained(core, 'r/1', 'r/2', 'r/3'),
    expected: [1, 2],
  },
  retainedQueueSize: {
    effect: 'at once',
    before: { retainedQueueSize: 1, maxInflight: 1 },
    after: { retainedQueueSize: 3, maxInflight: 1 },
    observe: (core) => {
      retained(core, 'r/1', 'r/2', 'r/3', 'r/4', 'r/5', 'r/6');
      const before = core.waiting;
      core.connectStored(freshName()).subscribe(['r/#', 1]);
      return core.waiting - before;
    },
    expected: [1, 3],
  },
  sessionExpiryMax: {
    effect: 'next connection',
    before: { sessionExpiryMax: 1 },
    after: { sessionExpiryMax: 100 },
    observe: (core) => {
      const name = freshName();
      core.connectStored(name).lose();
      core.advance(2000);
      return connackFor(core, name, { clean: false });
    },
    expected: ['connack 0', 'connack 0 present'],
  },
} satisfies Partial<Record<keyof Limits, CoreProof>>;
