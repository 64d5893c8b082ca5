// A broker is killed with clients in every state, what it stored is moved, another starts on the target, and the clients come back: everything goes on
// where it was.
import { describe, expect, test } from '@jest/globals';
import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, hexmq, startBroker, temporaryDirectory } from './hexmq-command.js';
import type { RunningBroker } from './hexmq-command.js';
import { ManualClient } from './migrate/manual-client.js';
import { Program, afterwards, run, scene, within } from './program.js';
import type { ProgramEnd } from './program.js';

const MAIN = join(ROOT, 'dist/src/cli/main.js');
const BACKLOG = 1500;
const SHARED = 20;

interface Room {
  readonly source: string;
  readonly target: string;
  readonly sourceConfig: string;
  readonly targetConfig: string;
  path(name: string): string;
}

function newRoom(): Room {
  const room = temporaryDirectory();
  const path = (name: string): string => join(room, name);
  const configOf = (name: string): string => {
    writeFileSync(path(`${name}.yaml`), `storage: { adapter: file, options: { directory: '${path(name)}' } }\n`);
    return path(`${name}.yaml`);
  };
  return { source: path('source'), target: path('target'), sourceConfig: configOf('source'), targetConfig: configOf('target'), path };
}

async function start(config: string): Promise<RunningBroker> {
  // The wills of those who were connected do not wait for them to come back.
  const broker = await startBroker(['--port', '0', '--config', config], { env: { HEXMQ_LIMITS_WILL_GRACE_AFTER_RESTART_MS: '0' } });
  afterwards(() => {
    broker.program.kill('SIGKILL');
  });
  return broker;
}

/** A `hexmq` that has to do what it was told, and says what it said. */
async function done(args: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await hexmq(args);
  expect({ status, stderr: stderr.replace(/^exported .*\n/, '') }).toEqual({ status: 0, stderr: '' });
  return stdout;
}

/** One line on standard error and status 1. */
async function refused(args: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await hexmq(args);
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
  expect(stderr).toMatch(/^(hexmq|error): [^\n]+\n$/);
  return stderr;
}

/** Publishes and waits until all of it is acknowledged. */
async function publishAll(broker: RunningBroker, clientId: string, topics: readonly string[], retain = false): Promise<void> {
  const writer = await ManualClient.connect(broker, clientId, false);
  topics.forEach((topic, i) => {
    writer.publish(topic, `${topic} ${i}`, 1, i + 1, { retain });
  });
  for (const _ of topics) await writer.next('puback');
  writer.send({ cmd: 'disconnect' });
}

const many = (topic: string, count: number): string[] => Array.from({ length: count }, () => topic);
const texts = (packets: readonly { payload: string | Buffer }[]): string[] => packets.map(({ payload }) => payload.toString());

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
  const inbound = await ManualClient.connect(broker, 'inbound', false, { topic: 'wills', payload: Buffer.from('inbound is gone'), qos: 1, retain: false });
  inbound.publish('once', 'exactly once', 2, 77);
  await inbound.next('pubrec');
  return receiveHalfWay(broker, outbound);
}

/** A subscriber with one message whose release was sent and not completed, and one that it has not answered at all. @returns the packet identifier of the first. */
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
  expect([again.payload.toString(), again.qos, again.dup, again.messageId]).toEqual(['in flight', 2, true, releasedId + 1]);
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
  expect(texts(await member.takeAll(SHARED))).toEqual(Array.from({ length: SHARED }, (_, i) => `shared ${i + BACKLOG}`));
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
  'hexmq migrate': async ({ sourceConfig, targetConfig }) => {
    expect(await done(['migrate', '--from', sourceConfig, '--to', targetConfig])).toMatch(
      new RegExp(`^migrated file \\(.*/source\\) to file \\(.*/target\\), the same on both sides: sessions \\d+, .*queued messages ${BACKLOG + SHARED + 3}, .*digest [0-9a-f]{64}\\n$`),
    );
  },
  'hexmq export and hexmq import, by files': async ({ sourceConfig, target, path }) => {
    expect(await done(['export', '--config', sourceConfig, '--output', path('all.ndjson')])).toBe('');
    expect(await done(['import', '--data', target, '--input', path('all.ndjson')])).toMatch(/^imported into file \(.*\/target\): sessions \d+, /);
  },
  'hexmq export and hexmq import, by a pipe': async ({ source, target }) => {
    const pipe = `"$0" "$1" export --data "$2" | "$0" "$1" import --data "$3"`;
    const { status, stdout }: ProgramEnd = await run('sh', ['-c', pipe, process.execPath, MAIN, source, target]);
    expect({ status, stdout: stdout.slice(0, 8) }).toEqual({ status: 0, stdout: 'imported' });
  },
};

describe.each(Object.keys(WAYS))('%s', (way) => {
  test('takes every state over: all goes on where it was, nothing is lost and nothing at QoS 2 comes twice', () =>
    scene(async () => {
      const room = newRoom();
      const before = await start(room.sourceConfig);
      const releasedId = await leaveEverythingHalfDone(before);
      before.program.kill('SIGKILL');
      await before.program.end();

      await WAYS[way]?.(room);
      const totals = await done(['inspect', '--data', room.target, '--json']);
      expect(totals).toBe(await done(['inspect', '--data', room.source, '--json']));
      expect(JSON.parse(totals)).toMatchObject({ queuedMessages: BACKLOG + SHARED + 3, wills: 1, inboundPacketIds: 1, retainedMessages: 2, unfinished: false });

      const after = await start(room.targetConfig);
      await everyoneComesBack(after, releasedId);
      expect((await after.stop()).status).toBe(0);
    }));
});

describe('what stands in the way is told in one line', () => {
  test('a source or a target that a broker uses, and one that is the other', () =>
    scene(async () => {
      const { sourceConfig, targetConfig, source } = newRoom();
      const broker = await start(sourceConfig);
      expect(await refused(['migrate', '--from', sourceConfig, '--to', targetConfig])).toContain(`${source} is in use by another hexmq`);
      expect(await refused(['export', '--config', sourceConfig])).toContain(`${source} is in use by another hexmq`);
      expect(await refused(['inspect', '--config', sourceConfig])).toContain(`${source} is in use by another hexmq`);
      expect((await broker.stop()).status).toBe(0);
      expect(await refused(['migrate', '--from', sourceConfig, '--to', sourceConfig])).toContain('--from and --to are the same storage');
    }));

  test('a configuration, a directory or a file that is not as it should be', () =>
    scene(async () => {
      const { sourceConfig, targetConfig, source, target, path } = newRoom();
      expect(await refused(['migrate', '--from', path('none.yaml'), '--to', targetConfig])).toMatch(/--from: .*there is no such file/);
      writeFileSync(path('bad.yaml'), 'storage: { adaptor: file }\n');
      expect(await refused(['migrate', '--from', sourceConfig, '--to', path('bad.yaml')])).toMatch(/--to: storage\.adaptor: unknown key/);
      expect(await refused(['migrate', '--from', sourceConfig, '--to', targetConfig])).toContain(`there is no directory ${source}`);
      expect(existsSync(source)).toBe(false);
      expect(await refused(['inspect', '--storage', 'memory'])).toContain('memory keeps nothing');
      writeFileSync(path('file'), 'not a directory');
      expect(await refused(['inspect', '--data', path('file')])).toContain('is no directory');
      expect(await refused(['import', '--data', target, '--input', path('none.ndjson')])).toMatch(/cannot read .*none\.ndjson: ENOENT/);
      writeFileSync(path('bad.ndjson'), '{"kind":"header","format":"hexmq-export","version":1,"createdAtMs":0}\n{"kind":"session"}\n');
      expect(await refused(['import', '--data', target, '--input', path('bad.ndjson')])).toMatch(/bad\.ndjson, line 2: clientId: expected text, got nothing\n$/);
      // Nothing was made for it.
      expect(existsSync(target)).toBe(false);
      expect(await refused(['migrate', '--from', sourceConfig])).toContain('--to');
    }));

  test('a target that is not empty, until it is told to be replaced; and an export that is there already', () =>
    scene(async () => {
      const { sourceConfig, targetConfig, source, target, path } = newRoom();
      const first = await start(sourceConfig);
      await publishAll(first, 'writer', ['new'], true);
      await first.stop();
      const second = await start(targetConfig);
      await publishAll(second, 'old writer', ['old'], true);
      await second.stop();

      expect(await refused(['migrate', '--from', sourceConfig, '--to', targetConfig])).toContain('the target is not empty (sessions: 1, ');
      expect(await done(['inspect', 'retained', '--data', target, '--json'])).toContain('"topic":"old"');
      await done(['export', '--data', source, '--output', path('x.ndjson')]);
      expect(await refused(['export', '--data', source, '--output', path('x.ndjson')])).toContain('is there already');
      // An export that was cut off does not cost what is there, even if that was to be replaced.
      writeFileSync(path('cut.ndjson'), readFileSync(path('x.ndjson'), 'utf8').split('\n').slice(0, 3).join('\n'));
      expect(await refused(['import', '--data', target, '--input', path('cut.ndjson'), '--replace'])).toContain('it is not whole');
      expect(await done(['inspect', 'retained', '--data', target, '--json'])).toContain('"topic":"old"');
      expect(await refused(['import', '--data', target, '--input', path('x.ndjson')])).toContain('the target is not empty');

      await done(['migrate', '--from', sourceConfig, '--to', targetConfig, '--replace']);
      const retained = await done(['inspect', 'retained', '--data', target, '--json']);
      expect(retained).toContain('"topic":"new"');
      expect(retained).not.toContain('"topic":"old"');
    }));

  test('a target that a killed migration left half-way: no broker starts on it, and the next migration makes it whole', () =>
    scene(async () => {
      const { sourceConfig, targetConfig, target, path } = newRoom();
      const first = await start(sourceConfig);
      await publishAll(first, 'writer', many('t', 1), true);
      await first.stop();
      await done(['export', '--config', sourceConfig, '--output', path('x.ndjson')]);
      // From standard input that stops in the middle the target is half filled; what comes then is the end of the process.
      const [header = '', session = ''] = readFileSync(path('x.ndjson'), 'utf8').split('\n');
        const { status, stderr } = await run('sh', ['-c', `printf '%s\\n%s\\n' "$3" "$4" | "$0" "$1" import --data "$2"`, process.execPath, MAIN, target, header, session]);
      expect({ status, stderr }).toEqual({ status: 1, stderr: 'hexmq: standard input, line 3: the export ends without its last line (kind "end"): it is not whole\n' });
      expect(await refused(['start', '--port', '0', '--config', targetConfig, '--log-level', 'silent'])).toContain('did not come to its end');
      expect(await done(['inspect', '--data', target])).toContain('did not come to its end');

      await done(['migrate', '--from', sourceConfig, '--to', targetConfig]);
      expect((await (await start(targetConfig)).stop()).status).toBe(0);
    }));

  test('an import that is killed with SIGKILL in the middle leaves no storage that looks whole', () =>
    scene(async () => {
      const { targetConfig, target, path } = newRoom();
      const lines = Array.from({ length: 20_000 }, (_, i) => `{"kind":"session","clientId":"client ${i}","expiryIntervalS":4294967295}\n`);
      writeFileSync(path('part.ndjson'), `{"kind":"header","format":"hexmq-export","version":1,"createdAtMs":0}\n${lines.join('')}`);
      // What is read never ends, so it cannot be too late for the kill.
      const script = '{ cat "$2"; sleep 600; } | "$0" "$1" import --data "$3"';
      const program = new Program('sh', ['-c', script, process.execPath, MAIN, path('part.ndjson'), target], { isGroup: true });
      afterwards(() => {
        program.kill('SIGKILL');
      });
      await within(untilWritten(target, 100_000), 'the import to write');
      program.kill('SIGKILL');
      await program.end();

      expect(await refused(['start', '--port', '0', '--config', targetConfig, '--log-level', 'silent'])).toContain('did not come to its end');
      expect(JSON.parse(await done(['inspect', '--data', target, '--json']))).toMatchObject({ unfinished: true });
      // The same again, to its end, with less in it: nothing of the first attempt stays.
      const empty = '{"kind":"end","counts":{"session":0,"subscription":0,"inbound":0,"will":0,"entry":0,"retained":0},';
      writeFileSync(path('whole.ndjson'), `{"kind":"header","format":"hexmq-export","version":1,"createdAtMs":0}\n${empty}"digest":"${'0'.repeat(64)}"}\n`);
      await done(['import', '--data', target, '--input', path('whole.ndjson')]);
      expect(JSON.parse(await done(['inspect', '--data', target, '--json']))).toMatchObject({ unfinished: false, sessions: 0, queues: 0 });
      expect((await (await start(targetConfig)).stop()).status).toBe(0);
    }));
});

async function untilWritten(directory: string, bytes: number): Promise<void> {
  const sizeOf = (): number => readdirSync(directory).reduce((sum, name) => sum + (statSync(join(directory, name), { throwIfNoEntry: false })?.size ?? 0), 0);
  while (!existsSync(directory) || sizeOf() < bytes) await new Promise((resolve) => setTimeout(resolve, 10));
}
