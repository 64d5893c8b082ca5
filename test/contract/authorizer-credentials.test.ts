// The credentials authorizer, held to the contract of its port.
import { describe, test } from '@jest/globals';
import { authorizerContract } from 'hexmq/testkit';
import type { Authorizer, Permissions, TopicFilter } from 'hexmq/ports';
import { createAuthorizer } from '../../adapters/auth/credentials/index.js';

const FROM_CREDENTIALS: Permissions = {
  kind: 'rules',
  rules: [
    {
      effect: 'allow',
      actions: ['publish'],
      topicFilter: 'devices/#' as TopicFilter,
      source: 'claim permissions of the token, publish[0]',
    },
  ],
};

/** The authorizer with requests whose credentials have permissions. */
function withCredentials(inner: Authorizer): Authorizer {
  return { name: inner.name, authorize: (request) => inner.authorize({ ...request, permissions: FROM_CREDENTIALS }) };
}

authorizerContract({
  name: 'credentials',
  describe,
  test,
  sample: { clientId: 'meter-7', userName: 'ann' },
  factory: {
    create: () =>
      Promise.resolve({ authorizer: withCredentials(createAuthorizer()), dispose: () => Promise.resolve() }),
  },
});
