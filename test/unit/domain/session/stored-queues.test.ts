// The limit on what all stored queues take together: the queue that takes most pays.
import { describe, expect, test } from '@jest/globals';
import { DEFAULT_LIMITS } from '../../../../src/domain/limits.js';
import { CoreHarness } from '../../../support/core-harness.js';
import type { CorePeer } from '../../../support/core-harness.js';

const PAYLOAD = new Uint8Array(1000);
/** With 400 bytes and a topic of one character for each message. */
const MESSAGE_BYTES = 1401;

function started(limits: Partial<typeof DEFAULT_LIMITS> = {}): { core: CoreHarness; publisher: CorePeer } {
  const core = new CoreHarness({ ...DEFAULT_LIMITS, maxStoredQueueBytes: 30 * MESSAGE_BYTES, ...limits });
  return { core, publisher: core.connect('publisher') };
}

/** A client with a stored session that subscribes to a topic of its own name. */
function subscriber(core: CoreHarness, name: string): CorePeer {
  const peer = core.connectStored(name);
  peer.subscribe([name, 1]);
  return peer;
}

function publish(publisher: CorePeer, topic: string, count: number): void {
  for (let i = 0; i < count; i++) publisher.publish(topic, PAYLOAD, 1);
}

const dropped = (core: CoreHarness): number => core.broker.counters.dropped['stored-queues-full'];

describe('maxStoredQueueBytes', () => {
  test('the session with the most loses its oldest messages, and others lose none', () => {
    const { core, publisher } = started();
    subscriber(core, 'a').lose();
    subscriber(core, 'b').lose();
    publish(publisher, 'a', 25);
    publish(publisher, 'b', 5);
    expect(dropped(core)).toBe(0);
    core.lines();
    publish(publisher, 'b', 5);
    const drops = core.lines().filter((line) => line.includes('stored-queues-full'));
    expect(drops).toEqual(new Array(5).fill('! stored-queues-full c:a unread'));
    expect(core.waiting).toBe(30);
  });

  test('a message for the session with the most is dropped, or its oldest one, by the policy', () => {
    for (const queueFullPolicy of ['discard', 'discard-oldest'] as const) {
      const { core, publisher } = started({ queueFullPolicy });
      subscriber(core, 'a').lose();
      publish(publisher, 'a', 40);
      expect([dropped(core), core.waiting]).toEqual([10, 30]);
    }
  });

  test('a session whose messages are all sent and not acknowledged ends when it takes most', () => {
    const { core, publisher } = started({ initialInflight: 100, maxInflight: 100 });
    subscriber(core, 'a');
    subscriber(core, 'b').lose();
    publish(publisher, 'a', 25);
    core.lines();
    publish(publisher, 'b', 10);
    const lines = core.lines();
    expect(lines).toContain('! session-ended a memory-full');
    expect(lines).toContainEqual(expect.stringMatching(/close memory-full/));
    expect([dropped(core), core.waiting]).toEqual([0, 10]);
  });

  test('what is acknowledged, and what a session had that has ended, makes room again', () => {
    const { core, publisher } = started();
    for (let i = 0; i < 10; i++) {
      const a = subscriber(core, 'a');
      publish(publisher, 'a', 25);
      for (let packetId = 1; packetId <= 25; packetId++) a.puback(packetId + 25 * i);
      subscriber(core, `b${i}`).lose();
      publish(publisher, `b${i}`, 25);
      core.connect(`b${i}`).lose();
    }
    expect([dropped(core), core.waiting]).toEqual([0, 0]);
  });

  test('under refuse nothing is dropped: the publisher gets no acknowledgement until there is room', () => {
    const { core, publisher } = started({ queueFullPolicy: 'refuse' });
    subscriber(core, 'a').lose();
    subscriber(core, 'b').lose();
    publish(publisher, 'a', 28);
    core.lines();
    publish(publisher, 'b', 5);
    expect(core.lines().filter((line) => line.includes('puback'))).toHaveLength(2);
    expect([dropped(core), core.waiting]).toEqual([0, 30]);
  });

  test('no limit applies where none is set', () => {
    const { core, publisher } = started({ maxStoredQueueBytes: undefined });
    subscriber(core, 'a').lose();
    publish(publisher, 'a', 100);
    expect([dropped(core), core.waiting]).toEqual([0, 100]);
  });
});
