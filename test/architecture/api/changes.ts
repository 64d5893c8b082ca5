// The rule that a change of the public API is named in the changelog. It compares with the digests that were recorded
// at the last release instead of with earlier commits, so that it does not depend on how the history of a clone looks.
import type { EntryReport } from './report.js';

/** By the entry and the name. */
export type Released = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** What is new, different or gone since the release. */
export function changedNames(released: Released, report: readonly EntryReport[]): readonly string[] {
  const now = new Map(
    report.map(({ entry, names }) => [entry, new Map(names.map(({ name, digest }) => [name, digest]))]),
  );
  const differs = [...now].flatMap(([entry, names]) =>
    [...names].filter(([name, digest]) => released[entry]?.[name] !== digest).map(([name]) => `${entry}: ${name}`),
  );
  const isGone = Object.entries(released).flatMap(([entry, names]) =>
    Object.keys(names)
      .filter((name) => now.get(entry)?.has(name) !== true)
      .map((name) => `${entry}: ${name}`),
  );
  return [...differs, ...isGone];
}

/** The text of CHANGELOG.md about what comes with the next release. */
export const unreleasedSection = (changelog: string): string =>
  changelog.split(/^## /m).find((section) => section.startsWith('Unreleased\n')) ?? '';

/** Those of the changes that no code in the text names. */
export function namesMissingIn(text: string, changes: readonly string[]): readonly string[] {
  const code = [...text.matchAll(/`([^`\n]+)`/g)].map(([, inside = '']) => inside).join('\n');
  return changes.filter((change) => !new RegExp(`\\b${change.split(': ')[1] ?? ''}\\b`).test(code));
}
