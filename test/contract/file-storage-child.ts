// A process that commits to a file storage until it is killed, and says of each batch that it was committed. Run by
// `storage-file.test.ts`.
//
// Batch k belongs together: two entries of queue a, one of queue b that shares the message of the second, and a
// retained message; and it trims queue b, so that removals are interrupted too.
import { writeSync } from 'node:fs';
import type { Change, Message } from 'hexmq/ports';
import { FileStorage } from '../../adapters/storage/file/index.js';

const [directory = '', first = '0', mode = 'commit'] = process.argv.slice(2);

const messageOf = (id: number, topic: string): Message => ({
  id: id as Message['id'],
  topic: topic as Message['topic'],
  payload: Buffer.from(`message ${String(id)} `.repeat(20)),
  qos: 1,
  retain: false,
  properties: undefined,
  publisher: undefined,
  acceptedAtMs: id,
  expiresAtMs: undefined,
});

const append = (queue: string, seq: number, message: Message): Change => ({
  ...{ kind: 'queue.append', queue: queue as never, seq: seq as never, message },
  ...{ qos: 1, retain: false, identifiers: undefined, batch: 0, place: 0 },
});

function batchOf(k: number): Change[] {
  const shared = messageOf(3 * k + 1, 'shared');
  return [
    append('c:a', 2 * k, messageOf(3 * k, 'own')),
    append('c:a', 2 * k + 1, shared),
    append('c:b', k, shared),
    { kind: 'retained.put', message: messageOf(3 * k + 2, 'last') },
    { kind: 'queue.trim', queue: 'c:b' as never, through: (k - 3) as never },
  ];
}

const storage = new FileStorage({ directory });
await storage.open();
for await (const _fact of storage.load());
writeSync(1, 'open\n');
if (mode === 'hold') setInterval(() => undefined, 1000);
else
  for (let k = Number(first); ; k++) {
    await storage.commit(batchOf(k));
    writeSync(1, `${String(k)}\n`);
  }
