// The facts that a start loads, in the order that the port asks for.
import type { ClientId, Message, QueueId, RestoredFact, Seq, SubscriptionRecord, TopicName } from 'hexmq/ports';
import type { Documents } from './documents.js';
import { draftOf, sharedMessages } from './messages.js';

export async function* facts(documents: Documents, lastMessageId: number): AsyncGenerator<RestoredFact> {
  for await (const session of documents.all('sessions')) {
    const { expiryIntervalS, disconnectedAtMs } = session;
    const clientId = session.clientId as ClientId;
    const sentBelow = session.sentBelow as Seq | undefined;
    const doubtBelow = session.doubtBelow as Seq | undefined;
    yield { kind: 'session', session: { clientId, expiryIntervalS, disconnectedAtMs, sentBelow, doubtBelow } };
  }
  for await (const {
    clientId,
    topicFilter,
    qos,
    noLocal,
    retainAsPublished,
    retainHandling,
    identifier,
  } of documents.all('subscriptions')) {
    yield {
      kind: 'subscription',
      subscription: {
        clientId: clientId as ClientId,
        topicFilter: topicFilter as SubscriptionRecord['topicFilter'],
        qos,
        noLocal,
        retainAsPublished,
        retainHandling,
        identifier,
      },
    };
  }
  for await (const { clientId, packetId } of documents.all('inbound'))
    yield { kind: 'inbound', clientId: clientId as ClientId, packetId };
  for await (const will of documents.all('wills')) {
    const shared = await sharedMessages(documents, [will]);
    yield {
      kind: 'will',
      will: {
        clientId: will.clientId as ClientId,
        message: draftOf(will, shared),
        delayS: will.delayS,
        dueAtMs: will.dueAtMs,
      },
    };
  }
  for await (const { queueId, first, last, count, bytes } of documents.summaries()) {
    yield { kind: 'queue', queue: queueId as QueueId, first: first as Seq, next: (last + 1) as Seq, count, bytes };
  }
  for await (const { topic, messageId, bytes, expiresAtMs } of documents.all('retained', { 'message.payload': 0 })) {
    yield { kind: 'retained', topic: topic as TopicName, id: messageId as Message['id'], bytes, expiresAtMs };
  }
  if (lastMessageId >= 0) yield { kind: 'last-message-id', id: lastMessageId as Message['id'] };
}
