// Bugs in what the broker says of itself.
import { Access } from '../../../src/domain/access/access.js';
import { MessageDispatcher } from '../../../src/domain/publish/message-dispatcher.js';
import { OwnMessages } from '../../../src/domain/publish/own-messages.js';
import { Retention } from '../../../src/domain/publish/retention.js';
import type { PlantedBug } from './planted-bug.js';
import { replaceMethod } from './replace-method.js';

export const OWN_MESSAGE_BUGS: readonly PlantedBug[] = [
  {
    name: 'a message of its own that it stores',
    breaks: ['messages of the broker'],
    plant: () =>
      replaceMethod(Retention.prototype, 'keepOwn', (self, keepOwn, message) => {
        keepOwn(message);
        self.context.changes.record({ kind: 'retained.put', message });
      }),
  },
  {
    name: 'a message of its own that waits in queues',
    breaks: ['messages of the broker'],
    plant: () =>
      replaceMethod(MessageDispatcher.prototype, 'announce', (_self, announce, draft) => {
        announce({ ...draft, qos: 1 });
      }),
  },
  {
    name: 'a message of its own that everyone may receive',
    breaks: ['only what may be received'],
    plant: () =>
      replaceMethod(Access.prototype, 'receive', (_self, receive, topic) =>
        topic.startsWith('$SYS/') ? { isAllowed: true, rule: undefined, reason: '' } : receive(topic),
      ),
  },
  {
    name: 'a message of its own that new subscriptions get although there is a later one',
    breaks: ['messages of the broker'],
    plant: () =>
      replaceMethod(OwnMessages.prototype, 'keep', (self, keep, message) => {
        if (self.get(message.topic) === undefined) keep(message);
      }),
  },
];
