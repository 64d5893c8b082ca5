// The list of authorizers, whose rules are concatenated in order: the rules of the first take precedence. A failure of
// one refuses the client. Without authorizers the credentials say what the client may do, and everything is permitted
// if they say nothing.
import { ALLOW_ALL } from '../domain/access/permissions.js';
import type { Permissions } from '../domain/access/permissions.js';
import type { AuthorizationRequest, Authorizer } from '../ports/auth.js';
import { requirePermissions } from './answer-checks.js';
import type { PendingRequest } from './pending-request.js';
import { isPromiseLike, messageOf } from './timeout.js';

export type AuthorizationOutcome =
  | { readonly decision: 'allow'; readonly permissions: Permissions }
  | { readonly decision: 'deny'; readonly reason: 'authorization-unavailable'; readonly detail: string };

type Callback = (outcome: AuthorizationOutcome) => void;
type Rules = Extract<Permissions, { readonly kind: 'rules' }>;

/** One request on its way along the list. */
interface ListRequest {
  readonly request: AuthorizationRequest;
  readonly callback: Callback;
  readonly pending: PendingRequest | undefined;
}

export class Authorization {
  constructor(readonly authorizers: readonly Authorizer[]) {}

  /** Calls back synchronously if every authorizer answers synchronously, and never once `pending` is cancelled. */
  authorize(request: AuthorizationRequest, callback: Callback, pending?: PendingRequest): void {
    if (this.authorizers.length === 0) callback(allow(request.permissions ?? ALLOW_ALL));
    else this.#callFrom(0, [], { request, callback, pending });
  }

  /** @param earlier what the authorizers before this one answered. */
  #callFrom(index: number, earlier: readonly Rules[], listRequest: ListRequest): void {
    const { request, callback, pending } = listRequest;
    let answers = earlier;
    for (let i = index; i < this.authorizers.length; i++) {
      const authorizer = this.authorizers[i] as Authorizer;
      let answer: Permissions | PromiseLike<Permissions>;
      try {
        answer = authorizer.authorize(request, pending);
      } catch (error) {
        callback(unavailable(authorizer, error));
        return;
      }
      if (isPromiseLike(answer)) {
        Promise.resolve(answer).then(
          (later) => {
            if (pending?.isCancelled === true) return;
            const valid = validOr(authorizer, later, callback);
            if (valid === undefined) return;
            if (isFinal(valid)) callback(allow(concatenate(answers, valid)));
            else this.#callFrom(i + 1, [...answers, valid], listRequest);
          },
          (error: unknown) => {
            if (pending?.isCancelled !== true) callback(unavailable(authorizer, error));
          },
        );
        return;
      }
      const valid = validOr(authorizer, answer, callback);
      if (valid === undefined) return;
      if (isFinal(valid)) {
        callback(allow(concatenate(answers, valid)));
        return;
      }
      answers = [...answers, valid];
    }
    callback(allow(concatenate(answers.slice(0, -1), answers.at(-1) as Rules)));
  }
}

/** @returns what the authorizer answered, or `undefined` if that is no answer: the client has then been refused. */
function validOr(authorizer: Authorizer, answer: unknown, refuse: Callback): Permissions | undefined {
  try {
    return requirePermissions(answer);
  } catch (error) {
    refuse(unavailable(authorizer, error));
    return undefined;
  }
}

type Final = Exclude<Permissions, Rules> | (Rules & { readonly defaultEffect: 'allow' | 'deny' });

/** Whether the answer leaves nothing open for later authorizers. */
const isFinal = (answer: Permissions): answer is Final =>
  answer.kind === 'allow-all' || answer.defaultEffect !== undefined;

/** A single answer is passed on as the same object: clients that share it share what is compiled from it. */
function concatenate(earlier: readonly Rules[], last: Permissions): Permissions {
  if (earlier.length === 0) return last;
  const rules = earlier.flatMap((answer) => answer.rules);
  if (last.kind === 'allow-all') return { kind: 'rules', rules, defaultEffect: 'allow' };
  return { ...last, rules: [...rules, ...last.rules] };
}

const allow = (permissions: Permissions): AuthorizationOutcome => ({ decision: 'allow', permissions });

function unavailable(authorizer: Authorizer, error: unknown): AuthorizationOutcome {
  const detail = `${authorizer.name}: ${messageOf(error)}`;
  return { decision: 'deny', reason: 'authorization-unavailable', detail };
}
