// Rows in columns, written as they come: the first rows decide how wide the columns are, so that a table of any length needs no memory.

const SAMPLE_ROWS = 100;

export type Row = readonly string[];

export class Table {
  #sample: Row[] | undefined = [];
  #widths: number[];

  /** @param write resolves when the text has been taken. */
  constructor(
    readonly heads: Row,
    readonly write: (text: string) => Promise<void>,
  ) {
    this.#widths = heads.map((head) => head.length);
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
    await this.write([this.heads, ...rows].map((row) => this.#line(row)).join(''));
  }

  #line(row: Row): string {
    const cells = row.map((cell, column) => cell.padEnd(this.#widths[column] ?? 0));
    return `${cells.join('  ').trimEnd()}\n`;
  }
}
