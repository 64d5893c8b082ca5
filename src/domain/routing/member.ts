// A member of a shared group: a subscription as the group sees it.
import type { QoS } from '../../protocol/packets.js';
import type { Message } from '../messages/message.js';
import type { Recipient } from './recipient.js';

export interface Member {
  readonly session: Recipient;
  readonly qos: QoS;
  readonly retainAsPublished: boolean;
  readonly identifiers: readonly number[] | undefined;
}

export const qosOf = ({ qos }: Member, message: Message): QoS => Math.min(message.qos, qos) as QoS;
