// The shape of the answers of authenticators and authorizers, checked at run time, because adapters may be written in
// plain JavaScript. Each problem is a path and what was expected there.
import { topicFilterProblem } from '../ports/index.js';
import type { AuthenticatorAnswer } from '../ports/index.js';
import { show } from './compare.js';

export function answerProblems(answer: AuthenticatorAnswer | undefined): string[] {
  const problems: string[] = [];
  switch (answer?.decision) {
    case 'allow': {
      const { userName, expiresAtMs, permissions } = answer;
      if (userName !== undefined && typeof userName !== 'string')
        problems.push(`userName: expected a string, got ${show(userName)}`);
      if (expiresAtMs !== undefined && !Number.isFinite(expiresAtMs))
        problems.push(`expiresAtMs: expected milliseconds since 1970, got ${show(expiresAtMs)}`);
      if (permissions !== undefined)
        problems.push(...permissionsProblems(permissions).map((problem) => `permissions: ${problem}`));
      return problems;
    }
    case 'deny':
      if (!['bad-credentials', 'not-authorized'].includes(answer.reason))
        problems.push(`reason: expected bad-credentials or not-authorized, got ${show(answer.reason)}`);
      if (typeof answer.detail !== 'string' || answer.detail === '')
        problems.push(`detail: expected the reason, for the log, got ${show(answer.detail)}`);
      return problems;
    case 'abstain':
      return problems;
    case undefined:
  }
  return [`decision: expected allow, deny or abstain, got ${show(answer)}`];
}

export function permissionsProblems(permissions: unknown): string[] {
  const { kind, rules, defaultEffect } = (permissions ?? {}) as Readonly<Record<string, unknown>>;
  if (kind === 'allow-all') return [];
  if (kind !== 'rules' || !Array.isArray(rules))
    return [`expected { kind: "allow-all" } or { kind: "rules", rules: [...] }, got ${show(permissions)}`];
  const problems =
    defaultEffect === undefined || defaultEffect === 'allow' || defaultEffect === 'deny'
      ? []
      : [`defaultEffect: expected allow, deny or nothing, got ${show(defaultEffect)}`];
  return [...problems, ...rules.flatMap((rule: unknown, i) => ruleProblems(rule, `rules[${i}]`))];
}

const ACTIONS: readonly unknown[] = ['publish', 'subscribe', 'receive'];

function ruleProblems(rule: unknown, path: string): string[] {
  const { effect, actions, topicFilter, source } = (rule ?? {}) as Readonly<Record<string, unknown>>;
  const problems: string[] = [];
  if (effect !== 'allow' && effect !== 'deny')
    problems.push(`${path}.effect: expected allow or deny, got ${show(effect)}`);
  if (!Array.isArray(actions) || actions.length === 0 || actions.some((action) => !ACTIONS.includes(action))) {
    problems.push(`${path}.actions: expected at least one of publish, subscribe and receive, got ${show(actions)}`);
  }
  if (typeof topicFilter !== 'string')
    problems.push(`${path}.topicFilter: expected a topic filter, got ${show(topicFilter)}`);
  else {
    const problem = topicFilterProblem(topicFilter);
    if (problem !== undefined) problems.push(`${path}.topicFilter: ${show(topicFilter)}: ${problem}`);
    if (topicFilter.startsWith('$share/'))
      problems.push(`${path}.topicFilter: ${show(topicFilter)}: expected the filter without $share/`);
  }
  if (typeof source !== 'string' || source.trim() === '')
    problems.push(`${path}.source: expected where the rule is written, got ${show(source)}`);
  return problems;
}
