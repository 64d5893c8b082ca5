// Bugs in how the broker uses its two clocks.
import { Engine } from '../../../src/application/engine.js';
import { EventLoop } from '../../../src/application/event-loop.js';
import { Connections } from '../../../src/domain/connect/connections.js';
import { Sessions } from '../../../src/domain/session/sessions.js';
import type { PlantedBug } from './planted-bug.js';
import { replaceMethod, withValue } from './replace-method.js';

export const DATE_BUGS: readonly PlantedBug[] = [
  {
    name: 'sessions that expire by the date of the machine',
    breaks: ['session expiry', 'session present'],
    plant: () =>
      replaceMethod(Sessions.prototype, 'detach', ({ context }, detach, session, leftAtMs) => {
        withValue(context, 'nowMs', context.nowMs + context.wallAheadMs, () => {
          detach(session, leftAtMs + context.wallAheadMs);
        });
      }),
  },
  {
    name: 'a start that takes stored times for those of the wall clock',
    breaks: ['session expiry', 'session present', 'nothing acknowledged is lost'],
    plant: () =>
      replaceMethod(Engine.prototype, 'beginTime', (_self, beginTime) => {
        beginTime(undefined);
      }),
  },
  {
    name: 'tokens that are judged by the time at which the broker started',
    breaks: ['credentials'],
    plant: () =>
      replaceMethod(Connections.prototype, 'expireCredentials', (self, expireCredentials, connection, atMs) => {
        expireCredentials(connection, atMs === undefined ? undefined : atMs + self.context.wallAheadMs);
      }),
  },
  {
    name: 'a date that is looked at only at the start',
    breaks: ['credentials', 'session expiry', 'session present'],
    plant: () => replaceMethod(EventLoop.prototype, 'wallAheadMs', (_self, _wallAheadMs) => 0),
  },
];
