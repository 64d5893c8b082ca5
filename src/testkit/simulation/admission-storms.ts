// Storms of connections while storage is slow or fails: clients request stored sessions, give up before CONNACK,
// reconnect, and take over each other's connections, and the broker may crash in between. Here the broker could forget
// a session that it has promised, or promise one that it has forgotten.
import type { QoS } from '../../protocol/packets.js';
import type { SeededRandom } from '../seeded-random.js';
import type { Add, ClientTraits } from './operations.js';

const TOPICS = ['a/b', 'a/c', 's/1', 's/2'];
const FILTERS = ['a/b', 'a/#', 's/+', '$share/g/a/#'];

/** The span of one storm. */
const STORM_MS = 600;

export function addAdmissionStorms(
  random: SeededRandom,
  clients: readonly ClientTraits[],
  durationMs: number,
  add: Add,
): void {
  for (let i = random.int(1, 3); i > 0; i--) {
    const atMs = random.int(20, durationMs);
    disturbStorage(random, atMs, add);
    for (const client of clients) if (random.chance(0.7)) addAttempts(random, client, atMs, add);
    for (let n = random.int(1, 4); n > 0; n--) addPublish(random, random.pick(clients).name, atMs, add);
    if (random.chance(0.35)) addEnd(random, atMs + random.int(0, STORM_MS), add);
    add(atMs + STORM_MS + random.int(0, 200), { kind: 'disk pace', callMs: 0, answerMs: 0 });
  }
}

/** Storage is slower than the broker waits, refuses calls, or applies calls that it reports as failed. */
function disturbStorage(random: SeededRandom, atMs: number, add: Add): void {
  const slow = [0, 20, 150, 400];
  add(atMs, { kind: 'disk pace', callMs: random.pick(slow), answerMs: random.pick(slow) });
  if (random.chance(0.4)) add(atMs, { kind: 'disk refuses', commits: random.int(1, 4), reads: random.int(0, 1) });
  if (random.chance(0.3)) add(atMs + random.int(0, 50), { kind: 'disk denies', commits: random.int(1, 2) });
}

/** One client's attempts to connect: each may take over the one before, or follow its end. */
function addAttempts(random: SeededRandom, { name, version, latencyMs }: ClientTraits, fromMs: number, add: Add): void {
  let atMs = fromMs + random.int(-20, 60);
  for (let i = random.int(2, 6); i > 0; i--) {
    add(atMs, {
      kind: 'connect',
      client: name,
      // A client of MQTT 3.1 that alternates could not know whether its session exists: its CONNACK does not say so.
      clean: version !== 3 && random.chance(0.25),
      keepAliveS: random.pick([0, 0, 1]),
      will: random.chance(0.5)
        ? { topic: random.pick(TOPICS), qos: random.int(0, 2) as QoS, retain: random.chance(0.3) }
        : undefined,
      eager: random.chance(0.4),
    });
    if (random.chance(0.4)) {
      const filters = [{ filter: random.pick(FILTERS), qos: random.pick([1, 1, 2] as const) }];
      add(atMs + random.int(0, 80), { kind: 'subscribe', client: name, filters });
    }
    // Before the broker has CONNECT, while it waits for storage, or when CONNACK is under way.
    atMs += random.pick([0, 1, latencyMs, 2 * latencyMs, 40, 150, 350]);
    if (random.chance(0.4)) add(atMs, { kind: 'vanish', client: name, lossy: random.chance(0.3) });
    else if (random.chance(0.2)) add(atMs, { kind: 'disconnect', client: name });
    atMs += random.pick([0, 1, 20, 100]);
  }
}

function addPublish(random: SeededRandom, client: string, atMs: number, add: Add): void {
  add(atMs + random.int(-50, STORM_MS), {
    kind: 'publish',
    client,
    topic: random.pick(TOPICS),
    qos: random.pick([1, 2] as const),
    retain: random.chance(0.2),
    bytes: 12,
    count: random.int(1, 3),
  });
}

function addEnd(random: SeededRandom, atMs: number, add: Add): void {
  if (random.chance(0.25)) add(atMs, { kind: 'stop', downMs: random.pick([0, 100]) });
  else
    add(atMs, {
      kind: 'crash',
      keeps: random.chance(0.5),
      power: undefined,
      delivers: random.chance(0.5),
      downMs: random.pick([0, 10, 300]),
    });
}
