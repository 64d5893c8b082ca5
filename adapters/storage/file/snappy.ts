// Decompresses Snappy, in which LevelDB stores blocks: a length, then elements that are either bytes or references to
// bytes before them (google/snappy, format_description.txt).

const LITERAL = 0;
const COPY_1 = 1;
const COPY_2 = 2;

/** @throws RangeError if the bytes are not valid Snappy data. */
export function uncompress(bytes: Buffer): Buffer {
  let at = 0;
  let length = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes.readUInt8(at++);
    length += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) break;
  }
  const out = Buffer.alloc(length);
  let end = 0;
  while (at < bytes.length) {
    const tag = bytes.readUInt8(at++);
    const kind = tag & 3;
    let count = (tag >> 2) + 1;
    if (kind === LITERAL) {
      // The four highest counts say how many bytes hold the actual count.
      if (count > 60) {
        const countBytes = count - 60;
        count = bytes.readUIntLE(at, countBytes) + 1;
        at += countBytes;
      }
      if (end + count > length || at + count > bytes.length) throw new RangeError('a piece is too long');
      end += bytes.copy(out, end, at, at + count);
      at += count;
      continue;
    }
    let back: number;
    if (kind === COPY_1) {
      count = ((tag >> 2) & 7) + 4;
      back = ((tag >> 5) << 8) | bytes.readUInt8(at++);
    } else {
      const backBytes = kind === COPY_2 ? 2 : 4;
      back = bytes.readUIntLE(at, backBytes);
      at += backBytes;
    }
    if (back === 0 || back > end || end + count > length) throw new RangeError('a reference goes too far');
    // Byte by byte, because a reference may overlap the bytes that it writes.
    for (; count > 0; count--, end++) out[end] = out[end - back] as number;
  }
  if (end !== length) throw new RangeError('a piece is missing');
  return out;
}
