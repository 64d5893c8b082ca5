// How long a shutdown takes, and what it leaves as it was.
import { describe, expect, test } from '@jest/globals';
import type { ClientId } from '../../../src/domain/identifiers.js';
import { DEFAULT_LIMITS } from '../../../src/domain/limits.js';
import { EngineHarness } from '../../support/engine-harness.js';

const isStored = ({ storage }: EngineHarness, clientId: string): boolean =>
  storage.store.sessions.has(clientId as ClientId);

describe('a shutdown', () => {
  test('a client that does not close its side is cut off when its time is over', async () => {
    const harness = new EngineHarness({ limits: { shutdownGraceMs: 700 } });
    const stuck = await harness.connect('stuck');
    const gone = await harness.connect('gone');
    const shutdown = harness.engine.shutdown();
    await harness.settle();
    gone.lose();
    harness.clock.advance(699);
    expect(stuck.closings).not.toContain(0);
    harness.clock.advance(1);
    expect(stuck.closings.at(-1)).toBe(0);
    expect(gone.closings).not.toContain(0);
    stuck.lose();
    await harness.settle();
    await shutdown;
  });

  test('a connection that was being closed already does not make the shutdown any longer', async () => {
    const harness = new EngineHarness({ limits: { shutdownGraceMs: 700, connectTimeoutMs: 10 } });
    const slow = harness.open();
    harness.clock.advance(10);
    await harness.settle();
    expect(slow.closings).toHaveLength(1);
    void harness.engine.shutdown();
    harness.clock.advance(700);
    expect(slow.closings.at(-1)).toBe(0);
  });

  test('the time for it can be changed while the broker runs', async () => {
    const harness = new EngineHarness();
    const stuck = await harness.connect('stuck');
    harness.limit({ limits: { ...DEFAULT_LIMITS, shutdownGraceMs: 5 }, perListener: new Map() });
    void harness.engine.shutdown();
    harness.clock.advance(5);
    expect(stuck.closings.at(-1)).toBe(0);
  });

  test('nothing expires while it lasts, however short the expiry is', async () => {
    const harness = new EngineHarness({ limits: { sessionExpiryMax: 2, shutdownGraceMs: 60_000 } });
    const away = await harness.connect({ clientId: 'away', clean: false });
    const present = await harness.connect({ clientId: 'present', clean: false });
    away.lose();
    await harness.settle();
    const shutdown = harness.engine.shutdown();
    for (let second = 0; second < 30; second++) {
      harness.clock.advance(1000);
      await harness.settle();
    }
    expect(harness.events).not.toContainEqual(expect.objectContaining({ kind: 'session-ended' }));
    present.lose();
    await harness.settle();
    await shutdown;
    expect([isStored(harness, 'away'), isStored(harness, 'present')]).toEqual([true, true]);
  });
});
