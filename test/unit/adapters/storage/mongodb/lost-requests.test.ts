// Requests that the driver never answers, because their connection broke before it listened for the answer.
import { expect, test } from '@jest/globals';
import { MongoNetworkError } from 'mongodb';
import type { Collection, MongoClient } from 'mongodb';
import { EventEmitter } from 'node:events';
import { LostRequests } from '../../../../../adapters/storage/mongodb/lost-requests.js';

const REQUESTS = [
  'insertOne',
  'insertMany',
  'updateOne',
  'updateMany',
  'deleteMany',
  'bulkWrite',
  'findOne',
  'findOneAndUpdate',
  'distinct',
  'createIndexes',
] as const;

/** A collection whose requests are answered as the test says. */
function scene() {
  const client = new EventEmitter();
  const answers: { resolve: (answer: unknown) => void; reject: (error: Error) => void }[] = [];
  const ask = () => new Promise((resolve, reject) => answers.push({ resolve, reject }));
  const cursor = () => ({ next: ask });
  const collection = { ...Object.fromEntries(REQUESTS.map((name) => [name, ask])), find: cursor, aggregate: cursor };
  const guarded = new LostRequests(client as unknown as MongoClient).guard(collection as unknown as Collection);
  return { guarded, answers, breakConnections: () => client.emit('connectionPoolCleared') };
}

test('a request of any kind that lost its connection is rejected', async () => {
  const { guarded, breakConnections } = scene();
  const all = [
    ...REQUESTS.map((name) =>
      (guarded as unknown as Record<(typeof REQUESTS)[number], () => Promise<unknown>>)[name](),
    ),
    guarded.find().next(),
    guarded.aggregate().next(),
  ];
  breakConnections();
  const results = await Promise.allSettled(all);
  for (const result of results) expect(result).toEqual({ status: 'rejected', reason: expect.any(MongoNetworkError) });
});

test('a request that is answered after all keeps its answer, and later requests keep waiting', async () => {
  const { guarded, answers, breakConnections } = scene();
  const [early, failed] = [guarded.insertOne({}), guarded.insertOne({})];
  breakConnections();
  const later = guarded.insertOne({});
  const last = guarded.insertOne({});
  answers[0]?.resolve('early');
  answers[1]?.reject(new Error('in words of its own'));
  expect(await early).toBe('early');
  await expect(failed).rejects.toThrow('in words of its own');
  breakConnections();
  await expect(last).rejects.toThrow('never answered');
  await expect(later).rejects.toThrow('never answered');
  const [fresh] = [guarded.insertOne({})];
  answers[4]?.resolve('fresh');
  expect(await fresh).toBe('fresh');
});
