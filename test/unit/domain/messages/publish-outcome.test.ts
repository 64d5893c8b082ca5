// What a publisher of MQTT 5 learns of a message that nothing took: one scenario for each reason that a delivery can be
// dropped for when it begins.
import { describe, expect, test } from '@jest/globals';
import type { Limits } from '../../../../src/domain/limits.js';
import { PublishOutcome } from '../../../../src/domain/messages/publication.js';
import { LACKS_ROOM } from '../../../../src/domain/reasons.js';
import type { DropReason } from '../../../../src/domain/reasons.js';
import { permissionsOf } from '../../../support/access-rules.js';
import { CoreHarness } from '../../../support/core-harness.js';
import type { CorePeer } from '../../../support/core-harness.js';

interface Scenario {
  readonly limits?: Partial<Limits>;
  /** What there is when the message is published to `t`. */
  readonly prepare?: (core: CoreHarness, publisher: CorePeer) => void;
  readonly retain?: boolean;
  readonly answer: string;
}

const FULL = '0x97 reasonString=no queue has room for the message';
const NOT_RETAINED = '0x97 reasonString=there is no room to retain the message';
const PAYLOAD = new Uint8Array(4000);

const away = (core: CoreHarness, qos: 0 | 1 = 1): void => {
  const peer = core.connectStored('away');
  peer.subscribe(['t', qos]);
  peer.lose();
};

/** Connected, and acknowledges nothing. */
const slow = (core: CoreHarness, ...[filter, qos]: [string, 0 | 1]): void => {
  core.connect('slow').subscribe([filter, qos]);
};

const fill = (publisher: CorePeer, count: number): void => {
  for (let i = 0; i < count; i++) publisher.publish('t', PAYLOAD, 1);
};

/** `later`: a delivery is dropped for it only after it has begun, when its publisher has its answer. */
const SCENARIOS: Readonly<Record<DropReason, Scenario | 'later'>> = {
  'queue-full': {
    limits: { maxQueueSize: 1 },
    prepare: (core, publisher) => {
      away(core);
      fill(publisher, 1);
    },
    answer: FULL,
  },
  'queue-bytes-full': {
    limits: { maxQueueBytes: 5000 },
    prepare: (core, publisher) => {
      away(core);
      fill(publisher, 1);
    },
    answer: FULL,
  },
  'stored-queues-full': {
    limits: { maxStoredQueueBytes: 40_000 },
    prepare: (core, publisher) => {
      away(core);
      fill(publisher, 9);
    },
    answer: FULL,
  },
  'memory-full': {
    limits: { maxWaitingBytes: 20_000, initialInflight: 1, maxInflight: 1 },
    prepare: (core, publisher) => {
      slow(core, 't', 1);
      fill(publisher, 10);
    },
    answer: FULL,
  },
  'retained-full': { limits: { maxRetainedMessages: 0 }, retain: true, answer: NOT_RETAINED },
  'retained-bytes-full': { limits: { maxRetainedTopicBytes: 1 }, retain: true, answer: NOT_RETAINED },
  'retained-payloads-full': { limits: { maxRetainedBytes: 1 }, retain: true, answer: NOT_RETAINED },
  'no-subscriber': { answer: '0x10' },
  'client-offline': {
    prepare: (core) => {
      away(core, 0);
    },
    answer: '',
  },
  'slow-consumer': {
    prepare: (core) => {
      const peer = core.connect('slow');
      peer.subscribe(['t', 0]);
      peer.congested();
    },
    limits: { maxBufferedQos0Messages: 0 },
    answer: '',
  },
  'not-authorized': {
    prepare: (core) => {
      core.connect('deaf', { permissions: permissionsOf('allow receive other') }).subscribe(['#', 1]);
    },
    answer: '',
  },
  'packet-too-large': {
    prepare: (core) => {
      core.connect('small', { version: 5, properties: { maximumPacketSize: 100 } }).subscribe(['t', 0]);
    },
    answer: '',
  },
  expired: 'later',
  'session-ended': 'later',
  purged: 'later',
  'dropped-by-interceptor': 'later',
  'refused-by-client': 'later',
};

describe('a publisher of MQTT 5 learns the truth of a message that nothing took', () => {
  for (const [reason, scenario] of Object.entries(SCENARIOS)) {
    if (scenario === 'later') continue;
    const { limits = {}, prepare, retain = false, answer } = scenario;
    for (const qos of [1, 2] as const)
      test(`dropped as ${reason}, at QoS ${qos}`, () => {
        const core = new CoreHarness(limits);
        const publisher = core.connect('publisher', { version: 5 });
        prepare?.(core, publisher);
        const before = core.broker.counters.dropped[reason as DropReason];
        core.lines();
        publisher.publish('t', PAYLOAD, qos, { retain });
        const name = qos === 1 ? 'puback' : 'pubrec';
        const answers = core.heard(publisher).map((line) => line.replace(/^(pub\S+) \d+/, '$1'));
        expect(answers).toEqual([`${name} ${answer}`.trim()]);
        expect(core.broker.counters.dropped[reason as DropReason]).toBeGreaterThan(before);
        expect(answer.startsWith('0x97')).toBe(LACKS_ROOM[reason as DropReason]);
      });
  }

  test('that is retained although no queue has room, or removes what was retained', () => {
    for (const payload of ['x', '']) {
      const core = new CoreHarness({ maxQueueSize: 1 });
      const publisher = core.connect('publisher', { version: 5 });
      away(core);
      fill(publisher, 1);
      core.lines();
      publisher.publish('t', payload, 1, { retain: true });
      expect(core.heard(publisher)[0]).toMatch(/^puback \d+$/);
    }
  });

  test('whichever of its recipients is looked at first', () => {
    const reasons: readonly DropReason[] = ['client-offline', 'stored-queues-full', 'not-authorized'];
    for (let i = 0; i < reasons.length; i++) {
      const outcome = new PublishOutcome();
      for (const reason of [...reasons.slice(i), ...reasons.slice(0, i)]) outcome.add(reason);
      expect(outcome.isRefusedAsFull).toBe(true);
      outcome.add('queued');
      expect(outcome.isRefusedAsFull).toBe(false);
    }
  });
});
