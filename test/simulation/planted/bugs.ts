// Bugs to plant in the broker, one at a time: the simulation has to find each of them by an invariant that it breaks. A
// bug decorates one of the core's sinks (changes, effects), a part of the storage, or a method of a class, and never
// matches the text of a source file.
import { Committer } from '../../../src/application/committer.js';
import { Broker } from '../../../src/domain/broker.js';
import type { Change } from '../../../src/domain/changes.js';
import { Wills } from '../../../src/domain/connect/wills.js';
import { MessageDispatcher } from '../../../src/domain/publish/message-dispatcher.js';
import { PublishHandler } from '../../../src/domain/handlers/publish-handler.js';
import { Router } from '../../../src/domain/routing/router.js';
import { SharedGroup } from '../../../src/domain/routing/shared-group.js';
import { NOW } from '../../../src/domain/durability.js';
import type { Seq, TopicName } from '../../../src/domain/identifiers.js';
import { Journal } from '../../../src/domain/journal.js';
import { MessageQueue } from '../../../src/domain/queues/message-queue.js';
import { DeliveryWindow } from '../../../src/domain/session/delivery-window.js';
import { Outbound } from '../../../src/domain/session/outbound.js';
import { Session } from '../../../src/domain/session/session.js';
import { Sessions } from '../../../src/domain/session/sessions.js';
import type { Subscription } from '../../../src/domain/routing/subscription.js';
import { SubscriptionTree } from '../../../src/domain/topics/subscription-tree.js';
import type { AckLevel } from '../../../src/ports/index.js';
import { PacketType } from '../../../src/protocol/packets.js';
import type { PublishPacket } from '../../../src/protocol/packets.js';
import { SimulatedDisk } from '../../../src/testkit/simulation/disk.js';
import { Model } from '../../../src/testkit/simulation/model.js';
import { BUGS_BY_SUBJECT } from './bugs-by-subject.js';
import { EFFECTS } from './planted-bug.js';
import type { PlantedBug } from './planted-bug.js';
import { replaceMethod, undoAll, withValue } from './replace-method.js';
import type { Undo } from './replace-method.js';

/** Loses the changes for which `isLost` holds. */
const loseChanges = (isLost: (change: Change) => boolean): Undo =>
  replaceMethod(Journal.prototype, 'record', (self, record, change) => (isLost(change) ? self.step : record(change)));

/** Plants a bug that depends on the level of acknowledgement of the broker that runs. */
function withLevel(plant: (level: () => AckLevel) => Undo): Undo {
  let level: AckLevel = 'flushed';
  const watching = replaceMethod(Model.prototype, 'started', (_self, started, ackLevel) => {
    level = ackLevel;
    started(ackLevel);
  });
  return undoAll(
    plant(() => level),
    watching,
  );
}

const isRepeatedRetained = (session: Session, { qos, retain, packetId }: PublishPacket): boolean =>
  qos === 2 && retain && session.hasInbound(packetId);

export const PLANTED_BUGS: readonly PlantedBug[] = [
  {
    name: 'a PUBACK that does not wait for storage',
    breaks: ['acknowledged is stored'],
    plant: () =>
      replaceMethod(EFFECTS, 'acknowledge', (_self, acknowledge, connection, type, packetId, reasonCode, after) => {
        acknowledge(connection, type, packetId, reasonCode, type === PacketType.puback ? NOW : after);
      }),
  },
  {
    name: 'a CONNACK that does not wait for storage',
    breaks: ['acknowledged is stored'],
    plant: () =>
      replaceMethod(EFFECTS, 'whenDurable', (_self, whenDurable, connection) => {
        whenDurable(connection, NOW);
      }),
  },
  {
    name: 'a QoS 2 delivery that does not wait for storage',
    breaks: ['acknowledged is stored'],
    plant: () =>
      replaceMethod(EFFECTS, 'deliver', (_self, deliver, connection, message, options, dup, packetId) => {
        deliver(connection, message, options, dup, packetId, NOW);
      }),
  },
  {
    name: 'a trim of a queue that is lost',
    breaks: ['liveness', 'no repeat without DUP', 'QoS 2 comes once'],
    plant: () =>
      replaceMethod(Journal.prototype, 'remove', (self, remove, change, append) =>
        change.kind === 'queue.trim' && (change.through + 1) % 4 === 0 ? self.step : remove(change, append),
      ),
  },
  {
    name: 'an inbound Packet Identifier that is not stored',
    breaks: ['acknowledged is stored', 'QoS 2 comes once'],
    plant: () => loseChanges(({ kind }) => kind === 'inbound.put'),
  },
  {
    name: 'messages that change places when they are read from storage',
    breaks: ['order', 'no repeat without DUP', 'retained state'],
    plant: () =>
      replaceMethod(MessageQueue.prototype, 'filled', (_self, filled, request, entries) => {
        const swapped = entries.map((entry, i) => {
          const neighbour = entries[i ^ 1];
          return neighbour?.qos === entry.qos && entry.qos === 1 ? { ...entry, message: neighbour.message } : entry;
        });
        filled(request, entries.length > 3 ? swapped : entries);
      }),
  },
  {
    name: 'a repeated QoS 2 message that is retained a second time',
    // The older of two takes the place of the newer, in memory and on the disk.
    breaks: ['retained state', 'acknowledged is stored'],
    plant: () =>
      replaceMethod(PublishHandler.prototype, 'publish', (self, publish, connection, session, packet) => {
        const isRepeat = isRepeatedRetained(session, packet);
        publish(connection, session, packet);
        // An alias would go on to subscribers.
        if (!isRepeat || packet.properties?.topicAlias !== undefined) return;
        const draft = packet as PublishPacket & { readonly topic: TopicName };
        self.dispatcher.publish(draft, session.origin, { targets: [], groups: [], revision: 0 });
      }),
  },
  {
    name: 'receive rules that do not apply to what is read from storage',
    breaks: ['only what may be received'],
    plant: () =>
      replaceMethod(Outbound.prototype, 'page', (self, page, request, entries) => {
        withValue(self, 'restrictions', undefined, () => {
          page(request, entries);
        });
      }),
  },
  {
    name: 'the level `stored` treated as `received`',
    breaks: ['acknowledged is stored'],
    plant: () =>
      withLevel((level) =>
        replaceMethod(EFFECTS, 'acknowledge', (_self, acknowledge, connection, type, packetId, reasonCode, after) => {
          acknowledge(connection, type, packetId, reasonCode, level() === 'stored' ? NOW : after);
        }),
      ),
  },
  {
    name: 'changes that are not stored at once at level `received`',
    breaks: ['acknowledged is stored'],
    plant: () =>
      withLevel((level) => {
        let turns = 0;
        return replaceMethod(Committer.prototype, 'endOfTurn', (_self, endOfTurn) => {
          if (level() !== 'received' || ++turns % 2 === 0) endOfTurn();
        });
      }),
  },
  {
    name: 'commits that are not flushed at level `received`',
    breaks: ['acknowledged is stored', 'nothing acknowledged is lost'],
    plant: () =>
      withLevel((level) =>
        replaceMethod(SimulatedDisk.prototype, 'provideStorage', (_self, provideStorage) => {
          const storage = provideStorage();
          return {
            ...storage,
            commit: (batch, durability) => storage.commit(batch, level() === 'received' ? 'stored' : durability),
          };
        }),
      ),
  },
  {
    name: 'a broker that does not record what was sent',
    breaks: ['DUP only on repeats'],
    plant: () =>
      replaceMethod(Session.prototype, 'toRecord', (_self, toRecord) => ({ ...toRecord(), doubtBelow: undefined })),
  },
  {
    name: 'a broker that takes what was in flight for new after a restart',
    breaks: ['no repeat without DUP'],
    plant: () =>
      replaceMethod(Session.prototype, 'toRecord', (_self, toRecord) => ({
        ...toRecord(),
        sentBelow: 0 as Seq,
        doubtBelow: 0 as Seq,
      })),
  },
  {
    name: 'a session expiry that begins again at a restart',
    breaks: ['session expiry', 'session present'],
    plant: () =>
      replaceMethod(Broker.prototype, 'restore', (_self, restore, fact, nowMs) => {
        if (fact.kind === 'session')
          restore({ ...fact, session: { ...fact.session, disconnectedAtMs: undefined } }, nowMs);
        else restore(fact, nowMs);
      }),
  },
  {
    name: 'a session that expires while its client is connected',
    // What the client acknowledges after the end has been counted as dropped with the session.
    breaks: [
      'session expiry',
      'session present',
      'nothing acknowledged is lost',
      'acknowledged is stored',
      'accounting',
    ],
    plant: () =>
      replaceMethod(Sessions.prototype, 'claim', (_self, claim, session, holder) => {
        withValue(session, 'expiry', undefined, () => {
          claim(session, holder);
        });
      }),
  },
  {
    name: 'an expired session that leaves its subscriptions behind',
    breaks: ['liveness', 'accounting', 'no failure', 'only to subscribers'],
    plant: () =>
      replaceMethod(Sessions.prototype, 'end', (_self, end, session, reason) => {
        withValue(session, 'subscriptions', reason === 'expired' ? undefined : session.subscriptions, () => {
          end(session, reason);
        });
      }),
  },
  {
    name: 'a shared group whose clean members give nothing back',
    breaks: ['nothing acknowledged is lost', 'liveness'],
    plant: () =>
      replaceMethod(Outbound.prototype, 'detach', (self, detach, isReturned) => {
        const isStored = self.recipient.stored;
        detach((entry) => isStored && isReturned(entry));
      }),
  },
  {
    name: 'a shared group that stores nothing of what a clean member was given',
    breaks: ['nothing acknowledged is lost', 'acknowledged is stored'],
    plant: () =>
      replaceMethod(Session.prototype, 'deliver', (self, deliver, message, options, source) => {
        if (source === undefined || source instanceof SharedGroup || self.stored) {
          return deliver(message, options, source);
        }
        source.onSettled?.();
        return deliver(message, options, {
          returnUndelivered: (entry) => {
            source.returnUndelivered(entry);
          },
          hasOtherCandidate: (recipient) => source.hasOtherCandidate(recipient),
        });
      }),
  },
  {
    name: 'a member of a shared group that gives back what it was sent at QoS 2',
    // The member holds the identifier until PUBREL. Where its queue is empty without the message, a restart numbers the
    // next one from the beginning, and that identifier stands for two messages.
    breaks: ['QoS 2 comes once', 'packet identifiers'],
    plant: () =>
      replaceMethod(Outbound.prototype, 'detach', (self, detach) => {
        const session = self.recipient;
        detach(({ released, source }) => !released && (!session.stored || source?.hasOtherCandidate(session) === true));
      }),
  },
  {
    name: 'a shared group that drops what waits when its only member subscribes again',
    breaks: ['nothing acknowledged is lost', 'acknowledged is stored'],
    plant: () => {
      let leaving: Subscription | undefined;
      return undoAll(
        replaceMethod(Router.prototype, 'add', (_self, add, subscription, replaced) => {
          leaving = replaced;
          add(subscription, replaced);
        }),
        replaceMethod(SharedGroup.prototype, 'join', (self, join, member) => {
          if (leaving?.group === self) self.leave(leaving);
          join(member);
        }),
      );
    },
  },
  {
    name: 'a will that is published after DISCONNECT',
    breaks: ['wills'],
    plant: () =>
      replaceMethod(Wills.prototype, 'discard', (self, _discard, clientId) => {
        self.connectionEnded({ clientId, userName: undefined, access: undefined }, 0, 0);
      }),
  },
  {
    name: 'a session that is kept although no CONNACK has announced it',
    breaks: ['session present', 'acknowledged is stored'],
    plant: () =>
      replaceMethod(Sessions.prototype, 'abandon', (_self, abandon, { session }, leftAtMs) => {
        abandon({ session, present: true }, leftAtMs);
      }),
  },
  {
    name: 'a resumed session that ends when its client gives up before CONNACK',
    breaks: ['session present', 'nothing acknowledged is lost', 'acknowledged is stored'],
    plant: () =>
      replaceMethod(Sessions.prototype, 'abandon', (_self, abandon, { session }, leftAtMs) => {
        abandon({ session, present: false }, leftAtMs);
      }),
  },
  {
    name: 'a will that is published although no CONNACK has accepted it',
    breaks: ['wills'],
    plant: () => {
      let isAbandoned = false;
      return undoAll(
        replaceMethod(Sessions.prototype, 'abandon', (_self, abandon, admission, leftAtMs) => {
          abandon(admission, leftAtMs);
          isAbandoned = true;
        }),
        replaceMethod(Wills.prototype, 'discard', (self, discard, clientId) => {
          if (isAbandoned) self.connectionEnded({ clientId, userName: undefined, access: undefined }, 0, 0);
          else discard(clientId);
          isAbandoned = false;
        }),
      );
    },
  },
  {
    name: 'a large message whose slices are stored apart',
    breaks: ['acknowledged is stored', 'nothing acknowledged is lost', 'QoS 2 comes once'],
    plant: () =>
      undoAll(
        replaceMethod(Journal.prototype, 'hold', () => undefined),
        replaceMethod(Journal.prototype, 'release', () => undefined),
      ),
  },
  {
    name: 'a large message that is acknowledged when its first slice is stored',
    breaks: ['acknowledged is stored', 'nothing acknowledged is lost'],
    plant: () =>
      replaceMethod(MessageDispatcher.prototype, 'queue', (_self, queue, draft, origin, begin, done) => {
        queue(draft, origin, begin, (outcome) => {
          outcome.ticket = NOW;
          done(outcome);
        });
      }),
  },
  {
    name: 'a window that is one too large',
    breaks: ['window'],
    plant: () =>
      replaceMethod(DeliveryWindow.prototype, 'open', (_self, open, { initialInflight, maxInflight }) => {
        open({ initialInflight: initialInflight + 1, maxInflight: maxInflight + 1 });
      }),
  },
  {
    name: 'deliveries at the QoS of the message instead of the granted one',
    breaks: ['granted QoS'],
    plant: () =>
      replaceMethod(Session.prototype, 'deliver', (_self, deliver, message, options, source) =>
        deliver(message, { ...options, qos: message.qos }, source),
      ),
  },
  {
    name: 'a resumed session that CONNACK does not report',
    breaks: ['session present'],
    plant: () =>
      replaceMethod(Sessions.prototype, 'open', (_self, open, clientId, clean, expiryIntervalS) => ({
        ...open(clientId, clean, expiryIntervalS),
        present: false,
      })),
  },
  {
    name: 'repeats that do not have DUP set',
    breaks: ['no repeat without DUP'],
    plant: () =>
      replaceMethod(EFFECTS, 'deliver', (_self, deliver, connection, message, options, _dup, ...rest) => {
        deliver(connection, message, options, false, ...rest);
      }),
  },
  {
    name: 'a wildcard that matches a topic that begins with $',
    breaks: ['subscription identifiers', 'only to subscribers'],
    plant: () =>
      replaceMethod(SubscriptionTree.prototype, 'match', (_self, match, topic, budget, found) => {
        if (topic.startsWith('$')) match(topic.slice(1) as TopicName, budget, found);
        return match(topic, budget, found);
      }),
  },
  {
    name: 'a PUBREC with the Packet Identifier of another message',
    breaks: ['packet identifiers'],
    plant: () =>
      replaceMethod(EFFECTS, 'acknowledge', (_self, acknowledge, connection, type, packetId, ...rest) => {
        acknowledge(connection, type, type === PacketType.pubrec ? packetId + 1 : packetId, ...rest);
      }),
  },
  {
    name: 'an exception when a connection with a clean session ends',
    breaks: ['no failure'],
    plant: () =>
      replaceMethod(Sessions.prototype, 'detach', (_self, detach, session, leftAtMs) => {
        if (!session.stored) throw new Error('planted');
        detach(session, leftAtMs);
      }),
  },
  ...BUGS_BY_SUBJECT,
];
