// Passwords as their hashes stand in documents: `$scrypt$ln=…,r=…,p=…$salt$hash`, as `hexmq passwd` writes them, and Mosquitto's
// `$7$iterations$salt$hash`. Hashing is done on the thread pool.
import { pbkdf2, scrypt, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';

export type PasswordHash = { readonly salt: Buffer; readonly hash: Buffer } & (
  | { readonly scheme: 'scrypt'; readonly ln: number; readonly r: number; readonly p: number }
  | { readonly scheme: 'pbkdf2'; readonly iterations: number }
);

const SCHEMES = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,3}),p=(\d{1,2})\$([\w+/]+)={0,2}\$([\w+/]+)={0,2}$|^\$7\$(\d{1,8})\$([\w+/]+)={0,2}\$([\w+/]+)={0,2}$/;

/** Beyond these one password would hold up the others for seconds, or need more memory than a broker ought to give it. */
const SCRYPT_BYTES_MAX = 1024 * 1024 * 1024;
const SCRYPT_P_MAX = 64;
const PBKDF2_ITERATIONS_MAX = 10_000_000;
const HASH_BYTES_MIN = 16;
const HASH_BYTES_MAX = 64;

const pbkdf2OnPool = promisify(pbkdf2);
/** Its promisified type knows no options. */
const scryptOnPool = promisify<Uint8Array, Buffer, number, { N: number; r: number; p: number; maxmem: number }, Buffer>(scrypt);

/** As hard as what `hexmq passwd` writes. */
export const NOBODYS_HASH: PasswordHash = { scheme: 'scrypt', ln: 14, r: 8, p: 5, salt: Buffer.alloc(16), hash: Buffer.alloc(32) };

/** @throws Error that says what was expected, and nothing of the text. */
export function parsePasswordHash(text: string): PasswordHash {
  const [matched, ln, r, p, salt, hash, iterations, otherSalt, otherHash] = SCHEMES.exec(text) ?? [];
  if (matched === undefined) throw new Error('no hash of a password, expected $scrypt$ln=…,r=…,p=…$salt$hash or $7$iterations$salt$hash');
  const bytes = { salt: Buffer.from(salt ?? otherSalt ?? '', 'base64'), hash: Buffer.from(hash ?? otherHash ?? '', 'base64') };
  const parsed: PasswordHash =
    iterations === undefined ? { scheme: 'scrypt', ln: Number(ln), r: Number(r), p: Number(p), ...bytes } : { scheme: 'pbkdf2', iterations: Number(iterations), ...bytes };
  if (bytes.hash.length < HASH_BYTES_MIN || bytes.hash.length > HASH_BYTES_MAX) {
    throw new Error(`a hash of ${bytes.hash.length} bytes, expected ${HASH_BYTES_MIN} to ${HASH_BYTES_MAX}`);
  }
  if (isTooMuch(parsed)) {
    throw new Error(`a hash that asks for too little or too much, expected p up to ${SCRYPT_P_MAX} and 2^ln * r * 128 up to 1 GiB, or 1 to ${PBKDF2_ITERATIONS_MAX} iterations`);
  }
  return parsed;
}

/** Takes as long for a wrong password as for the right one. One with a null character is never right: to HMAC those at its end are nothing. */
export async function isPassword(expected: PasswordHash, password: Uint8Array): Promise<boolean> {
  return timingSafeEqual(await derive(expected, password), expected.hash) && !password.includes(0);
}

function derive(like: PasswordHash, password: Uint8Array): Promise<Buffer> {
  const { salt, hash } = like;
  switch (like.scheme) {
    case 'scrypt': {
      const { ln, r, p } = like;
      return scryptOnPool(password, salt, hash.length, { N: 2 ** ln, r, p, maxmem: 2 * memoryOf(ln, r, p) });
    }
    case 'pbkdf2':
      return pbkdf2OnPool(password, salt, like.iterations, hash.length, 'sha512');
  }
}

function isTooMuch(parsed: PasswordHash): boolean {
  switch (parsed.scheme) {
    case 'scrypt': {
      const { ln, r, p } = parsed;
      return ln < 1 || r < 1 || p < 1 || p > SCRYPT_P_MAX || memoryOf(ln, r, p) > SCRYPT_BYTES_MAX;
    }
    case 'pbkdf2':
      return parsed.iterations < 1 || parsed.iterations > PBKDF2_ITERATIONS_MAX;
  }
}

const memoryOf = (ln: number, r: number, p: number): number => 128 * r * (2 ** ln + p);
