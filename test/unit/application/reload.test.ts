// Reading again what people change while a broker runs.
import { describe, expect, test } from '@jest/globals';
import { assembleBroker } from '../../../src/testkit/assemble-broker.js';
import { DEFAULT_LIMITS } from '../../../src/domain/limits.js';
import type { Authenticator, Authorizer } from '../../../src/ports/auth.js';
import type { ConnectionHandler, Listener } from '../../../src/ports/network.js';
import type { LifecycleEvent } from '../../../src/ports/telemetry.js';
import type { BrokerEvent } from '../../../src/domain/events.js';
import { SeededRandom } from '../../../src/testkit/seeded-random.js';
import { VirtualClock } from '../../../src/testkit/virtual-clock.js';
import { HandStorage } from '../../support/hand-storage.js';

class TestListener implements Listener {
  readonly name = 'tcp';
  arrive: ConnectionHandler | undefined;

  constructor(readonly reload: () => Promise<void>) {}

  async listen(arrive: ConnectionHandler): Promise<string> {
    this.arrive = arrive;
    return 'somewhere';
  }

  async close(): Promise<void> {
    await Promise.resolve();
  }

  /** Whether the broker accepts one more connection. */
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

type Reload = () => Promise<void>;

function createService(
  reloads: Readonly<Record<'listener' | 'authenticator' | 'authorizer', Reload>> & { readonly interceptor?: Reload },
) {
  const events: (BrokerEvent | LifecycleEvent)[] = [];
  const listener = new TestListener(reloads.listener);
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
  const service = assembleBroker({
    storage: new HandStorage(),
    listeners: [listener],
    authenticators: [authenticator, steady],
    authorizers: [authorizer],
    interceptors: [
      {
        name: 'devices',
        publish: () => ({ decision: 'pass' }),
        ...(reloads.interceptor && { reload: reloads.interceptor }),
      },
      { name: 'others', publish: () => ({ decision: 'pass' }) },
    ],
    telemetry: [{ emit: (event) => events.push(event) }],
    clock: new VirtualClock(),
    random: new SeededRandom(1),
    limits: DEFAULT_LIMITS,
  });
  const outcomes = (): unknown[] => events.filter(({ kind }) => kind === 'reloaded' || kind === 'reload-failed');
  return { service, listener, outcomes };
}

const succeed = async (): Promise<void> => Promise.resolve();

describe('a reload', () => {
  test('a reload calls every adapter that can reload, and replaces the limits', async () => {
    const { service, listener, outcomes } = createService({
      listener: succeed,
      authenticator: succeed,
      authorizer: succeed,
      interceptor: succeed,
    });
    await service.start();
    expect(listener.admits()).toBe(true);
    expect(
      await service.reload({ limits: { ...DEFAULT_LIMITS, maxPendingConnections: 1 }, perListener: new Map() }),
    ).toEqual([]);
    expect(outcomes()).toEqual([{ kind: 'reloaded', what: ['limits', 'tcp', 'passwords', 'rules', 'devices'] }]);
    expect(listener.admits()).toBe(false);
    await service.stop();
  });

  test('a reload continues after an adapter that fails, and returns what is wrong', async () => {
    const { service, listener, outcomes } = createService({
      listener: succeed,
      authenticator: () => Promise.reject(new Error('line 3: expected a colon')),
      authorizer: succeed,
    });
    await service.start();
    expect(await service.reload()).toEqual(['passwords: line 3: expected a colon']);
    expect(outcomes()).toEqual([
      { kind: 'reload-failed', what: 'passwords', error: 'line 3: expected a colon' },
      { kind: 'reloaded', what: ['tcp', 'rules'] },
    ]);
    expect(listener.admits()).toBe(true);
    await service.stop();
  });

  test('a reload requests permissions again if an authorizer cannot tell whether they have changed', async () => {
    const { service } = createService({ listener: succeed, authenticator: succeed, authorizer: succeed });
    await service.start();
    let requests = 0;
    service.engine.reauthorize = () => void requests++;
    await service.reload();
    expect(requests).toBe(1);
    await service.stop();
  });

  test('a reload waits until the previous reload has ended', async () => {
    const running: string[] = [];
    let finish: () => void = () => undefined;
    const { service } = createService({
      listener: async () => {
        running.push('begun');
        await new Promise<void>((resolve) => (finish = resolve));
        running.push('done');
      },
      authenticator: succeed,
      authorizer: succeed,
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

  test('a reload of a broker that does not run does nothing', async () => {
    const { service, outcomes } = createService({
      listener: () => Promise.reject(new Error('never')),
      authenticator: succeed,
      authorizer: succeed,
    });
    expect(await service.reload()).toEqual([]);
    await service.start();
    await service.stop();
    expect(await service.reload()).toEqual([]);
    expect(outcomes()).toEqual([]);
  });
});
