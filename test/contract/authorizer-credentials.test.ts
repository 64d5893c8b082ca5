// What the credentials brought, as rules, keeps the contract of authorizers.
import { describe, test } from '@jest/globals';
import { authorizerContract } from 'hexmq/testkit';
import type { Authorizer, Permissions, TopicFilter } from 'hexmq/ports';
import { createAuthorizer } from '../../adapters/auth/credentials/index.js';

const BROUGHT: Permissions = {
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

/** Asked about clients whose credentials brought something. */
function withCredentials(inner: Authorizer): Authorizer {
  return { name: inner.name, authorize: (request) => inner.authorize({ ...request, permissions: BROUGHT }) };
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
