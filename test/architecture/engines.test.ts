// Every package that an installation brings, the optional ones included, runs on the oldest version of Node that hexmq
// runs on. npm warns of others, and with `engine-strict` it refuses them. For this alone `light-my-request` is a
// dependency of its own: the later versions that fastify would take bring a package that needs Node 22.
import { expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';

interface LockedPackage {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly engines?: { readonly node?: string };
}

type Locked = Readonly<Record<string, LockedPackage>>;
type Version = readonly [number, number, number];

const read = (name: string): unknown => JSON.parse(readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8'));

function versionOf(text: string): Version {
  const [major = 0, minor = 0, patch = 0] = text.split('.').map((part) => (part === 'x' ? 0 : Number(part)));
  return [major, minor, patch];
}

const compare = (one: Version, other: Version): number => one[0] - other[0] || one[1] - other[1] || one[2] - other[2];

/** Of the forms that packages use: alternatives of `>=20.1`, `^20.1.0` and `*`. */
const allows = (range: string, version: Version): boolean =>
  range.split('||').some((one) => {
    const [, operator = '', least = ''] = /^\s*(>=|\^|)\s*(\d+(?:\.(?:\d+|x))*)\s*$/.exec(one) ?? [];
    if (one.trim() === '*') return true;
    const from = versionOf(least);
    return least !== '' && compare(version, from) >= 0 && (operator === '>=' || version[0] === from[0]);
  });

/** Where the package `name` is, as seen from the package at `from`: in its own folder, or in one around it. */
function placeOf(packages: Locked, name: string, from: string): string | undefined {
  const place = `${from === '' ? '' : `${from}/`}node_modules/${name}`;
  if (packages[place] !== undefined || from === '') return packages[place] && place;
  return placeOf(packages, name, from.slice(0, Math.max(0, from.lastIndexOf('/node_modules/'))));
}

/** The places of all packages that an installation with every optional package has. */
function installed(packages: Locked): ReadonlySet<string> {
  const places = new Set(['']);
  // The set grows while the loop runs; a Set's iterator visits members added meanwhile.
  for (const place of places) {
    const { dependencies, optionalDependencies, peerDependencies } = packages[place] ?? {};
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies })) {
      const found = placeOf(packages, name, place);
      if (found !== undefined) places.add(found);
    }
  }
  places.delete('');
  return places;
}

test('every package of an installation runs on the oldest Node that hexmq runs on', () => {
  const { engines } = read('package.json') as { readonly engines: { readonly node: string } };
  const oldest = versionOf(engines.node.replace('>=', ''));
  const { packages } = read('package-lock.json') as { readonly packages: Locked };
  const places = installed(packages);
  expect([...places]).toEqual(
    expect.arrayContaining(['node_modules/abstract-level', 'node_modules/bson', 'node_modules/pure-rand']),
  );
  const refused = [...places]
    .map((place) => ({ place, node: packages[place]?.engines?.node ?? '*' }))
    .filter(({ node }) => !allows(node, oldest))
    .map(({ place, node }) => `${place} needs Node ${node}`);
  expect(refused).toEqual([]);
});

test.each([
  ['>=22', false],
  ['>= 10.x', true],
  ['^20.17.0 || >=22.9.0', true],
  ['^18.17.0 || >=22', false],
  ['20', true],
  ['*', true],
])('the range %s allows Node 20.19: %j', (range, expected) => {
  expect(allows(range, [20, 19, 0])).toBe(expected);
});
