// Password hashes as text: `$scrypt$…`, which hexmq writes, and Mosquitto's `$6$…`, `$7$…` and, since its version 2.1,
// `$argon2id$…`. Error messages never quote the text, which may be a password. Slow work runs on other threads.
import { createHash, pbkdf2, randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { argon2id } from './argon2.js';

export type PasswordHash = { readonly salt: Buffer; readonly hash: Buffer } & (
  | { readonly scheme: 'scrypt'; readonly ln: number; readonly r: number; readonly p: number }
  | { readonly scheme: 'sha512' }
  | { readonly scheme: 'pbkdf2-sha512'; readonly iterations: number }
  | {
      readonly scheme: 'argon2id';
      readonly iterations: number;
      readonly memoryKiB: number;
      readonly parallelism: number;
    }
);

const pbkdf2OnPool = promisify(pbkdf2);
/** The type of the promisified function lacks the options. */
const scryptOnPool = promisify<
  string | Uint8Array,
  Buffer,
  number,
  { N: number; r: number; p: number; maxmem: number },
  Buffer
>(scrypt);

/** Written hashes: one of the minimum configurations that OWASP recommends for scrypt, with 16 MiB of memory. */
export const DEFAULT_COST = 14;
export const MIN_COST = 10;
export const MAX_COST = 18;
const R = 8;
const P = 5;
const SALT_BYTES = 16;
const HASH_BYTES = 32;

/** Accepted hashes: beyond these bounds one password would delay the others by seconds, or need too much memory. */
const SCRYPT_BYTES_MAX = 1024 * 1024 * 1024;
const SCRYPT_P_MAX = 64;
const PBKDF2_ITERATIONS_MAX = 10_000_000;
const ARGON2_KIB_MAX = 1024 * 1024;
const ARGON2_PASSES_MAX = 64;
/** In KiB times passes: about as much work as 1 GiB of memory four times. */
const ARGON2_WORK_MAX = 4 * ARGON2_KIB_MAX;
const ARGON2_SALT_BYTES_MIN = 8;
const NULL_CHARACTER = new Uint8Array(1);
const SHA512_BYTES = 64;

const EXPECTED = 'expected a hash that begins with $scrypt$, $argon2id$, $7$ or $6$';

/** @throws Error that says what was expected. */
export function parsePasswordHash(text: string): PasswordHash {
  if (!text.startsWith('$')) throw new Error(`its password is not hashed, ${EXPECTED}; hexmq passwd writes one`);
  const [, scheme = '', ...fields] = text.split('$');
  switch (scheme) {
    case 'scrypt':
      return parseScrypt(fields);
    case '6':
      return { scheme: 'sha512', ...saltAndHash(fields, '$6$salt$hash', SHA512_BYTES, SHA512_BYTES) };
    case '7':
      return parsePbkdf2(fields);
    case 'argon2id':
      return parseArgon2(fields);
    default:
      throw new Error(`its password is hashed in a way that is not supported, ${EXPECTED}`);
  }
}

function parseScrypt([parameters = '', ...fields]: readonly string[]): PasswordHash {
  const [, ln, r, p] = (/^ln=(\d{1,2}),r=(\d{1,3}),p=(\d{1,3})$/.exec(parameters) ?? []).map(Number);
  if (ln === undefined || r === undefined || p === undefined)
    throw new Error('its hash is damaged, expected $scrypt$ln=…,r=…,p=…$salt$hash');
  if (ln < 1 || r < 1 || p < 1 || p > SCRYPT_P_MAX || memoryOf(ln, r, p) > SCRYPT_BYTES_MAX) {
    throw new Error(
      `its hash costs too much, expected ln, r and p of at least 1, p of at most ${SCRYPT_P_MAX}, ` +
        'and at most 1 GiB of memory (2^ln * r * 128)',
    );
  }
  return { scheme: 'scrypt', ln, r, p, ...saltAndHash(fields, '$scrypt$ln=…,r=…,p=…$salt$hash', 16, 64) };
}

function parsePbkdf2([iterations = '', ...fields]: readonly string[]): PasswordHash {
  const count = /^\d{1,9}$/.test(iterations) ? Number(iterations) : 0;
  if (count < 1 || count > PBKDF2_ITERATIONS_MAX)
    throw new Error(`its hash has no valid number of iterations, expected 1 to ${PBKDF2_ITERATIONS_MAX}`);
  return {
    scheme: 'pbkdf2-sha512',
    iterations: count,
    ...saltAndHash(fields, '$7$iterations$salt$hash', SHA512_BYTES, SHA512_BYTES),
  };
}

function parseArgon2([version = '', parameters = '', ...fields]: readonly string[]): PasswordHash {
  const shape = '$argon2id$v=19$m=…,t=…,p=…$salt$hash';
  const [, memoryKiB, iterations, parallelism] = (/^m=(\d{1,8}),t=(\d{1,4}),p=(\d{1,3})$/.exec(parameters) ?? []).map(
    Number,
  );
  if (version !== 'v=19' || memoryKiB === undefined || iterations === undefined || parallelism === undefined)
    throw new Error(`its hash is damaged, expected ${shape}`);
  const isPossible = iterations >= 1 && parallelism >= 1 && memoryKiB >= 8 * parallelism;
  const isAffordable = iterations <= ARGON2_PASSES_MAX && iterations * memoryKiB <= ARGON2_WORK_MAX;
  if (!isPossible || !isAffordable || memoryKiB > ARGON2_KIB_MAX)
    throw new Error(
      'its hash costs too much or is not possible, expected m from 8 * p to 1 GiB, t from 1 to 64, ' +
        'and t * m of at most 4 GiB',
    );
  const { salt, hash } = saltAndHash(fields, shape, 16, 64);
  if (salt.length < ARGON2_SALT_BYTES_MIN)
    throw new Error(`its salt has ${salt.length} bytes, expected at least ${ARGON2_SALT_BYTES_MIN}`);
  return { scheme: 'argon2id', memoryKiB, iterations, parallelism, salt, hash };
}

function saltAndHash(
  fields: readonly string[],
  shape: string,
  minBytes: number,
  maxBytes: number,
): { salt: Buffer; hash: Buffer } {
  const [salt, hash, ...rest] = fields.map(fromBase64);
  if (salt === undefined || hash === undefined || rest.length > 0)
    throw new Error(`its hash is damaged, expected ${shape} with salt and hash in base64`);
  if (hash.length < minBytes || hash.length > maxBytes)
    throw new Error(
      `its hash has ${hash.length} bytes, expected ${minBytes === maxBytes ? minBytes : `${minBytes} to ${maxBytes}`}`,
    );
  return { salt, hash };
}

/** Accepts base64 with or without padding. */
function fromBase64(text: string): Buffer | undefined {
  const bare = text.replace(/={1,2}$/, '');
  return bare !== '' && /^[A-Za-z0-9+/]+$/.test(bare) && bare.length % 4 !== 1
    ? Buffer.from(bare, 'base64')
    : undefined;
}

const toBase64 = (bytes: Buffer): string => bytes.toString('base64').replace(/=+$/, '');

/**
 * Compares in constant time. A password that contains a null character is never right: HMAC pads its key with null
 * characters, so that appended ones would not change the hash.
 */
export async function isPassword(expected: PasswordHash, password: Uint8Array): Promise<boolean> {
  return timingSafeEqual(await derive(expected, password), expected.hash) && !password.includes(0);
}

function derive(like: PasswordHash, password: Uint8Array): Buffer | Promise<Buffer> {
  const { salt, hash } = like;
  switch (like.scheme) {
    case 'scrypt': {
      const { ln, r, p } = like;
      return scryptOnPool(password, salt, hash.length, { N: 2 ** ln, r, p, maxmem: 2 * memoryOf(ln, r, p) });
    }
    case 'pbkdf2-sha512':
      return pbkdf2OnPool(password, salt, like.iterations, hash.length, 'sha512');
    case 'argon2id': {
      const { memoryKiB, iterations, parallelism } = like;
      // The implementation takes no empty password; this one is never right either.
      return argon2id(password.length === 0 ? NULL_CHARACTER : password, {
        salt,
        hashLength: hash.length,
        memoryKiB,
        iterations,
        parallelism,
      });
    }
    case 'sha512':
      // One round: handing it to a thread would take longer.
      return createHash('sha512').update(password).update(salt).digest();
  }
}

const memoryOf = (ln: number, r: number, p: number): number => 128 * r * (2 ** ln + p);

/** @param cost the binary logarithm of scrypt's N, 10 to 18; each step doubles the time and the memory. */
export async function hashPassword(password: Uint8Array, cost: number): Promise<string> {
  const like = {
    scheme: 'scrypt',
    ln: cost,
    r: R,
    p: P,
    salt: randomBytes(SALT_BYTES),
    hash: Buffer.alloc(HASH_BYTES),
  } as const;
  return `$scrypt$ln=${cost},r=${R},p=${P}$${toBase64(like.salt)}$${toBase64(await derive(like, password))}`;
}
