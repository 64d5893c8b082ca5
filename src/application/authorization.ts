// Asks the authorizers in their order and puts what they say together: the rules of the first come before those of the second. A failure is a
// refusal. Without authorizers the credentials say what the client may do, and where they say nothing it may do everything.
import { ALLOW_ALL } from '../domain/access/permissions.js';
import type { Permissions } from '../domain/access/permissions.js';
import type { AuthorizationRequest, Authorizer } from '../ports/auth.js';

export type AuthorizationOutcome =
  | { readonly decision: 'allow'; readonly permissions: Permissions }
  | { readonly decision: 'deny'; readonly reason: 'authorization-unavailable'; readonly detail: string };

export class Authorization {
  constructor(readonly authorizers: readonly Authorizer[]) {}

  /** Answers at once where all that are asked do. */
  authorize(request: AuthorizationRequest, answer: (result: AuthorizationOutcome) => void): void {
    if (this.authorizers.length === 0) answer({ decision: 'allow', permissions: request.permissions ?? ALLOW_ALL });
    else this.#ask(0, [], request, answer);
  }

  #ask(
    at: number,
    before: readonly Rules[],
    request: AuthorizationRequest,
    answer: (result: AuthorizationOutcome) => void,
  ): void {
    let given = before;
    for (let i = at; i < this.authorizers.length; i++) {
      const authorizer = this.authorizers[i] as Authorizer;
      let said: Permissions | Promise<Permissions>;
      try {
        said = authorizer.authorize(request);
      } catch (error) {
        answer(unavailable(authorizer, error));
        return;
      }
      if (said instanceof Promise) {
        said.then(
          (later) => {
            if (!isPermissions(later)) answer(unavailable(authorizer, NO_PERMISSIONS));
            else if (isLast(later)) answer(allowed(given, later));
            else this.#ask(i + 1, [...given, later], request, answer);
          },
          (error: unknown) => {
            answer(unavailable(authorizer, error));
          },
        );
        return;
      }
      if (!isPermissions(said)) {
        answer(unavailable(authorizer, NO_PERMISSIONS));
        return;
      }
      if (isLast(said)) {
        answer(allowed(given, said));
        return;
      }
      given = [...given, said];
    }
    answer({ decision: 'allow', permissions: together(given) });
  }
}

type Rules = Extract<Permissions, { readonly kind: 'rules' }>;

const NO_PERMISSIONS = new Error(
  'its answer is no permissions, expected { kind: "allow-all" } or { kind: "rules", rules: [...] }',
);

/** An adapter may be anyone's. */
function isPermissions(said: unknown): said is Permissions {
  const { kind, rules } = (said ?? {}) as { readonly kind?: unknown; readonly rules?: unknown };
  return kind === 'allow-all' || (kind === 'rules' && Array.isArray(rules));
}

/** Whether it leaves nothing to say to those after it. */
const isLast = (
  said: Permissions,
): said is Exclude<Permissions, Rules> | (Rules & { readonly otherwise: 'allow' | 'deny' }) =>
  said.kind === 'allow-all' || said.defaultEffect !== undefined;

/** What a single one said is passed on as it is: clients that get the same share what is made of it. */
function together(given: readonly Rules[]): Permissions {
  const [first] = given;
  return first !== undefined && given.length === 1
    ? first
    : { kind: 'rules', rules: given.flatMap(({ rules }) => rules) };
}

function allowed(before: readonly Rules[], last: Permissions): AuthorizationOutcome {
  if (before.length === 0) return { decision: 'allow', permissions: last };
  if (last.kind === 'allow-all')
    return {
      decision: 'allow',
      permissions: { kind: 'rules', rules: before.flatMap(({ rules }) => rules), defaultEffect: 'allow' },
    };
  return {
    decision: 'allow',
    permissions: { ...last, rules: [...before.flatMap(({ rules }) => rules), ...last.rules] },
  };
}

function unavailable(authorizer: Authorizer, error: unknown): AuthorizationOutcome {
  const detail = `${authorizer.name}: ${error instanceof Error ? error.message : String(error)}`;
  return { decision: 'deny', reason: 'authorization-unavailable', detail };
}
