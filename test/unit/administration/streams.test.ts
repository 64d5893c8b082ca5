// Streams of the administration: what they hold for a slow reader is bounded, and readers learn what they have missed
// and why a stream has ended.
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Administrator } from '../../../src/administration/administrator.js';
import type { BrokerParts } from '../../../src/administration/broker-parts.js';
import { RecordBuffer } from '../../../src/administration/record-buffer.js';
import { OPEN_MAX } from '../../../src/administration/streams.js';
import { EventTap } from '../../../src/application/event-tap.js';
import { EVERY_EVENT } from '../../../src/domain/events.js';
import type { BrokerEvent, RecordStream } from '../../../src/ports/index.js';
import { VirtualClock } from '../../../src/testkit/virtual-clock.js';

const READER = { name: 'bob', role: 'read' } as const;

const connected = (clientId: string): BrokerEvent =>
  ({ kind: 'client-connected', clientId, userName: 'u', connection: 1 }) as unknown as BrokerEvent;
const dropped = (reason: string, clientId: string): BrokerEvent =>
  ({ kind: 'message-dropped', reason, queue: `c:${clientId}`, topic: 't' }) as unknown as BrokerEvent;

let tap: EventTap;
let administrator: Administrator;

beforeEach(() => {
  tap = new EventTap();
  const clock = new VirtualClock();
  const backups = { stop: () => Promise.resolve() };
  administrator = new Administrator({
    events: tap,
    pluginOperations: [],
    userNames: false,
    clock,
    backups,
  } as unknown as BrokerParts);
});

afterEach(async () => {
  await administrator.close();
});

const open = (request: object): Promise<RecordStream> => administrator.open('events', request, READER);

async function all(stream: RecordStream): Promise<object[]> {
  const found: object[] = [];
  for await (const record of stream) found.push(record);
  return found;
}

describe('the stream of events', () => {
  test('has the events of its level and above, as the log says them, and says that the broker stops', async () => {
    const stream = await open({ level: 'info' });
    tap.emit(connected('a'));
    tap.emit(dropped('no-subscriber', 'a'));
    tap.emit(dropped('queue-full', 'a'));
    tap.emit({ kind: 'fatal', error: new Error('a disk') });
    await administrator.close();
    expect(await all(stream)).toEqual([
      expect.objectContaining({ level: 'info', event: 'client-connected', clientId: 'a', msg: 'client connected' }),
      expect.objectContaining({ level: 'warn', event: 'message-dropped', reason: 'queue-full' }),
      expect.objectContaining({ level: 'fatal', error: 'a disk' }),
      { time: expect.any(String) as unknown, event: 'stream-ended', reason: 'broker-stops' },
    ]);
  });

  test('has only the events of one client, or of some kinds, if that is wanted', async () => {
    const ofClient = await open({ level: 'debug', clientId: 'a' });
    const ofKind = await open({ level: 'debug', event: ['message-dropped'] });
    tap.emit(connected('b'));
    tap.emit(dropped('client-offline', 'a'));
    tap.emit(connected('a'));
    await administrator.close();
    const names = async (stream: RecordStream): Promise<unknown[]> =>
      (await all(stream)).map((record) => (record as { event: string }).event);
    expect(await names(ofClient)).toEqual(['message-dropped', 'client-connected', 'stream-ended']);
    expect(await names(ofKind)).toEqual(['message-dropped', 'stream-ended']);
  });

  test('says no user names if the log must not', async () => {
    const stream = await open({});
    tap.emit(connected('a'));
    await administrator.close();
    expect(JSON.stringify(await all(stream))).not.toContain('userName');
  });

  test('is open for as long as it is read, and so many are at once', async () => {
    expect(tap.wanted).toBe(0);
    const streams = await Promise.all(Array.from({ length: OPEN_MAX }, () => open({})));
    await expect(open({})).rejects.toMatchObject({ kind: 'busy' });
    streams[0]?.close();
    await open({});
    for (const stream of streams) stream.close();
    expect(tap.wanted).toBe(EVERY_EVENT);
    await administrator.close();
    expect(tap.wanted).toBe(0);
  });

  test('is refused with what was wrong and what was expected', async () => {
    await expect(open({ level: 'loud' })).rejects.toMatchObject({
      kind: 'invalid',
      problems: [{ parameter: 'level', detail: expect.stringContaining('expected one of debug, info') as unknown }],
    });
    await expect(administrator.open('songs', {}, READER)).rejects.toMatchObject({
      kind: 'unknown-operation',
      message: expect.stringContaining('expected one of events') as unknown,
    });
  });
});

describe('what waits for a reader', () => {
  const missed = (count: number): object => ({ missed: count });
  const buffer = (records: number, characters = 1000): RecordBuffer =>
    new RecordBuffer({ bounds: { records, characters }, missed, onClosed: () => undefined });

  test('records beyond the bound are left out, and one in their place says how many', async () => {
    const stream = buffer(4);
    for (let n = 0; n < 10; n++) stream.push({ n });
    const records = stream[Symbol.asyncIterator]();
    const next = async (): Promise<unknown> => ((await records.next()) as { value: unknown }).value;
    expect([await next(), await next()]).toEqual([{ n: 0 }, { n: 1 }]);
    stream.push({ n: 10 });
    expect([await next(), await next(), await next(), await next()]).toEqual([
      { n: 2 },
      { n: 3 },
      { missed: 6 },
      { n: 10 },
    ]);
  });

  test('text counts as well, and a record that is larger than the bound is given', async () => {
    const stream = buffer(100, 10);
    stream.push({ text: 'x'.repeat(50) });
    stream.push({ text: 'y' });
    stream.end({ end: true });
    expect(await all(stream)).toEqual([{ text: 'x'.repeat(50) }, { missed: 1 }, { end: true }]);
  });

  test('a reader that leaves ends it, and nothing is collected any more', async () => {
    let closed = 0;
    const stream = new RecordBuffer({ missed, onClosed: () => closed++ });
    stream.push({ n: 1 });
    for await (const record of stream) {
      expect(record).toEqual({ n: 1 });
      break;
    }
    stream.push({ n: 2 });
    stream.end({ end: true });
    expect(await all(stream)).toEqual([]);
    expect(closed).toBe(1);
  });
});
