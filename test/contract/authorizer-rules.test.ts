// The rules authorizer, held to the contract of its port.
import { describe, test } from '@jest/globals';
import { authorizerContract } from 'hexmq/testkit';
import { createAuthorizer } from '../../adapters/auth/rules/index.js';

const OPTIONS = {
  roles: {
    reader: [
      { deny: ['receive', 'publish'], topics: ['plant/secret/#'] },
      { allow: ['receive'], topics: ['plant/#', '%u/inbox'] },
    ],
    device: [{ allow: 'publish', topics: 'devices/%c/#' }],
  },
  users: { ann: ['reader'] },
  clients: { 'meter-7': 'device' },
  everyone: 'device',
  otherwise: 'deny',
};

authorizerContract({
  name: 'rules',
  describe,
  test,
  sample: { clientId: 'meter-7', userName: 'ann' },
  factory: {
    create: () => Promise.resolve({ authorizer: createAuthorizer(OPTIONS), dispose: () => Promise.resolve() }),
  },
});
