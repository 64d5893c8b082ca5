// What a storage holds, looked at from outside while no broker runs.
import { afterAll, expect, test } from '@jest/globals';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, temporaryDirectory } from './hexmq-command.js';
import { KINDS, describeKinds, done, refused, server, startOn, storeOf } from './migrate/stores.js';
import type { Store } from './migrate/stores.js';
import { connect } from './mqtt-js.js';
import { run, scene } from './program.js';

afterAll(() => server?.stop());

/** Of tests that run the command a dozen times. */
const PATIENCE_MS = 180_000;

const AWKWARD = 'a\u001b[31m\nb';
const COUNT = 700;

async function fill(store: Store): Promise<void> {
  const broker = await startOn(store);
  for (const [clientId, filter] of [
    [AWKWARD, 'jobs/+'],
    ['member', '$share/group/jobs/#'],
    ['-idle', 'nothing'],
  ] as const) {
    const client = await connect(broker, { clientId, clean: false });
    await client.mqtt.subscribeAsync(filter, { qos: 2 });
    await client.mqtt.endAsync();
  }
  const writer = await connect(broker, { clientId: 'writer' });
  for (let i = 0; i < COUNT; i++) writer.mqtt.publish('jobs/all', `job ${i}`, { qos: 1 });
  await writer.mqtt.publishAsync('jobs/last', Buffer.alloc(100, 0xfe), { qos: 2, retain: true });
  await writer.mqtt.publishAsync('other/kept', 'kept', { qos: 1, retain: true });
  expect((await broker.stop()).status).toBe(0);
}

for (const kind of KINDS) {
  describeKinds([kind], `a store in ${kind}`, () => {
    test(
      'is shown in tables for people and in lines of JSON for programs, which say the same',
      () =>
        scene(async () => {
          const store = storeOf(kind, temporaryDirectory(), 'data');
          await fill(store);
          const inspect = async (...args: string[]): Promise<string> => {
            const stdout = await done(['inspect', '--config', store.config, ...args]);
            // Nothing in it that a terminal would obey.
            expect(stdout).not.toMatch(/[^\P{Cc}\n]/u);
            return stdout;
          };
          const json = async (...args: string[]): Promise<Record<string, unknown>[]> =>
            (await inspect('--json', ...args))
              .trimEnd()
              .split('\n')
              .map((line) => JSON.parse(line) as Record<string, unknown>);

          expect(await json()).toEqual([
            expect.objectContaining({
              sessions: 3,
              sessionsNotDisconnected: 0,
              subscriptions: 3,
              queues: 2,
              queuedMessages: 2 * (COUNT + 1),
              retainedMessages: 2,
              retainedBytes: 104,
              wills: 0,
              unfinished: false,
            }),
          ]);
          expect(await inspect('totals')).toMatch(
            new RegExp(
              `^sessions: +3 \\(0 with a connection .*\\n.*\\nqueued messages: +${2 * (COUNT + 1)} in 2 queues, \\d+ bytes`,
            ),
          );

          expect(
            (await json('sessions')).map(({ clientId, queuedMessages }) => [clientId, queuedMessages]).sort(),
          ).toEqual([
            ['-idle', 0],
            [AWKWARD, COUNT + 1],
            ['member', 0],
          ]);
          const sessions = await inspect('sessions');
          expect(sessions.split('\n')).toHaveLength(5);
          expect(sessions).toContain(`\na\\u{1b}[31m\\u{a}b  `);

          expect(await json('session', AWKWARD)).toEqual([
            expect.objectContaining({
              clientId: AWKWARD,
              subscriptions: [expect.objectContaining({ topicFilter: 'jobs/+', qos: 2 })],
              queue: expect.objectContaining({ messages: COUNT + 1, firstSeq: 0 }),
            }),
          ]);
          expect(await inspect('session', AWKWARD)).toMatch(/\n {2}QoS 2 {2}jobs\/\+\n$/);
          expect(await inspect('session', '--', '-idle')).toMatch(/^client id: +-idle\n[^]*queue: +empty\n/);

          for (const owner of [AWKWARD, '$share/group/jobs/#']) {
            const entries = await json('queue', owner);
            expect(entries).toHaveLength(COUNT + 1);
            expect(
              entries
                .slice(0, COUNT)
                .map(({ message }) => Buffer.from((message as { payload: string }).payload, 'base64').toString()),
            ).toEqual(Array.from({ length: COUNT }, (_, i) => `job ${i}`));
            expect(entries[5]).toMatchObject({ seq: 5, packetId: 6, qos: 1, released: false });
            const table = (await inspect('queue', owner)).split('\n');
            expect(table).toHaveLength(COUNT + 3);
            expect(table[1]).toMatch(/^0 +1 +1 +waiting +\S+Z +never +5 +jobs\/all +job 0$/);
            expect(table[COUNT + 1]).toMatch(/ 100 +jobs\/last +0x(fe){32}…$/);
          }
          expect((await inspect('queue', '--', '-idle')).split('\n')).toHaveLength(2);

          expect((await json('retained')).map(({ topic }) => topic).sort()).toEqual(['jobs/last', 'other/kept']);
          expect((await json('retained', 'jobs/#')).map(({ topic, payloadBytes }) => [topic, payloadBytes])).toEqual([
            ['jobs/last', 100],
          ]);
          expect(await inspect('retained', '+/kept')).toMatch(/ 4 +other\/kept +kept\n$/);
          // Looking changes nothing.
          expect((await json())[0]).toMatchObject({ queuedMessages: 2 * (COUNT + 1) });
        }),
      PATIENCE_MS,
    );
  });
}

for (const kind of KINDS) {
  describeKinds([kind], `what is not there in ${kind}`, () => {
    test(
      'is said in one line',
      () =>
        scene(async () => {
          const store = storeOf(kind, temporaryDirectory(), 'data');
          const inspect = (...args: string[]): Promise<string> =>
            refused(['inspect', '--config', store.config, ...args]);
          expect(await inspect()).toContain(`there is no store in ${store.shown}`);
          expect(await inspect('queue', 'none')).toContain(`there is no store in ${store.shown}`);
          // Nor is there one afterwards.
          expect(await store.isThere()).toBe(false);

          expect((await (await startOn(store)).stop()).status).toBe(0);
          expect(await done(['inspect', '--config', store.config])).toMatch(/^sessions: +0 /);
          expect(await inspect('session', 'no\u001bne')).toContain('no stored session of the client "no\\u001bne"');
          expect(await inspect('queue', 'none')).toContain('no stored session and no queue of "none"');
          expect(await inspect('retained', 'a/#/b')).toContain(
            '"a/#/b" is not a Topic Filter: # is the last character',
          );
          expect(await inspect('session')).toContain('a client id is missing');
          expect(await inspect('sessions', 'surplus')).toContain('takes no name');
          expect(await inspect('everything')).toContain(
            'Allowed choices are totals, sessions, session, queue, retained',
          );
        }),
      PATIENCE_MS,
    );
  });
}

test('a directory without a store in it stays as it is', () =>
  scene(async () => {
    const data = temporaryDirectory();
    expect(await refused(['inspect', '--data', data])).toContain(`there is no store in file (${data})`);
    mkdirSync(join(data, 'something'));
    expect(await refused(['inspect', '--data', data])).toContain(`there is no store in file (${data})`);
    expect(await refused(['export', '--data', data])).toContain(`there is no store in file (${data})`);
    expect(readdirSync(data)).toEqual(['something']);
  }));

test('who has seen enough may stop reading', () =>
  scene(async () => {
    const store = storeOf('file', temporaryDirectory(), 'data');
    await fill(store);
    // More than a pipe holds, to a reader that goes after the first line.
    const script = `{ "$0" "$1" inspect queue member --config "$2" --json; "$0" "$1" inspect queue '$share/group/jobs/#' --json --config "$2"; echo "status $?" >&2; } | head -n 1`;
    const { status, stdout, stderr } = await run('sh', [
      '-c',
      script,
      process.execPath,
      join(ROOT, 'dist/src/cli/main.js'),
      store.config,
    ]);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^\{"seq":0,[^\n]*\}\n$/);
    expect(stderr).toBe('status 0\n');
  }));
