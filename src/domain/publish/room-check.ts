// Whether every queue that a message would go to has room for it, asked before anything of the message is recorded: it
// cannot be taken back from those that have it. A route with very many recipients is looked at in slices. Nothing else
// is published in between, so a queue that had room still has it, but for what members return to their shared groups.
// What the message would add to the queues that were looked at counts for those that are looked at after them.
import type { Context } from '../context.js';
import type { MessageDraft } from '../messages/message.js';
import type { Origin } from '../messages/publication.js';
import type { Route, Target } from '../routing/route.js';
import type { SharedGroup } from '../routing/shared-group.js';
import type { Pressed } from '../slowed-publisher.js';

/** A check that takes several steps. */
export interface RoomCheck {
  readonly route: Route;
  /** The next recipient to look at: first the route's targets, then its groups. */
  next: number;
}

/**
 * Looks at up to `count` recipients from `from` on.
 * @returns the first queue without room, or the index of the next recipient to look at.
 */
export function lookForRoom(
  { memory, storedQueues }: Context,
  draft: MessageDraft,
  { clientId }: Origin,
  { targets, groups }: Route,
  from: number,
  count: number,
): Pressed | number {
  if (from === 0) memory.planned = storedQueues.planned = 0;
  const end = Math.min(from + count, targets.length + groups.length);
  let at = from;
  for (; at < end && at < targets.length; at++) {
    const target = targets[at] as Target;
    const { session, noLocal } = target;
    const qos = noLocal && session.clientId === clientId ? (target.ofOthers?.qos ?? 0) : target.qos;
    if (qos === 0) continue;
    const full = session.fullFor(draft);
    if (full !== undefined) return full;
  }
  for (; at < end; at++) {
    const full = (groups[at - targets.length] as SharedGroup).fullFor(draft);
    if (full !== undefined) return full;
  }
  return at;
}

export const recipientsOf = ({ targets, groups }: Route): number => targets.length + groups.length;
