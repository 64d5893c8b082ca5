// A member of a shared group, and the QoS at which it gets a message.
import type { QoS } from '../../protocol/packets.js';
import type { Message } from '../messages/message.js';
import type { Recipient } from './recipient.js';

/** A member of the group: a subscription as the group sees it. */
export interface Member {
  readonly session: Recipient;
  readonly qos: QoS;
  readonly retainAsPublished: boolean;
  readonly identifiers: readonly number[] | undefined;
}

/** The QoS at which the member gets the message. */
export const qosOf = ({ qos }: Member, message: Message): QoS => Math.min(message.qos, qos) as QoS;
