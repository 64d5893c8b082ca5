// Permissions, written shortly.
import type { AccessAction, AccessRule, Permissions } from '../../src/domain/access/permissions.js';
import type { TopicFilter } from '../../src/domain/identifiers.js';

/** `allow receive a/#`; several actions with commas. The source of a rule is its number. */
export function rulesOf(...lines: string[]): AccessRule[] {
  return lines.map((line, i) => {
    const [effect = '', actions = '', topicFilter = ''] = line.split(' ');
    return {
      effect: effect as AccessRule['effect'],
      actions: actions.split(',') as AccessAction[],
      topicFilter: topicFilter as TopicFilter,
      source: `rule ${i + 1}`,
    };
  });
}

export const permissionsOf = (...lines: string[]): Permissions => ({ kind: 'rules', rules: rulesOf(...lines) });
