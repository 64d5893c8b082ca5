// Log lines and an output that is full, slow or gone: what is written, what is dropped, and that the count is logged.
import { describe, expect, test } from '@jest/globals';
import { LineWriter } from '../../../adapters/observability/log/line-writer.js';
import type { LineOutput } from '../../../adapters/observability/log/line-writer.js';

type Done = Parameters<LineOutput['write']>[1];

const errorOf = (code: string): NodeJS.ErrnoException => Object.assign(new Error(code), { code });

class HandOutput implements LineOutput {
  text = '';
  #pending: { readonly bytes: Buffer; readonly done: Done } | undefined;

  get isWriting(): boolean {
    return this.#pending !== undefined;
  }

  write(bytes: Buffer, done: Done): void {
    if (this.isWriting) throw new Error('two writes at once');
    this.#pending = { bytes, done };
  }

  writeNow(bytes: Buffer): void {
    this.text += bytes.toString();
  }

  canRetry({ code }: NodeJS.ErrnoException): boolean {
    return code !== 'EPIPE';
  }

  /** Ends the write under way, of which it takes so many bytes. */
  take(bytesMax = Infinity): void {
    const { bytes, done } = this.#end();
    const taken = bytes.subarray(0, Math.min(bytesMax, bytes.byteLength));
    this.text += taken.toString();
    done(null, taken.byteLength);
  }

  fail(code: string): void {
    this.#end().done(errorOf(code), 0);
  }

  takeAll(): void {
    while (this.isWriting) this.take();
  }

  #end(): { readonly bytes: Buffer; readonly done: Done } {
    const pending = this.#pending;
    if (pending === undefined) throw new Error('no write is under way');
    this.#pending = undefined;
    return pending;
  }
}

function writing(bytesMax?: number) {
  const output = new HandOutput();
  const retries: (() => void)[] = [];
  const writer: LineWriter = new LineWriter({
    output,
    ...(bytesMax === undefined ? {} : { bytesMax }),
    retryLater: (callback) => void retries.push(callback),
    onDropped: (count, cause) => {
      writer.write(`${count} dropped (${cause ?? 'slow'})\n`);
    },
  });
  return { output, writer, retry: () => retries.shift()?.() };
}

const numbers = (from: number, to: number): string =>
  Array.from({ length: to - from + 1 }, (_, index) => `${from + index}\n`).join('');

describe('lines', () => {
  test('lines arrive in their order, and those that come during a write are written together', () => {
    const { output, writer } = writing();
    for (let line = 1; line <= 3; line++) writer.write(`${line}\n`);
    output.take();
    expect(output.text).toBe('1\n');
    output.take();
    expect(output.text).toBe('1\n2\n3\n');
    expect(output.isWriting).toBe(false);
  });

  test('a failed write is tried again, from the byte that is missing', () => {
    const { output, writer, retry } = writing();
    writer.write('temperature\n');
    output.take(4);
    output.fail('ENOSPC');
    expect(output.isWriting).toBe(false);
    retry();
    output.takeAll();
    expect(output.text).toBe('temperature\n');
  });
});

describe('lines beyond the bound', () => {
  test('an output that takes nothing holds no more than the bound, and gets their count when it takes lines again', () => {
    const { output, writer } = writing(1000);
    for (let line = 1; line <= 1000; line++) writer.write(`${line}\n`);
    output.takeAll();
    const kept = Number(/(\d+)\n\d+ dropped/.exec(output.text)?.[1]);
    expect(kept).toBeLessThan(20);
    expect(output.text).toBe(`${numbers(1, kept)}${1000 - kept} dropped (slow)\n`);
    writer.write('later\n');
    output.takeAll();
    expect(output.text).toMatch(/dropped \(slow\)\nlater\n$/);
  });

  test('the count names the error that kept the lines from being written', () => {
    const { output, writer, retry } = writing(1000);
    writer.write('first\n');
    output.fail('ENOSPC');
    for (let line = 1; line <= 100; line++) writer.write(`${line}\n`);
    retry();
    output.fail('ENOSPC');
    retry();
    output.takeAll();
    expect(output.text).toMatch(/^first\n(\d+\n)+\d+ dropped \(ENOSPC\)\n$/);
  });

  test('an error that is over is not the cause of lines that are dropped later', () => {
    const { output, writer, retry } = writing(1000);
    writer.write('first\n');
    output.fail('EIO');
    retry();
    output.takeAll();
    for (let line = 1; line <= 100; line++) writer.write(`${line}\n`);
    output.takeAll();
    expect(output.text).toMatch(/dropped \(slow\)\n$/);
  });

  test('after the reader has gone, nothing is written and nothing is held', () => {
    const { output, writer } = writing();
    writer.write('first\n');
    writer.write('second\n');
    output.fail('EPIPE');
    writer.write('third\n');
    writer.flush();
    expect({ text: output.text, isWriting: output.isWriting }).toEqual({ text: '', isWriting: false });
  });
});

test('a flush writes what waits behind the write under way', () => {
  const { output, writer } = writing();
  for (const line of ['first\n', 'second\n', 'third\n']) writer.write(line);
  writer.flush();
  expect(output.text).toBe('second\nthird\n');
});
