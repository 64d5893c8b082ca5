// How much room bytes on their way to a connection are given.
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

describe('the room for output', () => {
  test('begins as large as it was needed the last time', () => {
    const output = new OutputBuffer();
    expect(firstRoom(output)).toBe(256);
    expect(written(output, 20_000)).toBe(32_768);
    expect(firstRoom(output)).toBe(32_768);
  });

  test('is small again after little was said', () => {
    const output = new OutputBuffer();
    written(output, 20_000);
    firstRoom(output);
    expect(firstRoom(output)).toBe(256);
  });

  test('does not begin with more than 64 KiB, however much was said', () => {
    const output = new OutputBuffer();
    expect(written(output, 200_000)).toBe(262_144);
    expect(firstRoom(output)).toBeLessThanOrEqual(65_536);
  });

  test('is none while nothing is said', () => {
    const output = new OutputBuffer();
    written(output, 20_000);
    expect(output.bytes).toHaveLength(0);
  });
});
