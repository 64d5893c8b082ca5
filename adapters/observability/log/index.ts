// The event log: one structured line for each thing that happened, on standard error. It decides how loud each kind of notice is and keeps a
// flood of them from becoming a flood of lines; what happens at all, and why, is the core's to say.
import { destination as fileDestination, pino, stdTimeFunctions } from 'pino';
import type { Logger } from 'pino';
import type { Clock, LifecycleNotice, Notice, Telemetry } from 'hexmq/ports';
import { FloodGate } from './flood-gate.js';
import { humanLines } from './human-lines.js';
import type { LogDestination } from './human-lines.js';
import { Outages } from './outages.js';
import { burstOf, levelOf, sentenceOf } from './wording.js';
import type { NoticeLevel } from './wording.js';

export type LogLevel = NoticeLevel | 'silent';

export type { LogDestination } from './human-lines.js';

export interface LogOptions {
  /** Default `info`. */
  readonly level?: LogLevel;
  /** Default standard error: lines for people on a terminal, JSON otherwise. */
  readonly destination?: LogDestination;
}

export interface LogComponents {
  readonly clock: Clock;
}

const STANDARD_ERROR = 2;

export function createTelemetry(options: LogOptions, components: LogComponents): Telemetry {
  return new LogTelemetry(options, components.clock);
}

class LogTelemetry implements Telemetry {
  readonly #logger: Logger;
  readonly #flush: () => void;
  readonly #gate: FloodGate;
  readonly #outages = new Outages();

  constructor(
    options: LogOptions,
    readonly clock: Clock,
  ) {
    const { destination, flush } = openDestination(options.destination);
    this.#flush = flush;
    this.#logger = pino(
      {
        level: options.level ?? 'info',
        // No process id and host name on each line: whoever collects logs adds them, and a person does not want them.
        base: null,
        timestamp: stdTimeFunctions.isoTime,
        formatters: { level: (label) => ({ level: label }) },
      },
      destination,
    );
    this.#gate = new FloodGate(clock, (notice, count, seconds) => {
      const fields =
        'reason' in notice ? { event: notice.kind, reason: notice.reason, count } : { event: notice.kind, count };
      this.#logger[levelOf(notice)](fields, `${sentenceOf(notice)}: ${count} more in ${seconds} s`);
    });
  }

  notice(notice: Notice | LifecycleNotice): void {
    if (notice.kind === 'stopped' || notice.kind === 'fatal') this.#gate.close();
    if (
      (notice.kind === 'storage-failing' || notice.kind === 'storage-recovered') &&
      !this.#outages.admits(notice, this.clock.nowMs())
    )
      return;
    const level = levelOf(notice);
    if (this.#logger.isLevelEnabled(level) && this.#gate.admits(notice, burstOf(notice))) this.#log(level, notice);
    // After a clean stop the process waits for its last lines by itself; after a fault it may not get the time.
    if (notice.kind === 'fatal') this.#flush();
  }

  #log(level: NoticeLevel, notice: Notice | LifecycleNotice): void {
    if (notice.kind === 'fatal') {
      this.#logger[level]({ event: notice.kind, err: notice.error }, sentenceOf(notice));
      return;
    }
    const { kind, ...fields } = notice;
    this.#logger[level]({ event: kind, ...fields }, sentenceOf(notice));
  }
}

function openDestination(given: LogDestination | undefined): { destination: LogDestination; flush: () => void } {
  if (given !== undefined) return { destination: given, flush: () => undefined };
  if (process.stderr.isTTY) return { destination: humanLines(process.stderr), flush: () => undefined };
  // Lines are written behind the event loop's back; at the end we wait for them.
  const file = fileDestination({ fd: STANDARD_ERROR, sync: false });
  return {
    destination: file,
    flush: () => {
      file.flushSync();
    },
  };
}
