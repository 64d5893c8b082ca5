// Which texts can be the host of a listener, and which hosts are the same address.
import { expect, test } from '@jest/globals';
import { isHost, isLoopback, overlap } from '../../../src/composition/hosts.js';

test.each(['127.0.0.1', '0.0.0.0', '::', '::1', 'fe80::1%eth0', 'localhost', 'broker.plant-7.example', 'a_b', 'x.'])(
  '%s can be a host',
  (text) => {
    expect(isHost(text)).toBe(true);
  },
);

test.each([
  ['0.0.0.0:1883'],
  ['*'],
  [' 127.0.0.1'],
  ['a b'],
  ['[::1]'],
  ['300.1.2.3'],
  ['1.2.3'],
  [''],
  ['-a'],
  ['a..b'],
  ['tcp://a'],
  ['127.0.0.1%eth0'],
  ['a'.repeat(64)],
])('%j cannot be a host', (text) => {
  expect(isHost(text)).toBe(false);
});

test.each([
  ['127.0.0.1', '127.0.0.1', true],
  ['0.0.0.0', '127.0.0.1', true],
  ['10.0.0.1', '0.0.0.0', true],
  ['::', '0.0.0.0', true],
  ['::', '10.0.0.1', true],
  ['::', 'fe80::1', true],
  ['localhost', '127.0.0.1', true],
  ['::1', 'LOCALHOST', true],
  ['0:0:0:0:0:0:0:1', '::1', true],
  ['::ffff:10.0.0.1', '10.0.0.1', true],
  ['broker.example', 'Broker.example', true],
  ['127.0.0.1', '127.0.0.2', false],
  ['0.0.0.0', '::1', false],
  ['fe80::1%eth0', 'fe80::1%eth1', false],
  ['broker.example', '10.0.0.1', false],
])('whether %s and %s can share a port: they overlap: %j', (a, b, expected) => {
  expect(overlap(a, b)).toBe(expected);
  expect(overlap(b, a)).toBe(expected);
});

test('loopback addresses are those that no other machine reaches', () => {
  for (const host of ['localhost', '127.0.0.1', '127.8.8.8', '::1', '0:0::1', '::ffff:127.0.0.1'])
    expect([host, isLoopback(host)]).toEqual([host, true]);
  for (const host of ['0.0.0.0', '::', '10.0.0.1', 'example', '127.example'])
    expect([host, isLoopback(host)]).toEqual([host, false]);
});
