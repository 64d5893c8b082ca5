// Tests of the contract kit: authorizers with one defect each, and the laws that have to fail because of it.
import { describe, expect, test } from '@jest/globals';
import type { AccessRule, AuthorizationRequest, Authorizer, Permissions, TopicFilter } from 'hexmq/ports';
import { ContractViolation, authorizerContract } from 'hexmq/testkit';
import type { AuthorizerUnderTest } from 'hexmq/testkit';

const rule = (topicFilter: string, more: Partial<AccessRule> = {}): AccessRule => ({
  effect: 'allow',
  actions: ['publish'],
  topicFilter: topicFilter as TopicFilter,
  source: 'rule 1',
  ...more,
});

/** A correct authorizer, the base of the defective ones: one rule for a user, one for a client, both changeable. */
class Sound implements Authorizer {
  readonly name = 'sound';
  rules = 'users/%u';
  written = 'users/%u';
  readonly watchers: (() => void)[] = [];

  authorize({ clientId, userName }: AuthorizationRequest): Permissions | Promise<Permissions> {
    const rules =
      userName !== undefined && this.isPlain(userName) ? [rule(this.rules.replace('%u', () => userName))] : [];
    return {
      kind: 'rules',
      rules: this.isPlain(clientId) ? [...rules, rule(`inbox/${clientId}`, { source: 'rule 2' })] : rules,
    };
  }

  isPlain(name: string): boolean {
    return name !== '' && !/[+#/$]/.test(name);
  }

  reload(): Promise<void> {
    if (this.written === 'wrong') return Promise.reject(new Error('it is wrong'));
    if (this.written === this.rules) return Promise.resolve();
    this.rules = this.written;
    for (const changed of this.watchers) changed();
    return Promise.resolve();
  }

  watch(changed: () => void): void {
    this.watchers.push(changed);
  }

  stop(): Promise<void> {
    return Promise.resolve();
  }
}

const subjectOf = (authorizer: Sound): AuthorizerUnderTest => ({
  authorizer,
  rewrite: (how) => {
    authorizer.written = how === 'wrong' ? 'wrong' : 'others/%u';
    return Promise.resolve();
  },
  dispose: () => Promise.resolve(),
});

/** The names of the laws that fail. */
async function broken(
  make: () => Sound,
  under: (authorizer: Sound) => AuthorizerUnderTest = subjectOf,
): Promise<string[]> {
  const laws: { text: string; body: () => Promise<void> }[] = [];
  authorizerContract({
    name: 'broken',
    describe: (_, body) => {
      body();
    },
    test: (text, body) => void laws.push({ text, body }),
    sample: { clientId: 'meter', userName: 'ann' },
    factory: { create: () => Promise.resolve(under(make())) },
  });
  const found: string[] = [];
  for (const { text, body } of laws) {
    try {
      await body();
    } catch (error) {
      if (!(error instanceof ContractViolation)) throw error;
      found.push(text);
    }
  }
  return found;
}

const answering = (answer: (request: AuthorizationRequest, sound: Permissions) => unknown) =>
  class extends Sound {
    override authorize(request: AuthorizationRequest): Permissions {
      return answer(request, super.authorize(request) as Permissions) as Permissions;
    }
  };

const withRule = (bad: unknown) => answering(() => ({ kind: 'rules', rules: [bad] }));

describe('the authorizer contract', () => {
  test('the authorizer contract passes for correct authorizers, synchronous or not', async () => {
    expect(await broken(() => new Sound())).toEqual([]);
    class Later extends Sound {
      override async authorize(request: AuthorizationRequest): Promise<Permissions> {
        await Promise.resolve();
        return super.authorize(request);
      }
    }
    expect(await broken(() => new Later())).toEqual([]);
  });

  test.each<[string, RegExp, new () => Sound]>([
    ['answers with an empty object', /^an answer is/, answering(() => ({}))],
    ['has no rules', /^the sample has/, answering(() => ({ kind: 'rules', rules: [] }))],
    [
      'has rules without a source',
      /^an answer is/,
      withRule({ effect: 'allow', actions: ['publish'], topicFilter: 'a' }),
    ],
    ['has rules with an effect of its own', /^an answer is/, withRule(rule('a', { effect: 'maybe' as 'allow' }))],
    ['has rules without actions', /^an answer is/, withRule(rule('a', { actions: [] }))],
    ['has rules with other actions', /^an answer is/, withRule(rule('a', { actions: ['read' as 'receive'] }))],
    ['has invalid topic filters', /^an answer is/, withRule(rule('a/#/b'))],
    ['has shared subscriptions as topic filters', /^an answer is/, withRule(rule('$share/g/a'))],
    ['has a default effect of its own', /^an answer is/, answering((_, sound) => ({ ...sound, defaultEffect: 'no' }))],
    [
      'throws',
      /^unusual names do not make it throw/,
      answering(({ clientId }, sound) => {
        if (clientId === '') throw new Error('no');
        return sound;
      }),
    ],
    [
      'changes the request',
      /^the request is not modified/,
      answering((request, sound) => {
        (request as { listener: string }).listener = 'other';
        return sound;
      }),
    ],
  ])('the authorizer contract fails for one that %s', async (_, law, Broken) => {
    expect(await broken(() => new Broken())).toEqual(expect.arrayContaining([expect.stringMatching(law)]));
  });

  test('the authorizer contract fails for one that does not answer the same twice', async () => {
    let count = 0;
    expect(await broken(() => new (answering(() => ({ kind: 'rules', rules: [rule(`a/${count++}`)] })))())).toContain(
      'the same request gets the same answer twice',
    );
  });

  test('the authorizer contract fails for one that mixes up concurrent requests', async () => {
    class Mixed extends Sound {
      #last: AuthorizationRequest | undefined;

      override async authorize(request: AuthorizationRequest): Promise<Permissions> {
        this.#last = request;
        await Promise.resolve();
        return super.authorize(this.#last);
      }
    }
    expect(await broken(() => new Mixed())).toEqual([expect.stringMatching(/^concurrent requests/)]);
  });

  test.each<[string, RegExp, RegExp]>([
    ['a wildcard', /^a name cannot bring a wildcard/, /[/$]/],
    ['a level', /^a name cannot bring a level/, /[+#$]/],
    ['a leading $', /^a name cannot bring a level/, /[+#/]/],
  ])('the authorizer contract fails for one that lets a name bring %s into a rule', async (_, law, refused) => {
    class Credulous extends Sound {
      override rules = '%u/own';
      override written = '%u/own';

      override isPlain(name: string): boolean {
        return name !== '' && !refused.test(name);
      }
    }
    expect(await broken(() => new Credulous())).toEqual(expect.arrayContaining([expect.stringMatching(law)]));
  });

  test.each<[string, RegExp, new () => Sound]>([
    [
      'does not notify of a change',
      /finds other rules/,
      class extends Sound {
        override watch(): void {
          /* the listener is dropped */
        }
      },
    ],
    [
      'notifies one listener only',
      /finds other rules/,
      class extends Sound {
        override watch(changed: () => void): void {
          this.watchers.splice(0, 1, changed);
        }
      },
    ],
    [
      'notifies of a change before it is in force',
      /finds other rules/,
      class extends Sound {
        override reload(): Promise<void> {
          if (this.written !== 'wrong' && this.written !== this.rules) for (const changed of this.watchers) changed();
          if (this.written === 'wrong') return Promise.reject(new Error('it is wrong'));
          this.rules = this.written;
          return Promise.resolve();
        }
      },
    ],
    [
      'notifies of every reload',
      /finds the same rules/,
      class extends Sound {
        override async reload(): Promise<void> {
          await super.reload();
          for (const changed of this.watchers) changed();
        }
      },
    ],
    [
      'applies invalid rules',
      /reload that fails/,
      class extends Sound {
        override reload(): Promise<void> {
          if (this.written === 'wrong') this.rules = 'wrong';
          return super.reload();
        }
      },
    ],
    [
      'hides that a reload failed',
      /reload that fails/,
      class extends Sound {
        override reload(): Promise<void> {
          return this.written === 'wrong' ? Promise.resolve() : super.reload();
        }
      },
    ],
  ])('the authorizer contract fails for one that %s', async (_, law, Broken) => {
    expect(await broken(() => new Broken())).toEqual([expect.stringMatching(law)]);
  });

  test('the authorizer contract fails for one that cannot be stopped twice', async () => {
    class OnlyOnce extends Sound {
      #isClosed = false;

      override stop(): Promise<void> {
        if (this.#isClosed) return Promise.reject(new ContractViolation('closed already'));
        this.#isClosed = true;
        return Promise.resolve();
      }
    }
    expect(await broken(() => new OnlyOnce())).toContain('stop succeeds, also a second time');
  });

  test('the authorizer contract requires rewrite for an authorizer with reload only', async () => {
    expect(
      await broken(
        () => new Sound(),
        (authorizer) => ({ authorizer, dispose: () => Promise.resolve() }),
      ),
    ).toHaveLength(4);
    const withoutReload = (authorizer: Sound): AuthorizerUnderTest => ({
      authorizer: { name: 'fixed', authorize: (request) => authorizer.authorize(request) },
      dispose: () => Promise.resolve(),
    });
    expect(await broken(() => new Sound(), withoutReload)).toEqual([]);
  });

  describe('rules that live elsewhere', () => {
    const elsewhere =
      (more: (authorizer: Sound) => Partial<Authorizer>) =>
      (authorizer: Sound): AuthorizerUnderTest => ({
        ...subjectOf(authorizer),
        rulesLiveElsewhere: true,
        authorizer: {
          name: 'elsewhere',
          authorize: (request) => {
            if (authorizer.written !== 'wrong') authorizer.rules = authorizer.written;
            return authorizer.authorize(request);
          },
          ...more(authorizer),
        },
      });

    test('the authorizer contract passes for an authorizer that looks rules up each time, or after a reload', async () => {
      expect(
        await broken(
          () => new Sound(),
          elsewhere(() => ({})),
        ),
      ).toEqual([]);
      expect(
        await broken(
          () => new Sound(),
          elsewhere((authorizer) => ({
            authorize: (request) => authorizer.authorize(request),
            reload: () => authorizer.reload(),
          })),
        ),
      ).toEqual([]);
    });

    test('the authorizer contract fails for one that never looks the rules up again', async () => {
      expect(
        await broken(
          () => new Sound(),
          elsewhere((authorizer) => ({ authorize: (request) => authorizer.authorize(request) })),
        ),
      ).toEqual([expect.stringMatching(/^rules that live elsewhere/)]);
    });

    test('the authorizer contract fails for one with watch although its rules live elsewhere', async () => {
      expect(
        await broken(
          () => new Sound(),
          elsewhere(() => ({ watch: () => undefined })),
        ),
      ).toContainEqual(expect.stringMatching(/^rules that live elsewhere/));
    });

    test('the authorizer contract fails for one with reload and without watch or rulesLiveElsewhere', async () => {
      const silent = (authorizer: Sound): AuthorizerUnderTest => ({
        ...elsewhere(() => ({ reload: () => authorizer.reload() }))(authorizer),
        rulesLiveElsewhere: false,
      });
      expect(await broken(() => new Sound(), silent)).toContainEqual(
        expect.stringMatching(/^a reload that finds other rules/),
      );
    });
  });
});
