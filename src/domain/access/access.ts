// A client's permissions, compiled into decisions. They are synchronous, so that publishing and delivering never wait.
// The first rule that applies decides, and every decision names that rule.
//
// When a rule applies to a subscription depends on whether it covers `receive`. If it does, delivery checks each
// message: a filter is allowed as soon as part of it is allowed, and denied only as a whole. If it does not, nothing
// checks later: a filter is allowed only as a whole, and denied as soon as part of it is (docs/decisions/0013).
import { filterIntersection } from '../topics/topic-filter.js';
import type { TopicFilter, TopicName } from '../identifiers.js';
import type { AccessRule, Permissions } from './permissions.js';
import { NO_RULE, RuleTree } from './rule-tree.js';

/** Why something is refused, or `undefined` if it is allowed. */
export type Refusal = string | undefined;

export interface Decision {
  readonly isAllowed: boolean;
  /** The rule that decided, or `undefined` if none applied. */
  readonly rule: AccessRule | undefined;
  readonly reason: string;
}

const ALL_ALLOWED: Decision = { isAllowed: true, rule: undefined, reason: 'everything is allowed' };
const DEFAULT_DECISIONS: Readonly<Record<'allow' | 'deny', Decision>> = {
  allow: { isAllowed: true, rule: undefined, reason: 'no rule applies, and the default is to allow' },
  deny: { isAllowed: false, rule: undefined, reason: 'no rule allows it' },
};
/** `$SYS/` is reserved for the broker, and `$share/` has a meaning only in a Topic Filter. */
export const RESERVED_TOPIC: Decision = {
  isAllowed: false,
  rule: undefined,
  reason: 'clients cannot publish to $SYS/ and $share/',
};

/** Topics whose decision is cached, per action. The cache is cleared when it is full. */
const CACHED_TOPICS_MAX = 32;
/** In UTF-16 code units; longer topics are not cached. */
const CACHED_TOPIC_LENGTH_MAX = 256;

/** Intersections of one filter with rules; with more, looking at everything the filter matches is cheaper. */
const INTERSECTIONS_MAX = 1000;

/** Permissions are immutable data: clients that have the same share what was compiled from them. */
const compiled = new WeakMap<Permissions, Access>();

export function accessOf(permissions: Permissions): Access {
  let access = compiled.get(permissions);
  if (access === undefined) compiled.set(permissions, (access = new Access(permissions)));
  return access;
}

export class Access {
  readonly #rules: readonly AccessRule[];
  readonly #default: Decision;
  /** By the index of the rule. */
  readonly #decisions: (Decision | undefined)[] = [];
  // Compiled on first use: a client that only publishes needs one of the three.
  #publishing: TopicRules | undefined;
  #receiving: TopicRules | undefined;
  #subscribing: SubscriptionRules | undefined;

  constructor(readonly permissions: Permissions) {
    this.#rules = permissions.kind === 'allow-all' ? [] : permissions.rules;
    this.#default =
      permissions.kind === 'allow-all' ? ALL_ALLOWED : DEFAULT_DECISIONS[permissions.defaultEffect ?? 'deny'];
  }

  /** Whether no rule has to be checked for any action. */
  get allowsAll(): boolean {
    return this.permissions.kind === 'allow-all';
  }

  publish(topic: TopicName): Decision {
    if (
      topic.charCodeAt(0) === 0x24 /* $ */ &&
      (topic.startsWith('$SYS/') || topic.startsWith('$share/') || topic === '$SYS')
    )
      return RESERVED_TOPIC;
    if (this.allowsAll) return ALL_ALLOWED;
    return this.#decision((this.#publishing ??= new TopicRules(this.#rules, 'publish')).first(topic));
  }

  receive(topic: TopicName): Decision {
    if (this.allowsAll) return ALL_ALLOWED;
    return this.#decision(this.#receivable.first(topic));
  }

  /** @param filter without `$share/<group>/`. */
  subscribe(filter: TopicFilter): Decision {
    if (this.allowsAll) return ALL_ALLOWED;
    return this.#decision((this.#subscribing ??= new SubscriptionRules(this.#rules, this.#receivable)).first(filter));
  }

  /**
   * The parts of a filter in which the client may receive, so that a search need not visit all that the filter matches.
   * They may contain too much: denying rules still have to be checked, and one topic may be in several parts.
   */
  receivable(filter: TopicFilter): readonly TopicFilter[] {
    if (this.#default.isAllowed) return [filter];
    const indexes: number[] = [];
    this.#receivable.tree.eachOverlapping(filter, (index) => {
      if (this.#rules[index]?.effect === 'allow') indexes.push(index);
      return indexes.length <= INTERSECTIONS_MAX;
    });
    if (indexes.length > INTERSECTIONS_MAX) return [filter];
    const parts: TopicFilter[] = [];
    for (const index of indexes.sort((one, other) => one - other)) {
      const part = filterIntersection((this.#rules[index] as AccessRule).topicFilter, filter);
      if (part === filter) return [filter];
      if (part !== undefined) parts.push(part);
    }
    return parts;
  }

  get #receivable(): TopicRules {
    return (this.#receiving ??= new TopicRules(this.#rules, 'receive'));
  }

  #decision(index: number): Decision {
    const rule = this.#rules[index];
    if (rule === undefined) return this.#default;
    return (this.#decisions[index] ??= {
      isAllowed: rule.effect === 'allow',
      rule,
      reason: `${rule.effect === 'allow' ? 'allowed' : 'denied'} by ${rule.source} (${rule.topicFilter})`,
    });
  }
}

export function refusePublish(access: Access, topic: TopicName): Refusal {
  const { isAllowed, reason } = access.publish(topic);
  return isAllowed ? undefined : reason;
}

/** The rules that cover one action on topics. */
class TopicRules {
  /** Without the rules that never decide. */
  readonly tree = new RuleTree();
  /** Rules that never decide, because an earlier rule covers every topic that they cover. */
  readonly shadowed = new Set<number>();
  readonly #cache = new Map<TopicName, number>();

  constructor(rules: readonly AccessRule[], action: 'publish' | 'receive') {
    for (const [index, { actions, topicFilter }] of rules.entries()) {
      if (!actions.includes(action)) continue;
      if (this.tree.firstCovering(topicFilter) === NO_RULE) this.tree.add(topicFilter, index);
      else this.shadowed.add(index);
    }
  }

  first(topic: TopicName): number {
    const cached = this.#cache.get(topic);
    if (cached !== undefined) return cached;
    const first = this.tree.firstMatching(topic);
    if (topic.length > CACHED_TOPIC_LENGTH_MAX) return first;
    if (this.#cache.size >= CACHED_TOPICS_MAX) this.#cache.clear();
    this.#cache.set(topic, first);
    return first;
  }
}

class SubscriptionRules {
  /** Rules that apply to a filter if they cover all of it. */
  readonly #whole = new RuleTree();
  /** Rules that apply to a filter if they have at least one topic in common with it. */
  readonly #part = new RuleTree();

  constructor(rules: readonly AccessRule[], receivable: TopicRules) {
    for (const [index, rule] of rules.entries()) {
      const scope = scopeOf(rule);
      // A rule that is shadowed for receiving would grant a subscription that never brings a message.
      if (scope === 'none' || (scope === 'part' && rule.effect === 'allow' && receivable.shadowed.has(index))) continue;
      (scope === 'whole' ? this.#whole : this.#part).add(rule.topicFilter, index);
    }
  }

  first(filter: TopicFilter): number {
    return Math.min(this.#whole.firstCovering(filter), this.#part.firstOverlapping(filter));
  }
}

/** How much of a subscription's filter a rule has to cover in order to apply to the subscription. */
export function scopeOf({ actions, effect }: AccessRule): 'whole' | 'part' | 'none' {
  if (actions.includes('receive')) return effect === 'allow' ? 'part' : 'whole';
  if (!actions.includes('subscribe')) return 'none';
  return effect === 'allow' ? 'whole' : 'part';
}
