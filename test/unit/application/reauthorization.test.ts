// Renewal of permissions: requests are bounded, only the latest answer counts, and a client without an answer keeps its
// permissions.
import { describe, expect, test } from '@jest/globals';
import { Authorization } from '../../../src/application/authorization.js';
import { Reauthorization } from '../../../src/application/reauthorization.js';
import { LiveSettings } from '../../../src/application/settings.js';
import type { LimitSettings } from '../../../src/domain/settings.js';
import type { Permissions } from '../../../src/domain/access/permissions.js';
import { DEFAULT_LIMITS } from '../../../src/domain/limits.js';
import type { ConnectionId } from '../../../src/domain/identifiers.js';
import type { AuthorizationRequest, Authorizer, RequestContext } from '../../../src/ports/auth.js';
import type { LifecycleEvent } from '../../../src/ports/telemetry.js';
import { VirtualClock } from '../../../src/testkit/virtual-clock.js';
import { createAuthorizer } from '../../../adapters/auth/acl-file/index.js';
import { permissionsOf } from '../../support/access-rules.js';
import { withBroker } from '../../support/broker-harness.js';
import { noticed } from '../../support/hand-storage.js';
import { temporaryFile } from '../../support/temporary-file.js';

const requestOf = (clientId: string): AuthorizationRequest => ({
  clientId: clientId as AuthorizationRequest['clientId'],
  userName: undefined,
  protocolVersion: 4,
  listener: 'test',
  peer: { remoteAddress: 'test:1' },
  permissions: undefined,
});

const limitsWith = (authTimeoutMs: number): LimitSettings => ({
  limits: { ...DEFAULT_LIMITS, authTimeoutMs },
  perListener: new Map([['slow', { authTimeoutMs: 60_000 }]]),
});

class Bench {
  readonly clock = new VirtualClock();
  readonly events: LifecycleEvent[] = [];
  readonly renewed: string[] = [];
  /** Clients whose permissions were requested, in order. */
  asked: string[] = [];
  readonly settings = new LiveSettings(limitsWith(1000));
  readonly reauthorization: Reauthorization;
  #turns: (() => void)[] = [];

  constructor(authorize: (clientId: string, context?: RequestContext) => Permissions | Promise<Permissions>) {
    const authorizer: Authorizer = {
      name: 'test',
      authorize: ({ clientId }, context) => {
        this.asked.push(clientId);
        return authorize(clientId, context);
      },
    };
    this.reauthorization = new Reauthorization({
      authorization: new Authorization([authorizer]),
      clock: this.clock,
      settings: this.settings,
      atEndOfTurn: (callback) => this.#turns.push(callback),
      applyPermissions: (connection, permissions) =>
        this.renewed.push(
          `${connection} ${permissions.kind === 'rules' ? permissions.rules.map((rule) => rule.topicFilter).join() : 'all'}`,
        ),
      emit: (event) => this.events.push(event),
    });
  }

  admit(count: number): void {
    for (let i = 1; i <= count; i++)
      this.reauthorization.track(i as ConnectionId, requestOf(`c${i}`), this.reauthorization.revision);
  }

  /** @returns whether a turn was scheduled. */
  turn(): boolean {
    const turns = this.#turns;
    this.#turns = [];
    for (const turn of turns) turn();
    return turns.length > 0;
  }

  turns(): number {
    let count = 0;
    while (this.turn()) count++;
    return count;
  }
}

/** An authorizer whose answers the test gives. */
function later(): { authorize: () => Promise<Permissions>; answers: ((permissions: Permissions) => void)[] } {
  const answers: ((permissions: Permissions) => void)[] = [];
  return { answers, authorize: () => new Promise((resolve) => answers.push(resolve)) };
}

describe('a change of the rules', () => {
  test('a change requests the permissions of every client, spread over turns, and is reported once', () => {
    const bench = new Bench(() => permissionsOf('allow receive a'));
    bench.admit(1000);
    expect(bench.turn()).toBe(false);
    bench.reauthorization.refreshAll();
    bench.reauthorization.refreshAll();
    expect(bench.asked).toEqual([]);
    bench.turn();
    expect(bench.asked.length).toBe(200);
    expect(bench.turns()).toBe(4);
    expect(bench.renewed).toHaveLength(1000);
    expect(bench.events).toEqual([{ kind: 'permissions-renewed', clients: 1000, failed: 0 }]);
  });

  test('a change during a renewal starts it over', () => {
    let filter = 'a';
    const bench = new Bench(() => permissionsOf(`allow receive ${filter}`));
    bench.admit(300);
    bench.reauthorization.refreshAll();
    bench.turn();
    filter = 'b';
    bench.reauthorization.refreshAll();
    bench.turns();
    const last = new Map(bench.renewed.map((line) => line.split(' ') as [string, string]));
    expect([last.size, new Set(last.values())]).toEqual([300, new Set(['b'])]);
  });

  test('a renewal waits for a limited number of answers at once and continues as they arrive', async () => {
    const { authorize, answers } = later();
    const bench = new Bench(authorize);
    bench.admit(250);
    bench.reauthorization.refreshAll();
    bench.turns();
    expect(answers).toHaveLength(100);
    for (const answer of answers.splice(0, 30)) answer(permissionsOf());
    await noticed();
    bench.turns();
    expect(bench.asked).toHaveLength(130);
    while (answers.length > 0) {
      for (const answer of answers.splice(0)) answer(permissionsOf());
      await noticed();
      bench.turns();
    }
    expect(bench.events).toEqual([{ kind: 'permissions-renewed', clients: 250, failed: 0 }]);
  });

  test('an answer to an earlier request does not undo a change', async () => {
    const { authorize, answers } = later();
    const bench = new Bench(authorize);
    bench.admit(1);
    bench.reauthorization.refreshAll();
    bench.turns();
    bench.reauthorization.refreshAll();
    bench.turns();
    answers[1]?.(permissionsOf('allow receive new'));
    await noticed();
    answers[0]?.(permissionsOf('allow receive old'));
    await noticed();
    expect(bench.renewed).toEqual(['1 new']);
  });

  test("a change between a client's authorization request and its answer causes another request", () => {
    const bench = new Bench(() => permissionsOf('allow receive new'));
    const { revision } = bench.reauthorization;
    bench.reauthorization.refreshAll();
    bench.reauthorization.track(1 as ConnectionId, requestOf('c1'), revision);
    bench.turns();
    expect(bench.renewed).toEqual(['1 new']);
  });
});

describe('a renewal', () => {
  /** An authorizer that never answers, and the contexts of its requests. */
  function silent(): { readonly bench: Bench; readonly contexts: RequestContext[] } {
    const contexts: RequestContext[] = [];
    const bench = new Bench((_, context) => {
      if (context !== undefined) contexts.push(context);
      return new Promise(() => undefined);
    });
    return { bench, contexts };
  }
  const cancelled = (contexts: readonly RequestContext[]): number =>
    contexts.filter(({ signal }) => signal.aborted).length;

  test('a request for a client that has gone is cancelled, and makes room for others', () => {
    const { bench, contexts } = silent();
    bench.admit(150);
    bench.reauthorization.refreshAll();
    bench.turns();
    expect(contexts).toHaveLength(100);
    for (let i = 1; i <= 30; i++) bench.reauthorization.untrack(i as ConnectionId);
    bench.turns();
    expect(cancelled(contexts.slice(0, 30))).toBe(30);
    expect([contexts.length, cancelled(contexts)]).toEqual([130, 30]);
    expect(bench.events).toEqual([]);
  });

  test('a request is cancelled when its time is over, and all are when the broker stops', () => {
    const { bench, contexts } = silent();
    bench.admit(2);
    bench.reauthorization.refreshAll();
    bench.turns();
    bench.clock.advance(1000);
    expect(cancelled(contexts)).toBe(2);
    bench.events.length = 0;
    bench.reauthorization.refreshAll();
    bench.turns();
    bench.reauthorization.stop();
    expect([contexts.length, cancelled(contexts)]).toEqual([4, 4]);
    bench.clock.advance(5000);
    expect(bench.events).toEqual([]);
  });

  test('a client keeps its permissions if the authorizer fails or does not answer, and that is reported', async () => {
    const bench = new Bench((clientId) =>
      clientId === 'c1'
        ? Promise.reject(new Error('out of order'))
        : clientId === 'c2'
          ? new Promise(() => undefined)
          : permissionsOf(),
    );
    bench.admit(3);
    bench.reauthorization.refreshAll();
    bench.turns();
    await noticed();
    bench.clock.advance(1000);
    expect(bench.renewed).toEqual(['3 ']);
    expect(bench.events).toEqual([
      { kind: 'permissions-kept', clientId: 'c1', detail: 'test: out of order' },
      { kind: 'permissions-kept', clientId: 'c2', detail: 'no answer within 1000 ms' },
      { kind: 'permissions-renewed', clients: 3, failed: 2 },
    ]);
  });

  test('a client that has disconnected is skipped, and a late answer has no effect', async () => {
    const { authorize, answers } = later();
    const bench = new Bench(authorize);
    bench.admit(2);
    bench.reauthorization.refreshAll();
    bench.reauthorization.untrack(1 as ConnectionId);
    bench.turns();
    expect(bench.asked).toEqual(['c2']);
    bench.reauthorization.untrack(2 as ConnectionId);
    answers[0]?.(permissionsOf());
    await noticed();
    expect(bench.renewed).toEqual([]);
  });
});

describe('the wait for an authorizer', () => {
  const silent = (): Promise<Permissions> => new Promise(() => undefined);

  test('the wait for an authorizer lasts as long as the limit in force when the request starts, also after a reload', () => {
    const bench = new Bench(silent);
    bench.admit(1);
    bench.settings.replace(limitsWith(200));
    bench.reauthorization.refreshAll();
    bench.turns();
    bench.clock.advance(199);
    expect(bench.events).toEqual([]);
    bench.clock.advance(1);
    expect(bench.events[0]).toEqual({
      kind: 'permissions-kept',
      clientId: 'c1',
      detail: 'no answer within 200 ms',
    });
  });

  test("the wait for an authorizer follows the limit of the client's listener if it has its own", () => {
    const bench = new Bench(silent);
    bench.reauthorization.track(1 as ConnectionId, { ...requestOf('c1'), listener: 'slow' }, 0);
    bench.reauthorization.refreshAll();
    bench.turns();
    bench.clock.advance(1000);
    expect(bench.events).toEqual([]);
    bench.clock.advance(59_000);
    expect(bench.events).toContainEqual({
      kind: 'permissions-kept',
      clientId: 'c1',
      detail: 'no answer within 60000 ms',
    });
  });
});

test('a reload changes how long the broker waits for the permissions of connected clients', async () => {
  let isSilent = false;
  const authorizer: Authorizer = {
    name: 'test',
    authorize: () => (isSilent ? new Promise(() => undefined) : permissionsOf('allow publish,receive #')),
  };
  await withBroker(
    async (broker) => {
      await broker.connect('reader');
      isSilent = true;
      await broker.reload({ authTimeoutMs: 200 });
      await broker.settled();
      broker.clock.advance(200);
      expect(broker.events).toContainEqual({
        kind: 'permissions-kept',
        clientId: 'reader',
        detail: 'no answer within 200 ms',
      });
    },
    { authorizers: [authorizer], limits: { authTimeoutMs: 30_000 } },
  );
});

test('a changed answer of an authorizer applies to connected clients', async () => {
  let permissions = permissionsOf('allow publish,receive #');
  let changed: () => void = () => undefined;
  const authorizer: Authorizer = {
    name: 'test',
    authorize: () => permissions,
    watch: (callback) => (changed = callback),
  };
  await withBroker(
    async (broker) => {
      const reader = await broker.watcher('reader', ['#', 1]);
      const publisher = await broker.connect('publisher');
      permissions = permissionsOf('allow publish #', 'allow receive open/#');
      changed();
      await broker.settled();
      await publisher.publish({ topic: 'closed', payload: 'no', qos: 1 });
      await publisher.publish({ topic: 'open/a', payload: 'yes', qos: 1 });
      await reader.accept({ topic: 'open/a', payload: 'yes', qos: 1 });
      expect(broker.events).toContainEqual({ kind: 'permissions-renewed', clients: 2, failed: 0 });
      await reader.expectNothing();
    },
    { authorizers: [authorizer] },
  );
});

test('a reloaded ACL file filters retained messages and messages queued before', async () => {
  const file = await temporaryFile('acl', 'topic readwrite #\n');
  const authorizer = createAuthorizer({ path: file.path });
  await withBroker(
    async (broker) => {
      const away = await broker.connect({ clientId: 'away', clean: false });
      await away.subscribe(['#', 2]);
      await away.disconnect();
      const publisher = await broker.connect('publisher');
      for (const topic of ['closed/1', 'open/1', 'closed/2', 'open/2'])
        await publisher.publish({ topic, payload: topic, qos: 2, retain: true });
      await file.write('topic write #\ntopic read open/#\n');
      await authorizer.reload?.();
      await broker.settled();
      const { client: back } = await broker.reconnect({ clientId: 'away', clean: false });
      const late = await broker.connect('late');
      await late.subscribe(['#', 1]);
      for (const topic of ['open/1', 'open/2']) {
        await back.accept({ topic, payload: topic, qos: 2, retain: false });
        await late.accept({ topic, payload: topic, qos: 1, retain: true });
      }
      await back.expectNothing();
      await late.expectNothing();
      const dropped = broker.events.filter((one) => one.kind === 'message-dropped' && one.reason === 'not-authorized');
      expect(dropped.map((one) => (one.kind === 'message-dropped' ? [one.topic, one.detail] : []))).toEqual([
        ['closed/1', 'no rule allows it'],
        ['closed/2', 'no rule allows it'],
      ]);
    },
    { authorizers: [authorizer] },
  );
  await file.remove();
});
