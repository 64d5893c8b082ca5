// The list of trusted proxies, and the client that X-Forwarded-For names.
import { describe, expect, test } from '@jest/globals';
import { TrustedProxies } from '../../../../adapters/network/sockets/trusted-proxies.js';
import { forwardedClient } from '../../../../adapters/network/websocket/forwarded-client.js';

const trusted = new TrustedProxies('forwardedFor', { trusted: ['10.0.0.0/8', '192.0.2.1', 'fd00::/8', '::1'] });

describe('trusted proxies', () => {
  test('a list matches its addresses and those in its networks, and no others', () => {
    for (const address of [
      '10.0.0.1',
      '10.255.255.255',
      '192.0.2.1',
      '::ffff:10.1.2.3',
      'fd12::1',
      '::1',
      'fd00::1%eth0',
    ])
      expect([address, trusted.has(address)]).toEqual([address, true]);
    for (const address of ['11.0.0.1', '192.0.2.2', 'fe80::1', '::2', 'unknown', '', undefined])
      expect([address, trusted.has(address)]).toEqual([address, false]);
  });

  test.each([
    '10.0.0/8',
    '10.0.0.0/33',
    'fd00::/129',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '10.0.0.0/-1',
    'proxy.example.com',
    '',
  ])('"%s" is neither an address nor a network and is refused', (network) => {
    expect(() => new TrustedProxies('proxyProtocol', { trusted: [network] })).toThrow(
      `proxyProtocol.trusted: "${network}" is not valid, expected an address or a network such as 10.0.0.0/8`,
    );
  });

  test('an empty list is refused', () => {
    expect(() => new TrustedProxies('proxyProtocol', { trusted: [] })).toThrow(
      'proxyProtocol.trusted is an empty list',
    );
  });
});

describe('X-Forwarded-For', () => {
  const proxy = {
    remoteAddress: '10.0.0.1:5000',
    ipAddress: '10.0.0.1',
    certificate: { commonName: 'proxy', subject: 'CN=proxy', subjectAlternativeNames: [], fingerprint: 'ab' },
  };

  test.each([
    ['192.0.2.7', { remoteAddress: '192.0.2.7', ipAddress: '192.0.2.7' }],
    ['192.0.2.7:5555', { remoteAddress: '192.0.2.7:5555', ipAddress: '192.0.2.7' }],
    ['2001:db8::7', { remoteAddress: '2001:db8::7', ipAddress: '2001:db8::7' }],
    ['[2001:db8::7]:5555', { remoteAddress: '[2001:db8::7]:5555', ipAddress: '2001:db8::7' }],
    ['::ffff:192.0.2.7', { remoteAddress: '192.0.2.7', ipAddress: '192.0.2.7' }],
    // What the client wrote itself precedes what the proxies appended.
    ['10.9.9.9, 1.2.3.4, 192.0.2.7, 10.0.0.2', { remoteAddress: '192.0.2.7', ipAddress: '192.0.2.7' }],
    ['nonsense, 192.0.2.7', { remoteAddress: '192.0.2.7', ipAddress: '192.0.2.7' }],
    ['10.0.0.3, 10.0.0.2', { remoteAddress: '10.0.0.3', ipAddress: '10.0.0.3' }],
  ])('X-Forwarded-For: %s names the client, without the certificate of the proxy', (header, client) => {
    expect(forwardedClient(proxy, header, trusted)).toEqual(client);
  });

  test('X-Forwarded-For from an untrusted peer is ignored', () => {
    const peer = { remoteAddress: '192.0.2.9:1', ipAddress: '192.0.2.9' };
    expect(forwardedClient(peer, '1.2.3.4', trusted)).toBe(peer);
    expect(forwardedClient(peer, undefined, trusted)).toBe(peer);
  });

  test.each([undefined, '', 'unknown', '192.0.2.7,', '192.0.2.7:port', '[192.0.2.7', '1.2.3.4 5.6.7.8'])(
    'X-Forwarded-For: %p from a trusted proxy is refused',
    (header) => {
      expect(() => forwardedClient(proxy, header, trusted)).toThrow('the proxy sent');
    },
  );
});
