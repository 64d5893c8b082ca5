// The life of a connection in the core: CONNECT, takeover, keep-alive, wills, and the ways in which it ends.
import { describe, expect, test } from '@jest/globals';
import { MalformedPacketError } from '../../../../src/protocol/malformed.js';
import { PacketType } from '../../../../src/protocol/packets.js';
import type { ClientId } from '../../../../src/domain/identifiers.js';
import type { Limits } from '../../../../src/domain/limits.js';
import { permissionsOf } from '../../../support/access-rules.js';
import { CoreHarness, will } from '../../../support/core-harness.js';
import type { CorePeer } from '../../../support/core-harness.js';

describe('credentials', () => {
  test('credentials that expire end the connection, however active it is, and the will is published', () => {
    const core = new CoreHarness();
    const watcher = core.connect('watcher');
    watcher.subscribe(['w', 0]);
    const a = core.open();
    a.connect('a', { keepAlive: 60, will: will('w', 'expired') });
    a.allow(undefined, core.nowMs + 10_000);
    core.lines();
    core.advance(9_999);
    a.ping();
    expect(core.lines()).toEqual(['2 < pingresp']);
    core.advance(1);
    expect(core.lines()).toContain('2 close credentials-expired');
    expect(core.lines()).toEqual([]);
    expect(core.broker.connectionCount).toBe(1);
    expect(core.broker.nextDeadlineMs).toBeUndefined();
  });

  test('credentials that have already expired end the connection at once', () => {
    const core = new CoreHarness();
    const a = core.open();
    a.connect('a');
    a.allow(undefined, core.nowMs - 1);
    core.advance(0);
    expect(core.lines()).toContain('1 close credentials-expired');
  });
});

describe('CONNECT', () => {
  test('CONNECT is answered once the client is authenticated, and a stored session is recorded first', () => {
    const core = new CoreHarness();
    const a = core.open();
    a.connect('a', { clean: false });
    expect(core.lines()).toEqual(['1 ask a']);
    a.allow();
    expect(core.lines()).toEqual(['+session a', '1 when-durable after #1', '1 < connack 0']);
    expect(core.broker.connectionCount).toBe(1);
  });

  test.each([
    ['bad-credentials', 4],
    ['not-authorized', 5],
    ['authentication-unavailable', 3],
    ['authorization-unavailable', 3],
  ] as const)(
    'a CONNECT that is denied for %s is refused with return code %i, and the connection is closed',
    (reason, code) => {
      const core = new CoreHarness();
      const a = core.open();
      a.connect('a');
      core.lines();
      a.deny(reason);
      expect(core.lines()).toEqual([`1 < connack ${code}`, `! refused ${reason}`, '1 close connection-refused']);
      expect(core.broker.nextDeadlineMs).toBeUndefined();
      expect(core.broker.connectionCount).toBe(0);
    },
  );

  test('a denied CONNECT does not touch the session of the client', () => {
    const core = new CoreHarness();
    const a = core.connectStored('a', { will: will('w', 'x') });
    core.lines();
    const impostor = core.open();
    impostor.connect('a');
    impostor.deny('bad-credentials');
    expect(core.lines()).toEqual([
      '2 ask a',
      '2 < connack 4',
      '! refused bad-credentials',
      '2 close connection-refused',
    ]);
    a.ping();
    expect(core.lines()).toEqual(['1 < pingresp']);
  });

  test('a client whose session is not stored and that leaves no will gets CONNACK at once', () => {
    const core = new CoreHarness();
    core.connect('a');
    expect(core.lines()).toEqual(['1 ask a', '1 < connack 0']);
  });

  test('CONNACK leaves when the session and the will are durable, and is not announced earlier', () => {
    const core = new CoreHarness();
    core.admitsAtOnce = false;
    const a = core.connectStored('a', { will: will('w', 'x') });
    expect(core.lines()).toEqual(['1 ask a', '+session a', '+will a w=x', '1 when-durable after #2']);
    expect(core.recorder.events).toEqual([]);
    a.durable();
    expect(core.lines()).toEqual(['1 < connack 0']);
    expect(core.recorder.events.map(({ kind }) => kind)).toEqual(['client-connected']);
  });

  test('CONNACK without a session waits for the end of the session before it, even if an earlier step ended it', () => {
    const core = new CoreHarness();
    core.admitsAtOnce = false;
    core.recorder.pendingSessionEnds.set('a' as ClientId, 7);
    core.connect('a');
    expect(core.lines()).toEqual(['1 ask a', '1 when-durable after #7']);
  });

  test('messages for a client wait while its CONNACK does, and follow it', () => {
    const core = new CoreHarness();
    const before = core.connectStored('a');
    before.subscribe(['t', 1]);
    before.lose();
    const publisher = core.connect('publisher');
    core.admitsAtOnce = false;
    const a = core.connectStored('a');
    core.lines();
    publisher.publish('t', 'x', 1, { packetId: 9 });
    expect(core.lines()).toEqual(['+c:a #0 t=x q1', `${publisher.id} < puback 9 after #1`]);
    core.admitsAtOnce = true;
    a.durable();
    expect(core.lines()).toEqual([`${a.id} < connack 0 present`, 'read c:a #0', `${a.id} < publish t=x q1 id1`]);
  });

  test('a new session that storage does not take in time ends with the refusal, and its will with it', () => {
    const core = new CoreHarness({ storageTimeoutMs: 1000 });
    core.admitsAtOnce = false;
    core.connectStored('a', { will: will('w', 'x'), keepAlive: 1 });
    core.lines();
    core.advance(999);
    expect(core.lines()).toEqual([]);
    core.advance(1);
    expect(core.lines()).toEqual([
      '1 < connack 3',
      '1 close storage-unavailable',
      '-session a',
      '! session-ended a not-announced',
      '-will a',
    ]);
    expect(core.broker.nextDeadlineMs).toBeUndefined();
    expect([core.broker.connectionCount, core.broker.sessionCount]).toEqual([0, 0]);
  });

  test('an older session stays when storage does not take the new CONNECT in time', () => {
    const core = new CoreHarness({ storageTimeoutMs: 1000 });
    const before = core.connectStored('a');
    before.subscribe(['t', 1]);
    before.lose();
    core.connect('publisher').publish('t', 'x');
    core.admitsAtOnce = false;
    const a = core.connectStored('a');
    core.lines();
    core.advance(1000);
    expect(core.lines()).toEqual([`${a.id} < connack 3`, `${a.id} close storage-unavailable`, '+session a offline']);
    expect(core.stored('a')).toEqual(['x']);
  });

  test.each([
    ['the client goes', (peer: CorePeer) => peer.lose()],
    ['the broker stops', (peer: CorePeer) => peer.core.shutdown()],
    [
      'another connection takes over',
      (peer: CorePeer) => {
        peer.core.connectStored('a');
      },
    ],
  ])(
    'a session that was never announced ends when %s, so that no Session Present speaks of it [MQTT-3.2.2-2]',
    (_, end) => {
      const core = new CoreHarness();
      core.admitsAtOnce = false;
      const first = core.connectStored('a');
      end(first);
      expect(core.recorder.events).toContainEqual({ kind: 'session-ended', clientId: 'a', reason: 'not-announced' });
      core.admitsAtOnce = true;
      core.lines();
      core.connectStored('a');
      const connack = core.lines().find((line) => line.includes('< connack'));
      expect(connack).toMatch(/ connack 0$/);
    },
  );

  test('a client gets Session Present for a session that it knows, although the last CONNACK for it has not left', () => {
    const core = new CoreHarness();
    core.connectStored('a').lose();
    core.admitsAtOnce = false;
    core.connectStored('a');
    core.admitsAtOnce = true;
    core.lines();
    const third = core.connectStored('a');
    expect(core.lines()).toContain(`${third.id} < connack 0 present`);
  });

  test('permissions that change while CONNACK waits count from CONNACK on', () => {
    const core = new CoreHarness();
    core.admitsAtOnce = false;
    const a = core.connectStored('a');
    a.permit(permissionsOf());
    a.durable();
    core.admitsAtOnce = true;
    core.lines();
    a.publish('t', 'x', 0);
    expect(core.lines()).toEqual(['! publish-denied a t', '1 close not-authorized', '+session a offline']);
  });

  test('a client gets Session Present after a restart', () => {
    const core = new CoreHarness();
    core.connectStored('a');
    const next = core.restarted();
    const a = next.connectStored('a');
    expect(next.lines()).toContain(`${a.id} < connack 0 present`);
  });

  test('a client without an identifier gets one with Clean Session 1, and is refused otherwise', () => {
    const core = new CoreHarness();
    core.connect('', { clean: true });
    expect(core.lines()).toEqual(['1 ask assigned-1', '1 < connack 0']);
    core.open().connect('', { clean: false });
    core.open().connect('', { version: 3 });
    expect(core.lines()).toEqual([
      '2 < connack 2',
      '! refused client-identifier-empty',
      '2 close connection-refused',
      '3 < connack 2',
      '! refused client-identifier-empty',
      '3 close connection-refused',
    ]);
  });

  test('a client with too long an identifier is refused', () => {
    const core = new CoreHarness({ maxClientIdLength: 4, strict31ClientId: true });
    core.open().connect('éé');
    expect(core.lines()).toEqual(['1 ask éé']);
    core.open().connect('ééa');
    expect(core.lines()).toContain('! refused client-identifier-too-long');
    const strict = new CoreHarness({ strict31ClientId: true });
    strict.open().connect('x'.repeat(24), { version: 3 });
    strict.open().connect('x'.repeat(24), { version: 4 });
    strict.open().connect('x'.repeat(23), { version: 3 });
    expect(strict.lines().filter((line) => line.includes('ask') || line.startsWith('!'))).toEqual([
      '! refused client-identifier-too-long',
      `2 ask ${'x'.repeat(24)}`,
      `3 ask ${'x'.repeat(23)}`,
    ]);
  });

  test('a second CONNECT ends the connection', () => {
    const core = new CoreHarness();
    const a = core.connect('a');
    core.lines();
    a.connect('a');
    expect(core.lines()).toEqual(['1 close protocol-violation', '! session-ended a disconnected']);
  });

  test('any other packet before CONNECT or before its answer ends the connection', () => {
    const core = new CoreHarness();
    core.open().ping();
    const b = core.open();
    b.connect('b');
    b.ping();
    b.allow();
    expect(core.lines()).toEqual(['1 close protocol-violation', '2 ask b', '2 close protocol-violation']);
  });

  test('CONNACK reports Session Present to 3.1.1 only, and 3.1 clients have their sessions too', () => {
    const core = new CoreHarness();
    core.connectStored('a').subscribe(['t', 1]);
    core.connectStored('a', { version: 3 });
    core.connect('publisher').publish('t', 'x');
    core.connectStored('a');
    const lines = core.lines().filter((line) => /connack| publish /.test(line) && !line.includes('ask'));
    expect(lines).toEqual([
      '1 < connack 0',
      '2 < connack 0',
      '3 < connack 0',
      '2 < publish t=x q1 id1',
      '4 < connack 0 present',
      '4 < publish t=x q1 id1 dup',
    ]);
  });

  test('an unknown protocol version is answered with return code 1', () => {
    const core = new CoreHarness();
    const a = core.open();
    core.handle({
      kind: 'malformed',
      connection: a.id,
      error: new MalformedPacketError('protocol-version-unsupported', 'level 9'),
    });
    expect(core.lines()).toEqual(['1 < connack 1', '1 close malformed-packet']);
  });

  test('a will on an invalid topic ends the connection, and one on a forbidden topic is refused', () => {
    const core = new CoreHarness();
    core.open().connect('a', { will: will('a/#', 'x') });
    const b = core.open();
    b.connect('b', { will: will('$SYS/x', 'x') });
    b.allow();
    expect(core.lines()).toEqual([
      '1 close protocol-violation',
      '2 ask b',
      '2 < connack 5',
      '! refused not-authorized',
      '2 close connection-refused',
    ]);
  });
});

describe('too many connections', () => {
  test('a connection beyond the limit is refused, but not one that takes over its own', () => {
    const core = new CoreHarness({ maxConnections: 1 });
    core.connectStored('a');
    core.lines();
    core.open().connect('b');
    core.connectStored('a');
    expect(core.lines()).toEqual([
      '2 < connack 3',
      '! refused too-many-connections',
      '2 close connection-refused',
      '3 ask a',
      '1 close session-taken-over',
      '+session a offline',
      '+session a',
      '3 when-durable after #2',
      '3 < connack 0 present',
    ]);
    expect(core.broker.connectionCount).toBe(1);
  });

  test('the limit of connections holds for clients that are authenticated at the same time', () => {
    const core = new CoreHarness({ maxConnections: 1 });
    const [a, b] = [core.open(), core.open()];
    a.connect('a');
    b.connect('b');
    a.allow();
    b.allow();
    expect(core.broker.connectionCount).toBe(1);
    expect(core.lines()).toContain('! refused too-many-connections');
  });
});

describe('time', () => {
  test('a connection that sends no CONNECT is closed', () => {
    const core = new CoreHarness({ connectTimeoutMs: 1000 });
    core.open();
    expect(core.broker.nextDeadlineMs).toBe(core.nowMs + 1000);
    core.advance(999);
    expect(core.lines()).toEqual([]);
    core.advance(1);
    expect(core.lines()).toEqual(['1 close connect-timeout']);
    expect(core.broker.nextDeadlineMs).toBeUndefined();
  });

  test('a CONNECT that has arrived in time and is not read yet is waited for as long as storage may take', () => {
    const core = new CoreHarness({ connectTimeoutMs: 1000, storageTimeoutMs: 500 });
    core.readsNothing = true;
    const late = core.open();
    const lost = core.open();
    core.advance(1499);
    expect(core.lines()).toEqual([]);
    expect(core.recorder.quietWanted).toEqual([late.id, lost.id]);
    late.connect('a');
    expect(core.lines()).toContain(`${late.id} ask a`);
    core.advance(1);
    expect(core.lines()).toEqual([`${lost.id} close storage-unavailable`]);
  });

  test('a client that is not authenticated in time is closed, and an answer that comes later is ignored', () => {
    const core = new CoreHarness({ authTimeoutMs: 1000 });
    const a = core.open();
    a.connect('a', { clean: false });
    core.advance(1000);
    expect(core.lines()).toEqual(['1 ask a', '1 close authentication-timeout']);
    a.allow();
    expect(core.lines()).toEqual([]);
    expect(core.broker.sessionCount).toBe(0);
  });

  test('a client that is silent for one and a half keep-alive intervals is closed, and any packet counts', () => {
    const core = new CoreHarness();
    const a = core.connect('a', { keepAlive: 10 });
    core.lines();
    core.advance(14_999);
    a.ping();
    core.advance(14_999);
    a.puback(99);
    core.advance(14_999);
    expect(core.lines()).toEqual(['1 < pingresp']);
    core.advance(1);
    expect(core.lines()).toEqual(['1 close keep-alive-timeout', '! session-ended a disconnected']);
  });

  /** A client that is in the middle of a packet after three of its keep-alive intervals of 10 s. */
  function uploading(limits: Partial<Limits> = {}): { readonly core: CoreHarness; readonly a: CorePeer } {
    const core = new CoreHarness(limits);
    const a = core.connect('a', { keepAlive: 10 });
    core.receiving.add(a.id);
    core.lines();
    core.advance(15_000);
    core.advance(15_000);
    expect(core.lines()).toEqual([]);
    return { core, a };
  }

  test('a client in the middle of a packet is not silent while the packet keeps arriving', () => {
    const { core, a } = uploading();
    core.receiving.delete(a.id);
    core.advance(15_000);
    expect(core.lines()).toContain('1 close keep-alive-timeout');
  });

  test('a packet that is still not complete after the packet timeout ends the connection', () => {
    const { core } = uploading({ packetTimeoutMs: 40_000 });
    core.advance(15_000);
    expect(core.lines()).toContain('1 close keep-alive-timeout');
  });

  test('events name the user of a client, its listener, and of a long name the first 128 characters', () => {
    const core = new CoreHarness();
    const a = core.connect('a', { userName: 'ä'.repeat(300) });
    a.lose();
    const about = { userName: 'ä'.repeat(128), listener: 'test' };
    expect(core.recorder.events).toEqual([
      expect.objectContaining({ kind: 'client-connected', ...about }),
      expect.objectContaining({ kind: 'connection-ended', ...about }),
      expect.objectContaining({ kind: 'session-ended' }),
    ]);
  });

  test('a takeover says from where it came, and a silent client for how long it was silent', () => {
    const core = new CoreHarness();
    core.connect('a');
    core.connect('a', { keepAlive: 10 });
    core.advance(15_000);
    expect(core.recorder.events.flatMap((event) => (event.kind === 'connection-ended' ? [event.detail] : []))).toEqual([
      expect.stringMatching(/^by a connection from /),
      'silent for 15 s',
    ]);
  });

  test('packets sent to a client do not keep it alive', () => {
    const core = new CoreHarness();
    core.connect('a', { keepAlive: 10 }).subscribe(['t', 0]);
    core.advance(10_000);
    core.connect('b').publish('t', 'x', 0);
    core.advance(5000);
    expect(core.lines()).toContain('1 close keep-alive-timeout');
  });

  test('Keep Alive 0 disables the check unless the broker forbids it, and a 3.x client keeps its own interval', () => {
    const core = new CoreHarness({ keepAliveMax: 10 });
    core.connect('a', { keepAlive: 0 });
    expect(core.broker.nextDeadlineMs).toBeUndefined();
    core.connect('b', { keepAlive: 100 });
    expect(core.broker.nextDeadlineMs).toBe(core.nowMs + 150_000);
    const strict = new CoreHarness({ keepAliveMax: 10, keepAliveUnlimited: false });
    strict.connect('a', { keepAlive: 0 });
    expect(strict.broker.nextDeadlineMs).toBe(strict.nowMs + 15_000);
    expect(strict.recorder.events).toContainEqual(
      expect.objectContaining({ kind: 'client-connected', keepAliveS: 10 }),
    );
  });

  test('a session expires some time after its connection, and can be resumed before', () => {
    const core = new CoreHarness({ sessionExpiryMax: 60 });
    const a = core.connectStored('a');
    a.subscribe(['t', 1]);
    core.advance(1_000_000);
    a.lose();
    core.advance(59_999);
    const again = core.connectStored('a');
    core.advance(1_000_000);
    again.lose();
    core.connect('publisher').publish('t', 'x');
    core.lines();
    core.advance(60_000);
    expect(core.lines()).toEqual(['-session a', '! session-ended a expired']);
    expect(core.store.sessions.size).toBe(0);
    expect(core.waiting).toBe(0);
    expect(core.broker.counters.dropped['session-ended']).toBe(1);
    core.connectStored('a');
    expect(core.lines()).toContain('4 < connack 0');
  });

  test('an expired session is not resumed, even before its deadline has been handled', () => {
    const core = new CoreHarness({ sessionExpiryMax: 60 });
    core.connectStored('a').lose();
    core.nowMs += 60_000;
    core.lines();
    core.connectStored('a');
    expect(core.lines()).toContain('2 < connack 0');
  });

  test('a session that never expires sets no deadline', () => {
    const core = new CoreHarness();
    core.connectStored('a').lose();
    expect(core.broker.nextDeadlineMs).toBeUndefined();
  });
});

describe('clean and stored sessions', () => {
  test('a clean session ends with its connection', () => {
    const core = new CoreHarness();
    const a = core.connect('a');
    a.subscribe(['t', 1]);
    a.disconnect();
    expect(core.lines().slice(-2)).toEqual(['1 close client-disconnect', '! session-ended a disconnected']);
    expect(core.broker.sessionCount).toBe(0);
    core.connect('publisher').publish('t', 'x');
    expect(core.broker.counters.dropped['no-subscriber']).toBe(1);
  });

  test('a clean CONNECT drops the stored session with everything in it', () => {
    const core = new CoreHarness();
    const a = core.connectStored('a');
    a.subscribe(['t', 1]);
    a.lose();
    core.connect('publisher').publish('t', 'x');
    core.lines();
    core.connect('a');
    expect(core.lines()).toEqual([
      '3 ask a',
      '-session a',
      '! session-ended a clean',
      '3 when-durable after #1',
      '3 < connack 0',
    ]);
    expect(core.stored('a')).toEqual([]);
    expect(core.store.subscriptions.size).toBe(0);
    expect(core.waiting).toBe(0);
  });

  test('a stored session takes the place of a clean one that is connected', () => {
    const core = new CoreHarness();
    core.connect('a').subscribe(['t', 1]);
    core.lines();
    core.connectStored('a');
    expect(core.lines()).toEqual([
      '2 ask a',
      '1 close session-taken-over',
      '! session-ended a disconnected',
      '+session a',
      '2 when-durable after #1',
      '2 < connack 0',
    ]);
  });

  test('packets of a connection that was taken over change nothing', () => {
    const core = new CoreHarness();
    const a = core.connectStored('a');
    core.connectStored('a');
    core.lines();
    a.publish('t', 'x');
    a.subscribe(['t', 1]);
    a.disconnect();
    a.lose();
    expect(core.lines()).toEqual([]);
    expect(core.broker.connectionCount).toBe(1);
  });

  test('sessions and subscriptions survive a restart', () => {
    const core = new CoreHarness();
    const a = core.connectStored('a');
    a.subscribe(['t/+', 1], ['$share/g/u', 2]);
    a.unsubscribe('t/+');
    a.subscribe(['t/#', 2]);
    const next = core.restarted();
    expect(next.broker.sessionCount).toBe(1);
    const publisher = next.connect('publisher');
    publisher.publish('t/1', 'x', 2);
    publisher.publish('u', 'y', 2);
    next.lines();
    const again = next.connectStored('a');
    expect(next.heard(again)).toEqual(['connack 0 present', 'publish t/1=x q2 id1', 'publish u=y q2 id2']);
  });

  test('after a crash a session expires as if its connection had ended at the restart', () => {
    const core = new CoreHarness({ sessionExpiryMax: 60 });
    core.connectStored('a');
    const next = core.restarted(1_000_000);
    next.advance(59_999);
    expect(next.broker.sessionCount).toBe(1);
    next.advance(1);
    expect(next.broker.sessionCount).toBe(0);
    expect(next.store.sessions.size).toBe(0);
  });

  test('a session expires at the same time with and without a restart', () => {
    const core = new CoreHarness({ sessionExpiryMax: 60 });
    core.connectStored('a').lose();
    const next = core.restarted(30_000);
    next.advance(30_000);
    expect(next.broker.sessionCount).toBe(0);
  });

  test('a session that had to end with its connection is gone after a crash, from storage too', () => {
    const core = new CoreHarness({ sessionExpiryMax: 60 });
    core.connectStored('a').subscribe(['t', 1]);
    // The limit is lowered: from now on a session ends with its connection.
    const strict = new CoreHarness({ sessionExpiryMax: 0 }, core.store, core.nowMs);
    strict.connectStored('a');
    const next = new CoreHarness({ sessionExpiryMax: 0 }, strict.store, strict.nowMs);
    next.advance(1000);
    expect(next.broker.sessionCount).toBe(0);
    expect(next.store.sessions.size).toBe(0);
    expect(next.store.subscriptions.size).toBe(0);
  });
});

describe('wills', () => {
  const withWill = (options: Parameters<typeof will>[2] = {}): { core: CoreHarness; watcher: number } => {
    const core = new CoreHarness({ willGraceAfterRestartMs: 30_000 });
    const watcher = core.connect('watcher');
    watcher.subscribe(['w', 2]);
    core.connect('a', { will: will('w', 'gone', options), keepAlive: 10 });
    core.lines();
    return { core, watcher: watcher.id };
  };

  test('wills are stored with CONNECT, before CONNACK, even if the session is not stored', () => {
    const core = new CoreHarness();
    core.connect('a', { will: will('w', 'gone') });
    expect(core.lines()).toEqual(['1 ask a', '+will a w=gone', '1 when-durable after #1', '1 < connack 0']);
  });

  test('wills are published when the connection is lost', () => {
    const { core, watcher } = withWill({ qos: 1 });
    core.handle({ kind: 'closed', connection: 2 as never });
    expect(core.lines()).toEqual([
      '! session-ended a disconnected',
      '-will a',
      `${watcher} < publish w=gone q1 id1`,
      '! will-published a w',
    ]);
  });

  test('wills are published at a timeout, a fault and a takeover', () => {
    const timeout = withWill();
    timeout.core.advance(15_000);
    expect(timeout.core.lines()).toContain('1 < publish w=gone q0');
    const fault = withWill();
    fault.core.handle({
      kind: 'malformed',
      connection: 2 as never,
      error: new MalformedPacketError('packet-type-reserved', 'the test says so'),
    });
    expect(fault.core.lines()).toContain('1 < publish w=gone q0');
    const takeover = withWill();
    takeover.core.connect('a');
    expect(takeover.core.lines()).toContain('1 < publish w=gone q0');
  });

  test('wills are dropped at DISCONNECT', () => {
    const { core } = withWill();
    core.handle({
      kind: 'packet',
      connection: 2 as never,
      packet: { type: PacketType.disconnect, reasonCode: 0, properties: undefined },
    });
    expect(core.lines()).toEqual(['2 close client-disconnect', '! session-ended a disconnected', '-will a']);
    expect(core.store.wills.size).toBe(0);
  });

  test('wills with the RETAIN flag are retained', () => {
    const { core } = withWill({ retain: true });
    core.handle({ kind: 'closed', connection: 2 as never });
    expect(core.lines()).toContain('+retained w=gone');
  });

  test('wills with a delay wait for it, and are dropped if the client returns in time', () => {
    const core = new CoreHarness();
    core.connect('watcher').subscribe(['w', 0]);
    const first = core.connectStored('a', { will: will('w', 'gone', { delayS: 10 }) });
    core.lines();
    first.lose();
    expect(core.lines()).toEqual(['+session a offline', '+will a w=gone waiting']);
    core.advance(9_999);
    const second = core.connectStored('a', { will: will('w', 'gone again', { delayS: 10 }) });
    core.lines();
    core.advance(100_000);
    expect(core.lines()).toEqual([]);
    second.lose();
    core.advance(10_000);
    expect(core.lines()).toContain('1 < publish w=gone again q0');
    expect(core.store.wills.size).toBe(0);
  });

  test('wills wait no longer than their session lasts', () => {
    const core = new CoreHarness();
    core.connect('watcher').subscribe(['w', 0]);
    const properties = { sessionExpiryInterval: 5 };
    core.connect('a', { version: 5, properties, will: will('w', 'gone', { delayS: 10 }) }).lose();
    core.lines();
    core.advance(4999);
    expect(core.lines()).toEqual([]);
    core.advance(1);
    expect(core.lines()).toContain('1 < publish w=gone q0');
  });

  test('wills wait no longer when their client begins a new session', () => {
    const core = new CoreHarness();
    core.connect('watcher').subscribe(['w', 0]);
    core.connectStored('a', { will: will('w', 'gone', { delayS: 10 }) }).lose();
    core.lines();
    core.connect('a', { will: will('w', 'taken over', { delayS: 10 }) });
    expect(core.lines()).toContain('1 < publish w=gone q0');
    core.connectStored('b', { will: will('w', 'taken over', { delayS: 10 }) });
    core.lines();
    core.connect('b');
    expect(core.lines()).toContain('1 < publish w=taken over q0');
  });

  test('wills do not wait when the session ends with the connection', () => {
    const { core } = withWill({ delayS: 10 });
    core.handle({ kind: 'closed', connection: 2 as never });
    expect(core.lines()).toContain('1 < publish w=gone q0');
  });

  test('wills of clients that were connected at a crash are published unless the clients return in time', () => {
    const core = new CoreHarness({ willGraceAfterRestartMs: 30_000 });
    core.connectStored('watcher').subscribe(['w/+', 1]);
    core.connectStored('a', { will: will('w/a', 'x', { qos: 1 }) });
    core.connect('b', { will: will('w/b', 'y', { qos: 1 }) });
    const next = core.restarted(5000);
    next.connectStored('a');
    next.advance(29_999);
    expect(next.stored('watcher')).toEqual([]);
    next.advance(1);
    expect(next.stored('watcher')).toEqual(['y']);
    expect(next.store.wills.size).toBe(0);
  });

  test('wills with a delay wait for the rest of it after a crash', () => {
    const core = new CoreHarness({ willGraceAfterRestartMs: 0 });
    core.connectStored('watcher').subscribe(['w', 1]);
    core.connectStored('a', { will: will('w', 'x', { qos: 1, delayS: 10 }) }).lose();
    const next = core.restarted(4000);
    next.advance(5999);
    expect(next.stored('watcher')).toEqual([]);
    next.advance(1);
    expect(next.stored('watcher')).toEqual(['x']);
  });

  test('wills stay in the store at a shutdown', () => {
    const { core } = withWill();
    core.shutdown();
    expect(core.lines().filter((line) => line.includes('publish'))).toEqual([]);
    expect([...core.store.wills.keys()]).toEqual(['a']);
  });
});

describe('a shutdown', () => {
  test('a shutdown ends every connection and keeps stored sessions and their queued messages', () => {
    const core = new CoreHarness();
    const a = core.connectStored('a');
    a.subscribe(['t', 1]);
    core.connect('b').publish('t', 'x');
    core.open();
    core.open().connect('d');
    core.lines();
    core.shutdown();
    expect(core.lines()).toEqual([
      '1 close server-shutting-down',
      '+session a offline',
      '2 close server-shutting-down',
      '! session-ended b disconnected',
      '3 close server-shutting-down',
      '4 close server-shutting-down',
    ]);
    expect(core.stored('a')).toEqual(['x']);
    expect(core.broker.connectionCount).toBe(0);
    expect(core.broker.nextDeadlineMs).toBeUndefined();
  });

  test('a shutdown loses nothing of a shared group', () => {
    const core = new CoreHarness();
    for (const clientId of ['a', 'b', 'c'])
      core.connect(clientId, { clean: clientId === 'b' }).subscribe(['$share/g/t', 1]);
    const publisher = core.connect('publisher');
    for (const payload of ['1', '2', '3', '4', '5', '6']) publisher.publish('t', payload);
    core.shutdown();
    const left = [...core.store.queues.keys()].flatMap((queue) => core.storedIn(queue));
    expect(left.sort()).toEqual(['1', '2', '3', '4', '5', '6']);
    expect(core.waiting).toBe(6);
  });
});

describe('who may do what', () => {
  test('a publish that is denied ends a 3.x connection without an acknowledgement', () => {
    const core = new CoreHarness();
    const a = core.connect('a', { permissions: { kind: 'rules', rules: [] } });
    core.lines();
    a.publish('t', 'x', 1);
    expect(core.lines()).toEqual(['! publish-denied a t', '1 close not-authorized', '! session-ended a disconnected']);
  });

  test('a subscription that is denied is refused alone in 3.1.1 and ends a 3.1 connection', () => {
    const permissions = {
      kind: 'rules',
      rules: [{ effect: 'allow', actions: ['subscribe'], topicFilter: 'ok/#' as never, source: 'the test' }],
    } as const;
    const core = new CoreHarness();
    const a = core.connect('a', { permissions });
    core.lines();
    a.subscribe(['ok/1', 1], ['no', 1], ['ok/#', 2], ['#', 0]);
    expect(core.lines()).toEqual([
      '! subscribe-denied a no',
      '! subscribe-denied a #',
      expect.stringMatching(/^1 < suback \d+ 1,128,2,128$/),
    ]);
    const b = core.connect('b', { permissions, version: 3 });
    core.lines();
    b.subscribe(['ok/1', 1], ['no', 1]);
    expect(core.lines()).toEqual([
      '! subscribe-denied b no',
      '2 close not-authorized',
      '! session-ended b disconnected',
    ]);
  });

  test('a wider subscription does not deliver what a rule denies', () => {
    const permissions = {
      kind: 'rules',
      rules: [
        { effect: 'deny', actions: ['subscribe'], topicFilter: 'secret/#' as never, source: 'the test' },
        { effect: 'allow', actions: ['subscribe'], topicFilter: '#' as never, source: 'the test' },
      ],
    } as const;
    const core = new CoreHarness();
    const a = core.connect('a', { permissions });
    a.subscribe(['#', 0], ['+/1', 0]);
    core.lines();
    core.connect('publisher').publish('secret/1', 'x', 0);
    expect(core.heard(a)).toEqual([]);
  });

  test('no client may publish to $SYS/ and $share/, and other topics that begin with $ work', () => {
    for (const topic of ['$SYS/a', '$SYS', '$share/g/a']) {
      const core = new CoreHarness();
      const a = core.connect('a');
      core.lines();
      a.publish(topic, 'x', 0);
      expect(core.lines()).toContain('1 close not-authorized');
    }
    const core = new CoreHarness();
    const a = core.connect('a');
    a.subscribe(['$own/#', 0]);
    a.publish('$own/x', 'y', 0);
    expect(core.heard(a)).toContain('publish $own/x=y q0');
  });
});

describe('subscriptions', () => {
  test('overlapping subscriptions bring one copy at the highest QoS', () => {
    const core = new CoreHarness();
    const a = core.connect('a');
    a.subscribe(['t/#', 0], ['t/+', 2], ['t/1', 1]);
    core.lines();
    core.connect('publisher').publish('t/1', 'x', 2);
    expect(core.heard(a)).toEqual(['publish t/1=x q2 id1']);
  });

  test('a repeated subscription replaces the first', () => {
    const core = new CoreHarness();
    const a = core.connect('a');
    a.subscribe(['t', 2]);
    a.subscribe(['t', 0]);
    const publisher = core.connect('publisher');
    core.lines();
    publisher.publish('t', 'x', 2);
    expect(core.heard(a)).toEqual(['publish t=x q0']);
    a.unsubscribe('t');
    publisher.publish('t', 'y', 2);
    expect(core.heard(a).filter((line) => line.startsWith('publish'))).toEqual([]);
  });

  test('UNSUBSCRIBE is answered even if there was no subscription', () => {
    const core = new CoreHarness();
    const a = core.connectStored('a');
    a.subscribe(['t', 1]);
    core.lines();
    a.unsubscribe('t', 't', 'u');
    expect(core.lines()).toEqual(['-subscription a t', expect.stringMatching(/^1 < unsuback \d+ after #1$/)]);
  });

  test('an invalid filter ends the connection before any other filter of the packet takes effect', () => {
    const core = new CoreHarness();
    const a = core.connectStored('a');
    core.lines();
    a.subscribe(['t', 1], ['a/#/b', 1]);
    expect(core.lines()).toEqual(['1 close topic-filter-invalid', '+session a offline']);
    expect(core.store.subscriptions.size).toBe(0);
  });

  test('kinds of subscriptions that are switched off are refused', () => {
    const core = new CoreHarness({ wildcardSubscriptions: false, sharedSubscriptions: false, maxQos: 1 });
    const a = core.connect('a');
    core.lines();
    a.subscribe(['a/+', 1], ['$share/g/a', 1], ['a', 2]);
    expect(core.heard(a)).toEqual([expect.stringMatching(/^suback \d+ 128,128,1$/)]);
    a.publish('a', 'x', 2);
    expect(core.lines()).toContain('1 close qos-not-supported');
  });

  // Features of MQTT 5, with packets as the decoder returns them.
  const aliased = (topic: string, topicAlias: number, payload = 'x') =>
    ({
      type: PacketType.publish,
      dup: false,
      qos: 0,
      retain: false,
      topic,
      packetId: 0,
      properties: { topicAlias, contentType: 'c' },
      payload: Buffer.from(payload),
    }) as const;

  test('a Topic Alias stands for the last Topic Name sent with it on its connection, and reaches no subscriber', () => {
    const core = new CoreHarness();
    const [a, b] = [core.connect('a'), core.connect('b')];
    b.subscribe(['#', 0]);
    core.lines();
    const forwarded: unknown[] = [];
    core.recorder.watchers.push({ delivered: ({ message }) => forwarded.push(message.properties) });
    for (const packet of [
      aliased('s', 1, '1'),
      aliased('t', 2, '2'),
      aliased('', 1, '3'),
      aliased('u', 1, '4'),
      aliased('', 1, '5'),
    ])
      a.send(packet);
    expect(core.heard(b)).toEqual([
      'publish s=1 q0',
      'publish t=2 q0',
      'publish s=3 q0',
      'publish u=4 q0',
      'publish u=5 q0',
    ]);
    expect(forwarded).toEqual(Array.from({ length: 5 }, () => ({ contentType: 'c' })));
    b.send(aliased('', 1));
    expect(core.lines()).toContain('2 close protocol-violation');
  });

  test('a Topic Alias above the highest ends the connection [MQTT5-3.3.2-9]', () => {
    const core = new CoreHarness({ topicAliasMax: 2 });
    const a = core.connect('a');
    a.send(aliased('t', 2));
    core.lines();
    a.send(aliased('t', 3));
    expect(core.lines()).toContain('1 close topic-alias-invalid');
  });

  test('a Subscription Identifier ends the connection where they are switched off', () => {
    for (const subscriptionIdentifiers of [true, false]) {
      const core = new CoreHarness({ subscriptionIdentifiers });
      const a = core.connect('a');
      core.lines();
      const subscriptions = [
        { topicFilter: 't', qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 },
      ] as const;
      a.send({ type: PacketType.subscribe, packetId: 1, subscriptions, properties: { subscriptionIdentifiers: [7] } });
      expect(core.lines().includes('1 close subscription-identifiers-not-supported')).toBe(!subscriptionIdentifiers);
    }
  });

  test('an invalid Topic Name ends the connection', () => {
    for (const topic of ['', 'a/#', '+', 'a/b/c']) {
      const core = new CoreHarness({ maxTopicLevels: 2 });
      const a = core.connect('a');
      core.lines();
      a.publish(topic, 'x', 1);
      expect(core.lines()).toContain('1 close topic-name-invalid');
    }
  });

  test('a message without a subscriber is acknowledged and counted', () => {
    const core = new CoreHarness();
    const a = core.connect('a');
    core.lines();
    a.publish('t', 'x', 1, { packetId: 3 });
    expect(core.lines()).toEqual(['1 < puback 3']);
    expect(core.broker.counters).toMatchObject({ accepted: 1, started: 1, dropped: { 'no-subscriber': 1 } });
  });
});
