// Migrations between stores: a broker is killed with clients in every state, its store is moved, another broker starts
// on the target, and the clients reconnect and continue where they were.
import { afterAll, describe, expect, test } from '@jest/globals';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pubcomp, publish, pubrec, pubrel } from '../clients/raw-packets.js';
import type { WillFields } from '../clients/raw-packets.js';
import { within } from '../clients/within.js';
import { ROOT, temporaryDirectory } from './hexmq-command.js';
import type { RunningBroker } from './hexmq-command.js';
import { exportOf, messageLine, sessionLine, subscriptionLine } from './migrate/export-lines.js';
import { KINDS, describeKinds, digestOf, done, refused, server, startOn, storeOf, totalsOf } from './migrate/stores.js';
import type { Kind, Store } from './migrate/stores.js';
import { Program, afterwards, run, scene } from './program.js';
import type { ProgramEnd } from './program.js';
import { reconnected } from './raw-socket.js';
import type { RawSocketClient } from './raw-socket.js';

const MAIN = join(ROOT, 'dist/src/cli/main.js');
const BACKLOG = 1500;
const SHARED = 20;

interface Stores {
  readonly source: Store;
  readonly target: Store;
  /** A file in the temporary directory of the test. */
  path(name: string): string;
}

function newStores(from: Kind = 'file', to: Kind = from): Stores {
  const directory = temporaryDirectory();
  return {
    source: storeOf(from, directory, 'source'),
    target: storeOf(to, directory, 'target'),
    path: (name) => join(directory, name),
  };
}

afterAll(() => server?.stop());

/** For tests that run the command many times. */
const PATIENCE_MS = 180_000;

/** A client with a stored session, which the broker has to have already or not. */
async function stored(
  broker: RunningBroker,
  clientId: string,
  session: 'new' | 'present',
  will?: WillFields,
): Promise<RawSocketClient> {
  const fields = { clientId, clean: false, ...(will === undefined ? {} : { will }) };
  const { client, sessionPresent } = await reconnected(broker, fields);
  expect({ clientId, sessionPresent }).toEqual({ clientId, sessionPresent: session === 'present' });
  return client;
}

/** Publishes to these topics at QoS 1, and waits for all acknowledgements. */
async function publishAll(
  broker: RunningBroker,
  clientId: string,
  topics: readonly string[],
  retain = false,
): Promise<void> {
  const client = await stored(broker, clientId, 'new');
  topics.forEach((topic, i) => {
    client.send(publish({ topic, payload: `${topic} ${i}`, qos: 1, packetId: i + 1, retain }));
  });
  for (const _ of topics) await client.next('puback');
  await client.disconnect();
}

const many = (topic: string, count: number): string[] => Array.from({ length: count }, () => topic);

/** The payloads of the next messages, each acknowledged completely. */
async function payloads(client: RawSocketClient, count: number): Promise<string[]> {
  const received: string[] = [];
  while (received.length < count) received.push((await client.accept()).payload);
  return received;
}

/**
 * Leaves clients in every state that a store can have.
 * @returns the Packet Identifier of the message whose PUBREL was sent and not completed.
 */
async function leaveEveryState(broker: RunningBroker): Promise<number> {
  for (const [clientId, topicFilter, qos] of [
    ['backlog', 'backlog', 1],
    ['member', '$share/group/shared', 1],
    ['exactly once', 'once', 2],
    ['will reader', 'wills', 1],
  ] as const) {
    const client = await stored(broker, clientId, 'new');
    await client.subscribe([topicFilter, qos]);
    await client.disconnect();
  }
  const outbound = await stored(broker, 'outbound', 'new');
  await outbound.subscribe(['q', 2]);

  await publishAll(broker, 'writer', [...many('backlog', BACKLOG), ...many('shared', SHARED)]);
  await publishAll(broker, 'retainer', ['kept/1', 'kept/2'], true);

  // A QoS 2 publisher whose message is accepted and whose PUBREL has not been sent.
  const will = { topic: 'wills', payload: 'inbound is gone', qos: 1 } as const;
  const inbound = await stored(broker, 'inbound', 'new', will);
  inbound.send(publish({ topic: 'once', payload: 'exactly once', qos: 2, packetId: 77 }));
  await inbound.next('pubrec');
  return receiveIncompletely(broker, outbound);
}

/**
 * Leaves a subscriber with two QoS 2 messages: it has answered the first with PUBREC but not its PUBREL, and the second
 * not at all.
 * @returns the Packet Identifier of the first.
 */
async function receiveIncompletely(broker: RunningBroker, outbound: RawSocketClient): Promise<number> {
  const sender = await stored(broker, 'sender', 'new');
  await sender.publish({ topic: 'q', payload: 'released', qos: 2 });
  const { packetId } = await outbound.next('publish');
  outbound.send(pubrec(packetId));
  await outbound.next('pubrel');
  await sender.publish({ topic: 'q', payload: 'in flight', qos: 2 });
  await outbound.expectPublish({ payload: 'in flight' });
  return packetId;
}

async function expectAllClientsContinue(broker: RunningBroker, releasedId: number): Promise<void> {
  const outbound = await stored(broker, 'outbound', 'present');
  expect((await outbound.next('pubrel')).packetId).toBe(releasedId);
  outbound.send(pubcomp(releasedId));
  await outbound.accept({ payload: 'in flight', qos: 2, dup: true, packetId: releasedId + 1 });

  // The publisher does not know whether its message was accepted, and repeats it: it must not arrive a second time.
  const inbound = await stored(broker, 'inbound', 'present');
  inbound.send(publish({ topic: 'once', payload: 'exactly once', qos: 2, packetId: 77, dup: true }));
  await inbound.next('pubrec');
  inbound.send(pubrel(77));
  await inbound.next('pubcomp');
  const once = await stored(broker, 'exactly once', 'present');
  expect(await payloads(once, 1)).toEqual(['exactly once']);

  const backlog = await stored(broker, 'backlog', 'present');
  expect(await payloads(backlog, BACKLOG)).toEqual(Array.from({ length: BACKLOG }, (_, i) => `backlog ${i}`));
  const member = await stored(broker, 'member', 'present');
  expect(await payloads(member, SHARED)).toEqual(Array.from({ length: SHARED }, (_, i) => `shared ${i + BACKLOG}`));
  const willReader = await stored(broker, 'will reader', 'present');
  expect(await payloads(willReader, 1)).toEqual(['inbound is gone']);
  await willReader.subscribe(['kept/#', 1]);
  expect((await payloads(willReader, 2)).sort()).toEqual(['kept/1 0', 'kept/2 1']);

  // Each queue is in order: a duplicate of an earlier message would arrive before these.
  await publishAll(broker, 'last writer', ['q', 'once', 'backlog', 'shared', 'wills']);
  for (const [client, topic] of [
    [outbound, 'q'],
    [once, 'once'],
    [backlog, 'backlog'],
    [member, 'shared'],
    [willReader, 'wills'],
  ] as const) {
    await client.accept({ topic });
  }
}

const WAYS: Readonly<Record<string, (stores: Stores) => Promise<void>>> = {
  'hexmq migrate': async ({ source, target }) => {
    const output = await done(['migrate', '--from', source.config, '--to', target.config]);
    expect(output).toContain(`migrated ${source.shown} to ${target.shown}, equal on both sides: sessions `);
    expect(output).toMatch(new RegExp(`, queued messages ${BACKLOG + SHARED + 3}, .*; digest [0-9a-f]{64}\n$`));
  },
  'hexmq export and hexmq import, by files': async ({ source, target, path }) => {
    expect(await done(['export', '--config', source.config, '--output', path('all.ndjson')])).toBe('');
    expect(await done(['import', '--config', target.config, '--input', path('all.ndjson')])).toContain(
      `imported into ${target.shown}: sessions `,
    );
  },
  'hexmq export and hexmq import, by a pipe': async ({ source, target }) => {
    const pipe = `"$0" "$1" export --config "$2" | "$0" "$1" import --config "$3"`;
    const { status, stdout }: ProgramEnd = await run('sh', [
      '-c',
      pipe,
      process.execPath,
      MAIN,
      source.config,
      target.config,
    ]);
    expect({ status, stdout: stdout.slice(0, 8) }).toEqual({ status: 0, stdout: 'imported' });
  },
};

const PAIRS = KINDS.flatMap((from) => KINDS.map((to) => ({ from, to })));
/** Export and import through files to the other kind, through a pipe to the same kind, and `migrate` everywhere. */
const ROUTES = PAIRS.flatMap((pair) =>
  [
    'hexmq migrate',
    pair.from === pair.to ? 'hexmq export and hexmq import, by a pipe' : 'hexmq export and hexmq import, by files',
  ].map((way) => ({ way, ...pair })),
);

for (const { way, from, to } of ROUTES) {
  describeKinds([from, to], `${way}, from ${from} to ${to}`, () => {
    test(
      `${way} from ${from} to ${to} moves every state: clients continue, and QoS 2 messages arrive exactly once`,
      () =>
        scene(async () => {
          const stores = newStores(from, to);
          const { source, target } = stores;
          const before = await startOn(source);
          const releasedId = await leaveEveryState(before);
          before.program.kill('SIGKILL');
          await before.program.end();

          await WAYS[way]?.(stores);
          const totals = await totalsOf(target);
          expect(totals).toEqual(await totalsOf(source));
          expect(totals).toMatchObject({
            queuedMessages: BACKLOG + SHARED + 3,
            wills: 1,
            inboundPacketIds: 1,
            retainedMessages: 2,
            unfinished: false,
          });

          const after = await startOn(target);
          await expectAllClientsContinue(after, releasedId);
          expect((await after.stop()).status).toBe(0);
        }),
      PATIENCE_MS,
    );
  });
}

for (const { from, to } of PAIRS) {
  describeKinds([from, to], `delayed wills, from ${from} to ${to}`, () => {
    test(
      `a migration from ${from} to ${to} publishes wills that are due, and keeps the due time of others to the millisecond`,
      () =>
        scene(async () => {
          const { source, target, path } = newStores(from, to);
          const inAnHourMs = Date.now() + 3_600_000;
          const will = (clientId: string, id: number, dueAtMs: number) => [
            messageLine(id, `wills/${clientId}`, `${clientId} is gone`),
            { kind: 'will', clientId, delayS: 60, dueAtMs, message: id },
          ];
          const facts = [
            ...['reader', 'late', 'early'].map((name) => sessionLine(name)),
            subscriptionLine('reader', 'wills/#'),
            ...will('late', 1, Date.now() - 1000),
            ...will('early', 2, inAnHourMs),
          ];
          writeFileSync(path('wills.ndjson'), exportOf(facts));
          await done(['import', '--config', source.config, '--input', path('wills.ndjson')]);
          await done(['migrate', '--from', source.config, '--to', target.config]);

          const broker = await startOn(target);
          const reader = await stored(broker, 'reader', 'present');
          expect(await payloads(reader, 1)).toEqual(['late is gone']);
          expect((await broker.stop()).status).toBe(0);
          expect(
            JSON.parse(await done(['inspect', 'session', 'early', '--config', target.config, '--json'])),
          ).toMatchObject({ will: { delayS: 60, dueAtMs: inAnHourMs } });
          expect(await totalsOf(target)).toMatchObject({ wills: 1 });
        }),
      PATIENCE_MS,
    );
  });
}

describe('refusals of migrate, export, import and inspect', () => {
  test(
    'a data directory in use, a missing source, and a target that is the source are each refused in one line, and inspect shows the running broker',
    () =>
      scene(async () => {
        const { source, target, path } = newStores();
        const broker = await startOn(source);
        const inUse = `${path('source')} is in use by another hexmq`;
        expect(await refused(['migrate', '--from', source.config, '--to', target.config])).toContain(inUse);
        expect(await refused(['export', '--config', source.config])).toContain(inUse);
        // The broker that has it answers.
        expect(await done(['inspect', '--config', source.config])).toContain(`process ${broker.program.pid}`);
        expect((await broker.stop()).status).toBe(0);
        expect(await refused(['migrate', '--from', target.config, '--to', source.config])).toContain(
          `there is no store in ${target.shown}`,
        );
        expect(await refused(['migrate', '--from', source.config, '--to', source.config])).toContain(
          '--from and --to are the same storage',
        );
      }),
    PATIENCE_MS,
  );

  test(
    'an invalid configuration, directory or export file is refused in one line, and nothing is created',
    () =>
      scene(async () => {
        const { source, target, path } = newStores();
        expect(await refused(['migrate', '--from', path('none.yaml'), '--to', target.config])).toMatch(
          /--from: .*there is no such file/,
        );
        writeFileSync(path('bad.yaml'), 'storage: { adaptor: file }\n');
        expect(await refused(['migrate', '--from', source.config, '--to', path('bad.yaml')])).toMatch(
          /--to: storage\.adaptor: unknown key/,
        );
        expect(await refused(['migrate', '--from', source.config, '--to', target.config])).toContain(
          `there is no store in ${source.shown}`,
        );
        expect(await source.isThere()).toBe(false);
        expect(await refused(['inspect', '--storage', 'memory'])).toContain('memory keeps nothing');
        writeFileSync(path('file'), 'not a directory');
        expect(await refused(['inspect', '--data', path('file')])).toContain('is not a directory');
        expect(await refused(['import', '--config', target.config, '--input', path('none.ndjson')])).toMatch(
          /cannot read .*none\.ndjson: ENOENT/,
        );
        writeFileSync(
          path('bad.ndjson'),
          '{"kind":"header","format":"hexmq-export","version":1,"createdAtMs":0}\n{"kind":"session"}\n',
        );
        expect(await refused(['import', '--config', target.config, '--input', path('bad.ndjson')])).toMatch(
          /bad\.ndjson, line 2: clientId: expected text, got nothing\n$/,
        );
        // No refused command has created the target.
        expect(await target.isThere()).toBe(false);
        expect(await refused(['migrate', '--from', source.config])).toContain('--to');
      }),
    PATIENCE_MS,
  );
});

describeKinds(['mongodb'], 'a database in use', () => {
  test(
    'a broker keeps its database while inspect, migrate and a refused migration read it, and they read a snapshot',
    () =>
      scene(async () => {
        const { source, target } = newStores('mongodb');
        const broker = await startOn(source);
        const writer = await stored(broker, 'writer', 'new');
        await writer.publish({ topic: 'kept', payload: 'before', qos: 1, retain: true });

        expect(await totalsOf(source)).toMatchObject({ sessions: 1, retainedMessages: 1 });
        const other = await startOn(target);
        await other.stop();
        expect(await done(['migrate', '--from', source.config, '--to', target.config])).toContain(
          'retained messages 1',
        );
        expect(await refused(['migrate', '--from', target.config, '--to', source.config])).toContain(
          'the target is not empty',
        );

        await writer.publish({ topic: 'kept', payload: 'after', qos: 1, retain: true });
        await writer.disconnect();
        expect((await broker.stop()).status).toBe(0);
        expect(await done(['inspect', 'retained', '--config', source.config])).toContain('after');
      }),
    PATIENCE_MS,
  );
});

for (const kind of KINDS) {
  describeKinds([kind], `a target of kind ${kind}`, () => {
    test(
      `a target of kind ${kind} that is not empty is refused without --replace, and an export file is never overwritten`,
      () =>
        scene(async () => {
          const { source, target, path } = newStores(kind);
          const first = await startOn(source);
          await publishAll(first, 'writer', ['new'], true);
          await first.stop();
          const second = await startOn(target);
          await publishAll(second, 'old writer', ['old'], true);
          await second.stop();
          const retained = (): Promise<string> => done(['inspect', 'retained', '--config', target.config, '--json']);

          expect(await refused(['migrate', '--from', source.config, '--to', target.config])).toContain(
            'the target is not empty (sessions: 1, ',
          );
          expect(await retained()).toContain('"topic":"old"');
          await done(['export', '--config', source.config, '--output', path('x.ndjson')]);
          expect(await refused(['export', '--config', source.config, '--output', path('x.ndjson')])).toContain(
            'exists already',
          );
          // An incomplete export leaves the target as it is, even with --replace.
          writeFileSync(path('cut.ndjson'), readFileSync(path('x.ndjson'), 'utf8').split('\n').slice(0, 3).join('\n'));
          expect(
            await refused(['import', '--config', target.config, '--input', path('cut.ndjson'), '--replace']),
          ).toContain('the export is incomplete');
          expect(await retained()).toContain('"topic":"old"');
          expect(await refused(['import', '--config', target.config, '--input', path('x.ndjson')])).toContain(
            'the target is not empty',
          );

          await done(['migrate', '--from', source.config, '--to', target.config, '--replace']);
          expect(await retained()).toContain('"topic":"new"');
          expect(await retained()).not.toContain('"topic":"old"');
        }),
      PATIENCE_MS,
    );

    test(
      `an interrupted target of kind ${kind} is refused as a store and as a source, and the next migration completes it`,
      () =>
        scene(async () => {
          const { source, target, path } = newStores(kind);
          const first = await startOn(source);
          await publishAll(first, 'writer', many('t', 1), true);
          await first.stop();
          await done(['export', '--config', source.config, '--output', path('x.ndjson')]);
          // Standard input that ends in the middle leaves the target with a part of the export.
          const [header = '', session = ''] = readFileSync(path('x.ndjson'), 'utf8').split('\n');
          const script = `printf '%s\\n%s\\n' "$3" "$4" | "$0" "$1" import --config "$2"`;
          const { status, stderr } = await run('sh', [
            '-c',
            script,
            process.execPath,
            MAIN,
            target.config,
            header,
            session,
          ]);
          expect({ status, stderr }).toEqual({
            status: 1,
            stderr: 'hexmq: standard input, line 3: the last line (kind "end") is missing: the export is incomplete\n',
          });
          expect(await refused(['start', '--port', '0', '--config', target.config, '--log-level', 'silent'])).toContain(
            'was interrupted',
          );
          expect(await done(['inspect', '--config', target.config])).toContain('has not finished');
          const before = await digestOf(source);
          expect(await refused(['migrate', '--from', target.config, '--to', source.config, '--replace'])).toContain(
            'was interrupted',
          );
          expect(await refused(['export', '--config', target.config])).toContain('was interrupted');
          expect(await digestOf(source)).toBe(before);

          await done(['migrate', '--from', source.config, '--to', target.config]);
          expect((await (await startOn(target)).stop()).status).toBe(0);
        }),
      PATIENCE_MS,
    );

    test(
      `a target of kind ${kind} whose import was killed is refused as a store, and the next import replaces it`,
      () =>
        scene(async () => {
          const { target, path } = newStores(kind);
          const lines = Array.from({ length: 20_000 }, (_, i) => JSON.stringify(sessionLine(`client ${i}`)));
          writeFileSync(
            path('part.ndjson'),
            `{"kind":"header","format":"hexmq-export","version":1,"createdAtMs":0}\n${lines.join('\n')}\n`,
          );
          // The input never ends, so the import is still running when it is killed.
          const script = '{ cat "$2"; sleep 600; } | "$0" "$1" import --config "$3"';
          const program = new Program(
            'sh',
            ['-c', script, process.execPath, MAIN, path('part.ndjson'), target.config],
            { isGroup: true },
          );
          afterwards(() => {
            program.kill('SIGKILL');
          });
          await within(untilWritten(target), 'the import to write');
          program.kill('SIGKILL');
          await program.end();

          expect(await refused(['start', '--port', '0', '--config', target.config, '--log-level', 'silent'])).toContain(
            'was interrupted',
          );
          expect(await totalsOf(target)).toMatchObject({ unfinished: true });
          // The second import has less content: nothing of the first one may stay.
          writeFileSync(path('whole.ndjson'), exportOf([]));
          await done(['import', '--config', target.config, '--input', path('whole.ndjson')]);
          expect(await totalsOf(target)).toMatchObject({ unfinished: false, sessions: 0, queues: 0 });
          expect((await (await startOn(target)).stop()).status).toBe(0);
        }),
      PATIENCE_MS,
    );
  });
}

/** Resolves when the import has written more than the mark of an unfinished import. */
async function untilWritten({ kind, size }: Store): Promise<void> {
  const enough = kind === 'file' ? 100_000 : 2;
  while ((await size()) < enough) await new Promise((resolve) => setTimeout(resolve, 10));
}
