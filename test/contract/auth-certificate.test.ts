// The certificate authenticator, held to the contract of its port.
import { describe, test } from '@jest/globals';
import type { PeerInfo } from 'hexmq/ports';
import { authenticatorContract } from 'hexmq/testkit';
import { createAuthenticator } from '../../adapters/auth/certificate/index.js';

const peerWith = (commonName: string | undefined): PeerInfo => ({
  remoteAddress: '192.0.2.7:50000',
  ipAddress: '192.0.2.7',
  certificate: {
    commonName,
    subject: `CN=${commonName ?? ''}`,
    subjectAlternativeNames: [],
    fingerprint: '00'.repeat(32),
  },
});

authenticatorContract({
  name: 'certificate',
  describe,
  test,
  factory: {
    create: () =>
      Promise.resolve({
        authenticator: createAuthenticator({}),
        good: { userName: 'whatever it says', peer: peerWith('meter-7') },
        userName: 'meter-7',
        wrong: { peer: peerWith(undefined) },
        unknown: { userName: 'meter-7', answer: 'abstain' },
        dispose: () => Promise.resolve(),
      }),
  },
});

authenticatorContract({
  name: 'certificate, which must be that of the user name',
  describe,
  test,
  factory: {
    create: () =>
      Promise.resolve({
        authenticator: createAuthenticator({ mustMatch: 'userName' }),
        good: { userName: 'meter-7', peer: peerWith('meter-7') },
        wrong: { userName: 'meter-8', peer: peerWith('meter-7') },
        unknown: { userName: 'meter-7', answer: 'abstain' },
        dispose: () => Promise.resolve(),
      }),
  },
});
