// What a server keeps of a password for SCRAM (RFC 5802, RFC 7677), and its text, as PostgreSQL writes it too:
// `SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey`. The password cannot be computed from it, only guessed.
import { createHash, createHmac, pbkdf2, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { prepared } from './prepared.js';

const pbkdf2OnPool = promisify(pbkdf2);

/** By Authentication Method. */
export const MECHANISMS = {
  'SCRAM-SHA-256': { hash: 'sha256', bytes: 32 },
  'SCRAM-SHA-512': { hash: 'sha512', bytes: 64 },
} as const;

export type Method = keyof typeof MECHANISMS;

export const METHODS = Object.keys(MECHANISMS) as readonly Method[];

/** How the password was salted. */
export interface Salting {
  readonly iterations: number;
  readonly salt: Buffer;
}

export interface ScramCredentials extends Salting {
  readonly method: Method;
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
}

/** The least that RFC 7677 permits. */
export const MIN_ITERATIONS = 4096;
/** A client computes them all at each login. */
export const MAX_ITERATIONS = 10_000_000;
export const DEFAULT_ITERATIONS = 100_000;
export const SALT_BYTES = 16;
const SALT_BYTES_MAX = 64;

export const hmac = (method: Method, key: Buffer, data: string): Buffer =>
  createHmac(MECHANISMS[method].hash, key).update(data).digest();

export const digest = (method: Method, data: Buffer): Buffer =>
  createHash(MECHANISMS[method].hash).update(data).digest();

/** @throws Error if SASLprep does not permit the password (RFC 4013). */
export async function credentialsOf(
  method: Method,
  password: Uint8Array,
  { iterations, salt = randomBytes(SALT_BYTES) }: { readonly iterations: number; readonly salt?: Buffer },
): Promise<ScramCredentials> {
  const { hash, bytes } = MECHANISMS[method];
  const salted = await pbkdf2OnPool(preparedPassword(password), salt, iterations, bytes, hash);
  const storedKey = digest(method, hmac(method, salted, 'Client Key'));
  return { method, iterations, salt, storedKey, serverKey: hmac(method, salted, 'Server Key') };
}

function preparedPassword(password: Uint8Array): string {
  const problem = 'the password has to be text that RFC 4013 (SASLprep) permits: UTF-8 without control characters';
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(password);
  } catch (error) {
    throw new Error(problem, { cause: error });
  }
  const ready = prepared(text, 'stored');
  if (ready === undefined) throw new Error(problem);
  return ready;
}

export function formatCredentials({ method, iterations, salt, storedKey, serverKey }: ScramCredentials): string {
  const [s, stored, server] = [salt, storedKey, serverKey].map((each) => each.toString('base64'));
  return `${method}$${String(iterations)}:${s ?? ''}$${stored ?? ''}:${server ?? ''}`;
}

const FORMAT = /^(SCRAM-SHA-(?:256|512))\$(\d{1,8}):([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+):([A-Za-z0-9+/=]+)$/;

/** @throws Error that says what was expected. It never quotes the text. */
export function parseCredentials(text: string): ScramCredentials {
  const [, method, count, ...fields] = FORMAT.exec(text) ?? [];
  if (method === undefined)
    throw new Error('expected SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey; hexmq passwd --scram writes it');
  const iterations = Number(count);
  if (iterations < MIN_ITERATIONS || iterations > MAX_ITERATIONS)
    throw new Error(`it has ${iterations} iterations, expected ${MIN_ITERATIONS} to ${MAX_ITERATIONS}`);
  const [salt, storedKey, serverKey] = fields.map((field) => Buffer.from(field, 'base64')) as [Buffer, Buffer, Buffer];
  const { bytes } = MECHANISMS[method as Method];
  if (salt.length === 0 || salt.length > SALT_BYTES_MAX)
    throw new Error(`its salt has ${salt.length} bytes, expected 1 to ${SALT_BYTES_MAX}`);
  if (storedKey.length !== bytes || serverKey.length !== bytes)
    throw new Error(`its keys are damaged, expected ${bytes} bytes each`);
  return { method: method as Method, iterations, salt, storedKey, serverKey };
}
