#!/usr/bin/env node
// What one more of everything costs the broker: resident memory, and bytes in the data directory or in the documents of
// MongoDB. The figures of docs/sizing.md come from here.
//   node test/bench/sizing.mjs [--connections 8000] [--sessions 50000] [--subscriptions 200000] [--messages 100000]
//        [--retained 100000] [--payload 200] [--mongodb mongodb://127.0.0.1:27017]
//        [--storage memory,file,mongodb]
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { BSON, MongoClient } from 'mongodb';
import { argumentsOf } from './arguments.mjs';
import { BrokerProcess } from './broker-process.mjs';
import { Peer, publishOf, TYPE } from './crowd.mjs';

const given = argumentsOf({
  connections: 8000,
  sessions: 50_000,
  subscriptions: 200_000,
  messages: 100_000,
  retained: 100_000,
  payload: 200,
  mongodb: '',
  storage: 'memory,file,mongodb',
});
/** Clients that connect, subscribe or publish at a time. */
const CONCURRENCY = 100;
/** Filters of one client: fewer than the default limit. */
const FILTERS_PER_CLIENT = 5000;
/** Unacknowledged messages of the publisher. */
const WINDOW = 200;
/** Then a store has applied its journal, and what was freed is returned. */
const SETTLE_MS = 5000;
/** The source of payloads: bytes that do not compress, so that the store is as large as its messages. */
const NOISE = randomBytes(1024 * 1024);

async function connected(port, clientId, clean) {
  const peer = new Peer(port, { clientId, clean });
  await peer.until(TYPE.connack, 1);
  return peer;
}

async function inTurns(count, body) {
  for (let from = 0; from < count; from += CONCURRENCY)
    await Promise.all(Array.from({ length: Math.min(CONCURRENCY, count - from) }, (_, i) => body(from + i)));
}

async function publishAll(port, count, topicOf, retain) {
  const publisher = await connected(port, 'publisher', true);
  for (let from = 0; from < count; from += WINDOW) {
    for (let i = from; i < Math.min(from + WINDOW, count); i++) {
      const at = (i * 7919) % (NOISE.length - given.payload);
      const payload = NOISE.subarray(at, at + given.payload);
      publisher.send(publishOf(topicOf(i), { qos: 1, messageId: (i % WINDOW) + 1, retain, payload }));
    }
    await publisher.until(TYPE.puback, Math.min(from + WINDOW, count));
  }
  await publisher.leave();
}

/** What is counted: its number, what has to be there before the first measurement, and how it comes to be. */
const THINGS = {
  'idle connection': {
    count: given.connections,
    make: async (port, count) => {
      const peers = [];
      await inTurns(count, async (i) => peers.push(await connected(port, `device-${i}`, true)));
      return () => peers.forEach((peer) => peer.cut());
    },
  },
  'stored session, offline': {
    count: given.sessions,
    make: (port, count) => inTurns(count, async (i) => (await connected(port, `device-${i}`, false)).leave()),
  },
  'subscription of a stored session': {
    count: given.subscriptions,
    make: (port, count) =>
      inTurns(Math.ceil(count / FILTERS_PER_CLIENT), async (i) => {
        const peer = await connected(port, `device-${i}`, false);
        const filters = Array.from({ length: FILTERS_PER_CLIENT }, (_, j) => `plant/${i}/sensor/${j}/+`);
        await peer.subscribe(filters, 1);
        await peer.leave();
      }),
  },
  'queued message': {
    count: given.messages,
    before: async (port) => {
      const reader = await connected(port, 'reader', false);
      await reader.subscribe(['plant/#'], 1);
      await reader.leave();
    },
    make: (port, count) => publishAll(port, count, (i) => `plant/7/sensor/${i % 100}`, false),
  },
  'retained message': {
    count: given.retained,
    make: (port, count) => publishAll(port, count, (i) => `plant/7/sensor/${i}`, true),
  },
};

/** A storage: where the broker finds it, and how large it is by now. */
function storages() {
  const directory = mkdtempSync(join(tmpdir(), 'hexmq-sizing-'));
  const uri = given.mongodb;
  const database = `hexmq_sizing_${process.pid}`;
  return {
    memory: { directory: undefined, bytes: () => 0, remove: () => undefined },
    file: {
      directory,
      bytes: () =>
        readdirSync(directory, { recursive: true, withFileTypes: true })
          .filter((entry) => entry.isFile())
          .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).blocks * 512, 0),
      remove: () => rmSync(directory, { recursive: true, force: true }),
    },
    ...(uri === ''
      ? {}
      : {
          mongodb: {
            environment: { HEXMQ_STORAGE: 'mongodb', HEXMQ_STORAGE_URL: uri, HEXMQ_STORAGE_DATABASE: database },
            bytes: () => withDatabase(uri, database, bytesOfDocuments),
            remove: () => withDatabase(uri, database, (db) => db.dropDatabase()),
          },
        }),
  };
}

async function withDatabase(uri, name, body) {
  const client = new MongoClient(uri);
  try {
    return await body(client.db(name));
  } finally {
    await client.close();
  }
}

async function bytesOfDocuments(database) {
  let bytes = 0;
  for (const { name } of await database.listCollections().toArray())
    if (name !== 'journal')
      for await (const document of database.collection(name).find()) bytes += BSON.calculateObjectSize(document);
  return bytes;
}

async function settled(broker) {
  await setTimeout(SETTLE_MS);
  const { resident, mapped } = broker.memory;
  return resident - mapped;
}

for (const name of Object.keys(storages()).filter((one) => given.storage.split(',').includes(one))) {
  for (const [thing, { count, before, make }] of Object.entries(THINGS)) {
    const storage = storages()[name];
    const broker = await BrokerProcess.start(storage.directory, { environment: storage.environment });
    await before?.(broker.port);
    const [memory, bytes] = [await settled(broker), await storage.bytes()];
    const undo = await make(broker.port, count);
    const grown = (await settled(broker)) - memory;
    const stored = (await storage.bytes()) - bytes;
    undo?.();
    await broker.stop();
    await storage.remove();
    console.log(
      [name, thing, count, `memory ${Math.round(grown / count)} B`, `stored ${Math.round(stored / count)} B`].join(
        '\t',
      ),
    );
  }
}
