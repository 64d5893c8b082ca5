// Cuts bytes into lines of UTF-8. Lines end with LF and nothing else, because JSON strings may contain every other line
// separator of Unicode.
import { TransferError } from './transfer-error.js';

export interface Line {
  /** Counts from 1. */
  readonly number: number;
  readonly text: string;
}

const LF = 0x0a;
/** The largest payload, 256 MiB, in base64, and room for the rest. V8 limits strings to about 512 MiB. */
const LINE_BYTES_MAX = 400 * 1024 * 1024;

/** Empty lines count, but are not yielded. */
export async function* linesOf(chunks: AsyncIterable<Uint8Array>, lineBytesMax = LINE_BYTES_MAX): AsyncGenerator<Line> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let number = 0;
  let parts: Uint8Array[] = [];
  let length = 0;
  const add = (part: Uint8Array): void => {
    length += part.length;
    if (length > lineBytesMax)
      throw new TransferError(`line ${number + 1}: longer than ${lineBytesMax} bytes, expected a line of JSON`);
    parts.push(part);
  };
  const take = (): Line | undefined => {
    number++;
    const bytes = parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts);
    parts = [];
    length = 0;
    return bytes.length === 0 ? undefined : { number, text: decode(decoder, bytes, number) };
  };
  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf(LF); end >= 0; end = chunk.indexOf(LF, from)) {
      add(chunk.subarray(from, end));
      from = end + 1;
      const line = take();
      if (line !== undefined) yield line;
    }
    if (from < chunk.length) add(chunk.subarray(from));
  }
  const line = length > 0 ? take() : undefined;
  if (line !== undefined) yield line;
}

function decode(decoder: InstanceType<typeof TextDecoder>, bytes: Uint8Array, number: number): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw new TransferError(`line ${number}: not UTF-8, expected a line of JSON`);
  }
}
