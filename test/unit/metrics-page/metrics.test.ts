// The metrics: docs/metrics.md has every one of them (`HEXMQ_WRITE_DOCS=1` writes it), their names follow Prometheus'
// conventions, and their values are those of the broker.
import { expect, test } from '@jest/globals';
import { connectAsync } from 'mqtt';
import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { METRICS } from '../../../src/administration/metrics/catalog.js';
import { QueueSampling } from '../../../src/administration/metrics/queue-sampling.js';
import { createRegistry } from '../../../src/administration/metrics/registry.js';
import { DROP_REASONS, REFUSAL_REASONS } from '../events-page/reasons.js';
import { Flow } from '../../../src/application/flow.js';
import { Histogram } from '../../../src/application/histogram.js';
import { createBroker } from '../../../src/index.js';
import { VirtualClock } from '../../../src/testkit/virtual-clock.js';
import { CoreHarness } from '../../support/core-harness.js';
import { metricsOf } from '../../support/metrics.js';
import { measuresOf } from '../../support/measures.js';
import { ACCOUNTS } from './accounts.js';
import { alertExpressions, alertsFile } from './alerts.js';
import { dashboardExpressions, dashboardFile } from './dashboard.js';
import { metricsPage } from './page.js';

const PATH = resolve(import.meta.dirname, '../../../docs/metrics.md');

test('the page of metrics is the one that the table makes', async () => {
  const registry = createRegistry({ readings: undefined });
  const page = await metricsPage(registry);
  if (process.env['HEXMQ_WRITE_DOCS'] === '1') writeFileSync(PATH, page);
  expect(readFileSync(PATH, 'utf8')).toBe(page);
});

test.each([
  ['grafana-dashboard.json', dashboardFile],
  ['alerts.yaml', alertsFile],
])('the file %s for monitoring is the one that the metrics make', (name, make) => {
  const path = resolve(import.meta.dirname, '../../../deploy/monitoring', name);
  if (process.env['HEXMQ_WRITE_DOCS'] === '1') writeFileSync(path, make());
  expect(readFileSync(path, 'utf8')).toBe(make());
});

test('the dashboard and the alerts use metrics and labels that there are', () => {
  const registry = createRegistry({ readings: undefined });
  const labels = new Map<string, readonly string[]>(METRICS.map((one) => [one.name, Object.keys(one.labels)]));
  for (const name of registry.getMetricsAsArray().map((one) => one.name)) if (!labels.has(name)) labels.set(name, []);
  const ofPrometheus = ['up', 'instance', 'le', 'job'];
  for (const expression of [...dashboardExpressions(), ...alertExpressions()]) {
    const names = [...expression.matchAll(/\b((?:hexmq|nodejs|process)_[a-z0-9_]+)/g)].map(([, name = '']) =>
      name.replace(/_bucket$/, ''),
    );
    expect({ expression, unknown: names.filter((name) => !labels.has(name)) }).toEqual({ expression, unknown: [] });
    const used = [...expression.matchAll(/by \(([^)]*)\)|([a-z_]+)=~?"/g)].flatMap(([, by, label]) =>
      (by ?? label ?? '').split(', '),
    );
    const known = new Set([...ofPrometheus, ...names.flatMap((name) => labels.get(name) ?? [])]);
    expect({ expression, unknown: used.filter((label) => !known.has(label)) }).toEqual({ expression, unknown: [] });
  }
});

test('a reason that an alert names is one that a drop or a refusal can have', () => {
  const words = alertExpressions().flatMap((expression) =>
    [...expression.matchAll(/(?:reason|result)=~?"([^"]*)"/g)].flatMap(([, list = '']) => list.split('|')),
  );
  expect(words.length).toBeGreaterThan(5);
  const known = new Set([...Object.keys(DROP_REASONS), ...Object.keys(REFUSAL_REASONS)]);
  expect(words.filter((word) => !known.has(word))).toEqual([]);
});

const READER = { name: 'test', role: 'read' } as const;

interface Answered {
  readonly name: string;
  readonly values: readonly { readonly labels: Readonly<Record<string, string>>; readonly value: number | null }[];
}

test('a running broker counts what clients do, has every account of the page, and is ready', async () => {
  const broker = createBroker({
    listeners: [{ type: 'tcp', port: 0 }],
    storage: { adapter: 'memory' },
    logging: { level: 'silent' },
  });
  await broker.start();
  const [address = ''] = broker.addresses.values();
  const client = await connectAsync(`mqtt://${address}`, { clientId: 'meter', clean: false });
  await client.subscribeAsync('plant/#', { qos: 1 });
  const arrived = new Promise((done) => client.once('message', done));
  await client.publishAsync('plant/7', '21.5', { qos: 1, retain: true });
  await arrived;
  const metrics = (await broker.administration.call('metrics', {}, READER)) as readonly Answered[];
  const health = await broker.administration.call('health', {}, READER);
  const { body } = await broker.administration.metrics();
  await client.endAsync();
  await broker.stop();

  expect(health).toMatchObject({ isReady: true });
  const valuesOf = (name: string): Answered['values'] => metrics.find((one) => one.name === name)?.values ?? [];
  const of = (name: string, labels: Readonly<Record<string, string>> = {}): number | null | undefined =>
    valuesOf(name).find((one) => Object.entries(labels).every(([label, word]) => one.labels[label] === word))?.value;
  expect(valuesOf('hexmq_memory_account_bytes').map(({ labels }) => labels['account'])).toEqual(Object.keys(ACCOUNTS));
  expect(of('hexmq_connections', { protocol_version: '4' })).toBe(1);
  expect(of('hexmq_messages_received_total', { protocol_version: '4', qos: '1' })).toBe(1);
  expect(of('hexmq_messages_sent_total', { protocol_version: '4', qos: '1' })).toBe(1);
  expect(of('hexmq_payload_sent_bytes_total', { protocol_version: '4', qos: '1' })).toBe(4);
  expect(of('hexmq_packets_received_total', { type: 'connect' })).toBe(1);
  expect(of('hexmq_authentications_total', { result: 'accepted' })).toBe(1);
  expect(of('hexmq_retained_messages')).toBe(1);
  expect(of('hexmq_accounting_imbalance')).toBe(0);
  expect(body).toMatch(/^hexmq_storage_commit_duration_seconds_count [1-9]/m);
  expect(body).toMatch(/^hexmq_network_sent_bytes_total [1-9]/m);
  expect(body).not.toMatch(/meter|plant/);
});

test('metrics have the names that Prometheus recommends', () => {
  expect(new Set(METRICS.map(({ name }) => name)).size).toBe(METRICS.length);
  for (const { name, type, help } of METRICS) {
    expect(name).toMatch(/^hexmq_[a-z]+(_[a-z]+)*$/);
    expect(name.endsWith('_total')).toBe(type === 'counter');
    expect(help).toMatch(/[.]$/);
  }
});

test('every drop has its reason as a label from the start, and no label has more than the table says', async () => {
  const metrics = await metricsOf(measuresOf(new CoreHarness().broker.query({ kind: 'counts' })));
  const reasons = metrics.filter(({ metric }) => metric === 'hexmq_deliveries_dropped_total');
  expect(reasons.map(({ labels }) => labels['reason']).sort()).toEqual(Object.keys(DROP_REASONS).sort());
  for (const { metric, labels } of metrics) {
    const row = METRICS.find(({ name }) => name === metric);
    if (row !== undefined && row.type !== 'histogram') expect(Object.keys(labels)).toEqual(Object.keys(row.labels));
  }
});

test('metrics count what passes by version and Quality of Service, and what waits', async () => {
  const harness = new CoreHarness();
  const received = new Flow();
  received.message(5, 1, 100);
  received.message(5, 1, 20);
  const counts = { ...harness.broker.query({ kind: 'counts' }), queued: 3 };
  const metrics = await metricsOf(measuresOf(counts, { received: received.read() }));
  const of = (name: string, labels: object = {}): number | null | undefined =>
    metrics.find((one) => one.name === name && Object.entries(labels).every(([key, word]) => one.labels[key] === word))
      ?.value;
  expect(of('hexmq_messages_received_total', { protocol_version: '5', qos: '1' })).toBe(2);
  expect(of('hexmq_payload_received_bytes_total', { protocol_version: '5', qos: '1' })).toBe(120);
  expect(of('hexmq_messages_received_total', { protocol_version: '4', qos: '1' })).toBe(0);
  expect(of('hexmq_accounting_imbalance')).toBe(-3);
  expect(of('hexmq_memory_account_limit_bytes', { account: 'waiting' })).toBe(1000);
});

test('a histogram has cumulative buckets up to everything', async () => {
  const seconds = new Histogram([0.1, 1]);
  for (const value of [0.1, 0.5, 5]) seconds.observe(value);
  const counts = new CoreHarness().broker.query({ kind: 'counts' });
  const metrics = await metricsOf(measuresOf(counts, { commitSeconds: seconds.read() }));
  const name = 'hexmq_storage_commit_duration_seconds';
  expect(
    metrics.filter(({ metric }) => metric === name).map(({ name: part, labels, value }) => [part, labels, value]),
  ).toEqual([
    [`${name}_bucket`, { le: '0.1' }, 1],
    [`${name}_bucket`, { le: '1' }, 2],
    [`${name}_bucket`, { le: '+Inf' }, 3],
    [`${name}_sum`, {}, 5.6],
    [`${name}_count`, {}, 3],
  ]);
});

test('the largest of many queues is found in rounds of a bounded number', () => {
  const clock = new VirtualClock();
  const asked: number[] = [];
  let round = 0;
  const query = ({ examine }: { readonly examine: number }): unknown => {
    asked.push(examine);
    round++;
    const items = [{ inFlight: 1, queued: round === 2 ? 9 : 1, oldestAcceptedAtMs: clock.wallMs() - 4000 }];
    return { items, next: round % 2 === 0 ? undefined : {} };
  };
  const sampling = new QueueSampling({ query: query as never }, clock);
  const read = (): number => {
    clock.advanceTo(clock.nowMs() + 1000);
    return sampling.read().largest;
  };
  expect(sampling.read()).toEqual({ largest: 2, oldestAgeS: 4 });
  expect(sampling.read().largest).toBe(2);
  expect(asked).toHaveLength(1);
  expect([read(), read(), read()]).toEqual([10, 10, 2]);
  expect(new Set(asked)).toEqual(new Set([1000]));
});
