// Payloads for the laws, and their comparison with what arrived in chunks.
import { ContractViolation, ensure, show } from '../compare.js';

/** More than a network holds in flight on one machine. */
export const LARGE_BYTES = 8 * 1024 * 1024;

/** Bytes in which a lost, repeated or displaced chunk shows. */
export function pattern(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let index = 0; index < length; index++) bytes[index] = (index * 31 + (index >> 8)) & 0xff;
  return bytes;
}

export function size(chunks: readonly Uint8Array[]): number {
  return chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0);
}

/** @throws ContractViolation with the first difference. */
export function ensureSame(what: string, expected: Uint8Array, chunks: readonly Uint8Array[]): void {
  const actual = new Uint8Array(size(chunks));
  let at = 0;
  for (const chunk of chunks) {
    actual.set(chunk, at);
    at += chunk.byteLength;
  }
  const difference = expected.findIndex((byte, index) => actual[index] !== byte);
  if (difference >= 0)
    throw new ContractViolation(
      `${what}: expected ${show(expected)}, got ${show(actual)}, which differs from byte ${String(difference)} on`,
    );
  ensure(
    actual.length === expected.length,
    `${what}: expected ${show(expected)}, got more: ${String(actual.length)} bytes`,
  );
}
