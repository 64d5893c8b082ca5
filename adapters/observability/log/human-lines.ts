// Log lines for a terminal: `12:00:01.250Z warn  message dropped reason=queue-full`. They have all fields of the JSON.
import { safeJson, safeLines } from './safe-text.js';

export interface LogDestination {
  write(line: string): void;
}

export function humanLines(terminal: LogDestination): LogDestination {
  return {
    write: (line) => {
      terminal.write(`${humanLine(line)}\n`);
    },
  };
}

export function humanLine(json: string): string {
  const { time, level, msg, event: _event, err, ...fields } = JSON.parse(json) as Record<string, unknown>;
  // With its zone, as the JSON has it: the clock of the reader may show another time.
  const words = [String(time).slice(11), String(level).padEnd(5), safeLines(String(msg))];
  for (const [key, value] of Object.entries(fields))
    words.push(`${key}=${typeof value === 'string' ? quoted(value) : safeJson(JSON.stringify(value))}`);
  if (err !== undefined) words.push(`\n${safeLines((err as { stack?: string }).stack ?? JSON.stringify(err))}`);
  return words.join(' ');
}

/** Quotes a value as JSON, because clients choose it and could send control characters to the terminal. */
function quoted(value: string): string {
  return /^[\w.:/@+-]+$/.test(value) ? value : safeJson(JSON.stringify(value));
}
