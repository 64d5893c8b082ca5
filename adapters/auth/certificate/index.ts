// Takes who a client is from its certificate, which the listener has verified. Whoever shows none is no business of it.
import type { AuthenticationRequest, Authenticator, AuthenticatorAnswer, PeerCertificate } from 'hexmq/ports';

const IDENTITIES = ['commonName', 'subject', 'san'] as const;
const SAN_TYPES = ['DNS', 'URI', 'email', 'IP'] as const;
const MATCHES = ['userName', 'clientId'] as const;

export interface CertificateSettings {
  /** What of the certificate is the user name. */
  readonly identity: (typeof IDENTITIES)[number];
  /** Which of its alternative names, with the identity `san`. */
  readonly sanType: (typeof SAN_TYPES)[number] | undefined;
  /** What of CONNECT has to be the same; `undefined`: nothing. */
  readonly mustMatch: (typeof MATCHES)[number] | undefined;
}

const OPTIONS = ['identity', 'sanType', 'mustMatch'];
const ABSTAIN: AuthenticatorAnswer = { decision: 'abstain' };

/** @throws TypeError when there is an option that it does not know, or one is missing or wrong. */
export function createAuthenticator(options: Readonly<Record<string, unknown>> = {}): Authenticator {
  const settings = settingsOf(options);
  return { name: 'certificate', authenticate: (request) => authenticate(request, settings) };
}

function settingsOf(options: Readonly<Record<string, unknown>>): CertificateSettings {
  const unknownKey = Object.keys(options).find((key) => !OPTIONS.includes(key));
  if (unknownKey !== undefined) throw new TypeError(`unknown option "${unknownKey}", expected ${OPTIONS.join(', ')}`);
  const identity = oneOf(IDENTITIES, 'identity', options['identity'] ?? 'commonName');
  const sanType = options['sanType'] === undefined ? undefined : oneOf(SAN_TYPES, 'sanType', options['sanType']);
  if (identity === 'san' && sanType === undefined)
    throw new TypeError(`sanType is missing, expected ${SAN_TYPES.join(', ')} beside identity: san`);
  if (identity !== 'san' && sanType !== undefined)
    throw new TypeError('sanType has a meaning only beside identity: san');
  const mustMatch = options['mustMatch'] === undefined ? undefined : oneOf(MATCHES, 'mustMatch', options['mustMatch']);
  return { identity, sanType, mustMatch };
}

function oneOf<Word extends string>(words: readonly Word[], key: string, value: unknown): Word {
  const word = words.find((known) => known === value);
  if (word === undefined) throw new TypeError(`${key} is ${JSON.stringify(value)}, expected ${words.join(', ')}`);
  return word;
}

function authenticate(request: AuthenticationRequest, settings: CertificateSettings): AuthenticatorAnswer {
  const { certificate } = request.peer;
  if (certificate === undefined) return ABSTAIN;
  const { mustMatch } = settings;
  const names = namesIn(certificate, settings).filter((name) => name !== '');
  if (mustMatch === undefined) {
    const [userName, ...others] = names;
    if (userName !== undefined && others.length === 0) return { decision: 'allow', userName };
    return denied(`its certificate has ${names.length} names of the kind ${kindOf(settings)}, expected one`);
  }
  const userName = names.find((name) => name === request[mustMatch]);
  if (userName !== undefined) return { decision: 'allow', userName };
  return denied(
    `its ${mustMatch === 'userName' ? 'user name' : 'client identifier'} is not the ${kindOf(settings)} of its certificate`,
  );
}

function namesIn(
  { commonName, subject, subjectAlternativeNames }: PeerCertificate,
  { identity, sanType }: CertificateSettings,
): readonly string[] {
  switch (identity) {
    case 'commonName':
      return commonName === undefined ? [] : [commonName];
    case 'subject':
      return [subject];
    case 'san': {
      const prefix = `${sanType}:`;
      return subjectAlternativeNames.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
    }
  }
}

const kindOf = ({ identity, sanType }: CertificateSettings): string =>
  identity === 'san' ? `san ${sanType}` : identity;

const denied = (detail: string): AuthenticatorAnswer => ({
  decision: 'deny',
  reason: 'not-authorized',
  detail: `certificate: ${detail}`,
});
