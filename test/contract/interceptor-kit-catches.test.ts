// Tests of the contract kit: interceptors with one defect each, and the laws that have to fail because of it.
import { describe, expect, test } from '@jest/globals';
import type { Interceptor } from 'hexmq/ports';
import { ContractViolation, interceptorContract, VirtualClock } from 'hexmq/testkit';
import type { InterceptorUnderTest } from 'hexmq/testkit';

interface Outcome {
  /** The laws that fail. */
  readonly broken: readonly string[];
  /** The laws that were not asked, with the reason. */
  readonly notAsked: ReadonlyMap<string, string>;
}

async function outcomeOf(interceptor: object, clock?: VirtualClock): Promise<Outcome> {
  const laws: { text: string; body: () => Promise<void> }[] = [];
  const notAsked = new Map<string, string>();
  const under: InterceptorUnderTest = { interceptor: interceptor as Interceptor, ...(clock && { clock }) };
  interceptorContract({
    name: 'subject',
    describe: (_, body) => {
      body();
    },
    test: (text, body) => void laws.push({ text, body }),
    factory: { create: () => Promise.resolve(under) },
    notAsked: (law, why) => notAsked.set(law, why),
  });
  const broken: string[] = [];
  for (const { text, body } of laws) {
    try {
      await body();
    } catch (error) {
      if (!(error instanceof ContractViolation)) throw error;
      broken.push(text);
    }
  }
  return { broken, notAsked };
}

const PASS = { decision: 'pass' } as const;

/** Puts everything below a prefix, and takes the prefix away again. */
const prefixing = {
  name: 'prefixing',
  connect: (request) => ({ decision: 'replace', with: request }),
  publish: ({ isWill: _, ...message }) => ({
    decision: 'replace',
    with: { ...message, topic: `p/${message.topic}` as typeof message.topic },
  }),
  subscribe: ({ subscriptions }) => ({
    decision: 'replace',
    with: subscriptions.map((one) =>
      one.topicFilter.startsWith('$')
        ? { reasonCode: 0x87, reason: 'no' }
        : { ...one, topicFilter: `p/${one.topicFilter}` },
    ),
  }),
  unsubscribe: ({ topicFilters }) => ({ decision: 'replace', with: topicFilters.map((filter) => `p/${filter}`) }),
  deliver: ({ topic, payload, properties }) => ({
    decision: 'replace',
    with: { topic: topic.slice(0, 1) as typeof topic, payload, properties },
  }),
} satisfies Interceptor;

describe('the interceptor contract', () => {
  test('the interceptor contract passes for one that replaces everything, at once or later', async () => {
    expect((await outcomeOf(prefixing)).broken).toEqual([]);
    const later: Interceptor = {
      ...prefixing,
      publish: async (message) => Promise.resolve(prefixing.publish(message)),
    };
    expect((await outcomeOf(later)).broken).toEqual([]);
  });

  test('laws about methods that an interceptor does not have are reported as not asked', async () => {
    const { broken, notAsked } = await outcomeOf({ name: 'x', publish: () => PASS });
    expect(broken).toEqual([]);
    expect([...new Set(notAsked.values())]).toEqual([
      'the interceptor has no `connect`',
      '`publish` answers at once',
      'the interceptor has no `subscribe`',
      'the interceptor has no `unsubscribe`',
      'the interceptor has no `deliver`',
      'the interceptor has neither method',
      'the interceptor has no `stop`',
    ]);
  });

  test.each<[string, RegExp, object]>([
    ['answers with nothing', /^every CONNECT is answered/, { connect: () => undefined }],
    [
      'denies with a code that the answer cannot have',
      /^every SUBSCRIBE is/,
      {
        subscribe: () => ({ decision: 'deny', reasonCode: 0x99, reason: 'no' }),
      },
    ],
    [
      'throws at an empty payload',
      /^every PUBLISH and every will is/,
      {
        publish: ({ payload }: { payload: Uint8Array }) => (payload[0]!.toFixed() === '' ? PASS : PASS),
      },
    ],
    ['rejects', /^every UNSUBSCRIBE is/, { unsubscribe: () => Promise.reject(new Error('no')) }],
    [
      'publishes to a filter',
      /^every PUBLISH and every will is/,
      {
        publish: ({ isWill: _, ...message }: { isWill: boolean }) => ({
          decision: 'replace',
          with: { ...message, topic: '#' },
        }),
      },
    ],
    [
      'changes what it is shown',
      /^a publish that is shown is not changed/,
      {
        publish: (message: { topic: string }) => {
          message.topic = 'other';
          return PASS;
        },
      },
    ],
    [
      'changes a payload that is delivered',
      /^a delivery that is shown is not changed/,
      {
        deliver: ({ payload }: { payload: Uint8Array }) => {
          payload[0] = 1;
          return PASS;
        },
      },
    ],
    ['delivers later', /^every delivery is answered at once/, { deliver: () => Promise.resolve(PASS) }],
    [
      'counts deliveries',
      /^a repeated delivery/,
      {
        deliver: ((count) => () => ({ decision: 'drop', reason: String(count++) }))(0),
      },
    ],
    ['forgets unsubscribe', /^a Topic Filter that subscribe replaces/, { subscribe: prefixing.subscribe }],
    ['has no name', /^it has a name/, { name: '', publish: () => PASS }],
    ['has no time', /^it has a name/, { timeoutMs: 0, publish: () => PASS }],
    ['has a fallback of its own', /^it has a name/, { onFailure: 'drop', publish: () => PASS }],
    ['has no method', /^it has a name/, {}],
  ])('the interceptor contract fails for one that %s', async (_, law, defect) => {
    const { broken } = await outcomeOf({ name: 'x', ...defect });
    expect(broken).toEqual(expect.arrayContaining([expect.stringMatching(law)]));
  });

  test('an answer that takes longer than timeoutMs fails, by the virtual clock', async () => {
    const waiting = (clock: VirtualClock, ms: number) => ({
      name: 'slow',
      timeoutMs: 100,
      publish: (_message: unknown, _client: unknown, { signal }: { signal: AbortSignal }) =>
        new Promise((resolve) => {
          const answer = (): void => {
            resolve(PASS);
          };
          clock.at(clock.nowMs() + ms, answer);
          signal.addEventListener('abort', answer);
        }),
    });
    const [quick, slow] = [new VirtualClock(), new VirtualClock()];
    expect((await outcomeOf(waiting(quick, 99), quick)).broken).toEqual([]);
    expect((await outcomeOf(waiting(slow, 101), slow)).broken).toContainEqual(
      expect.stringMatching(/^every PUBLISH and every will is answered within timeoutMs/),
    );
  });

  test('an answer that ignores that its client has gone fails', async () => {
    const { broken } = await outcomeOf(
      { name: 'x', timeoutMs: 1, subscribe: () => new Promise(() => undefined) },
      new VirtualClock(),
    );
    expect(broken).toContainEqual(expect.stringMatching(/^a subscribe whose client has gone is not waited for/));
  });
});
