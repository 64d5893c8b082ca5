// The life cycle of a broker: the order in which it starts and stops its parts, and the effect of a failure at any
// point.
import { describe, expect, test } from '@jest/globals';
import type { BrokerService } from '../../../src/application/service.js';
import { assembleBroker } from '../../../src/testkit/assemble-broker.js';
import type { BrokerParts } from '../../../src/testkit/assemble-broker.js';
import { DEFAULT_LIMITS } from '../../../src/domain/limits.js';
import type { Authenticator, Authorizer } from '../../../src/ports/auth.js';
import type { ConnectionHandler, Listener } from '../../../src/ports/network.js';
import { StorageError } from '../../../src/ports/storage.js';
import { SeededRandom } from '../../../src/testkit/seeded-random.js';
import { VirtualClock } from '../../../src/testkit/virtual-clock.js';
import { HandStorage } from '../../support/hand-storage.js';

class LoggingStorage extends HandStorage {
  whenOpen: Promise<void> = Promise.resolve();
  openError: Error | undefined;
  closeError: Error | undefined;

  constructor(readonly log: string[]) {
    super();
  }

  override async open(): Promise<void> {
    this.log.push('open storage');
    await this.whenOpen;
    if (this.openError !== undefined) throw this.openError;
  }

  override async close(): Promise<void> {
    this.log.push('close storage');
    await Promise.resolve();
    if (this.closeError !== undefined) throw this.closeError;
  }
}

class LoggingListener implements Listener {
  error: Error | undefined;
  handler: ConnectionHandler | undefined;
  closeError: Error | undefined;

  constructor(
    readonly name: string,
    readonly log: string[],
  ) {}

  async listen(handler: ConnectionHandler): Promise<string> {
    await Promise.resolve();
    if (this.error !== undefined) throw this.error;
    this.handler = handler;
    this.log.push(`listen ${this.name}`);
    return `address of ${this.name}`;
  }

  async close(): Promise<void> {
    await Promise.resolve();
    this.log.push(`close ${this.name}`);
    if (this.closeError !== undefined) throw this.closeError;
  }
}

/** An authenticator or authorizer that logs its start and stop. */
const adapter = (
  name: string,
  log: string[],
  stop = (): Promise<void> => Promise.resolve(),
): Authenticator & Authorizer => ({
  name,
  authenticate: () => ({ decision: 'abstain' }),
  authorize: () => ({ kind: 'allow-all' }),
  stop: () => {
    log.push(`stop ${name}`);
    return stop();
  },
});

function createService(parts: (log: string[]) => Partial<BrokerParts> = () => ({})): {
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
  const service = assembleBroker({
    storage,
    listeners,
    authenticators: [],
    telemetry: [{ emit: ({ kind }) => log.push(`! ${kind}`) }],
    clock,
    random: new SeededRandom(1),
    limits: DEFAULT_LIMITS,
    ...parts(log),
  });
  return { log, storage, listeners, clock, service };
}

describe('a broker', () => {
  test('a broker opens storage before its listeners, and closes them in the reverse order', async () => {
    const { log, service } = createService();
    await service.start();
    expect(log).toEqual(['open storage', 'listen one', '! listening', 'listen two', '! listening', '! ready']);
    expect([...service.addresses]).toEqual([
      ['one', 'address of one'],
      ['two', 'address of two'],
    ]);
    log.length = 0;
    await service.stop();
    await service.stop();
    await service.ended;
    expect(log).toEqual(['! stopping', 'close one', 'close two', 'close storage', '! stopped']);
    expect([...service.addresses]).toEqual([]);
  });

  test('a broker starts once, and refuses a second start', async () => {
    const { service } = createService();
    await service.start();
    await expect(service.start()).rejects.toThrow('once');
    await service.stop();
  });

  test('a broker whose listener cannot listen closes everything again, and its start rejects with the cause', async () => {
    const { log, listeners, service } = createService();
    listeners[1].error = new Error('taken');
    await expect(service.start()).rejects.toThrow('taken');
    expect(log.slice(-3).sort()).toEqual(['close one', 'close storage', 'close two']);
  });

  test('a broker whose storage does not open does not listen, and its start rejects with the cause', async () => {
    const { log, storage, service } = createService();
    storage.openError = new StorageError('fenced', 'another has it');
    await expect(service.start()).rejects.toThrow('another has it');
    expect(log.filter((line) => line.startsWith('listen'))).toEqual([]);
  });

  test('a broker whose listener cannot listen keeps that cause if storage does not close either', async () => {
    const { log, storage, listeners, service } = createService();
    listeners[1].error = new Error('taken');
    storage.closeError = new StorageError('unavailable', 'the disk is gone');
    await expect(service.start()).rejects.toThrow('taken');
    expect(log.slice(-5)).toEqual(['close one', 'close two', 'close storage', '! fatal', '! close-failed']);
  });

  test('a broker whose listener neither listens nor closes keeps the first cause and closes storage', async () => {
    const { log, listeners, service } = createService();
    listeners[1].error = new Error('taken');
    listeners[1].closeError = new Error('not open');
    await expect(service.start()).rejects.toThrow('taken');
    expect(log.at(-1)).toBe('close storage');
  });

  test('a broker whose store cannot be read closes it again, and its start rejects with the cause', async () => {
    const { log, storage, service } = createService();
    storage.load = () => {
      throw new StorageError('corrupt', 'a fact cannot be read');
    };
    storage.closeError = new Error('the disk is gone');
    await expect(service.start()).rejects.toThrow('a fact cannot be read');
    expect(log).toEqual(['open storage', 'close storage', '! fatal', '! close-failed']);
  });

  test('a broker whose storage does not close stops everything else, and rejects with the cause', async () => {
    const { log, storage, service } = createService((entries) => ({ authenticators: [adapter('passwords', entries)] }));
    await service.start();
    storage.closeError = new StorageError('unavailable', 'the disk is gone');
    await expect(service.stop()).rejects.toThrow('the disk is gone');
    await expect(service.ended).rejects.toThrow('the disk is gone');
    expect(log.slice(-3)).toEqual(['close storage', 'stop passwords', '! fatal']);
  });

  test('a broker that is stopped while its storage opens closes it again, and does not listen', async () => {
    const { log, storage, service } = createService();
    let goOn: () => void = () => undefined;
    storage.whenOpen = new Promise((resolve) => (goOn = resolve));
    const starting = expect(service.start()).rejects.toThrow('the broker was stopped while it started');
    while (!log.includes('open storage')) await Promise.resolve();
    const stopping = service.stop();
    goOn();
    await starting;
    await stopping;
    await service.stop();
    expect(log).toEqual(['open storage', 'close storage', '! stopped']);
  });

  test('a broker that is stopped while it reads its store reads no further', async () => {
    const { log, storage, service } = createService();
    let read = 0;
    let stopping: Promise<void> | undefined;
    storage.load = async function* () {
      while (read < 1000) {
        if (++read === 10) stopping = service.stop();
        yield { kind: 'serial.claim', upTo: read } as never;
      }
    };
    await expect(service.start()).rejects.toThrow('the broker was stopped while it started');
    await stopping;
    expect({ read, isClosed: log.includes('close storage') }).toEqual({ read: 10, isClosed: true });
  });

  test('a broker that loses its storage closes every connection at once, and `ended` rejects with the cause', async () => {
    const { log, storage, listeners, service } = createService();
    await service.start();
    const graces: number[] = [];
    const peer = { remoteAddress: 'test:1' };
    listeners[0].handler?.(peer)?.accept({
      peer,
      write: () => true,
      sentBytes: 0,
      pause: () => undefined,
      resume: () => undefined,
      close: (graceMs) => graces.push(graceMs),
    });
    service.engine.committer.record({ kind: 'inbound.put', clientId: 'a' as never, packetId: 1 });
    service.engine.committer.endOfTurn();
    await storage.refuseCommit(new StorageError('fenced', 'another has it'));
    await expect(service.ended).rejects.toThrow('another has it');
    expect(graces).toEqual([0]);
    expect(log.slice(-4)).toEqual(['! fatal', 'close one', 'close two', 'close storage']);
    await service.stop();
  });

  test('a broker stops after 10 seconds if storage does not take the last changes', async () => {
    const { log, service, clock } = createService();
    await service.start();
    service.engine.committer.record({ kind: 'inbound.put', clientId: 'a' as never, packetId: 1 });
    const stopping = service.stop();
    await clock.advanceAsync(10_000);
    await stopping;
    expect(log.filter((line) => line.startsWith('!')).slice(-2)).toEqual(['! changes-abandoned', '! stopped']);
  });
});

describe('authenticators and authorizers', () => {
  const parts = (log: string[]): Partial<BrokerParts> => {
    const shared = adapter('shared', log);
    return {
      authenticators: [shared, { name: 'has nothing to stop', authenticate: () => ({ decision: 'abstain' }) }],
      listenerAuthenticators: new Map([['one', [adapter('of one', log), shared]]]),
      authorizers: [adapter('authorizer', log)],
    };
  };
  const stopped = (log: readonly string[]): string[] => log.filter((line) => line.startsWith('stop ')).sort();
  const ALL = ['stop authorizer', 'stop of one', 'stop shared'];

  test('authenticators and authorizers start before storage is opened, in the order of calling', async () => {
    const starting = (name: string, log: string[]): Authenticator => ({
      ...adapter(name, log),
      start: async () => void log.push(`start ${name}`),
    });
    const { log, service } = createService((entries) => ({
      authenticators: [starting('first', entries), starting('second', entries)],
    }));
    await service.start();
    expect(log.slice(0, 3)).toEqual(['start first', 'start second', 'open storage']);
    await service.stop();
  });

  test('authenticators and authorizers that do not start end the start of the broker with the cause, and all of them are stopped', async () => {
    const { log, service } = createService((entries) => ({
      authenticators: [
        adapter('first', entries),
        { ...adapter('second', entries), start: () => Promise.reject(new Error('no route to the directory')) },
      ],
    }));
    await expect(service.start()).rejects.toThrow('no route to the directory');
    expect(log).toEqual(['stop first', 'stop second']);
  });

  test('authenticators and authorizers are stopped once each when the broker stops, after the listeners have closed', async () => {
    const { log, service } = createService(parts);
    await service.start();
    await service.stop();
    expect(stopped(log)).toEqual(ALL);
    expect(log.indexOf('stop shared')).toBeGreaterThan(log.indexOf('close two'));
  });

  test('authenticators and authorizers are stopped when storage does not open and when a listener cannot listen', async () => {
    const withListener = createService(parts);
    withListener.listeners[1].error = new Error('taken');
    await expect(withListener.service.start()).rejects.toThrow('taken');
    const storage = createService(parts);
    storage.storage.openError = new StorageError('fenced', 'another has it');
    await expect(storage.service.start()).rejects.toThrow('another has it');
    expect([stopped(withListener.log), stopped(storage.log)]).toEqual([ALL, ALL]);
  });

  test('authenticators and authorizers are stopped when the broker ends because its storage failed', async () => {
    const { log, storage, service } = createService(parts);
    await service.start();
    service.engine.committer.record({ kind: 'inbound.put', clientId: 'a' as never, packetId: 1 });
    service.engine.committer.endOfTurn();
    await storage.refuseCommit(new StorageError('fenced', 'another has it'));
    await expect(service.ended).rejects.toThrow('another has it');
    expect(stopped(log)).toEqual(ALL);
  });

  test('authenticators and authorizers reload once each, including those of listeners', async () => {
    const log: string[] = [];
    const reloading = (name: string): Authenticator => ({
      name,
      authenticate: () => ({ decision: 'abstain' }),
      reload: async () => {
        log.push(name);
      },
    });
    const shared = reloading('shared');
    const { service } = createService(() => ({
      authenticators: [shared],
      listenerAuthenticators: new Map([['one', [reloading('of one'), shared]]]),
    }));
    await service.start();
    expect(await service.reload()).toEqual([]);
    expect(log).toEqual(['shared', 'of one']);
    await service.stop();
  });

  test('authenticators and authorizers that hang or fail while they stop are reported, and the broker stops nevertheless', async () => {
    const events: unknown[] = [];
    const { service, clock } = createService((log) => ({
      authenticators: [
        adapter('stuck', log, () => new Promise(() => undefined)),
        adapter('broken', log, () => Promise.reject(new Error('busy'))),
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
