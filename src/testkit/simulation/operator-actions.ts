// Commands of operators: they disconnect clients, delete sessions, delete retained messages, and purge queues,
// sometimes just before a crash, while storage is slow.
import type { Command } from '../../ports/index.js';
import type { SeededRandom } from '../seeded-random.js';
import type { Add, ClientTraits } from './operations.js';

export function addOperatorActions(
  random: SeededRandom,
  clients: readonly ClientTraits[],
  topics: readonly string[],
  durationMs: number,
  add: Add,
): void {
  // A client of MQTT 3.1 would not hear from CONNACK that its session is gone.
  const deletable = clients.filter(({ version }) => version !== 3);
  for (let i = random.int(1, 6); i > 0; i--) {
    const atMs = random.int(20, durationMs);
    const roll = random.fraction();
    if (random.chance(0.3)) add(atMs - 10, { kind: 'disk pace', callMs: random.pick([1, 80]), answerMs: 10 });
    if (roll < 0.25)
      add(atMs, { kind: 'operator', command: { kind: 'disconnect', clientId: random.pick(clients).name } });
    else if (roll < 0.45) add(atMs, { kind: 'operator', command: purgeQueue(random.pick(clients)) });
    else if (roll < 0.7 || deletable.length === 0)
      add(atMs, { kind: 'operator', command: { kind: 'delete-retained', topic: random.pick(topics) } });
    else add(atMs, { kind: 'operator', command: { kind: 'delete-session', clientId: random.pick(deletable).name } });
    if (random.chance(0.2))
      add(atMs + random.int(0, 100), {
        kind: 'crash',
        keeps: random.chance(0.5),
        power: undefined,
        delivers: random.chance(0.5),
        downMs: random.pick([0, 10, 300]),
      });
  }
}

const purgeQueue = ({ name }: ClientTraits): Command => ({ kind: 'purge-queue', clientId: name });
