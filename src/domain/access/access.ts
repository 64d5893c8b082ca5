// Whether a client may do what it is about to do, by its permissions: synchronously, so that publishing and delivering wait for nobody. The first
// rule that applies decides, and every answer says which one it was.
//
// When a rule applies to a subscription depends on whether it speaks of receiving too. If it does, delivery looks at each message, so that a filter
// may be allowed for the sake of a part of it, and is denied only as a whole. If it does not, nothing else will look, so that a filter is allowed only
// as a whole, and denied for the sake of a part (docs/decisions/0013).
import { filterCovers, filterIntersection, filtersOverlap } from '../topics/topic-filter.js';
import type { TopicFilter, TopicName } from '../identifiers.js';
import type { AccessAction, AccessRule, Permissions } from './permissions.js';
import { NO_RULE, RuleTree } from './rule-tree.js';

/** `undefined`: allowed; otherwise why not. */
export type Refusal = string | undefined;

export interface Judgement {
  readonly isAllowed: boolean;
  /** The rule that decided; `undefined`: none applied. */
  readonly rule: AccessRule | undefined;
  readonly why: string;
}

const EVERYTHING_IS_ALLOWED: Judgement = { isAllowed: true, rule: undefined, why: 'everything is allowed' };
const OTHERWISE: Readonly<Record<'allow' | 'deny', Judgement>> = {
  allow: { isAllowed: true, rule: undefined, why: 'no rule applies, and what no rule is about is allowed' },
  deny: { isAllowed: false, rule: undefined, why: 'no rule allows it' },
};
/** `$SYS/` is the broker's to speak in, and `$share/` is no place at all: it only means something in a Topic Filter. */
const BROKERS_OWN: Judgement = {
  isAllowed: false,
  rule: undefined,
  why: 'clients cannot publish to $SYS/ and $share/',
};

/** Topics whose judgement is remembered, for each action; when there are more, all are forgotten. */
const REMEMBERED_MAX = 32;
/** In characters. */
const REMEMBERED_TOPIC_MAX = 256;

/** Of a filter, that are looked for one by one. */
const PARTS_MAX = 1000;

/** Permissions are data that does not change: what was made of them serves all clients that have the same. */
const made = new WeakMap<Permissions, Access>();

export function accessOf(permissions: Permissions): Access {
  let access = made.get(permissions);
  if (access === undefined) made.set(permissions, (access = new Access(permissions)));
  return access;
}

export class Access {
  readonly #rules: readonly AccessRule[];
  readonly #otherwise: Judgement;
  /** By the place of the rule. */
  readonly #judgements: (Judgement | undefined)[] = [];
  // Made when first needed: a client that only publishes needs one of them.
  #publishing: TopicRules | undefined;
  #receiving: TopicRules | undefined;
  #subscribing: SubscriptionRules | undefined;

  constructor(readonly permissions: Permissions) {
    this.#rules = permissions.kind === 'everything' ? [] : permissions.rules;
    this.#otherwise =
      permissions.kind === 'everything' ? EVERYTHING_IS_ALLOWED : OTHERWISE[permissions.otherwise ?? 'deny'];
  }

  /** Whether no rule has to be asked, whatever it is about. */
  get isEverything(): boolean {
    return this.permissions.kind === 'everything';
  }

  publish(topic: TopicName): Judgement {
    if (
      topic.charCodeAt(0) === 0x24 /* $ */ &&
      (topic.startsWith('$SYS/') || topic.startsWith('$share/') || topic === '$SYS')
    )
      return BROKERS_OWN;
    if (this.isEverything) return EVERYTHING_IS_ALLOWED;
    return this.#judgement((this.#publishing ??= new TopicRules(this.#rules, 'publish')).first(topic));
  }

  receive(topic: TopicName): Judgement {
    if (this.isEverything) return EVERYTHING_IS_ALLOWED;
    return this.#judgement(this.#receivable.first(topic));
  }

  /** `filter`: without a share. */
  subscribe(filter: TopicFilter): Judgement {
    if (this.isEverything) return EVERYTHING_IS_ALLOWED;
    return this.#judgement((this.#subscribing ??= new SubscriptionRules(this.#rules, this.#receivable)).first(filter));
  }

  /**
   * Filters for what may be received of a filter, so that nobody has to look at all that it matches. They may say too much: denying rules have still
   * to be asked, and one topic may be matched by several.
   */
  receivable(filter: TopicFilter): readonly TopicFilter[] {
    if (this.#otherwise.isAllowed) return [filter];
    const { idle } = this.#receivable;
    const parts: TopicFilter[] = [];
    for (const [at, { effect, actions, topicFilter }] of this.#rules.entries()) {
      const part =
        effect === 'allow' && actions.includes('receive') && !idle.has(at)
          ? filterIntersection(topicFilter, filter)
          : undefined;
      if (part === undefined) continue;
      if (part === filter || parts.length >= PARTS_MAX) return [filter];
      parts.push(part);
    }
    return parts;
  }

  get #receivable(): TopicRules {
    return (this.#receiving ??= new TopicRules(this.#rules, 'receive'));
  }

  #judgement(at: number): Judgement {
    const rule = this.#rules[at];
    if (rule === undefined) return this.#otherwise;
    return (this.#judgements[at] ??= {
      isAllowed: rule.effect === 'allow',
      rule,
      why: `${rule.effect === 'allow' ? 'allowed' : 'denied'} by ${rule.source} (${rule.topicFilter})`,
    });
  }
}

export function refusePublish(access: Access, topic: TopicName): Refusal {
  const { isAllowed, why } = access.publish(topic);
  return isAllowed ? undefined : why;
}

export function refuseSubscribe(access: Access, filter: TopicFilter): Refusal {
  const { isAllowed, why } = access.subscribe(filter);
  return isAllowed ? undefined : why;
}

/** The rules about one action on a topic. */
class TopicRules {
  readonly #tree = new RuleTree();
  /** Rules that never decide: one before each is about every topic that it is about. */
  readonly idle = new Set<number>();
  readonly #remembered = new Map<TopicName, number>();

  constructor(rules: readonly AccessRule[], action: 'publish' | 'receive') {
    for (const [at, { actions, topicFilter }] of rules.entries()) {
      if (!actions.includes(action)) continue;
      if (this.#tree.covering(topicFilter) === NO_RULE) this.#tree.add(topicFilter, at);
      else this.idle.add(at);
    }
  }

  first(topic: TopicName): number {
    const known = this.#remembered.get(topic);
    if (known !== undefined) return known;
    const first = this.#tree.matching(topic);
    if (topic.length > REMEMBERED_TOPIC_MAX) return first;
    if (this.#remembered.size >= REMEMBERED_MAX) this.#remembered.clear();
    this.#remembered.set(topic, first);
    return first;
  }
}

class SubscriptionRules {
  /** Rules that apply to filters that they cover. */
  readonly #whole = new RuleTree();
  /** Rules that apply to filters that they have a topic in common with. */
  readonly #part = new RuleTree();

  constructor(rules: readonly AccessRule[], receivable: TopicRules) {
    for (const [at, rule] of rules.entries()) {
      const reach = reachOf(rule);
      // What earlier rules deny as a whole allows no subscription either.
      if (reach === 'none' || (reach === 'part' && rule.effect === 'allow' && receivable.idle.has(at))) continue;
      (reach === 'whole' ? this.#whole : this.#part).add(rule.topicFilter, at);
    }
  }

  first(filter: TopicFilter): number {
    return Math.min(this.#whole.covering(filter), this.#part.overlapping(filter));
  }
}

/** How much of a filter a rule has to be about to apply to its subscription. */
function reachOf({ actions, effect }: AccessRule): 'whole' | 'part' | 'none' {
  if (actions.includes('receive')) return effect === 'allow' ? 'part' : 'whole';
  if (!actions.includes('subscribe')) return 'none';
  return effect === 'allow' ? 'whole' : 'part';
}

// For people who want to know why.

export interface Explanation extends Judgement {
  /** The rules before the one that decided, in their order, each with why it does not apply. */
  readonly passedOver: readonly { readonly rule: AccessRule; readonly why: string }[];
  /** Of a subscription that is allowed: which rules delivery will meet among the topics of the filter, in their order. */
  readonly delivery: readonly AccessRule[];
  /** Whether there may be topics of the filter that no rule is about, and what becomes of them. */
  readonly deliveryOtherwise: 'allow' | 'deny' | undefined;
}

/** The same judgement as the broker's, with what led to it. `topic`: for `subscribe`, a Topic Filter without a share. */
export function explain(permissions: Permissions, action: AccessAction, topic: string): Explanation {
  const access = accessOf(permissions);
  const rules = permissions.kind === 'everything' ? [] : permissions.rules;
  const filter = topic as TopicFilter;
  const judgement = action === 'subscribe' ? access.subscribe(filter) : access[action](topic as TopicName);
  const decidedAt = judgement.rule === undefined ? rules.length : rules.indexOf(judgement.rule);
  // A refusal that no rule could change needs no rules to explain it.
  const before = judgement === BROKERS_OWN ? [] : rules.slice(0, decidedAt);
  const passedOver = before.map((rule) => ({
    rule,
    why: action === 'subscribe' ? whyNotToSubscription(rule, filter) : whyNotToTopic(rule, action),
  }));
  if (action !== 'subscribe' || !judgement.isAllowed || permissions.kind === 'everything') {
    return { ...judgement, passedOver, delivery: [], deliveryOtherwise: undefined };
  }
  const met = rules.filter(
    ({ actions, topicFilter }) => actions.includes('receive') && filtersOverlap(topicFilter, filter),
  );
  const coveredAt = met.findIndex(({ topicFilter }) => filterCovers(topicFilter, filter));
  return {
    ...judgement,
    passedOver,
    delivery: coveredAt < 0 ? met : met.slice(0, coveredAt + 1),
    deliveryOtherwise: coveredAt < 0 ? (permissions.otherwise ?? 'deny') : undefined,
  };
}

function whyNotToTopic({ actions }: AccessRule, action: AccessAction): string {
  return actions.includes(action) ? 'does not match' : `is about ${wordsOf(actions)}`;
}

function whyNotToSubscription(rule: AccessRule, filter: TopicFilter): string {
  const { actions, effect, topicFilter } = rule;
  const reach = reachOf(rule);
  if (reach === 'none') return `is about ${wordsOf(actions)}`;
  if (!filtersOverlap(topicFilter, filter)) return 'has no topic in common with it';
  if (reach === 'part') return 'allows nothing that the rules before it leave';
  return effect === 'allow' ? 'does not cover all of it' : 'denies a part of it, which delivery will see to';
}

const wordsOf = (actions: readonly AccessAction[]): string =>
  actions.length === 0 ? 'nothing' : actions.join(' and ');
