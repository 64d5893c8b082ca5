// Admission: authentication followed by authorization, and the permissions that result.
import { describe, expect, test } from '@jest/globals';
import { Admission } from '../../../src/application/admission.js';
import { Authentication } from '../../../src/application/authentication.js';
import { Authorization } from '../../../src/application/authorization.js';
import type { AccessRule, Permissions } from '../../../src/domain/access/permissions.js';
import type { AuthenticationRequest } from '../../../src/domain/effects.js';
import type { AuthenticationResult } from '../../../src/domain/inputs.js';
import type { ClientId, TopicFilter } from '../../../src/domain/identifiers.js';
import type { AuthenticatorAnswer, AuthorizationRequest, Authorizer } from '../../../src/ports/auth.js';
import { noticed } from '../../support/hand-storage.js';

const REQUEST: AuthenticationRequest = {
  clientId: 'meter' as ClientId,
  protocolVersion: 4,
  userName: 'ann',
  password: undefined,
  listener: 'test',
  peer: { remoteAddress: 'test:1' },
};

const rule = (topicFilter: string): AccessRule => ({
  effect: 'allow',
  actions: ['publish'],
  topicFilter: topicFilter as TopicFilter,
  source: `the rule for ${topicFilter}`,
});
const rules = (...filters: string[]): Permissions => ({ kind: 'rules', rules: filters.map(rule) });
const EVERYTHING: Permissions = { kind: 'allow-all' };

type Said = Permissions | Error | Promise<Permissions>;

function admit(answer: AuthenticatorAnswer, ...said: readonly Said[]) {
  const results: AuthenticationResult[] = [];
  const asked: AuthorizationRequest[] = [];
  const authorizers = said.map((permissions, i): Authorizer => ({
    name: `authorizer ${i}`,
    authorize: (request) => {
      asked.push(request);
      if (permissions instanceof Error) throw permissions;
      return permissions;
    },
  }));
  const authentication = new Authentication([{ name: 'authenticator', authenticate: () => answer }]);
  new Admission(authentication, new Authorization(authorizers)).admit(REQUEST, (result) => results.push(result));
  return { results, asked };
}

const permissionsOf = (results: readonly AuthenticationResult[]): unknown =>
  results.map((result) => (result.decision === 'allow' ? result.permissions : result));

describe('admission without authorizers', () => {
  test('without authorizers a client may do what its credentials permit, and everything if they say nothing', () => {
    expect(permissionsOf(admit({ decision: 'allow' }).results)).toEqual([EVERYTHING]);
    expect(permissionsOf(admit({ decision: 'allow', permissions: rules('a') }).results)).toEqual([rules('a')]);
  });
});

describe('authorizers', () => {
  test('authorizers receive the authenticated user name and the permissions of the credentials', () => {
    const { asked, results } = admit(
      { decision: 'allow', userName: 'CN of the meter', permissions: rules('a'), expiresAtMs: 7 },
      rules('b'),
    );
    expect(asked).toEqual([
      expect.objectContaining({
        clientId: 'meter',
        userName: 'CN of the meter',
        permissions: rules('a'),
        peer: REQUEST.peer,
      }),
    ]);
    expect(results).toEqual([
      { decision: 'allow', permissions: rules('b'), userName: 'CN of the meter', expiresAtMs: 7 },
    ]);
  });

  test('authorizers are not called for a client that authentication refused', () => {
    const refusal = { decision: 'deny', reason: 'bad-credentials', detail: 'the test says so' } as const;
    expect(admit(refusal, rules('a'))).toEqual({ results: [refusal], asked: [] });
  });

  test('the rules of several authorizers are concatenated in order, synchronous or not', async () => {
    const { results } = admit(
      { decision: 'allow' },
      rules('a'),
      Promise.resolve(rules('b', 'c')),
      rules(),
      Promise.resolve(rules('d')),
    );
    expect(results).toEqual([]);
    await noticed();
    expect(permissionsOf(results)).toEqual([rules('a', 'b', 'c', 'd')]);
  });

  test('authorizers after a final answer are not called', async () => {
    for (const last of [EVERYTHING, Promise.resolve(EVERYTHING)]) {
      const { results, asked } = admit({ decision: 'allow' }, rules('a'), last, rules('b'));
      await noticed();
      expect(permissionsOf(results)).toEqual([{ ...rules('a'), defaultEffect: 'allow' }]);
      expect(asked).toHaveLength(2);
    }
    expect(permissionsOf(admit({ decision: 'allow' }, EVERYTHING, rules('b')).results)).toEqual([EVERYTHING]);
    expect(
      permissionsOf(
        admit({ decision: 'allow' }, { ...rules('a'), defaultEffect: 'deny' } as Permissions, EVERYTHING).results,
      ),
    ).toEqual([{ ...rules('a'), defaultEffect: 'deny' }]);
  });

  test('an authorizer that fails refuses the client, and later ones are not called', async () => {
    for (const failure of [new Error('no answer'), Promise.reject(new Error('no answer'))]) {
      const { results, asked } = admit({ decision: 'allow' }, failure, EVERYTHING);
      await noticed();
      expect(results).toEqual([
        { decision: 'deny', reason: 'authorization-unavailable', detail: 'authorizer 0: no answer' },
      ]);
      expect(asked).toHaveLength(1);
    }
  });
});

describe('an authorizer', () => {
  test('an authorizer whose answer is not valid refuses the client', async () => {
    for (const answer of [undefined, { kind: 'rules' }, Promise.resolve(null)]) {
      const { results } = admit({ decision: 'allow' }, answer as unknown as Permissions);
      await noticed();
      expect(results).toEqual([
        {
          decision: 'deny',
          reason: 'authorization-unavailable',
          detail: expect.stringMatching(/^authorizer 0: (its answer|rules) is (undefined|null), expected /),
        },
      ]);
    }
  });

  test('an answer of a single authorizer that is the same object for two clients is one object afterwards', () => {
    const given = rules('a');
    const [one, other] = [admit({ decision: 'allow' }, given), admit({ decision: 'allow' }, given)].map(
      ({ results: [result] }) => (result?.decision === 'allow' ? result.permissions : undefined),
    );
    expect(one).toEqual(given);
    expect(one === other).toBe(true);
  });
});
