// The adapter `password-file`: validates its options.
import { OptionReader } from 'hexmq/ports';
import type { Authenticator, Clock } from 'hexmq/ports';
import { readVerifierLimits } from '../passwords/password-verifier.js';
import { PasswordFileAuthenticator } from './password-file.js';

/**
 * @throws TypeError that names the option, its value and what was expected; Error if the file is missing or invalid.
 */
export function createAuthenticator(options: unknown, { clock }: { readonly clock: Clock }): Authenticator {
  const read = new OptionReader(options);
  const settings = read.readAll({
    path: () => read.requireString('path', 'the path of a file made by hexmq passwd'),
    unknownUsers: () => read.oneOf('unknownUsers', ['deny', 'abstain'], 'deny'),
    limits: () => readVerifierLimits(read),
  });
  return new PasswordFileAuthenticator(settings, clock);
}
