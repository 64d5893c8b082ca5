// Retained messages: which ones are kept, and which ones a new subscription receives.
import { describe, expect, test } from '@jest/globals';
import type { MessageId, TopicName } from '../../../../src/domain/identifiers.js';
import { CoreHarness } from '../../../support/core-harness.js';
import type { CorePeer } from '../../../support/core-harness.js';

function retain(publisher: CorePeer, count: number, qos: 0 | 1 | 2 = 1, payload: string | Uint8Array = 'x'): string[] {
  const topics = Array.from({ length: count }, (_, i) => `r/${i}`);
  for (const topic of topics) publisher.publish(topic, payload, qos, { retain: true });
  return topics;
}

const topicsOf = (lines: readonly string[]): string[] =>
  lines.flatMap((line) => /publish ([^= ]+)=/.exec(line)?.[1] ?? []);

function started(limits: ConstructorParameters<typeof CoreHarness>[0] = {}): {
  core: CoreHarness;
  publisher: CorePeer;
} {
  const core = new CoreHarness(limits);
  return { core, publisher: core.connect('publisher') };
}

/** Acknowledges everything that arrives at QoS 1 until nothing more arrives. Returns the topics. */
function takeAll(core: CoreHarness, peer: CorePeer): string[] {
  const got: string[] = [];
  for (;;) {
    const heard = core.heard(peer).filter((line) => line.startsWith('publish'));
    if (heard.length === 0) return got;
    got.push(...topicsOf(heard));
    for (const line of heard) {
      const packetId = / id(\d+)/.exec(line)?.[1];
      if (packetId !== undefined) peer.puback(Number(packetId));
    }
  }
}

describe('retained messages', () => {
  test('retained messages go to a new subscription at the lower QoS, with the flag, after SUBACK', () => {
    const { core, publisher } = started();
    publisher.publish('r/1', 'one', 1, { retain: true });
    publisher.publish('r/0', 'zero', 0, { retain: true });
    const a = core.connect('a');
    core.lines();
    a.subscribe(['r/+', 1]);
    expect(core.heard(a)).toEqual([
      expect.stringMatching(/^suback \d+ 1$/),
      'publish r/1=one q1 id1 retain',
      'publish r/0=zero q0 retain',
    ]);
    a.subscribe(['r/1', 0]);
    expect(core.heard(a)).toEqual([expect.stringMatching(/^suback \d+ 0$/), 'publish r/1=one q0 retain']);
  });

  test('retained messages are stored, and existing subscribers get them without the flag', () => {
    const { core, publisher } = started();
    core.connect('a').subscribe(['r', 1]);
    core.lines();
    publisher.publish('r', 'x', 0, { retain: true });
    expect(core.lines()).toEqual(['+retained r=x', '2 < publish r=x q0']);
  });

  test('retained messages are deleted by an empty one, which existing subscribers still get', () => {
    const { core, publisher } = started();
    publisher.publish('r', 'x', 0, { retain: true });
    core.connect('a').subscribe(['r', 0]);
    core.lines();
    publisher.publish('r', '', 0, { retain: true });
    publisher.publish('r', '', 0, { retain: true });
    expect(core.lines()).toEqual(['-retained r', '2 < publish r= q0', '2 < publish r= q0']);
    expect(core.broker.retainedCount).toBe(0);
    core.connect('b').subscribe(['r', 0]);
    expect(topicsOf(core.lines())).toEqual([]);
  });

  test('a second empty message deletes again, because the first deletion may not be durable yet', () => {
    const { core, publisher } = started();
    publisher.publish('r', 'x', 0, { retain: true });
    publisher.publish('r', '', 0, { retain: true });
    core.lines();
    publisher.publish('r', '', 1, { retain: true });
    expect(core.lines()[0]).toBe('-retained r');
  });

  test('retained messages are replaced by the next one on their topic', () => {
    const { core, publisher } = started();
    publisher.publish('r', 'old', 1, { retain: true });
    publisher.publish('r', 'new', 1, { retain: true });
    const a = core.connect('a');
    a.subscribe(['r', 1]);
    expect(core.heard(a)).toContain('publish r=new q1 id1 retain');
    expect(core.broker.retainedCount).toBe(1);
  });

  test('retained messages are sent to a repeated subscription, and to each subscription of a packet', () => {
    const { core, publisher } = started();
    publisher.publish('r', 'x', 0, { retain: true });
    const a = core.connect('a');
    a.subscribe(['r', 0], ['+', 0]);
    a.subscribe(['r', 0]);
    expect(topicsOf(core.heard(a))).toEqual(['r', 'r', 'r']);
  });

  test('retained messages survive a restart', () => {
    const { core, publisher } = started();
    retain(publisher, 3);
    const next = core.restarted();
    const a = next.connect('a');
    a.subscribe(['#', 1]);
    expect(topicsOf(next.heard(a))).toEqual(['r/0', 'r/1', 'r/2']);
  });
});

describe('many retained messages', () => {
  test.each([
    [0, 150],
    [1, 150],
    [2, 150],
    [1, 250],
  ] as const)(
    'many retained messages at QoS %i reach a session that is not stored once each: %i messages',
    (qos, count) => {
      const { core, publisher } = started();
      const topics = retain(publisher, count, qos);
      const a = core.connect('a');
      core.lines();
      a.subscribe(['#', 2]);
      const got = qos === 1 ? takeAll(core, a) : takeAllAt2(core, a);
      expect(got).toEqual(topics);
    },
  );

  test.each([
    [0, 150],
    [1, 150],
    [2, 150],
    [1, 250],
  ] as const)('many retained messages at QoS %i reach a stored session once each: %i messages', (qos, count) => {
    const { core, publisher } = started();
    const topics = retain(publisher, count, qos);
    const a = core.connectStored('a');
    core.lines();
    a.subscribe(['#', 2]);
    expect(qos === 1 ? takeAll(core, a) : takeAllAt2(core, a)).toEqual(topics);
    expect(core.stored('a')).toEqual([]);
    expect(core.waiting).toBe(0);
  });

  test('many retained messages all reach a client that has had messages before', () => {
    const { core, publisher } = started();
    const topics = retain(publisher, 250);
    const a = core.connect('a');
    a.subscribe(['t', 1]);
    publisher.publish('t', 'x');
    a.puback(1);
    core.lines();
    a.subscribe(['#', 1]);
    expect(takeAll(core, a)).toEqual(topics);
  });

  test('many retained messages are read a page at a time, the next page when the previous one has left', () => {
    const { core, publisher } = started();
    retain(publisher, 150, 0);
    const a = core.connect('a');
    core.answersAtOnce = false;
    a.subscribe(['#', 0]);
    core.lines();
    core.answerNext();
    const lines = core.lines();
    expect(lines.filter((line) => line.includes('publish'))).toHaveLength(100);
    expect(lines.slice(-1)).toEqual([`${a.id} when-writable`]);
    expect(core.recorder.retainedReads).toEqual([]);
    core.answerNext();
    expect(core.lines()).toEqual([`${a.id} read-retained 50 topics`]);
    core.answerNext();
    expect(topicsOf(core.lines())).toHaveLength(50);
  });

  test('large retained messages make smaller pages', () => {
    const { core, publisher } = started();
    retain(publisher, 10, 0, new Uint8Array(100 * 1024));
    core.answersAtOnce = false;
    const a = core.connect('a');
    a.subscribe(['#', 0]);
    expect(core.recorder.retainedReads.map(({ topics }) => topics.length)).toEqual([2]);
  });

  test('many retained messages wait until a client without a stored session has finished the last page', () => {
    const { core, publisher } = started();
    retain(publisher, 250);
    const a = core.connect('a');
    core.lines();
    a.subscribe(['#', 1]);
    expect(topicsOf(core.heard(a))).toHaveLength(50);
    expect(core.waiting).toBe(100);
    a.puback(1);
    expect(core.waiting).toBeLessThanOrEqual(199);
  });

  test('the number of retained messages sent is limited', () => {
    const { core, publisher } = started({ retainedQueueSize: 5 });
    retain(publisher, 20);
    const a = core.connect('a');
    core.lines();
    a.subscribe(['#', 1]);
    expect(takeAll(core, a)).toHaveLength(5);
    const limited = (): unknown[] => core.recorder.events.filter(({ kind }) => kind === 'retained-limited');
    expect(limited()).toEqual([{ kind: 'retained-limited', clientId: 'a', topicFilter: '#', limit: 5 }]);
    a.subscribe(['t/1', 1]);
    expect(limited()).toHaveLength(1);
  });

  test('many retained messages do not count as a full queue', () => {
    const { core, publisher } = started({ maxQueueSize: 2, maxInflight: 1 });
    const topics = retain(publisher, 20);
    const a = core.connectStored('a');
    core.lines();
    a.subscribe(['#', 1]);
    expect(takeAll(core, a)).toEqual(topics);
    expect(core.broker.counters.dropped['queue-full']).toBe(0);
  });

  test('the retained messages of a second subscription follow those of the first', () => {
    const { core, publisher } = started();
    const topics = retain(publisher, 120, 0);
    const a = core.connect('a');
    core.answersAtOnce = false;
    a.subscribe(['r/+', 0]);
    a.subscribe(['r/7', 0]);
    core.answerAll();
    expect(topicsOf(core.lines())).toEqual([...topics, 'r/7']);
  });
});

describe('while retained messages are read', () => {
  test('a retained message that is replaced while it is read is skipped: the subscriber has the newer one', () => {
    const { core, publisher } = started();
    retain(publisher, 3);
    core.answersAtOnce = false;
    const a = core.connect('a');
    a.subscribe(['#', 1]);
    core.lines();
    publisher.publish('r/1', 'newer', 1, { retain: true });
    core.answerAll();
    expect(core.heard(a)).toEqual([
      'publish r/1=newer q1 id1',
      'publish r/0=x q1 id2 retain',
      'publish r/2=x q1 id3 retain',
    ]);
  });

  test('a retained message that is replaced after it was read is skipped', () => {
    const { core, publisher } = started();
    retain(publisher, 2);
    core.answersAtOnce = false;
    const a = core.connect('a');
    a.subscribe(['#', 1]);
    const [read] = core.recorder.retainedReads.splice(0);
    if (read === undefined) throw new Error('nothing was asked for');
    const messages = core.store.readRetained(read.topics);
    publisher.publish('r/1', 'newer', 1, { retain: true });
    core.lines();
    core.handle({ kind: 'retained-page', connection: a.id, messages });
    expect(topicsOf(core.heard(a))).toEqual(['r/0']);
  });

  test('a retained message that is deleted while it is read is skipped', () => {
    const { core, publisher } = started();
    retain(publisher, 2);
    core.answersAtOnce = false;
    const a = core.connect('a');
    a.subscribe(['#', 0]);
    publisher.publish('r/0', '', 0, { retain: true });
    core.lines();
    core.answerAll();
    expect(core.heard(a)).toEqual(['publish r/1=x q0 retain']);
  });

  test('retained messages of a subscription that has ended are skipped', () => {
    const { core, publisher } = started();
    retain(publisher, 2);
    core.answersAtOnce = false;
    const a = core.connect('a');
    a.subscribe(['r/0', 0], ['r/1', 0]);
    a.unsubscribe('r/0');
    core.lines();
    core.answerAll();
    expect(topicsOf(core.heard(a))).toEqual(['r/1']);
  });

  test('a page for a connection that has ended is ignored', () => {
    const { core, publisher } = started();
    retain(publisher, 2);
    core.answersAtOnce = false;
    const a = core.connectStored('a');
    a.subscribe(['#', 1]);
    a.lose();
    core.lines();
    core.answerAll();
    expect(core.lines()).toEqual([]);
    expect(core.waiting).toBe(0);
  });

  test('the end of a subscription between two pages ends the reading', () => {
    const { core, publisher } = started();
    retain(publisher, 250);
    core.answersAtOnce = false;
    const a = core.connect('a');
    a.subscribe(['#', 1]);
    core.answerNext();
    a.unsubscribe('#');
    core.answersAtOnce = true;
    core.answerAll();
    expect(takeAll(core, a)).toHaveLength(100);
    core.lines();
    a.subscribe(['r/3', 1]);
    expect(takeAll(core, a)).toEqual(['r/3']);
  });
});

describe('limits of retained messages', () => {
  test('a message beyond the limit of retained messages is delivered, not retained, and counted', () => {
    const { core, publisher } = started({ maxRetainedMessages: 1 });
    core.connect('a').subscribe(['#', 0]);
    publisher.publish('r/1', 'x', 0, { retain: true });
    core.lines();
    publisher.publish('r/2', 'y', 0, { retain: true });
    publisher.publish('r/1', 'z', 0, { retain: true });
    expect(core.lines()).toEqual([
      '! retained-full no-queue r/2',
      '2 < publish r/2=y q0',
      '+retained r/1=z',
      '2 < publish r/1=z q0',
    ]);
    expect(core.waiting).toBe(0);
  });

  test('a message whose topic needs more memory than retained topics may take is delivered, not retained, and counted', () => {
    const { core, publisher } = started({ maxRetainedTopicBytes: 2000 });
    const long = `r/${'x'.repeat(500)}`;
    publisher.publish(long, 'x', 0, { retain: true });
    core.lines();
    publisher.publish(`${long}2`, 'y', 0, { retain: true });
    publisher.publish(long, 'z', 0, { retain: true });
    expect(core.lines()).toEqual([`! retained-bytes-full no-queue ${long}2`, `+retained ${long}=z`]);
    publisher.publish(long, '', 0, { retain: true });
    publisher.publish(`${long}2`, 'y', 0, { retain: true });
    expect(core.lines()).toContain(`+retained ${long}2=y`);
    expect(core.broker.counters.dropped['retained-bytes-full']).toBe(1);
  });

  test('retained topics of the store count, and stay although the limit is lower now', () => {
    const { core, publisher } = started({ maxRetainedTopicBytes: 1000 });
    for (const [i, topic] of ['r/1', 'r/2'].entries())
      core.broker.restore(
        { kind: 'retained', topic: topic as TopicName, id: i as MessageId, bytes: 1, expiresAtMs: undefined },
        0,
      );
    core.lines();
    publisher.publish('r/3', 'x', 0, { retain: true });
    publisher.publish('r/2', 'y', 0, { retain: true });
    expect(core.lines()).toEqual(['! retained-bytes-full no-queue r/3', '+retained r/2=y']);
    expect(core.broker.retainedCount).toBe(2);
  });

  test('a message whose payload needs more than retained messages may take is delivered, not retained, and counted', () => {
    const { core, publisher } = started({ maxRetainedBytes: 10 });
    publisher.publish('r/1', '123456', 1, { retain: true });
    core.lines();
    publisher.publish('r/2', '12345', 0, { retain: true });
    expect(core.lines()).toEqual(['! retained-payloads-full no-queue r/2']);
    expect(core.broker.counters.dropped['retained-payloads-full']).toBe(1);
    publisher.publish('r/2', '1234', 0, { retain: true });
    expect(core.lines()).toEqual(['+retained r/2=1234']);
    // A smaller one makes room, and a removed one too.
    publisher.publish('r/1', '1', 0, { retain: true });
    publisher.publish('r/2', '', 0, { retain: true });
    publisher.publish('r/3', '123456789', 0, { retain: true });
    expect(core.lines()).toContain('+retained r/3=123456789');
  });

  test('a topic whose latest message does not fit has no retained message: an earlier one would be out of date', () => {
    const { core, publisher } = started({ maxRetainedBytes: 10 });
    publisher.publish('r', '123456', 0, { retain: true });
    core.lines();
    publisher.publish('r', '12345678901', 1, { retain: true });
    expect(core.lines()).toEqual([
      expect.stringMatching(/^-retained r/),
      '! retained-payloads-full no-queue r',
      '1 < puback 1 after #1',
    ]);
    expect(core.broker.retainedCount).toBe(0);
  });

  test('payloads of the store count, and one that does not grow is retained although the limit is lower now', () => {
    const { core, publisher } = started({ maxRetainedBytes: 10 });
    core.broker.restore(
      { kind: 'retained', topic: 'r' as TopicName, id: 1 as MessageId, bytes: 20, expiresAtMs: undefined },
      0,
    );
    core.lines();
    publisher.publish('r', 'x'.repeat(20), 0, { retain: true });
    expect(core.lines()).toEqual([`+retained r=${'x'.repeat(20)}`]);
    publisher.publish('s', 'x', 0, { retain: true });
    expect(core.lines()).toEqual(['! retained-payloads-full no-queue s']);
  });

  test('an expired retained message is not sent', () => {
    const { core, publisher } = started({ messageExpiryMax: 10 });
    publisher.publish('r', 'x', 1, { retain: true });
    core.advance(10_000);
    const a = core.connect('a');
    core.lines();
    a.subscribe(['r', 1]);
    expect(topicsOf(core.heard(a))).toEqual([]);
  });

  test('an expired retained message makes room for another', () => {
    const { core, publisher } = started({ messageExpiryMax: 10, maxRetainedMessages: 1 });
    publisher.publish('r/1', 'x', 1, { retain: true });
    core.advance(60_000);
    publisher.publish('r/2', 'y', 1, { retain: true });
    const a = core.connect('a');
    core.lines();
    a.subscribe(['#', 1]);
    expect(topicsOf(core.heard(a))).toEqual(['r/2']);
  });

  test('a publisher that retains is disconnected if retained messages are switched off', () => {
    const { core, publisher } = started({ retainedMessages: false });
    core.lines();
    publisher.publish('r', 'x', 1, { retain: true });
    expect(core.lines()).toEqual(['1 close retain-not-supported', '! session-ended publisher disconnected']);
  });
});

function takeAllAt2(core: CoreHarness, peer: CorePeer): string[] {
  const got: string[] = [];
  for (;;) {
    const heard = core.heard(peer).filter((line) => line.startsWith('publish'));
    if (heard.length === 0) return got;
    got.push(...topicsOf(heard));
    for (const line of heard) {
      const packetId = Number(/ id(\d+)/.exec(line)?.[1] ?? 0);
      if (packetId === 0) continue;
      peer.pubrec(packetId);
      peer.pubcomp(packetId);
    }
  }
}
