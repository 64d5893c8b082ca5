// Checks of what authenticators and authorizers answer, when the answer comes and before any of it is used. An adapter
// may be of another author, and in plain JavaScript: what its answer does not say in the words of the port admits no
// client and permits nothing.
import { ALLOW_ALL } from '../domain/access/permissions.js';
import type { AccessAction, AccessRule, Permissions } from '../domain/access/permissions.js';
import type { TopicFilter } from '../domain/identifiers.js';
import { topicFilterProblem } from '../ports/access-rules.js';
import type { AuthenticatorAnswer, ExchangeAnswer } from '../ports/auth.js';

/** In UTF-16 code units of a value that is shown. */
const SHOWN_MAX = 60;

const EFFECTS: readonly string[] = ['allow', 'deny'] satisfies AccessRule['effect'][];
const ACTIONS: readonly string[] = ['publish', 'subscribe', 'receive'] satisfies AccessAction[];
const DENIALS: readonly string[] = ['bad-credentials', 'not-authorized'];

export type Mapping = Readonly<Record<string, unknown>>;

/** Names the field, the value found and what was expected. */
export class AnswerFault extends Error {
  override readonly name = 'AnswerFault';

  constructor(field: string, value: unknown, expected: string) {
    super(`${field === '' ? 'its answer' : field} is ${shown(value)}, expected ${expected}`);
  }
}

/**
 * @returns the answer; its permissions are a copy.
 * @throws AnswerFault
 */
export function requireAnswer(answer: unknown): AuthenticatorAnswer {
  const mapping = mappingOf(answer, '', '{ decision: "allow" }, "deny" or "abstain"');
  switch (mapping['decision']) {
    case 'abstain':
      requireKeys(mapping, '', ['decision']);
      return { decision: 'abstain' };
    case 'deny': {
      const { reason, detail } = mapping;
      requireKeys(mapping, '', ['decision', 'reason', 'detail']);
      requireOneOf('reason', reason, DENIALS);
      requireString('detail', detail);
      return answer as AuthenticatorAnswer;
    }
    case 'allow': {
      const { permissions, userName, expiresAtMs } = mapping;
      requireKeys(mapping, '', ['decision', 'permissions', 'userName', 'expiresAtMs']);
      if (userName !== undefined) requireString('userName', userName, 'a string, or none');
      if (expiresAtMs !== undefined && !Number.isFinite(expiresAtMs))
        throw new AnswerFault('expiresAtMs', expiresAtMs, 'milliseconds since 1970, or none');
      if (permissions === undefined) return answer as AuthenticatorAnswer;
      return { ...(answer as object), decision: 'allow', permissions: requirePermissions(permissions, 'permissions') };
    }
    default:
      throw new AnswerFault('decision', mapping['decision'], '"allow", "deny" or "abstain"');
  }
}

/** What one AUTH can carry. */
const DATA_MAX_BYTES = 65_535;

/**
 * @returns the answer; its data and its permissions are copies.
 * @throws AnswerFault
 */
export function requireExchangeAnswer(answer: unknown): ExchangeAnswer {
  const mapping = mappingOf(answer, '', '{ decision: "continue" }, "allow" or "deny"');
  const { decision, data, claimedUserName, ...plain } = mapping;
  if (decision !== 'continue' && decision !== 'allow' && decision !== 'deny')
    throw new AnswerFault('decision', decision, '"continue", "allow" or "deny"');
  if (decision === 'allow') requireNone('claimedUserName', claimedUserName, 'the answer has userName');
  else if (claimedUserName !== undefined) requireString('claimedUserName', claimedUserName, 'a string, or none');
  if (decision === 'deny') requireNone('data', data, 'a refusal carries no data');
  else if (data !== undefined && (!(data instanceof Uint8Array) || data.length > DATA_MAX_BYTES))
    throw new AnswerFault('data', data, `a Uint8Array of at most ${DATA_MAX_BYTES} bytes, or none`);
  const copied = data === undefined ? {} : { data: new Uint8Array(data as Uint8Array) };
  const claimed = claimedUserName === undefined ? {} : { claimedUserName: claimedUserName as string };
  if (decision === 'continue') {
    requireKeys(plain, '', ['data', 'claimedUserName']);
    return { decision, ...copied, ...claimed };
  }
  const checked = requireAnswer({ decision, ...plain });
  return { ...(checked as Exclude<ExchangeAnswer, { decision: 'continue' }>), ...copied, ...claimed };
}

function requireNone(field: string, value: unknown, what: string): void {
  if (value !== undefined) throw new AnswerFault(field, value, `none: ${what}`);
}

/** Clients whose adapter answers with one object share the copy, and what is compiled from it. */
const copies = new WeakMap<object, Permissions>();

/**
 * @param field where the permissions stand in the answer; empty if they are the answer.
 * @returns a copy, so that no later change of the object gets around the check.
 * @throws AnswerFault
 */
export function requirePermissions(permissions: unknown, field = ''): Permissions {
  const mapping = mappingOf(permissions, field, '{ kind: "allow-all" } or { kind: "rules", rules: [...] }');
  const known = copies.get(mapping);
  if (known !== undefined) return known;
  const copy = copyOf(mapping, field === '' ? '' : `${field}.`);
  copies.set(mapping, copy);
  // What the credentials permit comes back from an authorizer that passes it on.
  copies.set(copy, copy);
  return copy;
}

function copyOf(mapping: Mapping, path: string): Permissions {
  const { kind, rules, defaultEffect } = mapping;
  requireOneOf(`${path}kind`, kind, ['allow-all', 'rules']);
  if (kind === 'allow-all') {
    requireKeys(mapping, path, ['kind']);
    return ALLOW_ALL;
  }
  requireKeys(mapping, path, ['kind', 'rules', 'defaultEffect']);
  if (!Array.isArray(rules)) throw new AnswerFault(`${path}rules`, rules, 'a list of rules');
  if (defaultEffect !== undefined)
    requireOneOf(`${path}defaultEffect`, defaultEffect, EFFECTS, ', or none to leave it to the next authorizer');
  // `Array.from` reads holes too.
  const copied = Array.from(rules, (rule: unknown, index) => ruleOf(rule, `${path}rules[${String(index)}]`));
  return { kind: 'rules', rules: copied, defaultEffect: defaultEffect as AccessRule['effect'] | undefined };
}

function ruleOf(rule: unknown, place: string): AccessRule {
  const mapping = mappingOf(rule, place, 'a rule: { effect, actions, topicFilter, source }');
  const { effect, actions, topicFilter, source } = mapping;
  const path = `${place}.`;
  requireKeys(mapping, path, ['effect', 'actions', 'topicFilter', 'source']);
  requireOneOf(`${path}effect`, effect, EFFECTS);
  if (!Array.isArray(actions)) throw new AnswerFault(`${path}actions`, actions, `a list of ${listed(ACTIONS)}`);
  for (const action of actions as unknown[]) requireOneOf(`${path}actions`, action, ACTIONS);
  requireFilter(`${path}topicFilter`, topicFilter);
  requireString(`${path}source`, source);
  return {
    effect: effect as AccessRule['effect'],
    actions: [...(actions as AccessAction[])],
    topicFilter: topicFilter as TopicFilter,
    source: source as string,
  };
}

/** A filter that the rules read otherwise than its author did would permit too much, or deny too little. */
function requireFilter(field: string, filter: unknown): void {
  requireString(field, filter, 'a topic filter');
  const problem = topicFilterProblem(filter as string);
  if (problem !== undefined) throw new AnswerFault(field, filter, `a topic filter: ${problem}`);
  if ((filter as string).startsWith('$share/'))
    throw new AnswerFault(field, filter, 'the topic filter without $share/ and the name of the group');
}

export function mappingOf(value: unknown, field: string, expected: string): Mapping {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Mapping;
  throw new AnswerFault(field, value, expected);
}

/** A key that is misspelt, such as that of an expiry, would otherwise be as good as left out. */
export function requireKeys(mapping: Mapping, path: string, known: readonly string[]): void {
  for (const key of Object.keys(mapping))
    if (!known.includes(key)) throw new AnswerFault(`${path}${key}`, mapping[key], `only ${known.join(', ')}`);
}

export function requireOneOf(field: string, value: unknown, values: readonly string[], more = ''): void {
  if (typeof value !== 'string' || !values.includes(value))
    throw new AnswerFault(field, value, `${listed(values)}${more}`);
}

export function requireString(field: string, value: unknown, expected = 'a string'): void {
  if (typeof value !== 'string') throw new AnswerFault(field, value, expected);
}

const listed = (values: readonly string[]): string =>
  `${values
    .slice(0, -1)
    .map((value) => `"${value}"`)
    .join(', ')} or "${values.at(-1) ?? ''}"`;

function shown(value: unknown): string {
  if (typeof value === 'string')
    return JSON.stringify(value.length > SHOWN_MAX ? `${value.slice(0, SHOWN_MAX)}…` : value);
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'an object';
  return typeof value === 'function' ? 'a function' : String(value);
}
