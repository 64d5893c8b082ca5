// What a client may do, as data: assembled at CONNECT from what authenticators and authorizers answer, and replaced
// when their answers change. `access.ts` compiles it.
import type { TopicFilter } from '../identifiers.js';

/** `subscribe` is checked for each Topic Filter of a SUBSCRIBE, `receive` for each message before it is delivered. */
export type AccessAction = 'publish' | 'subscribe' | 'receive';

/** One rule: what it allows or denies, on which topics. */
export interface AccessRule {
  readonly effect: 'allow' | 'deny';
  readonly actions: readonly AccessAction[];
  readonly topicFilter: TopicFilter;
  /** Where the rule is written, for log lines: `acl line 12`, `role reader, rule 2`. */
  readonly source: string;
}

/**
 * `allow-all` allows every action without checking a rule. With `rules`, the first rule that applies decides; where
 * none applies, `defaultEffect` does. An authorizer that leaves `defaultEffect` out passes the question on to the next
 * one; if no authorizer sets it, it is `deny`.
 */
export type Permissions =
  | { readonly kind: 'allow-all' }
  | {
      readonly kind: 'rules';
      readonly rules: readonly AccessRule[];
      readonly defaultEffect?: 'allow' | 'deny' | undefined;
    };

export const ALLOW_ALL: Permissions = { kind: 'allow-all' };
