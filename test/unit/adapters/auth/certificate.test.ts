// The certificate authenticator: which name of a certificate becomes the user name.
import { describe, expect, test } from '@jest/globals';
import type { AuthenticationRequest, AuthenticatorAnswer, ClientId, PeerCertificate } from 'hexmq/ports';
import { createAuthenticator } from '../../../../adapters/auth/certificate/index.js';

const METER: PeerCertificate = {
  commonName: 'meter-7',
  subject: 'CN=meter-7,O=Plant',
  subjectAlternativeNames: [
    'DNS:meter-7.plant.example',
    'URI:urn:plant:meter-7',
    'DNS:spare.plant.example',
    'IP:192.0.2.7',
    'email:meter-7@plant.example',
  ],
  fingerprint: 'ab'.repeat(32),
};

function ask(
  options: Record<string, unknown>,
  certificate: PeerCertificate | undefined,
  request: Partial<AuthenticationRequest> = {},
): AuthenticatorAnswer {
  return createAuthenticator(options).authenticate({
    clientId: 'client' as ClientId,
    protocolVersion: 4,
    userName: undefined,
    password: undefined,
    listener: 'tls',
    peer: { remoteAddress: '192.0.2.7:5000', certificate },
    ...request,
  }) as AuthenticatorAnswer;
}

const allowed = (userName: string): AuthenticatorAnswer => ({ decision: 'allow', userName });
const denied = (detail: string): AuthenticatorAnswer => ({
  decision: 'deny',
  reason: 'not-authorized',
  detail: `certificate: ${detail}`,
});

describe('the certificate authenticator', () => {
  test('the certificate authenticator abstains without a certificate', () => {
    for (const options of [{}, { identity: 'subject' }, { mustMatch: 'userName' }])
      expect(ask(options, undefined, { userName: 'meter-7' })).toEqual({ decision: 'abstain' });
  });

  test('the user name comes from the configured part of the certificate, not from CONNECT', () => {
    expect(ask({}, METER, { userName: 'root' })).toEqual(allowed('meter-7'));
    expect(ask({ identity: 'commonName' }, METER)).toEqual(allowed('meter-7'));
    expect(ask({ identity: 'subject' }, METER)).toEqual(allowed('CN=meter-7,O=Plant'));
    expect(ask({ identity: 'san', sanType: 'URI' }, METER)).toEqual(allowed('urn:plant:meter-7'));
    expect(ask({ identity: 'san', sanType: 'IP' }, METER)).toEqual(allowed('192.0.2.7'));
    expect(ask({ identity: 'san', sanType: 'email' }, METER)).toEqual(allowed('meter-7@plant.example'));
  });

  test('a certificate without the name, or with several, is denied', () => {
    expect(ask({}, { ...METER, commonName: undefined })).toEqual(
      denied('the certificate has 0 names of type commonName, expected one'),
    );
    expect(ask({}, { ...METER, commonName: '' })).toEqual(
      denied('the certificate has 0 names of type commonName, expected one'),
    );
    expect(ask({ identity: 'san', sanType: 'DNS' }, METER)).toEqual(
      denied('the certificate has 2 names of type san DNS, expected one'),
    );
  });

  test('mustMatch requires the user name or the client identifier to equal the name', () => {
    expect(ask({ mustMatch: 'userName' }, METER, { userName: 'meter-7' })).toEqual(allowed('meter-7'));
    expect(ask({ mustMatch: 'clientId' }, METER, { clientId: 'meter-7' as ClientId })).toEqual(allowed('meter-7'));
    const userName = denied('the User Name is not the commonName of the certificate');
    for (const other of ['meter-70', 'METER-7', '', undefined])
      expect(ask({ mustMatch: 'userName' }, METER, { userName: other })).toEqual(userName);
    expect(ask({ mustMatch: 'clientId' }, METER)).toEqual(
      denied('the Client Identifier is not the commonName of the certificate'),
    );
    expect(ask({ mustMatch: 'userName' }, { ...METER, commonName: undefined }, { userName: undefined })).toEqual(
      userName,
    );
  });

  test('with mustMatch a client may claim any of several names', () => {
    const options = { identity: 'san', sanType: 'DNS', mustMatch: 'userName' };
    for (const userName of ['meter-7.plant.example', 'spare.plant.example'])
      expect(ask(options, METER, { userName })).toEqual(allowed(userName));
    expect(ask(options, METER, { userName: 'urn:plant:meter-7' })).toEqual(
      denied('the User Name is not the san DNS of the certificate'),
    );
  });

  test.each([
    [{ identity: 'name' }, 'identity: "name" is not valid, expected one of commonName, subject, san'],
    [{ identity: 'san' }, 'sanType: missing, expected one of DNS, URI, email, IP with identity: san'],
    [{ identity: 'san', sanType: 'dns' }, 'sanType: "dns" is not valid, expected one of DNS, URI, email, IP'],
    [{ sanType: 'DNS' }, 'sanType: not valid with identity: commonName, expected identity: san'],
    [{ mustMatch: 'password' }, 'mustMatch: "password" is not valid, expected one of userName, clientId'],
    [{ match: 'userName' }, 'match: unknown key, expected identity, sanType, mustMatch'],
  ])('the certificate authenticator refuses the options %j', (options, problem) => {
    expect(() => createAuthenticator(options)).toThrow(problem);
  });
});
