// The line about a run of a contract.
import { expect, test } from '@jest/globals';
import { authorizerContract, contractSummary } from 'hexmq/testkit';
import type { ContractSummary, TestBody } from 'hexmq/testkit';

function declared(authorize: () => unknown): { bodies: TestBody[]; summary: ContractSummary } {
  const bodies: TestBody[] = [];
  const summary = contractSummary('authorizer contract', (_name, body) => void bodies.push(body));
  authorizerContract({
    name: 'subject',
    describe: (_name, body) => {
      body();
    },
    ...summary,
    sample: { clientId: 'meter' },
    factory: {
      create: () =>
        Promise.resolve({
          authorizer: { name: 'subject', authorize: authorize as never },
          dispose: () => Promise.resolve(),
        }),
    },
  });
  return { bodies, summary };
}

test('the summary of a contract says how many laws there are, and what was not asked', async () => {
  const { bodies, summary } = declared(() => ({ kind: 'allow-all' }));
  expect(summary.line()).toBe('hexmq authorizer contract: 13 laws, 13 not run');
  for (const body of bodies) await body();
  expect(summary.line()).toBe('hexmq authorizer contract: 13 laws, 4 not asked (reload)');
});

test('the summary of a contract counts laws that failed', async () => {
  const { bodies, summary } = declared(() => ({ kind: 'nonsense' }));
  for (const body of bodies) await body().catch(() => undefined);
  expect(summary.line()).toMatch(/^hexmq authorizer contract: 13 laws, [1-9]\d* failed, 4 not asked \(reload\)$/);
});
