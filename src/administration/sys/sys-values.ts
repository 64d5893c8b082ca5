// The values below $SYS/broker/: taken at the start and then at each interval, and published where they have changed.
// Taking them reads what the parts of the broker count for themselves, so it costs the same whether or not a client
// has subscribed, and asks nothing of storage.
import type { Clock, Measures, Timer } from '../../ports/index.js';
import { SYS_LOADS, SYS_TOPICS } from './catalog.js';
import type { SysReadings } from './catalog.js';
import { MINUTE_MS, MovingAverage } from './moving-average.js';

export interface SysValuesParts {
  readonly intervalMs: number;
  readonly clock: Clock;
  readonly version: string;
  readonly measure: () => Measures;
  readonly heapBytes: () => number;
  /** @param topic below `$SYS/broker/`. */
  readonly announce: (topic: string, payload: Uint8Array, retain: boolean) => void;
}

const MINUTES = [1, 5, 15];

export class SysValues {
  readonly name = '$SYS';
  readonly #parts: SysValuesParts;
  readonly #last = new Map<string, string>();
  readonly #loads = SYS_LOADS.map(({ name, read }) => ({
    read,
    counted: 0,
    averages: MINUTES.map((minutes) => ({
      name: `load/${name}/${minutes}min`,
      average: new MovingAverage(minutes * MINUTE_MS),
    })),
  }));
  readonly #encoder = new TextEncoder();
  #maximumConnections = 0;
  #maximumHeapBytes = 0;
  #takenMs: number | undefined;
  #timer: Timer | undefined;

  constructor(parts: SysValuesParts) {
    this.#parts = parts;
  }

  start(): Promise<void> {
    this.#take();
    return Promise.resolve();
  }

  stop(): Promise<void> {
    this.#timer?.cancel();
    return Promise.resolve();
  }

  #take(): void {
    const { clock, intervalMs } = this.#parts;
    const nowMs = clock.nowMs();
    const readings = this.#read();
    for (const { name, read } of SYS_TOPICS) this.#publish(name, String(read(readings)));
    const duringMs = nowMs - (this.#takenMs ?? nowMs);
    for (const load of this.#loads) {
      const count = load.read(readings);
      for (const { name, average } of load.averages) {
        if (duringMs > 0) average.add(count - load.counted, duringMs);
        this.#publish(name, average.perMinute.toFixed(2));
      }
      load.counted = count;
    }
    this.#takenMs = nowMs;
    this.#timer = clock.at(nowMs + intervalMs, () => {
      this.#take();
    });
  }

  #read(): SysReadings {
    const { measure, version, heapBytes: readHeap } = this.#parts;
    const measures = measure();
    const heapBytes = readHeap();
    this.#maximumConnections = Math.max(this.#maximumConnections, measures.counts.connections);
    this.#maximumHeapBytes = Math.max(this.#maximumHeapBytes, heapBytes);
    const maxima = { maximumConnections: this.#maximumConnections, maximumHeapBytes: this.#maximumHeapBytes };
    return { ...measures, version, heapBytes, ...maxima };
  }

  #publish(name: string, value: string): void {
    if (this.#last.get(name) === value) return;
    this.#last.set(name, value);
    this.#parts.announce(`$SYS/broker/${name}`, this.#encoder.encode(value), true);
  }
}
