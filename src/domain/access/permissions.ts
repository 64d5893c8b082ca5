// What a client may do, as data: put together at CONNECT by whoever authenticated and authorised it, and again when that changes. How it is judged
// is `access.ts`'s.
import type { TopicFilter } from '../identifiers.js';

/** `receive` is asked of each message when it is about to be delivered, `subscribe` of a Topic Filter. */
export type AccessAction = 'publish' | 'subscribe' | 'receive';

export interface AccessRule {
  readonly effect: 'allow' | 'deny';
  readonly actions: readonly AccessAction[];
  readonly topicFilter: TopicFilter;
  /** Where it is written, for people: `acl line 12`; `role reader, rule 2`. */
  readonly source: string;
}

/** The first rule that applies decides; where none does, access is denied unless `otherwise` says else. `everything` asks no rule. */
export type Permissions =
  | { readonly kind: 'everything' }
  | {
      readonly kind: 'rules';
      readonly rules: readonly AccessRule[];
      readonly otherwise?: 'allow' | 'deny' | undefined;
    };

export const EVERYTHING: Permissions = { kind: 'everything' };
