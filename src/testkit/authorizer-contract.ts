// The contract of the authorizer port as tests, for any adapter and any test runner: one test for each law. Which
// client may do what is up to the adapter; the kit checks the shape of its answers, that names which clients choose
// cannot widen a rule, and its lifecycle.
import type { AccessRule, AuthorizationRequest, Authorizer, ClientId, Permissions } from '../ports/index.js';
import { permissionsProblems } from './auth-answers.js';
import { askOnlyIf, reportTo, testOf, thenDisposed } from './asking.js';
import type { NotAskedReport, TestBody } from './asking.js';
import { ContractViolation, differences, ensure, report, show } from './compare.js';

/** What the adapter's author provides, newly created for each test. */
export interface AuthorizerUnderTest {
  readonly authorizer: Authorizer;
  /**
   * Changes the source of the rules: `other rules` gives `sample` different permissions, `wrong` makes the source
   * invalid, so that a reload has to fail. Required if the authorizer has `reload` or its rules live elsewhere.
   */
  readonly rewrite?: (how: 'other rules' | 'wrong') => Promise<void>;
  /**
   * Set it if the authorizer queries a service or a database for each request and cannot tell when the rules there
   * change: it then has no `watch`. Default: false.
   */
  readonly rulesLiveElsewhere?: boolean;
  /** Removes what `create` made. The authorizer has been stopped. */
  dispose(): Promise<void>;
}

/** What the contract needs to test an authorizer. */
export interface AuthorizerContractOptions {
  /** The name of the adapter in the report. */
  readonly name: string;
  readonly factory: { create(): Promise<AuthorizerUnderTest> };
  /** A client that the authorizer has rules for, if possible rules that contain the names of the client. */
  readonly sample: { readonly clientId: string; readonly userName?: string | undefined };
  /** The functions of the test runner: `describe` calls its body synchronously, `test` awaits it. */
  readonly describe: (name: string, body: () => void) => void;
  readonly test: (name: string, body: TestBody) => void;
  /** Told of each law that was not asked. Default: a line on standard error. */
  readonly notAsked?: NotAskedReport;
}

type Names = AuthorizerContractOptions['sample'];

/** Names that clients may choose and that have a meaning in a topic filter, a pattern or a query. */
const UNUSUAL_NAMES = [
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

const NO_REWRITE = 'the authorizer has no `reload`, and its rules do not live elsewhere';

const WILDCARD = /[+#]/;

/** Declares the contract's tests. */
export function authorizerContract(options: AuthorizerContractOptions): void {
  const {
    name,
    factory,
    sample,
    describe,
    test,
    notAsked = reportTo(`authorizer contract: ${options.name}`),
  } = options;
  const law = (text: string, body: (subject: AuthorizerUnderTest) => Promise<void>): void => {
    const ask = async (): Promise<void> => {
      const subject = await factory.create();
      const dispose = (): Promise<void> =>
        thenDisposed(
          () => subject.dispose(),
          async () => subject.authorizer.stop?.(),
        );
      await thenDisposed(dispose, () => body(subject));
    };
    test(text, testOf(text, notAsked, ask));
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
  law('the sample has at least one rule, or may do everything', async ({ authorizer }) => {
    const permissions = await ask(authorizer, sample);
    const isSomething =
      permissionsProblems(permissions).length > 0 || permissions.kind === 'allow-all' || permissions.rules.length > 0;
    ensure(isSomething, `expected rules for ${show(sample)}, got none: the other laws would check nothing`);
  });

  law(
    'an answer is allow-all, or rules with an effect, actions, a topic filter and a source',
    async ({ authorizer }) => {
      for (const names of [sample, { clientId: 'unknown' }])
        report(`the answer about ${show(names)}`, permissionsProblems(await ask(authorizer, names)));
    },
  );

  law('the same request gets the same answer twice', async ({ authorizer }) => {
    const [first, second] = [await ask(authorizer, sample), await ask(authorizer, sample)];
    report('the same request twice', differences(first, second));
  });

  law('concurrent requests get their own answers', async ({ authorizer }) => {
    const all = [sample, { clientId: 'one' }, { clientId: 'two', userName: 'unknown' }];
    const alone: Permissions[] = [];
    for (const names of all) alone.push(await ask(authorizer, names));
    report(
      'three concurrent requests',
      differences(alone, await Promise.all(all.map((names) => ask(authorizer, names)))),
    );
  });

  law('the request is not modified', async ({ authorizer }) => {
    const request = requestOf(sample);
    const before = JSON.stringify(request);
    await answerOf(authorizer, request);
    ensure(JSON.stringify(request) === before, 'expected the request to be unchanged');
  });
}

function nameLaws(law: Law, sample: Names): void {
  law('unusual names do not make it throw, and every answer has a valid shape', async ({ authorizer }) => {
    const problems: string[] = [];
    for (const names of unusualNames(sample)) {
      try {
        problems.push(
          ...permissionsProblems(await ask(authorizer, names)).map((problem) => `${show(names)}: ${problem}`),
        );
      } catch (error) {
        // A rejection refuses the client, which is allowed here. A thrown error is not.
        if (error instanceof ThrownSynchronously) problems.push(`${show(names)}: ${error.message}`);
      }
    }
    report('unusual names', problems);
  });

  law('a name cannot bring a wildcard into an allowing rule', async ({ authorizer }) => {
    const written = filtersOf(await ask(authorizer, { clientId: 'plain', userName: 'plain' })).concat(
      filtersOf(await ask(authorizer, sample)),
    );
    const problems: string[] = [];
    for (const names of unusualNames(sample)) {
      for (const { effect, topicFilter, source } of await rulesOrNone(authorizer, names)) {
        if (effect === 'deny') continue;
        const isWider =
          [names.clientId, names.userName ?? ''].some((name) => WILDCARD.test(name) && topicFilter.includes(name)) &&
          !written.includes(topicFilter);
        if (isWider) problems.push(`${show(names)} turns ${source} into ${show(topicFilter)}`);
      }
    }
    report('a name with a wildcard was inserted into a rule', problems);
  });

  law('a name cannot bring a level or a leading $ into an allowing rule', async ({ authorizer }) => {
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
            problems.push(`${show(names)} turns ${source} into ${show(topicFilter)}`);
        }
      }
    }
    report('a name with a slash or a $ was inserted into a rule', problems);
  });
}

function lifeLaws(law: Law, sample: Names): void {
  law('a reload that finds other rules notifies every listener once they are in force', async (subject) => {
    const { authorizer } = subject;
    const rewrite = rewriterOf(subject);
    askOnlyIf(rewrite !== undefined, NO_REWRITE);
    askOnlyIf(subject.rulesLiveElsewhere !== true, 'the rules live elsewhere');
    const before = await ask(authorizer, sample);
    const notified: Promise<Permissions>[] = [];
    for (let i = 0; i < 2; i++) authorizer.watch?.(() => notified.push(ask(authorizer, sample)));
    await rewrite('other rules');
    await authorizer.reload?.();
    const after = await ask(authorizer, sample);
    ensure(
      differences(before, after).length > 0,
      'expected other permissions for the sample after a reload of other rules, got the same',
    );
    ensure(notified.length >= 2, `expected both listeners to be notified, ${notified.length} were`);
    report('the rules in force when a listener is notified', differences(after, await notified[0]));
  });

  law('rules that live elsewhere are in force after a reload, or at once without one', async (subject) => {
    const { authorizer } = subject;
    const rewrite = rewriterOf(subject);
    askOnlyIf(rewrite !== undefined, NO_REWRITE);
    askOnlyIf(subject.rulesLiveElsewhere === true, 'the rules do not live elsewhere');
    const before = await ask(authorizer, sample);
    await rewrite('other rules');
    await authorizer.reload?.();
    ensure(
      differences(before, await ask(authorizer, sample)).length > 0,
      'expected other permissions for the sample, got the earlier ones',
    );
  });

  law('a reload that finds the same rules notifies no listener', async (subject) => {
    const { authorizer } = subject;
    askOnlyIf(rewriterOf(subject) !== undefined, NO_REWRITE);
    let notified = 0;
    authorizer.watch?.(() => notified++);
    await authorizer.reload?.();
    ensure(notified === 0, 'expected no notification of a reload that changed nothing');
  });

  law('a reload that fails is rejected with the reason, changes nothing and notifies no listener', async (subject) => {
    const { authorizer } = subject;
    const rewrite = rewriterOf(subject);
    askOnlyIf(rewrite !== undefined, NO_REWRITE);
    askOnlyIf(authorizer.reload !== undefined, 'the authorizer has no `reload`');
    const before = await ask(authorizer, sample);
    let notified = 0;
    authorizer.watch?.(() => notified++);
    await rewrite('wrong');
    let failure: unknown;
    await authorizer.reload().catch((error: unknown) => (failure = error));
    ensure(
      failure instanceof Error && failure.message.trim() !== '',
      `expected a rejection with an Error that says what is wrong, got ${show(failure)}`,
    );
    report('permissions after a reload that failed', differences(before, await ask(authorizer, sample)));
    ensure(notified === 0, 'expected no notification of a reload that failed');
  });

  law('stop succeeds, also a second time', async ({ authorizer }) => {
    await ask(authorizer, sample);
    await authorizer.stop?.();
  });
}

/** `undefined` if the rules never change. */
function rewriterOf({
  authorizer,
  rewrite,
  rulesLiveElsewhere = false,
}: AuthorizerUnderTest): AuthorizerUnderTest['rewrite'] {
  if (authorizer.reload === undefined && !rulesLiveElsewhere) return undefined;
  ensure(
    rewrite !== undefined,
    'the authorizer has reload, or rulesLiveElsewhere: expected rewrite too, to test the laws about changes',
  );
  if (rulesLiveElsewhere)
    ensure(
      authorizer.watch === undefined,
      'expected no watch with rulesLiveElsewhere, which means that the authorizer cannot tell when rules change',
    );
  else
    ensure(
      authorizer.watch !== undefined,
      'expected watch beside reload, or rulesLiveElsewhere: the broker would not know when to ask again',
    );
  return rewrite;
}

class ThrownSynchronously extends ContractViolation {}

async function ask(authorizer: Authorizer, names: Names): Promise<Permissions> {
  return answerOf(authorizer, requestOf(names));
}

async function answerOf(authorizer: Authorizer, request: AuthorizationRequest): Promise<Permissions> {
  let answer: Permissions | Promise<Permissions>;
  try {
    answer = authorizer.authorize(request);
  } catch (error) {
    throw new ThrownSynchronously(`expected an answer or a rejection, it threw ${String(error)}`);
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

/** The number of levels, and whether a leading wildcard could match the filter. */
const shapeOf = (topicFilter: string): string =>
  `${topicFilter.startsWith('$') ? '$' : ''}${topicFilter.split('/').length}`;

const unusualNames = ({ clientId, userName }: Names): Names[] =>
  UNUSUAL_NAMES.flatMap((name) => [
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

function valueOf(shapes: Map<string, Set<string>>, source: string): Set<string> {
  let found = shapes.get(source);
  if (found === undefined) shapes.set(source, (found = new Set()));
  return found;
}
