// The operations of the administration, called as by an embedding program: answers fit their schemas, requests are
// checked, roles hold, and what a page costs is bounded.
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Administrator } from '../../../src/administration/administrator.js';
import type { BrokerParts } from '../../../src/administration/broker-parts.js';
import { OPERATIONS } from '../../../src/administration/operations.js';
import type { AnswerOf, OperationName, RequestOf } from '../../../src/administration/operations.js';
import { EventTap } from '../../../src/application/event-tap.js';
import { EXAMINED_MAX } from '../../../src/administration/pages.js';
import { Cursor } from '../../../src/domain/cursor.js';
import type { Query, QueryKind } from '../../../src/domain/queries.js';
import type { AccessRule, AdministrationError } from '../../../src/ports/index.js';
import type { BrokerEvent, LifecycleEvent, LogLevel } from '../../../src/ports/index.js';
import { VirtualClock } from '../../../src/testkit/virtual-clock.js';
import { measuresOf } from '../../support/measures.js';
import { CoreHarness, will } from '../../support/core-harness.js';

const WRITER = { name: 'alice', role: 'write' } as const;
const READER = { name: 'bob', role: 'read' } as const;

const RULE = { effect: 'allow', actions: ['publish'], topicFilter: 'a/#', source: 'rule 1' } as unknown as AccessRule;
const EXPLANATION = {
  rule: RULE,
  reason: 'a rule',
  skippedRules: Array.from({ length: 300 }, () => ({ rule: RULE, reason: 'does not match' })),
  delivery: [],
  deliveryDefault: undefined,
};

let core: CoreHarness;
let clock: VirtualClock;
let administrator: Administrator;
let events: (BrokerEvent | LifecycleEvent)[];
let log: { level: LogLevel };
let tap: EventTap;

function partsOf(harness: CoreHarness, more: Partial<BrokerParts> = {}): BrokerParts {
  return {
    control: {
      query: (query) => harness.broker.query(query),
      trace: () => () => undefined,
      command: (command, actor) => Promise.resolve(harness.command(command, actor) ?? { result: 'done' }),
    },
    storage: {
      traits: { durable: true } as never,
      readQueue: (queue, from, limit) => Promise.resolve(harness.store.readQueue(queue, from, limit)),
      readRetained: (topics) => Promise.resolve(harness.store.readRetained(topics)),
    },
    storageState: { isWriting: true, isReading: true, error: undefined },
    uncommittedChanges: () => 0,
    measure: () => measuresOf(harness.broker.query({ kind: 'counts' })),
    ackLevel: 'flushed',
    limits: {
      current: { maxInflight: 5, messageExpiryMax: undefined },
      perListener: new Map([['tcp', { maxQos: 1 }]]),
    },
    addresses: new Map([['tcp', '127.0.0.1:1883']]),
    listenerKinds: new Map([['tcp', { type: 'tcp' }]]),
    storageAdapter: 'file',
    explain: ({ action }) => Promise.resolve({ ...EXPLANATION, isAllowed: action === 'publish' }),
    reload: () => Promise.resolve({ problems: ['rules: no such file'], restartNeeded: ['storage'] }),
    backups: { begin: () => Promise.reject(new Error('none')), stop: () => Promise.resolve() },
    pluginOperations: [],
    pluginMetrics: () => [],
    levels: [log],
    events: tap,
    userNames: true,
    version: '1.2.3',
    clock,
    emit: (event) => events.push(event),
    ...more,
  };
}

const call = <Name extends OperationName>(operation: Name, request: RequestOf<Name>): Promise<AnswerOf<Name>> =>
  administrator.call(operation, request, WRITER) as Promise<AnswerOf<Name>>;

const failure = (operation: string, request: unknown, actor: typeof WRITER | typeof READER = WRITER) =>
  administrator.call(operation, request, actor).then(
    () => {
      throw new Error('it was carried out');
    },
    (error: unknown) => error as AdministrationError,
  );

beforeEach(() => {
  core = new CoreHarness({ maxInflight: 1 });
  clock = new VirtualClock();
  events = [];
  log = { level: 'info' };
  tap = new EventTap();
  administrator = new Administrator(partsOf(core));
  const a = core.connectStored('a', { will: will('gone', 'a') });
  a.subscribe(['t', 1], ['$share/g/t', 1]);
  core.connectStored('away').subscribe(['t', 2]);
  core.connect('b').publish('t', 'one', 2, { retain: true });
  core.connect('b2').publish('t', 'two', 1);
});

afterEach(async () => {
  await administrator.close();
});

/** A request for each operation, all of which can be carried out in this order. */
const REQUESTS: { readonly [Name in OperationName]: RequestOf<Name> } = {
  status: {},
  caller: {},
  'acl-explain': { clientId: 'a', action: 'publish', topic: 'a/b' },
  clients: {},
  client: { clientId: 'a' },
  sessions: { clientIdPrefix: 'a' },
  session: { clientId: 'a' },
  subscriptions: {},
  queue: { clientId: 'a' },
  inbound: { clientId: 'b' },
  queues: {},
  route: { topic: 't' },
  'shared-groups': {},
  retained: {},
  'retained-message': { topic: 't' },
  limits: {},
  storage: {},
  metrics: {},
  health: {},
  publish: { topic: 't', payload: 'x', qos: 1, contentType: 'text/plain' },
  'purge-queue': { clientId: 'a' },
  disconnect: { clientId: 'away' },
  'delete-session': { clientId: 'away' },
  'delete-retained': { topic: 't' },
  reload: {},
  'log-level': { level: 'debug' },
};

test('every operation answers with what its schema describes, also after it has been JSON', async () => {
  for (const [name, request] of Object.entries(REQUESTS)) {
    const answer = await administrator.call(name, request, WRITER);
    const { error } = OPERATIONS[name as OperationName].answer.safeParse(JSON.parse(JSON.stringify(answer)));
    expect({ name, problem: error?.message }).toEqual({ name, problem: undefined });
    const { items } = answer as { readonly items?: readonly unknown[] };
    if (items !== undefined && name !== 'inbound')
      expect({ name, count: items.length }).not.toEqual({ name, count: 0 });
  }
});

test('the queue of a stored session is read from storage, with what was sent before what waits', async () => {
  const { items } = await call('queue', { clientId: 'a' });
  const shown = items.map(({ state, topic, payload }) => [
    state,
    topic,
    Buffer.from(payload ?? '', 'base64').toString(),
  ]);
  expect(shown[0]).toEqual(['sent', 't', 'one']);
  expect(shown.slice(1).every(([state]) => state === 'waiting')).toBe(true);
  expect(shown.at(-1)).toEqual(['waiting', 't', 'two']);
});

test('what was sent on a connection that has ended is not in flight, and is shown as sent again', async () => {
  await call('disconnect', { clientId: 'a' });
  expect(await call('session', { clientId: 'a' })).toMatchObject({ outboundInFlight: 0 });
  const { items } = await call('queue', { clientId: 'a' });
  expect(items[0]?.state).toBe('resend');
  expect(items.slice(1).every(({ state }) => state === 'waiting')).toBe(true);
});

test('the queue of a shared group is listed, from storage or from memory, and one that does not exist is refused', async () => {
  core.connectStored('worker').subscribe(['$share/s/u', 1]);
  await call('disconnect', { clientId: 'worker' });
  core.connect('here').subscribe(['$share/m/u', 1]);
  for (const payload of ['one', 'two']) core.connect('c').publish('u', payload, 1);
  const states = async (sharedGroup: string) =>
    (await call('queue', { sharedGroup })).items.map(({ state, topic, packetId }) => [state, topic, packetId]);
  expect(await states('$share/s/u')).toEqual([
    ['waiting', 'u', undefined],
    ['waiting', 'u', undefined],
  ]);
  expect(await states('$share/m/u')).toEqual([['waiting', 'u', undefined]]);
  expect((await failure('queue', { sharedGroup: '$share/none/u' })).kind).toBe('not-found');
  expect((await failure('queue', { sharedGroup: '$share/s/u', clientId: 'a' })).kind).toBe('invalid');
});

test('access is explained with the first of the rules that do not decide, and how many those are', async () => {
  const explained = await call('acl-explain', { clientId: 'a', userName: 'u', action: 'publish', topic: 'a/b' });
  expect(explained).toMatchObject({ isAllowed: true, rule: { source: 'rule 1' }, skippedCount: 300 });
  expect(explained.skippedRules).toHaveLength(100);
  expect(await call('acl-explain', { clientId: 'a', action: 'receive', topic: 'a/b' })).toMatchObject({
    isAllowed: false,
  });
});

test('each command is an event with its actor', async () => {
  await call('disconnect', { clientId: 'away' });
  await call('reload', {});
  await call('log-level', { level: 'debug' });
  for (let i = 0; i < 5; i++)
    await administrator.open('trace', { topicFilter: `t/${i}` }, READER).catch(() => undefined);
  const commands = [...core.recorder.events, ...events].filter(({ kind }) => kind === 'operator-command');
  expect(commands).toMatchObject([
    { actor: 'alice', command: 'disconnect', subject: 'away', result: 'done' },
    { actor: 'alice', command: 'reload', subject: '', result: 'refused' },
    { actor: 'alice', command: 'log-level', subject: 'debug', result: 'done' },
    ...['t/0', 't/1', 't/2', 't/3'].map((subject) => ({ actor: 'bob', command: 'trace', subject, result: 'done' })),
    { actor: 'bob', command: 'trace', subject: 't/4', result: 'refused' },
  ]);
  expect(log.level).toBe('debug');
});

describe('a call that is refused', () => {
  test.each([
    ['clients', { limit: 0 }, 'limit: 0 is not valid, expected a whole number from 1 to 1000'],
    ['clients', { limit: 'many' }, 'limit: "many" is not valid, expected a whole number from 1 to 1000'],
    ['clients', { page: 1 }, 'page: there is no such parameter'],
    ['clients', [], 'a list is not valid, expected an object'],
    ['client', {}, 'clientId: missing, expected a string of at most 65535 characters'],
    [
      'route',
      { topic: 'a/#' },
      'topic: "a/#" is not valid, expected a Topic Name: at least one character, no wildcards',
    ],
    ['retained', { topicFilter: 'a/#/b' }, 'topicFilter: "a/#/b" is not valid, expected a Topic Filter such as'],
    ['publish', { topic: 't', qos: 3 }, 'qos: 3 is not valid, expected 0, 1 or 2'],
    [
      'publish',
      { topic: 't', payload: 'x', payloadBase64: 'eA==' },
      'payloadBase64: payload and payloadBase64 are both',
    ],
    ['log-level', { level: 'loud' }, 'level: "loud" is not valid, expected one of debug, info, warn'],
  ])('a call of %s that is refused for %j says what was expected', async (name, request, message) => {
    const error = await failure(name, request);
    expect(error.kind).toBe('invalid');
    expect(error.message).toContain(message);
  });

  test('a call that is refused names every parameter that is wrong', async () => {
    const { problems } = await failure('clients', { limit: -1, cursor: 5, other: true });
    expect(problems.map(({ parameter }) => parameter)).toEqual(['limit', 'cursor', 'other']);
  });

  test('a call is refused for an operation that does not exist, and for names that every object has', async () => {
    for (const name of ['nothing', 'toString', '__proto__', 'constructor'])
      expect((await failure(name, {})).kind).toBe('unknown-operation');
  });

  test('a call of any command is refused for a caller who may only read, before it changes anything', async () => {
    const commands = Object.entries(OPERATIONS).filter(([, { kind }]) => kind === 'command');
    expect(commands.length).toBeGreaterThan(5);
    for (const [name] of commands) {
      const error = await failure(name, REQUESTS[name as OperationName], READER);
      expect([error.kind, error.message]).toEqual(['forbidden', `${name} needs the role write, and bob has read`]);
    }
    expect(core.recorder.events.filter(({ kind }) => kind === 'operator-command')).toEqual([]);
  });

  test('a call about what is not there is refused by name', async () => {
    for (const name of ['client', 'session', 'queue', 'subscriptions', 'inbound', 'disconnect', 'delete-session'])
      expect((await failure(name, { clientId: 'x' })).kind).toBe('not-found');
    for (const name of ['delete-retained', 'retained-message'])
      expect((await failure(name, { topic: 'x' })).kind).toBe('not-found');
  });

  test('a call that storage does not answer is given up, and too many of them are refused', async () => {
    const never = partsOf(core, {
      storage: {
        traits: {} as never,
        readQueue: () => new Promise(() => undefined),
        readRetained: () => new Promise(() => undefined),
      },
    });
    administrator = new Administrator(never);
    const reads = Array.from({ length: 5 }, () => failure('queue', { clientId: 'a' }));
    expect((await reads[4])?.kind).toBe('busy');
    await Promise.resolve();
    clock.advanceTo(clock.nowMs() + 10_000);
    expect((await Promise.all(reads.slice(0, 4))).map(({ kind }) => kind)).toEqual(Array(4).fill('unavailable'));
  });

  test('a call fails as unavailable while the broker does not answer', async () => {
    const stopped = () => {
      throw new Error('the broker stops');
    };
    administrator = new Administrator(
      partsOf(core, {
        control: { query: stopped, trace: stopped, command: () => Promise.reject(new Error('it stops')) },
      }),
    );
    expect((await failure('status', {})).kind).toBe('unavailable');
    expect((await failure('disconnect', { clientId: 'a' })).message).toBe('it stops');
  });
});

describe('pages', () => {
  test('pages lead from one to the next until everything was shown once', async () => {
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page: AnswerOf<'sessions'> = await call('sessions', {
        limit: 1,
        ...(cursor === undefined ? {} : { cursor }),
      });
      expect(page.items.length).toBeLessThanOrEqual(1);
      seen.push(...page.items.map(({ clientId }) => clientId));
      cursor = page.cursor;
    } while (cursor !== undefined);
    expect(seen).toEqual(['a', 'away', 'b', 'b2']);
  });

  test('pages have a cursor that is good for one page of its operation, and for a minute', async () => {
    const { cursor = '' } = await call('sessions', { limit: 1 });
    expect((await failure('clients', { cursor })).kind).toBe('gone');
    const next = await call('sessions', { limit: 1, cursor });
    expect((await failure('sessions', { cursor })).kind).toBe('gone');
    clock.advanceTo(clock.nowMs() + 60_001);
    expect((await failure('sessions', { cursor: next.cursor })).kind).toBe('gone');
  });

  test('pages keep a hundred cursors, and the one that was used least recently makes way', async () => {
    const cursors: string[] = [];
    for (let i = 0; i < 101; i++) cursors.push((await call('sessions', { limit: 1 })).cursor ?? '');
    expect((await failure('sessions', { cursor: cursors[0] })).kind).toBe('gone');
    expect((await call('sessions', { limit: 1, cursor: cursors[1] })).items).toHaveLength(1);
  });

  test('pages of a million sessions look at a bounded number of them each, whether they match or not', async () => {
    let examined = 0;
    const sessions = function* (isFound: boolean): Generator<object | undefined> {
      for (let i = 0; i < 1_000_000; i++) {
        examined++;
        yield isFound ? { clientId: `client-${i}`, subscriptions: 0, expiryIntervalS: 0, sentBelow: 0 } : undefined;
      }
    };
    for (const isFound of [true, false]) {
      const control = {
        query: <Kind extends QueryKind>(query: Query<Kind>): never => {
          const { examine, cursor } = query as { examine: number; cursor?: Cursor<object> };
          return (cursor ?? new Cursor(sessions(isFound))).read(examine) as never;
        },
        trace: () => () => undefined,
        command: () => Promise.reject(new Error('there is none')),
      };
      administrator = new Administrator(partsOf(core, { control }));
      examined = 0;
      let pages = 0;
      let cursor: string | undefined;
      do {
        const before = examined;
        const page: AnswerOf<'sessions'> = await call('sessions', {
          limit: 1000,
          ...(cursor === undefined ? {} : { cursor }),
        });
        expect(examined - before).toBeLessThanOrEqual(EXAMINED_MAX);
        pages++;
        cursor = page.cursor;
      } while (cursor !== undefined);
      expect(examined).toBe(1_000_000);
      expect(pages).toBeLessThanOrEqual(isFound ? 1001 : 501);
    }
  });

  test('pages of the longest queues have the longest of each part, so that a caller finds those of all', async () => {
    const views = Array.from({ length: 5000 }, (_, i) => ({
      clientId: `c${i}`,
      queued: (i * 7919) % 5000,
      queuedBytes: 0,
      inFlight: 0,
      isConnected: false,
    }));
    const control = {
      query: <Kind extends QueryKind>(query: Query<Kind>): never => {
        const { examine, cursor } = query as { examine: number; cursor?: Cursor<object> };
        return (cursor ?? new Cursor(views)).read(examine) as never;
      },
      trace: () => () => undefined,
      command: () => Promise.reject(new Error('there is none')),
    };
    administrator = new Administrator(partsOf(core, { control }));
    const found: number[] = [];
    let cursor: string | undefined;
    do {
      const page: AnswerOf<'queues'> = await call('queues', { limit: 3, ...(cursor === undefined ? {} : { cursor }) });
      expect(page.items.length).toBeLessThanOrEqual(3);
      found.push(...page.items.map(({ queued }) => queued));
      cursor = page.cursor;
    } while (cursor !== undefined);
    expect(found.sort((one, other) => other - one).slice(0, 3)).toEqual([4999, 4998, 4997]);
  });
});
