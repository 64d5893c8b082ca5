// What the broker says of itself below $SYS/broker/: the values at each interval where they have changed, and chosen
// events, of which none can cause the next.
import { afterEach, describe, expect, test } from '@jest/globals';
import type { MqttClient } from 'mqtt';
import { connectAsync } from 'mqtt';
import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { SYS_LOADS, SYS_TOPICS } from '../../../src/administration/sys/catalog.js';
import { MovingAverage } from '../../../src/administration/sys/moving-average.js';
import { EVENTS_PER_SECOND, mayTakeDrops, SysEvents } from '../../../src/administration/sys/sys-events.js';
import type { SysEventsParts } from '../../../src/administration/sys/sys-events.js';
import { SysValues } from '../../../src/administration/sys/sys-values.js';
import { EventTap } from '../../../src/application/event-tap.js';
import { createBroker } from '../../../src/index.js';
import type { Broker } from '../../../src/index.js';
import type { BrokerEvent, Measures } from '../../../src/ports/index.js';
import { VirtualClock } from '../../../src/testkit/virtual-clock.js';
import { CoreHarness } from '../../support/core-harness.js';
import { measuresOf } from '../../support/measures.js';

const TABLES = /<!-- generated -->\n[^]*<!-- end -->/;
const PAGE = resolve(import.meta.dirname, '../../../docs/sys.md');

/** The rows of the page that the tables make. */
function rows(): string {
  const values = SYS_TOPICS.map(({ name, meaning }) => `| \`${name}\` | ${meaning} |`);
  const loads = SYS_LOADS.map(({ name, meaning }) => `| \`load/${name}/1min\`, \`5min\`, \`15min\` | ${meaning} |`);
  return [
    '| below `$SYS/broker/` | |\n|---|---|',
    ...values,
    '\n| a minute, as moving averages | |\n|---|---|',
    ...loads,
  ].join('\n');
}

test('the page on $SYS has every topic', () => {
  const page = readFileSync(PAGE, 'utf8');
  expect(page).toMatch(TABLES);
  const expected = page.replace(TABLES, () => `<!-- generated -->\n${rows()}\n<!-- end -->`);
  if (process.env['HEXMQ_WRITE_DOCS'] === '1') writeFileSync(PAGE, expected);
  expect(readFileSync(PAGE, 'utf8')).toBe(expected);
});

describe('values', () => {
  const clock = new VirtualClock();
  let measures: Measures = measuresOf(new CoreHarness().broker.query({ kind: 'counts' }));
  let heapBytes = 1000;
  const said: string[] = [];
  const taken = (): string[] => said.splice(0);
  const values = new SysValues({
    intervalMs: 10_000,
    clock,
    version: '1.2.3',
    measure: () => measures,
    heapBytes: () => heapBytes,
    announce: (topic, payload, retain) => said.push(`${topic}=${new TextDecoder().decode(payload)} ${retain}`),
  });
  afterEach(() => values.stop());

  test('are all published at the start, and then those that have changed', async () => {
    await values.start();
    const first = taken();
    expect(first).toHaveLength(SYS_TOPICS.length + 3 * SYS_LOADS.length);
    expect(first).toContain('$SYS/broker/version=hexmq version 1.2.3 true');
    expect(first).toContain('$SYS/broker/uptime=60 seconds true');
    expect(first).toContain('$SYS/broker/load/connections/15min=0.00 true');
    clock.advance(10_000);
    expect(taken()).toEqual([]);
    heapBytes = 900;
    measures = { ...measures, uptimeS: 70.9, openConnections: 60 };
    clock.advance(10_000);
    expect(taken()).toEqual([
      '$SYS/broker/uptime=70 seconds true',
      '$SYS/broker/heap/current=900 true',
      expect.stringMatching(/^\$SYS\/broker\/load\/sockets\/1min=55\.\d\d true$/),
      expect.stringMatching(/^\$SYS\/broker\/load\/sockets\/5min=11\.\d\d true$/),
      expect.stringMatching(/^\$SYS\/broker\/load\/sockets\/15min=3\.\d\d true$/),
    ]);
    await values.stop();
    measures = { ...measures, uptimeS: 80 };
    clock.advance(60_000);
    expect(taken()).toEqual([]);
  });

  test('have one name each', () => {
    const names = SYS_TOPICS.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });

  test('tell shared subscriptions from others, and clients from sessions', () => {
    const core = new CoreHarness();
    core.connectStored('away').subscribe(['a', 0], ['b', 0], ['$share/g/c', 0]);
    core.connectStored('away').disconnect();
    core.connect('here').subscribe(['$share/g/c', 0], ['d', 0]);
    core.connect('here').unsubscribe('$share/g/c');
    const counts = core.broker.query({ kind: 'counts' });
    const readings = {
      ...measuresOf(counts),
      version: '',
      heapBytes: 0,
      maximumHeapBytes: 0,
      maximumConnections: 0,
    };
    const valueOf = (wanted: string): unknown => SYS_TOPICS.find(({ name }) => name === wanted)?.read(readings);
    expect(valueOf('subscriptions/count')).toBe(2);
    expect(valueOf('shared_subscriptions/count')).toBe(1);
    expect(valueOf('clients/total')).toBe(2);
    expect(valueOf('clients/connected')).toBe(1);
    expect(valueOf('clients/disconnected')).toBe(1);
  });

  test('a moving average comes to the rate of a steady counter, whatever the interval is', () => {
    const [often, seldom] = [new MovingAverage(60_000), new MovingAverage(60_000)];
    for (let i = 0; i < 3600; i++) often.add(2, 1000);
    for (let i = 0; i < 12; i++) seldom.add(600, 300_000);
    expect(often.perMinute).toBeCloseTo(120);
    expect(seldom.perMinute).toBeCloseTo(120);
    often.add(0, 60_000);
    expect(often.perMinute).toBeCloseTo(120 / Math.E);
  });
});

describe('events', () => {
  const ended = (clientId: string): BrokerEvent =>
    ({ kind: 'connection-ended', reason: 'client-disconnect', clientId, userName: 'ada' }) as unknown as BrokerEvent;
  const dropped = (topic: string): BrokerEvent =>
    ({ kind: 'message-dropped', reason: 'queue-full', topic }) as unknown as BrokerEvent;

  async function following(chosen: SysEventsParts['chosen'], userNames = true) {
    const tap = new EventTap();
    const clock = new VirtualClock();
    const said: { topic: string; record: Record<string, unknown>; retain: boolean }[] = [];
    const announce: SysEventsParts['announce'] = (topic, payload, retain) => {
      said.push({ topic, record: JSON.parse(new TextDecoder().decode(payload)) as Record<string, unknown>, retain });
    };
    const events = new SysEvents({ chosen, clock, events: tap, userNames, announce });
    await events.start();
    return { tap, clock, said, events };
  }

  test('chosen by name or by level are published, with the record of the log', async () => {
    const { tap, said, events } = await following(['connection-ended', 'error']);
    tap.emit(ended('a'));
    tap.emit(dropped('t'));
    tap.emit({ kind: 'reload-failed', what: 'acl', error: 'gone' });
    expect(said).toEqual([
      {
        topic: '$SYS/broker/events/connection-ended',
        record: {
          time: '2023-11-14T22:13:20.000Z',
          level: 'info',
          event: 'connection-ended',
          reason: 'client-disconnect',
          clientId: 'a',
          userName: 'ada',
          msg: 'connection ended',
        },
        retain: false,
      },
      expect.objectContaining({ topic: '$SYS/broker/events/reload-failed' }),
    ]);
    await events.stop();
    tap.emit(ended('b'));
    expect(said).toHaveLength(2);
  });

  test('name no user where the log must not', async () => {
    const { tap, said } = await following(['info'], false);
    tap.emit(ended('a'));
    expect(JSON.stringify(said)).not.toContain('ada');
  });

  test('never say that messages of $SYS were dropped, or each could cause the next', async () => {
    const { tap, said } = await following(['debug', 'message-dropped']);
    tap.emit(dropped('$SYS/broker/events/message-dropped'));
    tap.emit(dropped('t'));
    expect(said.map(({ record }) => record['topic'])).toEqual(['t']);
  });

  test('never say that an interceptor failed at a delivery, which may have been one of an event', async () => {
    const { tap, said } = await following(['interceptor-failed']);
    const failed = {
      kind: 'interceptor-failed',
      interceptor: 'i',
      clientId: 'c',
      error: 'e',
      fallback: 'deny',
    } as const;
    tap.emit({ ...failed, packet: 'deliver' });
    tap.emit({ ...failed, packet: 'publish' });
    expect(said.map(({ record }) => record['packet'])).toEqual(['publish']);
  });

  test('are so many a second, and what is left out is counted', async () => {
    const { tap, clock, said } = await following(['info']);
    for (let i = 0; i < EVENTS_PER_SECOND + 7; i++) tap.emit(ended('a'));
    expect(said).toHaveLength(EVENTS_PER_SECOND);
    clock.advance(1000);
    expect(said.splice(0).at(-1)).toMatchObject({
      topic: '$SYS/broker/events/stream-overflow',
      record: { event: 'stream-overflow', missed: 7 },
    });
    tap.emit(ended('a'));
    clock.advance(5000);
    expect(said).toHaveLength(1);
  });

  test('that come with every message are made only where they may be wanted', () => {
    expect(mayTakeDrops(['client-connected', 'error'])).toBe(false);
    for (const one of ['warn', 'info', 'debug', 'message-dropped'] as const) expect(mayTakeDrops([one])).toBe(true);
  });
});

describe('a broker that runs', () => {
  let broker: Broker | undefined;
  const clients: MqttClient[] = [];

  async function connect(): Promise<{ client: MqttClient; got: Map<string, { text: string; retain: boolean }> }> {
    const address = broker?.addresses.get('tcp') ?? '';
    const client = await connectAsync(`mqtt://${address}`, { reconnectPeriod: 0 });
    clients.push(client);
    const got = new Map<string, { text: string; retain: boolean }>();
    client.on('message', (topic, payload, { retain }) => got.set(topic, { text: String(payload), retain }));
    return { client, got };
  }

  async function start(sys: object): Promise<void> {
    broker = createBroker({
      listeners: [{ type: 'tcp', port: 0 }],
      storage: { adapter: 'memory' },
      logging: { level: 'silent' },
      sys,
    });
    await broker.start();
  }

  const until = async (isSo: () => boolean): Promise<void> => {
    while (!isSo()) await new Promise((goOn) => setTimeout(goOn, 5));
  };

  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.endAsync(true)));
    await broker?.stop();
  });

  test('has its values for a client that subscribes, retained in memory alone', async () => {
    await start({});
    const { client, got } = await connect();
    await client.subscribeAsync('$SYS/#', { qos: 2 });
    await until(() => got.size === SYS_TOPICS.length + 3 * SYS_LOADS.length);
    expect(got.get('$SYS/broker/clients/connected')).toEqual({ text: '0', retain: true });
    const status = await broker?.administration.call('status', {}, { name: 'test', role: 'read' });
    expect(status).toMatchObject({ retainedMessages: 0 });
    const other = await connect();
    await other.client.subscribeAsync('#');
    expect(other.got.size).toBe(0);
  });

  test('publishes values again at each interval, and chosen events', async () => {
    await start({ intervalS: 1, events: ['client-connected'] });
    const { client, got } = await connect();
    await client.subscribeAsync('$SYS/broker/+/+');
    await connect();
    await until(() => got.has('$SYS/broker/events/client-connected'));
    await until(() => got.get('$SYS/broker/clients/connected')?.text === '2');
    expect(got.get('$SYS/broker/clients/connected')?.retain).toBe(false);
  });

  test('says nothing if it must not', async () => {
    await start({ intervalS: 0 });
    const { client, got } = await connect();
    await client.subscribeAsync('$SYS/#');
    await client.publishAsync('$SYSTEM', 'end', { qos: 1 });
    expect(got.size).toBe(0);
  });
});
