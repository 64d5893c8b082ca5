// A member of a shared group: the QoS at which it gets a message, and whether it takes it.
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

/** Whether the member may get the message now. */
export const takes = (member: Member, message: Message): boolean =>
  member.session.takes(message, qosOf(member, message), member.identifiers);

/** Why none of the members that are connected takes the message; `undefined` if one does, or none is connected. */
export function refusalOf(
  members: readonly Member[],
  message: Message,
): 'not-authorized' | 'packet-too-large' | undefined {
  const connected = members.filter(({ session }) => session.isConnected);
  if (connected.length === 0 || connected.some((member) => takes(member, message))) return undefined;
  return connected.some(({ session }) => session.mayReceive(message.topic)) ? 'packet-too-large' : 'not-authorized';
}
