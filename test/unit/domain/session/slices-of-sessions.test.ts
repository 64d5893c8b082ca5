// Work on one session, or on one shared group, that is larger than a slice: how much of it happens in a step, and what
// other clients see in between.
import { describe, expect, test } from '@jest/globals';
import type { QueueId } from '../../../../src/domain/identifiers.js';
import { CoreHarness } from '../../../support/core-harness.js';
import type { CorePeer } from '../../../support/core-harness.js';

const inSlicesOf = (sliceSize: number, limits = {}): CoreHarness =>
  new CoreHarness(limits, undefined, undefined, sliceSize);

const published = (lines: readonly string[]): string[] => lines.filter((line) => line.includes('< publish'));

/** What each further step of the work under way did. */
function steps(core: CoreHarness): string[][] {
  const lines: string[][] = [];
  while (core.broker.hasWork) {
    core.handle({ kind: 'continue' });
    lines.push(core.lines());
  }
  return lines;
}

describe('a session that ends with more subscriptions than a slice', () => {
  /** A stored session with five subscriptions, of which the end removes two at once. */
  function ended(filters = ['t/1', 't/2', 't/3', 't/4', 't/5']) {
    const core = inSlicesOf(2);
    const a = core.connectStored('a');
    for (const filter of filters) a.subscribe([filter, 1]);
    a.lose();
    const publisher = core.connect('publisher');
    core.lines();
    core.finishesAtOnce = false;
    const again = core.connect('a');
    return { core, again, publisher };
  }

  test('two subscriptions are removed in a step, and the store forgets the session with the first', () => {
    const { core } = ended();
    expect(core.lines()).toContainEqual(expect.stringContaining('-session a'));
    expect(core.broker.hasWork).toBe(true);
    expect(steps(core)).toHaveLength(2);
  });

  test('a message to a topic that only it had subscribed to matches nothing, although the subscription is there', () => {
    const { core, publisher } = ended();
    core.lines();
    publisher.publish('t/5', 'x', 1, { packetId: 7 });
    expect(core.broker.counters.dropped['no-subscriber']).toBe(1);
    expect(core.lines()).toEqual([`${publisher.id} < puback 7`]);
    expect(core.store.oddities).toEqual([]);
  });

  test('a route that was known before is not used any longer', () => {
    const { core, publisher } = ended(['$share/g/t/1', '$share/g/t/2', '$share/g/t/3', 't/5']);
    core.finish();
    const b = core.connectStored('b');
    core.finishesAtOnce = true;
    for (const filter of ['$share/g/t/1', '$share/g/t/2', '$share/g/t/3', 't/5']) b.subscribe([filter, 1]);
    publisher.publish('t/5', 'before');
    b.lose();
    core.finishesAtOnce = false;
    core.connect('b');
    core.lines();
    publisher.publish('t/5', 'after');
    expect(published(core.lines())).toEqual([]);
    expect(core.stored('b')).toEqual([]);
  });

  test('a new session of the same client may subscribe to the same filter meanwhile', () => {
    const { core, again, publisher } = ended();
    core.finishesAtOnce = true;
    again.subscribe(['t/5', 1]);
    core.lines();
    publisher.publish('t/5', 'x');
    expect(published(core.lines())).toEqual([`${again.id} < publish t/5=x q1 id1`]);
  });

  test('a shared group of which only ended sessions are members does not give its messages to a new one', () => {
    const core = inSlicesOf(2);
    const a = core.connectStored('a');
    for (const filter of ['1', '2', '3', '$share/g/t']) a.subscribe([filter, 1]);
    a.lose();
    const publisher = core.connect('publisher');
    publisher.publish('t', 'old');
    expect(core.storedIn('g:g/t' as QueueId)).toEqual(['old']);
    core.finishesAtOnce = false;
    core.connect('a');
    const b = core.connect('b');
    core.finishesAtOnce = true;
    core.lines();
    b.subscribe(['$share/g/t', 1]);
    publisher.publish('t', 'new');
    expect(published(core.lines())).toEqual([`${b.id} < publish t=new q1 id1`]);
    expect(core.storedIn('g:g/t' as QueueId)).toEqual([]);
    expect(core.waiting).toBe(1);
  });

  test('a shared group gives nothing to a member whose session has ended', () => {
    const core = inSlicesOf(2);
    const a = core.connectStored('a');
    for (const filter of ['1', '2', '3', '$share/g/t']) a.subscribe([filter, 1]);
    a.lose();
    core.connectStored('b').subscribe(['$share/g/t', 1]);
    core.finishesAtOnce = false;
    core.connect('a');
    core.lines();
    core.connect('publisher').publish('t', 'x');
    expect(published(core.lines())).toEqual(['2 < publish t=x q1 id1']);
    expect(core.stored('a')).toEqual([]);
  });

  test('sessions that end at one moment are cleared one after the other, and others are served in between', () => {
    const core = inSlicesOf(2);
    const sessions = ['a', 'b', 'c'].map((name) => core.connect(name));
    for (const peer of sessions) for (const filter of ['1', '2', '3', '4']) peer.subscribe([filter, 0]);
    const other = core.connect('other');
    core.finishesAtOnce = false;
    for (const peer of sessions) peer.lose();
    core.lines();
    let count = 0;
    for (; core.broker.hasWork; count++) {
      core.handle({ kind: 'continue' });
      other.ping();
    }
    expect(count).toBe(5);
    expect(core.lines()).toEqual(Array(count).fill(`${other.id} < pingresp`));
    other.publish('1', 'x', 0);
    expect(core.broker.counters.dropped['no-subscriber']).toBe(1);
  });

  test('a crash in between leaves nothing of the session', () => {
    const { core } = ended();
    const next = core.restarted();
    next.connect('publisher').publish('t/5', 'x');
    expect(next.broker.counters.dropped['no-subscriber']).toBe(1);
    expect(next.store.subscriptions.size).toBe(0);
  });
});

describe('a shared group with more waiting messages than a slice', () => {
  const publishAll = (publisher: CorePeer, names: string): void => {
    for (const name of names) publisher.publish('t', name);
  };

  test('a shared group gives members as many messages per step as a slice has, in order', () => {
    const core = inSlicesOf(2, { maxInflight: 10 });
    core.connectStored('a').subscribe(['$share/g/t', 1]);
    const publisher = core.connect('publisher');
    core.connectStored('a').lose();
    publishAll(publisher, 'vwxyz');
    core.lines();
    core.finishesAtOnce = false;
    core.connectStored('a');
    const all = [core.lines(), ...steps(core)].map((lines) => published(lines).map((line) => line.slice(2)));
    expect(all.map((lines) => lines.length)).toEqual([2, 2, 1]);
    expect(all.flat().map((line) => /t=(.)/.exec(line)?.[1])).toEqual(['v', 'w', 'x', 'y', 'z']);
  });

  test('a message that is published meanwhile goes behind those that wait', () => {
    const core = inSlicesOf(1, { maxInflight: 10 });
    core.connectStored('a').subscribe(['$share/g/t', 1]);
    const publisher = core.connect('publisher');
    core.connectStored('a').lose();
    publishAll(publisher, 'xy');
    core.finishesAtOnce = false;
    core.connectStored('a');
    publishAll(publisher, 'z');
    core.finish();
    const sent = published(core.lines()).map((line) => /t=(.)/.exec(line)?.[1]);
    expect(sent).toEqual(['x', 'y', 'z']);
  });

  test('a member with room in its window gets one message, however many of its groups have some', () => {
    const core = inSlicesOf(500, { maxInflight: 1 });
    const a = core.connect('a');
    for (const name of ['g', 'h', 'i']) a.subscribe([`$share/${name}/t`, 1]);
    const publisher = core.connect('publisher');
    publishAll(publisher, 'xy');
    core.lines();
    a.puback(1);
    expect(published(core.lines())).toHaveLength(1);
    for (let i = 2; i <= 6; i++) a.puback(i);
    expect(published(core.lines())).toHaveLength(4);
    expect(core.waiting).toBe(0);
  });

  test('a member that joins a blocked group, connects to it or may receive more gets what waits', () => {
    const core = inSlicesOf(500, { maxInflight: 1 });
    core.connect('a').subscribe(['$share/g/t', 1]);
    const publisher = core.connect('publisher');
    publishAll(publisher, 'wxyz');
    core.lines();
    const b = core.connect('b');
    b.subscribe(['$share/g/t', 1]);
    expect(published(core.lines())).toEqual([`${b.id} < publish t=x q1 id1`]);
    b.puback(1);
    expect(published(core.lines())).toEqual([`${b.id} < publish t=y q1 id2`]);
    b.lose();
    expect(core.waiting).toBe(3);
  });

  test('messages that no member may receive any longer are dropped in slices', () => {
    const core = inSlicesOf(2, { maxInflight: 1 });
    const a = core.connect('a');
    a.subscribe(['$share/g/t', 1]);
    publishAll(core.connect('publisher'), 'uvwxyz');
    core.finishesAtOnce = false;
    a.permit({ kind: 'rules', rules: [] });
    expect(core.broker.counters.dropped['not-authorized']).toBe(2);
    expect(steps(core)).toHaveLength(2);
    expect(core.broker.counters.dropped['not-authorized']).toBe(5);
  });
});

describe('a queue at whose front many messages are not to be sent', () => {
  const queued = (limits = {}): { core: CoreHarness; a: CorePeer } => {
    const core = inSlicesOf(2, { maxInflight: 1, ...limits });
    const a = core.connect('a');
    a.subscribe(['t', 1]);
    const publisher = core.connect('publisher');
    for (const name of 'vwxyz') publisher.publish('t', name);
    core.lines();
    core.finishesAtOnce = false;
    return { core, a };
  };

  test('messages that have expired are dropped in slices, and the next one that has not is sent', () => {
    const { core, a } = queued({ messageExpiryMax: 10 });
    core.nowMs += 5000;
    core.connect('other').publish('t', 'fresh');
    core.nowMs += 6000;
    core.lines();
    a.puback(1);
    expect(core.broker.counters.dropped.expired).toBe(2);
    expect(published(core.lines())).toEqual([]);
    expect(published(steps(core).flat())).toEqual(['1 < publish t=fresh q1 id6']);
    expect(core.broker.counters.dropped.expired).toBe(4);
  });

  test('messages that the client may no longer receive are dropped in slices', () => {
    const { core, a } = queued();
    a.permit({ kind: 'rules', rules: [] });
    a.puback(1);
    expect(core.broker.counters.dropped['not-authorized']).toBe(2);
    expect(steps(core)).toHaveLength(1);
    expect(core.broker.counters.dropped['not-authorized']).toBe(4);
    expect(core.waiting).toBe(0);
  });

  test('a client that goes in the middle of it leaves no work behind', () => {
    const { core, a } = queued({ messageExpiryMax: 10 });
    core.nowMs += 11_000;
    a.puback(1);
    a.lose();
    core.finish();
    expect(core.broker.hasWork).toBe(false);
    expect(core.waiting).toBe(0);
  });
});

describe('a SUBSCRIBE with long filters', () => {
  test('a slice has fewer of them than of short ones', () => {
    const countSteps = (filter: string): number => {
      const core = inSlicesOf(10);
      const a = core.connect('a');
      core.finishesAtOnce = false;
      a.subscribe(...Array.from({ length: 10 }, (_, i) => [`${i}/${filter}`, 0] as const));
      return steps(core).length;
    };
    expect(countSteps('a')).toBe(2);
    expect(countSteps('a/'.repeat(100))).toBe(14);
  });
});
