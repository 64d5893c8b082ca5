// The checks of health: each of them fails for its own reason, alone, and says what is wrong.
import { describe, expect, test } from '@jest/globals';
import type { BrokerParts, ListenerKind, StorageState } from '../../../src/administration/broker-parts.js';
import { checksOf } from '../../../src/administration/health.js';
import type { Measures } from '../../../src/ports/index.js';
import { CoreHarness } from '../../support/core-harness.js';
import { measuresOf } from '../../support/measures.js';

interface State {
  readonly storage?: Partial<StorageState>;
  /** The names of the listeners that are open, of those that have to be: `tcp` and `wss`. */
  readonly open?: readonly string[];
  readonly limits?: object;
  readonly measures?: Partial<Measures>;
  readonly clients?: number;
}

/** What the checks say of a broker in which everything is well, but for what is given. */
function checksIn({ storage, open = ['tcp', 'wss'], limits = {}, measures, clients = 2 }: State) {
  const core = new CoreHarness();
  for (let i = 0; i < clients; i++) core.connectStored(`c${String(i)}`);
  const kind: ListenerKind = { type: 'tcp' };
  const parts: Pick<BrokerParts, 'storageState' | 'addresses' | 'listenerKinds' | 'limits'> = {
    storageState: { isWriting: true, isReading: true, error: undefined, ...storage },
    addresses: new Map(open.map((name) => [name, '127.0.0.1:1883'])),
    listenerKinds: new Map([
      ['tcp', kind],
      ['wss', kind],
    ]),
    limits: { current: { maxConnections: 100, maxSessions: 100, ...limits }, perListener: new Map() },
  };
  return checksOf(parts as BrokerParts, measuresOf(core.broker.query({ kind: 'counts' }), measures));
}

/** What the checks that fail say, by their names. */
const failuresIn = (state: State): Record<string, string> =>
  Object.fromEntries(checksIn(state).flatMap(({ check, isOk, detail }) => (isOk ? [] : [[check, detail]])));

const uncommitted = (bytes: number): Partial<Measures> => ({
  accounts: [{ account: 'uncommitted', bytes, limitBytes: 1000 }],
});

describe('the checks of health', () => {
  test('a broker in which everything is well passes all checks, and says what it has', () => {
    expect(checksIn({ measures: uncommitted(999) })).toEqual([
      { check: 'storage', isOk: true, detail: 'storage answers' },
      { check: 'listeners', isOk: true, detail: '2 listeners are open' },
      { check: 'connections', isOk: true, detail: '2 clients are connected, of at most 100' },
      { check: 'sessions', isOk: true, detail: '2 sessions, of at most 100' },
      { check: 'backlog', isOk: true, detail: '999 bytes of changes wait for storage, of at most 1000' },
    ]);
  });

  test.each<readonly [what: string, check: string, says: string, state: State]>([
    [
      'writes fail',
      'storage',
      'operations fail and are repeated: the disk is full',
      { storage: { isWriting: false, error: 'the disk is full' } },
    ],
    [
      'reads fail',
      'storage',
      'operations fail and are repeated: no route to host',
      { storage: { isReading: false, error: 'no route to host' } },
    ],
    [
      'storage gives no reason for its failures',
      'storage',
      'operations fail and are repeated: no reason given',
      { storage: { isWriting: false } },
    ],
    [
      'storage does not answer a commit',
      'storage',
      'storage has not answered for 10 s',
      { measures: { commitPendingS: 10.5 } },
    ],
    ['one listener is not open', 'listeners', 'not open: wss', { open: ['tcp'] }],
    ['no listener is open', 'listeners', 'not open: tcp, wss', { open: [] }],
    [
      'as many clients are connected as may be',
      'connections',
      '2 clients are connected, of at most 2',
      { limits: { maxConnections: 2 } },
    ],
    [
      'more clients are connected than may be since a reload',
      'connections',
      '3 clients are connected, of at most 2',
      { clients: 3, limits: { maxConnections: 2 } },
    ],
    [
      'no client may connect',
      'connections',
      '0 clients are connected, of at most 0',
      { clients: 0, limits: { maxConnections: 0 } },
    ],
    ['there are as many sessions as may be', 'sessions', '2 sessions, of at most 2', { limits: { maxSessions: 2 } }],
    [
      'as much waits for storage as may',
      'backlog',
      '1000 bytes of changes wait for storage, of at most 1000',
      { measures: uncommitted(1000) },
    ],
  ])('when %s, the check of %s alone fails, and says "%s"', (_what, check, says, state) => {
    expect(failuresIn(state)).toEqual({ [check]: says });
  });

  test('a commit that has been with storage for ten seconds is not overdue yet', () => {
    expect(failuresIn({ measures: { commitPendingS: 10 } })).toEqual({});
  });

  test('no limit is reached where there is none', () => {
    const checks = checksIn({ limits: { maxConnections: -1, maxSessions: undefined }, measures: { accounts: [] } });
    expect(checks.slice(2)).toEqual([
      { check: 'connections', isOk: true, detail: '2 clients are connected, without a limit' },
      { check: 'sessions', isOk: true, detail: '2 sessions, without a limit' },
      { check: 'backlog', isOk: true, detail: '0 bytes of changes wait for storage, without a limit' },
    ]);
  });
});
