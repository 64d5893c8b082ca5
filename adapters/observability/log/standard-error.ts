// Standard error as a place for log lines. Node writes to a file or a terminal synchronously, so a terminal that is
// stopped (Ctrl-S) would stop the broker; and a thread that writes to a pipe that is not read cannot be ended. Here a
// file is written by a thread, and everything else by the event loop when there is room.
import { fstatSync, write, writeSync } from 'node:fs';
import type { LineOutput } from './line-writer.js';

const FD = 2;

export function standardError(): LineOutput {
  const { stderr } = process;
  return stderr.isTTY || isStream() ? streamOutput(stderr) : fileOutput;
}

function isStream(): boolean {
  try {
    const stats = fstatSync(FD);
    return stats.isFIFO() || stats.isSocket();
  } catch {
    return false;
  }
}

/** Also for devices such as `/dev/null`. A full disk may have room again, so every error can be retried. */
const fileOutput: LineOutput = {
  write: (bytes, done) => {
    write(FD, bytes, done);
  },
  writeNow: (bytes) => {
    for (let rest = bytes; rest.byteLength > 0;) rest = rest.subarray(writeSync(FD, rest));
  },
  canRetry: () => true,
};

function streamOutput(stream: NodeJS.WriteStream): LineOutput {
  if (stream.isTTY) writeTerminalWithoutBlocking(stream);
  if (!stream.listeners('error').includes(ignore)) stream.on('error', ignore);
  return {
    write: (bytes, done) => {
      stream.write(bytes, (error) => {
        done(error, bytes.byteLength);
      });
    },
    writeNow: (bytes) => {
      stream.write(bytes);
    },
    // The reader has gone, and does not come back.
    canRetry: () => false,
  };
}

/** Each write reports its error too; without a listener, the error would end the process. */
const ignore = (): void => undefined;

/** Node makes writes to terminals block, and has no public way to change that. */
function writeTerminalWithoutBlocking(terminal: NodeJS.WriteStream): void {
  const { _handle: handle } = terminal as { _handle?: { setBlocking?: (isBlocking: boolean) => unknown } };
  handle?.setBlocking?.(false);
}
