// The contract of the interceptor port as tests, for any interceptor and under any test runner: one test for each law.
// What is answered is checked by the same code as in the broker. What an interceptor decides is not tested.
import { requireInterceptor } from '../../application/interceptors.js';
import { isPromiseLike } from '../../application/timeout.js';
import type { Interceptor, SubscribeRequest } from '../../ports/index.js';
import { askOnlyIf, reportTo, testOf, thenDisposed } from '../asking.js';
import type { NotAskedReport, TestBody } from '../asking.js';
import { ContractViolation, differences, ensure, report, show } from '../compare.js';
import { samplesWith } from './samples.js';
import type { InterceptorSamples, Samples, Shown } from './samples.js';
import { called, changesIn, deliveryOf, STAGES, verdictOf, within } from './subject.js';
import type { InterceptorUnderTest, Stage } from './subject.js';

/** What the contract needs to test an interceptor. */
export interface InterceptorContractOptions {
  /** The name of the interceptor in the report. */
  readonly name: string;
  readonly factory: { create(): Promise<InterceptorUnderTest> };
  /** What the interceptor is made for, if the kit cannot know it: its topics, for example. */
  readonly samples?: InterceptorSamples;
  /** The functions of the test runner: `describe` calls its body synchronously, `test` awaits it. */
  readonly describe: (name: string, body: () => void) => void;
  readonly test: (name: string, body: TestBody) => void;
  /** Told of each law that was not asked. Default: a line on standard error. */
  readonly notAsked?: NotAskedReport;
}

type Law = (text: string, body: (under: InterceptorUnderTest) => Promise<void>) => void;

const PACKETS: Readonly<Record<Stage, string>> = {
  connect: 'CONNECT',
  publish: 'PUBLISH and every will',
  subscribe: 'SUBSCRIBE',
  unsubscribe: 'UNSUBSCRIBE',
};

/** How long an answer that is not needed any more may take in real time, and whatever starts or stops. */
const PATIENCE_MS = 1000;
const LIFE_MS = 30_000;

/** Declares the contract's tests. */
export function interceptorContract(options: InterceptorContractOptions): void {
  const { name, factory, samples: own = {}, describe, test } = options;
  const { notAsked = reportTo(`interceptor contract: ${name}`) } = options;
  const lawOn =
    (isStarted: boolean): Law =>
    (text, body) => {
      const ask = async (): Promise<void> => {
        const under = await factory.create();
        const dispose = (): Promise<void> =>
          thenDisposed(
            async () => under.dispose?.(),
            async () => under.interceptor.stop?.(),
          );
        await thenDisposed(dispose, async () => {
          if (isStarted) await under.interceptor.start?.();
          await body(under);
        });
      };
      test(text, testOf(text, notAsked, ask));
    };
  const make = (): Samples => samplesWith(own);
  describe(`interceptor contract: ${name}`, () => {
    describe('answers', () => {
      for (const stage of STAGES) packetLaws(lawOn(true), stage, make);
    });
    describe('deliveries', () => {
      deliveryLaws(lawOn(true), make);
    });
    describe('filters', () => {
      filterLaws(lawOn(true), make);
    });
    describe('life', () => {
      lifeLaws(lawOn(false), make);
    });
  });
}

const hasNo = (method: string): string => `the interceptor has no \`${method}\``;

function packetLaws(law: Law, stage: Stage, make: () => Samples): void {
  const packet = PACKETS[stage];
  law(
    `every ${packet} is answered within timeoutMs with what the broker accepts, also when shown again`,
    async (under) => {
      askOnlyIf(under.interceptor[stage] !== undefined, hasNo(stage));
      for (const shown of [...make()[stage], ...make()[stage]]) await verdictOf(under, stage, shown);
    },
  );

  law(`a ${stage} that is shown is not changed`, async (under) => {
    askOnlyIf(under.interceptor[stage] !== undefined, hasNo(stage));
    const [before, after] = [make()[stage], make()[stage]];
    for (const shown of after) await verdictOf(under, stage, shown).catch(() => undefined);
    report(
      'changed',
      after.flatMap((shown, index) => changesIn(before[index] as Shown<unknown>, shown)),
    );
  });

  law(`each ${stage} of many at the same time is answered`, async (under) => {
    askOnlyIf(under.interceptor[stage] !== undefined, hasNo(stage));
    await Promise.all(make()[stage].map((shown) => verdictOf(under, stage, shown)));
  });

  law(`a ${stage} whose client has gone is not waited for`, async ({ interceptor }) => {
    askOnlyIf(interceptor[stage] !== undefined, hasNo(stage));
    const asked = make()[stage].map((shown) => ({ shown, gone: new AbortController() }));
    const promises = asked
      .map(({ shown, gone }) => called(interceptor, stage, shown, gone.signal))
      .filter((answer) => isPromiseLike(answer));
    askOnlyIf(promises.length > 0, `\`${stage}\` answers at once`);
    for (const { gone } of asked) gone.abort();
    const all = Promise.allSettled(promises);
    await within(all, PATIENCE_MS, `expected an answer or a rejection within ${PATIENCE_MS} ms of context.signal`);
  });
}

function deliveryLaws(law: Law, make: () => Samples): void {
  law('every delivery is answered at once with what the broker accepts', async (under) => {
    askOnlyIf(under.interceptor.deliver !== undefined, hasNo('deliver'));
    for (const shown of make().deliver) deliveryOf(under, shown);
    return Promise.resolve();
  });

  law('a repeated delivery is answered as the first one was', async (under) => {
    askOnlyIf(under.interceptor.deliver !== undefined, hasNo('deliver'));
    const first = make().deliver.map((shown) => deliveryOf(under, shown));
    // In another order, because other messages come between.
    const again = [...make().deliver]
      .reverse()
      .map((shown) => deliveryOf(under, shown))
      .reverse();
    const shown = make().deliver;
    report(
      'repeats',
      first.flatMap((verdict, i) => differences(verdict, again[i], shown[i]?.what)),
    );
    return Promise.resolve();
  });

  law('a delivery that is shown is not changed', async (under) => {
    askOnlyIf(under.interceptor.deliver !== undefined, hasNo('deliver'));
    const [before, after] = [make().deliver, make().deliver];
    for (const shown of after) deliveryOf(under, shown);
    report(
      'changed',
      after.flatMap((shown, index) => changesIn(before[index] as Shown<unknown>, shown)),
    );
    return Promise.resolve();
  });
}

function filterLaws(law: Law, make: () => Samples): void {
  law('a Topic Filter that subscribe replaces is replaced in the same way by unsubscribe', async (under) => {
    const hasOne = under.interceptor.subscribe !== undefined || under.interceptor.unsubscribe !== undefined;
    askOnlyIf(hasOne, 'the interceptor has neither method');
    const problems: string[] = [];
    for (const shown of make().subscribe) {
      const { subscriptions } = shown.request;
      const asked = subscriptions.map(({ topicFilter }) => topicFilter);
      const begun = await begunBy(under, shown);
      const ended = await endedBy(under, { ...shown, request: { topicFilters: asked, properties: undefined } });
      for (const [index, filter] of asked.entries())
        // A denied one was never begun, or stays.
        if (begun[index] !== undefined && ended[index] !== undefined && begun[index] !== ended[index])
          problems.push(
            `${shown.what}: of ${show(filter)}, subscribe makes ${show(begun[index])}, ` +
              `unsubscribe ${show(ended[index])}`,
          );
    }
    report('filters', problems);
  });
}

/** For each entry the filter that the broker gets; `undefined` if it is denied. */
async function begunBy(
  under: InterceptorUnderTest,
  shown: Shown<SubscribeRequest>,
): Promise<readonly (string | undefined)[]> {
  const { subscriptions } = shown.request;
  if (under.interceptor.subscribe === undefined) return subscriptions.map(({ topicFilter }) => topicFilter);
  const verdict = await verdictOf(under, 'subscribe', shown);
  if (verdict.decision === 'pass') return subscriptions.map(({ topicFilter }) => topicFilter);
  if (verdict.decision === 'deny') return [];
  return verdict.with.map((entry) => ('topicFilter' in entry ? entry.topicFilter : undefined));
}

async function endedBy(
  under: InterceptorUnderTest,
  shown: Samples['unsubscribe'][number],
): Promise<readonly (string | undefined)[]> {
  if (under.interceptor.unsubscribe === undefined) return shown.request.topicFilters;
  const verdict = await verdictOf(under, 'unsubscribe', shown);
  if (verdict.decision === 'pass') return shown.request.topicFilters;
  if (verdict.decision === 'deny') return [];
  return verdict.with.map((entry) => (typeof entry === 'string' ? entry : undefined));
}

function lifeLaws(law: Law, make: () => Samples): void {
  law('it has a name, valid settings and at least one method', async ({ interceptor }) => {
    const { name } = interceptor as { readonly name: unknown };
    ensure(typeof name === 'string' && name !== '', `name: expected a name for the log, got ${show(name)}`);
    accept(interceptor);
    return Promise.resolve();
  });

  law('it starts, answers, and stops, also a second time', async (under) => {
    await within(begin(under.interceptor), LIFE_MS, `start: expected it to be over within ${LIFE_MS} ms`);
    const samples = make();
    for (const stage of STAGES)
      if (under.interceptor[stage] !== undefined) await verdictOf(under, stage, samples[stage][0] as Shown<unknown>);
    for (let i = 0; i < 2; i++) await end(under.interceptor);
  });

  law('it stops without having started', async ({ interceptor }) => {
    askOnlyIf(interceptor.stop !== undefined, hasNo('stop'));
    await end(interceptor);
  });
}

async function begin(interceptor: Interceptor): Promise<void> {
  await interceptor.start?.();
}

/** The broker waits for 5 seconds. */
async function end(interceptor: Interceptor): Promise<void> {
  const stopping = (async () => interceptor.stop?.())();
  await within(stopping, 5000, 'stop: expected it to be over within 5000 ms');
}

/** As the broker does at its start. */
function accept(interceptor: Interceptor): void {
  try {
    requireInterceptor(interceptor);
  } catch (error) {
    throw new ContractViolation((error as Error).message);
  }
}
