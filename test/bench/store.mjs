// A store as a large installation has it when its broker is killed, written through the storage port of the built
// package.
import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { createStorage } from 'hexmq/adapters/storage/file';

const BATCH_CHANGES = 4096;
const NEVER_EXPIRES_S = 4_294_967_295;
/** Of the clients with an unfinished QoS 2 publish, every so-manieth client is one. */
const INBOUND_EVERY = 20;

/** The source of payloads: bytes that do not compress, so that the store is as large as its messages. */
const NOISE = randomBytes(1024 * 1024);

/**
 * @typedef {object} Amounts
 * @property {number} sessions
 * @property {number} subscriptions of each session: one is common to all, one has a wildcard, the others are exact
 * @property {number} messages queued, spread evenly over the sessions
 * @property {number} payload in bytes, of queued and retained messages
 * @property {number} retained
 * @property {number} wills of clients that were connected
 */

const clientIdOf = (session) => `device-${String(session).padStart(6, '0')}`;

function* filtersOf(session, count) {
  if (count > 0) yield 'fleet/announcements';
  if (count > 1) yield `site/+/device/${session}/command/#`;
  for (let i = 2; i < count; i++) yield `site/${session % 100}/device/${session}/setting/${i}`;
}

/** @param {Amounts} amounts */
function* changesOf({ sessions, subscriptions, messages, payload, retained, wills }) {
  const now = Date.now();
  let lastId = 0;
  const messageOf = (topic, retain) => {
    const from = (++lastId * 7919) % (NOISE.length - payload);
    return {
      id: lastId,
      topic,
      payload: NOISE.subarray(from, from + payload),
      qos: 1,
      retain,
      properties: undefined,
      publisher: 'gateway',
      acceptedAtMs: now,
      expiresAtMs: undefined,
    };
  };
  for (let i = 0; i < sessions; i++) {
    const clientId = clientIdOf(i);
    yield {
      kind: 'session.put',
      session: { clientId, expiryIntervalS: NEVER_EXPIRES_S, disconnectedAtMs: i < wills ? undefined : now },
    };
    const options = { qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0, identifier: undefined };
    for (const topicFilter of filtersOf(i, subscriptions))
      yield { kind: 'subscription.put', subscription: { clientId, topicFilter, ...options } };
    if (i % INBOUND_EVERY === 0) yield { kind: 'inbound.put', clientId, packetId: 1 + (i % 65_535) };
    if (i < wills)
      yield {
        kind: 'will.put',
        will: {
          clientId,
          message: messageOf(`site/${i % 100}/device/${i}/gone`, false),
          delayS: 0,
          dueAtMs: undefined,
        },
      };
  }
  for (let i = 0; i < retained; i++)
    yield { kind: 'retained.put', message: messageOf(`site/${i % 100}/device/${i}/state`, true) };
  // One after the other for each session in turn, as messages come in life: what belongs to one queue does not stand
  // together.
  for (let i = 0; i < messages; i++) {
    const session = i % sessions;
    const message = messageOf(`site/${session % 100}/device/${session}/command/run`, false);
    const seq = Math.floor(i / sessions);
    yield {
      kind: 'queue.append',
      queue: `c:${clientIdOf(session)}`,
      seq,
      message,
      qos: 1,
      retain: false,
      identifiers: undefined,
    };
  }
}

/**
 * @param {string} directory
 * @param {Amounts} amounts
 */
export async function makeStore(directory, amounts) {
  rmSync(directory, { recursive: true, force: true });
  const storage = createStorage({ directory });
  await storage.open();
  // A store is loaded before anything is committed to it.
  for await (const _fact of storage.load());
  let batch = [];
  for (const change of changesOf(amounts)) {
    if (batch.push(change) < BATCH_CHANGES) continue;
    await storage.commit(batch, 'stored');
    batch = [];
  }
  if (batch.length > 0) await storage.commit(batch, 'flushed');
  await storage.close();
}
