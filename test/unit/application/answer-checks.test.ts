// What authenticators and authorizers may answer, and what happens to a client whose adapter answers anything else.
import { describe, expect, test } from '@jest/globals';
import { createBroker } from 'hexmq';
import type { Authenticator, Authorizer, BrokerEvent, LifecycleEvent, Permissions } from 'hexmq/ports';
import { MemoryNetwork } from '../../../adapters/network/memory/index.js';
import { requireAnswer, requirePermissions } from '../../../src/application/answer-checks.js';
import { ALLOW_ALL } from '../../../src/domain/access/permissions.js';

const RULE = { effect: 'allow', actions: ['publish'], topicFilter: 'a/#', source: 'the test' };
const RULES = { kind: 'rules', rules: [RULE] };
const withRule = (change: object): object => ({ kind: 'rules', rules: [RULE, { ...RULE, ...change }] });

function problemOf(check: () => unknown): string {
  try {
    check();
  } catch (error) {
    return (error as Error).message;
  }
  return 'none';
}

describe('permissions', () => {
  const WRONG: readonly (readonly [answer: unknown, problem: string])[] = [
    [undefined, 'its answer is undefined, expected { kind: "allow-all" } or { kind: "rules", rules: [...] }'],
    [[RULE], 'its answer is a list, expected { kind: "allow-all" } or { kind: "rules", rules: [...] }'],
    [{ kind: 'ALLOW-ALL' }, 'kind is "ALLOW-ALL", expected "allow-all" or "rules"'],
    [{ kind: 'allow-all', defaultEffect: 'deny' }, 'defaultEffect is "deny", expected only kind'],
    [{ kind: 'rules' }, 'rules is undefined, expected a list of rules'],
    [
      { ...RULES, defaultEffect: 'Deny' },
      'defaultEffect is "Deny", expected "allow" or "deny", or none to leave it to the next authorizer',
    ],
    [{ ...RULES, otherwise: 'deny' }, 'otherwise is "deny", expected only kind, rules, defaultEffect'],
    [
      { kind: 'rules', rules: [RULE, , RULE] },
      'rules[1] is undefined, expected a rule: { effect, actions, topicFilter, source }',
    ],
    [withRule({ effect: true }), 'rules[1].effect is true, expected "allow" or "deny"'],
    [
      withRule({ actions: 'publish' }),
      'rules[1].actions is "publish", expected a list of "publish", "subscribe" or "receive"',
    ],
    [withRule({ actions: ['write'] }), 'rules[1].actions is "write", expected "publish", "subscribe" or "receive"'],
    [withRule({ topicFilter: 7 }), 'rules[1].topicFilter is 7, expected a topic filter'],
    [
      withRule({ topicFilter: 'a/#/b' }),
      'rules[1].topicFilter is "a/#/b", expected a topic filter: # is the last level of a topic filter',
    ],
    [
      withRule({ topicFilter: 'a+/b' }),
      'rules[1].topicFilter is "a+/b", expected a topic filter: + stands alone in its level',
    ],
    [
      withRule({ topicFilter: '' }),
      'rules[1].topicFilter is "", expected a topic filter: a topic filter needs at least one character',
    ],
    [
      withRule({ topicFilter: '$share/g/a' }),
      'rules[1].topicFilter is "$share/g/a", expected the topic filter without $share/ and the name of the group',
    ],
    [withRule({ source: undefined }), 'rules[1].source is undefined, expected a string'],
    [withRule({ qos: 1 }), 'rules[1].qos is 1, expected only effect, actions, topicFilter, source'],
  ];

  test.each(WRONG)(
    'the permissions %j are refused with their field, what it is, and what was expected',
    (answer, problem) => {
      expect(problemOf(() => requirePermissions(answer))).toBe(problem);
      const ofCredentials = problem.startsWith('its answer')
        ? problem.replace('its answer', 'permissions')
        : `permissions.${problem}`;
      if (answer !== undefined)
        expect(problemOf(() => requireAnswer({ decision: 'allow', permissions: answer }))).toBe(ofCredentials);
    },
  );

  test('a long value is shown in part', () => {
    const problem = problemOf(() => requirePermissions(withRule({ topicFilter: `#${'x'.repeat(70_000)}` })));
    expect(problem.length).toBeLessThan(200);
  });

  test('permissions that were checked do not change when the adapter changes its object', () => {
    const given = { kind: 'rules', rules: [{ ...RULE }] };
    const checked = requirePermissions(given);
    given.rules[0] = { ...RULE, topicFilter: 'a/#/b' };
    given.rules.push({ ...RULE, topicFilter: '#' });
    expect(checked).toEqual(RULES);
    expect(requirePermissions(given)).toBe(checked);
    expect(requirePermissions(checked)).toBe(checked);
  });
});

describe('an answer', () => {
  test('an answer that the port knows is taken as it is', () => {
    for (const answer of [
      { decision: 'abstain' },
      { decision: 'deny', reason: 'bad-credentials', detail: 'no' },
      { decision: 'allow' },
      { decision: 'allow', userName: 'a', expiresAtMs: 1, permissions: ALLOW_ALL },
      { decision: 'allow', userName: undefined, expiresAtMs: undefined, permissions: RULES },
    ])
      expect(requireAnswer(answer)).toEqual(answer);
  });

  test.each([
    [{ decision: 'Allow' }, 'decision is "Allow", expected "allow", "deny" or "abstain"'],
    [{ decision: 'abstain', why: 1 }, 'why is 1, expected only decision'],
    [{ decision: 'deny', reason: 'no', detail: '' }, 'reason is "no", expected "bad-credentials" or "not-authorized"'],
    [{ decision: 'deny', reason: 'not-authorized' }, 'detail is undefined, expected a string'],
    [{ decision: 'allow', userName: 7 }, 'userName is 7, expected a string, or none'],
    [{ decision: 'allow', userName: null }, 'userName is null, expected a string, or none'],
    [{ decision: 'allow', expiresAtMs: NaN }, 'expiresAtMs is NaN, expected milliseconds since 1970, or none'],
    [{ decision: 'allow', expiresAtMs: '1' }, 'expiresAtMs is "1", expected milliseconds since 1970, or none'],
    [{ decision: 'allow', expiresAt: 1 }, 'expiresAt is 1, expected only decision, permissions, userName, expiresAtMs'],
  ])('the answer %j is refused with its field, what it is, and what was expected', (answer, problem) => {
    expect(problemOf(() => requireAnswer(answer))).toBe(problem);
  });
});

describe('a broker with an adapter whose answers are wrong', () => {
  /** CONNECT of MQTT 3.1.1, clean session, client identifier `a`; then PUBLISH of nothing to `a`, QoS 0. */
  const BYTES = Uint8Array.from([0x10, 13, 0, 4, ...Buffer.from('MQTT'), 4, 2, 0, 60, 0, 1, 0x61, 0x30, 3, 0, 1, 0x61]);
  const CANNOT_SAY = '20020003';

  async function refusalBy(parts: {
    readonly authenticators?: readonly Authenticator[];
    readonly authorizers?: readonly Authorizer[];
  }): Promise<{ answers: string[]; details: unknown[] }> {
    const network = new MemoryNetwork();
    const events: (BrokerEvent | LifecycleEvent)[] = [];
    const telemetry = [{ emit: (event: BrokerEvent | LifecycleEvent) => events.push(event) }];
    const broker = createBroker({ storage: { adapter: 'memory' } }, { ...parts, listeners: [network], telemetry });
    await broker.start();
    const answers: string[] = [];
    for (let i = 0; i < 2; i++) {
      const client = network.connect();
      client.write(BYTES);
      await client.closed;
      answers.push(Buffer.concat(client.received).toString('hex'));
    }
    await broker.stop();
    expect(events.map(({ kind }) => kind)).not.toContain('fatal');
    return { answers, details: events.flatMap((event) => (event.kind === 'connection-refused' ? [event.detail] : [])) };
  }

  const authorizing = (answer: unknown): Authorizer => ({ name: 'theirs', authorize: () => answer as Permissions });

  test('a client whose authorizer answers with an unknown effect is refused, and the broker goes on', async () => {
    const { answers, details } = await refusalBy({ authorizers: [authorizing({ ...RULES, defaultEffect: 'Deny' })] });
    expect(answers).toEqual([CANNOT_SAY, CANNOT_SAY]);
    expect(details[0]).toMatch(/^theirs: defaultEffect is "Deny", expected "allow" or "deny"/);
  });

  test('a client whose authorizer answers with a filter that is none is refused, and the broker goes on', async () => {
    const answer = Promise.resolve(withRule({ topicFilter: 'a/#/b' }));
    const { answers, details } = await refusalBy({ authorizers: [authorizing(answer)] });
    expect(answers).toEqual([CANNOT_SAY, CANNOT_SAY]);
    expect(details[0]).toMatch(/^theirs: rules\[1\]\.topicFilter is "a\/#\/b", expected a topic filter/);
  });

  test('a client whose authenticator grants permissions that are none is refused, and the broker goes on', async () => {
    const authenticate = () => ({ decision: 'allow', permissions: { kind: 'rules' } }) as never;
    const { answers, details } = await refusalBy({ authenticators: [{ name: 'theirs', authenticate }] });
    expect(answers).toEqual([CANNOT_SAY, CANNOT_SAY]);
    expect(details[0]).toBe('theirs: permissions.rules is undefined, expected a list of rules');
  });

  test('a client whose adapter answers with a broken promise is refused, and the broker goes on', async () => {
    const broken = {
      then: () => {
        throw new Error('no promise');
      },
    };
    const authenticators = [{ name: 'theirs', authenticate: () => broken as never }];
    expect(await refusalBy({ authenticators })).toMatchObject({
      details: ['theirs: no promise', 'theirs: no promise'],
    });
    expect(await refusalBy({ authorizers: [authorizing(broken)] })).toMatchObject({
      details: ['theirs: no promise', 'theirs: no promise'],
    });
  });
});
