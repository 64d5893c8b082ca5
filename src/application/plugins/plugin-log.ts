// The log of one plugin: its lines become events. Their length and their number are bounded, because an event goes to
// every observer.
import type { Clock } from '../../ports/clock.js';
import type { LogFields, PluginLogger } from '../../ports/services.js';
import type { LifecycleEvent } from '../../ports/telemetry.js';

const TEXT_CHARACTERS_MAX = 4096;
const LINES_MAX = 100;
const PERIOD_MS = 10_000;

type Severity = Extract<LifecycleEvent, { kind: 'plugin-log' }>['severity'];

export class PluginLog implements PluginLogger {
  readonly #plugin: string;
  readonly #clock: Clock;
  readonly #emit: (event: LifecycleEvent) => void;
  #periodEndMs = -Infinity;
  #lines = 0;
  #suppressed = 0;

  constructor(plugin: string, clock: Clock, emit: (event: LifecycleEvent) => void) {
    this.#plugin = plugin;
    this.#clock = clock;
    this.#emit = emit;
  }

  debug(text: string, fields?: LogFields): void {
    this.#write('debug', text, fields);
  }

  info(text: string, fields?: LogFields): void {
    this.#write('info', text, fields);
  }

  warn(text: string, fields?: LogFields): void {
    this.#write('warn', text, fields);
  }

  error(text: string, fields?: LogFields): void {
    this.#write('error', text, fields);
  }

  #write(severity: Severity, text: string, fields: LogFields | undefined): void {
    const nowMs = this.#clock.nowMs();
    if (nowMs >= this.#periodEndMs) {
      this.#periodEndMs = nowMs + PERIOD_MS;
      this.#lines = 0;
    }
    if (this.#lines >= LINES_MAX) {
      this.#suppressed++;
      return;
    }
    this.#lines++;
    const suppressed = this.#suppressed;
    this.#suppressed = 0;
    this.#emit({
      kind: 'plugin-log',
      plugin: this.#plugin,
      severity,
      text: String(text).slice(0, TEXT_CHARACTERS_MAX),
      fields: fieldsText(fields),
      ...(suppressed === 0 ? {} : { suppressed }),
    });
  }
}

/** As JSON, because they are read long after the plugin may have changed them. */
function fieldsText(fields: LogFields | undefined): string | undefined {
  if (fields === undefined) return undefined;
  try {
    return JSON.stringify(fields, plain).slice(0, TEXT_CHARACTERS_MAX);
  } catch {
    // A cycle, or a getter that throws.
    return '"fields that are not JSON"';
  }
}

const plain = (_key: string, value: unknown): unknown => {
  if (typeof value === 'bigint') return value.toString();
  return value instanceof Error ? value.message : value;
};
