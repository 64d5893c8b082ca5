// Rules in the configuration: the order of roles, and the messages for invalid options.
import { describe, expect, test } from '@jest/globals';
import { createAuthorizer } from '../../../adapters/auth/rules/index.js';
import { accessOf } from '../../../src/domain/access/access.js';
import type { AuthorizationRequest, Permissions, TopicName } from '../../../src/ports/index.js';

const ask = (options: Record<string, unknown>, clientId: string, userName?: string): Permissions =>
  createAuthorizer(options).authorize({
    clientId,
    userName,
    protocolVersion: 4,
    listener: 'tcp',
    peer: { remoteAddress: '' },
    permissions: undefined,
  } as unknown as AuthorizationRequest) as Permissions;

const summary = (permissions: Permissions): string[] =>
  permissions.kind === 'allow-all'
    ? ['everything']
    : permissions.rules.map(
        ({ effect, actions, topicFilter, source }) => `${effect} ${actions.join()} ${topicFilter} (${source})`,
      );

const ROLES = {
  reader: [
    { allow: ['subscribe', 'receive'], topics: ['plant/#', 'news'] },
    { deny: 'publish', topics: '#' },
  ],
  device: [{ allow: 'publish', topics: 'devices/%c/#' }],
  visitor: [{ allow: 'receive', topics: 'news' }],
};

describe('the rules adapter', () => {
  test('a client has the roles of its user name, then of its identifier, then of everyone, each once', () => {
    const options = {
      roles: ROLES,
      users: { ann: ['reader'] },
      clients: { m7: ['device', 'reader'] },
      everyone: ['visitor', 'device'],
    };
    expect(summary(ask(options, 'm7', 'ann'))).toEqual([
      'allow subscribe,receive plant/# (role reader, rule 1)',
      'allow subscribe,receive news (role reader, rule 1)',
      'deny publish # (role reader, rule 2)',
      'allow publish devices/m7/# (role device, rule 1)',
      'allow receive news (role visitor, rule 1)',
    ]);
    expect(summary(ask(options, 'm8'))).toEqual([
      'allow receive news (role visitor, rule 1)',
      'allow publish devices/m8/# (role device, rule 1)',
    ]);
  });

  test('the key otherwise decides where no rule applies, and without it the next authorizer decides', () => {
    expect(ask({ otherwise: 'allow' }, 'a')).toEqual({ kind: 'rules', rules: [], defaultEffect: 'allow' });
    expect(ask({}, 'a')).toEqual({ kind: 'rules', rules: [] });
  });

  test('a client whose name would widen a rule is denied everything from that rule on, whatever otherwise says', () => {
    const options = {
      roles: {
        ...ROLES,
        own: [
          { deny: 'receive', topics: 'private/%c/#' },
          { allow: 'receive', topics: '#' },
        ],
      },
      everyone: ['own'],
      otherwise: 'allow',
    };
    const access = accessOf(ask(options, '+'));
    for (const topic of ['private/a/x', 'other', '$SYS/x'])
      expect(access.receive(topic as TopicName).isAllowed).toBe(false);
  });

  test('clients with the same roles share one permissions object', () => {
    const authorizer = createAuthorizer({ roles: ROLES, users: { ann: 'reader', bob: ['reader'] } });
    const of = (userName: string) => authorizer.authorize({ clientId: 'c', userName } as AuthorizationRequest);
    expect(of('ann')).toBe(of('bob'));
  });

  test('a client named like a property of Object.prototype has no role', () => {
    for (const name of ['__proto__', 'constructor', 'toString'])
      expect(ask({ roles: ROLES, users: { ann: 'reader' } }, name, name)).toMatchObject({ rules: [] });
  });
});

test('all invalid options are reported at once, each with its path', () => {
  const options = {
    roles: {
      a: 'none',
      b: [
        { allow: 'read', topics: 'x' },
        { allow: 'publish', deny: 'publish', topics: 'x' },
        { topics: 'x' },
        { allow: [], topics: [] },
        { allow: ['publish'], topics: ['ok', 'a/#/b'], topic: 'x' },
        'allow everything',
        { deny: 'receive', topics: null },
      ],
    },
    users: { ann: ['c', 7] },
    clients: ['m7'],
    everyone: 'd',
    otherwise: 'maybe',
    role: {},
  };
  expect(() => createAuthorizer(options)).toThrow(
    [
      'role: unknown option, expected one of roles, users, clients, everyone, otherwise',
      'roles.a: expected a list of rules, such as [{ allow: receive, topics: plant/# }]',
      'roles.b[0].allow: "read" is not an action, expected publish, subscribe, receive',
      'roles.b[1]: has both allow and deny, expected one of them',
      'roles.b[2]: has neither allow nor deny, expected one of them',
      'roles.b[3].allow: expected at least one of publish, subscribe, receive',
      'roles.b[3].topics: expected at least one topic filter',
      'roles.b[4].topic: unknown key, expected allow or deny, and topics',
      'roles.b[4].topics[1]: # is the last level of a topic filter',
      'roles.b[5]: expected a rule, such as { allow: receive, topics: plant/# }',
      'roles.b[6].topics: expected a topic filter; # alone needs quotes in YAML',
      'users.ann[0]: there is no role "c", expected one of b',
      'users.ann[1]: expected the name of a role',
      'clients: expected a mapping of client identifiers to roles',
      'everyone[0]: there is no role "d", expected one of b',
      'otherwise: expected allow or deny; left out, the next authorizer decides',
    ].join('\n  '),
  );
});
