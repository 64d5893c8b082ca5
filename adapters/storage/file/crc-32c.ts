// The checksum of LevelDB's files: CRC-32C, masked. Node offers CRC-32 with another polynomial only.

const CASTAGNOLI_REFLECTED = 0x82f63b78;
const MASK_DELTA = 0xa282ead8;

const TABLE = Int32Array.from({ length: 256 }, (_, n) => {
  let crc = n;
  for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ CASTAGNOLI_REFLECTED : crc >>> 1;
  return crc;
});

/**
 * The checksum of the bytes from `start` up to `end`. LevelDB rotates it and adds a constant, because data may contain
 * checksums.
 */
export function maskedCrc32c(bytes: Uint8Array, start: number, end: number): number {
  let crc = -1;
  for (let i = start; i < end; i++) crc = (TABLE[(crc ^ (bytes[i] as number)) & 0xff] as number) ^ (crc >>> 8);
  crc = ~crc;
  return (((crc >>> 15) | (crc << 17)) + MASK_DELTA) >>> 0;
}
