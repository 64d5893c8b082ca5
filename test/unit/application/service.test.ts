import { describe, expect, test } from '@jest/globals';
import { BrokerService } from '../../../src/application/service.js';
import { LiveSettings } from '../../../src/application/settings.js';
import type { ServiceParts } from '../../../src/application/service.js';
import { DEFAULT_LIMITS } from '../../../src/domain/connect/limits.js';
import type { Authenticator, Authorizer } from '../../../src/ports/auth.js';
import type { ConnectionHandler, Listener } from '../../../src/ports/network.js';
import { StorageError } from '../../../src/ports/storage.js';
import { SeededRandom } from '../../../src/testkit/seeded-random.js';
import { VirtualClock } from '../../../src/testkit/virtual-clock.js';
import { HandStorage } from '../../support/hand-storage.js';

class LoggingStorage extends HandStorage {
  whenOpen: Promise<void> = Promise.resolve();
  openError: Error | undefined;

  constructor(readonly log: string[]) {
    super();
  }

  override async open(): Promise<void> {
    this.log.push('open');
    await this.whenOpen;
    if (this.openError !== undefined) throw this.openError;
  }

  override async close(): Promise<void> {
    this.log.push('close');
    await Promise.resolve();
  }
}

class LoggingListener implements Listener {
  error: Error | undefined;
  arrive: ConnectionHandler | undefined;

  constructor(
    readonly name: string,
    readonly log: string[],
  ) {}

  async listen(arrive: ConnectionHandler): Promise<string> {
    await Promise.resolve();
    if (this.error !== undefined) throw this.error;
    this.arrive = arrive;
    this.log.push(`listen ${this.name}`);
    return `address of ${this.name}`;
  }

  async close(): Promise<void> {
    await Promise.resolve();
    this.log.push(`shut ${this.name}`);
  }
}

/** An authenticator, or an authorizer, that says when it is closed. */
const closing = (
  name: string,
  log: string[],
  close = (): Promise<void> => Promise.resolve(),
): Authenticator & Authorizer => ({
  name,
  authenticate: () => ({ decision: 'abstain' }),
  authorize: () => ({ kind: 'allow-all' }),
  stop: () => {
    log.push(`let go ${name}`);
    return close();
  },
});

function made(parts: (log: string[]) => Partial<ServiceParts> = () => ({})): {
  log: string[];
  storage: LoggingStorage;
  listeners: [LoggingListener, LoggingListener];
  clock: VirtualClock;
  service: BrokerService;
} {
  const log: string[] = [];
  const storage = new LoggingStorage(log);
  const listeners: [LoggingListener, LoggingListener] = [
    new LoggingListener('one', log),
    new LoggingListener('two', log),
  ];
  const clock = new VirtualClock();
  const service = new BrokerService({
    storage,
    listeners,
    authenticators: [],
    telemetry: [{ emit: ({ kind }) => log.push(`! ${kind}`) }],
    clock,
    random: new SeededRandom(1),
    settings: new LiveSettings({ limits: DEFAULT_LIMITS, perListener: new Map() }),
    ...parts(log),
  });
  return { log, storage, listeners, clock, service };
}

describe('the life of a broker', () => {
  test('opens storage, then its doors, and goes in the other order', async () => {
    const { log, service } = made();
    await service.start();
    expect(log).toEqual(['open', 'listen one', '! listening', 'listen two', '! listening', '! ready']);
    expect([...service.addresses]).toEqual([
      ['one', 'address of one'],
      ['two', 'address of two'],
    ]);
    log.length = 0;
    await service.stop();
    await service.stop();
    await service.ended;
    expect(log).toEqual(['! stopping', 'shut one', 'shut two', 'close', '! stopped']);
  });

  test('starts once', async () => {
    const { service } = made();
    await service.start();
    await expect(service.start()).rejects.toThrow('once');
    await service.stop();
  });

  test('closes all again when a door does not open, and says why', async () => {
    const { log, listeners, service } = made();
    listeners[1].error = new Error('taken');
    await expect(service.start()).rejects.toThrow('taken');
    expect(log.slice(-3).sort()).toEqual(['close', 'shut one', 'shut two']);
  });

  test('says why storage does not open', async () => {
    const { log, storage, service } = made();
    storage.openError = new StorageError('fenced', 'another has it');
    await expect(service.start()).rejects.toThrow('another has it');
    expect(log.filter((line) => line.startsWith('listen'))).toEqual([]);
  });

  test('that is stopped while it starts is not running afterwards', async () => {
    const { log, storage, service } = made();
    let goOn: () => void = () => undefined;
    storage.whenOpen = new Promise((resolve) => (goOn = resolve));
    const starting = service.start().catch(() => undefined);
    const stopping = service.stop();
    goOn();
    await starting;
    await stopping;
    await service.stop();
    const isListening = log.includes('listen one') && !log.includes('shut one');
    expect({ isListening, isClosed: log.includes('close') }).toEqual({ isListening: false, isClosed: true });
  });

  test('that loses its storage ends by itself, with the cause', async () => {
    const { log, storage, listeners, service } = made();
    await service.start();
    const closings: number[] = [];
    const peer = { remoteAddress: 'test:1' };
    listeners[0].arrive?.(peer)?.accept({
      peer,
      write: () => true,
      sentBytes: 0,
      pause: () => undefined,
      resume: () => undefined,
      close: (graceMs) => closings.push(graceMs),
    });
    service.engine.committer.record({ kind: 'inbound.put', clientId: 'a' as never, packetId: 1 });
    service.engine.committer.endOfTurn();
    await storage.refuseCommit(new StorageError('fenced', 'another has it'));
    await expect(service.ended).rejects.toThrow('another has it');
    expect(closings).toEqual([0]);
    expect(log.slice(-4)).toEqual(['! fatal', 'shut one', 'shut two', 'close']);
    await service.stop();
  });

  test('does not wait for ever for a storage that takes nothing when it stops', async () => {
    const { log, service, clock } = made();
    await service.start();
    service.engine.committer.record({ kind: 'inbound.put', clientId: 'a' as never, packetId: 1 });
    const stopping = service.stop();
    await clock.advanceAsync(10_000);
    await stopping;
    expect(log.filter((line) => line.startsWith('!')).slice(-2)).toEqual(['! changes-abandoned', '! stopped']);
  });
});

describe('authenticators and authorizers', () => {
  const parts = (log: string[]): Partial<ServiceParts> => {
    const shared = closing('shared', log);
    return {
      authenticators: [shared, { name: 'has nothing to close', authenticate: () => ({ decision: 'abstain' }) }],
      listenerAuthenticators: new Map([['one', [closing('of one', log), shared]]]),
      authorizers: [closing('authorizer', log)],
    };
  };
  const letGo = (log: readonly string[]): string[] => log.filter((line) => line.startsWith('let go')).sort();
  const ALL = ['let go authorizer', 'let go of one', 'let go shared'];

  test('are closed when the broker stops, each once, when nobody is asked any more', async () => {
    const { log, service } = made(parts);
    await service.start();
    await service.stop();
    expect(letGo(log)).toEqual(ALL);
    expect(log.indexOf('let go shared')).toBeGreaterThan(log.indexOf('shut two'));
  });

  test('are closed when the start fails, whichever part of it', async () => {
    const doors = made(parts);
    doors.listeners[1].error = new Error('taken');
    await expect(doors.service.start()).rejects.toThrow('taken');
    const storage = made(parts);
    storage.storage.openError = new StorageError('fenced', 'another has it');
    await expect(storage.service.start()).rejects.toThrow('another has it');
    expect([letGo(doors.log), letGo(storage.log)]).toEqual([ALL, ALL]);
  });

  test('are closed when the broker ends by itself', async () => {
    const { log, storage, service } = made(parts);
    await service.start();
    service.engine.committer.record({ kind: 'inbound.put', clientId: 'a' as never, packetId: 1 });
    service.engine.committer.endOfTurn();
    await storage.refuseCommit(new StorageError('fenced', 'another has it'));
    await expect(service.ended).rejects.toThrow('another has it');
    expect(letGo(log)).toEqual(ALL);
  });

  test('are told to reload, those of listeners too, each once', async () => {
    const log: string[] = [];
    const reloading = (name: string): Authenticator => ({
      name,
      authenticate: () => ({ decision: 'abstain' }),
      reload: async () => {
        log.push(name);
      },
    });
    const shared = reloading('shared');
    const { service } = made(() => ({
      authenticators: [shared],
      listenerAuthenticators: new Map([['one', [reloading('of one'), shared]]]),
    }));
    await service.start();
    expect(await service.reload()).toEqual([]);
    expect(log).toEqual(['shared', 'of one']);
    await service.stop();
  });

  test('that do not let go keep nobody from stopping, and are told of', async () => {
    const events: unknown[] = [];
    const { service, clock } = made((log) => ({
      authenticators: [
        closing('stuck', log, () => new Promise(() => undefined)),
        closing('broken', log, () => Promise.reject(new Error('busy'))),
      ],
      telemetry: [{ emit: (event) => events.push(event) }],
    }));
    await service.start();
    const stopping = service.stop();
    await clock.advanceAsync(5000);
    await stopping;
    expect(events.filter((event) => (event as { kind: string }).kind === 'close-failed')).toEqual([
      { kind: 'close-failed', adapter: 'broken', error: 'busy' },
      { kind: 'close-failed', adapter: 'stuck', error: 'no answer within 5000 ms' },
    ]);
  });
});
