// A table on standard output, written row by row. The first rows decide the width of the columns, so a table of any
// length needs little memory.

const SAMPLE_ROWS = 100;

export type Row = readonly string[];

export class Table {
  #sample: Row[] | undefined = [];
  #widths: number[];

  /** @param write resolves when the output can take more. */
  constructor(
    readonly headings: Row,
    readonly write: (text: string) => Promise<void>,
  ) {
    this.#widths = headings.map((heading) => heading.length);
  }

  async add(row: Row): Promise<void> {
    if (this.#sample === undefined) return this.write(this.#line(row));
    this.#sample.push(row);
    if (this.#sample.length >= SAMPLE_ROWS) await this.#begin(this.#sample);
  }

  async end(): Promise<void> {
    if (this.#sample !== undefined) await this.#begin(this.#sample);
  }

  async #begin(rows: readonly Row[]): Promise<void> {
    this.#sample = undefined;
    for (const row of rows)
      this.#widths = this.#widths.map((width, column) => Math.max(width, row[column]?.length ?? 0));
    await this.write([this.headings, ...rows].map((row) => this.#line(row)).join(''));
  }

  #line(row: Row): string {
    const cells = row.map((cell, column) => cell.padEnd(this.#widths[column] ?? 0));
    return `${cells.join('  ').trimEnd()}\n`;
  }
}
