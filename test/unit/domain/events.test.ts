// Events about every message are created only if an observer wants them; counters and behaviour are the same.
import { describe, expect, test } from '@jest/globals';
import { EVERY_EVENT, maskOf, wants } from '../../../src/domain/events.js';
import { CoreHarness } from '../../support/core-harness.js';

describe('the mask of wanted events', () => {
  test('a mask has the kinds that it was made of and no other', () => {
    const mask = maskOf(['message-dropped', 'session-ended']);
    expect(wants(mask, 'message-dropped')).toBe(true);
    expect(wants(mask, 'session-ended')).toBe(true);
    expect(wants(mask, 'will-published')).toBe(false);
    expect(wants(EVERY_EVENT, 'will-published')).toBe(true);
  });

  test('a drop that no observer wants is counted and not reported', () => {
    const core = new CoreHarness({ maxQueueSize: 1 });
    core.recorder.wanted = maskOf(['will-published']);
    const away = core.connectStored('a');
    away.subscribe(['t', 1]);
    away.disconnect();
    const publisher = core.connect('c');
    for (let i = 0; i < 60; i++) publisher.publish('t', 'x');
    // A client that acknowledges nothing slows no publisher for long.
    core.advance(600);
    expect(core.broker.counters.dropped['queue-full']).toBeGreaterThan(0);
    expect(core.recorder.events.some(({ kind }) => kind === 'message-dropped')).toBe(false);
  });
});

describe('a message that expires', () => {
  test('a queued message that expires is dropped for that reason, with the identity of the message', () => {
    const core = new CoreHarness({ messageExpiryMax: 10 });
    const a = core.connectStored('a');
    a.subscribe(['t', 1]);
    a.lose();
    core.connect('b').publish('t', 'x');
    core.advance(10_001);
    core.connectStored('a');
    expect(core.broker.counters.dropped.expired).toBe(1);
    expect(core.recorder.events.filter(({ kind }) => kind === 'message-dropped')).toEqual([
      { kind: 'message-dropped', reason: 'expired', messageId: 1, topic: 't', qos: 1, queue: 'c:a' },
    ]);
  });

  test('a retained message that expires is dropped for that reason', () => {
    const core = new CoreHarness({ messageExpiryMax: 10 });
    core.connect('b').publish('t', 'x', 0, { retain: true });
    core.advance(10_001);
    expect(core.recorder.events.filter(({ kind }) => kind === 'message-dropped')).toEqual([
      { kind: 'message-dropped', reason: 'expired', messageId: 1, topic: 't', qos: undefined, queue: undefined },
    ]);
  });
});
