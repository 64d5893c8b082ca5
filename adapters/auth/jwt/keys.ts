// Local verification keys: a secret, a public key, or a key set in a file. Files are read again on reload.
import { isUtf8 } from 'node:buffer';
import { createPublicKey, createSecretKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { createLocalJWKSet, errors, jwtVerify } from 'jose';
import type { JSONWebKeySet, JWTPayload, JWTVerifyOptions, LocalJWKSet } from 'jose';
import { boundedRead } from '../fetching/bounded-read.js';
import { keyProblem, secretProblem } from './algorithms.js';

/** Keys that verify signatures. */
export interface Keys {
  /** @throws JOSEError if the token is invalid; any other error if it could not be verified. */
  verify(token: string, options: JWTVerifyOptions): Promise<JWTPayload>;
  reload?(): Promise<void>;
}

const FILE_BYTES_MAX = 1024 * 1024;
const KEYS_MAX = 100;

export const SECRET_ENCODINGS = ['utf8', 'base64', 'hex'] as const;
export type SecretEncoding = (typeof SECRET_ENCODINGS)[number];

const ENCODED = { utf8: /^[^]*$/, base64: /^[\w+/-]+={0,2}$/, hex: /^([0-9a-f]{2})+$/i };

export function secretKeys(text: string, encoding: SecretEncoding, algorithms: readonly string[]): Keys {
  const key = secretOf(text, encoding, algorithms);
  return { verify: (token, options) => verifyWith(key, token, options) };
}

/** A trailing line break is not part of the secret: editors add it. */
export function secretFileKeys(path: string, encoding: SecretEncoding, algorithms: readonly string[]): Keys {
  return fileKeys(path, verifyWith, (bytes) => {
    if (!isUtf8(bytes))
      throw new TypeError('it is not UTF-8; for other bytes, write them in base64 or hex and set secretEncoding');
    return secretOf(bytes.toString('utf8').replace(/\r?\n$/, ''), encoding, algorithms);
  });
}

export function publicKeyFileKeys(path: string, algorithms: readonly string[]): Keys {
  return fileKeys(path, verifyWith, (bytes) => {
    const pem = bytes.toString('utf8');
    if (!/-----BEGIN (RSA )?PUBLIC KEY-----|-----BEGIN CERTIFICATE-----/.test(pem)) {
      throw new TypeError(
        'not a public key, expected PEM that begins with -----BEGIN PUBLIC KEY----- or -----BEGIN CERTIFICATE-----',
      );
    }
    const key = publicKeyOf(pem);
    const problem = algorithms.map((algorithm) => keyProblem(key, algorithm)).find((each) => each !== undefined);
    if (problem !== undefined) throw new TypeError(problem);
    return key;
  });
}

export function keySetFileKeys(path: string): Keys {
  return fileKeys(path, verifyWithSet, (bytes) => keySetOf(bytes.toString('utf8')));
}

/** @throws TypeError if the text is not a set of public keys (RFC 7517). */
export function keySetOf(json: string): LocalJWKSet {
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch {
    throw new TypeError('not JSON, expected a JSON Web Key Set');
  }
  const { keys } = (parsed ?? {}) as Partial<JSONWebKeySet>;
  if (
    !Array.isArray(keys) ||
    keys.length === 0 ||
    keys.length > KEYS_MAX ||
    keys.some((key) => typeof key !== 'object' || key === null)
  ) {
    throw new TypeError(`not a JSON Web Key Set, expected { "keys": [...] } with 1 to ${KEYS_MAX} keys`);
  }
  // A private or secret key in a published set would let every reader sign tokens.
  if (keys.some(({ kty, d }) => kty === 'oct' || d !== undefined))
    throw new TypeError('it contains a secret or private key, expected public keys only');
  return createLocalJWKSet({ keys });
}

/** A token without `kid` may match several keys of a set; each is tried. */
export async function verifyWithSet(set: LocalJWKSet, token: string, options: JWTVerifyOptions): Promise<JWTPayload> {
  try {
    return (await jwtVerify(token, set, options)).payload;
  } catch (error) {
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
    for await (const key of error) {
      try {
        return (await jwtVerify(token, key, options)).payload;
      } catch (mismatch) {
        if (!(mismatch instanceof errors.JWSSignatureVerificationFailed)) throw mismatch;
      }
    }
    throw new errors.JWSSignatureVerificationFailed();
  }
}

const verifyWith = async (key: KeyObject, token: string, options: JWTVerifyOptions): Promise<JWTPayload> =>
  (await jwtVerify(token, key, options)).payload;

function fileKeys<Key>(
  path: string,
  verify: (key: Key, token: string, options: JWTVerifyOptions) => Promise<JWTPayload>,
  parse: (bytes: Buffer) => Key,
): Keys {
  const read = (): Key => {
    try {
      return parse(boundedRead(path, FILE_BYTES_MAX));
    } catch (error) {
      throw new TypeError(`${path}: ${(error as Error).message}`, { cause: error });
    }
  };
  let key = read();
  return {
    verify: (token, options) => verify(key, token, options),
    reload: () =>
      new Promise((resolve) => {
        key = read();
        resolve();
      }),
  };
}

function secretOf(text: string, encoding: SecretEncoding, algorithms: readonly string[]): KeyObject {
  if (!ENCODED[encoding].test(text)) throw new TypeError(`it is not valid ${encoding}`);
  const secret = Buffer.from(text, encoding);
  const problem = algorithms
    .map((algorithm) => secretProblem(secret.length, algorithm))
    .find((each) => each !== undefined);
  if (problem !== undefined) throw new TypeError(problem);
  return createSecretKey(secret);
}

function publicKeyOf(pem: string): KeyObject {
  try {
    return createPublicKey(pem);
  } catch (error) {
    throw new TypeError('the public key cannot be parsed, expected PEM', { cause: error });
  }
}
