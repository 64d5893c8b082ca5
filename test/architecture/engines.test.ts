// Every package that an installation brings runs on the oldest version of Node that hexmq runs on. npm warns of others,
// and with `engine-strict` it refuses them. For this alone `light-my-request` is a dependency of its own: the later
// versions that fastify would take bring a package that needs Node 22.
import { expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';

interface LockedPackage {
  readonly dev?: boolean;
  readonly engines?: { readonly node?: string };
}

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

test('every package of an installation runs on the oldest Node that hexmq runs on', () => {
  const { engines } = read('package.json') as { readonly engines: { readonly node: string } };
  const oldest = versionOf(engines.node.replace('>=', ''));
  const { packages } = read('package-lock.json') as { readonly packages: Readonly<Record<string, LockedPackage>> };
  const refused = Object.entries(packages)
    .filter(([, { dev, engines: { node = '*' } = {} }]) => dev !== true && !allows(node, oldest))
    .map(([name, { engines: needed }]) => `${name} needs Node ${needed?.node ?? ''}`);
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
