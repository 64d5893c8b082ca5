// Reading again what people change while a broker runs.
import { describe, expect, test } from '@jest/globals';
import { BrokerService } from '../../../src/application/service.js';
import { LiveSettings } from '../../../src/application/settings.js';
import { DEFAULT_LIMITS } from '../../../src/domain/connect/limits.js';
import type { Authenticator, Authorizer } from '../../../src/ports/auth.js';
import type { ConnectionHandler, Listener } from '../../../src/ports/network.js';
import type { LifecycleEvent } from '../../../src/ports/telemetry.js';
import type { BrokerEvent } from '../../../src/domain/events.js';
import { SeededRandom } from '../../../src/testkit/seeded-random.js';
import { VirtualClock } from '../../../src/testkit/virtual-clock.js';
import { HandStorage } from '../../support/hand-storage.js';

class Door implements Listener {
  readonly name = 'door';
  arrive: ConnectionHandler | undefined;

  constructor(readonly reload: () => Promise<void>) {}

  async listen(arrive: ConnectionHandler): Promise<string> {
    this.arrive = arrive;
    return 'the door';
  }

  async close(): Promise<void> {
    await Promise.resolve();
  }

  /** Whether one more may come in. */
  admits(): boolean {
    const peer = { remoteAddress: 'test' };
    const arrival = this.arrive?.(peer);
    const close = (): void => {
      queueMicrotask(() => handler?.closed(undefined));
    };
    const handler = arrival?.accept({
      peer,
      sentBytes: 0,
      write: () => true,
      pause: () => undefined,
      resume: () => undefined,
      close,
    });
    return arrival !== undefined;
  }
}

function made(reloads: Readonly<Record<'listener' | 'authenticator' | 'authorizer', () => Promise<void>>>) {
  const events: (BrokerEvent | LifecycleEvent)[] = [];
  const door = new Door(reloads.listener);
  const authenticator: Authenticator = {
    name: 'passwords',
    authenticate: () => ({ decision: 'allow' }),
    reload: reloads.authenticator,
  };
  const steady: Authenticator = { name: 'steady', authenticate: () => ({ decision: 'allow' }) };
  const authorizer: Authorizer = {
    name: 'rules',
    authorize: () => ({ kind: 'allow-all' }),
    reload: reloads.authorizer,
  };
  const service = new BrokerService({
    storage: new HandStorage(),
    listeners: [door],
    authenticators: [authenticator, steady],
    authorizers: [authorizer],
    telemetry: [{ emit: (event) => events.push(event) }],
    clock: new VirtualClock(),
    random: new SeededRandom(1),
    settings: new LiveSettings({ limits: DEFAULT_LIMITS, perListener: new Map() }),
  });
  const told = (): unknown[] => events.filter(({ kind }) => kind === 'reloaded' || kind === 'reload-failed');
  return { service, door, told };
}

const fine = async (): Promise<void> => Promise.resolve();

describe('a reload', () => {
  test('asks everyone who reads files, and takes over the limits', async () => {
    const { service, door, told } = made({ listener: fine, authenticator: fine, authorizer: fine });
    await service.start();
    expect(door.admits()).toBe(true);
    expect(
      await service.reload({ limits: { ...DEFAULT_LIMITS, maxPendingConnections: 1 }, perListener: new Map() }),
    ).toEqual([]);
    expect(told()).toEqual([{ kind: 'reloaded', what: ['limits', 'door', 'passwords', 'rules'] }]);
    expect(door.admits()).toBe(false);
    await service.stop();
  });

  test('goes on behind one that fails, and tells what is wrong', async () => {
    const { service, door, told } = made({
      listener: fine,
      authenticator: () => Promise.reject(new Error('line 3: expected a colon')),
      authorizer: fine,
    });
    await service.start();
    expect(await service.reload()).toEqual(['passwords: line 3: expected a colon']);
    expect(told()).toEqual([
      { kind: 'reload-failed', what: 'passwords', error: 'line 3: expected a colon' },
      { kind: 'reloaded', what: ['door', 'rules'] },
    ]);
    expect(door.admits()).toBe(true);
    await service.stop();
  });

  test('has those who are connected asked about anew where an authorizer cannot say whether anything has changed', async () => {
    const { service } = made({ listener: fine, authenticator: fine, authorizer: fine });
    await service.start();
    let asked = 0;
    service.engine.reauthorize = () => void asked++;
    await service.reload();
    expect(asked).toBe(1);
    await service.stop();
  });

  test('waits for the one before it', async () => {
    const running: string[] = [];
    let finish: () => void = () => undefined;
    const { service } = made({
      listener: async () => {
        running.push('begun');
        await new Promise<void>((resolve) => (finish = resolve));
        running.push('done');
      },
      authenticator: fine,
      authorizer: fine,
    });
    await service.start();
    const first = service.reload();
    const second = service.reload();
    while (running.length < 1) await Promise.resolve();
    expect(running).toEqual(['begun']);
    finish();
    await first;
    while (running.length < 3) await Promise.resolve();
    finish();
    await second;
    expect(running).toEqual(['begun', 'done', 'begun', 'done']);
    await service.stop();
  });

  test('of a broker that does not run does nothing', async () => {
    const { service, told } = made({
      listener: () => Promise.reject(new Error('never')),
      authenticator: fine,
      authorizer: fine,
    });
    expect(await service.reload()).toEqual([]);
    await service.start();
    await service.stop();
    expect(await service.reload()).toEqual([]);
    expect(told()).toEqual([]);
  });
});
