// What one stream holds for a reader that is slower than its records. The broker never waits for it: records beyond the
// bound are left out and counted, and once one is, all are until half of what waits has been taken, so that the reader
// sees one gap with one number instead of many.
import type { RecordStream } from '../ports/index.js';
import { charactersIn } from './pages.js';

export interface RecordBounds {
  readonly records: number;
  /** Of text in the records that wait. */
  readonly characters: number;
}

export const BOUNDS: RecordBounds = { records: 4000, characters: 1_048_576 };

export interface RecordBufferParts {
  readonly bounds?: RecordBounds;
  /** The record that stands for so many that were left out. */
  readonly missed: (count: number) => object;
  /** Called once, when nothing is taken any more. */
  readonly onClosed: () => void;
}

interface Waiting {
  readonly record: object;
  readonly characters: number;
}

export class RecordBuffer implements RecordStream {
  readonly #parts: RecordBufferParts;
  readonly #bounds: RecordBounds;
  #waiting: Waiting[] = [];
  /** The index of the first that waits: those before it have been taken. */
  #first = 0;
  #characters = 0;
  #missed = 0;
  #isOver = false;
  #wake: (() => void) | undefined;

  constructor(parts: RecordBufferParts) {
    this.#parts = parts;
    this.#bounds = parts.bounds ?? BOUNDS;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  push(record: object): void {
    if (this.#isOver) return;
    const characters = charactersIn(record);
    const { records, characters: max } = this.#bounds;
    if (this.#missed > 0 || this.#count >= records || (this.#count > 0 && this.#characters + characters > max)) {
      this.#missed++;
      return;
    }
    this.#add(record, characters);
  }

  /** The reader gets what waits, and this after it. */
  end(last: object): void {
    if (this.#isOver) return;
    this.#sayMissed();
    this.#add(last, 0);
    this.#over();
  }

  close(): void {
    this.#waiting = [];
    this.#first = this.#missed = 0;
    if (!this.#isOver) this.#over();
  }

  [Symbol.asyncIterator](): AsyncIterator<object, undefined> {
    return {
      next: () => this.#next(),
      return: () => {
        this.close();
        return Promise.resolve({ done: true, value: undefined });
      },
    };
  }

  get #count(): number {
    return this.#waiting.length - this.#first;
  }

  async #next(): Promise<IteratorResult<object, undefined>> {
    while (this.#count === 0 && !this.#isOver)
      await new Promise<void>((wake) => {
        this.#wake = wake;
      });
    const next = this.#waiting[this.#first];
    if (next === undefined) return { done: true, value: undefined };
    this.#take(next);
    return { done: false, value: next.record };
  }

  #take({ characters }: Waiting): void {
    this.#first++;
    this.#characters -= characters;
    if (this.#first > 1000 || this.#first === this.#waiting.length) {
      this.#waiting.splice(0, this.#first);
      this.#first = 0;
    }
    const { records, characters: max } = this.#bounds;
    if (this.#count <= records / 2 && this.#characters <= max / 2) this.#sayMissed();
  }

  #sayMissed(): void {
    if (this.#missed === 0) return;
    const count = this.#missed;
    this.#missed = 0;
    this.#add(this.#parts.missed(count), 0);
  }

  #add(record: object, characters: number): void {
    this.#waiting.push({ record, characters });
    this.#characters += characters;
    this.#wakeUp();
  }

  #over(): void {
    this.#isOver = true;
    this.#parts.onClosed();
    this.#wakeUp();
  }

  #wakeUp(): void {
    this.#wake?.();
    this.#wake = undefined;
  }
}
