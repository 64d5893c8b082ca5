// Queries: views of connections, sessions, subscriptions and routes, page by page.
import { describe, expect, test } from '@jest/globals';
import type { Page } from '../../../../src/domain/cursor.js';
import type { Query, QueryKind, RetainedView, SubscriptionView } from '../../../../src/domain/queries.js';
import { CoreHarness, will } from '../../../support/core-harness.js';

type PagedKind = Exclude<QueryKind, 'counts' | 'session' | 'will'>;
interface Cursors {
  readonly cursor?: never;
}

/** Reads all pages of an answer. */
function pagesOf<Kind extends PagedKind>(core: CoreHarness, query: Query<Kind> & Cursors): unknown[][] {
  const pages: unknown[][] = [];
  let page = core.broker.query(query) as Page<unknown>;
  for (;;) {
    pages.push([...page.items]);
    if (page.next === undefined) return pages;
    page = core.broker.query({ ...query, cursor: page.next } as unknown as Query<Kind>) as Page<unknown>;
  }
}

const clientIds = (pages: unknown[][]): string[][] =>
  pages.map((page) => page.map((view) => (view as { readonly clientId: string }).clientId));

function withClients(count: number): CoreHarness {
  const core = new CoreHarness();
  for (let i = 0; i < count; i++) core.connectStored(`c${i}`);
  return core;
}

test('the counts are those of the broker at the moment of the query', () => {
  const core = new CoreHarness();
  const a = core.connectStored('a');
  a.subscribe(['t', 1], ['$share/g/t', 1]);
  core.connect('b').publish('t', 'x', 1, { retain: true });
  core.connectStored('c').disconnect();
  const before = core.broker.query({ kind: 'counts' });
  expect(before).toMatchObject({ connections: 2, sessions: 3, subscriptions: 2, retainedMessages: 1 });
  expect(before.deliveries).toMatchObject({ accepted: 1, started: 2, waiting: 2, delivered: 0 });
  a.puback(1, 2);
  expect(before.deliveries.delivered).toBe(0);
  expect(core.broker.query({ kind: 'counts' }).deliveries.delivered).toBe(2);
});

describe('the view of a session', () => {
  test('the view of a session shows its connection, its subscriptions, messages in flight both ways, and waiting messages', () => {
    const core = new CoreHarness({ maxInflight: 1 });
    const a = core.connectStored('a', { keepAlive: 30, will: will('gone', 'a') });
    a.subscribe(['t', 1], ['u', 0]);
    a.publish('q', 'x', 2, { packetId: 5 });
    for (const payload of ['one', 'two', 'three']) core.connect('b').publish('t', payload, 1);
    const connectedMs = core.nowMs;
    core.nowMs += 1000;
    expect(core.broker.query({ kind: 'session', clientId: 'a' })).toEqual({
      clientId: 'a',
      queue: 'c:a',
      stored: true,
      expiryIntervalS: 4_294_967_295,
      disconnectedAtMs: undefined,
      subscriptions: 2,
      outboundInFlight: 1,
      inboundInFlight: 1,
      queued: 2,
      queuedBytes: 11,
      sentBelow: 1,
      inFlightBelow: 1,
      hasWill: true,
      connection: {
        connection: a.id,
        state: 'connected',
        stateSinceMs: connectedMs,
        clientId: 'a',
        listener: 'test',
        remoteAddress: 'test:1',
        protocolVersion: 4,
        keepAliveS: 30,
        isCongested: false,
      },
    });
  });

  test('the view of an offline session has the time of its disconnection instead of a connection', () => {
    const core = new CoreHarness();
    core.connectStored('a').disconnect();
    const view = core.broker.query({ kind: 'session', clientId: 'a' });
    expect(view).toMatchObject({ connection: undefined, disconnectedAtMs: core.nowMs, hasWill: false });
  });

  test('the view of a session does not exist for an unknown client', () => {
    expect(new CoreHarness().broker.query({ kind: 'session', clientId: 'a' })).toBeUndefined();
  });
});

describe('a query in pages', () => {
  test('a query in pages examines at most its budget of sessions for one page, and the cursor leads to the others', () => {
    const pages = pagesOf(withClients(5), { kind: 'sessions', examine: 2 });
    expect(clientIds(pages)).toEqual([['c0', 'c1'], ['c2', 'c3'], ['c4']]);
  });

  test('a query in pages stops after its budget even if it has found nothing', () => {
    const pages = pagesOf(withClients(5), { kind: 'sessions', examine: 2, clientIdPrefix: 'c4' });
    expect(clientIds(pages)).toEqual([[], [], ['c4']]);
  });

  test('a query in pages has an empty last page if the budget ends with the last item', () => {
    expect(clientIds(pagesOf(withClients(2), { kind: 'sessions', examine: 2 }))).toEqual([['c0', 'c1'], []]);
  });

  test('a query in pages examines every lasting item once, whatever is added and removed between two pages', () => {
    const core = withClients(4);
    const first = core.broker.query({ kind: 'sessions', examine: 2 });
    core.command({ kind: 'delete-session', clientId: 'c0' });
    core.command({ kind: 'delete-session', clientId: 'c2' });
    core.connectStored('c9');
    const rest = core.broker.query({ kind: 'sessions', examine: 10, cursor: first.next });
    expect([first, rest].map(({ items }) => items.map(({ clientId }) => clientId))).toEqual([
      ['c0', 'c1'],
      ['c3', 'c9'],
    ]);
  });

  test('a query in pages is refused if it may examine nothing', () => {
    const core = withClients(1);
    expect(() => core.broker.query({ kind: 'sessions', examine: 0 })).toThrow(RangeError);
    expect(() => core.broker.query({ kind: 'connections', examine: NaN })).toThrow(RangeError);
  });
});

test('connections are listed with their state, those included that have not sent CONNECT', () => {
  const core = new CoreHarness();
  core.connect('a');
  core.open().connect('b');
  core.open();
  const { items } = core.broker.query({ kind: 'connections', examine: 10 });
  expect(items.map(({ clientId, state }) => [clientId, state])).toEqual([
    ['a', 'connected'],
    ['b', 'authenticating'],
    [undefined, 'awaiting-connect'],
  ]);
  const [pages] = pagesOf(core, { kind: 'connections', examine: 10, clientIdPrefix: 'b' });
  expect(pages).toHaveLength(1);
});

test('the subscriptions of a session are listed as they were granted', () => {
  const core = new CoreHarness({ maxQos: 1 });
  core.connect('a').subscribe(['t/#', 2], ['$share/g/u', 0]);
  expect(pagesOf(core, { kind: 'subscriptions', clientId: 'a', examine: 1 })).toEqual([
    [{ clientId: 'a', topicFilter: 't/#', qos: 1, noLocal: false, retainAsPublished: false, identifier: undefined }],
    [
      {
        clientId: 'a',
        topicFilter: '$share/g/u',
        qos: 0,
        noLocal: false,
        retainAsPublished: false,
        identifier: undefined,
      },
    ],
    [],
  ]);
  expect(pagesOf(core, { kind: 'subscriptions', clientId: 'b', examine: 1 })).toEqual([[]]);
});

describe('the recipients of a topic', () => {
  const allowed = { kind: 'rules', rules: [] } as const;

  test('the recipients of a topic are the subscriptions that match it, with every member of a shared group', () => {
    const core = new CoreHarness();
    core.connect('a').subscribe(['t/+', 1], ['t/#', 2]);
    core.connectStored('b').subscribe(['$share/g/t/x', 1]);
    core.connectStored('c').subscribe(['$share/g/t/x', 0], ['u', 1]);
    core.connect('d').subscribe(['#', 0]);
    const items = pagesOf(core, { kind: 'recipients', topic: 't/x', examine: 100 }).flat() as {
      readonly clientId: string;
      readonly topicFilter: string;
      readonly isShared: boolean;
    }[];
    expect(items.map(({ clientId, topicFilter, isShared }) => `${clientId} ${topicFilter} ${isShared}`).sort()).toEqual(
      ['a t/# false', 'a t/+ false', 'b $share/g/t/x true', 'c $share/g/t/x true', 'd # false'],
    );
  });

  test('the recipients of a topic do not include a subscription with a leading wildcard if the topic begins with $', () => {
    const core = new CoreHarness();
    core.connect('a').subscribe(['#', 1], ['+/x', 1], ['$s/#', 1]);
    const items = pagesOf(core, { kind: 'recipients', topic: '$s/x', examine: 100 }).flat();
    expect(items).toMatchObject([{ topicFilter: '$s/#' }]);
  });

  test('the recipients of a topic say whether the client is connected and may receive the topic', () => {
    const core = new CoreHarness();
    const a = core.connectStored('a');
    a.subscribe(['t', 1]);
    a.permit(allowed);
    const view = (): unknown => pagesOf(core, { kind: 'recipients', topic: 't', examine: 100 }).flat()[0];
    expect(view()).toMatchObject({ clientId: 'a', qos: 1, isConnected: true, mayReceive: false });
    a.disconnect();
    expect(view()).toMatchObject({ clientId: 'a', qos: 1, isConnected: false, mayReceive: true });
  });

  test('the recipients of a topic are returned in pages that visit a bounded number of levels and subscriptions', () => {
    const core = new CoreHarness();
    for (let i = 0; i < 5; i++) core.connect(`c${i}`).subscribe(['a/b/c', 1]);
    const pages = pagesOf(core, { kind: 'recipients', topic: 'a/b/c', examine: 3 });
    // The root and the node at the end of the three levels, then the five subscriptions.
    expect(clientIds(pages)).toEqual([['c0'], ['c1', 'c2', 'c3'], ['c4']]);
  });
});

test('a query changes nothing: no fact is recorded and no effect is caused', () => {
  const core = withClients(3);
  core.lines();
  core.broker.query({ kind: 'counts' });
  core.broker.query({ kind: 'session', clientId: 'c0' });
  for (const kind of ['connections', 'sessions'] as const) core.broker.query({ kind, examine: 2 });
  core.broker.query({ kind: 'subscriptions', clientId: 'c0', examine: 2 });
  core.broker.query({ kind: 'recipients', topic: 't', examine: 2 });
  expect(core.lines()).toEqual([]);
});

test('a query of an unknown kind is refused with the kinds there are', () => {
  const { broker } = new CoreHarness();
  expect(() => broker.query({ kind: 'everything' } as unknown as Query)).toThrow(
    'kind: "everything" is not valid, expected one of counts, connections, sessions, session, subscriptions, recipients',
  );
});

test('the subscriptions of all sessions are listed with their clients', () => {
  const core = new CoreHarness();
  core.connect('a').subscribe(['t', 0], ['u', 0]);
  core.connect('b');
  core.connect('c').subscribe(['t', 0]);
  const views = pagesOf(core, { kind: 'subscriptions', examine: 2 }).flat() as SubscriptionView[];
  expect(views.map(({ clientId, topicFilter }) => `${clientId} ${topicFilter}`)).toEqual(['a t', 'a u', 'c t']);
});

describe('the queue of a client', () => {
  function withQueue(): CoreHarness {
    const core = new CoreHarness({ maxInflight: 2 });
    const a = core.connect('a');
    a.subscribe(['t', 2]);
    const b = core.connect('b');
    for (const payload of ['1', '22', '333', '4444']) b.publish('t', payload, 2);
    a.pubrec(1);
    return core;
  }

  test('the queue of a client shows what was sent, what is released, and what waits, with its message', () => {
    const core = withQueue();
    const views = pagesOf(core, { kind: 'queue', clientId: 'a', examine: 3 });
    expect(views.flat()).toMatchObject([
      { seq: 0, packetId: 1, state: 'released', message: undefined },
      { seq: 1, packetId: 2, state: 'sent', message: undefined },
      { seq: 2, packetId: 3, state: 'waiting', message: { topic: 't', payloadBytes: 3, publisher: 'b' } },
      { seq: 3, packetId: 4, state: 'waiting', message: { payloadBytes: 4, acceptedAtMs: core.nowMs } },
    ]);
    expect(views.map((page) => page.length)).toEqual([3, 1]);
  });

  test('the queue of a client goes on after the last message shown, whatever has left it meanwhile', () => {
    const core = withQueue();
    const first = core.broker.query({ kind: 'queue', clientId: 'a', examine: 3 });
    core.command({ kind: 'purge-queue', clientId: 'a' });
    core.connect('c').publish('t', 'new', 1);
    const { items } = core.broker.query({ kind: 'queue', clientId: 'a', examine: 10, cursor: first.next });
    expect(items.map(({ seq }) => seq)).toEqual([4]);
  });

  test('the queue of a client is empty for one that is unknown or has none', () => {
    const core = new CoreHarness();
    core.connect('a');
    for (const clientId of ['a', 'b']) expect(pagesOf(core, { kind: 'queue', clientId, examine: 1 })).toEqual([[]]);
  });
});

test('the Packet Identifiers of a client that wait for PUBREL are listed', () => {
  const core = new CoreHarness();
  const a = core.connect('a');
  for (const packetId of [7, 9]) a.publish('t', 'x', 2, { packetId });
  expect(pagesOf(core, { kind: 'inbound', clientId: 'a', examine: 5 })).toEqual([[7, 9]]);
});

test('the will of a client is shown, with the end of its delay once the client is gone', () => {
  const core = new CoreHarness();
  core.connectStored('a', { will: will('gone', 'abc') });
  const shown = { topic: 'gone', payloadBytes: 3, qos: 0, retain: false, delayS: 0, dueAtMs: undefined };
  expect(core.broker.query({ kind: 'will', clientId: 'a' })).toEqual(shown);
  expect(core.broker.query({ kind: 'will', clientId: 'b' })).toBeUndefined();
});

test('the queues that are not empty are listed, those of shared groups as well', () => {
  const core = new CoreHarness();
  const a = core.connectStored('a');
  a.subscribe(['t', 1], ['$share/g/t', 1]);
  a.disconnect();
  core.connect('b').publish('t', 'xyz', 1);
  // Both are in storage, so nothing is known of their messages.
  const size = { isConnected: false, inFlight: 0, queued: 1, queuedBytes: 3, oldestAcceptedAtMs: undefined };
  expect(pagesOf(core, { kind: 'queues', examine: 2 })).toEqual([
    [{ clientId: 'a', sharedGroup: undefined, ...size }],
    [{ clientId: undefined, sharedGroup: '$share/g/t', ...size }],
  ]);
  expect(pagesOf(core, { kind: 'shared-groups', examine: 5 })).toEqual([
    [{ shareName: 'g', topicFilter: 't', members: 1, connectedMembers: 0, queued: 1, queuedBytes: 3 }],
  ]);
});

describe('the retained messages', () => {
  test('the retained messages that match a filter are listed by topic, and none of $ topics for a wildcard', () => {
    const core = new CoreHarness();
    const a = core.connect('a');
    for (const topic of ['a/b', 'a/c', 'b', '$x/y']) a.publish(topic, topic, 0, { retain: true });
    const topics = (topicFilter: string) =>
      (pagesOf(core, { kind: 'retained', topicFilter, examine: 1 }).flat() as RetainedView[]).map(({ topic }) => topic);
    expect(topics('#')).toEqual(['a/b', 'a/c', 'b']);
    expect(topics('a/+')).toEqual(['a/b', 'a/c']);
    expect(topics('$x/#')).toEqual(['$x/y']);
    expect(topics('nothing/#')).toEqual([]);
  });

  test('the retained messages are searched a few nodes at a time, however many do not match', () => {
    const core = new CoreHarness();
    const a = core.connect('a');
    for (let i = 0; i < 50; i++) a.publish(`d/${i}/state`, 'x', 0, { retain: true });
    a.publish('d/7/level', 'x', 0, { retain: true });
    const pages = pagesOf(core, { kind: 'retained', topicFilter: 'd/+/level', examine: 10 });
    expect(pages.flat()).toHaveLength(1);
    expect(pages.length).toBeGreaterThan(5);
  });
});
