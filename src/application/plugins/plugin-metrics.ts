// The metrics of all plugins, as numbers that are read when they are wanted.
import type { HistogramReading } from '../../ports/measures.js';
import type { Counter, Distribution, Gauge, MetricLabels, MetricsRegistry } from '../../ports/metrics-registry.js';
import { Histogram } from '../histogram.js';

const SERIES_MAX = 1000;
const NAME = /^[a-z][a-z0-9_]*$/;

/** One time series, and its value now. */
export interface PluginSample {
  readonly labels: MetricLabels;
  readonly value: number;
}

/** A metric of a plugin. */
export interface PluginMetric {
  readonly name: `hexmq_${string}`;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  read(): readonly PluginSample[] | HistogramReading;
}

export class PluginMetrics {
  readonly #metrics = new Map<string, PluginMetric>();

  /** All of them, in the order in which they were made. */
  get all(): Iterable<PluginMetric> {
    return this.#metrics.values();
  }

  /** What one plugin makes its metrics with. */
  of(plugin: string): MetricsRegistry {
    const prefix = `hexmq_plugin_${plugin.replaceAll('-', '_')}_` as const;
    const series = (name: string, type: 'counter' | 'gauge', help: string, labels: readonly string[]): Series => {
      const made = new Series(labels);
      this.#add({ name: `${prefix}${name}`, type, help, read: () => made.read() }, name);
      return made;
    };
    return {
      counter: (name, help, labels = []): Counter => {
        if (!name.endsWith('_total')) throw new TypeError(`metric "${name}": expected a name that ends with _total`);
        const made = series(name, 'counter', help, labels);
        return {
          increment: (by = 1, of = {}) => {
            if (!(by >= 0)) throw new RangeError(`metric "${name}": ${by} is not valid, expected a number from 0 on`);
            made.change(of, (value) => value + by);
          },
        };
      },
      gauge: (name, help, labels = []): Gauge => {
        const made = series(name, 'gauge', help, labels);
        return {
          set: (value, of = {}) => {
            made.change(of, () => value);
          },
        };
      },
      histogram: (name, help, bounds): Distribution => {
        const made = new Histogram(bounds);
        this.#add({ name: `${prefix}${name}`, type: 'histogram', help, read: () => made.read() }, name);
        return made;
      },
    };
  }

  #add(metric: PluginMetric, name: string): void {
    if (!NAME.test(name)) throw new TypeError(`metric "${name}": expected lower case letters, digits and underscores`);
    if (metric.help === '') throw new TypeError(`metric "${name}": the help is empty, expected a sentence`);
    if (this.#metrics.has(metric.name)) throw new TypeError(`metric "${name}": there is one already`);
    this.#metrics.set(metric.name, metric);
  }
}

/** The time series of one metric, by the values of its labels. */
class Series {
  readonly #labels: readonly string[];
  readonly #samples = new Map<string, { readonly labels: MetricLabels; value: number }>();

  constructor(labels: readonly string[]) {
    this.#labels = labels;
    // A metric without labels is there from the beginning.
    if (labels.length === 0) this.change({}, () => 0);
  }

  change(given: MetricLabels, next: (value: number) => number): void {
    const sample = this.#sampleOf((label) => String(given[label] ?? ''));
    sample.value = next(sample.value);
  }

  #sampleOf(valueOf: (label: string) => string): { value: number } {
    const labels = Object.fromEntries(this.#labels.map((label) => [label, valueOf(label)]));
    const key = JSON.stringify(Object.values(labels));
    const known = this.#samples.get(key);
    if (known !== undefined) return known;
    if (this.#samples.size >= SERIES_MAX - 1 && valueOf !== other) return this.#sampleOf(other);
    const made = { labels, value: 0 };
    this.#samples.set(key, made);
    return made;
  }

  read(): readonly PluginSample[] {
    return [...this.#samples.values()].map(({ labels, value }) => ({ labels, value }));
  }
}

const other = (): string => 'other';
