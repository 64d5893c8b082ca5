// Flows through the core as transcripts, one file each. A line that begins with `>` is an input; the lines below it are
// what the core did: changes to store, packets to send, requests to the shell. `HEXMQ_WRITE_SCENARIOS=1` rewrites the
// files and the page docs/architecture/flows.md, which contains them word for word.
import { expect, test } from '@jest/globals';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { SCENARIOS } from './scenarios.js';
import { transcriptOf } from './transcript.js';

const DIRECTORY = import.meta.dirname;
const PAGE = resolve(DIRECTORY, '../../docs/architecture/flows.md');
const isWriting = process.env['HEXMQ_WRITE_SCENARIOS'] === '1';

const fileOf = (name: string): string => join(DIRECTORY, `${name}.txt`);
const linkTo = (name: string): string => `[${name}.txt](../../test/scenarios/${name}.txt)`;

/** The block of the page below the link to a transcript, with its bounds. */
function blockOf(page: string, name: string): { readonly start: number; readonly end: number } {
  const opening = `${linkTo(name)}\n\n\`\`\`text\n`;
  const start = page.indexOf(opening) + opening.length;
  if (start < opening.length) throw new Error(`flows.md has no block below ${linkTo(name)}`);
  return { start, end: page.indexOf('```', start) };
}

test.each(Object.entries(SCENARIOS))('the transcript of %s is as its file says', (name, scenario) => {
  const transcript = transcriptOf(scenario);
  if (isWriting) writeFileSync(fileOf(name), transcript);
  expect(transcript.split('\n')).toEqual(readFileSync(fileOf(name), 'utf8').split('\n'));
});

test.each(Object.keys(SCENARIOS))('the page of flows contains the transcript of %s word for word', (name) => {
  const transcript = readFileSync(fileOf(name), 'utf8');
  const page = readFileSync(PAGE, 'utf8');
  const { start, end } = blockOf(page, name);
  if (isWriting) writeFileSync(PAGE, page.slice(0, start) + transcript + page.slice(end));
  else expect(page.slice(start, end).split('\n')).toEqual(transcript.split('\n'));
});

test('every transcript file belongs to a scenario', () => {
  const files = readdirSync(DIRECTORY).filter((file) => file.endsWith('.txt'));
  expect(files.sort()).toEqual(
    Object.keys(SCENARIOS)
      .map((name) => `${name}.txt`)
      .sort(),
  );
});
