// Bugs in the wait for interceptors, and in what is made of their verdicts.
import { Interceptors } from '../../../src/application/interceptors.js';
import { Connection } from '../../../src/domain/connect/connection.js';
import { Sessions } from '../../../src/domain/session/sessions.js';
import type { PlantedBug } from './planted-bug.js';
import { replaceMethod } from './replace-method.js';

export const INTERCEPTOR_BUGS: readonly PlantedBug[] = [
  {
    name: 'a client that is read on while an interceptor has not answered',
    breaks: ['order', 'liveness', 'nothing acknowledged is lost'],
    plant: () =>
      replaceMethod(Connection.prototype, 'suspend', (self, suspend) => {
        if (self.awaitedVerdict === undefined) suspend();
      }),
  },
  {
    name: 'a session whose time begins when the last packet of its client was handled',
    breaks: ['session expiry'],
    plant: () =>
      replaceMethod(Sessions.prototype, 'detach', ({ context }, detach, session) => {
        detach(session, context.nowMs);
      }),
  },
  {
    name: 'a message that an interceptor drops, published all the same',
    breaks: ['only to subscribers', 'retained state'],
    plant: () =>
      replaceMethod(Interceptors.prototype, 'ask', (_self, ask, ...args) => {
        const verdict = ask(...args);
        return verdict?.decision === 'drop' ? ({ decision: 'pass' } as unknown as typeof verdict) : verdict;
      }),
  },
];
