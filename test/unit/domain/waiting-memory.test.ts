// The limit on what waits for all clients: who pays when it is reached, what is counted, and that all of it is given
// back. A client that keeps up loses nothing while another holds more.
import { describe, expect, test } from '@jest/globals';
import { SeededRandom } from '../../../src/testkit/index.js';
import { CoreHarness } from '../../support/core-harness.js';
import type { CorePeer } from '../../support/core-harness.js';
import { DEFAULT_LIMITS } from '../../../src/domain/limits.js';
import type { Limits } from '../../../src/domain/limits.js';

/** What waits costs 256 bytes, its topic and its payload; what was sent, 160. */
const LIMITS = { maxInflight: 1, maxWaitingBytes: 20_000 };

function withLaggard(limits: ConstructorParameters<typeof CoreHarness>[0] = {}) {
  const core = new CoreHarness({ ...LIMITS, ...limits });
  const laggard = core.connect('laggard');
  laggard.subscribe(['t', 1]);
  const publisher = core.connect('publisher');
  return { core, laggard, publisher };
}

const fill = (publisher: CorePeer, count = 100): void => {
  for (let i = 0; i < count; i++) publisher.publish('t', String(i));
};

describe('when what waits reaches the limit', () => {
  test('entries without a payload count as well', () => {
    const { core, publisher } = withLaggard();
    for (let i = 0; i < 1000; i++) publisher.publish('t', '');
    expect(core.broker.heldBytes).toBeLessThanOrEqual(LIMITS.maxWaitingBytes);
    expect(core.broker.heldBytes).toBeGreaterThan(LIMITS.maxWaitingBytes - 257);
    expect(core.waiting).toBe(78);
    expect(core.broker.counters.dropped['memory-full']).toBe(922);
  });

  test('the client that holds most loses messages, and one that keeps up loses none', () => {
    const { core, publisher, laggard } = withLaggard();
    fill(publisher);
    const prompt = core.connect('prompt');
    prompt.subscribe(['t', 1]);
    core.lines();
    const heard: string[] = [];
    for (let i = 0; i < 150; i += 3) {
      for (let n = 0; n < 3; n++) publisher.publish('t', String(i + n));
      for (let n = 0; n < 3; n++) {
        heard.push(...core.heard(prompt));
        prompt.puback(i + n + 1);
      }
    }
    expect(heard).toEqual(Array.from({ length: 150 }, (_, i) => `publish t=${i} q1 id${i + 1}`));
    expect(core.broker.heldBytes).toBeLessThanOrEqual(LIMITS.maxWaitingBytes);
    laggard.lose();
    expect(core.broker.heldBytes).toBe(0);
  });

  test.each([
    ['discard', 'publish t=1 q1 id2'],
    ['discard-oldest', 'publish t=24 q1 id25'],
  ] as const)('the policy %s decides which of its messages it loses', (queueFullPolicy, next) => {
    const { core, publisher, laggard } = withLaggard({ queueFullPolicy });
    fill(publisher);
    core.lines();
    laggard.puback(1);
    expect(core.heard(laggard)).toEqual([next]);
  });

  test('a client whose output is not read, and that has nothing else to lose, is disconnected', () => {
    const { core, publisher } = withLaggard();
    const deaf = core.connect('deaf');
    deaf.congested(19_000);
    core.lines();
    fill(publisher, 10);
    expect(core.lines()).toContain(`${deaf.id} close memory-full`);
    expect(core.broker.counters.dropped['memory-full']).toBe(0);
    expect(core.broker.heldBytes).toBeLessThan(4000);
  });

  test('a client that does not read loses QoS 0 messages when it holds most itself', () => {
    const { core, publisher } = withLaggard();
    const deaf = core.connect('deaf');
    deaf.subscribe(['u', 0]);
    deaf.congested(19_900);
    publisher.publish('u', 'x'.repeat(200), 0);
    expect(core.broker.counters.dropped['memory-full']).toBe(1);
    deaf.writable();
    expect(core.broker.heldBytes).toBe(0);
    publisher.publish('u', 'x'.repeat(200), 0);
    expect(core.broker.counters.dropped['memory-full']).toBe(1);
  });

  test('no client is disconnected while a shared group has a buffer of what is in storage as well', () => {
    const core = new CoreHarness({ ...LIMITS, maxWaitingBytes: 30_000 });
    const member = core.connectStored('member');
    member.subscribe(['$share/g/s', 1]);
    const publisher = core.connect('publisher');
    const payloads = Array.from({ length: 5 }, (_, i) => String(i).repeat(12_000));
    for (const payload of payloads) publisher.publish('s', payload);
    core.connect('deaf').congested(10_000);
    expect(core.recorder.events).not.toContainEqual(expect.objectContaining({ reason: 'memory-full' }));
    const heard = core.heard(member).filter((line) => line.startsWith('publish'));
    for (let id = 1; id <= 5; id++) {
      member.puback(id);
      heard.push(...core.heard(member).filter((line) => line.startsWith('publish')));
    }
    expect(heard).toEqual(payloads.map((_, i) => `publish s=12000-bytes q1 id${i + 1}`));
  });

  test('a stored session loses nothing: its buffer is read again from storage', () => {
    const { core, publisher } = withLaggard();
    const stored = core.connectStored('stored');
    stored.subscribe(['s', 1]);
    const payloads = Array.from({ length: 60 }, (_, i) => `m${i}`);
    for (const payload of payloads) publisher.publish('s', payload);
    fill(publisher, 30);
    expect(core.broker.counters.dropped['memory-full']).toBe(0);
    core.lines();
    const heard: string[] = [];
    for (let id = 1; id < 60; id++) {
      stored.puback(id);
      heard.push(...core.heard(stored));
    }
    expect(heard).toEqual(payloads.slice(1).map((payload, i) => `publish s=${payload} q1 id${i + 2}`));
  });

  test('a message that joins a buffer loses nothing when that buffer is freed to make room for it', () => {
    const core = new CoreHarness({ ...LIMITS, maxWaitingBytes: 30_000 });
    const stored = core.connectStored('stored');
    stored.subscribe(['s', 1]);
    const publisher = core.connect('publisher');
    const payloads = Array.from({ length: 4 }, (_, i) => String(i).repeat(3000 + i));
    for (const payload of payloads) publisher.publish('s', payload);
    // It holds most, has nothing that waits, and there is a buffer to free before its connection is ended.
    core.connect('deaf').congested(17_000);
    publisher.publish('s', 'last'.repeat(1000));
    const heard = core.heard(stored).filter((line) => line.startsWith('publish'));
    for (let id = 1; id <= 5; id++) {
      stored.puback(id);
      heard.push(...core.heard(stored).filter((line) => line.startsWith('publish')));
    }
    expect(heard).toEqual([3000, 3001, 3002, 3003, 4000].map((bytes, i) => `publish s=${bytes}-bytes q1 id${i + 1}`));
    expect(core.waiting).toBe(0);
  });

  test('a client that never releases the QoS 2 messages it sends is disconnected', () => {
    const { core } = withLaggard();
    const sender = core.connectStored('sender');
    for (let id = 1; id <= 600; id++) sender.publish('u', '', 2, { packetId: id });
    expect(core.broker.heldBytes).toBe(600 * 32);
    for (let id = 1; id <= 100; id++) sender.pubrel(id);
    expect(core.broker.heldBytes).toBe(500 * 32);
    sender.lose();
    expect(core.broker.heldBytes).toBe(0);
    const back = core.connectStored('sender');
    expect(core.broker.heldBytes).toBe(500 * 32);
    core.lines();
    for (let id = 1000; id < 1200; id++) back.publish('u', '', 2, { packetId: id });
    expect(core.lines()).toContain(`${back.id} close memory-full`);
    expect(core.broker.heldBytes).toBe(0);
  });

  test('a message that is sent at once passes while another client holds most', () => {
    const core = new CoreHarness({ maxWaitingBytes: 1000 });
    const a = core.connect('a');
    a.subscribe(['t', 1]);
    core.connect('publisher').publish('t', 'x'.repeat(5000));
    expect(core.broker.counters.dropped['memory-full']).toBe(0);
    expect(core.broker.heldBytes).toBe(160);
  });
});

describe('when very many clients hold less than 4 KiB each', () => {
  const silent = (core: CoreHarness, count: number): CorePeer[] =>
    Array.from({ length: count }, (_, i) => {
      const peer = core.connect(`silent ${i}`);
      peer.subscribe(['t', 1]);
      return peer;
    });

  test.each(['discard', 'refuse'] as const)('what is in flight stays below the limit under %s', (queueFullPolicy) => {
    const core = new CoreHarness({ initialInflight: 20, maxWaitingBytes: 100_000, queueFullPolicy });
    silent(core, 100);
    fill(core.connect('publisher'), 20);
    expect(core.broker.heldBytes).toBeLessThanOrEqual(100_000);
    expect(core.broker.connectionCount).toBeGreaterThan(30);
  });

  test('output that they do not read stays below the limit', () => {
    const core = new CoreHarness({ maxWaitingBytes: 100_000 });
    for (const peer of silent(core, 100)) peer.congested(3900);
    expect(core.broker.heldBytes).toBeLessThanOrEqual(100_000);
    expect(core.broker.connectionCount).toBe(25);
  });

  test('one that keeps up, and held as much before, loses nothing', () => {
    const core = new CoreHarness({ initialInflight: 3, maxInflight: 3, maxWaitingBytes: 100_000 });
    const prompt = core.connect('prompt');
    prompt.subscribe(['t', 1]);
    silent(core, 60);
    const publisher = core.connect('publisher');
    core.lines();
    const heard: string[] = [];
    for (let i = 0; i < 300; i += 6) {
      fill(publisher, 6);
      for (let id = i + 1; id <= i + 6; id++) {
        heard.push(...core.heard(prompt));
        prompt.puback(id);
      }
    }
    expect(heard.filter((line) => line.startsWith('publish'))).toHaveLength(300);
    expect(core.broker.heldBytes).toBeLessThanOrEqual(100_000);
    expect(core.broker.counters.dropped['memory-full']).toBeGreaterThan(10_000);
  });

  test('each of them pays in turn', () => {
    const core = new CoreHarness({ maxInflight: 1, maxWaitingBytes: 100_000 });
    const peers = silent(core, 60);
    fill(core.connect('publisher'), 15);
    core.lines();
    const counts = peers.map((peer) => {
      for (let id = 1; id <= 15; id++) peer.puback(id);
      return core.heard(peer).filter((line) => line.startsWith('publish')).length;
    });
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(2);
  });

  test('what they held is forgotten with them', () => {
    const core = new CoreHarness({ initialInflight: 20, maxWaitingBytes: 100_000 });
    for (const peer of silent(core, 30)) {
      fill(core.connect('publisher'), 2);
      peer.lose();
    }
    expect(core.broker.heldBytes).toBeLessThanOrEqual(320);
    const [deaf] = silent(core, 1);
    deaf?.congested(99_000);
    expect(core.broker.connectionCount).toBeGreaterThan(1);
  });
});

describe('a limit that is lowered while much waits', () => {
  /** Thirty clients without stored sessions, for each of which 40 messages wait. */
  function withMuch(queueFullPolicy: 'discard' | 'refuse'): { core: CoreHarness; publisher: CorePeer; limits: Limits } {
    const limits = { ...DEFAULT_LIMITS, maxInflight: 1, queueFullPolicy };
    const core = new CoreHarness(limits);
    for (let i = 0; i < 30; i++) core.connect(`c${i}`).subscribe(['t', 1]);
    const publisher = core.connect('publisher');
    for (let i = 0; i < 41; i++) publisher.publish('t', 'x'.repeat(200));
    core.finishesAtOnce = false;
    return { core, publisher, limits: { ...limits, maxWaitingBytes: 200_000 } };
  }

  test.each(['discard', 'refuse'] as const)('is enforced in steps of a few messages each under %s', (policy) => {
    const { core, publisher, limits } = withMuch(policy);
    const before = core.broker.heldBytes;
    expect(before).toBeGreaterThan(400_000);
    core.settings.replace({ limits, perListener: new Map() });
    publisher.publish('t', 'one more');
    let held = core.broker.heldBytes;
    expect(held).toBeLessThanOrEqual(before);
    expect(held).toBeGreaterThan(before / 2);
    for (let steps = 0; core.broker.hasWork; steps++) {
      core.broker.handle({ kind: 'continue' }, core.nowMs);
      // At most 256 messages of 457 bytes, or so many connections.
      if (policy === 'discard') expect(held - core.broker.heldBytes).toBeLessThanOrEqual(256 * 457);
      held = core.broker.heldBytes;
      expect(steps).toBeLessThan(100);
    }
    expect(held).toBeLessThanOrEqual(200_000);
  });

  test('holds for what comes meanwhile: no more waits than before', () => {
    const { core, publisher, limits } = withMuch('discard');
    const before = core.broker.heldBytes;
    core.settings.replace({ limits, perListener: new Map() });
    for (let i = 0; i < 100; i++) publisher.publish('t', 'x'.repeat(200));
    expect(core.broker.heldBytes).toBeLessThanOrEqual(before);
    core.finish();
    expect(core.broker.heldBytes).toBeLessThanOrEqual(200_000);
  });
});

describe('what is held', () => {
  test('is given back when it is acknowledged, when connections, sessions and groups end, and never exceeds the limit', () => {
    for (let seed = 1; seed <= 8; seed++) {
      const random = new SeededRandom(seed);
      const pick = (n: number): number => random.uint32() % n;
      const core = new CoreHarness({ initialInflight: 4, maxInflight: 8, maxWaitingBytes: 30_000 });
      const publisher = core.connect('publisher');
      let peers: CorePeer[] = [];
      const connect = (): void => {
        const name = `c${pick(6)}`;
        const peer = pick(2) === 0 ? core.connect(name) : core.connectStored(name);
        peer.subscribe(['t', pick(3) as 0 | 1 | 2], [`$share/g${pick(2)}/t`, pick(3) as 0 | 1 | 2]);
        peers.push(peer);
      };
      for (let i = 0; i < 400; i++) {
        const peer = peers[pick(Math.max(1, peers.length))];
        switch (pick(8)) {
          case 0:
            connect();
            break;
          case 1:
            peer?.lose();
            peers = peers.filter((other) => other !== peer);
            break;
          case 2:
            peer?.congested(pick(200) * 50);
            break;
          case 3:
            peer?.writable();
            break;
          case 4:
            for (let id = 1; id < 60; id++) peer?.puback(id);
            break;
          case 5:
            for (let id = 1; id < 60; id++) peer?.pubrec(id);
            for (let id = 1; id < 60; id++) peer?.pubcomp(id);
            break;
          default:
            for (let n = 0; n < 5; n++) publisher.publish('t', 'x'.repeat(pick(100)), pick(3) as 0 | 1 | 2);
        }
        core.recorder.events.length = 0;
        // Messages in flight may exceed it by what a step adds.
        expect(core.broker.heldBytes).toBeLessThanOrEqual(31_000);
        expect(core.broker.heldBytes).toBeGreaterThanOrEqual(0);
      }
      for (const peer of peers) peer.lose();
      publisher.lose();
      expect(core.broker.heldBytes).toBe(0);
    }
  });
});

describe('ackDelayMax', () => {
  test('ends a connection whose oldest message stays unacknowledged, whatever else the client sends', () => {
    const { core, publisher, laggard } = withLaggard({ ackDelayMax: 60 });
    publisher.publish('t', '1');
    for (let s = 0; s < 60; s += 10) core.advance(10_000);
    laggard.ping();
    expect(core.lines()).not.toContain(`${laggard.id} close unacknowledged`);
    for (let s = 0; s < 30; s += 10) core.advance(10_000);
    expect(core.lines()).toContain(`${laggard.id} close unacknowledged`);
  });

  test('does not end a connection that acknowledges, or has nothing to acknowledge', () => {
    const { core, publisher, laggard } = withLaggard({ ackDelayMax: 60 });
    for (let id = 1; id < 20; id++) {
      publisher.publish('t', '1');
      core.advance(40_000);
      laggard.puback(id);
    }
    core.advance(600_000);
    expect(core.lines().filter((line) => line.includes('close'))).toEqual([]);
  });
});

test('of many large messages that wait, about 1 MiB is sent before the network has taken any of it', () => {
  const core = new CoreHarness({ initialInflight: 100 });
  const a = core.connect('a');
  a.subscribe(['t', 1]);
  a.congested();
  const publisher = core.connect('publisher');
  for (let i = 0; i < 50; i++) publisher.publish('t', 'x'.repeat(100_000));
  core.lines();
  core.answersAtOnce = false;
  a.writable();
  const heard = core.heard(a);
  expect(heard).toHaveLength(11);
  core.answerAll();
  heard.push(...core.heard(a));
  expect(heard).toHaveLength(50);
});
