// Output that must not leave before storage has confirmed what it promises: bytes in the order of the promises, marked
// with the ticket that each of them waits for. The buffer is created when it is first needed: most connections never
// need it.
import type { Ticket } from '../domain/durability.js';
import { OutputBuffer } from './output-buffer.js';

export class GatedOutput {
  #held: OutputBuffer | undefined;
  /** Pairs of (ticket, end of what waits for it), ascending in both. */
  readonly #marks: number[] = [];

  get bytes(): number {
    return this.#held?.length ?? 0;
  }

  get isEmpty(): boolean {
    return this.#marks.length === 0;
  }

  /** Where to write what must wait; `mark` follows when it is written. */
  get buffer(): OutputBuffer {
    return (this.#held ??= new OutputBuffer());
  }

  /** All that is held up to here waits for the ticket, or for a later one that something before it waits for. */
  mark(ticket: Ticket): void {
    const marks = this.#marks;
    if (marks.length === 0 || (marks[marks.length - 2] as number) < ticket) marks.push(ticket, this.buffer.length);
    else marks[marks.length - 1] = this.buffer.length;
  }

  /** Moves to `output` what waited for tickets up to this one. @returns whether there was anything. */
  release(durable: Ticket, output: OutputBuffer): boolean {
    const marks = this.#marks;
    let count = 0;
    while (count < marks.length && (marks[count] as number) <= durable) count += 2;
    if (count === 0) return false;
    const end = marks[count - 1] as number;
    const { buffer } = this;
    if (count === marks.length) {
      marks.length = 0;
      output.append(buffer.take());
      return true;
    }
    marks.splice(0, count);
    for (let i = 1; i < marks.length; i += 2) marks[i] = (marks[i] as number) - end;
    const all = buffer.take();
    output.append(all.subarray(0, end));
    buffer.append(all.subarray(end));
    return true;
  }

  /** The promises that were waiting are not made. */
  drop(): void {
    this.#marks.length = 0;
    this.#held = undefined;
  }
}
