// The event log: one structured line per event, on standard error. It chooses the level of each kind of event and
// limits the lines that clients can cause.
import { pino, stdTimeFunctions } from 'pino';
import type { Logger } from 'pino';
import type { BrokerEvent, Clock, LifecycleEvent, LogLevel, Telemetry } from 'hexmq/ports';
import { LogRateLimiter } from './log-rate-limiter.js';
import { humanLines } from './human-lines.js';
import type { LogDestination } from './human-lines.js';
import { LineWriter } from './line-writer.js';
import { OutageFilter } from './outage-filter.js';
import { probedBy, ProbeFilter } from './probe-filter.js';
import type { ProbeLine } from './probe-filter.js';
import { safeJson } from './safe-text.js';
import { standardError } from './standard-error.js';
import { burstOf, levelOf, describeEvent } from './messages.js';
import type { EventLevel } from './messages.js';

export type { LogDestination } from './human-lines.js';

export interface LogOptions {
  /** Default `info`. */
  readonly level?: LogLevel;
  /** Whether lines say which user a client gave. Default true. */
  readonly userNames?: boolean;
  /** Default: standard error, as text on a terminal and as JSON otherwise. */
  readonly destination?: LogDestination;
}

export interface LogComponents {
  readonly clock: Clock;
}

/** How long after a failed write it is tried again. */
const RETRY_MS = 1000;

export function createTelemetry(options: LogOptions, components: LogComponents): Telemetry {
  return new LogTelemetry(options, components.clock);
}

class LogTelemetry implements Telemetry {
  readonly #logger: Logger;
  readonly #flush: () => void;
  readonly #rateLimiter: LogRateLimiter;
  readonly #outageFilter = new OutageFilter();
  readonly #probeFilter = new ProbeFilter();

  constructor(
    readonly options: LogOptions,
    readonly clock: Clock,
  ) {
    const { destination, flush } = openDestination(options.destination, (count, cause) => {
      this.#reportDropped(count, cause);
    });
    this.#flush = flush;
    this.#logger = pino(
      {
        level: options.level ?? 'info',
        // No process id and host name: log collectors add them, and humans do not need them.
        base: null,
        timestamp: stdTimeFunctions.isoTime,
        formatters: { level: (label) => ({ level: label }) },
      },
      {
        write: (line) => {
          destination.write(safeJson(line));
        },
      },
    );
    this.#rateLimiter = new LogRateLimiter(clock, (event, { count, seconds, queues, inOtherQueues }) => {
      const fields = {
        event: event.kind,
        ...('reason' in event ? { reason: event.reason } : {}),
        count,
        ...(queues === undefined ? {} : { queues }),
        ...(inOtherQueues === 0 ? {} : { inOtherQueues }),
      };
      this.#logger[levelOf(event)](fields, `${describeEvent(event)}: ${count} more in ${seconds} s`);
    });
  }

  get level(): LogLevel {
    return this.#logger.level as LogLevel;
  }

  set level(level: LogLevel) {
    this.#logger.level = level;
  }

  emit(event: BrokerEvent | LifecycleEvent): void {
    if (event.kind === 'stopped' || event.kind === 'fatal') this.#rateLimiter.close();
    if (
      (event.kind === 'storage-failing' || event.kind === 'storage-recovered') &&
      !this.#outageFilter.allows(event, this.clock.nowMs())
    )
      return;
    const level = levelOf(event);
    if (this.#logger.isLevelEnabled(level)) {
      const more = this.#aboutProbes(event);
      if (more !== undefined && this.#rateLimiter.allows(event, burstOf(event))) this.#log(level, event, more);
    }
    // After a clean stop the process waits for its last lines by itself; after a fault it may not have the time.
    if (event.kind === 'fatal') this.#flush();
  }

  /** At any level of the log: the reader has to know that it has a gap. */
  #reportDropped(count: number, cause: string | undefined): void {
    const why = cause === undefined ? 'they were not read fast enough' : `they could not be written (${cause})`;
    this.#logger
      .child({}, { level: 'warn' })
      .warn({ event: 'log-lines-dropped', count, cause }, `${count} log lines dropped here: ${why}`);
  }

  /** At level debug, every probe has its line. */
  #aboutProbes(event: BrokerEvent | LifecycleEvent): ProbeLine {
    const address = this.#logger.isLevelEnabled('debug') ? undefined : probedBy(event);
    return address === undefined ? {} : this.#probeFilter.lineFor(address, this.clock.nowMs());
  }

  #log(level: EventLevel, event: BrokerEvent | LifecycleEvent, more: NonNullable<ProbeLine>): void {
    if (event.kind === 'fatal') {
      this.#logger[level]({ event: event.kind, err: event.error }, describeEvent(event));
      return;
    }
    const { kind, ...fields } = event;
    const shown =
      this.options.userNames === false && 'userName' in fields ? { ...fields, userName: undefined } : fields;
    this.#logger[level]({ event: kind, ...shown, ...more }, describeEvent(event));
  }
}

function openDestination(
  given: LogDestination | undefined,
  onDropped: (count: number, cause: string | undefined) => void,
): { destination: LogDestination; flush: () => void } {
  if (given !== undefined) return { destination: given, flush: () => undefined };
  const writer = new LineWriter({
    output: standardError(),
    retryLater: (callback) => void setTimeout(callback, RETRY_MS).unref(),
    onDropped,
  });
  return {
    destination: process.stderr.isTTY ? humanLines(writer) : writer,
    flush: () => {
      writer.flush();
    },
  };
}
