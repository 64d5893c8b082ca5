// A broker is killed with clients in every state, what it stored is moved, another starts on the target, and the
// clients come back: everything goes on where it was.
import { afterAll, describe, expect, test } from '@jest/globals';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, temporaryDirectory } from './hexmq-command.js';
import type { RunningBroker } from './hexmq-command.js';
import { exportOf, messageLine, sessionLine, subscriptionLine } from './migrate/export-lines.js';
import { ManualClient } from './migrate/manual-client.js';
import { KINDS, describeKinds, digestOf, done, refused, server, startOn, storeOf, totalsOf } from './migrate/stores.js';
import type { Kind, Store } from './migrate/stores.js';
import { Program, afterwards, run, scene, within } from './program.js';
import type { ProgramEnd } from './program.js';

const MAIN = join(ROOT, 'dist/src/cli/main.js');
const BACKLOG = 1500;
const SHARED = 20;

interface Room {
  readonly source: Store;
  readonly target: Store;
  path(name: string): string;
}

function newRoom(from: Kind = 'file', to: Kind = from): Room {
  const room = temporaryDirectory();
  return {
    source: storeOf(from, room, 'source'),
    target: storeOf(to, room, 'target'),
    path: (name) => join(room, name),
  };
}

afterAll(() => server?.stop());

/** Of tests that run the command again and again. */
const PATIENCE_MS = 180_000;

/** Publishes and waits until all of it is acknowledged. */
async function publishAll(
  broker: RunningBroker,
  clientId: string,
  topics: readonly string[],
  retain = false,
): Promise<void> {
  const writer = await ManualClient.connect(broker, clientId, false);
  topics.forEach((topic, i) => {
    writer.publish(topic, `${topic} ${i}`, 1, i + 1, { retain });
  });
  for (const _ of topics) await writer.next('puback');
  writer.send({ cmd: 'disconnect' });
}

const many = (topic: string, count: number): string[] => Array.from({ length: count }, () => topic);
const texts = (packets: readonly { payload: string | Buffer }[]): string[] =>
  packets.map(({ payload }) => payload.toString());

async function leaveEverythingHalfDone(broker: RunningBroker): Promise<number> {
  for (const [clientId, filter, qos] of [
    ['backlog', 'backlog', 1],
    ['member', '$share/group/shared', 1],
    ['counter', 'once', 2],
    ['mourner', 'wills', 1],
  ] as const) {
    const client = await ManualClient.connect(broker, clientId, false);
    await client.subscribe(filter, qos);
    client.send({ cmd: 'disconnect' });
  }
  const outbound = await ManualClient.connect(broker, 'outbound', false);
  await outbound.subscribe('q', 2);

  await publishAll(broker, 'writer', [...many('backlog', BACKLOG), ...many('shared', SHARED)]);
  await publishAll(broker, 'retainer', ['kept/1', 'kept/2'], true);

  // Half-way through QoS 2 as a publisher: the message is accepted, its release has not come.
  const inbound = await ManualClient.connect(broker, 'inbound', false, {
    topic: 'wills',
    payload: Buffer.from('inbound is gone'),
    qos: 1,
    retain: false,
  });
  inbound.publish('once', 'exactly once', 2, 77);
  await inbound.next('pubrec');
  return receiveHalfWay(broker, outbound);
}

/**
 * A subscriber with one message whose release was sent and not completed, and one that it has not answered at all.
 * @returns the packet identifier of the first.
 */
async function receiveHalfWay(broker: RunningBroker, outbound: ManualClient): Promise<number> {
  const sender = await ManualClient.connect(broker, 'sender', false);
  sender.publish('q', 'released', 2, 1);
  await sender.next('pubrec');
  sender.send({ cmd: 'pubrel', messageId: 1 });
  await sender.next('pubcomp');
  const { messageId = 0 } = await outbound.next('publish');
  outbound.send({ cmd: 'pubrec', messageId });
  await outbound.next('pubrel');
  sender.publish('q', 'in flight', 2, 2);
  await sender.next('pubrec');
  sender.send({ cmd: 'pubrel', messageId: 2 });
  await sender.next('pubcomp');
  expect(texts([await outbound.next('publish')])).toEqual(['in flight']);
  return messageId;
}

async function everyoneComesBack(broker: RunningBroker, releasedId: number): Promise<void> {
  const outbound = await ManualClient.connect(broker, 'outbound', true);
  expect((await outbound.next('pubrel')).messageId).toBe(releasedId);
  outbound.send({ cmd: 'pubcomp', messageId: releasedId });
  const again = await outbound.next('publish');
  expect([again.payload.toString(), again.qos, again.dup, again.messageId]).toEqual([
    'in flight',
    2,
    true,
    releasedId + 1,
  ]);
  outbound.send({ cmd: 'pubrec', messageId: releasedId + 1 });
  await outbound.next('pubrel');
  outbound.send({ cmd: 'pubcomp', messageId: releasedId + 1 });

  // The publisher does not know that its PUBREC had come, and sends again: that is not a second message.
  const inbound = await ManualClient.connect(broker, 'inbound', true);
  inbound.publish('once', 'exactly once', 2, 77, { dup: true });
  await inbound.next('pubrec');
  inbound.send({ cmd: 'pubrel', messageId: 77 });
  await inbound.next('pubcomp');
  const counter = await ManualClient.connect(broker, 'counter', true);
  expect(texts(await counter.takeAll(1))).toEqual(['exactly once']);

  const backlog = await ManualClient.connect(broker, 'backlog', true);
  expect(texts(await backlog.takeAll(BACKLOG))).toEqual(Array.from({ length: BACKLOG }, (_, i) => `backlog ${i}`));
  const member = await ManualClient.connect(broker, 'member', true);
  expect(texts(await member.takeAll(SHARED))).toEqual(
    Array.from({ length: SHARED }, (_, i) => `shared ${i + BACKLOG}`),
  );
  const mourner = await ManualClient.connect(broker, 'mourner', true);
  expect(texts(await mourner.takeAll(1))).toEqual(['inbound is gone']);
  await mourner.subscribe('kept/#', 1);
  expect(texts(await mourner.takeAll(2)).sort()).toEqual(['kept/1 0', 'kept/2 1']);

  // Whatever might have come a second time would have come before this.
  await publishAll(broker, 'last writer', ['q', 'once', 'backlog', 'shared', 'wills']);
  for (const [client, topic] of [
    [outbound, 'q'],
    [counter, 'once'],
    [backlog, 'backlog'],
    [member, 'shared'],
    [mourner, 'wills'],
  ] as const) {
    expect((await client.takeAll(1)).map((packet) => packet.topic)).toEqual([topic]);
  }
}

const WAYS: Readonly<Record<string, (room: Room) => Promise<void>>> = {
  'hexmq migrate': async ({ source, target }) => {
    const said = await done(['migrate', '--from', source.config, '--to', target.config]);
    expect(said).toContain(`migrated ${source.shown} to ${target.shown}, equal on both sides: sessions `);
    expect(said).toMatch(new RegExp(`, queued messages ${BACKLOG + SHARED + 3}, .*; digest [0-9a-f]{64}\n$`));
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
/** By files to the other kind, by a pipe to the same: what the ways have in common is tested between all. */
const ROUTES = PAIRS.flatMap((pair) =>
  [
    'hexmq migrate',
    pair.from === pair.to ? 'hexmq export and hexmq import, by a pipe' : 'hexmq export and hexmq import, by files',
  ].map((way) => ({ way, ...pair })),
);

for (const { way, from, to } of ROUTES) {
  describeKinds([from, to], `${way}, from ${from} to ${to}`, () => {
    test(
      'takes every state over: all goes on where it was, nothing is lost and nothing at QoS 2 comes twice',
      () =>
        scene(async () => {
          const room = newRoom(from, to);
          const { source, target } = room;
          const before = await startOn(source);
          const releasedId = await leaveEverythingHalfDone(before);
          before.program.kill('SIGKILL');
          await before.program.end();

          await WAYS[way]?.(room);
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
          await everyoneComesBack(after, releasedId);
          expect((await after.stop()).status).toBe(0);
        }),
      PATIENCE_MS,
    );
  });
}

for (const { from, to } of PAIRS) {
  describeKinds([from, to], `wills that wait, from ${from} to ${to}`, () => {
    test(
      'one whose time came meanwhile is published, one whose time has not come still waits, to the millisecond',
      () =>
        scene(async () => {
          const { source, target, path } = newRoom(from, to);
          const inAnHourMs = Date.now() + 3_600_000;
          const will = (clientId: string, id: number, dueAtMs: number) => [
            messageLine(id, `wills/${clientId}`, `${clientId} is gone`),
            { kind: 'will', clientId, delayS: 60, dueAtMs, message: id },
          ];
          const facts = [
            ...['mourner', 'late', 'early'].map((name) => sessionLine(name)),
            subscriptionLine('mourner', 'wills/#'),
            ...will('late', 1, Date.now() - 1000),
            ...will('early', 2, inAnHourMs),
          ];
          writeFileSync(path('wills.ndjson'), exportOf(facts));
          await done(['import', '--config', source.config, '--input', path('wills.ndjson')]);
          await done(['migrate', '--from', source.config, '--to', target.config]);

          const broker = await startOn(target);
          const mourner = await ManualClient.connect(broker, 'mourner', true);
          expect(texts(await mourner.takeAll(1))).toEqual(['late is gone']);
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

describe('what stands in the way is told in one line', () => {
  test(
    'files that a broker uses, and a source that is the target',
    () =>
      scene(async () => {
        const { source, target, path } = newRoom();
        const broker = await startOn(source);
        const inUse = `${path('source')} is in use by another hexmq`;
        expect(await refused(['migrate', '--from', source.config, '--to', target.config])).toContain(inUse);
        expect(await refused(['export', '--config', source.config])).toContain(inUse);
        expect(await refused(['inspect', '--config', source.config])).toContain(inUse);
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
    'a configuration, a directory or a file that is not as it should be',
    () =>
      scene(async () => {
        const { source, target, path } = newRoom();
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
        // Nothing was made for it.
        expect(await target.isThere()).toBe(false);
        expect(await refused(['migrate', '--from', source.config])).toContain('--to');
      }),
    PATIENCE_MS,
  );
});

describeKinds(['mongodb'], 'a database that a broker uses', () => {
  test(
    'is not taken from it by a look, an export, or a migration that is refused; what is read is of one moment',
    () =>
      scene(async () => {
        const { source, target } = newRoom('mongodb');
        const broker = await startOn(source);
        const writer = await ManualClient.connect(broker, 'writer', false);
        writer.publish('kept', 'before', 1, 1, { retain: true });
        await writer.next('puback');

        expect(await totalsOf(source)).toMatchObject({ sessions: 1, retainedMessages: 1 });
        const other = await startOn(target);
        await other.stop();
        expect(await done(['migrate', '--from', source.config, '--to', target.config])).toContain(
          'retained messages 1',
        );
        expect(await refused(['migrate', '--from', target.config, '--to', source.config])).toContain(
          'the target is not empty',
        );

        writer.publish('kept', 'after', 1, 2, { retain: true });
        await writer.next('puback');
        writer.send({ cmd: 'disconnect' });
        expect((await broker.stop()).status).toBe(0);
        expect(await done(['inspect', 'retained', '--config', source.config])).toContain('after');
      }),
    PATIENCE_MS,
  );
});

for (const kind of KINDS) {
  describeKinds([kind], `a target in ${kind}`, () => {
    test(
      'that is not empty, until it is told to be replaced; and an export that exists already',
      () =>
        scene(async () => {
          const { source, target, path } = newRoom(kind);
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
          // An export that was cut off does not cost what is there, even if that was to be replaced.
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
      'that was left half-way: no broker starts on it, it costs no other its content, and the next migration makes it whole',
      () =>
        scene(async () => {
          const { source, target, path } = newRoom(kind);
          const first = await startOn(source);
          await publishAll(first, 'writer', many('t', 1), true);
          await first.stop();
          await done(['export', '--config', source.config, '--output', path('x.ndjson')]);
          // From standard input that stops in the middle the target is half filled; what comes then is the end of the
          // process.
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
      'of an import that is killed with SIGKILL in the middle does not look whole',
      () =>
        scene(async () => {
          const { target, path } = newRoom(kind);
          const lines = Array.from({ length: 20_000 }, (_, i) => JSON.stringify(sessionLine(`client ${i}`)));
          writeFileSync(
            path('part.ndjson'),
            `{"kind":"header","format":"hexmq-export","version":1,"createdAtMs":0}\n${lines.join('\n')}\n`,
          );
          // What is read never ends, so it cannot be too late for the kill.
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
          // The same again, to its end, with less in it: nothing of the first attempt stays.
          writeFileSync(path('whole.ndjson'), exportOf([]));
          await done(['import', '--config', target.config, '--input', path('whole.ndjson')]);
          expect(await totalsOf(target)).toMatchObject({ unfinished: false, sessions: 0, queues: 0 });
          expect((await (await startOn(target)).stop()).status).toBe(0);
        }),
      PATIENCE_MS,
    );
  });
}

/** The mark, and more than that. */
async function untilWritten({ kind, size }: Store): Promise<void> {
  const enough = kind === 'file' ? 100_000 : 2;
  while ((await size()) < enough) await new Promise((resolve) => setTimeout(resolve, 10));
}
