// Where keys come from that are at hand: a secret, a public key, a set of keys in a file. What is read from a file is read again on request.
import { isUtf8 } from 'node:buffer';
import { createPublicKey, createSecretKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createLocalJWKSet, errors, jwtVerify } from 'jose';
import type { JSONWebKeySet, JWTPayload, JWTVerifyOptions, LocalJWKSet } from 'jose';
import { keyProblem, secretProblem } from './algorithms.js';

/** What a signature is checked with. */
export interface Keys {
  /** @throws JOSEError: the token is not good; any other error: it cannot be told. */
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

/** A line break at the end belongs to the editor, not to the secret. */
export function secretFileKeys(path: string, encoding: SecretEncoding, algorithms: readonly string[]): Keys {
  return rereadable(path, verifyWith, (bytes) => {
    if (!isUtf8(bytes))
      throw new TypeError('it is not text, expected UTF-8; secretEncoding says how bytes are written');
    return secretOf(bytes.toString('utf8').replace(/\r?\n$/, ''), encoding, algorithms);
  });
}

export function publicKeyFileKeys(path: string, algorithms: readonly string[]): Keys {
  return rereadable(path, verifyWith, (bytes) => {
    const pem = bytes.toString('utf8');
    if (!/-----BEGIN (RSA )?PUBLIC KEY-----|-----BEGIN CERTIFICATE-----/.test(pem)) {
      throw new TypeError(
        'no public key, expected PEM that begins with -----BEGIN PUBLIC KEY----- or -----BEGIN CERTIFICATE-----',
      );
    }
    const key = publicKeyOf(pem);
    const problem = algorithms.map((algorithm) => keyProblem(key, algorithm)).find((each) => each !== undefined);
    if (problem !== undefined) throw new TypeError(problem);
    return key;
  });
}

export function keySetFileKeys(path: string): Keys {
  return rereadable(path, verifyWithSet, (bytes) => keySetOf(bytes.toString('utf8')));
}

/** @throws TypeError when the text is no set of public keys. */
export function keySetOf(json: string): LocalJWKSet {
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch {
    throw new TypeError('no JSON, expected a JSON Web Key Set');
  }
  const { keys } = (parsed ?? {}) as Partial<JSONWebKeySet>;
  if (
    !Array.isArray(keys) ||
    keys.length === 0 ||
    keys.length > KEYS_MAX ||
    keys.some((key) => typeof key !== 'object' || key === null)
  ) {
    throw new TypeError(`no JSON Web Key Set, expected { "keys": [...] } with 1 to ${KEYS_MAX} keys`);
  }
  // Whoever can read a set can sign with what is private or secret in it.
  if (keys.some(({ kty, d }) => kty === 'oct' || d !== undefined))
    throw new TypeError('it has a secret or private key, expected public keys only');
  return createLocalJWKSet({ keys });
}

/** A token without `kid` may fit several keys of a set: each is tried. */
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

function rereadable<Key>(
  path: string,
  verify: (key: Key, token: string, options: JWTVerifyOptions) => Promise<JWTPayload>,
  parse: (bytes: Buffer) => Key,
): Keys {
  const read = (): Key => {
    try {
      return parse(bytesOf(path));
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

function bytesOf(path: string): Buffer {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new TypeError(
      code === 'ENOENT'
        ? 'there is no such file'
        : code === 'EACCES'
          ? 'not permitted; let the user who runs hexmq read it'
          : message,
      { cause: error },
    );
  }
  if (bytes.length > FILE_BYTES_MAX) throw new TypeError(`${bytes.length} bytes, expected at most ${FILE_BYTES_MAX}`);
  return bytes;
}

function secretOf(text: string, encoding: SecretEncoding, algorithms: readonly string[]): KeyObject {
  if (!ENCODED[encoding].test(text)) throw new TypeError(`it is not written in ${encoding}`);
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
    throw new TypeError('a public key that cannot be read, expected PEM', { cause: error });
  }
}
