// Where the lines of the log go, and in which form: standard error or a file, JSON or text.
import { humanLines } from './human-lines.js';
import type { LogDestination } from './human-lines.js';
import { LineWriter } from './line-writer.js';
import type { LineOutput } from './line-writer.js';
import { LogFile } from './log-file.js';
import { standardError } from './standard-error.js';

export type LogFormat = 'json' | 'text';

/** How long after a failed write it is tried again. */
const RETRY_MS = 1000;

export interface DestinationOptions {
  readonly destination?: LogDestination;
  readonly format?: LogFormat | undefined;
  readonly file?: string | undefined;
}

export interface Reports {
  /** Lines were dropped, and there is room again for one that says so. */
  readonly onDropped: (count: number, cause: string | undefined) => void;
  /** The file cannot be written. */
  readonly onFailing: (error: NodeJS.ErrnoException) => void;
}

export interface OpenDestination {
  readonly lines: LogDestination;
  /** Standard error, for what the file cannot tell; without a file, the same as `lines`. */
  readonly lastResort: LogDestination;
  readonly file?: LogFile;
  /** Writes what goes at once, for a process that is about to end. */
  flush(): void;
}

export function openDestination(options: DestinationOptions, reports: Reports): OpenDestination {
  const { destination, format, file: path } = options;
  if (destination !== undefined) return { lines: destination, lastResort: destination, flush: () => undefined };
  const onStandardError = (onDropped: Reports['onDropped']): OpenDestination => {
    const isText = format === undefined ? process.stderr.isTTY : format === 'text';
    const { lines, flush } = through(standardError(), isText, onDropped);
    return { lines, lastResort: lines, flush };
  };
  if (path === undefined) return onStandardError(reports.onDropped);
  const file = new LogFile(path, reports.onFailing);
  const { lastResort } = onStandardError(() => undefined);
  return { ...through(file, format === 'text', reports.onDropped), lastResort, file };
}

function through(
  output: LineOutput,
  isText: boolean,
  onDropped: Reports['onDropped'],
): Pick<OpenDestination, 'lines' | 'flush'> {
  const writer = new LineWriter({
    output,
    retryLater: (callback) => void setTimeout(callback, RETRY_MS).unref(),
    onDropped,
  });
  return {
    lines: isText ? humanLines(writer) : writer,
    flush: () => {
      writer.flush();
    },
  };
}
