// Metrics of a plugin, beside those of the broker. Names are completed to `hexmq_plugin_PLUGIN_NAME`, with underscores
// for hyphens.
import { port } from './token.js';

/** The values of the labels of one time series. */
export type MetricLabels = Readonly<Record<string, string>>;

/** A number that only grows. */
export interface Counter {
  /**
   * @param by not negative. Default 1.
   * @throws RangeError for another number.
   */
  increment(by?: number, labels?: MetricLabels): void;
}

/** A number that goes up and down. */
export interface Gauge {
  set(value: number, labels?: MetricLabels): void;
}

/** A distribution of numbers. */
export interface Distribution {
  observe(value: number): void;
}

/**
 * Makes metrics. Each method throws a TypeError for a name that is not lower case letters, digits and underscores, or
 * that this plugin has used already. A metric has 1,000 time series at most; what belongs to further ones is counted
 * under the label value `other`.
 */
export interface MetricsRegistry {
  /** @param name ends with `_total`. @param labels the names of its labels. */
  counter(name: string, help: string, labels?: readonly string[]): Counter;
  gauge(name: string, help: string, labels?: readonly string[]): Gauge;
  /** @param bounds the upper bounds of the buckets, ascending. */
  histogram(name: string, help: string, bounds: readonly number[]): Distribution;
}

/** Injection token of a plugin's metrics. */
export const MetricsRegistry = port<MetricsRegistry>('MetricsRegistry');
