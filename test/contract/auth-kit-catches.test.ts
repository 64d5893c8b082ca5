// Tests of the contract kit: authenticators with one defect each, and the laws that have to fail because of it.
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

/** The source of the authenticator; a change takes effect at the next reload. */
interface Source {
  password: string | undefined;
}

/** A correct authenticator, the base of the defective ones. */
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
    if (context?.signal.aborted === true) throw new Error('cancelled');
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

/** Runs the whole kit on an authenticator and returns the errors of the tests that fail, by name. */
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
    wrong: 'allows every client',
    Broken: judging(() => ALLOW),
    caughtBy: ['wrong credentials are denied', 'an unknown client', 'unusual passwords', 'concurrent requests'],
  },
  {
    wrong: 'denies every client',
    Broken: judging(() => deny()),
    caughtBy: ['good credentials are allowed, and', 'good credentials are allowed every time'],
  },
  {
    wrong: 'denies unknown clients although it declares to abstain',
    Broken: judging((userName, password, right) => (userName === 'alice' && password === right ? ALLOW : deny())),
    caughtBy: ['an unknown client gets the declared answer'],
    says: 'must be abstained from',
  },
  {
    wrong: 'compares only the beginning of a password',
    Broken: judging((userName, password, right) =>
      userName !== 'alice'
        ? { decision: 'abstain' }
        : password !== '' && (right.startsWith(password) || password.startsWith(right))
          ? ALLOW
          : deny(),
    ),
    caughtBy: ['a prefix or an extension of the right password'],
  },
  {
    wrong: 'accepts the empty password',
    Broken: judging((userName, password, right) =>
      userName !== 'alice' ? { decision: 'abstain' } : password === right || password === '' ? ALLOW : deny(),
    ),
    caughtBy: ['unusual passwords'],
  },
  {
    wrong: 'answers with a boolean',
    Broken: judging(() => true),
    caughtBy: ['good credentials are allowed, and', 'a client without credentials'],
    says: 'expected allow, deny or abstain, got true',
  },
  {
    wrong: 'answers with undefined',
    Broken: judging(() => undefined),
    caughtBy: ['a client without credentials'],
    says: 'expected allow, deny or abstain, got nothing',
  },
  {
    wrong: 'gives a reason of its own',
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
    wrong: 'denies without a detail',
    Broken: judging((userName, password, right) =>
      userName !== 'alice' ? { decision: 'abstain' } : password === right ? ALLOW : deny(''),
    ),
    caughtBy: ['wrong credentials are denied'],
    says: 'detail: expected the reason',
  },
  {
    wrong: 'puts the password into the detail',
    Broken: judging((userName, password, right) =>
      userName !== 'alice' ? { decision: 'abstain' } : password === right ? ALLOW : deny(`${password} is wrong`),
    ),
    caughtBy: ['the detail of a refusal does not contain the password'],
  },
  {
    wrong: 'lets credentials expire at NaN',
    Broken: judging((userName, password, right) =>
      userName !== 'alice' ? { decision: 'abstain' } : password === right ? { ...ALLOW, expiresAtMs: NaN } : deny(),
    ),
    caughtBy: ['good credentials are allowed, and'],
    says: 'expiresAtMs: expected milliseconds since 1970',
  },
  {
    wrong: 'grants malformed rules',
    Broken: judging((userName, password, right) =>
      userName !== 'alice'
        ? { decision: 'abstain' }
        : password === right
          ? { ...ALLOW, permissions: { kind: 'rules', rules: [{ allow: '#' }] } }
          : deny(),
    ),
    caughtBy: ['good credentials are allowed, and'],
    says: 'permissions: rules[0]',
  },
  {
    wrong: 'names another user',
    Broken: judging((userName, password, right) =>
      userName !== 'alice' ? { decision: 'abstain' } : password === right ? { ...ALLOW, userName: 'root' } : deny(),
    ),
    caughtBy: ['good credentials are allowed, and the answer names the user'],
  },
  {
    wrong: 'throws for some user names',
    Broken: class Throws extends Sound {
      override authenticate(request: AuthenticationRequest): Promise<AuthenticatorAnswer> {
        if (request.userName?.includes(':') === true) throw new Error('no such name');
        return super.authenticate(request);
      }
    },
    caughtBy: ['unusual user names get an answer'],
    says: 'it threw Error: no such name',
  },
  {
    wrong: 'fails for passwords that are not UTF-8',
    Broken: class Decodes extends Sound {
      override async authenticate(request: AuthenticationRequest): Promise<AuthenticatorAnswer> {
        new TextDecoder('utf-8', { fatal: true }).decode(request.password);
        return super.authenticate(request);
      }
    },
    caughtBy: ['unusual passwords get an answer'],
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
    caughtBy: ['a client without credentials', 'unusual passwords'],
  },
  {
    wrong: 'mixes up concurrent requests',
    Broken: class Mixes extends Sound {
      #last = '';

      override async authenticate({ userName, password }: AuthenticationRequest): Promise<AuthenticatorAnswer> {
        this.#last = textOf(password);
        await Promise.resolve();
        return this.judge(userName, this.#last);
      }
    },
    caughtBy: ['concurrent requests get their own answers'],
  },
  {
    wrong: 'keeps a reference to a password',
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
    caughtBy: ['its password is not needed after the answer'],
  },
  {
    wrong: 'overwrites the password',
    Broken: class Wipes extends Sound {
      override async authenticate(request: AuthenticationRequest): Promise<AuthenticatorAnswer> {
        const answer = await super.authenticate(request);
        request.password?.fill(0);
        return answer;
      }
    },
    caughtBy: ['the request is not modified'],
  },
  {
    wrong: 'fails for good after a cancelled request',
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
    caughtBy: ['cancelled requests do not keep others'],
  },
  {
    wrong: 'forgets its users when a reload fails',
    Broken: class Forgets extends Sound {
      override async reload(): Promise<void> {
        this.password = this.source.password ?? '';
        await super.reload();
      }
    },
    caughtBy: ['a reload that fails is rejected with the reason'],
  },
  {
    wrong: 'hides that a reload failed',
    Broken: class Quiet extends Sound {
      override reload(): Promise<void> {
        return super.reload().catch(() => undefined);
      }
    },
    caughtBy: ['a reload that fails is rejected with the reason'],
  },
  {
    wrong: 'denies clients during a reload',
    Broken: class Blocks extends Sound {
      override async reload(): Promise<void> {
        const { password } = this;
        this.password = '\0';
        await new Promise((resolve) => setImmediate(resolve));
        this.password = password;
        await super.reload();
      }
    },
    caughtBy: ['requests during a reload'],
  },
  {
    wrong: 'cannot be stopped',
    Broken: class Open extends Sound {
      override stop(): Promise<void> {
        return Promise.reject(new Error('busy'));
      }
    },
    caughtBy: ['stop succeeds'],
  },
];

describe('the authenticator contract', () => {
  test('the authenticator contract passes for a correct authenticator', async () => {
    expect([...(await failures(Sound)).entries()]).toEqual([]);
  });

  test.each(CASES)('the authenticator contract fails for one that $wrong', async ({ Broken, caughtBy, says }) => {
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
