// The size of the buffer for the output of a connection.
import { describe, expect, test } from '@jest/globals';
import { OutputBuffer } from '../../../src/application/output-buffer.js';

function written(output: OutputBuffer, bytes: number): number {
  for (let i = 0; i < bytes; i += 100) output.append(new Uint8Array(Math.min(100, bytes - i)));
  const room = output.bytes.length;
  expect(output.take()).toHaveLength(bytes);
  return room;
}

function firstRoom(output: OutputBuffer): number {
  output.append(Uint8Array.of(1));
  const room = output.bytes.length;
  output.take();
  return room;
}

describe('the output buffer', () => {
  test('the output buffer starts with the size that was needed the last time', () => {
    const output = new OutputBuffer();
    expect(firstRoom(output)).toBe(256);
    expect(written(output, 20_000)).toBe(32_768);
    expect(firstRoom(output)).toBe(32_768);
  });

  test('the output buffer is small again after little output', () => {
    const output = new OutputBuffer();
    written(output, 20_000);
    firstRoom(output);
    expect(firstRoom(output)).toBe(256);
  });

  test('the output buffer starts with at most 64 KiB, however much output there was', () => {
    const output = new OutputBuffer();
    expect(written(output, 200_000)).toBe(262_144);
    expect(firstRoom(output)).toBeLessThanOrEqual(65_536);
  });

  test('the output buffer takes no memory without output', () => {
    const output = new OutputBuffer();
    written(output, 20_000);
    expect(output.bytes).toHaveLength(0);
  });
});
