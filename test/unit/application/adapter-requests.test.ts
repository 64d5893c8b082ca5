// Requests to adapters that were given up: what they hold together is bounded, also if the adapter heeds nothing.
import { describe, expect, test } from '@jest/globals';
import {
  AdapterRequests,
  GIVEN_UP_BYTES_MAX,
  GIVEN_UP_MAX,
  heldBy,
} from '../../../src/application/adapter-requests.js';
import { authenticatorWithTimeout, authorizerWithTimeout } from '../../../src/application/access-timeouts.js';
import { Admission } from '../../../src/application/admission.js';
import { Authentication } from '../../../src/application/authentication.js';
import { Authorization } from '../../../src/application/authorization.js';
import { PendingRequest } from '../../../src/application/pending-request.js';
import type { AuthenticationRequest } from '../../../src/domain/effects.js';
import type { ClientId } from '../../../src/domain/identifiers.js';
import { ALLOW_ALL } from '../../../src/domain/access/permissions.js';
import { VirtualClock } from '../../../src/testkit/virtual-clock.js';
import { noticed } from '../../support/hand-storage.js';

const TIMEOUT_MS = 5000;

/** An adapter that heeds no cancellation, and answers when the test says so. */
class Heedless {
  readonly answers: ((answer: 'yes') => void)[] = [];
  readonly ask = (): Promise<'yes'> => new Promise((resolve) => this.answers.push(resolve));
}

function scene() {
  const clock = new VirtualClock();
  const adapter = new Heedless();
  const requests = new AdapterRequests(TIMEOUT_MS, clock);
  /** A client that asks and leaves. */
  const comeAndGo = (held: number): void => {
    const client = new PendingRequest();
    Promise.resolve(requests.ask(adapter.ask, held, client)).catch(() => undefined);
    client.cancel();
  };
  const ask = (): { outcome: unknown } => {
    const asked: { outcome: unknown } = { outcome: 'waits' };
    Promise.resolve(requests.ask(adapter.ask, 1, undefined)).then(
      (answer) => (asked.outcome = answer),
      (error: Error) => (asked.outcome = error.message),
    );
    return asked;
  };
  return { clock, adapter, requests, comeAndGo, ask };
}

describe('requests of clients that have gone, to an adapter that goes on with them', () => {
  test.each([
    ['number', 1, GIVEN_UP_MAX],
    ['bytes', 200_000, Math.ceil(GIVEN_UP_BYTES_MAX / 200_000)],
  ])('are limited in their %s: the adapter gets no more', async (_what, held, most) => {
    const { adapter, comeAndGo } = scene();
    for (let i = 0; i < most + 5000; i++) comeAndGo(held);
    await noticed();
    expect(adapter.answers).toHaveLength(most);
  });

  test('a client that comes then waits, and is served when the adapter has settled one', async () => {
    const { adapter, comeAndGo, ask } = scene();
    for (let i = 0; i < GIVEN_UP_MAX; i++) comeAndGo(1);
    const asked = ask();
    await noticed();
    expect(adapter.answers).toHaveLength(GIVEN_UP_MAX);
    adapter.answers[0]?.('yes');
    await noticed();
    adapter.answers.at(-1)?.('yes');
    await noticed();
    expect([adapter.answers.length, asked.outcome]).toEqual([GIVEN_UP_MAX + 1, 'yes']);
  });

  test('a client that waits does not do so longer than for an answer', async () => {
    const { clock, comeAndGo, ask } = scene();
    for (let i = 0; i < GIVEN_UP_MAX; i++) comeAndGo(1);
    const asked = ask();
    await clock.advanceAsync(TIMEOUT_MS);
    await noticed();
    expect(asked.outcome).toBe(`no answer within ${TIMEOUT_MS} ms`);
  });

  test('promises that never settle do not lock the adapter without end', async () => {
    const { clock, adapter, comeAndGo, ask } = scene();
    for (let i = 0; i < GIVEN_UP_MAX; i++) comeAndGo(1);
    await clock.advanceAsync(60_000);
    ask();
    expect(adapter.answers).toHaveLength(GIVEN_UP_MAX + 1);
  });

  test('a request whose time is over counts in the same way', async () => {
    const { clock, adapter, ask } = scene();
    for (let i = 0; i < GIVEN_UP_MAX; i++) ask();
    await clock.advanceAsync(TIMEOUT_MS);
    ask();
    expect(adapter.answers).toHaveLength(GIVEN_UP_MAX);
  });
});

test('a request counts with the memory of its names and of the chunk that its password arrived in', () => {
  const chunk = new Uint8Array(65_536);
  const names = { clientId: 'x'.repeat(100), userName: 'y'.repeat(50), authenticationMethod: undefined };
  expect(heldBy({ ...names, password: chunk.subarray(0, 8) })).toBe(1024 + 300 + 65_536);
  expect(heldBy({ ...names, userName: undefined, password: undefined }, chunk)).toBe(1024 + 200 + 65_536);
});

describe('a client that leaves', () => {
  const request: AuthenticationRequest = {
    clientId: 'a' as ClientId,
    protocolVersion: 4,
    userName: 'a',
    password: undefined,
    listener: 'test',
    peer: { remoteAddress: 'test:1' },
  };

  test('cancels the requests about it, and later authorizers get none', async () => {
    const clock = new VirtualClock();
    const asked: (readonly [string, AbortSignal | undefined])[] = [];
    const authorizer = (name: string) =>
      authorizerWithTimeout(
        {
          name,
          authorize: (_request, context) => {
            asked.push([name, context?.signal]);
            return new Promise(() => undefined);
          },
        },
        { timeoutMs: TIMEOUT_MS },
        { clock },
      );
    const authenticator = authenticatorWithTimeout(
      { name: 'any', authenticate: () => Promise.resolve({ decision: 'allow', permissions: ALLOW_ALL }) },
      { timeoutMs: TIMEOUT_MS, onFailure: 'deny' },
      { clock, emit: () => undefined },
    );
    const admission = new Admission(
      new Authentication([authenticator]),
      new Authorization([authorizer('first'), authorizer('second')]),
    );
    const pending = new PendingRequest();
    const results: unknown[] = [];
    admission.admit(request, (result) => results.push(result), pending);
    await noticed();
    pending.cancel();
    await noticed();
    expect(asked.map(([name, signal]) => [name, signal?.aborted])).toEqual([['first', true]]);
    expect(results).toEqual([]);
  });
});
