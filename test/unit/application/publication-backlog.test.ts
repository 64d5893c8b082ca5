// Messages that wait behind one that is delivered in slices: what they may hold in memory, whether their publishers are
// still connected or not, and what happens to them while storage does not keep up.
import { describe, expect, test } from '@jest/globals';
import { EngineHarness } from '../../support/engine-harness.js';
import type { EngineOptions, EnginePeer } from '../../support/engine-harness.js';
import { PINGREQ, connect, publish } from '../../clients/raw-packets.js';
import type { Request } from '../../clients/raw-packets.js';

const MIB = 1024 * 1024;
const GROUPS = Array.from({ length: 60 }, (_, i): Request => [`$share/${i}/t`, 1]);

/** A broker that does little in one turn, a member of 60 groups, and 200 more clients. */
async function crowded(options: EngineOptions = {}, clean = true) {
  const harness = new EngineHarness({ sliceSize: 2, turnLimits: { maxSteps: 4 }, ...options });
  const member = await harness.connect({ clientId: 'member', clean }, ...GROUPS);
  member.keeps = false;
  const publishers: EnginePeer[] = [];
  for (let i = 0; i < 200; i++) publishers.push(await harness.connect(`publisher ${i}`));
  return { harness, member, publishers };
}

describe('messages that wait behind a large publication', () => {
  test('no client is read while 64 MiB of messages wait behind a large publication, even if their publishers have gone', async () => {
    const { harness, publishers } = await crowded();
    const payload = new Uint8Array(MIB);
    const { broker } = harness.engine;
    let most = 0;
    for (const publisher of publishers) {
      publisher.send(publish({ topic: 't', payload }));
      harness.turn();
      most = Math.max(most, broker.waitingBytes);
      if (!publisher.isPaused) publisher.lose();
    }
    expect(most).toBeGreaterThan(60 * MIB);
    expect(most).toBeLessThan(80 * MIB);
    const late = harness.open();
    late.send(connect({ clientId: 'late' }), PINGREQ);
    harness.turn();
    expect(late.received()).toEqual([]);
    await harness.settle();
    expect(late.received()).toEqual(['connack 0', 'pingresp']);
    expect(broker.waitingBytes).toBe(0);
    expect(broker.counters.accepted).toBe(200);
  });

  test('a message under way does not count as waiting, however large it is', async () => {
    const { harness, publishers } = await crowded();
    const [first, second] = publishers as [EnginePeer, EnginePeer];
    first.send(publish({ topic: 't', payload: new Uint8Array(100 * MIB) }));
    harness.turn();
    second.send(PINGREQ);
    harness.turn();
    expect([harness.engine.broker.hasWork, second.received()]).toEqual([true, ['pingresp']]);
  });

  test('no further publication begins under the pressure of storage on everyone', async () => {
    const { harness, publishers } = await crowded({}, false);
    const payload = new Uint8Array(3 * MIB);
    harness.commitsAtOnce = false;
    for (const publisher of publishers.slice(0, 10))
      publisher.send(publish({ topic: 't', payload, qos: 1, packetId: 1 }));
    await harness.settle();
    expect(harness.engine.committer.waitingChanges).toBeLessThanOrEqual(2 * GROUPS.length);
    harness.commitsAtOnce = true;
    await harness.settle();
    expect(publishers.slice(0, 10).map((publisher) => publisher.received())).toEqual(Array(10).fill(['puback 1']));
    expect([harness.engine.broker.hasWork, harness.engine.broker.waitingBytes]).toEqual([false, 0]);
  });
});
