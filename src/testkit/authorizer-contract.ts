// The contract of the authorizer port as tests, for any adapter and under any test runner. A law of the port is one test. Who may do what is the
// adapter's own affair: the kit looks at the shape of its answers, at what may not depend on names that clients choose, and at its life.
import type { AccessRule, AuthorizationRequest, Authorizer, ClientId, Permissions } from '../ports/index.js';
import { topicFilterProblem } from '../ports/index.js';
import { ContractViolation, differences, ensure, report, show } from './compare.js';

/** What the author of an adapter gives to the kit, one for each test. */
export interface AuthorizerUnderTest {
  readonly authorizer: Authorizer;
  /**
   * Makes what the authorizer reads say something else for `sample`, or makes what it reads at a reload wrong. Needed where the authorizer has `reload`,
   * and where its rules live elsewhere.
   */
  readonly rewrite?: (how: 'other rules' | 'wrong') => Promise<void>;
  /** It asks somebody else each time (a service, a database), and cannot tell when the rules there change: it has no `watch`. Default false. */
  readonly rulesLiveElsewhere?: boolean;
  /** Whatever is left is taken away. */
  dispose(): Promise<void>;
}

export interface AuthorizerContractOptions {
  /** Names the adapter in the report. */
  readonly name: string;
  readonly factory: { create(): Promise<AuthorizerUnderTest> };
  /** A client that the authorizer has rules for; where it has rules with the names of the client in them, one of those. */
  readonly sample: { readonly clientId: string; readonly userName?: string | undefined };
  readonly describe: (name: string, body: () => void) => void;
  readonly test: (name: string, body: () => Promise<void>) => void;
}

type Names = AuthorizerContractOptions['sample'];

/** Names that clients may choose, and that mean something in a topic filter, in a pattern or in a query. */
const AWKWARD = [
  '+',
  '#',
  'a/b',
  '/',
  '+/#',
  '$SYS',
  '%c',
  '%u',
  '',
  ' ',
  '*',
  '.*',
  '__proto__',
  'constructor',
  '"',
  "'",
  '\\',
  '${x}',
  '{{x}}',
  'ä',
  '\u{1f600}',
  'x'.repeat(16_000),
];

const WILDCARD = /[+#]/;

/** Declares the contract's tests. */
export function authorizerContract({ name, factory, sample, describe, test }: AuthorizerContractOptions): void {
  const law = (text: string, body: (subject: AuthorizerUnderTest) => Promise<void>): void => {
    test(text, async () => {
      const subject = await factory.create();
      try {
        await body(subject);
      } finally {
        await subject.authorizer.stop?.();
        await subject.dispose();
      }
    });
  };

  describe(`authorizer contract: ${name}`, () => {
    describe('answers', () => {
      answerLaws(law, sample);
    });
    describe('names', () => {
      nameLaws(law, sample);
    });
    describe('life', () => {
      lifeLaws(law, sample);
    });
  });
}

type Law = (text: string, body: (subject: AuthorizerUnderTest) => Promise<void>) => void;

function answerLaws(law: Law, sample: Names): void {
  law('the sample has at least one rule, or everything', async ({ authorizer }) => {
    const permissions = await ask(authorizer, sample);
    const isSomething =
      shapeProblems(permissions).length > 0 || permissions.kind === 'allow-all' || permissions.rules.length > 0;
    ensure(isSomething, `expected rules for ${show(sample)}, got none: the other laws would have nothing to look at`);
  });

  law(
    'an answer is everything, or rules with an effect, actions, a topic filter and a source',
    async ({ authorizer }) => {
      for (const names of [sample, { clientId: 'somebody nobody knows' }])
        report(`the answer about ${show(names)}`, shapeProblems(await ask(authorizer, names)));
    },
  );

  law('the same question has the same answer', async ({ authorizer }) => {
    const [first, second] = [await ask(authorizer, sample), await ask(authorizer, sample)];
    report('the same question asked twice', differences(first, second));
  });

  law('questions that are asked at the same time do not get each other’s answers', async ({ authorizer }) => {
    const all = [sample, { clientId: 'one' }, { clientId: 'two', userName: 'somebody nobody knows' }];
    const alone: Permissions[] = [];
    for (const names of all) alone.push(await ask(authorizer, names));
    report(
      'three questions at once',
      differences(alone, await Promise.all(all.map((names) => ask(authorizer, names)))),
    );
  });

  law('nothing that is asked about is kept and changed', async ({ authorizer }) => {
    const request = requestOf(sample);
    const before = JSON.stringify(request);
    await answerOf(authorizer, request);
    ensure(JSON.stringify(request) === before, 'expected the request as it was given, got it changed');
  });
}

function nameLaws(law: Law, sample: Names): void {
  law('no name makes it throw, and every answer has its shape', async ({ authorizer }) => {
    const problems: string[] = [];
    for (const names of awkward(sample)) {
      try {
        problems.push(...shapeProblems(await ask(authorizer, names)).map((problem) => `${show(names)}: ${problem}`));
      } catch (error) {
        // A refusal by rejection is an answer; a throw is none, and `ask` has told it.
        if (error instanceof ThrownAtOnce) problems.push(`${show(names)}: ${error.message}`);
      }
    }
    report('awkward names', problems);
  });

  law('no name brings a wildcard into a rule that allows something', async ({ authorizer }) => {
    const written = filtersOf(await ask(authorizer, { clientId: 'plain', userName: 'plain' })).concat(
      filtersOf(await ask(authorizer, sample)),
    );
    const problems: string[] = [];
    for (const names of awkward(sample)) {
      for (const { effect, topicFilter, source } of await rulesOrNone(authorizer, names)) {
        if (effect === 'deny') continue;
        const isWider =
          [names.clientId, names.userName ?? ''].some((name) => WILDCARD.test(name) && topicFilter.includes(name)) &&
          !written.includes(topicFilter);
        if (isWider) problems.push(`${show(names)} has ${source} say ${show(topicFilter)}`);
      }
    }
    report('a name with a wildcard in it was put into a rule', problems);
  });

  law('no name brings a level, or a $ in front, into a rule that allows something', async ({ authorizer }) => {
    const written = new Map<string, Set<string>>();
    for (const names of [sample, { clientId: 'plain', userName: 'plain' }]) {
      for (const { source, topicFilter } of await rulesOrNone(authorizer, names))
        valueOf(written, source).add(shapeOf(topicFilter));
    }
    const problems: string[] = [];
    for (const name of ['a/b', '/', '$SYS']) {
      for (const names of [
        { clientId: name, userName: sample.userName },
        { clientId: sample.clientId, userName: name },
      ]) {
        for (const { effect, topicFilter, source } of await rulesOrNone(authorizer, names)) {
          const shapes = written.get(source);
          if (effect === 'allow' && shapes?.has(shapeOf(topicFilter)) === false)
            problems.push(`${show(names)} has ${source} say ${show(topicFilter)}`);
        }
      }
    }
    report('a name with a slash or a $ in it was put into a rule', problems);
  });
}

function lifeLaws(law: Law, sample: Names): void {
  law('a reload that finds something else says so to all who watch, after it is in force', async (subject) => {
    const { authorizer } = subject;
    const rewrite = rewriterOf(subject);
    if (rewrite === undefined || subject.rulesLiveElsewhere === true) return;
    const before = await ask(authorizer, sample);
    const told: Promise<Permissions>[] = [];
    for (let i = 0; i < 2; i++) authorizer.watch?.(() => told.push(ask(authorizer, sample)));
    await rewrite('other rules');
    await authorizer.reload?.();
    const after = await ask(authorizer, sample);
    ensure(
      differences(before, after).length > 0,
      'expected other permissions for the sample after a reload of other rules, got the same',
    );
    ensure(told.length >= 2, `expected both who watch to be told, ${told.length} were`);
    report('what is in force when it is told', differences(after, await told[0]));
  });

  law(
    'other rules that live elsewhere are in force after a reload, or at once where there is none',
    async (subject) => {
      const { authorizer } = subject;
      const rewrite = rewriterOf(subject);
      if (rewrite === undefined || subject.rulesLiveElsewhere !== true) return;
      const before = await ask(authorizer, sample);
      await rewrite('other rules');
      await authorizer.reload?.();
      ensure(
        differences(before, await ask(authorizer, sample)).length > 0,
        'expected other permissions for the sample, got those from before',
      );
    },
  );

  law('a reload that finds the same tells nobody', async (subject) => {
    const { authorizer } = subject;
    if (rewriterOf(subject) === undefined) return;
    let told = 0;
    authorizer.watch?.(() => told++);
    await authorizer.reload?.();
    ensure(told === 0, 'expected nobody to be told of a reload that changed nothing');
  });

  law('a reload that fails says what is wrong, changes nothing and tells nobody', async (subject) => {
    const { authorizer } = subject;
    const rewrite = rewriterOf(subject);
    if (rewrite === undefined || authorizer.reload === undefined) return;
    const before = await ask(authorizer, sample);
    let told = 0;
    authorizer.watch?.(() => told++);
    await rewrite('wrong');
    let failure: unknown;
    await authorizer.reload().catch((error: unknown) => (failure = error));
    ensure(
      failure instanceof Error && failure.message.trim() !== '',
      `expected a rejection with an Error that says what is wrong, got ${show(failure)}`,
    );
    report('after a reload that failed', differences(before, await ask(authorizer, sample)));
    ensure(told === 0, 'expected nobody to be told of a reload that failed');
  });

  law('it closes, and a second time as well', async ({ authorizer }) => {
    await ask(authorizer, sample);
    await authorizer.stop?.();
  });
}

/** `undefined`: what it reads does not change. */
function rewriterOf({
  authorizer,
  rewrite,
  rulesLiveElsewhere = false,
}: AuthorizerUnderTest): AuthorizerUnderTest['rewrite'] {
  if (authorizer.reload === undefined && !rulesLiveElsewhere) return undefined;
  ensure(
    rewrite !== undefined,
    'the authorizer has reload, or rules that live elsewhere: expected rewrite from its author, to ask for its laws',
  );
  if (rulesLiveElsewhere)
    ensure(
      authorizer.watch === undefined,
      'expected no watch where rules live elsewhere: whoever has one can tell when they change',
    );
  else
    ensure(
      authorizer.watch !== undefined,
      'expected watch where there is reload, or rulesLiveElsewhere from its author: nobody would know when to ask anew',
    );
  return rewrite;
}

class ThrownAtOnce extends ContractViolation {}

async function ask(authorizer: Authorizer, names: Names): Promise<Permissions> {
  return answerOf(authorizer, requestOf(names));
}

async function answerOf(authorizer: Authorizer, request: AuthorizationRequest): Promise<Permissions> {
  let answer: Permissions | Promise<Permissions>;
  try {
    answer = authorizer.authorize(request);
  } catch (error) {
    throw new ThrownAtOnce(`expected an answer or a rejection, it threw ${String(error)}`);
  }
  return answer;
}

async function rulesOrNone(authorizer: Authorizer, names: Names): Promise<readonly AccessRule[]> {
  try {
    const permissions = await ask(authorizer, names);
    return permissions.kind === 'rules' ? permissions.rules : [];
  } catch {
    return [];
  }
}

const filtersOf = (permissions: Permissions): string[] =>
  permissions.kind === 'rules' ? permissions.rules.map(({ topicFilter }) => topicFilter) : [];

/** How many levels, and whether a wildcard in front could match it. */
const shapeOf = (topicFilter: string): string =>
  `${topicFilter.startsWith('$') ? '$' : ''}${topicFilter.split('/').length}`;

const awkward = ({ clientId, userName }: Names): Names[] =>
  AWKWARD.flatMap((name) => [
    { clientId: name, userName },
    { clientId, userName: name },
    { clientId: name, userName: name },
  ]);

const requestOf = ({ clientId, userName }: Names): AuthorizationRequest => ({
  clientId: clientId as ClientId,
  userName,
  protocolVersion: 4,
  listener: 'contract',
  peer: { remoteAddress: '127.0.0.1:51234', ipAddress: '127.0.0.1' },
  permissions: undefined,
});

function shapeProblems(permissions: unknown): string[] {
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
  const { effect, actions, topicFilter, source } = (rule ?? {}) as {
    effect?: unknown;
    actions?: unknown;
    topicFilter?: unknown;
    source?: unknown;
  };
  const problems: string[] = [];
  if (effect !== 'allow' && effect !== 'deny')
    problems.push(`${path}.effect: expected allow or deny, got ${show(effect)}`);
  if (!Array.isArray(actions) || actions.length === 0 || actions.some((action) => !ACTIONS.includes(action))) {
    problems.push(`${path}.actions: expected some of publish, subscribe and receive, got ${show(actions)}`);
  }
  if (typeof topicFilter !== 'string')
    problems.push(`${path}.topicFilter: expected a topic filter, got ${show(topicFilter)}`);
  else {
    const problem = topicFilterProblem(topicFilter);
    if (problem !== undefined) problems.push(`${path}.topicFilter: ${show(topicFilter)}: ${problem}`);
    if (topicFilter.startsWith('$share/'))
      problems.push(
        `${path}.topicFilter: ${show(topicFilter)}: expected the filter alone, shared subscriptions are judged by it`,
      );
  }
  if (typeof source !== 'string' || source.trim() === '')
    problems.push(`${path}.source: expected where the rule is written, got ${show(source)}`);
  return problems;
}

function valueOf(shapes: Map<string, Set<string>>, source: string): Set<string> {
  let found = shapes.get(source);
  if (found === undefined) shapes.set(source, (found = new Set()));
  return found;
}
