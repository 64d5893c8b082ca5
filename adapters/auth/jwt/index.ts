// The adapter `jwt`: validates its options and reads key files. Keys behind a URL are fetched for the first token.
import { OptionReader } from 'hexmq/ports';
import type { Authenticator, Clock } from 'hexmq/ports';
import { KEY_ALGORITHMS, SECRET_ALGORITHMS } from './algorithms.js';
import { JwtAuthenticator } from './jwt-authenticator.js';
import { keySetFileKeys, publicKeyFileKeys, SECRET_ENCODINGS, secretFileKeys, secretKeys } from './keys.js';
import type { Keys } from './keys.js';
import { RemoteKeys } from './remote-keys.js';

const KEY_SOURCES = ['secret', 'secretFile', 'publicKeyFile', 'jwksFile', 'jwksUrl'] as const;
/** What is read for one of them or another. */
const KEY_OPTIONS = [
  ...KEY_SOURCES,
  ...['secretEncoding', 'allowHttp', 'jwksMaxAgeMs', 'jwksCooldownMs', 'jwksStaleMs', 'jwksTimeoutMs'],
];
const ALGORITHMS = [...SECRET_ALGORITHMS, ...KEY_ALGORITHMS];
const DAY_MS = 24 * 3_600_000;

/** @throws TypeError that names the option and what was expected, with the value unless it is a secret. */
export function createAuthenticator(options: unknown, { clock }: { readonly clock: Clock }): Authenticator {
  const read = new OptionReader(options);
  const settings = read.readAll({
    algorithms: () => algorithmsOf(read),
    tokenIn: () => tokenInOf(read),
    matchUserName: () => {
      const matchUserName = read.boolean('matchUserName', false);
      if (matchUserName && tokenInOf(read) === 'userName')
        read.refuse('matchUserName', 'true is not valid with tokenIn userName: the user name is the token');
      return matchUserName;
    },
    claims: () => {
      const claims = read.mapping('claims');
      return claims.readAll({
        userName: () => claims.string('userName') ?? 'sub',
        clientId: () => claims.string('clientId'),
        permissions: () => claims.string('permissions'),
      });
    },
    issuers: () => read.strings('issuer'),
    audiences: () => read.strings('audience'),
    requireExpiry: () => read.boolean('requireExpiry', true),
    clockToleranceMs: () => read.integer('clockToleranceMs', { min: 0, max: 600_000, fallback: 0 }),
    maxTokenBytes: () => read.integer('maxTokenBytes', { min: 128, max: 65_535, fallback: 8192 }),
    keys: () => read.part(KEY_OPTIONS, () => keysOf(read, algorithmsOf(read), clock)),
  });
  return new JwtAuthenticator(settings, clock);
}

const tokenInOf = (read: OptionReader): 'password' | 'userName' =>
  read.oneOf('tokenIn', ['password', 'userName'], 'password');

function algorithmsOf(read: OptionReader): readonly string[] {
  const expected = `a list of ${ALGORITHMS.join(', ')}`;
  const algorithms = read.strings('algorithms', expected) ?? read.refuse('algorithms', `missing, expected ${expected}`);
  const unknown = algorithms.find((algorithm) => !ALGORITHMS.includes(algorithm));
  if (unknown !== undefined) read.refuse('algorithms', `${JSON.stringify(unknown)} is not valid, expected ${expected}`);
  return algorithms;
}

function keysOf(read: OptionReader, algorithms: readonly string[], clock: Clock): Keys {
  const configured = KEY_SOURCES.filter((source) => read.has(source));
  const [source] = configured;
  if (source === undefined || configured.length > 1) {
    const problem = configured.length === 0 ? 'no keys' : `${configured.join(' and ')} at once`;
    throw new TypeError(`${problem}, expected one of ${KEY_SOURCES.join(', ')}`);
  }
  const compatible = source === 'secret' || source === 'secretFile' ? SECRET_ALGORITHMS : KEY_ALGORITHMS;
  const incompatible = algorithms.find((algorithm) => !compatible.includes(algorithm));
  if (incompatible !== undefined)
    read.refuse('algorithms', `${incompatible} does not fit ${source}, expected ${compatible.join(', ')}`);
  const encoding = compatible === SECRET_ALGORITHMS ? read.oneOf('secretEncoding', SECRET_ENCODINGS, 'utf8') : 'utf8';
  if (source === 'jwksUrl') return remoteKeysOf(read, clock);
  const text = source === 'secret' ? read.requireSecret(source) : read.requireString(source, 'the path of a file');
  try {
    switch (source) {
      case 'secret':
        return secretKeys(text, encoding, algorithms);
      case 'secretFile':
        return secretFileKeys(text, encoding, algorithms);
      case 'publicKeyFile':
        return publicKeyFileKeys(text, algorithms);
      case 'jwksFile':
        return keySetFileKeys(text);
    }
  } catch (error) {
    return read.refuse(source, (error as Error).message);
  }
}

function remoteKeysOf(read: OptionReader, clock: Clock): Keys {
  const settings = read.readEach({
    url: () => read.requireUrl('jwksUrl', read.boolean('allowHttp', false)),
    maxAgeMs: () => read.integer('jwksMaxAgeMs', { min: 1000, max: DAY_MS, fallback: 600_000 }),
    cooldownMs: () => read.integer('jwksCooldownMs', { min: 0, max: DAY_MS, fallback: 30_000 }),
    staleMs: () => read.integer('jwksStaleMs', { min: 0, max: 7 * DAY_MS, fallback: 3_600_000 }),
    timeoutMs: () => read.integer('jwksTimeoutMs', { min: 1, max: 60_000, fallback: 3000 }),
  });
  return new RemoteKeys(settings, clock);
}
