// Connections through the engine: who may open one, how one is authenticated, and how one ends.
import { describe, expect, test } from '@jest/globals';
import { ALLOW_ALL } from '../../../src/domain/access/permissions.js';
import { DEFAULT_LIMITS } from '../../../src/domain/limits.js';
import type { Authenticator, AuthenticatorAnswer } from '../../../src/ports/auth.js';
import { EngineHarness, storedPair } from '../../support/engine-harness.js';
import type { EnginePeer } from '../../support/engine-harness.js';
import { DISCONNECT, PINGREQ, bytes, connect, publish } from '../../clients/raw-packets.js';

const refusals = ({ events }: EngineHarness): string[] =>
  events.flatMap((event) => (event.kind === 'connection-refused' ? [event.reason] : []));

describe('connection limits', () => {
  test('a connection beyond the limit of its address is refused, and what it sends all the same is ignored', async () => {
    const harness = new EngineHarness({ limits: { maxConnectionsPerAddress: 1 } });
    const [first, second, other] = ['10.0.0.1', '10.0.0.1', '10.0.0.2'].map((address) => harness.open(address)) as [
      EnginePeer,
      EnginePeer,
      EnginePeer,
    ];
    expect(second.isTurnedAway).toBe(true);
    expect(refusals(harness)).toEqual(['too-many-connections-of-address']);
    for (const [i, peer] of [first, second, other].entries()) peer.send(connect({ clientId: `c${i}` }));
    await harness.settle();
    expect([first, second, other].map((peer) => peer.received())).toEqual([['connack 0'], [], ['connack 0']]);
    second.lose();
    first.lose();
    expect(harness.open('10.0.0.1').isClosed).toBe(false);
    expect(harness.engine.linkCount).toBe(2);
  });

  test('a pending connection makes room when it has been accepted, refused or lost', async () => {
    const harness = new EngineHarness({
      limits: { maxPendingConnections: 1 },
      authenticators: [
        {
          name: 'some',
          authenticate: ({ clientId }) =>
            clientId === 'bad' ? { decision: 'deny', reason: 'not-authorized', detail: '' } : { decision: 'allow' },
        },
      ],
    });
    const lost = harness.open();
    expect(harness.open().isClosed).toBe(true);
    lost.lose();
    const accepted = harness.open();
    expect(harness.open().isClosed).toBe(true);
    accepted.send(connect({ clientId: 'good' }));
    await harness.settle();
    const refused = harness.open();
    refused.send(connect({ clientId: 'bad' }));
    await harness.settle();
    refused.lose();
    accepted.lose();
    expect(harness.open().isClosed).toBe(false);
    expect(harness.open().isClosed).toBe(true);
  });

  test('a connection that the limits of one listener refuse is accepted by another', () => {
    const harness = new EngineHarness({ perListenerLimits: new Map([['narrow', { maxPendingConnections: 1 }]]) });
    expect(['narrow', 'narrow', 'wide', 'wide'].map((listener) => harness.open(undefined, listener).isClosed)).toEqual([
      false,
      true,
      false,
      false,
    ]);
  });

  test('connection limits apply as soon as they are set', () => {
    const harness = new EngineHarness();
    harness.open();
    harness.limit({ limits: { ...DEFAULT_LIMITS, maxConnectRate: 1 }, perListener: new Map() });
    expect([harness.open().isClosed, harness.open().isClosed]).toEqual([false, true]);
    harness.limit({ limits: DEFAULT_LIMITS, perListener: new Map() });
    expect(harness.open().isClosed).toBe(false);
  });
});

describe('authentication', () => {
  test('a connection is not read while its authentication is pending, and packets that arrived meanwhile are handled afterwards', async () => {
    let decide: (answer: AuthenticatorAnswer) => void = () => undefined;
    const authenticator = {
      name: 'slow',
      authenticate: () => new Promise<AuthenticatorAnswer>((resolve) => (decide = resolve)),
    };
    const harness = new EngineHarness({ authenticators: [authenticator] });
    const a = harness.open();
    a.send(connect({ clientId: 'a' }), PINGREQ);
    a.send(PINGREQ);
    await harness.settle();
    expect(a.isPaused).toBe(true);
    expect(a.received()).toEqual([]);
    decide({ decision: 'allow', permissions: ALLOW_ALL });
    await harness.settle();
    expect(a.received()).toEqual(['connack 0', 'pingresp', 'pingresp']);
    expect(a.isPaused).toBe(false);
  });

  test('an authenticator that answers after the client has gone changes nothing', async () => {
    let decide: (answer: AuthenticatorAnswer) => void = () => undefined;
    const authenticator = {
      name: 'slow',
      authenticate: () => new Promise<AuthenticatorAnswer>((resolve) => (decide = resolve)),
    };
    const harness = new EngineHarness({ authenticators: [authenticator] });
    const a = harness.open();
    a.send(connect({ clientId: 'a', clean: false }));
    a.lose();
    decide({ decision: 'allow', permissions: ALLOW_ALL });
    await harness.settle();
    expect(a.received()).toEqual([]);
    expect(harness.engine.broker.sessionCount).toBe(0);
    expect(harness.storage.batches).toEqual([]);
  });

  test('the signal of an authenticator is aborted when its client disconnects, its time is up or the broker stops', async () => {
    const ends: ((peer: EnginePeer, harness: EngineHarness) => void)[] = [
      (peer) => {
        peer.lose();
      },
      (_peer, harness) => {
        harness.clock.advance(DEFAULT_LIMITS.authTimeoutMs);
        harness.turn();
      },
      (_peer, harness) => {
        harness.engine.down();
      },
    ];
    for (const end of ends) {
      const signals: (AbortSignal | undefined)[] = [];
      const never: Authenticator = {
        name: 'never',
        authenticate: (_request, context) => {
          signals.push(context?.signal);
          return new Promise(() => undefined);
        },
      };
      const harness = new EngineHarness({ authenticators: [never] });
      const a = harness.open();
      a.send(connect({ clientId: 'a' }));
      await harness.settle();
      expect(signals.map((signal) => signal?.aborted)).toEqual([false]);
      end(a, harness);
      expect(signals.map((signal) => signal?.aborted)).toEqual([true]);
    }
  });
});

describe('the end of a connection', () => {
  test('malformed bytes close the connection, and packets before them are answered', async () => {
    const { harness, publisher } = await storedPair();
    publisher.send(PINGREQ, bytes('f0 00'), PINGREQ);
    harness.turn();
    expect(publisher.received()).toEqual(['pingresp']);
    expect(publisher.closings).toHaveLength(1);
    expect(harness.events).toContainEqual(
      expect.objectContaining({ kind: 'connection-ended', reason: 'malformed-packet' }),
    );
  });

  test('packets behind DISCONNECT are not read', async () => {
    const { harness, a, publisher } = await storedPair();
    publisher.send(DISCONNECT, publish({ topic: 't', payload: 'x' }));
    harness.turn();
    expect(a.received()).toEqual([]);
  });

  test('a takeover closes the older one and serves the newer', async () => {
    const { harness, a, publisher } = await storedPair();
    harness.commitsAtOnce = true;
    const again = harness.open();
    again.send(connect({ clientId: 'a', clean: false }));
    await harness.settle();
    expect(a.closings).toHaveLength(1);
    publisher.send(publish({ topic: 't', payload: 'x' }));
    await harness.settle();
    expect(again.received()).toEqual(['connack 0 present', 'publish t=x q0']);
    a.lose();
    expect(harness.engine.broker.connectionCount).toBe(2);
  });

  test('a connection is closed when its keep-alive has run out', async () => {
    const harness = new EngineHarness();
    const a = await harness.connect({ clientId: 'a', keepAlive: 10 });
    harness.clock.advance(14_999);
    await harness.settle();
    expect(a.isClosed).toBe(false);
    harness.clock.advance(1);
    await harness.settle();
    expect(a.isClosed).toBe(true);
  });

  test('a connection that was paused is resumed when it ends', async () => {
    const { harness, a } = await storedPair({ limits: { drainTimeoutMs: 1000 } });
    a.reads = false;
    a.keeps = false;
    for (let i = 0; i < 200 && !a.isPaused; i++) {
      a.send(...Array.from({ length: 500 }, () => PINGREQ));
      harness.turn();
    }
    expect(a.isPaused).toBe(true);
    harness.turn();
    harness.clock.advance(1000);
    harness.turn();
    expect({ paused: a.isPaused, closed: a.isClosed }).toEqual({ paused: false, closed: true });
  });
});
