// `hexmq inspect`: the content of a store, shown from outside while no broker runs.
import { afterAll, expect, test } from '@jest/globals';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, temporaryDirectory } from './hexmq-command.js';
import { KINDS, describeKinds, done, refused, server, startOn, storeOf } from './migrate/stores.js';
import type { Store } from './migrate/stores.js';
import { connect } from './mqtt-js.js';
import { run, scene } from './program.js';

afterAll(() => server?.stop());

/** For tests that run the command a dozen times. */
const PATIENCE_MS = 180_000;

/** A client identifier that would change the colour of a terminal. */
const AWKWARD = 'a\u001b[31m\nb';
const GROUP = '$share/group/jobs/#';
const COUNT = 700;

async function fill(store: Store): Promise<void> {
  const broker = await startOn(store);
  for (const [clientId, filter] of [
    [AWKWARD, 'jobs/+'],
    ['member', GROUP],
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

/** The output of `hexmq inspect` for one store. */
class Inspection {
  constructor(readonly store: Store) {}

  /** For people: tables. */
  async text(...args: string[]): Promise<string> {
    const stdout = await done(['inspect', '--config', this.store.config, ...args]);
    // No control characters, which a terminal would obey.
    expect(stdout).not.toMatch(/[^\P{Cc}\n]/u);
    return stdout;
  }

  /** For programs: one JSON value in each line. */
  async json(...args: string[]): Promise<Record<string, unknown>[]> {
    return (await this.text('--json', ...args))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  refused(...args: string[]): Promise<string> {
    return refused(['inspect', '--config', this.store.config, ...args]);
  }
}

async function expectTotals(inspection: Inspection): Promise<void> {
  expect(await inspection.json()).toEqual([
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
  expect(await inspection.text('totals')).toMatch(
    new RegExp(
      `^sessions: +3 \\(0 with a connection .*\\n.*\\nqueued messages: +${2 * (COUNT + 1)} in 2 queues, \\d+ bytes`,
    ),
  );
}

async function expectSessions(inspection: Inspection): Promise<void> {
  expect(
    (await inspection.json('sessions')).map(({ clientId, queuedMessages }) => [clientId, queuedMessages]).sort(),
  ).toEqual([
    ['-idle', 0],
    [AWKWARD, COUNT + 1],
    ['member', 0],
  ]);
  const sessions = await inspection.text('sessions');
  expect(sessions.split('\n')).toHaveLength(5);
  expect(sessions).toContain(`\na\\u{1b}[31m\\u{a}b  `);

  expect(await inspection.json('session', AWKWARD)).toEqual([
    expect.objectContaining({
      clientId: AWKWARD,
      subscriptions: [expect.objectContaining({ topicFilter: 'jobs/+', qos: 2 })],
      queue: expect.objectContaining({ messages: COUNT + 1, firstSeq: 0 }),
    }),
  ]);
  expect(await inspection.text('session', AWKWARD)).toMatch(/\n {2}QoS 2 {2}jobs\/\+\n$/);
  expect(await inspection.text('session', '--', '-idle')).toMatch(/^client id: +-idle\n[^]*queue: +empty\n/);
}

async function expectQueues(inspection: Inspection): Promise<void> {
  for (const owner of [AWKWARD, GROUP]) {
    const entries = await inspection.json('queue', owner);
    expect(entries).toHaveLength(COUNT + 1);
    expect(
      entries
        .slice(0, COUNT)
        .map(({ message }) => Buffer.from((message as { payload: string }).payload, 'base64').toString()),
    ).toEqual(Array.from({ length: COUNT }, (_, i) => `job ${i}`));
    expect(entries[5]).toMatchObject({ seq: 5, packetId: 6, qos: 1, released: false });
    const table = (await inspection.text('queue', owner)).split('\n');
    expect(table).toHaveLength(COUNT + 3);
    expect(table[1]).toMatch(/^0 +1 +1 +waiting +\S+Z +never +5 +jobs\/all +job 0$/);
    expect(table[COUNT + 1]).toMatch(/ 100 +jobs\/last +0x(fe){32}…$/);
  }
  expect((await inspection.text('queue', '--', '-idle')).split('\n')).toHaveLength(2);
}

async function expectRetained(inspection: Inspection): Promise<void> {
  expect((await inspection.json('retained')).map(({ topic }) => topic).sort()).toEqual(['jobs/last', 'other/kept']);
  expect((await inspection.json('retained', 'jobs/#')).map(({ topic, payloadBytes }) => [topic, payloadBytes])).toEqual(
    [['jobs/last', 100]],
  );
  expect(await inspection.text('retained', '+/kept')).toMatch(/ 4 +other\/kept +kept\n$/);
}

for (const kind of KINDS) {
  describeKinds([kind], `hexmq inspect on a store of kind ${kind}`, () => {
    test(
      `hexmq inspect shows a ${kind} store in tables and in lines of JSON with the same content, and changes nothing`,
      () =>
        scene(async () => {
          const store = storeOf(kind, temporaryDirectory(), 'data');
          await fill(store);
          const inspection = new Inspection(store);
          await expectTotals(inspection);
          await expectSessions(inspection);
          await expectQueues(inspection);
          await expectRetained(inspection);
          await expectTotals(inspection);
        }),
      PATIENCE_MS,
    );

    test(
      `hexmq inspect answers in one line for a ${kind} store, session or queue that does not exist`,
      () =>
        scene(async () => {
          const store = storeOf(kind, temporaryDirectory(), 'data');
          const inspection = new Inspection(store);
          expect(await inspection.refused()).toContain(`there is no store in ${store.shown}`);
          expect(await inspection.refused('queue', 'none')).toContain(`there is no store in ${store.shown}`);
          // The command has not created one.
          expect(await store.isThere()).toBe(false);

          expect((await (await startOn(store)).stop()).status).toBe(0);
          expect(await inspection.text()).toMatch(/^sessions: +0 /);
          for (const [args, line] of [
            [['session', 'no\u001bne'], 'no stored session of the client "no\\u001bne"'],
            [['queue', 'none'], 'no stored session and no queue of "none"'],
            [['retained', 'a/#/b'], '"a/#/b" is not a Topic Filter: # is the last character'],
            [['session'], 'a client id is missing'],
            [['sessions', 'surplus'], 'takes no name'],
            [['everything'], 'Allowed choices are totals, sessions, session, queue, retained'],
          ] as const)
            expect(await inspection.refused(...args)).toContain(line);
        }),
      PATIENCE_MS,
    );
  });
}

test('hexmq inspect and hexmq export leave a directory without a store as it is', () =>
  scene(async () => {
    const data = temporaryDirectory();
    expect(await refused(['inspect', '--data', data])).toContain(`there is no store in file (${data})`);
    mkdirSync(join(data, 'something'));
    expect(await refused(['inspect', '--data', data])).toContain(`there is no store in file (${data})`);
    expect(await refused(['export', '--data', data])).toContain(`there is no store in file (${data})`);
    expect(readdirSync(data)).toEqual(['something']);
  }));

test('hexmq inspect ends with status 0 when its reader closes the pipe early', () =>
  scene(async () => {
    const store = storeOf('file', temporaryDirectory(), 'data');
    await fill(store);
    // The output is larger than a pipe holds, and its reader ends after the first line.
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
