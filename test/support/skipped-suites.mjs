// A reporter of Jest that ends a test run by naming what was not tested: each suite that was skipped with the reason in
// its title, and each file that the configuration left out. Jest itself counts them and names none.
import { readdirSync } from 'node:fs';
import { join, relative, sep } from 'node:path';

/** A title such as `the guide to TLS [skipped: openssl is missing: …]`. */
const WITH_REASON = /^(.+) \[(.+)\]$/;

export default class SkippedSuites {
  #config;
  /** By the reason: patterns of the files that were left out for it. */
  #leftOut;

  constructor(config, { leftOut = {} } = {}) {
    this.#config = config;
    this.#leftOut = leftOut;
  }

  onRunComplete(_contexts, { testResults }) {
    const { testNamePattern, testPathPatterns, rootDir } = this.#config;
    // Some tests were chosen by name: the others were not skipped.
    if (testNamePattern) return;
    const lines = [...suitesIn(testResults, rootDir)];
    const isWhole = (testPathPatterns?.patterns ?? []).length === 0;
    if (isWhole) lines.push(...filesIn(rootDir, this.#leftOut));
    if (lines.length > 0) process.stderr.write(`\nNot tested:\n${lines.map((line) => `  ${line}\n`).join('')}`);
  }
}

/** @returns one line for each suite that was skipped as a whole. */
export function suitesIn(testResults, rootDir) {
  const counts = new Map();
  for (const { testFilePath, testResults: tests } of testResults)
    for (const { ancestorTitles, title, status } of tests) {
      if (status !== 'pending') continue;
      const titles = [...ancestorTitles, title];
      const named = titles.find((each) => WITH_REASON.test(each)) ?? titles[0];
      const [, name = named, reason = 'skipped without a reason'] = WITH_REASON.exec(named) ?? [];
      const suite = `${slashes(relative(rootDir, testFilePath))}, "${name}", ${reason}`;
      counts.set(suite, (counts.get(suite) ?? 0) + 1);
    }
  return [...counts].map(([suite, count]) => `${suite} (${count} ${count === 1 ? 'test' : 'tests'})`);
}

/** @returns one line for each reason, with the files that were left out for it. */
export function filesIn(rootDir, leftOut) {
  const all = readdirSync(join(rootDir, 'test'), { recursive: true })
    .map((path) => slashes(join('test', path)))
    .filter((path) => path.endsWith('.test.ts'))
    .sort();
  return Object.entries(leftOut).flatMap(([reason, patterns]) => {
    const files = all.filter((path) => patterns.some((pattern) => new RegExp(pattern).test(path)));
    return files.length === 0 ? [] : [`${reason}: ${files.join(', ')}`];
  });
}

const slashes = (path) => path.split(sep).join('/');
