// Queries and commands through the shell: when a command is answered, and what happens to it when the broker stops.
import { describe, expect, test } from '@jest/globals';
import { assembleBroker } from '../../../src/testkit/assemble-broker.js';
import { DEFAULT_LIMITS } from '../../../src/domain/limits.js';
import type { Command } from '../../../src/domain/commands.js';
import type { AckLevel } from '../../../src/ports/storage.js';
import { SeededRandom } from '../../../src/testkit/seeded-random.js';
import { EngineHarness } from '../../support/engine-harness.js';
import { HandStorage } from '../../support/hand-storage.js';

const deleteSession = { kind: 'delete-session', clientId: 'a' } as const;

/** An engine with a stored session of a client that is connected, and a storage whose commits do not complete. */
async function slowStorage(ackLevel: AckLevel = 'flushed'): Promise<EngineHarness> {
  const harness = new EngineHarness({ ackLevel });
  await harness.connect({ clientId: 'a', clean: false });
  harness.commitsAtOnce = false;
  return harness;
}

describe.each(['flushed', 'received'] as const)('the outcome of a command at the level %s', (ackLevel) => {
  test(`the outcome of a command at the level ${ackLevel} waits until its changes are durable`, async () => {
    const harness = await slowStorage(ackLevel);
    const outcomes: unknown[] = [];
    const answered = harness.engine.command(deleteSession, 'alice').then((outcome) => outcomes.push(outcome));
    await harness.settle();
    expect(harness.engine.broker.query({ kind: 'counts' }).sessions).toBe(0);
    expect(outcomes).toEqual([]);
    harness.commitsAtOnce = true;
    await harness.settle();
    await answered;
    expect(outcomes).toEqual([{ result: 'done' }]);
    expect([...harness.storage.store.load()].filter(({ kind }) => kind === 'session')).toEqual([]);
  });
});

test('a command that a crash overtakes is rejected, because its outcome is unknown', async () => {
  const harness = await slowStorage();
  const answered = harness.engine.command(deleteSession, 'alice');
  await harness.settle();
  harness.engine.down();
  await expect(answered).rejects.toThrow('unknown');
  await expect(harness.engine.command(deleteSession, 'alice')).rejects.toThrow('the broker stops');
});

const message = { topic: 't', payload: new Uint8Array(1), qos: 1, retain: false };

test.each([
  [undefined, 'a command is an object'],
  [null, 'a command is an object'],
  [
    { kind: 'reboot' },
    'kind: "reboot" is not valid, expected disconnect, delete-session, delete-retained, purge-queue, publish or backup',
  ],
  [{ kind: 'disconnect' }, 'clientId: a string is expected'],
  [{ kind: 'delete-session', clientId: 5 }, 'clientId: a string is expected'],
  [{ kind: 'delete-retained', topic: ['t'] }, 'topic: a string is expected'],
  [{ kind: 'publish' }, 'message: an object is expected'],
  [{ kind: 'publish', message: { ...message, topic: undefined } }, 'message.topic: a string is expected'],
  [{ kind: 'publish', message: { ...message, payload: 'text' } }, 'message.payload: a Uint8Array is expected'],
  [{ kind: 'publish', message: { ...message, qos: NaN } }, 'message.qos: 0, 1 or 2 is expected'],
  [{ kind: 'publish', message: { ...message, qos: '1' } }, 'message.qos: 0, 1 or 2 is expected'],
  [{ kind: 'publish', message: { ...message, retain: 1 } }, 'message.retain: a boolean is expected'],
])('the command %j is rejected before the core sees it, also when the turn is spent', async (command, problem) => {
  const harness = new EngineHarness({ turnLimits: { maxSteps: 1 } });
  const given = command as Command;
  for (let i = 0; i < 3; i++) {
    const answered = harness.engine.command(given, 'alice');
    await expect(answered).rejects.toThrow(new TypeError(problem));
  }
  await harness.settle();
  expect(harness.events).toEqual([]);
});

test('commands that are given in one turn are carried out in their order', async () => {
  const harness = new EngineHarness();
  await harness.connect({ clientId: 'a', clean: false });
  const both = Promise.all([
    harness.engine.command(deleteSession, 'alice'),
    harness.engine.command(deleteSession, 'bob'),
  ]);
  await harness.settle();
  expect(await both).toEqual([{ result: 'done' }, { result: 'not-found' }]);
});

test('a service answers queries and takes commands only while it runs', async () => {
  const service = assembleBroker({
    storage: new HandStorage(),
    listeners: [],
    authenticators: [],
    telemetry: [],
    clock: { nowMs: () => 0, wallMs: () => 0, at: () => ({ cancel: () => undefined }) },
    random: new SeededRandom(1),
    limits: DEFAULT_LIMITS,
  });
  const counts = { kind: 'counts' } as const;
  expect(() => service.query(counts)).toThrow('not running');
  await service.start();
  expect(service.query(counts).sessions).toBe(0);
  expect(await service.command(deleteSession, 'alice')).toEqual({ result: 'not-found' });
  await service.stop();
  expect(() => service.query(counts)).toThrow('not running');
  await expect(service.command(deleteSession, 'alice')).rejects.toThrow('not running');
});
