// Who tests the tests: authenticators that are wrong in one way each, and the laws of the contract that find them out.
import { describe, expect, test } from '@jest/globals';
import type { RequestContext, AuthenticationRequest, Authenticator, AuthenticatorAnswer } from 'hexmq/ports';
import { authenticatorContract, ContractViolation } from 'hexmq/testkit';

const ALLOW: AuthenticatorAnswer = { decision: 'allow' };
const deny = (detail = 'the test says so'): AuthenticatorAnswer => ({
  decision: 'deny',
  reason: 'bad-credentials',
  detail,
});
const textOf = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('latin1');

/** What it reads: what is written here is found at the next reload. */
interface Source {
  password: string | undefined;
}

/** An authenticator that works, for others to break. */
class Sound implements Authenticator {
  readonly name = 'sound';
  password: string;

  constructor(readonly source: Source) {
    this.password = source.password ?? '';
  }

  async authenticate(
    { userName, password }: AuthenticationRequest,
    context?: RequestContext,
  ): Promise<AuthenticatorAnswer> {
    const given = textOf(password);
    await Promise.resolve();
    if (context?.signal.aborted === true) throw new Error('nobody waits any more');
    return this.judge(userName, given);
  }

  judge(userName: string | undefined, password: string): AuthenticatorAnswer {
    if (userName !== 'alice') return { decision: 'abstain' };
    return password === this.password ? ALLOW : deny();
  }

  async reload(): Promise<void> {
    await Promise.resolve();
    if (this.source.password === undefined) throw new Error('source: there is no password, expected one');
    this.password = this.source.password;
  }

  async stop(): Promise<void> {
    await Promise.resolve();
  }
}

type SoundClass = new (source: Source) => Authenticator;

/** Runs the whole kit on an authenticator and gives the names and errors of the tests that fail. */
async function failures(Broken: SoundClass): Promise<Map<string, Error>> {
  const tests: { name: string; body: () => Promise<void> }[] = [];
  authenticatorContract({
    name: Broken.name,
    describe: (_name, body) => {
      body();
    },
    test: (name, body) => tests.push({ name, body }),
    factory: {
      create: () => {
        const source: Source = { password: 'secret' };
        return Promise.resolve({
          authenticator: new Broken(source),
          good: { userName: 'alice', password: Buffer.from('secret') },
          wrong: { userName: 'alice', password: Buffer.from('wrong') },
          unknown: { userName: 'bob', password: Buffer.from('secret'), answer: 'abstain' as const },
          spoil: () => {
            source.password = undefined;
          },
          dispose: () => Promise.resolve(),
        });
      },
    },
  });
  const failed = new Map<string, Error>();
  for (const { name, body } of tests) {
    try {
      await body();
    } catch (error) {
      failed.set(name, error as Error);
    }
  }
  return failed;
}

const judging = (judge: (userName: string | undefined, password: string, right: string) => unknown): SoundClass =>
  class extends Sound {
    override judge(userName: string | undefined, password: string): AuthenticatorAnswer {
      return judge(userName, password, this.password) as AuthenticatorAnswer;
    }
  };

const CASES: readonly { wrong: string; Broken: SoundClass; caughtBy: readonly string[]; says?: string }[] = [
  {
    wrong: 'lets everyone in',
    Broken: judging(() => ALLOW),
    caughtBy: ['wrong credentials are denied', 'who is unknown', 'awkward passwords', 'questions asked at once'],
  },
  {
    wrong: 'lets nobody in',
    Broken: judging(() => deny()),
    caughtBy: ['good credentials are allowed, and', 'good credentials are allowed each time'],
  },
  {
    wrong: 'denies who it does not know, and says that it abstains',
    Broken: judging((userName, password, right) => (userName === 'alice' && password === right ? ALLOW : deny())),
    caughtBy: ['who is unknown gets the answer that is declared'],
    says: 'must be abstained from',
  },
  {
    wrong: 'looks at the beginning of a password only',
    Broken: judging((userName, password, right) =>
      userName !== 'alice'
        ? { decision: 'abstain' }
        : password !== '' && (right.startsWith(password) || password.startsWith(right))
          ? ALLOW
          : deny(),
    ),
    caughtBy: ['a password that begins like the right one'],
  },
  {
    wrong: 'takes the empty password for any',
    Broken: judging((userName, password, right) =>
      userName !== 'alice' ? { decision: 'abstain' } : password === right || password === '' ? ALLOW : deny(),
    ),
    caughtBy: ['awkward passwords'],
  },
  {
    wrong: 'answers with something else',
    Broken: judging(() => true),
    caughtBy: ['good credentials are allowed, and', 'who shows nothing'],
    says: 'expected allow, deny or abstain, got true',
  },
  {
    wrong: 'answers with nothing',
    Broken: judging(() => undefined),
    caughtBy: ['who shows nothing'],
    says: 'expected allow, deny or abstain, got nothing',
  },
  {
    wrong: 'has a reason of its own',
    Broken: judging((userName, password, right) =>
      userName !== 'alice'
        ? { decision: 'abstain' }
        : password === right
          ? ALLOW
          : { decision: 'deny', reason: 'because', detail: 'x' },
    ),
    caughtBy: ['wrong credentials are denied'],
    says: 'reason: expected bad-credentials or not-authorized, got "because"',
  },
  {
    wrong: 'does not say why',
    Broken: judging((userName, password, right) =>
      userName !== 'alice' ? { decision: 'abstain' } : password === right ? ALLOW : deny(''),
    ),
    caughtBy: ['wrong credentials are denied'],
    says: 'detail: expected why',
  },
  {
    wrong: 'says the password in the log',
    Broken: judging((userName, password, right) =>
      userName !== 'alice' ? { decision: 'abstain' } : password === right ? ALLOW : deny(`${password} is wrong`),
    ),
    caughtBy: ['a refusal does not say the password'],
  },
  {
    wrong: 'ends what it allows at no time',
    Broken: judging((userName, password, right) =>
      userName !== 'alice' ? { decision: 'abstain' } : password === right ? { ...ALLOW, expiresAtMs: NaN } : deny(),
    ),
    caughtBy: ['good credentials are allowed, and'],
    says: 'expiresAtMs: expected milliseconds since 1970',
  },
  {
    wrong: 'gives rules that are none',
    Broken: judging((userName, password, right) =>
      userName !== 'alice'
        ? { decision: 'abstain' }
        : password === right
          ? { ...ALLOW, permissions: { kind: 'rules', rules: [{ allow: '#' }] } }
          : deny(),
    ),
    caughtBy: ['good credentials are allowed, and'],
    says: 'permissions.rules[0]',
  },
  {
    wrong: 'says that it is someone else',
    Broken: judging((userName, password, right) =>
      userName !== 'alice' ? { decision: 'abstain' } : password === right ? { ...ALLOW, userName: 'root' } : deny(),
    ),
    caughtBy: ['good credentials are allowed, and it says whose they are'],
  },
  {
    wrong: 'throws at a name that it does not understand',
    Broken: class Throws extends Sound {
      override authenticate(request: AuthenticationRequest): Promise<AuthenticatorAnswer> {
        if (request.userName?.includes(':') === true) throw new Error('no such name');
        return super.authenticate(request);
      }
    },
    caughtBy: ['awkward user names get an answer'],
    says: 'it threw Error: no such name',
  },
  {
    wrong: 'fails at bytes that are no text',
    Broken: class Decodes extends Sound {
      override async authenticate(request: AuthenticationRequest): Promise<AuthenticatorAnswer> {
        new TextDecoder('utf-8', { fatal: true }).decode(request.password);
        return super.authenticate(request);
      }
    },
    caughtBy: ['awkward passwords get an answer'],
    says: 'must be answered, but was rejected',
  },
  {
    wrong: 'fails without a password',
    Broken: class Expects extends Sound {
      override async authenticate(request: AuthenticationRequest): Promise<AuthenticatorAnswer> {
        if (request.password === undefined) throw new Error('no password');
        return super.authenticate(request);
      }
    },
    caughtBy: ['who shows nothing', 'awkward passwords'],
  },
  {
    wrong: 'mixes up questions asked at once',
    Broken: class Mixes extends Sound {
      #last = '';

      override async authenticate({ userName, password }: AuthenticationRequest): Promise<AuthenticatorAnswer> {
        this.#last = textOf(password);
        await Promise.resolve();
        return this.judge(userName, this.#last);
      }
    },
    caughtBy: ['questions asked at once get their own answers'],
  },
  {
    wrong: 'keeps the bytes of a password that it knows',
    Broken: class Keeps extends Sound {
      #known: Uint8Array | undefined;

      override async authenticate(request: AuthenticationRequest): Promise<AuthenticatorAnswer> {
        if (this.#known !== undefined && request.userName === 'alice')
          return textOf(request.password) === textOf(this.#known) ? ALLOW : deny();
        const answer = await super.authenticate(request);
        if (answer.decision === 'allow') this.#known = request.password;
        return answer;
      }
    },
    caughtBy: ['its bytes are not needed after the answer'],
  },
  {
    wrong: 'wipes what it was lent',
    Broken: class Wipes extends Sound {
      override async authenticate(request: AuthenticationRequest): Promise<AuthenticatorAnswer> {
        const answer = await super.authenticate(request);
        request.password?.fill(0);
        return answer;
      }
    },
    caughtBy: ['the question is left as it was'],
  },
  {
    wrong: 'stops at a question that was given up',
    Broken: class Stops extends Sound {
      #isStopped = false;

      override async authenticate(
        request: AuthenticationRequest,
        context?: RequestContext,
      ): Promise<AuthenticatorAnswer> {
        await Promise.resolve();
        this.#isStopped ||= context?.signal.aborted === true;
        if (this.#isStopped) throw new Error('stopped');
        return super.authenticate(request);
      }
    },
    caughtBy: ['a question that nobody waits for any more'],
  },
  {
    wrong: 'forgets what it had when it reads anew',
    Broken: class Forgets extends Sound {
      override async reload(): Promise<void> {
        this.password = this.source.password ?? '';
        await super.reload();
      }
    },
    caughtBy: ['a reload that fails says why and changes nothing'],
  },
  {
    wrong: 'says nothing of a reload that failed',
    Broken: class Quiet extends Sound {
      override reload(): Promise<void> {
        return super.reload().catch(() => undefined);
      }
    },
    caughtBy: ['a reload that fails says why and changes nothing'],
  },
  {
    wrong: 'answers nobody while it reloads',
    Broken: class Blocks extends Sound {
      override async reload(): Promise<void> {
        const { password } = this;
        this.password = '\0';
        await new Promise((resolve) => setImmediate(resolve));
        this.password = password;
        await super.reload();
      }
    },
    caughtBy: ['questions asked while it reloads'],
  },
  {
    wrong: 'cannot be closed',
    Broken: class Open extends Sound {
      override stop(): Promise<void> {
        return Promise.reject(new Error('busy'));
      }
    },
    caughtBy: ['it closes'],
  },
];

describe('the authenticator contract', () => {
  test('finds nothing wrong with an authenticator that keeps it', async () => {
    expect([...(await failures(Sound)).entries()]).toEqual([]);
  });

  test.each(CASES)('finds an authenticator that $wrong', async ({ Broken, caughtBy, says }) => {
    const found = await failures(Broken);
    const names = [...found.keys()];
    expect(caughtBy.filter((part) => !names.some((name) => name.includes(part)))).toEqual([]);
    const awaited = [...found]
      .filter(([name]) => caughtBy.some((part) => name.includes(part)))
      .map(([, error]) => error);
    expect(awaited.filter((error) => !(error instanceof ContractViolation) && error.message !== 'busy')).toEqual([]);
    if (says !== undefined) expect(awaited.map(({ message }) => message).join('\n')).toContain(says);
  });
});
