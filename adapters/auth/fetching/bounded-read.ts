// Reading a small configuration file with a bound on its size and messages that say what to do.
import { readRegularFileSync } from 'hexmq/ports';

/** @throws TypeError whose message does not repeat the path. */
export function boundedRead(path: string, maxBytes: number): Buffer {
  let bytes: Buffer;
  try {
    bytes = readRegularFileSync(path);
  } catch (error) {
    throw new TypeError(describe(error as NodeJS.ErrnoException), { cause: error });
  }
  if (bytes.length > maxBytes) throw new TypeError(`${bytes.length} bytes, expected at most ${maxBytes}`);
  return bytes;
}

function describe({ code, message }: NodeJS.ErrnoException): string {
  if (code === 'ENOENT') return 'there is no such file';
  return code === 'EACCES' ? 'not permitted; let the user who runs hexmq read it' : message;
}
