// Bugs in what the broker does when more comes than it can deliver.
import { Access } from '../../../src/domain/access/access.js';
import { PublisherWaits } from '../../../src/domain/handlers/publisher-waits.js';
import { SubscribeRules } from '../../../src/domain/handlers/subscribe-rules.js';
import { MessageQueue } from '../../../src/domain/queues/message-queue.js';
import { Intake } from '../../../src/domain/session/intake.js';
import { PacketType } from '../../../src/protocol/packets.js';
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
];
