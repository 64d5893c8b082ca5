// The metrics of an administration, flat: one entry for each value.
import type { Measures } from 'hexmq/ports';
import { createRegistry } from '../../src/administration/metrics/registry.js';
import type { Readings } from '../../src/administration/metrics/catalog.js';

export interface FlatMetric {
  readonly metric: string;
  /** The same, or with the suffix of a part of a histogram. */
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number | null;
}

interface JsonMetric {
  readonly name: string;
  readonly values: readonly {
    readonly metricName?: string;
    readonly labels: Readonly<Record<string, string | number>>;
    readonly value: number;
  }[];
}

export async function metricsOf(measures: Measures): Promise<FlatMetric[]> {
  const readings: Readings = {
    ...measures,
    version: '1.2.3',
    queues: { largest: 0, oldestAgeS: 0 },
    limits: {},
    isStorageWriting: true,
    isStorageReading: true,
    checks: [{ check: 'storage', isOk: true }],
  };
  const all = (await createRegistry({ readings }).getMetricsAsJSON()) as unknown as readonly JsonMetric[];
  return all.flatMap(({ name, values }) =>
    values.map(({ metricName = name, labels, value }) => ({
      metric: name,
      name: metricName,
      labels: Object.fromEntries(Object.entries(labels).map(([label, word]) => [label, String(word)])),
      value,
    })),
  );
}
