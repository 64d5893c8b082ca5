// Bugs in what MQTT 5 adds.
import { TopicAliases } from '../../../src/application/topic-aliases.js';
import { Connections } from '../../../src/domain/connect/connections.js';
import { Wills } from '../../../src/domain/connect/wills.js';
import { SubscribeRules } from '../../../src/domain/handlers/subscribe-rules.js';
import { MessageDispatcher } from '../../../src/domain/publish/message-dispatcher.js';
import { MessageQueue } from '../../../src/domain/queues/message-queue.js';
import { deliveryOptions } from '../../../src/domain/messages/delivery-options.js';
import { ClientOutput } from '../../../src/domain/session/client-output.js';
import { DeliveryWindow } from '../../../src/domain/session/delivery-window.js';
import { SentSoFar } from '../../../src/domain/session/sent-so-far.js';
import { Session } from '../../../src/domain/session/session.js';
import { Sessions } from '../../../src/domain/session/sessions.js';
import { PacketType } from '../../../src/protocol/packets.js';
import { ReasonCode } from '../../../src/protocol/reason-codes.js';
import { EFFECTS } from './planted-bug.js';
import type { PlantedBug } from './planted-bug.js';
import { replaceMethod, withValue } from './replace-method.js';

export const VERSION_5_BUGS: readonly PlantedBug[] = [
  {
    name: 'a window that takes no notice of the Receive Maximum of the client',
    breaks: ['window'],
    plant: () =>
      replaceMethod(DeliveryWindow.prototype, 'open', (_self, open, limits) => {
        open(limits);
      }),
  },
  {
    name: 'no notice of the Maximum Packet Size of the client',
    breaks: ['maximum packet size'],
    plant: () => replaceMethod(ClientOutput.prototype, 'fits', () => true),
  },
  {
    name: 'messages that do not expire in a queue',
    breaks: ['message expiry'],
    plant: () => replaceMethod(SentSoFar.prototype, 'mayExpire', () => false),
  },
  {
    name: 'a Message Expiry Interval that is not counted down',
    breaks: ['message expiry'],
    plant: () =>
      replaceMethod(MessageDispatcher.prototype, 'accept', (_self, accept, draft, origin) => {
        const message = accept(draft, origin);
        return message.expiresAtMs === undefined ? message : { ...message, expiresAtMs: message.expiresAtMs + 1000 };
      }),
  },
  {
    name: 'a Topic Alias that stands for two topics',
    breaks: ['topic aliases'],
    plant: () => replaceMethod(TopicAliases.prototype, 'get', (_self, get, topic) => get(topic) ?? get('d/e/f')),
  },
  {
    name: 'no notice of No Local',
    breaks: ['no local'],
    plant: () =>
      replaceMethod(MessageDispatcher.prototype, 'accept', (_self, accept, draft, origin) => ({
        ...accept(draft, origin),
        publisher: undefined,
      })),
  },
  {
    name: 'no notice of Retain As Published',
    breaks: ['retain options'],
    plant: () =>
      replaceMethod(Session.prototype, 'deliver', (_self, deliver, message, { qos, identifiers }, source) =>
        deliver(message, deliveryOptions(qos, false, identifiers), source),
      ),
  },
  {
    name: 'no notice of Retain Handling',
    breaks: ['retain options'],
    plant: () =>
      replaceMethod(SubscribeRules.prototype, 'sendRetained', (_self, sendRetained, connection, session, granted) => {
        const send = granted.reduce(
          (call, { subscription }) =>
            (): void => {
              withValue(subscription, 'retainHandling', 0, call);
            },
          () => {
            sendRetained(connection, session, granted);
          },
        );
        send();
      }),
  },
  {
    name: 'only one Subscription Identifier for each message',
    breaks: ['subscription identifiers'],
    plant: () =>
      replaceMethod(EFFECTS, 'deliver', (_self, deliver, connection, message, options, dup, packetId, after) => {
        deliver(
          connection,
          message,
          { ...options, identifiers: options.identifiers?.slice(0, 1) },
          dup,
          packetId,
          after,
        );
      }),
  },
  {
    name: 'an answer that denies a subscription that there is',
    breaks: ['reason codes'],
    plant: () =>
      replaceMethod(EFFECTS, 'acknowledge', (_self, acknowledge, connection, type, packetId, reasonCode, after) => {
        const isPublish = type === PacketType.puback || type === PacketType.pubrec;
        const isSuccess = isPublish && reasonCode === ReasonCode.success;
        const code = isSuccess ? ReasonCode.noMatchingSubscribers : reasonCode;
        acknowledge(connection, type, packetId, code, after);
      }),
  },
  {
    name: 'a message that is refused for one full queue and goes to the others',
    breaks: ['reason codes', 'no repeat without DUP', 'QoS 2 comes once'],
    plant: () =>
      replaceMethod(MessageDispatcher.prototype, 'fullQueue', (self, fullQueue, draft, origin, route) => {
        const full = fullQueue(draft, origin, route);
        if (full !== undefined) self.publish(draft, origin, route);
        return full;
      }),
  },
  {
    name: 'a message that is sent again to the client that has refused it',
    breaks: ['refused messages'],
    plant: () =>
      replaceMethod(MessageQueue.prototype, 'dropped', (self, dropped, reason, message, qos, detail) => {
        dropped(reason, message, qos, detail);
        if (reason === 'refused-by-client' && message !== undefined && (qos === 1 || qos === 2))
          self.push(message, deliveryOptions(qos, false, undefined), undefined, true);
      }),
  },
  {
    name: 'wills that are not delayed',
    breaks: ['wills'],
    plant: () =>
      replaceMethod(Wills.prototype, 'connectionEnded', (_self, connectionEnded, owner) => {
        connectionEnded(owner, 0, 0);
      }),
  },
  {
    name: 'delayed wills that do not heed the return of their clients',
    breaks: ['wills'],
    plant: () =>
      replaceMethod(Wills.prototype, 'clientReturned', (_self, clientReturned, clientId) => {
        clientReturned(clientId, true);
      }),
  },
  {
    name: 'sessions that last as long as any may',
    breaks: ['session expiry'],
    plant: () =>
      replaceMethod(Sessions.prototype, 'open', (self, open, clientId, clean, expiryIntervalS) =>
        open(clientId, clean, expiryIntervalS === 0 ? 0 : self.context.limits.sessionExpiryMax),
      ),
  },
  {
    name: 'no notice of the Session Expiry Interval of DISCONNECT',
    breaks: ['session expiry', 'session present'],
    plant: () =>
      replaceMethod(Connections.prototype, 'disconnected', (_self, disconnected, connection, packet) => {
        disconnected(connection, { ...packet, properties: undefined });
      }),
  },
];
