// Pending requests: cancellation, and that synchronous answers create no signal.
import { describe, expect, test } from '@jest/globals';
import { authenticatorWithTimeout } from '../../../src/application/access-timeouts.js';
import { PendingRequest } from '../../../src/application/pending-request.js';
import { VirtualClock } from '../../../src/testkit/virtual-clock.js';

describe('a pending request', () => {
  test('cancelling aborts the signal, whether it is read before or after', () => {
    for (const looksFirst of [true, false]) {
      const question = new PendingRequest();
      if (looksFirst) expect(question.signal.aborted).toBe(false);
      question.cancel();
      expect({ isAbandoned: question.isCancelled, aborted: question.signal.aborted }).toEqual({
        isAbandoned: true,
        aborted: true,
      });
      expect(question.signal).toBe(question.signal);
    }
  });

  test('a request that is answered synchronously creates no signal', () => {
    const Real = globalThis.AbortController;
    let made = 0;
    globalThis.AbortController = class extends Real {
      constructor() {
        super();
        made++;
      }
    };
    try {
      const quick = authenticatorWithTimeout(
        { name: 'quick', authenticate: () => ({ decision: 'allow' }) },
        { timeoutMs: 1000, onFailure: 'deny' },
        { clock: new VirtualClock(), emit: () => undefined },
      );
      void quick.authenticate({ clientId: 'a' } as never, new PendingRequest());
      expect(made).toBe(0);
      expect(new PendingRequest().signal.aborted).toBe(false);
      expect(made).toBe(1);
    } finally {
      globalThis.AbortController = Real;
    }
  });
});
