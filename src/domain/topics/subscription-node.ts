// A node of the tree of subscriptions, with the subscribers of the filters that end at it. Most nodes have no
// subscriber or one, so a set is created only for the second.
import { PathNode } from './path-node.js';

/** The subscribers of one filter. */
export type Members<T> = T | Set<T> | undefined;

const SLASH = 0x2f;
const PLUS = 0x2b;
/** Less than every index. */
export const MISMATCH = -2;

/** In characters: comparing so much of a label with a topic takes about as long as visiting a node. */
const COMPARED_PER_VISIT = 64;

export class SubscriptionNode<T extends object> extends PathNode<SubscriptionNode<T>> {
  /** Subscribers of the filter that ends here. */
  here: Members<T> = undefined;
  /** Subscribers of the filter that ends with `#` below this node. */
  below: Members<T> = undefined;

  override get isMarked(): boolean {
    return this.here !== undefined || this.below !== undefined;
  }

  override create(label: string): SubscriptionNode<T> {
    return new SubscriptionNode<T>(label);
  }

  override takeFrom({ here, below }: SubscriptionNode<T>): void {
    this.here = here;
    this.below = below;
  }

  override unmark(): void {
    this.here = undefined;
    this.below = undefined;
  }

  /** What visiting the node costs, in visits. */
  get cost(): number {
    return 1 + Math.floor(this.label.length / COMPARED_PER_VISIT);
  }

  /**
   * Compares the label with the levels of the topic that follow `offset`: the index of a slash, or of the end of the
   * topic; -1 for the beginning.
   * @returns where the levels that match end, or `MISMATCH`.
   */
  match(topic: string, offset: number): number {
    const { label } = this;
    const { length } = topic;
    let at = offset;
    for (let i = 0; i < label.length;) {
      if (at >= length) return MISMATCH; // the topic has no further level
      i++;
      at++;
      if (label.charCodeAt(i) === PLUS) {
        i++;
        while (at < length && topic.charCodeAt(at) !== SLASH) at++;
        continue;
      }
      for (; i < label.length; i++, at++) {
        const unit = label.charCodeAt(i);
        if (unit === SLASH) break;
        if (unit !== topic.charCodeAt(at)) return MISMATCH;
      }
      if (at < length && topic.charCodeAt(at) !== SLASH) return MISMATCH;
    }
    return at;
  }
}

export function withMember<T extends object>(members: Members<T>, member: T): Members<T> {
  if (members === undefined || members === member) return member;
  if (members instanceof Set) return members.add(member);
  return new Set([members, member]);
}

export function withoutMember<T extends object>(members: Members<T>, member: T): Members<T> {
  if (members === member) return undefined;
  if (!(members instanceof Set)) return members;
  members.delete(member);
  if (members.size > 1) return members;
  const [last] = members;
  return last;
}
