// The last minutes of the broker, as the charts show them: a sample every two seconds while the page is visible, kept
// over changes of the page. Rates are differences of counters.
import { useEffect, useState } from 'preact/hooks';
import { ApiError, call } from '../api.js';
import type { AnswerOf } from '../api.js';
import { asApiError, whileVisible } from './load.js';
import { histogram, metricsOf, quantileBetween } from './metrics.js';
import type { Metrics } from './metrics.js';

export type Status = AnswerOf<'status'>;

const EVERY_MS = 2000;
const SAMPLES_MAX = 300;
/** A longer gap is shown as one, for example while the page was hidden. */
const GAP_S = 10;

/** What is drawn, by name; `null` where it is not known. */
export const SERIES = [
  'accepted',
  'delivered',
  'dropped',
  'connections',
  'backlog',
  'commit',
  'commitP99',
  'loop',
] as const;
export type SeriesName = (typeof SERIES)[number];
type Sample = Readonly<Record<SeriesName, number | null>>;

/** A histogram, in seconds: docs/metrics.md. */
const COMMIT = 'hexmq_storage_commit_duration_seconds';
/** In seconds, over the last scrapes. */
const LOOP_P99 = 'nodejs_eventloop_lag_p99_seconds';

interface Look {
  readonly atS: number;
  readonly status: Status;
  readonly metrics: Metrics | undefined;
}

export interface Live {
  readonly status: Status | undefined;
  readonly error: ApiError | undefined;
  /** Whether the broker offers metrics; `undefined` until that is known. */
  readonly hasMetrics: boolean | undefined;
  readonly times: readonly number[];
  readonly series: Readonly<Record<SeriesName, readonly (number | null)[]>>;
}

const EMPTY: Live = {
  status: undefined,
  error: undefined,
  hasMetrics: undefined,
  times: [],
  series: Object.fromEntries(SERIES.map((name) => [name, []])) as unknown as Live['series'],
};

let live = EMPTY;
let last: Look | undefined;
const observers = new Set<(next: Live) => void>();

function publish(next: Live): void {
  live = next;
  for (const observer of observers) observer(next);
}

/** Nothing of a broker stays on the page after its caller has gone. */
export function forgetSamples(): void {
  last = undefined;
  publish(EMPTY);
}

/** To be used once, by what is there all the time. */
export function useSampling(): void {
  useEffect(() => whileVisible(sample, EVERY_MS), []);
}

export function useLive(): Live {
  const [state, setState] = useState(live);
  useEffect(() => {
    observers.add(setState);
    setState(live);
    return () => {
      observers.delete(setState);
    };
  }, []);
  return state;
}

async function sample(): Promise<() => void> {
  try {
    const [status, metrics] = await Promise.all([call('status', {}), lookAtMetrics()]);
    return () => {
      add({ atS: Date.now() / 1000, status, metrics });
    };
  } catch (error) {
    return () => {
      publish({ ...live, error: asApiError(error) });
    };
  }
}

async function lookAtMetrics(): Promise<Metrics | undefined> {
  if (live.hasMetrics === false) return undefined;
  try {
    return metricsOf(await call('metrics', {}));
  } catch (error) {
    if (error instanceof ApiError && error.kind === 'unknown-operation') return undefined;
    throw error;
  }
}

function add(look: Look): void {
  const before = last;
  last = look;
  const isGap = before === undefined || look.atS - before.atS > GAP_S;
  const next = before === undefined || isGap ? withoutRates(look) : sampleOf(before, look);
  const keep = <T>(list: readonly T[], item: T): T[] => [...list.slice(1 - SAMPLES_MAX), item];
  publish({
    status: look.status,
    error: undefined,
    hasMetrics: look.metrics !== undefined,
    times: keep(live.times, look.atS),
    series: Object.fromEntries(
      SERIES.map((name) => [name, keep(live.series[name], next[name])]),
    ) as unknown as Live['series'],
  });
}

const withoutRates = ({ status }: Look): Sample => ({
  accepted: null,
  delivered: null,
  dropped: null,
  connections: status.connections,
  backlog: status.storage.uncommittedChanges,
  commit: null,
  commitP99: null,
  loop: null,
});

export const droppedIn = ({ messages }: Status): number =>
  Object.values(messages.dropped).reduce((sum, count) => sum + count, 0);

function sampleOf(before: Look, after: Look): Sample {
  const seconds = after.atS - before.atS;
  const rate = (count: (status: Status) => number): number =>
    Math.max(0, (count(after.status) - count(before.status)) / seconds);
  return {
    ...withoutRates(after),
    accepted: rate(({ messages }) => messages.accepted),
    delivered: rate(({ messages }) => messages.delivered),
    dropped: rate(droppedIn),
    commit: latency(COMMIT, 0.5, before, after),
    commitP99: latency(COMMIT, 0.99, before, after),
    loop: inMs(after.metrics?.get(LOOP_P99)?.values[0]?.value),
  };
}

const inMs = (seconds: number | null | undefined): number | null =>
  seconds === null || seconds === undefined ? null : seconds * 1000;

/** In milliseconds. */
function latency(name: string, part: number, before: Look, after: Look): number | null {
  if (before.metrics === undefined || after.metrics === undefined) return null;
  const [earlier, later] = [histogram(before.metrics, name), histogram(after.metrics, name)];
  if (earlier === undefined || later === undefined) return null;
  return inMs(quantileBetween(part, earlier, later));
}
