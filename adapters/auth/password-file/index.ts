// Users and their passwords in a file, as a configuration asks for it: its options are checked here.
import type { Authenticator, Clock } from 'hexmq/ports';
import { PasswordFileAuthenticator } from './password-file.js';
import type { PasswordFileSettings } from './password-file.js';

const DEFAULTS: Omit<PasswordFileSettings, 'path'> = {
  unknownUsers: 'deny',
  maxChecks: 2,
  maxWaitingChecks: 10_000,
  rememberForMs: 3_600_000,
};

const NUMBERS = { maxChecks: [1, 64], maxWaitingChecks: [0, 1_000_000], rememberForMs: [0, 86_400_000] } as const;

/** @throws Error when there is an option that it does not know, one is missing or wrong, or the file is. */
export function createAuthenticator(
  options: Readonly<Record<string, unknown>>,
  { clock }: { readonly clock: Clock },
): Authenticator {
  const unknownKey = Object.keys(options).find((key) => key !== 'path' && !Object.hasOwn(DEFAULTS, key));
  if (unknownKey !== undefined)
    throw new TypeError(`unknown option "${unknownKey}", expected path, ${Object.keys(DEFAULTS).join(', ')}`);
  const { path, unknownUsers = DEFAULTS.unknownUsers } = options;
  if (typeof path !== 'string' || path === '' || path.includes('\0')) {
    throw new TypeError(
      `path is ${JSON.stringify(path) ?? 'missing'}, expected the path of a file made by hexmq passwd`,
    );
  }
  if (unknownUsers !== 'deny' && unknownUsers !== 'abstain')
    throw new TypeError(`unknownUsers is ${JSON.stringify(unknownUsers)}, expected deny or abstain`);
  const number = (key: keyof typeof NUMBERS): number => wholeNumber(key, options[key] ?? DEFAULTS[key]);
  const numbers = {
    maxChecks: number('maxChecks'),
    maxWaitingChecks: number('maxWaitingChecks'),
    rememberForMs: number('rememberForMs'),
  };
  return new PasswordFileAuthenticator({ path, unknownUsers, ...numbers }, clock);
}

function wholeNumber(key: keyof typeof NUMBERS, value: unknown): number {
  const [least, most] = NUMBERS[key];
  if (Number.isInteger(value) && (value as number) >= least && (value as number) <= most) return value as number;
  throw new TypeError(`${key} is ${JSON.stringify(value)}, expected a whole number from ${least} to ${most}`);
}
