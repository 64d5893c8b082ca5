// The order of authenticators: which answer decides, and what failures count as.
import { describe, expect, test } from '@jest/globals';
import { Authentication } from '../../../src/application/authentication.js';
import type { AuthenticationOutcome } from '../../../src/application/authentication.js';
import { PendingRequest } from '../../../src/application/pending-request.js';
import { ALLOW_ALL } from '../../../src/domain/access/permissions.js';
import type { AuthenticationRequest } from '../../../src/domain/effects.js';
import type { ClientId } from '../../../src/domain/identifiers.js';
import type { RequestContext, Authenticator, AuthenticatorAnswer } from '../../../src/ports/auth.js';
import { noticed } from '../../support/hand-storage.js';

const REQUEST: AuthenticationRequest = {
  clientId: 'a' as ClientId,
  protocolVersion: 4,
  userName: 'a',
  password: undefined,
  listener: 'test',
  peer: { remoteAddress: 'test:1' },
};

const ALLOW: AuthenticatorAnswer = { decision: 'allow', permissions: ALLOW_ALL };
const DENY: AuthenticatorAnswer = { decision: 'deny', reason: 'bad-credentials', detail: 'the test says so' };
const ABSTAIN: AuthenticatorAnswer = { decision: 'abstain' };

type Given = AuthenticatorAnswer | Error | Promise<AuthenticatorAnswer>;

/** Calls a chain of authenticators with these answers. @returns which were called, and the results. */
function ask(...answers: readonly Given[]): { asked: number[]; results: AuthenticationOutcome[] } {
  const { asked, results } = askWith(undefined, ...answers);
  return { asked, results };
}

function askWith(
  pending: PendingRequest | undefined,
  ...answers: readonly Given[]
): { asked: number[]; results: AuthenticationOutcome[]; heard: unknown[] } {
  const asked: number[] = [];
  const heard: unknown[] = [];
  const results: AuthenticationOutcome[] = [];
  const chain = answers.map((given, i) => ({
    name: `authenticator ${i}`,
    authenticate: (
      _request: AuthenticationRequest,
      one?: RequestContext,
    ): AuthenticatorAnswer | Promise<AuthenticatorAnswer> => {
      asked.push(i);
      heard.push(one);
      if (given instanceof Error) throw given;
      return given;
    },
  }));
  new Authentication(chain).authenticate(REQUEST, (result) => results.push(result), pending);
  return { asked, results, heard };
}

describe('the chain of authenticators', () => {
  test('the first authenticator that does not abstain decides synchronously, and no other is called', () => {
    expect(ask(ABSTAIN, ALLOW, DENY)).toEqual({ asked: [0, 1], results: [ALLOW] });
    expect(ask(DENY, ALLOW)).toEqual({ asked: [0], results: [DENY] });
  });

  test('a client is refused if all authenticators abstain', () => {
    for (const answers of [[], [ABSTAIN, ABSTAIN]]) {
      expect(ask(...answers).results).toEqual([
        expect.objectContaining({ decision: 'deny', reason: 'not-authorized' }),
      ]);
    }
  });

  test('the chain waits for a promise and continues after an abstention', async () => {
    const { asked, results } = ask(Promise.resolve(ABSTAIN), ABSTAIN, Promise.resolve(ALLOW), DENY);
    expect({ asked, results }).toEqual({ asked: [0], results: [] });
    await noticed();
    expect({ asked, results }).toEqual({ asked: [0, 1, 2], results: [ALLOW] });
  });

  test('a client is refused if all authenticators abstain with promises', async () => {
    const { results } = ask(Promise.resolve(ABSTAIN));
    await noticed();
    expect(results).toEqual([expect.objectContaining({ decision: 'deny', reason: 'not-authorized' })]);
  });

  test('a listener with a chain of its own uses that chain alone', () => {
    const says = (detail: string): Authenticator => ({
      name: detail,
      authenticate: () => ({ decision: 'deny', reason: 'not-authorized', detail }),
    });
    const [all, own] = [says('that of all'), says('its own')];
    const authentication = new Authentication(
      [all],
      new Map([
        ['special', [own]],
        ['closed', []],
      ]),
    );
    const detailAt = (listener: string): unknown => {
      const results: unknown[] = [];
      authentication.authenticate({ ...REQUEST, listener }, (result) => results.push(result));
      return results;
    };
    expect(detailAt('test')).toMatchObject([{ detail: 'that of all' }]);
    expect(detailAt('special')).toMatchObject([{ detail: 'its own' }]);
    expect(detailAt('closed')).toMatchObject([{ detail: 'no authenticator knows this client' }]);
    expect([...authentication.all]).toEqual([all, own]);
  });

  test('an invalid answer counts as a failure and refuses the client', async () => {
    for (const answer of [
      undefined,
      null,
      true,
      {},
      { decision: 'yes' },
      Promise.resolve(undefined),
      Promise.resolve({ decision: 'ALLOW' }),
    ]) {
      const { asked, results } = ask(answer as unknown as Given, ALLOW);
      await noticed();
      expect({ asked, results }).toEqual({
        asked: [0],
        results: [
          {
            decision: 'deny',
            reason: 'authentication-unavailable',
            detail: expect.stringMatching(/^authenticator 0: (its answer|decision) is .*, expected .*"abstain"$/),
          },
        ],
      });
    }
  });

  test('the chain waits for thenables that are not native promises', async () => {
    const foreign = {
      then: (resolve: (answer: AuthenticatorAnswer) => void) =>
        queueMicrotask(() => {
          resolve(ALLOW);
        }),
    };
    const { results } = ask(foreign as unknown as Promise<AuthenticatorAnswer>);
    await noticed();
    expect(results).toEqual([ALLOW]);
  });

  test('after the client has disconnected no authenticator is called and there is no result', async () => {
    for (const answer of [Promise.resolve(ABSTAIN), Promise.resolve(ALLOW), Promise.reject(new Error('rejected'))]) {
      const client = new PendingRequest();
      const { asked, results, heard } = askWith(client, answer, ALLOW);
      client.cancel();
      await noticed();
      expect({ asked, results, heard }).toEqual({ asked: [0], results: [], heard: [client] });
    }
  });

  test('a client is refused if an authenticator fails, and no other is called', async () => {
    const thrown = ask(ABSTAIN, new Error('thrown'), ALLOW);
    const rejected = ask(Promise.reject(new Error('rejected')), ALLOW);
    await noticed();
    expect(thrown.asked).toEqual([0, 1]);
    expect(thrown.results).toEqual([
      { decision: 'deny', reason: 'authentication-unavailable', detail: 'authenticator 1: thrown' },
    ]);
    expect(rejected.asked).toEqual([0]);
    expect(rejected.results).toEqual([
      { decision: 'deny', reason: 'authentication-unavailable', detail: 'authenticator 0: rejected' },
    ]);
  });
});
