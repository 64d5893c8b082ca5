// Work that the broker does in slices, with slices so small that a few clients are enough for several of them: messages
// with many recipients, SUBSCRIBE with many filters, subscriptions that match many retained messages, many wills due at
// one moment, and crashes between two slices.
import type { QoS } from '../../protocol/packets.js';
import type { SeededRandom } from '../seeded-random.js';
import type { Add, ClientTraits } from './operations.js';

const TOPICS = ['n/0', 'n/1', 'n/2', 'n/3', 'n/4', 'n/5', 'n/6', 'n/7'];
const WIDE_FILTERS = ['n/#', 'n/+', '#', '+/+', '$share/g/n/#', '$share/h/#'];

/** The virtual moment at which members of a crowd act together is drawn once for all of them. */
const CROWD_SIZES = [8, 8, 20, 150];

/** Enough for the clients to be connected again after one crash, and to have their messages, before the next one. */
const CRASH_SPACING_MS = 1000;

export function addLargeWork(
  random: SeededRandom,
  clients: readonly ClientTraits[],
  durationMs: number,
  add: Add,
): void {
  const granted = (): QoS => random.pick([0, 1, 1, 2, 2] as const);
  for (const { name } of clients) {
    if (random.chance(0.6)) {
      const filters = [...TOPICS, ...WIDE_FILTERS].filter(() => random.chance(0.6));
      if (filters.length > 0)
        add(random.int(10, durationMs), {
          kind: 'subscribe',
          client: name,
          filters: filters.map((filter) => ({ filter, qos: granted() })),
        });
    }
    if (random.chance(0.2)) add(random.int(60, durationMs), { kind: 'unsubscribe', client: name, filters: TOPICS });
  }
  for (let i = random.int(2, 8); i > 0; i--) {
    const atMs = random.int(0, durationMs);
    const { name, latencyMs } = random.pick(clients);
    add(atMs, {
      kind: 'publish',
      client: name,
      topic: random.pick(TOPICS),
      qos: random.pick([0, 1, 2, 2] as const),
      retain: random.chance(0.6),
      bytes: random.pick([12, 12, 300]),
      count: random.int(1, 4),
    });
    if (random.chance(0.1)) addCrash(random, atMs + latencyMs, add);
  }
}

/**
 * Clients that do the same thing at the same time: all subscribe alike, so that a message has all of them as
 * recipients, and all vanish together, so that their wills are due at one moment.
 * @returns the clients of the crowd.
 */
export function addCrowd(random: SeededRandom, durationMs: number, add: Add): ClientTraits[] {
  const size = random.pick(CROWD_SIZES);
  const filter = random.pick(['n/#', 'n/1', '$share/g/n/#']);
  const qos = random.pick([1, 2] as const);
  const clean = random.chance(0.3);
  const will = random.chance(0.6)
    ? { topic: 'n/1', qos: random.int(0, 2) as QoS, retain: random.chance(0.2) }
    : undefined;
  const crowd = Array.from({ length: size }, (_, i) => ({
    name: `m${i}`,
    version: 4 as const,
    latencyMs: random.pick([0, 1]),
    cutBytes: 0,
    redialMs: random.pick([0, 20]),
  }));
  const leaveMs = random.int(100, durationMs);
  const isLossy = random.chance(0.5);
  for (const { name } of crowd) {
    add(random.int(0, 10), { kind: 'connect', client: name, clean, keepAliveS: 0, will, eager: false });
    add(30, { kind: 'subscribe', client: name, filters: [{ filter, qos }] });
    if (will !== undefined && random.chance(0.9)) add(leaveMs, { kind: 'vanish', client: name, lossy: isLossy });
  }
  for (let i = random.int(1, 3); i > 0; i--) {
    const atMs = random.int(60, durationMs);
    const client = random.pick(crowd).name;
    const publishQos = random.pick([1, 2] as const);
    add(atMs, { kind: 'publish', client, topic: 'n/1', qos: publishQos, retain: false, bytes: 12, count: 2 });
    if (random.chance(0.5)) addCrash(random, atMs + random.int(0, 2), add);
  }
  if (random.chance(0.5)) addCrash(random, leaveMs + random.int(0, 2), add);
  return crowd;
}

/**
 * Stored sessions that publish to each other, with a crash while the slices of a message reach a slow disk. If a crash
 * could keep the first slices and the Packet Identifier without the other slices, the broker would take the publisher's
 * repeat for a message that it has, and the other subscribers would never get it. These clients do nothing else, so
 * that all of them are subscribed when a message comes, and the publisher repeats it.
 * @returns the clients.
 */
export function addCrashesBetweenSlices(random: SeededRandom, durationMs: number, add: Add): ClientTraits[] {
  const clients = Array.from({ length: random.int(3, 5) }, (_, i) => ({
    name: `s${i}`,
    version: 4 as const,
    latencyMs: random.pick([0, 1, 5]),
    cutBytes: 0,
    redialMs: random.pick([20, 200]),
  }));
  for (const { name: client } of clients)
    add(random.int(0, 10), { kind: 'connect', client, clean: false, keepAliveS: 0, will: undefined, eager: false });
  for (let fromMs = 20; fromMs + CRASH_SPACING_MS / 2 < durationMs; fromMs += CRASH_SPACING_MS) {
    // Again each time: a client does not repeat a SUBSCRIBE that a crash left without an answer.
    for (const { name: client } of clients) {
      const qos = random.pick([1, 2, 2] as const);
      add(fromMs + random.int(0, 40), { kind: 'subscribe', client, filters: [{ filter: 'n/1', qos }] });
    }
    const atMs = fromMs + random.int(100, 300);
    const answerMs = random.pick([10, 40, 80]);
    const { name, latencyMs } = random.pick(clients);
    add(atMs, { kind: 'disk pace', callMs: 0, answerMs });
    add(atMs, { kind: 'publish', client: name, topic: 'n/1', qos: 2, retain: false, bytes: 12, count: 1 });
    // One commit has the first slice, and the next one the rest. As a rule the disk keeps the first commit alone.
    const isFirst = random.chance(0.5);
    const commitMs = atMs + latencyMs + (isFirst ? 0 : answerMs);
    addCrash(random, commitMs + random.int(1, answerMs), add, random.chance(isFirst ? 0.8 : 0.2));
    add(atMs + 4 * answerMs, { kind: 'disk pace', callMs: 0, answerMs: 0 });
  }
  return clients;
}

function addCrash(random: SeededRandom, atMs: number, add: Add, keeps = random.chance(0.5)): void {
  add(atMs, {
    kind: 'crash',
    keeps,
    power: undefined,
    delivers: random.chance(0.5),
    downMs: random.pick([0, 10, 300]),
  });
}
