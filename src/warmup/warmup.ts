// The warm-up: before `hexmq start` listens, a second broker in memory serves a few clients of its own through real
// sockets, until the time for it is up. V8 then has compiled what every connection runs through, and the clients that
// all come back at once after a restart do not wait for the compiler. docs/decisions/0023 says what was measured.
import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { resolveConfig } from '../composition/resolve-config.js';
import { composeBroker } from '../composition/container.js';
import type { BrokerService } from '../composition/container.js';
import { WarmupClient } from './warmup-client.js';

/** The most that the warm-up adds to a start, in milliseconds. */
const DURATION_MS = 150;
const PAIRS = 10;
/** How long a subscriber is away. */
const BACKLOG_MS = 15;
const HOST = '127.0.0.1';
/** Of several lengths, because the code takes other paths for each. */
const PAYLOADS = [4, 64, 600].map((length) => new Uint8Array(length));
const TOPICS = ['w', 'warmup', 'warmup/with/a/topic/of/many/levels'];

/**
 * Never rejects: a machine on which the warm-up fails runs the broker all the same, only slower for the first clients.
 */
export async function warmUp(): Promise<void> {
  const endsAt = performance.now() + DURATION_MS;
  // The port is open to every program of this machine for that long, so only clients that know this name get in.
  const secret = randomUUID();
  try {
    const broker = await startBroker(secret);
    try {
      await serve(addressOf(broker), secret, endsAt);
    } finally {
      await broker.stop();
    }
  } catch {
    // See above.
  }
}

async function startBroker(secret: string): Promise<BrokerService> {
  const config = resolveConfig({
    listeners: [{ type: 'tcp', host: HOST, port: 0 }],
    storage: { adapter: 'memory' },
  });
  const broker = await composeBroker(config, {
    telemetry: [],
    authenticators: [
      {
        name: 'warmup',
        authenticate: ({ userName }) =>
          userName === secret
            ? { decision: 'allow' }
            : { decision: 'deny', reason: 'not-authorized', detail: 'this broker is for the warm-up alone' },
      },
    ],
  });
  await broker.start();
  return broker;
}

function addressOf({ addresses }: BrokerService): number {
  const [address = ''] = addresses.values();
  return Number(address.slice(address.lastIndexOf(':') + 1));
}

async function serve(port: number, userName: string, endsAt: number): Promise<void> {
  const clients: WarmupClient[] = [];
  const connect = async (clientId: string, clean: boolean): Promise<WarmupClient> => {
    const client = new WarmupClient({ clientId, userName, clean });
    clients.push(client);
    await client.connect(HOST, port);
    return client;
  };
  try {
    const publishers: WarmupClient[] = [];
    const subscribers: WarmupClient[] = [];
    for (let pair = 0; pair < PAIRS && performance.now() < endsAt; pair++) {
      publishers.push(await connect(`publisher-${pair}`, true));
      // Every other subscriber has a stored session.
      const subscriber = await connect(`subscriber-${pair}`, pair % 2 === 0);
      subscriber.subscribe(`${topicOf(pair)}/+`);
      subscribers.push(subscriber);
    }
    // One of them receives everything, so that some messages have two receivers.
    subscribers[0]?.subscribe('#');
    const publishing = publishers.map((publisher, pair) => publishUntil(endsAt, publisher, pair));
    // Meanwhile stored sessions are away for a moment, and their clients come back for what was queued.
    for (let pair = 1; performance.now() < endsAt; pair = (pair + 2) % PAIRS) {
      await setTimeout(BACKLOG_MS);
      subscribers[pair]?.disconnect();
      await setTimeout(BACKLOG_MS);
      subscribers[pair] = await connect(`subscriber-${pair}`, false);
    }
    await Promise.all(publishing);
  } finally {
    for (const client of clients) client.disconnect();
  }
}

/** One message after the other, each as soon as the one before is acknowledged. */
async function publishUntil(endsAt: number, publisher: WarmupClient, pair: number): Promise<void> {
  for (let message = pair; performance.now() < endsAt; message++) {
    void publisher.publish(`${topicOf(pair)}/t`, 0, payloadOf(message)); // at QoS 0 there is nothing to wait for
    await publisher.publish(`${topicOf(pair)}/t`, message % 2 === 0 ? 1 : 2, payloadOf(message + 1));
  }
}

const topicOf = (pair: number): string => `${TOPICS[pair % TOPICS.length] ?? ''}/${pair}`;

const payloadOf = (index: number): Uint8Array => PAYLOADS[index % PAYLOADS.length] ?? new Uint8Array(0);
