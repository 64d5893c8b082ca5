// The words for failures of TLS.
import { expect, test } from '@jest/globals';
import type { TLSSocket } from 'node:tls';
import { explainTlsError, explainVerification } from '../../../../adapters/network/sockets/tls-reasons.js';

test.each([
  [
    'tlsv1 alert unknown ca',
    "the client does not trust the authority of the broker's certificate (tlsv1 alert unknown ca)",
  ],
  ['http request', 'the client speaks HTTP without TLS (http request)'],
  ['something new', 'something new'],
])('the reason %j of a failed handshake becomes %j', (reason, words) => {
  expect(explainTlsError(Object.assign(new Error('error:0A000418:SSL routines:'), { reason }))).toBe(words);
});

test('a connection that is reset during the handshake was closed by the peer', () => {
  const error = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
  expect(explainTlsError(error)).toBe('the peer closed the connection');
});

test.each([
  ['CERT_REVOKED', undefined, 'it was revoked (CERT_REVOKED)'],
  ['UNSPECIFIED', 'EE certificate key too weak', 'EE certificate key too weak'],
  ['UNSPECIFIED', undefined, 'OpenSSL gives no reason'],
  ['NEW_CODE', 'words of OpenSSL', 'words of OpenSSL (NEW_CODE)'],
  ['NEW_CODE', undefined, 'NEW_CODE'],
])('a client certificate with the code %s and the message %j is refused with %j', (code, message, words) => {
  const error = message === undefined ? null : new Error(message);
  const socket = { authorizationError: code, _handle: { verifyError: () => error } };
  expect(explainVerification(socket as unknown as TLSSocket)).toBe(words);
});
