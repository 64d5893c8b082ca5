// The output of commands about a running broker: tables and pairs for people, JSON for programs, once or again and
// again.
import { setTimeout } from 'node:timers/promises';
import type { Command } from 'commander';
import { ConfigError } from '../../composition/config-error.js';
import { isOutputClosed } from '../report-error.js';
import type { ProcessHost } from '../process-host.js';
import { Table } from '../table.js';
import type { Row } from '../table.js';
import { jsonOf } from '../printable.js';

const CLEAR_SCREEN = '\u001b[H\u001b[2J\u001b[3J';
const WATCH_S = 2;
const WATCH_MAX_S = 86_400;

export interface OutputFlags {
  readonly json?: boolean;
  /** Seconds, as text; true for the default. */
  readonly watch?: string | boolean;
}

export const addJsonFlag = (command: Command): Command => command.option('--json', 'JSON for programs');

export const addOutputFlags = (command: Command): Command =>
  addJsonFlag(command).option('--watch [seconds]', `show it again and again (default: every ${WATCH_S} s)`);

export type Write = (text: string) => Promise<void>;

/** Shows something once, or until a signal ends the command. A reader that has enough, such as `head`, is no error. */
export async function output(
  { watch }: OutputFlags,
  host: ProcessHost,
  show: (write: Write) => Promise<void>,
): Promise<void> {
  const pauseS = watch === undefined || watch === false ? undefined : secondsOf(watch);
  const write: Write = (text) => host.write(text);
  try {
    if (pauseS === undefined) return await show(write);
    for (;;) {
      // Collected first, so that the screen does not flicker.
      let shown = '';
      await show((text) => {
        shown += text;
        return Promise.resolve();
      });
      await write(host.isOutputJson ? shown : CLEAR_SCREEN + shown);
      await setTimeout(pauseS * 1000);
    }
  } catch (error) {
    if (!isOutputClosed(error)) throw error;
  }
}

function secondsOf(watch: string | true): number {
  const seconds = watch === true ? WATCH_S : Number(watch);
  if (Number.isFinite(seconds) && seconds >= 0.1 && seconds <= WATCH_MAX_S) return seconds;
  throw new ConfigError([
    `--watch: ${JSON.stringify(watch)} is not valid, expected seconds, from 0.1 to ${WATCH_MAX_S}`,
  ]);
}

/** How a list is shown: a heading for each column, and what stands in it. */
export interface Columns<Item> {
  readonly headings: Row;
  readonly row: (item: Item) => Row;
}

/** A table, or an array of objects. */
export async function showList<Item>(
  items: AsyncIterable<Item> | Iterable<Item>,
  { headings, row }: Columns<Item>,
  json: boolean,
  write: Write,
): Promise<void> {
  if (json) {
    let separator = '[\n';
    for await (const item of items) {
      await write(`${separator}${jsonOf(item)}`);
      separator = ',\n';
    }
    await write(separator === '[\n' ? '[]\n' : '\n]\n');
    return;
  }
  const table = new Table(headings, write);
  for await (const item of items) await table.add(row(item));
  await table.end();
}

/** Names and values, one on each line, or an object. */
export async function showPairs(
  pairs: readonly (readonly [string, string])[],
  whole: object,
  json: boolean,
  write: Write,
): Promise<void> {
  if (json) return write(`${jsonOf(whole)}\n`);
  const width = Math.max(...pairs.map(([name]) => name.length)) + 2;
  await write(pairs.map(([name, value]) => `${`${name}:`.padEnd(width)}${value}`.trimEnd() + '\n').join(''));
}

/** What came of a command: a sentence, or an object. */
export function printAnswer(
  answer: object,
  sentence: string,
  { json }: Pick<OutputFlags, 'json'>,
  host: ProcessHost,
): void {
  host.print(json === true ? `${jsonOf(answer)}\n` : `${sentence}\n`);
}

/** The first of them, at most as many. */
export async function* atMost<Item>(items: AsyncIterable<Item>, max: number): AsyncGenerator<Item> {
  if (max <= 0) return;
  let count = 0;
  for await (const item of items) {
    yield item;
    if (++count >= max) return;
  }
}
