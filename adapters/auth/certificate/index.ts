// The adapter `certificate`: the identity of a client is that of its TLS certificate, which the listener has verified.
// It abstains for a client without a certificate.
import { OptionReader } from 'hexmq/ports';
import type { AuthenticationRequest, Authenticator, AuthenticatorAnswer, PeerCertificate } from 'hexmq/ports';

const IDENTITIES = ['commonName', 'subject', 'san'] as const;
const SAN_TYPES = ['DNS', 'URI', 'email', 'IP'] as const;
const MATCHES = ['userName', 'clientId'] as const;

export interface CertificateSettings {
  /** The part of the certificate that becomes the user name. */
  readonly identity: (typeof IDENTITIES)[number];
  /** The type of alternative name; set if and only if the identity is `san`. */
  readonly sanType: (typeof SAN_TYPES)[number] | undefined;
  /** The field of CONNECT that has to equal the identity, or `undefined` for none. */
  readonly mustMatch: (typeof MATCHES)[number] | undefined;
}

const ABSTAIN: AuthenticatorAnswer = { decision: 'abstain' };

/** @throws TypeError that names the option, its value and what was expected. */
export function createAuthenticator(options?: unknown): Authenticator {
  const settings = settingsOf(new OptionReader(options));
  return { name: 'certificate', authenticate: (request) => authenticate(request, settings) };
}

function settingsOf(read: OptionReader): CertificateSettings {
  const { identity, sanType, mustMatch } = read.readAll({
    identity: () => read.oneOf('identity', IDENTITIES, 'commonName'),
    sanType: () => read.oneOf('sanType', SAN_TYPES),
    mustMatch: () => read.oneOf('mustMatch', MATCHES),
  });
  if (identity === 'san' && sanType === undefined)
    read.refuse('sanType', `missing, expected one of ${SAN_TYPES.join(', ')} with identity: san`);
  if (identity !== 'san' && sanType !== undefined)
    read.refuse('sanType', `not valid with identity: ${identity}, expected identity: san`);
  return { identity, sanType, mustMatch };
}

function authenticate(request: AuthenticationRequest, settings: CertificateSettings): AuthenticatorAnswer {
  const { certificate } = request.peer;
  if (certificate === undefined) return ABSTAIN;
  const { mustMatch } = settings;
  const names = namesIn(certificate, settings).filter((name) => name !== '');
  if (mustMatch === undefined) {
    const [userName, ...others] = names;
    if (userName !== undefined && others.length === 0) return { decision: 'allow', userName };
    return denied(`the certificate has ${names.length} names of type ${typeOf(settings)}, expected one`);
  }
  const userName = names.find((name) => name === request[mustMatch]);
  if (userName !== undefined) return { decision: 'allow', userName };
  const field = mustMatch === 'userName' ? 'User Name' : 'Client Identifier';
  return denied(`the ${field} is not the ${typeOf(settings)} of the certificate`);
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

const typeOf = ({ identity, sanType }: CertificateSettings): string =>
  identity === 'san' ? `san ${sanType}` : identity;

const denied = (detail: string): AuthenticatorAnswer => ({
  decision: 'deny',
  reason: 'not-authorized',
  detail: `certificate: ${detail}`,
});
