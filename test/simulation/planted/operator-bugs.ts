// Bugs in what the commands of operators do.
import { KeepingMap } from '../../../adapters/storage/memory/keeping-map.js';
import { Connections } from '../../../src/domain/connect/connections.js';
import { CommandHandler } from '../../../src/domain/handlers/command-handler.js';
import { PurgeTask } from '../../../src/domain/handlers/purge-task.js';
import { Wills } from '../../../src/domain/connect/wills.js';
import { NOW } from '../../../src/domain/durability.js';
import { Retention } from '../../../src/domain/publish/retention.js';
import { MessageQueue } from '../../../src/domain/queues/message-queue.js';
import { Sessions } from '../../../src/domain/session/sessions.js';
import { EFFECTS } from './planted-bug.js';
import type { PlantedBug } from './planted-bug.js';
import { replaceMethod, undoAll, withValue } from './replace-method.js';

export const OPERATOR_BUGS: readonly PlantedBug[] = [
  {
    name: 'a session that an operator deletes and that leaves its subscriptions behind',
    breaks: ['liveness', 'accounting', 'no failure', 'only to subscribers'],
    plant: () =>
      replaceMethod(Sessions.prototype, 'end', (_self, end, session, reason) => {
        withValue(session, 'subscriptions', reason === 'administrative' ? undefined : session.subscriptions, () => {
          end(session, reason);
        });
      }),
  },
  {
    name: 'an outcome of a command that does not wait for storage',
    breaks: ['operator commands'],
    plant: () =>
      replaceMethod(EFFECTS, 'answerCommand', (_self, answerCommand, request, outcome) => {
        answerCommand(request, outcome, NOW);
      }),
  },
  {
    name: 'a retained message that an operator deletes in memory only',
    // A client that publishes an empty message deletes it in the same way.
    breaks: ['operator commands', 'retained state', 'acknowledged is stored'],
    plant: () =>
      replaceMethod(Retention.prototype, 'clear', (self, _clear, topic) => self.tree.remove(topic) !== undefined),
  },
  {
    name: 'a queue that an operator purges and that keeps what was not read from storage',
    breaks: ['operator commands'],
    plant: () =>
      replaceMethod(MessageQueue.prototype, 'dropOldest', (self, dropOldest, reason, below) =>
        reason === 'purged' && self.buffer.length === 0 ? false : dropOldest(reason, below),
      ),
  },
  {
    name: 'a queue that an operator purges in memory only',
    breaks: ['operator commands', 'accounting'],
    plant: () =>
      replaceMethod(PurgeTask.prototype, 'run', (self, run) =>
        withValue(self.context.changes, 'remove', () => NOW, run),
      ),
  },
  {
    name: 'a will that is lost when an operator ends its connection',
    // A will that is no longer on the disk counts as published.
    breaks: ['wills', 'nothing acknowledged is lost'],
    plant: () => {
      let isOperator = false;
      return undoAll(
        replaceMethod(Connections.prototype, 'end', (_self, end, connection, reason, detail) => {
          isOperator = reason === 'administrative-action';
          end(connection, reason, detail);
          isOperator = false;
        }),
        replaceMethod(Wills.prototype, 'connectionEnded', (self, connectionEnded, owner, ...rest) => {
          if (isOperator) self.discard(owner.clientId);
          else connectionEnded(owner, ...rest);
        }),
      );
    },
  },
  {
    name: 'a backup that has what comes after it',
    breaks: ['backups'],
    plant: () => replaceMethod(KeepingMap.prototype, 'own', (self, _own, key) => self.get(key) as object | undefined),
  },
  {
    name: 'a backup that does not wait for what was acknowledged before it',
    breaks: ['acknowledged is stored'],
    plant: () =>
      replaceMethod(CommandHandler.prototype, 'handle', (self, handle, input) => {
        if (input.command.kind === 'backup') self.context.effects.answerCommand(input.request, { result: 'done' }, NOW);
        else handle(input);
      }),
  },
];
