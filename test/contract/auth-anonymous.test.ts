// The anonymous authenticator, held to the contract of its port.
import { describe, test } from '@jest/globals';
import { authenticatorContract } from 'hexmq/testkit';
import { createAuthenticator } from '../../adapters/auth/anonymous/index.js';

authenticatorContract({
  name: 'anonymous',
  describe,
  test,
  factory: {
    create: () => Promise.resolve({ authenticator: createAuthenticator(), good: {}, dispose: () => Promise.resolve() }),
  },
});
