// The two clocks in the whole shell: what lasts for a time follows the monotonic clock, what ends at a date follows the
// date, and what is stored can be read after a restart, whatever became of the date in between.
import { describe, expect, test } from '@jest/globals';
import { CLOCK_QUEUE, markIn } from '../../../src/domain/clock-mark.js';
import { ALLOW_ALL } from '../../../src/domain/access/permissions.js';
import type { ClientId } from '../../../src/domain/identifiers.js';
import type { Authenticator } from '../../../src/ports/auth.js';
import { VirtualClock } from '../../../src/testkit/virtual-clock.js';
import { publish, PINGREQ } from '../../clients/raw-packets.js';
import { EngineHarness } from '../../support/engine-harness.js';
import type { EngineOptions } from '../../support/engine-harness.js';
import { HandStorage } from '../../support/hand-storage.js';

const YEAR_MS = 365 * 86_400_000;
const NOW_MS = Date.UTC(2026, 10, 29);
/** What a machine without a battery for its clock says when it starts. */
const EPOCH_MS = 300_000;

/** Corrects the date, and lets the broker notice. */
async function correct(harness: EngineHarness, byMs: number): Promise<void> {
  harness.clock.wallAheadMs += byMs;
  await pass(harness, 1000);
}

/** Lets time pass, second by second. */
async function pass(harness: EngineHarness, ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 1000) {
    harness.clock.advance(Math.min(left, 1000));
    await harness.settle();
  }
}

/** The broker dies, and starts on what it has stored, on a machine with this date. */
const restarted = ({ storage }: EngineHarness, dateMs: number, options: EngineOptions = {}): EngineHarness =>
  new EngineHarness({ ...options, storage, clock: new VirtualClock(dateMs) });

const hasSession = ({ storage }: EngineHarness, clientId = 'a'): boolean =>
  storage.store.sessions.has(clientId as ClientId);

const marksOf = ({ storage }: EngineHarness): number => storage.store.entries(CLOCK_QUEUE).length;
const markOf = ({ storage }: EngineHarness): ReturnType<typeof markIn> => markIn(storage.store.entries(CLOCK_QUEUE));

/** A machine whose date was wrong at the start and is right since. */
async function setRight(options: EngineOptions = {}): Promise<EngineHarness> {
  const harness = new EngineHarness({ ...options, clock: new VirtualClock(EPOCH_MS) });
  await harness.settle();
  await correct(harness, NOW_MS - EPOCH_MS);
  return harness;
}

describe.each([
  ['forwards', YEAR_MS],
  ['back', -YEAR_MS],
])('a date that is corrected %s by a year', (_way, byMs) => {
  test('neither ends a session early nor lets it live on', async () => {
    const harness = new EngineHarness({ limits: { sessionExpiryMax: 10 } });
    const a = await harness.connect({ clientId: 'a', clean: false });
    a.lose();
    await harness.settle();
    await correct(harness, byMs);
    await pass(harness, 8500);
    expect(hasSession(harness)).toBe(true);
    await pass(harness, 1000);
    expect(hasSession(harness)).toBe(false);
  });

  test('neither ends a client that sends in time nor spares one that is silent', async () => {
    const harness = new EngineHarness();
    const lively = await harness.connect({ clientId: 'lively', keepAlive: 10 });
    const silent = await harness.connect({ clientId: 'silent', keepAlive: 10 });
    await correct(harness, byMs);
    await pass(harness, 9000);
    lively.send(PINGREQ);
    await pass(harness, 6000);
    expect([lively.isClosed, silent.isClosed]).toEqual([false, true]);
  });

  test('neither drops a message early nor keeps it without end, before and after a restart', async () => {
    const options = { limits: { messageExpiryMax: 10 } };
    const harness = new EngineHarness(options);
    (await harness.connect({ clientId: 'a', clean: false }, ['t', 1])).lose();
    const publisher = await harness.connect('publisher');
    publisher.send(publish({ topic: 't', payload: 'x', qos: 1, packetId: 1, retain: true }));
    await harness.settle();
    await correct(harness, byMs);
    await pass(harness, 5000);
    const soon = restarted(harness, harness.clock.wallMs(), options);
    const early = await soon.connect({ clientId: 'early' }, ['t', 1]);
    expect(early.isClosed).toBe(false);
    expect(soon.engine.broker.retainedCount).toBe(1);
    await pass(soon, 5000);
    expect(soon.engine.broker.retainedCount).toBe(0);
  });

  test('leaves stored times as they are for the next start', async () => {
    const options = { limits: { sessionExpiryMax: 10 } };
    const harness = new EngineHarness(options);
    (await harness.connect({ clientId: 'a', clean: false })).lose();
    await harness.settle();
    await correct(harness, byMs);
    const next = restarted(harness, harness.clock.wallMs() + 5000, options);
    await next.settle();
    expect(hasSession(next)).toBe(true);
    await pass(next, 5000);
    expect(hasSession(next)).toBe(false);
  });
});

describe('a date that was wrong at the start and is set right later', () => {
  const options = { limits: { sessionExpiryMax: 86_400, messageExpiryMax: 86_400 } };

  test('a session that was left then, and its messages, are there after the next start', async () => {
    const harness = await setRight(options);
    (await harness.connect({ clientId: 'a', clean: false }, ['t', 1])).lose();
    const publisher = await harness.connect('publisher');
    publisher.send(publish({ topic: 't', payload: 'kept', qos: 1, packetId: 1 }));
    await harness.settle();
    expect(publisher.received()).toEqual(['puback 1']);
    const next = restarted(harness, harness.clock.wallMs() + 2000, options);
    await next.settle();
    expect(hasSession(next)).toBe(true);
    const [entry] = next.storage.store.entries('c:a' as never);
    expect((entry?.message.expiresAtMs ?? 0) - (entry?.message.acceptedAtMs ?? 0)).toBe(86_400_000);
  });

  test('a machine that starts in 1970 each time ends sessions after their time of running', async () => {
    const short = { limits: { sessionExpiryMax: 3600 } };
    let harness = await setRight(short);
    (await harness.connect({ clientId: 'a', clean: false })).lose();
    await harness.settle();
    const starts: boolean[] = [];
    for (let start = 0; start < 8; start++) {
      harness = restarted(harness, EPOCH_MS, short);
      await pass(harness, 20_000);
      await correct(harness, NOW_MS - EPOCH_MS);
      await pass(harness, 700_000);
      starts.push(hasSession(harness));
    }
    expect(starts.slice(0, 4)).toEqual([true, true, true, true]);
    expect(starts.at(-1)).toBe(false);
  });

  test('a start in 1970 that is not set right does not make the next right one end sessions early', async () => {
    const harness = await setRight(options);
    (await harness.connect({ clientId: 'a', clean: false })).lose();
    await harness.settle();
    const wrong = restarted(harness, EPOCH_MS, options);
    await pass(wrong, 700_000);
    const right = restarted(wrong, harness.clock.wallMs() + 800_000, options);
    await right.settle();
    expect(hasSession(right)).toBe(true);
  });

  test('a session that a clock of the future left ends after its time all the same', async () => {
    const storage = new HandStorage();
    storage.store.sessions.set('a' as ClientId, {
      clientId: 'a' as ClientId,
      expiryIntervalS: 10,
      disconnectedAtMs: NOW_MS + YEAR_MS,
      sentBelow: undefined,
      doubtBelow: undefined,
    });
    const harness = new EngineHarness({ storage, clock: new VirtualClock(NOW_MS) });
    await pass(harness, 9000);
    expect(hasSession(harness)).toBe(true);
    await pass(harness, 1000);
    expect(hasSession(harness)).toBe(false);
  });
});

describe('credentials that end at a date', () => {
  const valid = (untilMs: number): Authenticator => ({
    name: 'token',
    authenticate: () => ({ decision: 'allow', permissions: ALLOW_ALL, expiresAtMs: untilMs }),
  });
  const reasonOf = ({ events }: EngineHarness): string | undefined =>
    events.flatMap((event) => (event.kind === 'connection-ended' ? [event.reason] : []))[0];

  test('end the connection when the date has come, also by a correction', async () => {
    const clock = new VirtualClock(NOW_MS);
    const harness = new EngineHarness({ clock, authenticators: [valid(NOW_MS + YEAR_MS / 2)] });
    await harness.connect('a');
    await correct(harness, YEAR_MS);
    expect(reasonOf(harness)).toBe('credentials-expired');
  });

  test('last longer when the date is set back', async () => {
    const clock = new VirtualClock(NOW_MS);
    const harness = new EngineHarness({ clock, authenticators: [valid(NOW_MS + 60_000)] });
    const a = await harness.connect('a');
    await correct(harness, -YEAR_MS);
    await pass(harness, 120_000);
    expect(a.isClosed).toBe(false);
  });

  test('are judged by the date of now on a machine that started in 1970', async () => {
    const harness = await setRight({ authenticators: [valid(NOW_MS + 60_000)] });
    const a = await harness.connect('a');
    await pass(harness, 50_000);
    expect(a.isClosed).toBe(false);
    await pass(harness, 10_000);
    expect(reasonOf(harness)).toBe('credentials-expired');
  });
});

describe('the mark of the clocks in a store', () => {
  test('an idle broker stores it within a second of a correction, and reports by how much', async () => {
    const harness = new EngineHarness();
    await harness.settle();
    expect(marksOf(harness)).toBe(0);
    await correct(harness, 5000);
    expect(markOf(harness)?.wallAheadMs).toBe(5000);
    expect(harness.events).toContainEqual({ kind: 'clock-corrected', byMs: 5000 });
  });

  test('there is one, however often the date is corrected while storage does not answer', async () => {
    const harness = new EngineHarness();
    harness.commitsAtOnce = false;
    for (let i = 1; i <= 5; i++) await correct(harness, 10_000);
    harness.commitsAtOnce = true;
    await harness.settle();
    expect(marksOf(harness)).toBe(1);
    expect(markOf(harness)?.wallAheadMs).toBe(50_000);
    await correct(harness, -50_000);
    expect([marksOf(harness), markOf(harness)?.wallAheadMs]).toEqual([1, 0]);
    expect(harness.storage.store.oddities).toEqual([]);
  });

  test('it is never taken away before the next one is there', async () => {
    const harness = new EngineHarness();
    await correct(harness, 10_000);
    await correct(harness, 10_000);
    const kinds = harness.storage.batches.flat().map(({ kind }) => kind);
    expect(kinds).toEqual(['queue.append', 'queue.append', 'queue.trim']);
  });

  test('a clock that is a little off is left alone', async () => {
    const harness = new EngineHarness();
    await correct(harness, 400);
    expect(harness.storage.batches).toEqual([]);
  });

  test('it is no queue of a client: nothing is restored from it, and its identifier is not given again', async () => {
    const harness = new EngineHarness();
    await correct(harness, YEAR_MS);
    const next = restarted(harness, harness.clock.wallMs());
    await next.settle();
    expect([next.engine.broker.sessionCount, next.engine.broker.counters.restored]).toEqual([0, 0]);
    expect(marksOf(next)).toBe(1);
    await correct(next, YEAR_MS);
    expect([marksOf(next), markOf(next)?.wallAheadMs]).toEqual([1, 2 * YEAR_MS]);
    expect(next.storage.store.oddities).toEqual([]);
  });

  test('operators see dates, not the time of the broker', async () => {
    const harness = await setRight();
    await harness.connect('a');
    const { items } = harness.engine.broker.query({ kind: 'connections', examine: 10 });
    expect(items[0]?.stateSinceMs).toBe(harness.clock.wallMs());
  });
});
