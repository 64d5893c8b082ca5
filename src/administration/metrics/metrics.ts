// The metrics of a running broker, as Prometheus takes them and as JSON. Reading them has a bounded cost; until then
// nothing of them is loaded.
import type { Registry } from 'prom-client';
import type { MetricsText } from '../../ports/index.js';
import type { BrokerParts } from '../broker-parts.js';
import { checksOf } from '../health.js';
import type { AnswerOf } from '../operations.js';
import { QueueSampling } from './queue-sampling.js';
import type { Current, registerExtra } from './registry.js';

export class Metrics {
  readonly #parts: BrokerParts;
  readonly #queues: QueueSampling;
  readonly #current: Current = { readings: undefined };
  #loaded: Promise<{ readonly registry: Registry; readonly register: typeof registerExtra }> | undefined;

  constructor(parts: BrokerParts) {
    this.#parts = parts;
    this.#queues = new QueueSampling(parts.control, parts.clock);
  }

  async text(): Promise<MetricsText> {
    const registry = await this.#read();
    return { contentType: registry.contentType, body: await registry.metrics() };
  }

  async json(): Promise<AnswerOf<'metrics'>> {
    const registry = await this.#read();
    const metrics = await registry.getMetricsAsJSON();
    return metrics.map(({ name, help, type, values = [] }) => ({
      name,
      help,
      type: String(type),
      values: (values as unknown as readonly JsonValue[]).map(({ metricName, labels, value }) => ({
        ...(metricName === undefined || metricName === name ? {} : { name: metricName }),
        labels: Object.fromEntries(Object.entries(labels ?? {}).map(([label, word]) => [label, String(word)])),
        value: Number.isFinite(value) ? value : null,
      })),
    }));
  }

  async #read(): Promise<Registry> {
    this.#loaded ??= import('./registry.js').then((module) => ({
      registry: module.createRegistry(this.#current),
      register: module.registerExtra,
    }));
    const { registry, register } = await this.#loaded;
    register(registry, this.#parts.pluginMetrics());
    const { measure, version, limits, storageState } = this.#parts;
    const measures = measure();
    this.#current.readings = {
      ...measures,
      version,
      queues: this.#queues.read(),
      limits: limits.current as Readonly<Record<string, unknown>>,
      isStorageWriting: storageState.isWriting,
      isStorageReading: storageState.isReading,
      checks: checksOf(this.#parts, measures),
    };
    return registry;
  }
}

interface JsonValue {
  readonly metricName?: string;
  readonly labels?: Readonly<Record<string, string | number>>;
  readonly value: number;
}
