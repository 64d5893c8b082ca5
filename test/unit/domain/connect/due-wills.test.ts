// Wills that are due and not published yet, because they wait for their turn: neither a crash nor the return of their
// client makes them be dropped.
import { describe, expect, test } from '@jest/globals';
import type { QueueId } from '../../../../src/domain/identifiers.js';
import { CoreHarness, will } from '../../../support/core-harness.js';

/** A client is gone, and its will waits to be published in slices. */
function withWaitingWill(): CoreHarness {
  const core = new CoreHarness({ willGraceAfterRestartMs: 30_000 }, undefined, undefined, 2);
  for (let i = 0; i < 5; i++) core.connectStored(`s${i}`).subscribe(['t', 1]);
  const a = core.connect('a', { will: will('t', 'gone', { qos: 1 }) });
  core.finishesAtOnce = false;
  a.lose();
  expect(core.stored('s4')).toEqual([]);
  return core;
}

describe('a will that is due', () => {
  test('a will that waits for its publication at a crash is published after it, although its client is back', () => {
    const next = withWaitingWill().restarted(1000);
    next.connect('a', { will: will('t', 'new') });
    next.advance(0);
    for (let i = 0; i < 5; i++) expect(next.stored(`s${i}`)).toEqual(['gone']);
    expect([...next.store.wills.keys()]).toEqual(['a']);
  });

  test('a will whose delay was over at a crash is published, although its client is back at once', () => {
    const core = new CoreHarness({ willGraceAfterRestartMs: 30_000 });
    core.connectStored('watcher').subscribe(['t', 1]);
    core.connectStored('a', { will: will('t', 'gone', { qos: 1, delayS: 10 }) }).lose();
    const next = core.restarted(10_000);
    next.connectStored('a');
    expect(next.stored('watcher')).toEqual(['gone']);
    expect(next.store.wills.size).toBe(0);
  });

  test('a will of a clock of the future is due after its delay', () => {
    const core = new CoreHarness({ willGraceAfterRestartMs: 0 });
    core.connectStored('watcher').subscribe(['t', 1]);
    core.connectStored('a', { will: will('t', 'gone', { qos: 1, delayS: 10 }) }).lose();
    const next = core.restarted(-1_000_000);
    next.advance(9999);
    expect(next.stored('watcher')).toEqual([]);
    next.advance(1);
    expect(next.stored('watcher')).toEqual(['gone']);
  });
});

describe('a will of a client that is connected at a crash', () => {
  test('is published after the grace if its session is not stored, however long its delay', () => {
    const core = new CoreHarness({ willGraceAfterRestartMs: 30_000 });
    core.connectStored('watcher').subscribe(['t', 1]);
    core.connect('a', { version: 5, will: will('t', 'gone', { qos: 1, delayS: 3600 }) });
    const next = core.restarted();
    next.advance(29_999);
    expect(next.stored('watcher')).toEqual([]);
    next.advance(1);
    expect(next.stored('watcher')).toEqual(['gone']);
  });

  test.each([
    [100, 3600],
    [3600, 100],
  ])('is published at the earlier of its delay of %d s and the end of its session after %d s', (delayS, lastsS) => {
    const core = new CoreHarness({ willGraceAfterRestartMs: 30_000 });
    core.connectStored('watcher').subscribe(['t', 1]);
    const properties = { sessionExpiryInterval: lastsS };
    core.connect('a', { version: 5, clean: false, properties, will: will('t', 'gone', { qos: 1, delayS }) });
    const next = core.restarted().restarted();
    next.advance(99_999);
    expect(next.stored('watcher')).toEqual([]);
    next.advance(1);
    expect(next.stored('watcher')).toEqual(['gone']);
  });
});

test('the message expiry of a will counts from its publication, also after a restart', () => {
  const core = new CoreHarness({ willGraceAfterRestartMs: 0 });
  core.connectStored('watcher').subscribe(['t', 1]);
  const gone = { ...will('t', 'gone', { qos: 1 }), properties: { messageExpiryInterval: 10, willDelayInterval: 100 } };
  const properties = { sessionExpiryInterval: 3600 };
  core.connect('a', { version: 5, clean: false, properties, will: gone });
  core.advance(5000);
  const next = core.restarted(5000);
  next.advance(100_000);
  expect(next.stored('watcher')).toEqual(['gone']);
  expect(next.store.entries('c:watcher' as QueueId)[0]?.message).toMatchObject({
    acceptedAtMs: next.nowMs,
    expiresAtMs: next.nowMs + 10_000,
    properties: { messageExpiryInterval: 10 },
  });
});

describe('a will that is delayed', () => {
  /** @returns what has come of the will when its client is back. */
  function afterReturn(leave: boolean, clean: boolean): { got: string[]; later: string[] } {
    const core = new CoreHarness();
    core.connectStored('watcher').subscribe(['t', 1]);
    const a = core.connectStored('a', { will: will('t', 'gone', { qos: 1, delayS: 10 }) });
    if (leave) a.lose();
    if (clean) core.connect('a');
    else core.connectStored('a');
    const got = core.stored('watcher');
    core.advance(20_000);
    return { got, later: core.stored('watcher') };
  }

  test.each([true, false])('it is published when a client returns with Clean Start 1 (gone before: %s)', (leave) => {
    expect(afterReturn(leave, true)).toEqual({ got: ['gone'], later: ['gone'] });
  });

  test.each([true, false])('it is dropped when a client returns to its session (gone before: %s)', (leave) => {
    expect(afterReturn(leave, false)).toEqual({ got: [], later: [] });
  });

  test('after a restart it is published when its client returns with Clean Start 1, and one without a delay is dropped', () => {
    const core = new CoreHarness({ willGraceAfterRestartMs: 30_000 });
    core.connectStored('watcher').subscribe(['t', 1]);
    core.connectStored('a', { will: will('t', 'delayed', { qos: 1, delayS: 10 }) });
    core.connectStored('b', { will: will('t', 'at once', { qos: 1 }) });
    const next = core.restarted(1000);
    next.connect('a');
    next.connect('b');
    next.advance(60_000);
    expect(next.stored('watcher')).toEqual(['delayed']);
  });
});
