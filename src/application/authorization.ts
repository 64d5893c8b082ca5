// Asks the authorizers in their order and puts what they say together: the rules of the first come before those of the second. A failure is a
// refusal. Without authorizers the credentials say what the client may do, and where they say nothing it may do everything.
import { EVERYTHING } from '../domain/access/permissions.js';
import type { AccessRule, Permissions } from '../domain/access/permissions.js';
import type { AuthorizationRequest, Authorizer } from '../ports/auth.js';

export type AuthorizationResult =
  | { readonly decision: 'allow'; readonly permissions: Permissions }
  | { readonly decision: 'deny'; readonly reason: 'authorization-unavailable'; readonly detail: string };

export class Authorization {
  constructor(readonly authorizers: readonly Authorizer[]) {}

  /** Answers at once where all that are asked do. */
  authorize(request: AuthorizationRequest, answer: (result: AuthorizationResult) => void): void {
    if (this.authorizers.length === 0) answer({ decision: 'allow', permissions: request.permissions ?? EVERYTHING });
    else this.#ask(0, [], request, answer);
  }

  #ask(at: number, before: readonly AccessRule[], request: AuthorizationRequest, answer: (result: AuthorizationResult) => void): void {
    let rules = before;
    for (let i = at; i < this.authorizers.length; i++) {
      const authorizer = this.authorizers[i] as Authorizer;
      let given: Permissions | Promise<Permissions>;
      try {
        given = authorizer.authorize(request);
      } catch (error) {
        answer(unavailable(authorizer, error));
        return;
      }
      if (given instanceof Promise) {
        given.then(
          (later) => {
            if (isLast(later)) answer(allowed(rules, later));
            else this.#ask(i + 1, [...rules, ...later.rules], request, answer);
          },
          (error: unknown) => {
            answer(unavailable(authorizer, error));
          },
        );
        return;
      }
      if (isLast(given)) {
        answer(allowed(rules, given));
        return;
      }
      rules = [...rules, ...given.rules];
    }
    answer({ decision: 'allow', permissions: { kind: 'rules', rules } });
  }
}

type Rules = Extract<Permissions, { readonly kind: 'rules' }>;

/** Whether it leaves nothing to say to those after it. */
const isLast = (given: Permissions): given is Exclude<Permissions, Rules> | (Rules & { readonly otherwise: 'allow' | 'deny' }) =>
  given.kind === 'everything' || given.otherwise !== undefined;

function allowed(before: readonly AccessRule[], last: Permissions): AuthorizationResult {
  if (last.kind === 'rules') return { decision: 'allow', permissions: { ...last, rules: [...before, ...last.rules] } };
  return { decision: 'allow', permissions: before.length === 0 ? EVERYTHING : { kind: 'rules', rules: before, otherwise: 'allow' } };
}

function unavailable(authorizer: Authorizer, error: unknown): AuthorizationResult {
  const detail = `${authorizer.name}: ${error instanceof Error ? error.message : String(error)}`;
  return { decision: 'deny', reason: 'authorization-unavailable', detail };
}
