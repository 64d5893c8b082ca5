// Migrations that are killed with SIGKILL at random moments, several times on the same target: the source stays intact,
// a partial target never looks complete, and a migration that is not killed then completes the target.
import { afterAll, expect, test } from '@jest/globals';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, hexmq, temporaryDirectory } from './hexmq-command.js';
import { Chance, SEED } from './kill/chance.js';
import { entryLine, exportOf, messageLine, sessionLine, subscriptionLine } from './migrate/export-lines.js';
import { describeKinds, digestOf, done, refused, server, storeOf, totalsOf } from './migrate/stores.js';
import type { Kind, Store } from './migrate/stores.js';
import { Program, scene } from './program.js';

const MAIN = join(ROOT, 'dist/src/cli/main.js');
const KILLS = 8;
const SESSIONS = 150;
const MESSAGES = 20;
const MINUTE_MS = 60_000;

afterAll(() => server?.stop());

/** An export with more than one batch of every kind; every second message is in all queues. */
function content(): string {
  const clients = Array.from({ length: SESSIONS }, (_, i) => `client ${i}`);
  const facts = clients.flatMap((id, i) => [
    sessionLine(id),
    subscriptionLine(id, 'a/#'),
    { kind: 'inbound', clientId: id, packetId: i + 1 },
  ]);
  let id = 0;
  for (let seq = 0; seq < MESSAGES; seq++) {
    if (seq % 2 === 0)
      facts.push(messageLine(++id, 'a/all', 'x'.repeat(500)), ...clients.map((client) => entryLine(client, seq, id)));
    else
      for (const client of clients)
        facts.push(messageLine(++id, `a/${client}`, `${seq} of ${client}`), entryLine(client, seq, id));
  }
  for (let i = 0; i < SESSIONS; i++)
    facts.push(messageLine(++id, `kept/${i}`, 'kept', true), { kind: 'retained', message: id });
  return exportOf(facts);
}

/** The state after a killed migration: no content, a store that is marked as unfinished, or all content. */
async function whatIsLeft(target: Store): Promise<'nothing' | 'a part' | 'all'> {
  const { status, stdout, stderr } = await hexmq(['inspect', '--config', target.config, '--json']);
  if (status !== 0) {
    expect(stderr).toContain(`there is no store in ${target.shown}`);
    return 'nothing';
  }
  const { unfinished, sessions, queuedMessages, retainedMessages } = JSON.parse(stdout) as Record<string, unknown>;
  if (unfinished === true) return 'a part';
  if (sessions === 0) {
    expect({ queuedMessages, retainedMessages }).toEqual({ queuedMessages: 0, retainedMessages: 0 });
    return 'nothing';
  }
  expect({ sessions, queuedMessages, retainedMessages }).toEqual({
    sessions: SESSIONS,
    queuedMessages: SESSIONS * MESSAGES,
    retainedMessages: SESSIONS,
  });
  return 'all';
}

const migrateArgs = (source: Store, target: Store): string[] => [
  'migrate',
  '--from',
  source.config,
  '--to',
  target.config,
  '--replace',
];

for (const [from, to] of [
  ['file', 'mongodb'],
  ['mongodb', 'file'],
] as const satisfies readonly (readonly [Kind, Kind])[]) {
  describeKinds([from, to], `killed migrations from ${from} to ${to}`, () => {
    test(
      `after ${KILLS} kills, a migration from ${from} to ${to} completes with nothing lost or doubled (HEXMQ_KILL_SEED=${SEED})`,
      () =>
        scene(async () => {
          const chance = new Chance(SEED);
          const directory = temporaryDirectory();
          const source = storeOf(from, directory, 'source');
          const target = storeOf(to, directory, 'target');
          writeFileSync(join(directory, 'content.ndjson'), content());
          await done(['import', '--config', source.config, '--input', join(directory, 'content.ndjson')]);
          const digest = await digestOf(source);

          // The duration of an undisturbed migration bounds the time of a kill.
          const begin = performance.now();
          await done(migrateArgs(source, storeOf(to, directory, 'measured')));
          const takesMs = performance.now() - begin;

          const left: string[] = [];
          for (let kill = 0; kill < KILLS; kill++) {
            const program = new Program(process.execPath, [MAIN, ...migrateArgs(source, target)]);
            const strike = setTimeout(
              () => {
                program.kill('SIGKILL');
              },
              chance.between(0, takesMs),
            );
            await program.end();
            clearTimeout(strike);
            left.push(await whatIsLeft(target));
            if (left.at(-1) === 'a part')
              expect(await refused(['start', '--port', '0', '--config', target.config])).toContain('was interrupted');
          }
          if (!left.includes('a part'))
            throw new Error(`no kill struck while the target was being filled: ${left.join(', ')}`);

          await done(migrateArgs(source, target));
          expect(await totalsOf(target)).toEqual(await totalsOf(source));
          expect([await digestOf(target), await digestOf(source)]).toEqual([digest, digest]);
        }),
      5 * MINUTE_MS,
    );
  });
}
