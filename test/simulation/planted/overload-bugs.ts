// Bugs in what the broker does when more comes than it can deliver.
import { Access } from '../../../src/domain/access/access.js';
import { PublisherWaits } from '../../../src/domain/handlers/publisher-waits.js';
import { SubscribeRules } from '../../../src/domain/handlers/subscribe-rules.js';
import { MessageQueue } from '../../../src/domain/queues/message-queue.js';
import { QueueBuffer } from '../../../src/domain/queues/queue-buffer.js';
import { WaitingMemory } from '../../../src/domain/waiting-memory.js';
import { MessageDispatcher } from '../../../src/domain/publish/message-dispatcher.js';
import { Intake } from '../../../src/domain/session/intake.js';
import { PacketType } from '../../../src/protocol/packets.js';
import { Model } from '../../../src/testkit/simulation/model.js';
import { EFFECTS } from './planted-bug.js';
import type { PlantedBug } from './planted-bug.js';
import { replaceMethod, undoAll, withValue } from './replace-method.js';

export const OVERLOAD_BUGS: readonly PlantedBug[] = [
  {
    name: 'a publisher that is slowed and never goes on',
    breaks: ['liveness'],
    plant: () => replaceMethod(Intake.prototype, 'goOn', () => undefined),
  },
  {
    name: 'a refused message that is acknowledged all the same',
    breaks: ['nothing acknowledged is lost', 'acknowledged is stored', 'retained state'],
    plant: () =>
      replaceMethod(PublisherWaits.prototype, 'refuse', (_self, _refuse, connection, { qos, packetId }) => {
        connection.output.acknowledge(qos === 1 ? PacketType.puback : PacketType.pubrec, packetId, 0);
      }),
  },
  {
    name: 'a message that is dropped although `refuse` promises that it is not',
    breaks: ['nothing acknowledged is lost', 'acknowledged is stored', 'retained state'],
    plant: () =>
      undoAll(
        replaceMethod(MessageQueue.prototype, 'fullFor', () => undefined),
        replaceMethod(MessageQueue.prototype, 'push', (self, push, message, options, source, bounded) => {
          self.context.mayDrop = true;
          return push(message, options, source, bounded);
        }),
      ),
  },
  {
    name: 'a message that is dropped for want of memory although `refuse` promises that it is not',
    breaks: ['nothing acknowledged is lost'],
    plant: () =>
      undoAll(
        replaceMethod(QueueBuffer.prototype, 'admits', () => true),
        replaceMethod(WaitingMemory.prototype, 'enforce', (self, enforce) => {
          withValue(self, 'keepsAll', () => false, enforce);
        }),
      ),
  },
  {
    name: 'more subscriptions than there may be',
    breaks: ['granted QoS'],
    plant: () => replaceMethod(SubscribeRules.prototype, 'overLimit', () => undefined),
  },
  {
    name: 'a subscription that is refused as one too many although it replaces one',
    breaks: ['granted QoS'],
    plant: () =>
      replaceMethod(SubscribeRules.prototype, 'overLimit', (_self, overLimit, session, ...rest) =>
        withValue(
          session,
          'hasSubscription',
          () => false,
          () => overLimit(session, ...rest),
        ),
      ),
  },
  {
    name: 'a subscription that is refused and made all the same',
    breaks: ['only to subscribers', 'acknowledged is stored', 'granted QoS'],
    plant: () => {
      let isOver = false;
      return undoAll(
        replaceMethod(SubscribeRules.prototype, 'overLimit', (_self, overLimit, ...rest) => {
          isOver = overLimit(...rest) !== undefined;
          return undefined;
        }),
        replaceMethod(EFFECTS, 'send', (_self, send, connection, packet, ...rest) => {
          const refused = packet.type === PacketType.suback && isOver;
          isOver &&= packet.type !== PacketType.suback;
          send(connection, refused ? { ...packet, reasonCodes: packet.reasonCodes.map(() => 0x80) } : packet, ...rest);
        }),
      );
    },
  },
  {
    name: 'more retained messages than there may be',
    breaks: ['retained state'],
    plant: () =>
      replaceMethod(MessageDispatcher.prototype, 'publish', (self, publish, ...rest) =>
        withValue(self.context.limits, 'maxRetainedMessages', 100, () => publish(...rest)),
      ),
  },
  {
    name: 'a message that is not retained for a limit, without a word',
    breaks: ['acknowledged is stored', 'retained state'],
    plant: () =>
      replaceMethod(Model.prototype, 'event', (_self, event, one) => {
        if (one.kind !== 'message-dropped' || one.reason !== 'retained-full') event(one);
      }),
  },
  {
    name: 'a message that its client may not publish and that is delivered',
    breaks: ['only to subscribers'],
    plant: () =>
      replaceMethod(Access.prototype, 'publish', (_self, publish, topic) => ({ ...publish(topic), isAllowed: true })),
  },
  {
    name: 'a subscription that is refused although `deniedSubscription` is `grant`',
    breaks: ['granted QoS'],
    plant: () =>
      replaceMethod(SubscribeRules.prototype, 'refusal', (self, refusal, connection, parsed) => {
        const { context } = self;
        return withValue(context.limits, 'deniedSubscription', 'refuse', () => refusal(connection, parsed));
      }),
  },
  {
    name: 'a drop that is counted twice',
    breaks: ['accounting'],
    plant: () =>
      replaceMethod(MessageQueue.prototype, 'dropped', (self, dropped, reason, ...rest) => {
        dropped(reason, ...rest);
        self.context.counters.dropped[reason]++;
      }),
  },
];
