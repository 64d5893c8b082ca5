// Why a TLS handshake failed, in words: what OpenSSL and Node report are codes and phrases of a specification.
import type { TLSSocket } from 'node:tls';

/** By Node's code for the result of OpenSSL's verification of a client certificate. */
const VERIFICATION: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'it has expired',
  CERT_NOT_YET_VALID: 'it is not valid yet',
  CERT_REVOKED: 'it was revoked',
  CERT_REJECTED: 'tls.ca forbids this use of it',
  CERT_UNTRUSTED: 'tls.ca does not trust its authority for clients',
  CERT_CHAIN_TOO_LONG: 'there are too many authorities above it',
  CERT_SIGNATURE_FAILURE: 'its signature is not that of its authority',
  CRL_HAS_EXPIRED: 'the revocation list of its authority in tls.crl is out of date',
  CRL_NOT_YET_VALID: 'the revocation list of its authority in tls.crl is not valid yet',
  CRL_SIGNATURE_FAILURE: 'the revocation list in tls.crl is not signed by its authority',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'it is signed by itself, and is not in tls.ca',
  INVALID_CA: 'one of its authorities may not sign certificates',
  INVALID_PURPOSE: 'it is not meant for clients (extended key usage)',
  PATH_LENGTH_EXCEEDED: 'one of its authorities may not have another one below it',
  SELF_SIGNED_CERT_IN_CHAIN: 'the root of its authorities is not in tls.ca',
  UNABLE_TO_GET_CRL: 'tls.crl has no revocation list of its authority',
  UNABLE_TO_GET_ISSUER_CERT: 'the root of its authorities is not in tls.ca, which needs the whole chain',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its authority is not in tls.ca',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its authority is not in tls.ca',
};

/** The part of a TLS socket in which Node keeps OpenSSL's own words. */
interface WithHandle {
  readonly _handle?: { verifyError?: () => (Error & { readonly code?: string }) | null };
}

/** Why the client certificate of a connection was not accepted, with the code for a search. */
export function explainVerification(socket: TLSSocket): string {
  // A code, whatever the types say.
  const code = String(socket.authorizationError);
  const words = VERIFICATION[code] ?? (socket as unknown as WithHandle)._handle?.verifyError?.()?.message;
  if (code === 'UNSPECIFIED') return words ?? 'OpenSSL gives no reason';
  return words === undefined || words === code ? code : `${words} (${code})`;
}

/** By the reason of OpenSSL, or by Node's code. */
const HANDSHAKE: Readonly<Record<string, string>> = {
  'tlsv1 alert unknown ca': "the client does not trust the authority of the broker's certificate",
  'tlsv1 unknown ca': "the client does not trust the authority of the broker's certificate",
  'sslv3 alert bad certificate': "the client refuses the broker's certificate",
  'sslv3 alert certificate unknown': "the client refuses the broker's certificate",
  'ssl/tls alert bad certificate': "the client refuses the broker's certificate",
  'ssl/tls alert certificate unknown': "the client refuses the broker's certificate",
  'sslv3 alert certificate expired': "for the client, the broker's certificate has expired",
  'ssl/tls alert certificate expired': "for the client, the broker's certificate has expired",
  'tlsv1 alert protocol version': 'the client speaks none of the allowed versions of TLS',
  'unsupported protocol': 'the client speaks none of the allowed versions of TLS',
  'no shared cipher': 'the client offers no cipher that is allowed here',
  'no suitable signature algorithm': 'the client accepts no signature that the key of the broker can make',
  'wrong version number': 'the client does not speak TLS',
  'packet length too long': 'the client does not speak TLS',
  'http request': 'the client speaks HTTP without TLS',
};

/**
 * A handshake that failed, in words, with the reason of OpenSSL: instead of
 * `error:0A000418:SSL routines:ssl3_read_bytes:tlsv1 alert unknown ca:../deps/…`.
 */
export function explainTlsError(error: Error & { readonly reason?: string; readonly code?: string }): string {
  const reason = error.reason ?? error.message;
  if (error.code === 'ECONNRESET') return 'the peer closed the connection';
  const words = HANDSHAKE[reason];
  return words === undefined ? reason : `${words} (${reason})`;
}
