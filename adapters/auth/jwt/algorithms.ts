// The signature algorithms that may be configured, and the keys that fit each of them. An algorithm has one kind of
// key, so that a token cannot have a public key used as an HMAC secret (RFC 8725, section 2.1).
import type { KeyObject } from 'node:crypto';

const SECRET_BYTES: Readonly<Record<string, number>> = { HS256: 32, HS384: 48, HS512: 64 };
const CURVES: Readonly<Record<string, string>> = { ES256: 'prime256v1', ES384: 'secp384r1', ES512: 'secp521r1' };
const RSA = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'];
const RSA_BITS_MIN = 2048;

export const SECRET_ALGORITHMS = Object.keys(SECRET_BYTES);
export const KEY_ALGORITHMS = [...RSA, ...Object.keys(CURVES), 'EdDSA', 'Ed25519'];

/** What is wrong with the length of a secret. It has to be at least as long as the digest (RFC 7518, section 3.2). */
export function secretProblem(bytes: number, algorithm: string): string | undefined {
  const min = SECRET_BYTES[algorithm] ?? 0;
  return bytes < min ? `a secret of ${bytes} bytes is too short, expected at least ${min} for ${algorithm}` : undefined;
}

/** What is wrong with a key for this algorithm, or `undefined` if it fits. */
export function keyProblem(key: KeyObject, algorithm: string): string | undefined {
  const expected = expectedKey(algorithm);
  const found = describeKey(key);
  const bits = key.asymmetricKeyDetails?.modulusLength;
  if (found !== expected) return `${found} does not fit ${algorithm}, expected ${expected}`;
  return bits !== undefined && bits < RSA_BITS_MIN
    ? `an RSA key of ${bits} bits is too short, expected at least ${RSA_BITS_MIN}`
    : undefined;
}

function expectedKey(algorithm: string): string {
  const curve = CURVES[algorithm];
  if (curve !== undefined) return `a key on the curve ${curve}`;
  return RSA.includes(algorithm) ? 'a key of type rsa' : 'a key of type ed25519';
}

function describeKey({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): string {
  return asymmetricKeyType === 'ec'
    ? `a key on the curve ${asymmetricKeyDetails?.namedCurve ?? 'unknown'}`
    : `a key of type ${asymmetricKeyType ?? 'unknown'}`;
}
