// The metrics as prom-client has them: the table of the broker, and the client's own metrics of the process. Loaded
// with the first scrape, because a start needs none of it.
import { collectDefaultMetrics, Registry } from 'prom-client';
import type { Metric, MetricValue } from 'prom-client';
import type { HistogramReading } from '../../ports/index.js';
import type { ExtraMetric } from '../broker-parts.js';
import { METRICS } from './catalog.js';
import type { MetricRow, Readings, Sample } from './catalog.js';

/** Gauges of the process with names of counters: `promtool` refuses them, and others have the same numbers by type. */
const MISNAMED = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total'];

type Value = MetricValue<string> & { readonly metricName?: string };

/** For metrics that are not read from what the broker has measured. */
const UNUSED: Current = { readings: {} as Readings };

/** What one scrape has read, for all metrics. */
export interface Current {
  readings: Readings | undefined;
}

export function createRegistry(current: Current): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  for (const name of MISNAMED) registry.removeSingleMetric(name);
  for (const row of METRICS) registry.registerMetric(new RowMetric(row, current) as unknown as Metric);
  return registry;
}

/** Adds metrics that were made since the last scrape. */
export function registerExtra(registry: Registry, metrics: Iterable<ExtraMetric>): void {
  for (const metric of metrics)
    if (registry.getSingleMetric(metric.name) === undefined)
      registry.registerMetric(new RowMetric({ ...metric, labels: {} }, UNUSED) as unknown as Metric);
}

/** A metric whose values are read when they are wanted: nothing is counted twice. */
class RowMetric {
  readonly name: string;

  constructor(
    readonly row: MetricRow,
    readonly current: Current,
  ) {
    this.name = row.name;
  }

  get(): Promise<object> {
    const { name, help, type } = this.row;
    return Promise.resolve({ name, help, type, aggregator: 'sum', values: this.#values() });
  }

  #values(): Value[] {
    const { readings } = this.current;
    if (readings === undefined) return [];
    const read = this.row.read(readings);
    if (typeof read === 'number') return [{ labels: {}, value: read }];
    return isHistogram(read) ? valuesOf(this.name, read) : read.map(({ labels, value }) => ({ labels, value }));
  }
}

const isHistogram = (read: readonly Sample[] | HistogramReading): read is HistogramReading => 'bounds' in read;

function valuesOf(name: string, { bounds, counts, sum }: HistogramReading): Value[] {
  let below = 0;
  const buckets = [...bounds, '+Inf'].map((bound, at) => {
    below += counts[at] ?? 0;
    return { metricName: `${name}_bucket`, labels: { le: bound }, value: below };
  });
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels: {}, value: sum },
    { metricName: `${name}_count`, labels: {}, value: below },
  ];
}
