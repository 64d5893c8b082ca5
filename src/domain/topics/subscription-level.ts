// One level of the tree of subscriptions, with the subscribers of the filters that end at it. Most levels have no
// subscriber or one, so a set is created only for the second.

/** The subscribers of one filter. */
export type Members<T> = T | Set<T> | undefined;

export class SubscriptionLevel<T extends object> {
  children: Map<string, SubscriptionLevel<T>> | undefined = undefined;
  /** The child named `+`. */
  plus: SubscriptionLevel<T> | undefined = undefined;
  /** Subscribers of the filter that ends here. */
  here: Members<T> = undefined;
  /** Subscribers of the filter that ends with `#` below this level. */
  below: Members<T> = undefined;

  isEmpty(): boolean {
    return (
      this.here === undefined && this.below === undefined && this.plus === undefined && this.children === undefined
    );
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
