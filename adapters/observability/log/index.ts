// The event log: one structured line per event, on standard error or in a file. It chooses the level of each kind of
// event and limits the lines that clients can cause.
import { pino, stdTimeFunctions } from 'pino';
import type { Logger } from 'pino';
import { burstOf, describeEvent, levelOf } from 'hexmq/ports';
import type { BrokerEvent, Clock, EventLevel, LifecycleEvent, LogLevel, Telemetry } from 'hexmq/ports';
import { LogRateLimiter } from './log-rate-limiter.js';
import { openDestination } from './destination.js';
import type { LogFormat, OpenDestination } from './destination.js';
import type { LogDestination } from './human-lines.js';
import { OutageFilter } from './outage-filter.js';
import { probedBy, ProbeFilter } from './probe-filter.js';
import type { ProbeLine } from './probe-filter.js';
import { safeJson } from './safe-text.js';

export type { LogFormat } from './destination.js';
export type { LogDestination } from './human-lines.js';

export interface LogOptions {
  /** Default `info`. */
  readonly level?: LogLevel;
  /** Whether lines say which user a client gave. Default true. */
  readonly userNames?: boolean;
  /** Default: text on a terminal, JSON otherwise. */
  readonly format?: LogFormat | undefined;
  /** A file to append to, made if there is none. Default: standard error. */
  readonly file?: string | undefined;
  /** In place of standard error and of a file; takes JSON. */
  readonly destination?: LogDestination;
}

export interface LogComponents {
  readonly clock: Clock;
}

export function createTelemetry(options: LogOptions, components: LogComponents): Telemetry {
  return new LogTelemetry(options, components.clock);
}

class LogTelemetry implements Telemetry {
  readonly #logger: Logger;
  readonly #destination: OpenDestination;
  readonly #rateLimiter: LogRateLimiter;
  readonly #outageFilter = new OutageFilter();
  readonly #probeFilter = new ProbeFilter();

  constructor(
    readonly options: LogOptions,
    readonly clock: Clock,
  ) {
    this.#destination = openDestination(options, {
      onDropped: (count, cause) => {
        this.#reportDropped(count, cause);
      },
      onFailing: ({ message: error }) => {
        this.#reportOnStandardError({ event: 'log-failing', error }, 'the log file cannot be written; lines wait');
      },
    });
    this.#logger = loggerTo(this.#destination.lines, options.level ?? 'info');
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
    if (event.kind === 'fatal') this.#destination.flush();
  }

  reopen(): boolean {
    const { file } = this.#destination;
    if (file === undefined) return false;
    try {
      file.reopen();
      this.#logger.info({ event: 'log-reopened', file: file.path }, 'the log continues in this file');
    } catch (error) {
      const fields = { event: 'log-reopen-failed', file: file.path, error: (error as Error).message };
      const text = 'the log file cannot be opened again; the log continues in the previous one';
      this.#logger.error(fields, text);
      this.#reportOnStandardError(fields, text);
    }
    return true;
  }

  #reportOnStandardError(fields: object, text: string): void {
    loggerTo(this.#destination.lastResort, this.level).error(fields, text);
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

function loggerTo(lines: LogDestination, level: LogLevel): Logger {
  return pino(
    {
      level,
      // No process id and host name: log collectors add them, and humans do not need them.
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    {
      write: (line) => {
        lines.write(safeJson(line));
      },
    },
  );
}
