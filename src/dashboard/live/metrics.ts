// What `/api/v1/metrics` says, looked up by name: gauges and counters as sums, histograms as what happened between two
// looks.
import type { AnswerOf } from '../../administration/operations.js';

export type Metric = AnswerOf<'metrics'>[number];

export type Metrics = ReadonlyMap<string, Metric>;

export const metricsOf = (list: readonly Metric[]): Metrics => new Map(list.map((metric) => [metric.name, metric]));

/** Over all its labels. */
export const total = (metrics: Metrics, name: string): number | undefined => {
  const values = metrics.get(name)?.values;
  return values?.reduce((sum, { value }) => sum + (value ?? 0), 0);
};

export interface Histogram {
  readonly sum: number;
  readonly count: number;
  /** How many were at most so large. */
  readonly buckets: ReadonlyMap<number, number>;
}

export function histogram(metrics: Metrics, name: string): Histogram | undefined {
  const values = metrics.get(name)?.values;
  if (values === undefined) return undefined;
  let sum = 0;
  let count = 0;
  const buckets = new Map<number, number>();
  for (const { labels, value: given, name: part = '' } of values) {
    const value = given ?? 0;
    const bound = labels['le'];
    if (bound !== undefined) {
      const edge = bound === '+Inf' ? Infinity : Number(bound);
      buckets.set(edge, (buckets.get(edge) ?? 0) + value);
    } else if (part.endsWith('_sum')) sum += value;
    else if (part.endsWith('_count')) count += value;
  }
  return { sum, count, buckets };
}

/** The value that this part of what happened in between did not exceed, as exactly as the buckets tell. */
export function quantileBetween(part: number, before: Histogram, after: Histogram): number | undefined {
  const count = after.count - before.count;
  if (count <= 0) return undefined;
  const edges = [...after.buckets.keys()].sort((one, other) => one - other);
  let below = 0;
  let lower = 0;
  for (const edge of edges) {
    const upTo = (after.buckets.get(edge) ?? 0) - (before.buckets.get(edge) ?? 0);
    if (upTo >= part * count)
      return edge === Infinity ? lower : lower + ((edge - lower) * (part * count - below)) / Math.max(1, upTo - below);
    below = upTo;
    lower = edge;
  }
  return lower;
}
