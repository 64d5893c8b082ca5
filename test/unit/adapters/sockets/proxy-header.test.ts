// Parsing of PROXY headers: valid ones, invalid ones, and bytes that are none.
import { describe, expect, test } from '@jest/globals';
import {
  parseProxyHeader,
  ProxyHeaderError,
  recognizeStart,
} from '../../../../adapters/network/sockets/proxy-header.js';

const SIGNATURE = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a];
const IPV4 = [192, 0, 2, 7, 10, 0, 0, 1, 0x15, 0xb3, 0x07, 0x5b];
const IPV6 = [
  0x20,
  0x01,
  0x0d,
  0xb8,
  ...Array<number>(11).fill(0),
  7,
  ...Array<number>(15).fill(0),
  1,
  0x15,
  0xb3,
  0x07,
  0x5b,
];

function v2(command: number, family: number, rest: readonly number[], announced = rest.length): Buffer {
  return Buffer.from([...SIGNATURE, command, family, announced >> 8, announced & 0xff, ...rest]);
}

const v1 = (line: string): Buffer => Buffer.from(line, 'latin1');

describe.each([
  [
    'version 1 over IPv4',
    v1('PROXY TCP4 192.0.2.7 10.0.0.1 5555 1883\r\n'),
    { remoteAddress: '192.0.2.7:5555', ipAddress: '192.0.2.7' },
  ],
  [
    'version 1 over IPv6',
    v1('PROXY TCP6 2001:db8::7 ::1 5555 1883\r\n'),
    { remoteAddress: '[2001:db8::7]:5555', ipAddress: '2001:db8::7' },
  ],
  ['version 1 with an unknown client', v1('PROXY UNKNOWN ffff:f...f:ffff 65535\r\n'), undefined],
  ['version 1 with an unknown client and no addresses', v1('PROXY UNKNOWN\r\n'), undefined],
  ['version 2 over IPv4', v2(0x21, 0x11, IPV4), { remoteAddress: '192.0.2.7:5555', ipAddress: '192.0.2.7' }],
  ['version 2 over IPv6', v2(0x21, 0x21, IPV6), { remoteAddress: '[2001:db8::7]:5555', ipAddress: '2001:db8::7' }],
  [
    'version 2 with IPv4 mapped to IPv6',
    v2(0x21, 0x21, [
      ...Array<number>(10).fill(0),
      0xff,
      0xff,
      ...IPV4.slice(0, 4),
      ...Array<number>(16).fill(0),
      0x15,
      0xb3,
      0,
      1,
    ]),
    { remoteAddress: '192.0.2.7:5555', ipAddress: '192.0.2.7' },
  ],
  [
    'version 2 over a Unix socket',
    v2(0x21, 0x31, [...Buffer.from('/run/front.sock'), ...Array<number>(201).fill(0)]),
    { remoteAddress: 'unix:/run/front.sock' },
  ],
  [
    'version 2 with extensions after the addresses',
    v2(0x21, 0x11, [...IPV4, 0x04, 0x00, 0x02, 0xff, 0xff, 0x20, 0xff]),
    { remoteAddress: '192.0.2.7:5555', ipAddress: '192.0.2.7' },
  ],
  ['version 2 of a proxy that connects for itself', v2(0x20, 0x00, []), undefined],
  ['version 2 of a proxy that connects for itself, with addresses', v2(0x20, 0x11, IPV4), undefined],
  ['version 2 with an unknown client', v2(0x21, 0x00, [1, 2, 3]), undefined],
])('PROXY header, %s', (name, header, client) => {
  test(`a header of ${name} gives its length and client`, () => {
    expect(parseProxyHeader(Buffer.concat([header, Buffer.from('what follows')]))).toEqual({
      length: header.length,
      client,
    });
  });

  test(`a header of ${name} is incomplete until its last byte`, () => {
    for (let length = 0; length < header.length; length++)
      expect(parseProxyHeader(header.subarray(0, length))).toBeUndefined();
  });
});

test.each([
  ['MQTT', Buffer.from([0x10, 12, 0, 4]), 'no PROXY header'],
  ['TLS', Buffer.from([0x16, 3, 1]), 'no PROXY header'],
  ['a word with the same beginning', v1('PROXIMITY'), 'no PROXY header'],
  ['lower case', v1('proxy TCP4 '), 'no PROXY header'],
  ['an unknown family', v1('PROXY UDP4 192.0.2.7 10.0.0.1 5555 1883\r\n'), 'unknown address family'],
  ['an invalid address', v1('PROXY TCP4 192.0.2.700 10.0.0.1 5555 1883\r\n'), 'invalid PROXY line'],
  ['an address of the other family', v1('PROXY TCP4 2001:db8::7 ::1 5555 1883\r\n'), 'invalid PROXY line'],
  ['an invalid port', v1('PROXY TCP4 192.0.2.7 10.0.0.1 65536 1883\r\n'), 'invalid PROXY line'],
  ['a port with a leading zero', v1('PROXY TCP4 192.0.2.7 10.0.0.1 05555 1883\r\n'), 'invalid PROXY line'],
  ['a line with too few fields', v1('PROXY TCP4 192.0.2.7\r\n'), 'invalid PROXY line'],
  ['a line with too many fields', v1('PROXY TCP4 192.0.2.7 10.0.0.1 5555 1883 more\r\n'), 'invalid PROXY line'],
  ['a line without a line end', v1(`PROXY UNKNOWN ${'x'.repeat(100)}`), 'without a line end'],
  ['an unknown version', v2(0x31, 0x11, IPV4), 'version 3'],
  ['an unknown command', v2(0x22, 0x11, IPV4), 'command 2'],
  ['datagrams', v2(0x21, 0x12, IPV4), 'family and transport 0x12'],
  ['truncated addresses', v2(0x21, 0x11, IPV4.slice(0, 11)), '11 address bytes'],
  ['an excessive length', v2(0x21, 0x11, [], 4097), 'announces 4097 bytes'],
])('a PROXY header is refused: %s', (_name, bytes, problem) => {
  expect(() => parseProxyHeader(bytes)).toThrow(ProxyHeaderError);
  expect(() => parseProxyHeader(bytes)).toThrow(problem);
});

test('the first bytes of other protocols are not mistaken for a PROXY header', () => {
  expect(recognizeStart(Buffer.from([0x10]))).toBe('no-header');
  expect(recognizeStart(Buffer.from('GET /mqtt'))).toBe('no-header');
  expect(recognizeStart(Buffer.from('P'))).toBe('incomplete');
  expect(recognizeStart(Buffer.from('POST'))).toBe('no-header');
  expect(recognizeStart(Buffer.from('PROXY '))).toBe(1);
  expect(recognizeStart(Buffer.from(SIGNATURE))).toBe(2);
});
