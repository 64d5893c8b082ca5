// The contract of the authenticator port as tests, for any adapter and any test runner: one test for each law. The
// credentials that the adapter's author declares are the ones that the laws use; how they are checked is up to the
// adapter.
import type {
  RequestContext,
  AuthenticationRequest,
  Authenticator,
  AuthenticatorAnswer,
  ClientId,
} from '../ports/index.js';
import { answerProblems } from './auth-answers.js';
import { askOnlyIf, reportTo, testOf, thenDisposed } from './asking.js';
import type { NotAskedReport, TestBody } from './asking.js';
import { ContractViolation, differences, ensure, report, show } from './compare.js';

/** The parts of a CONNECT, and of the connection, that identify a client. The kit fills in the rest. */
export type Credentials = Partial<AuthenticationRequest>;

/** What the adapter's author provides, newly created for each test. */
export interface AuthenticatorUnderTest {
  readonly authenticator: Authenticator;
  /** Credentials that are allowed. */
  readonly good: Credentials;
  /** The user that good credentials belong to. Default: their User Name. */
  readonly userName?: string;
  /** The same client with a wrong password, token or certificate. Left out if there is no such thing. */
  readonly wrong?: Credentials;
  /** A client that the adapter does not know, and the decision about it. Left out if it knows every client. */
  readonly unknown?: Credentials & { readonly answer: 'deny' | 'abstain' };
  /** Makes the adapter's source invalid, so that `reload` has to fail. Required if it has `reload`. */
  readonly spoil?: () => Promise<void> | void;
  /** Removes what `create` made. The authenticator has been stopped. */
  dispose(): Promise<void>;
}

/** Creates an authenticator for each test. */
export interface AuthenticatorFactory {
  create(): Promise<AuthenticatorUnderTest>;
}

/** What the contract needs to test an authenticator. */
export interface AuthenticatorContractOptions {
  /** The name of the adapter in the report. */
  readonly name: string;
  readonly factory: AuthenticatorFactory;
  /** The functions of the test runner: `describe` calls its body synchronously, `test` awaits it. */
  readonly describe: (name: string, body: () => void) => void;
  readonly test: (name: string, body: TestBody) => void;
  /** Told of each law that was not asked. Default: a line on standard error. */
  readonly notAsked?: NotAskedReport;
}

const NO_WRONG = 'the factory provides no `wrong`: there are no wrong credentials';
const NO_RELOAD = 'the authenticator has no `reload`';

/** A law fails after this time instead of hanging. */
const TIMEOUT_MS = 20_000;
const CONCURRENT_REQUESTS = 30;
const STRING_BYTES_MAX = 65_535;

const EVERY_BYTE = Uint8Array.from({ length: 256 }, (_, byte) => byte);

/** Anything that CONNECT can carry: a User Name is UTF-8 without U+0000 [MQTT-1.5.3-2], a password is any bytes. */
const UNUSUAL_NAMES = [
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
  'n'.repeat(STRING_BYTES_MAX),
];
const UNUSUAL_PASSWORDS: readonly Uint8Array[] = [
  new Uint8Array(),
  Uint8Array.of(0),
  Uint8Array.of(0xc3, 0x28),
  EVERY_BYTE,
  new Uint8Array(STRING_BYTES_MAX),
  new Uint8Array(STRING_BYTES_MAX).fill(0xff),
];

type Law = (text: string, body: (under: AuthenticatorUnderTest) => Promise<void>) => void;

/** Declares the contract's tests. */
export function authenticatorContract(options: AuthenticatorContractOptions): void {
  const { name, factory, describe, test, notAsked = reportTo(`authenticator contract: ${options.name}`) } = options;
  /** Declares a test with an authenticator of its own. */
  const law: Law = (text, body) => {
    const ask = async (): Promise<void> => {
      const under = await factory.create();
      const dispose = async (): Promise<void> => {
        await stop(under.authenticator).catch(() => undefined);
        await under.dispose();
      };
      await thenDisposed(dispose, () => body(under));
    };
    test(text, testOf(text, notAsked, ask));
  };
  describe(`authenticator contract: ${name}`, () => {
    answerLaws(law);
    robustnessLaws(law);
    concurrencyLaws(law);
    lifecycleLaws(law);
  });
}

function answerLaws(law: Law): void {
  law('good credentials are allowed, and the answer names the user', async ({ authenticator, good, userName }) => {
    const answer = await ask(authenticator, good);
    ensure(answer.decision === 'allow', `good credentials must be allowed, got ${show(answer)}`);
    report(
      'the user in the answer',
      differences(userName ?? good.userName, answer.userName ?? good.userName, 'userName'),
    );
  });

  law('good credentials are allowed every time', async ({ authenticator, good }) => {
    for (let i = 0; i < 3; i++)
      await expectDecision(authenticator, good, 'allow', `good credentials, time ${String(i + 1)}`);
  });

  law('wrong credentials are denied, before and after good ones', async ({ authenticator, good, wrong }) => {
    askOnlyIf(wrong !== undefined, NO_WRONG);
    await expectDecision(authenticator, wrong, 'deny', 'wrong credentials');
    await expectDecision(authenticator, good, 'allow', 'good credentials');
    await expectDecision(authenticator, wrong, 'deny', 'wrong credentials after good ones');
  });

  law('an unknown client gets the declared answer', async ({ authenticator, unknown }) => {
    askOnlyIf(unknown !== undefined, 'the factory provides no `unknown`: the adapter knows every client');
    await expectDecision(authenticator, unknown, unknown.answer, 'an unknown client');
  });

  law('the detail of a refusal does not contain the password', async ({ authenticator, wrong, unknown }) => {
    const password = 'open-sesame-4711';
    for (const credentials of [wrong, unknown]) {
      if (credentials?.password === undefined) continue;
      const answer = await ask(authenticator, { ...credentials, password: bytesOf(password) });
      ensure(
        !JSON.stringify(answer).includes(password),
        `the detail of a refusal is logged and must not contain the password, got ${show(answer)}`,
      );
    }
  });

  law(
    'the request is not modified, and its password is not needed after the answer',
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
        report('the request was modified', differences(before, request));
        ensure(answer.decision === decision, `expected ${decision}, got ${show(answer)}`);
        request.password?.fill(0xee);
      }
    },
  );
}

function robustnessLaws(law: Law): void {
  law('a client without credentials gets an answer', async ({ authenticator }) => {
    await ask(authenticator, {});
  });

  law('unusual user names get an answer', async ({ authenticator, good, wrong }) => {
    for (const userName of UNUSUAL_NAMES)
      await notAllowedWrongly(
        authenticator,
        { ...good, userName, password: wrong?.password },
        wrong,
        `the user name ${show(userName)}`,
      );
  });

  law('unusual passwords get an answer', async ({ authenticator, good, wrong }) => {
    for (const password of [undefined, ...UNUSUAL_PASSWORDS]) {
      if (wrong?.password === undefined) await ask(authenticator, { ...good, password });
      else await notAllowedWrongly(authenticator, { ...good, password }, wrong, `the password ${show(password)}`);
    }
  });

  law('a prefix or an extension of the right password is denied', async ({ authenticator, good, wrong }) => {
    askOnlyIf(wrong?.password !== undefined && good.password !== undefined, 'the credentials have no password');
    const { password } = good;
    for (const other of [password.subarray(0, -1), Uint8Array.of(...password, 0), Uint8Array.of(0, ...password)]) {
      await expectDecision(
        authenticator,
        { ...good, password: other },
        'deny',
        `the password ${show(other)} instead of ${show(password)}`,
      );
    }
  });
}

function concurrencyLaws(law: Law): void {
  law('concurrent requests get their own answers', async ({ authenticator, good, wrong, unknown }) => {
    const kinds = [
      [good, 'allow'],
      [wrong, 'deny'],
      [unknown, unknown?.answer],
    ] as const;
    const asked = Array.from(
      { length: CONCURRENT_REQUESTS },
      (_, i) => kinds[i % kinds.length] as (typeof kinds)[number],
    ).filter(([credentials]) => credentials !== undefined);
    const answers = await Promise.all(asked.map(([credentials]) => ask(authenticator, credentials ?? {})));
    const expected = asked.map(([, decision]) => decision);
    report(
      'answers to concurrent requests',
      differences(
        expected,
        answers.map(({ decision }) => decision),
        'answer',
      ),
    );
  });

  law('cancelled requests do not keep others from being answered', async ({ authenticator, good, wrong }) => {
    const clients = Array.from({ length: CONCURRENT_REQUESTS }, () => new AbortController());
    const cancelled = clients.map((one) => settled(authenticate(authenticator, requestOf(wrong ?? good), one)));
    const waiting = ask(authenticator, good);
    for (const one of clients) one.abort();
    ensure((await waiting).decision === 'allow', 'good credentials must be allowed while other requests are cancelled');
    await inTime(Promise.all(cancelled), 'cancelled requests to settle');
    await expectDecision(authenticator, good, 'allow', 'good credentials after cancelled requests');
    const late = new AbortController();
    late.abort();
    await inTime(
      settled(authenticate(authenticator, requestOf(good), late)),
      'a request that was cancelled before it began to settle',
    );
  });
}

function lifecycleLaws(law: Law): void {
  law('a reload of an unchanged source changes no answer', async ({ authenticator, good, wrong }) => {
    askOnlyIf(authenticator.reload !== undefined, NO_RELOAD);
    await inTime(authenticator.reload(), 'reload');
    await expectDecision(authenticator, good, 'allow', 'good credentials after a reload');
    if (wrong !== undefined) await expectDecision(authenticator, wrong, 'deny', 'wrong credentials after a reload');
  });

  law(
    'a reload that fails is rejected with the reason and changes no answer',
    async ({ authenticator, good, wrong, spoil }) => {
      askOnlyIf(authenticator.reload !== undefined, NO_RELOAD);
      ensure(spoil !== undefined, 'the authenticator has reload: expected spoil too, to test a reload that fails');
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
        `a reload of an invalid source must be rejected with an Error that says why, got ${show(String(error))}`,
      );
      await expectDecision(authenticator, good, 'allow', 'good credentials after a reload that failed');
      if (wrong !== undefined)
        await expectDecision(authenticator, wrong, 'deny', 'wrong credentials after a reload that failed');
    },
  );

  law('requests during a reload are answered', async ({ authenticator, good }) => {
    askOnlyIf(authenticator.reload !== undefined, NO_RELOAD);
    const before = ask(authenticator, good);
    const reloading = authenticator.reload();
    const during = ask(authenticator, good);
    await inTime(reloading, 'reload');
    for (const { decision } of await Promise.all([before, during]))
      ensure(decision === 'allow', `good credentials must be allowed during a reload, got ${decision}`);
  });

  law('stop succeeds with requests under way, and each of them settles', async ({ authenticator, good }) => {
    const pending = Array.from({ length: CONCURRENT_REQUESTS }, () =>
      settled(authenticate(authenticator, requestOf(good))),
    );
    await stop(authenticator);
    await inTime(Promise.all(pending), 'requests under way to settle');
  });
}

/** A request with these credentials, as the broker makes it. */
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

/** A view in the middle of a larger buffer, as the network delivers it. */
function viewOf(password: Uint8Array): Uint8Array {
  const chunk = new Uint8Array(password.length + 32).fill(0x61);
  chunk.set(password, 16);
  return chunk.subarray(16, 16 + password.length);
}

function ask(authenticator: Authenticator, credentials: Credentials): Promise<AuthenticatorAnswer> {
  return askThis(authenticator, requestOf(credentials));
}

/** The answer, which has to arrive without an exception, in time and with a valid shape. */
async function askThis(authenticator: Authenticator, request: AuthenticationRequest): Promise<AuthenticatorAnswer> {
  // Before the adapter can modify the request.
  const who = `the user name ${show(request.userName)} and the password ${show(request.password)}`;
  let answer: AuthenticatorAnswer;
  try {
    answer = await inTime(authenticate(authenticator, request), 'an answer');
  } catch (error) {
    if (error instanceof ContractViolation) throw error;
    throw new ContractViolation(`a request with ${who} must be answered, but was rejected with ${String(error)}`, {
      cause: error,
    });
  }
  report(`the answer to ${who}`, answerProblems(answer));
  return answer;
}

function authenticate(
  authenticator: Authenticator,
  request: AuthenticationRequest,
  context?: RequestContext,
): Promise<AuthenticatorAnswer> {
  let answer: AuthenticatorAnswer | Promise<AuthenticatorAnswer>;
  try {
    answer = authenticator.authenticate(request, context);
  } catch (error) {
    throw new ContractViolation(`authenticate must return an answer or a promise; it threw ${String(error)}`, {
      cause: error,
    });
  }
  return Promise.resolve(answer);
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

/** An adapter that checks passwords must not allow unusual credentials. */
async function notAllowedWrongly(
  authenticator: Authenticator,
  credentials: Credentials,
  wrong: Credentials | undefined,
  what: string,
): Promise<void> {
  const answer = await ask(authenticator, credentials);
  ensure(wrong?.password === undefined || answer.decision !== 'allow', `${what} must not be allowed`);
}

async function stop(authenticator: Authenticator): Promise<void> {
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
      reject(new ContractViolation(`waited ${String(TIMEOUT_MS / 1000)} s for ${what}`));
    }, TIMEOUT_MS);
    promise.then(resolve, reject).finally(() => {
      clearTimeout(timer);
    });
  });
}

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
