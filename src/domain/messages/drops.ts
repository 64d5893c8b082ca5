// The end of a delivery that did not reach its client: counted always, reported if an observer wants to know.
import type { Context } from '../context.js';
import { wants } from '../events.js';
import type { QoS } from '../../protocol/packets.js';
import type { QueueId, Seq } from '../identifiers.js';
import type { DropReason } from '../reasons.js';
import type { Message } from './message.js';

/**
 * @param message `undefined` if it is dropped from storage without being read.
 * @param queue the queue of the client or group that the message was for, or `undefined` if there was none.
 * @param detail the rule that decided, if one did.
 * @param seq its place in the queue, for a trace of a message that is not at hand.
 */
export function drop(
  context: Context,
  reason: DropReason,
  message: Message | undefined,
  qos: QoS | undefined,
  queue: QueueId | undefined,
  detail?: string,
  seq?: Seq,
): void {
  context.counters.dropped[reason]++;
  reportDrop(context, reason, message, qos, queue, detail, seq);
}

/** Reports a drop that is counted later, when its handshake is complete. */
export function reportDrop(
  { effects, trace }: Context,
  reason: DropReason,
  message: Message | undefined,
  qos: QoS | undefined,
  queue: QueueId | undefined,
  detail?: string,
  seq?: Seq,
): void {
  trace?.dropped(reason, message, queue, detail, seq);
  if (!wants(effects.wanted, 'message-dropped')) return;
  effects.emit({
    kind: 'message-dropped',
    reason,
    messageId: message?.id,
    topic: message?.topic,
    qos,
    queue,
    ...(detail === undefined ? {} : { detail }),
  });
}
