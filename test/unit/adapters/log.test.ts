// The event log: lines and levels of events, and limits on the lines that clients and outages cause.
import { describe, expect, test } from '@jest/globals';
import type { BrokerEvent, ClientId, Clock, LifecycleEvent, LogLevel, MessageId, TopicName } from 'hexmq/ports';
import { humanLine } from '../../../adapters/observability/log/human-lines.js';
import { createTelemetry } from '../../../adapters/observability/log/index.js';

class ManualClock implements Clock {
  now = 0;
  readonly timers = new Set<{ atMs: number; callback: () => void }>();

  wallMs(): number {
    return this.nowMs();
  }

  nowMs(): number {
    return this.now;
  }

  at(atMs: number, callback: () => void): { cancel: () => void } {
    const timer = { atMs, callback };
    this.timers.add(timer);
    return { cancel: () => void this.timers.delete(timer) };
  }

  advance(ms: number): void {
    this.now += ms;
    for (const timer of [...this.timers]) {
      if (timer.atMs > this.now) continue;
      this.timers.delete(timer);
      timer.callback();
    }
  }
}

function logging(level?: LogLevel): {
  lines: Record<string, unknown>[];
  clock: ManualClock;
  emit: (event: BrokerEvent | LifecycleEvent) => void;
} {
  const lines: Record<string, unknown>[] = [];
  const clock = new ManualClock();
  const destination = { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) };
  const telemetry = createTelemetry(level === undefined ? { destination } : { destination, level }, { clock });
  return {
    lines,
    clock,
    emit: (event) => {
      telemetry.emit(event);
    },
  };
}

const clientId = 'thermometer' as ClientId;
const dropped = (reason: 'queue-full' | 'no-subscriber' | 'slow-consumer'): BrokerEvent => ({
  kind: 'message-dropped',
  reason,
  messageId: 1 as MessageId,
  topic: 'room/1' as TopicName,
  qos: 1,
  queue: undefined,
});

test('an event is one line of JSON with its fields, a level and a time', () => {
  const { lines, emit } = logging();
  emit({ kind: 'publish-denied', clientId, userName: 'ada', topic: '$SYS/x', detail: 'clients cannot publish there' });
  expect(lines).toEqual([
    {
      level: 'warn',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      event: 'publish-denied',
      clientId: 'thermometer',
      userName: 'ada',
      topic: '$SYS/x',
      detail: 'clients cannot publish there',
      msg: 'publish denied',
    },
  ]);
});

test('many dropped messages cause one line at once and one line with their count', () => {
  const { lines, clock, emit } = logging();
  for (let index = 0; index < 100_000; index++) emit(dropped('queue-full'));
  for (let index = 0; index < 5; index++) emit(dropped('slow-consumer'));
  expect(lines.map(({ reason }) => reason)).toEqual(['queue-full', 'slow-consumer']);
  clock.advance(10_000);
  expect(lines.slice(2)).toMatchObject([
    {
      event: 'message-dropped',
      reason: 'queue-full',
      count: 99_999,
      msg: 'message dropped: 99999 more in 10 s',
      level: 'warn',
    },
    { event: 'message-dropped', reason: 'slow-consumer', count: 4 },
  ]);
  emit(dropped('queue-full'));
  expect(lines).toHaveLength(5);
});

test('the line with the count of dropped messages names each queue that lost some, up to a bound', () => {
  const { lines, clock, emit } = logging();
  const from = (queue: string): BrokerEvent => ({ ...dropped('queue-full'), queue }) as BrokerEvent;
  emit(from('c:first'));
  for (let index = 0; index < 12; index++) emit(from(`c:${String(index % 3)}`));
  clock.advance(10_000);
  expect(lines[1]).toMatchObject({ count: 12, queues: { 'c:0': 4, 'c:1': 4, 'c:2': 4 } });
  expect(lines[1]).not.toHaveProperty('inOtherQueues');

  for (let index = 0; index < 1001; index++) emit(from(`c:${String(index)}`));
  clock.advance(10_000);
  expect(Object.keys(lines[3]?.['queues'] as object)).toHaveLength(100);
  expect(lines[3]).toMatchObject({ count: 1000, inOtherQueues: 900 });

  for (let index = 0; index < 4; index++) emit(from(`c:${'x'.repeat(5000)}${String(index)}`));
  clock.advance(10_000);
  expect(lines[5]).toMatchObject({ count: 3, inOtherQueues: 2 });
});

test('lines name no user if the configuration says so', () => {
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  const telemetry = createTelemetry({ destination, userNames: false }, { clock: new ManualClock() });
  telemetry.emit({ kind: 'publish-denied', clientId, userName: 'ada', topic: 'x', detail: 'no rule allows it' });
  expect(lines).toHaveLength(1);
  expect(lines[0]).not.toContain('ada');
});

test('events that a client can cause at will are limited, and others are not', () => {
  const { lines, clock, emit } = logging();
  for (let index = 0; index < 100; index++)
    emit({ kind: 'publish-denied', clientId, userName: 'ada', topic: 'x', detail: 'no rule allows it' });
  expect(lines).toHaveLength(20);
  clock.advance(10_000);
  expect(lines.at(-1)).toMatchObject({ event: 'publish-denied', count: 80 });
  for (let index = 0; index < 100; index++) emit({ kind: 'listening', listener: 'tcp', address: '127.0.0.1:1883' });
  expect(lines).toHaveLength(121);
});

describe('storage outages in the log', () => {
  const failing = (
    error: string,
    more: Partial<Extract<LifecycleEvent, { kind: 'storage-failing' }>> = {},
  ): LifecycleEvent => ({
    kind: 'storage-failing',
    operation: 'write',
    error,
    storageErrorKind: 'unavailable',
    attempt: 1,
    ...more,
  });
  const recovered = (operation: 'write' | 'read'): LifecycleEvent => ({
    kind: 'storage-recovered',
    operation,
    attempts: 9,
  });
  const summaries = (lines: readonly Record<string, unknown>[]): string[] =>
    lines.map(({ event, operation, error }) =>
      [event, operation, error].filter((word) => typeof word === 'string').join(' '),
    );

  test('an outage is logged at its start, once a minute and at its end, however many attempts fail', () => {
    const { lines, clock, emit } = logging();
    for (let attempt = 1; attempt <= 240; attempt++) {
      emit(failing(`gone: bring it back (attempt ${String(attempt)})`, { attempt }));
      clock.advance(1000);
    }
    emit(recovered('write'));
    expect(summaries(lines)).toEqual([
      'storage-failing write gone: bring it back (attempt 1)',
      'storage-failing write gone: bring it back (attempt 61)',
      'storage-failing write gone: bring it back (attempt 121)',
      'storage-failing write gone: bring it back (attempt 181)',
      'storage-recovered write',
    ]);
    expect(lines[3]).toMatchObject({ level: 'error', attempt: 181 });
  });

  test('another cause, and another outage, are logged at once', () => {
    const { lines, emit } = logging();
    for (let times = 0; times < 3; times++) {
      emit(failing('gone (1)'));
      emit(failing('login refused (2)'));
      emit(failing('login refused', { storageErrorKind: 'full' }));
    }
    emit(recovered('write'));
    emit(failing('gone (1)'));
    expect(summaries(lines)).toEqual([
      'storage-failing write gone (1)',
      'storage-failing write login refused (2)',
      'storage-failing write login refused',
      'storage-recovered write',
      'storage-failing write gone (1)',
    ]);
  });

  test('a read outage is logged once, however many reads wait', () => {
    const { lines, emit } = logging();
    for (let reader = 0; reader < 1000; reader++) emit(failing('gone', { operation: 'read' }));
    for (let reader = 0; reader < 1000; reader++) emit(recovered('read'));
    expect(summaries(lines)).toEqual(['storage-failing read gone', 'storage-recovered read']);
  });

  test('an outage whose error text always differs causes 16 lines at most', () => {
    const { lines, emit } = logging();
    for (let index = 0; index < 1000; index++) emit(failing(`cause ${String(index)}`));
    expect(lines).toHaveLength(16);
  });

  test('an outage ends even if the level hides its recovery', () => {
    const { lines, emit } = logging('error');
    emit(failing('gone'));
    emit(recovered('write'));
    emit(failing('gone'));
    expect(summaries(lines)).toEqual(['storage-failing write gone', 'storage-failing write gone']);
  });
});

test('failed handshakes are logged at level info, with a limit per reason', () => {
  const { lines, clock, emit } = logging();
  for (const reason of ['tls', 'timeout'] as const) {
    for (let index = 0; index < 100; index++)
      emit({
        kind: 'handshake-failed',
        listener: 'tls',
        remoteAddress: `192.0.2.1:${index}`,
        reason,
        detail: 'no shared cipher',
      });
  }
  expect(lines).toHaveLength(40);
  expect(lines[0]).toMatchObject({
    level: 'info',
    event: 'handshake-failed',
    msg: 'connection refused before MQTT',
    remoteAddress: '192.0.2.1:0',
    detail: 'no shared cipher',
  });
  clock.advance(10_000);
  expect(lines.slice(40)).toMatchObject([
    { reason: 'tls', count: 80 },
    { reason: 'timeout', count: 80 },
  ]);
});

test('a message without subscribers is logged at level debug, and hidden events are not counted', () => {
  const { lines, clock, emit } = logging();
  for (let index = 0; index < 5; index++) emit(dropped('no-subscriber'));
  expect(clock.timers.size).toBe(0);
  expect(lines).toEqual([]);
});

test('stopping logs the counts of suppressed events and leaves no timer', () => {
  const { lines, clock, emit } = logging();
  emit(dropped('queue-full'));
  emit(dropped('queue-full'));
  expect(clock.timers.size).toBe(1);
  emit({ kind: 'stopped' });
  expect(clock.timers.size).toBe(0);
  expect(lines.map(({ event, count }) => [event, count])).toEqual([
    ['message-dropped', undefined],
    ['message-dropped', 1],
    ['stopped', undefined],
  ]);
});

test('a fatal error is logged with its stack', () => {
  const { lines, emit } = logging();
  emit({ kind: 'fatal', error: new Error('the store was taken over') });
  expect(lines).toMatchObject([
    { level: 'fatal', event: 'fatal', err: { message: 'the store was taken over', stack: expect.any(String) } },
  ]);
});

test('level silent logs nothing', () => {
  const { lines, emit } = logging('silent');
  emit({ kind: 'fatal', error: new Error('x') });
  expect(lines).toEqual([]);
});

/** What JSON lets pass: DEL, C1 controls, marks, overrides and isolates of direction, line separators. */
const UNSAFE = '\u007f\u0085\u009b\u061c\u200e\u200f\u2028\u2029\u202a\u202e\u2066\u2069';
const ESCAPED = '\\u007f\\u0085\\u009b\\u061c\\u200e\\u200f\\u2028\\u2029\\u202a\\u202e\\u2066\\u2069';

test('a terminal line shows all fields and the zone of its time, with control characters of clients escaped', () => {
  const line = {
    level: 'warn',
    time: '2026-01-02T03:04:05.678Z',
    event: 'x',
    msg: 'client connected',
    clientId: `a\u001b[2J${UNSAFE}`,
    n: 5,
    ok: true,
    s: 'plain/1',
    list: ['\u202e'],
  };
  expect(humanLine(JSON.stringify(line))).toBe(
    `03:04:05.678Z warn  client connected clientId="a\\u001b[2J${ESCAPED}" n=5 ok=true s=plain/1 list=["\\u202e"]`,
  );
});

test('the stack of an error is shown on a terminal without the control characters of its message', () => {
  const line = { level: 'fatal', time: '', msg: 'x', err: { stack: `Error: a\u001b[2J${UNSAFE}\n    at b` } };
  expect(humanLine(JSON.stringify(line))).toContain(`Error: a\\u001b[2J${ESCAPED}\n    at b`);
});

test('a line of JSON has escapes for every control character, also where JSON allows the character itself', () => {
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  const telemetry = createTelemetry({ destination }, { clock: new ManualClock() });
  const topic = `a\u001b[2J${UNSAFE}`;
  telemetry.emit({ kind: 'publish-denied', clientId, userName: 'ada', topic, detail: 'no rule allows it' });
  expect(lines[0]).toContain(`"topic":"a\\u001b[2J${ESCAPED}"`);
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({ topic });
});

describe('probes of load balancers in the log', () => {
  const ended = (remoteAddress: string, more: object = {}): BrokerEvent =>
    ({
      kind: 'connection-ended',
      connection: 1,
      clientId: undefined,
      reason: 'connection-lost',
      remoteAddress,
      listener: 'tcp',
      ...more,
    }) as unknown as BrokerEvent;

  test('a machine that opens and closes a connection again and again has one line an hour, with the number', () => {
    const { lines, clock, emit } = logging();
    for (let second = 0; second < 7200; second += 5) {
      emit(ended(`192.0.2.1:${40_000 + second}`));
      emit({
        kind: 'handshake-failed',
        listener: 'tls',
        remoteAddress: `[2001:db8::1]:${40_000 + second}`,
        reason: 'tls',
        detail: 'the peer closed the connection',
      });
      clock.advance(5000);
    }
    expect(lines.map(({ remoteAddress, unlogged }) => [remoteAddress, unlogged])).toEqual([
      ['192.0.2.1:40000', undefined],
      ['[2001:db8::1]:40000', undefined],
      ['192.0.2.1:43600', 719],
      ['[2001:db8::1]:43600', 719],
    ]);
  });

  test('probes from many addresses are limited together, and what is remembered of addresses is bounded', () => {
    const { lines, emit } = logging();
    for (let index = 0; index < 1000; index++) emit(ended(`10.0.${index >> 8}.${index & 255}:1`));
    expect(lines).toHaveLength(20);
  });

  test('clients that have connected, and failures with a reason, have a line each', () => {
    const { lines, emit } = logging();
    for (let index = 0; index < 5; index++) {
      emit(ended('192.0.2.1:1', { clientId }));
      emit({
        kind: 'handshake-failed',
        listener: 'tls',
        remoteAddress: '192.0.2.1:1',
        reason: 'tls',
        detail: 'no shared cipher',
      });
    }
    expect(lines).toHaveLength(10);
  });

  test('level debug shows every probe', () => {
    const { lines, emit } = logging('debug');
    for (let index = 0; index < 5; index++) emit(ended('192.0.2.1:1'));
    expect(lines).toHaveLength(5);
  });
});
