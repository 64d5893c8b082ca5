// Views of parts of the chunk that is being decoded. To ask an array for its buffer costs as much as to make a view of
// it, so both the buffer and the words of the chunk that was used last are kept: many packets lie in one chunk.

/** More is not kept: one chunk of this size stays in memory, wherever the next one comes from. */
const KEPT_BYTES_MAX = 64 * 1024;

let latest: Uint8Array | undefined;
let buffer: ArrayBufferLike = new ArrayBuffer(0);
let byteOffset = 0;
let words: DataView = new DataView(new ArrayBuffer(0));

/** `bytes.subarray(from, to)`, faster. */
export function viewOf(bytes: Uint8Array, from: number, to: number): Uint8Array {
  if (bytes === latest || keep(bytes)) return new Uint8Array(buffer, byteOffset + from, to - from);
  return new Uint8Array(bytes.buffer, bytes.byteOffset + from, to - from);
}

/** To read several of `bytes` at once. Its offsets are those of `bytes`. */
export function wordsOf(bytes: Uint8Array): DataView {
  if (bytes === latest || keep(bytes)) return words;
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

function keep(bytes: Uint8Array): boolean {
  if (bytes.buffer.byteLength > KEPT_BYTES_MAX) return false;
  latest = bytes;
  ({ buffer, byteOffset } = bytes);
  words = new DataView(buffer, byteOffset, bytes.length);
  return true;
}
