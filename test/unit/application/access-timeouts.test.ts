// Authenticators and authorizers that fail, are late or never answer.
import { describe, expect, test } from '@jest/globals';
import { authenticatorWithTimeout, authorizerWithTimeout } from '../../../src/application/access-timeouts.js';
import type { AuthenticationRequest } from '../../../src/domain/effects.js';
import type { ClientId } from '../../../src/domain/identifiers.js';
import type {
  RequestContext,
  Authenticator,
  AuthenticatorAnswer,
  AuthorizationRequest,
  Authorizer,
} from '../../../src/ports/auth.js';
import type { LifecycleEvent } from '../../../src/ports/telemetry.js';
import { VirtualClock } from '../../../src/testkit/virtual-clock.js';
import { noticed } from '../../support/hand-storage.js';

const REQUEST: AuthenticationRequest = {
  clientId: 'a' as ClientId,
  protocolVersion: 4,
  userName: 'a',
  password: undefined,
  listener: 'test',
  peer: { remoteAddress: 'test:1' },
};
const ALLOW: AuthenticatorAnswer = { decision: 'allow' };
const ABSTAIN: AuthenticatorAnswer = { decision: 'abstain' };

/** An authenticator that answers when the test says so. */
class Slow implements Authenticator {
  readonly name = 'slow';
  readonly signals: (AbortSignal | undefined)[] = [];
  answer: (given: AuthenticatorAnswer) => void = () => undefined;
  fail: (error: unknown) => void = () => undefined;

  authenticate(_request: AuthenticationRequest, context?: RequestContext): Promise<AuthenticatorAnswer> {
    this.signals.push(context?.signal);
    return new Promise((resolve, reject) => {
      this.answer = resolve;
      this.fail = reject;
    });
  }
}

function limited(inner: Authenticator, onFailure: 'deny' | 'abstain' = 'deny') {
  const clock = new VirtualClock();
  const events: LifecycleEvent[] = [];
  const authenticator = authenticatorWithTimeout(
    inner,
    { timeoutMs: 5000, onFailure },
    { clock, emit: (event) => events.push(event) },
  );
  return { clock, events, authenticator };
}

/** The outcome of a promise, once it is settled. */
function outcomeOf(given: AuthenticatorAnswer | Promise<AuthenticatorAnswer>): { value: unknown } {
  const outcome: { value: unknown } = { value: 'waiting' };
  Promise.resolve(given).then(
    (value) => (outcome.value = value),
    (error: Error) => (outcome.value = error.message),
  );
  return outcome;
}

describe('an authenticator with a timeout', () => {
  test('a synchronous answer passes through without a timer', () => {
    const { clock, authenticator } = limited({ name: 'quick', authenticate: () => ALLOW });
    expect(authenticator.name).toBe('quick');
    expect(authenticator.authenticate(REQUEST)).toBe(ALLOW);
    expect(clock.pending).toBe(0);
  });

  test('an answer in time passes through, and its timer is cancelled', async () => {
    const slow = new Slow();
    const { clock, authenticator } = limited(slow);
    const outcome = outcomeOf(authenticator.authenticate(REQUEST));
    await clock.advanceAsync(4999);
    slow.answer(ALLOW);
    await noticed();
    expect(outcome.value).toBe(ALLOW);
    expect({ pending: clock.pending, aborted: slow.signals[0]?.aborted }).toEqual({ pending: 0, aborted: false });
  });

  test('a timeout rejects the request, cancels the inner one, and ignores a late answer', async () => {
    for (const late of [
      (slow: Slow) => {
        slow.answer(ALLOW);
      },
      (slow: Slow) => {
        slow.fail(new Error('late'));
      },
    ]) {
      const slow = new Slow();
      const { clock, authenticator, events } = limited(slow);
      const outcome = outcomeOf(authenticator.authenticate(REQUEST));
      await clock.advanceAsync(4999);
      expect(outcome.value).toBe('waiting');
      await clock.advanceAsync(1);
      expect(outcome.value).toBe('no answer within 5000 ms');
      expect(slow.signals[0]?.aborted).toBe(true);
      late(slow);
      await noticed();
      expect({ value: outcome.value, events }).toEqual({ value: 'no answer within 5000 ms', events: [] });
    }
  });

  test('with onFailure abstain each failure abstains and emits an event', async () => {
    const slow = new Slow();
    const { clock, authenticator, events } = limited(slow, 'abstain');
    const tooLate = outcomeOf(authenticator.authenticate(REQUEST));
    await clock.advanceAsync(5000);
    const rejected = outcomeOf(authenticator.authenticate(REQUEST));
    slow.fail('down');
    await noticed();
    expect([tooLate.value, rejected.value]).toEqual([ABSTAIN, ABSTAIN]);
    const throwing = limited(
      {
        name: 'throwing',
        authenticate: () => {
          throw new Error('thrown');
        },
      },
      'abstain',
    );
    expect(throwing.authenticator.authenticate(REQUEST)).toEqual(ABSTAIN);
    expect([...events, ...throwing.events]).toEqual([
      { kind: 'authenticator-passed-over', authenticator: 'slow', error: 'no answer within 5000 ms' },
      { kind: 'authenticator-passed-over', authenticator: 'slow', error: 'down' },
      { kind: 'authenticator-passed-over', authenticator: 'throwing', error: 'thrown' },
    ]);
  });

  test('a disconnect of the client cancels the inner request and is not reported as a failure', async () => {
    const slow = new Slow();
    const { clock, authenticator, events } = limited(slow, 'abstain');
    const client = new AbortController();
    const outcome = outcomeOf(authenticator.authenticate(REQUEST, client));
    client.abort();
    await noticed();
    expect({ value: outcome.value, pending: clock.pending, aborted: slow.signals[0]?.aborted, events }).toEqual({
      value: ABSTAIN,
      pending: 0,
      aborted: true,
      events: [],
    });
  });

  test('reload, start and stop exist exactly if the inner authenticator has them', async () => {
    const done: string[] = [];
    class Whole extends Slow {
      readonly #name = 'whole';
      async reload(): Promise<void> {
        done.push(`reload ${this.#name}`);
      }
      async stop(): Promise<void> {
        done.push(`close ${this.#name}`);
      }
    }
    const { authenticator } = limited(new Whole());
    await authenticator.reload?.();
    await authenticator.stop?.();
    expect(done).toEqual(['reload whole', 'close whole']);
    expect(Object.keys(limited(new Slow()).authenticator)).toEqual(['name', 'authenticate']);
  });
});

describe('an authorizer with a timeout', () => {
  const request: AuthorizationRequest = { ...REQUEST, permissions: undefined };
  const wrap = (inner: Authorizer, clock = new VirtualClock()): Authorizer =>
    authorizerWithTimeout(inner, { timeoutMs: 100 }, { clock });

  test('an authorizer with a timeout passes answers through and rejects after the timeout', async () => {
    const everything = { kind: 'allow-all' } as const;
    expect(wrap({ name: 'quick', authorize: () => everything }).authorize(request)).toBe(everything);
    expect(await wrap({ name: 'later', authorize: () => Promise.resolve(everything) }).authorize(request)).toBe(
      everything,
    );
    const clock = new VirtualClock();
    const never = Promise.resolve(
      wrap({ name: 'never', authorize: () => new Promise(() => undefined) }, clock).authorize(request),
    );
    const rejected = expect(never).rejects.toThrow('no answer within 100 ms');
    await clock.advanceAsync(100);
    await rejected;
  });

  test('watch is passed on to the inner authorizer', () => {
    let changed: (() => void) | undefined;
    const watched = wrap({
      name: 'watched',
      authorize: () => ({ kind: 'allow-all' }),
      watch: (callback) => (changed = callback),
    });
    const callback = (): void => undefined;
    watched.watch?.(callback);
    expect(changed).toBe(callback);
    expect(Object.keys(wrap({ name: 'unwatched', authorize: () => ({ kind: 'allow-all' }) }))).toEqual([
      'name',
      'authorize',
    ]);
  });
});
