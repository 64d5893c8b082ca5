// Log lines for a terminal: `12:00:01.250 warn  message dropped reason=queue-full`. They have all fields of the JSON.

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
  const words = [String(time).slice(11, 23), String(level).padEnd(5), String(msg)];
  for (const [key, value] of Object.entries(fields))
    words.push(`${key}=${typeof value === 'string' ? quoted(value) : JSON.stringify(value)}`);
  if (err !== undefined) words.push(`\n${(err as { stack?: string }).stack ?? JSON.stringify(err)}`);
  return words.join(' ');
}

/**
 * Quotes a value as JSON, because clients choose client identifiers and topics and could send control characters to the
 * terminal. Those that JSON leaves as they are (DEL and the C1 controls) are escaped too.
 */
function quoted(value: string): string {
  if (/^[\w.:/@+-]+$/.test(value)) return value;
  return JSON.stringify(value).replace(
    /[\u007f-\u009f]/g,
    (control) => `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
