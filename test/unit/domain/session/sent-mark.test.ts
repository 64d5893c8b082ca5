// What a session's record says of the messages that were sent, and what follows from it after a restart: DUP, expiry,
// and which messages make room.
import { describe, expect, test } from '@jest/globals';
import { pair } from '../../../support/core-harness.js';
import type { CoreHarness, CorePeer } from '../../../support/core-harness.js';
import { SeededRandom } from '../../../../src/testkit/index.js';

const limits = { maxQueueSize: 3, queueFullPolicy: 'discard-oldest', maxInflight: 2 } as const;

function publishAll(publisher: CorePeer, from: number, to: number, qos: 1 | 2 = 1): void {
  for (let i = from; i <= to; i++) publisher.publish('t', String(i), qos);
}

/** The messages that the client gets, with DUP where it is set, and the PUBRELs. It acknowledges all of them. */
function takeAll(core: CoreHarness, peer: CorePeer): string[] {
  const taken: string[] = [];
  for (;;) {
    const heard = core.heard(peer).filter((line) => line.startsWith('pub'));
    if (heard.length === 0) return taken;
    for (const line of heard) {
      const [, text, qos, id, dup] = /^publish t=(\S*) q(\d) id(\d+)( dup)?/.exec(line) ?? [];
      if (text === undefined) {
        taken.push(line);
        peer.pubcomp(Number(line.split(' ')[1]));
        continue;
      }
      taken.push(`${text}${dup ?? ''}`);
      if (qos === '1') peer.puback(Number(id));
      else peer.pubrec(Number(id));
    }
  }
}

const returned = (core: CoreHarness): string[] => takeAll(core, core.connectStored('a'));

describe('after a restart', () => {
  test('a message that came while the client was away is sent without DUP, and one that was in flight with it', () => {
    const { core, a, publisher } = pair({ maxInflight: 2 });
    publishAll(publisher, 1, 3);
    a.lose();
    publishAll(publisher, 4, 4);
    expect(returned(core.restarted())).toEqual(['1 dup', '2 dup', '3', '4']);
  });

  test('only what had come before a crash is in doubt, also after a second restart', () => {
    const { core, publisher } = pair({ maxInflight: 2 });
    publishAll(publisher, 1, 2);
    const crashed = core.restarted();
    publishAll(crashed.connect('publisher'), 3, 3);
    expect(returned(crashed.restarted())).toEqual(['1 dup', '2 dup', '3']);
  });

  test('a crash with an empty queue leaves nothing in doubt of what comes later', () => {
    const { core, a, publisher } = pair();
    publishAll(publisher, 1, 2);
    a.puback(1, 2);
    const crashed = core.restarted();
    publishAll(crashed.connect('publisher'), 3, 3);
    expect(returned(crashed.restarted())).toEqual(['3']);
  });

  test('a sequence number that is given a second time is not taken for one that was sent', () => {
    const { core, a, publisher } = pair();
    publishAll(publisher, 1, 3);
    a.puback(2, 3);
    a.lose();
    const next = core.restarted();
    publishAll(next.connect('publisher'), 4, 5);
    expect(returned(next.restarted())).toEqual(['1 dup', '4', '5']);
  });

  test('a session of a store that does not say what was sent is in doubt', () => {
    const { core, a, publisher } = pair();
    a.lose();
    publishAll(publisher, 1, 1);
    for (const fact of core.store.load())
      if (fact.kind === 'session' && fact.session.clientId === 'a')
        core.store.apply({
          kind: 'session.put',
          session: { ...fact.session, sentBelow: undefined, doubtBelow: undefined },
        });
    const next = core.restarted();
    publishAll(next.connect('publisher'), 2, 2);
    expect(returned(next)).toEqual(['1 dup', '2']);
  });

  test('messages that came while the client was away expire', () => {
    const { core, a, publisher } = pair({ messageExpiryMax: 10 });
    a.lose();
    publishAll(publisher, 1, 2, 2);
    expect(returned(core.restarted(11_000))).toEqual([]);
    expect(core.stored('a')).toEqual([]);
  });

  test('a message in doubt expires at QoS 1, and at QoS 2 it is sent again', () => {
    const { core, publisher } = pair({ messageExpiryMax: 10 });
    publishAll(publisher, 1, 1);
    publishAll(publisher, 2, 2, 2);
    const next = core.restarted(11_000);
    expect(returned(next)).toEqual(['2 dup', 'pubrel 2']);
    expect(next.broker.counters.dropped.expired).toBe(1);
    expect(next.waiting).toBe(0);
  });

  test('a message that was sent for certain does not expire', () => {
    const { core, a, publisher } = pair({ messageExpiryMax: 10 });
    publishAll(publisher, 1, 1);
    a.lose();
    expect(returned(core.restarted(11_000))).toEqual(['1 dup']);
  });
});

describe('a full queue that discards the oldest', () => {
  test('drops the oldest that was not sent, also after a restart', () => {
    const { core, a, publisher } = pair(limits);
    a.lose();
    publishAll(publisher, 1, 3);
    const next = core.restarted();
    publishAll(next.connect('publisher'), 4, 6);
    expect(returned(next)).toEqual(['4', '5', '6']);
    expect(next.waiting).toBe(0);
    expect(next.store.oddities).toEqual([]);
  });

  test('goes on after restarts behind messages that were in flight', () => {
    const { core, a, publisher } = pair(limits);
    publishAll(publisher, 1, 4);
    a.lose();
    publishAll(publisher, 5, 6); // 1 and 2 were sent
    const second = core.restarted();
    publishAll(second.connect('publisher'), 7, 7);
    const third = second.restarted();
    publishAll(third.connect('publisher'), 8, 8);
    expect(returned(third)).toEqual(['1 dup', '2 dup', '8']);
    expect(third.waiting).toBe(0);
    expect(third.store.oddities).toEqual([]);
  });

  test('drops messages in doubt without reading them, and at QoS 2 it releases their Packet Identifiers', () => {
    const { core, a, publisher } = pair({ ...limits, maxQueueSize: 5, maxInflight: 5 });
    a.subscribe(['t', 2]);
    publisher.publish('t', '1', 2);
    publisher.publish('t', '2', 1);
    publishAll(publisher, 3, 5, 2);
    const next = core.restarted();
    publishAll(next.connect('publisher'), 6, 8);
    expect(next.broker.counters.dropped['queue-full']).toBe(3);
    expect(returned(next)).toEqual(['pubrel 1', 'pubrel 3', '4 dup', '5 dup', '6', '7', '8', 'pubrel 4', 'pubrel 5']);
    expect(next.stored('a')).toEqual([]);
    expect(next.waiting).toBe(0);
  });

  test('does the same when the broker restarts between the drop and the return', () => {
    const { core, publisher } = pair(limits);
    publishAll(publisher, 1, 3);
    const next = core.restarted();
    publishAll(next.connect('publisher'), 4, 5);
    const last = next.restarted();
    expect(returned(last)).toEqual(['3 dup', '4', '5']);
    expect(last.stored('a')).toEqual([]);
    expect(last.waiting).toBe(0);
  });
});

test('whatever happens between restarts, no message that was sent goes out as a new one, and the counters balance', () => {
  const broken: string[] = [];
  for (let seed = 1; seed <= 150; seed++) {
    const random = new SeededRandom(seed);
    const upTo = (n: number): number => random.int(0, n - 1);
    const { a, ...began } = pair({ ...limits, maxQueueSize: 1 + upTo(6), maxInflight: 1 + upTo(4) });
    let { core, publisher } = began;
    a.subscribe(['t', 2]);
    let peer: CorePeer | undefined = a;
    const sent = new Set<string>();
    const hear = (): void => {
      if (peer === undefined) return;
      for (const line of core.heard(peer)) {
        const [, text = '', dup] = /^publish t=(\S*) q\d id\d+( dup)?/.exec(line) ?? [];
        if (text === '') continue;
        if (dup === undefined && sent.has(text)) broken.push(`seed ${String(seed)}: ${text}`);
        sent.add(text);
      }
    };
    for (let step = 1; step <= 60; step++) {
      const action = upTo(10);
      if (action < 5) publisher.publish('t', String(step), upTo(2) === 0 ? 1 : 2);
      else if (action === 5) peer?.puback(1 + upTo(step));
      else if (action === 6) peer?.pubrec(1 + upTo(step));
      else if (action === 7) peer?.pubcomp(1 + upTo(step));
      else if (action === 8 && peer !== undefined) {
        peer.lose();
        peer = undefined;
      } else if (action === 8) peer = core.connectStored('a');
      else {
        core = core.restarted();
        publisher = core.connect('publisher');
        peer = undefined;
      }
      hear();
    }
    core = core.restarted();
    returned(core);
    expect([seed, core.stored('a'), core.waiting, core.store.oddities]).toEqual([seed, [], 0, []]);
  }
  expect(broken).toEqual([]);
});
