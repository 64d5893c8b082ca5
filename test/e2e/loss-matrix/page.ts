// The matrix as a table in docs/loss-matrix.md, between two markers; the rest of the page is written by hand.
import { arch, cpus, release, totalmem, type } from 'node:os';
import { promises } from './cells.js';
import type { Cell } from './cells.js';
import type { Counts } from './tally.js';
import { QOS, READERS } from './tally.js';

const BEGIN = '<!-- Written by npm run loss-matrix. -->';
const END = '<!-- The end of what is written. -->';

const EVENT_NAMES: Readonly<Record<Cell['event'], string>> = {
  'broker-killed': 'SIGKILL of the broker',
  'server-killed': 'SIGKILL of the server',
  stopped: 'clean stop (SIGTERM)',
};
const PROMISE = 'nothing lost, QoS 2 never twice';
const NO_PROMISE = 'none';

const HEADS = [
  'storage',
  'ack level',
  'event',
  'promise',
  'acknowledged',
  'lost, QoS 1',
  'lost, QoS 2',
  'twice, QoS 1',
  'twice, QoS 2',
];

export interface Circumstances {
  readonly version: string;
  readonly rounds: number;
  readonly seed: number;
  /** The server of the MongoDB storage, or `undefined` if no row needs one. */
  readonly server: string | undefined;
}

export interface Row {
  readonly cell: Cell;
  readonly counts: Counts;
}

/** @throws Error if the page lacks the markers. */
export function withMatrix(page: string, circumstances: Circumstances, rows: readonly Row[]): string {
  const [before, rest] = split(page, BEGIN);
  const [, after] = split(rest, END);
  return [before + BEGIN, '', circumstancesOf(circumstances), '', ...table(rows), '', END + after].join('\n');
}

function split(text: string, marker: string): [string, string] {
  const at = text.indexOf(marker);
  if (at === -1) throw new Error(`the page has no line "${marker}"`);
  return [text.slice(0, at), text.slice(at + marker.length)];
}

function circumstancesOf({ version, rounds, seed, server }: Circumstances): string {
  const [cpu] = cpus();
  const machine = `${cpu?.model.trim() ?? arch()}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, ${type()} ${release()}`;
  const on = server === undefined ? '' : ` MongoDB storage on ${server}.`;
  return `hexmq ${version}, Node ${process.versions.node}, ${rounds} rounds a row, seed ${seed}. ${machine}.${on}`;
}

function table(rows: readonly Row[]): string[] {
  const line = (fields: readonly string[]): string => `| ${fields.join(' | ')} |`;
  return [line(HEADS), line(HEADS.map(() => '---')), ...rows.map((row) => line(fieldsOf(row)))];
}

function fieldsOf({ cell, counts: { acknowledged, lost, twice } }: Row): string[] {
  const shown = (count: number): string => count.toLocaleString('en');
  const both = (of: Counts['lost'], qos: 1 | 2): string => READERS.map((reader) => shown(of[reader][qos])).join(' / ');
  return [
    ...labels(cell),
    promises(cell) ? PROMISE : NO_PROMISE,
    QOS.map((qos) => shown(acknowledged[qos])).join(' + '),
    ...QOS.map((qos) => both(lost, qos)),
    ...QOS.map((qos) => both(twice, qos)),
  ];
}

const labels = ({ storage, ackLevel, event }: Cell): string[] => [storage, ackLevel, EVENT_NAMES[event]];

/** The fields of a cell's row, or `undefined` if the page has no such row. */
export function rowOf(page: string, cell: Cell): readonly string[] | undefined {
  const start = `| ${labels(cell).join(' | ')} |`;
  const row = page.split('\n').find((line) => line.startsWith(start));
  return row
    ?.slice(1, -1)
    .split('|')
    .map((field) => field.trim());
}

/** Whether the row shows no lost message, and no QoS 2 message that arrived twice. */
export function isKept(fields: readonly string[]): boolean {
  const [, , , , , lost1, lost2, , twice2] = fields;
  return [lost1, lost2, twice2].every((field) => field === '0 / 0');
}
