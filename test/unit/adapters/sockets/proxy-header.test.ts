// The PROXY header: what is one, whom it names, and that nothing is taken for one that is none.
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
  ['version 1 that does not know', v1('PROXY UNKNOWN ffff:f...f:ffff 65535\r\n'), undefined],
  ['version 1 that does not know and says nothing else', v1('PROXY UNKNOWN\r\n'), undefined],
  ['version 2 over IPv4', v2(0x21, 0x11, IPV4), { remoteAddress: '192.0.2.7:5555', ipAddress: '192.0.2.7' }],
  ['version 2 over IPv6', v2(0x21, 0x21, IPV6), { remoteAddress: '[2001:db8::7]:5555', ipAddress: '2001:db8::7' }],
  [
    'version 2 with IPv4 in IPv6',
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
    'version 2 with more behind the addresses',
    v2(0x21, 0x11, [...IPV4, 0x04, 0x00, 0x02, 0xff, 0xff, 0x20, 0xff]),
    { remoteAddress: '192.0.2.7:5555', ipAddress: '192.0.2.7' },
  ],
  ['version 2 of a proxy that speaks for itself', v2(0x20, 0x00, []), undefined],
  ['version 2 of a proxy that speaks for itself, with addresses', v2(0x20, 0x11, IPV4), undefined],
  ['version 2 that does not know', v2(0x21, 0x00, [1, 2, 3]), undefined],
])('%s', (_name, header, client) => {
  test('names its client', () => {
    expect(parseProxyHeader(Buffer.concat([header, Buffer.from('what follows')]))).toEqual({
      length: header.length,
      client,
    });
  });

  test('is waited for to its last byte', () => {
    for (let length = 0; length < header.length; length++)
      expect(parseProxyHeader(header.subarray(0, length))).toBeUndefined();
  });
});

test.each([
  ['MQTT', Buffer.from([0x10, 12, 0, 4]), 'no PROXY header'],
  ['TLS', Buffer.from([0x16, 3, 1]), 'no PROXY header'],
  ['a word that only begins alike', v1('PROXIMITY'), 'no PROXY header'],
  ['lower case', v1('proxy TCP4 '), 'no PROXY header'],
  ['an unknown family', v1('PROXY UDP4 192.0.2.7 10.0.0.1 5555 1883\r\n'), 'unknown family'],
  ['an address that is none', v1('PROXY TCP4 192.0.2.700 10.0.0.1 5555 1883\r\n'), 'not valid'],
  ['an address of the other family', v1('PROXY TCP4 2001:db8::7 ::1 5555 1883\r\n'), 'not valid'],
  ['a port that is none', v1('PROXY TCP4 192.0.2.7 10.0.0.1 65536 1883\r\n'), 'not valid'],
  ['a port with a zero before it', v1('PROXY TCP4 192.0.2.7 10.0.0.1 05555 1883\r\n'), 'not valid'],
  ['too little', v1('PROXY TCP4 192.0.2.7\r\n'), 'not valid'],
  ['too much', v1('PROXY TCP4 192.0.2.7 10.0.0.1 5555 1883 more\r\n'), 'not valid'],
  ['a line without an end', v1(`PROXY UNKNOWN ${'x'.repeat(100)}`), 'without an end'],
  ['another version', v2(0x31, 0x11, IPV4), 'version 3'],
  ['another command', v2(0x22, 0x11, IPV4), 'command 2'],
  ['datagrams', v2(0x21, 0x12, IPV4), 'family and transport 0x12'],
  ['addresses that are cut off', v2(0x21, 0x11, IPV4.slice(0, 11)), '11 bytes of addresses'],
  ['more than anyone needs', v2(0x21, 0x11, [], 4097), 'announces 4097 bytes'],
])('%s is refused', (_name, bytes, problem) => {
  expect(() => parseProxyHeader(bytes)).toThrow(ProxyHeaderError);
  expect(() => parseProxyHeader(bytes)).toThrow(problem);
});

test('what a client says is not mistaken for a header, and one byte may not be enough to tell', () => {
  expect(recognizeStart(Buffer.from([0x10]))).toBe('another');
  expect(recognizeStart(Buffer.from('GET /mqtt'))).toBe('another');
  expect(recognizeStart(Buffer.from('P'))).toBe('too-short-to-tell');
  expect(recognizeStart(Buffer.from('POST'))).toBe('another');
  expect(recognizeStart(Buffer.from('PROXY '))).toBe(1);
  expect(recognizeStart(Buffer.from(SIGNATURE))).toBe(2);
});
