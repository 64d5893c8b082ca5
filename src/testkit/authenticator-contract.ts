// The contract of the authenticator port as tests, for any adapter and under any test runner: each law is one test. What the author says of its
// credentials decides what is asked; how they are checked, and how long that takes, is not looked at.
import type {
  AccessRule,
  RequestContext,
  AuthenticationRequest,
  Authenticator,
  AuthenticatorAnswer,
  ClientId,
  Permissions,
} from '../ports/index.js';
import { ContractViolation, differences, ensure, report, show } from './compare.js';

/** What a client shows, of a CONNECT as any other. */
export type Credentials = Partial<AuthenticationRequest>;

/** What the author of an adapter gives to the kit, one for each test. */
export interface AuthenticatorUnderTest {
  readonly authenticator: Authenticator;
  /** A client that is let in. */
  readonly good: Credentials;
  /** Who the good one turns out to be; by default its User Name. */
  readonly userName?: string;
  /** The same client, and not the right password (token, certificate); left out where nothing can be wrong. */
  readonly wrong?: Credentials;
  /** A client that the adapter does not know, and what it says then; left out where it knows everyone. */
  readonly unknown?: Credentials & { readonly answer: 'deny' | 'abstain' };
  /** Spoils what the adapter reads, so that `reload` has to fail. Needed if it has `reload`. */
  readonly spoil?: () => Promise<void> | void;
  /** Whatever is left is taken away; it has been closed. */
  dispose(): Promise<void>;
}

export interface AuthenticatorFactory {
  create(): Promise<AuthenticatorUnderTest>;
}

export interface AuthenticatorContractOptions {
  /** Names the adapter in the report. */
  readonly name: string;
  readonly factory: AuthenticatorFactory;
  /** Of your test runner: any that groups tests by calling the body at once, and awaits what a test returns. */
  readonly describe: (name: string, body: () => void) => void;
  readonly test: (name: string, body: () => Promise<void>) => void;
}

/** No answer is expected to take this long: it is what a law says instead of hanging. */
const PATIENCE_MS = 20_000;
const QUESTIONS_AT_ONCE = 30;
const LONGEST_BYTES = 65_535;

const EVERY_BYTE = Uint8Array.from({ length: 256 }, (_, byte) => byte);

/** What no client means and any may send. A User Name is UTF-8 without U+0000, for the protocol sees to that; a password is any bytes. */
const AWKWARD_NAMES = [
  '',
  ' ',
  '\n',
  'a:b',
  '#',
  '+',
  '$SYS',
  '../../etc/passwd',
  "' OR 1=1 --",
  '__proto__',
  'constructor',
  '\u{feff}',
  '\u{1f600}',
  'n'.repeat(LONGEST_BYTES),
];
const AWKWARD_PASSWORDS: readonly Uint8Array[] = [
  new Uint8Array(),
  Uint8Array.of(0),
  Uint8Array.of(0xc3, 0x28),
  EVERY_BYTE,
  new Uint8Array(LONGEST_BYTES),
  new Uint8Array(LONGEST_BYTES).fill(0xff),
];

type Law = (text: string, body: (under: AuthenticatorUnderTest) => Promise<void>) => void;

/** Declares the contract's tests. */
export function authenticatorContract({ name, factory, describe, test }: AuthenticatorContractOptions): void {
  /** A test with an authenticator of its own. */
  const law: Law = (text, body) => {
    test(text, async () => {
      const under = await factory.create();
      try {
        await body(under);
      } finally {
        await closed(under.authenticator).catch(() => undefined);
        await under.dispose();
      }
    });
  };
  describe(`authenticator contract: ${name}`, () => {
    answerLaws(law);
    awkwardLaws(law);
    concurrencyLaws(law);
    lifeLaws(law);
  });
}

function answerLaws(law: Law): void {
  law('good credentials are allowed, and it says whose they are', async ({ authenticator, good, userName }) => {
    const answer = await ask(authenticator, good);
    ensure(answer.decision === 'allow', `good credentials must be allowed, got ${show(answer)}`);
    report(
      'who it turns out to be',
      differences(userName ?? good.userName, answer.userName ?? good.userName, 'userName'),
    );
  });

  law('good credentials are allowed each time', async ({ authenticator, good }) => {
    for (let i = 0; i < 3; i++)
      await expectDecision(authenticator, good, 'allow', `good credentials, time ${String(i + 1)}`);
  });

  law('wrong credentials are denied, before and after good ones', async ({ authenticator, good, wrong }) => {
    if (wrong === undefined) return;
    await expectDecision(authenticator, wrong, 'deny', 'wrong credentials');
    await expectDecision(authenticator, good, 'allow', 'good credentials');
    await expectDecision(authenticator, wrong, 'deny', 'wrong credentials after good ones');
  });

  law('who is unknown gets the answer that is declared', async ({ authenticator, unknown }) => {
    if (unknown !== undefined) await expectDecision(authenticator, unknown, unknown.answer, 'an unknown client');
  });

  law('a refusal does not say the password', async ({ authenticator, wrong, unknown }) => {
    const password = 'open-sesame-4711';
    for (const credentials of [wrong, unknown]) {
      if (credentials?.password === undefined) continue;
      const answer = await ask(authenticator, { ...credentials, password: bytesOf(password) });
      ensure(
        !JSON.stringify(answer).includes(password),
        `the detail of a refusal is logged and must not have the password in it, got ${show(answer)}`,
      );
    }
  });

  law(
    'the question is left as it was, and its bytes are not needed after the answer',
    async ({ authenticator, good, wrong }) => {
      for (const [credentials, decision] of [
        [good, 'allow'],
        [wrong, 'deny'],
        [good, 'allow'],
      ] as const) {
        if (credentials === undefined) continue;
        const request = requestOf(credentials);
        const before = { ...request, password: request.password?.slice() };
        const answer = await askThis(authenticator, request);
        report('the question was changed', differences(before, request));
        ensure(answer.decision === decision, `expected ${decision}, got ${show(answer)}`);
        request.password?.fill(0xee);
      }
    },
  );
}

function awkwardLaws(law: Law): void {
  law('who shows nothing at all gets an answer', async ({ authenticator }) => {
    await ask(authenticator, {});
  });

  law('awkward user names get an answer', async ({ authenticator, good, wrong }) => {
    for (const userName of AWKWARD_NAMES)
      await notAllowedWrongly(
        authenticator,
        { ...good, userName, password: wrong?.password },
        wrong,
        `the user name ${show(userName)}`,
      );
  });

  law('awkward passwords get an answer', async ({ authenticator, good, wrong }) => {
    for (const password of [undefined, ...AWKWARD_PASSWORDS]) {
      if (wrong?.password === undefined) await ask(authenticator, { ...good, password });
      else await notAllowedWrongly(authenticator, { ...good, password }, wrong, `the password ${show(password)}`);
    }
  });

  law(
    'a password that begins like the right one, or goes on after it, is wrong',
    async ({ authenticator, good, wrong }) => {
      if (wrong?.password === undefined || good.password === undefined) return;
      const { password } = good;
      for (const other of [password.subarray(0, -1), Uint8Array.of(...password, 0), Uint8Array.of(0, ...password)]) {
        await expectDecision(
          authenticator,
          { ...good, password: other },
          'deny',
          `the password ${show(other)} instead of ${show(password)}`,
        );
      }
    },
  );
}

function concurrencyLaws(law: Law): void {
  law('questions asked at once get their own answers', async ({ authenticator, good, wrong, unknown }) => {
    const kinds = [
      [good, 'allow'],
      [wrong, 'deny'],
      [unknown, unknown?.answer],
    ] as const;
    const asked = Array.from(
      { length: QUESTIONS_AT_ONCE },
      (_, i) => kinds[i % kinds.length] as (typeof kinds)[number],
    ).filter(([credentials]) => credentials !== undefined);
    const answers = await Promise.all(asked.map(([credentials]) => ask(authenticator, credentials ?? {})));
    const expected = asked.map(([, decision]) => decision);
    report(
      'answers to questions asked at once',
      differences(
        expected,
        answers.map(({ decision }) => decision),
        'answer',
      ),
    );
  });

  law(
    'a question that nobody waits for any more keeps nobody from getting an answer',
    async ({ authenticator, good, wrong }) => {
      const asking = Array.from({ length: QUESTIONS_AT_ONCE }, () => new AbortController());
      const left = asking.map((one) => settled(question(authenticator, requestOf(wrong ?? good), one)));
      const waiting = ask(authenticator, good);
      for (const one of asking) one.abort();
      ensure(
        (await waiting).decision === 'allow',
        'good credentials must be allowed while other questions are given up',
      );
      await inTime(Promise.all(left), 'questions that were given up to come to an end');
      await expectDecision(authenticator, good, 'allow', 'good credentials after questions that were given up');
      const late = new AbortController();
      late.abort();
      await inTime(
        settled(question(authenticator, requestOf(good), late)),
        'a question that was given up before it was asked',
      );
    },
  );
}

function lifeLaws(law: Law): void {
  law('what is read again is what is asked', async ({ authenticator, good, wrong }) => {
    if (authenticator.reload === undefined) return;
    await inTime(authenticator.reload(), 'reload');
    await expectDecision(authenticator, good, 'allow', 'good credentials after a reload');
    if (wrong !== undefined) await expectDecision(authenticator, wrong, 'deny', 'wrong credentials after a reload');
  });

  law('a reload that fails says why and changes nothing', async ({ authenticator, good, wrong, spoil }) => {
    if (authenticator.reload === undefined) return;
    ensure(
      spoil !== undefined,
      'an authenticator with reload is tested with something to read that is spoilt: give `spoil`',
    );
    await spoil();
    const error = await inTime(
      authenticator.reload().then(
        () => undefined,
        (reason: unknown) => reason,
      ),
      'reload',
    );
    ensure(
      error instanceof Error && error.message !== '',
      `a reload of what cannot be read must be rejected with an Error that says why, got ${show(String(error))}`,
    );
    await expectDecision(authenticator, good, 'allow', 'good credentials after a reload that failed');
    if (wrong !== undefined)
      await expectDecision(authenticator, wrong, 'deny', 'wrong credentials after a reload that failed');
  });

  law('questions asked while it reloads get their answers', async ({ authenticator, good }) => {
    if (authenticator.reload === undefined) return;
    const before = ask(authenticator, good);
    const reloading = authenticator.reload();
    const during = ask(authenticator, good);
    await inTime(reloading, 'reload');
    for (const { decision } of await Promise.all([before, during]))
      ensure(decision === 'allow', `good credentials must be allowed during a reload, got ${decision}`);
  });

  law('it closes, with questions under way as well, and each comes to an end', async ({ authenticator, good }) => {
    const left = Array.from({ length: QUESTIONS_AT_ONCE }, () => settled(question(authenticator, requestOf(good))));
    await closed(authenticator);
    await inTime(Promise.all(left), 'questions under way at the close to come to an end');
  });
}

/** A CONNECT with these credentials. */
function requestOf(credentials: Credentials): AuthenticationRequest {
  const { password, ...others } = credentials;
  const request = {
    clientId: 'contract' as ClientId,
    protocolVersion: 4,
    userName: undefined,
    listener: 'contract',
    peer: { remoteAddress: '127.0.0.1:50000', ipAddress: '127.0.0.1' },
    ...others,
  } as const;
  return { ...request, password: password === undefined ? undefined : viewOf(password) };
}

/** As it comes from the network: in the middle of a chunk. */
function viewOf(password: Uint8Array): Uint8Array {
  const chunk = new Uint8Array(password.length + 32).fill(0x61);
  chunk.set(password, 16);
  return chunk.subarray(16, 16 + password.length);
}

function ask(authenticator: Authenticator, credentials: Credentials): Promise<AuthenticatorAnswer> {
  return askThis(authenticator, requestOf(credentials));
}

/** The answer, which must have come without an exception, in time, and in shape. */
async function askThis(authenticator: Authenticator, request: AuthenticationRequest): Promise<AuthenticatorAnswer> {
  // As long as nobody has changed it.
  const who = `the user name ${show(request.userName)} and the password ${show(request.password)}`;
  let answer: AuthenticatorAnswer;
  try {
    answer = await inTime(question(authenticator, request), 'an answer');
  } catch (error) {
    if (error instanceof ContractViolation) throw error;
    throw new ContractViolation(`a question about ${who} must be answered, but was rejected with ${String(error)}`, {
      cause: error,
    });
  }
  report(`the answer about ${who}`, shapeProblems(answer));
  return answer;
}

function question(
  authenticator: Authenticator,
  request: AuthenticationRequest,
  context?: RequestContext,
): Promise<AuthenticatorAnswer> {
  let given: AuthenticatorAnswer | Promise<AuthenticatorAnswer>;
  try {
    given = authenticator.authenticate(request, context);
  } catch (error) {
    throw new ContractViolation(
      `authenticate must answer or return a promise that is rejected; it threw ${String(error)}`,
      { cause: error },
    );
  }
  return Promise.resolve(given);
}

async function expectDecision(
  authenticator: Authenticator,
  credentials: Credentials,
  decision: AuthenticatorAnswer['decision'],
  what: string,
): Promise<void> {
  const answer = await ask(authenticator, credentials);
  const expected = { allow: 'allowed', deny: 'denied', abstain: 'abstained from' }[decision];
  ensure(answer.decision === decision, `${what} must be ${expected}, got ${show(answer)}`);
}

/** Whoever checks something lets nobody in by accident. */
async function notAllowedWrongly(
  authenticator: Authenticator,
  credentials: Credentials,
  wrong: Credentials | undefined,
  what: string,
): Promise<void> {
  const answer = await ask(authenticator, credentials);
  ensure(wrong?.password === undefined || answer.decision !== 'allow', `${what} must not be allowed`);
}

function shapeProblems(answer: AuthenticatorAnswer): string[] {
  const problems: string[] = [];
  switch (answer?.decision) {
    case 'allow': {
      const { userName, expiresAtMs, permissions } = answer;
      if (userName !== undefined && typeof userName !== 'string')
        problems.push(`userName: expected text, got ${show(userName)}`);
      if (expiresAtMs !== undefined && !Number.isFinite(expiresAtMs))
        problems.push(`expiresAtMs: expected milliseconds since 1970, got ${show(expiresAtMs)}`);
      if (permissions !== undefined) problems.push(...permissionProblems(permissions));
      return problems;
    }
    case 'deny':
      if (!['bad-credentials', 'not-authorized'].includes(answer.reason))
        problems.push(`reason: expected bad-credentials or not-authorized, got ${show(answer.reason)}`);
      if (typeof answer.detail !== 'string' || answer.detail === '')
        problems.push(`detail: expected why, for the log, got ${show(answer.detail)}`);
      return problems;
    case 'abstain':
      return problems;
    case undefined:
  }
  return [`decision: expected allow, deny or abstain, got ${show(answer)}`];
}

function permissionProblems(permissions: Permissions): string[] {
  if (permissions.kind === 'allow-all') return [];
  if (permissions.kind !== 'rules' || !Array.isArray(permissions.rules))
    return [`permissions: expected everything or rules, got ${show(permissions)}`];
  return (permissions.rules as readonly AccessRule[]).flatMap((rule, i) => {
    const isRule =
      ['allow', 'deny'].includes(rule.effect) && Array.isArray(rule.actions) && typeof rule.topicFilter === 'string';
    return isRule
      ? []
      : [`permissions.rules[${String(i)}]: expected an effect, actions and a topicFilter, got ${show(rule)}`];
  });
}

async function closed(authenticator: Authenticator): Promise<void> {
  if (authenticator.stop !== undefined) await inTime(authenticator.stop(), 'stop');
}

const settled = (promise: Promise<unknown>): Promise<void> =>
  promise.then(
    () => undefined,
    () => undefined,
  );

function inTime<T>(promise: Promise<T>, what: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new ContractViolation(`waited ${String(PATIENCE_MS / 1000)} s in vain for ${what}`));
    }, PATIENCE_MS);
    promise.then(resolve, reject).finally(() => {
      clearTimeout(timer);
    });
  });
}

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
