// The built command with authorization: a Mosquitto ACL file and roles in the configuration, with third-party clients.
import { describe, expect, test } from '@jest/globals';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { within } from '../clients/within.js';
import { hexmq, startBroker, withBroker } from './hexmq-command.js';
import type { RunningBroker } from './hexmq-command.js';
import { connect } from './mqtt-js.js';
import { Program, afterwards, run, scene } from './program.js';
import { describeWith } from './tools.js';

const ACL = `# Clients without a user name may read the news.
topic read news/#

# The operator sees all of the plant but its secrets.
user operator
topic readwrite plant/#
topic deny plant/secret/#
topic read $SYS/#

user logger
topic read #

# Every device speaks in its own place.
pattern write devices/%c/up
pattern read devices/%c/down
pattern readwrite people/%u/#
`;

/** A configuration with these rules, in a new directory. */
function configured(authorization: string): { path: string; directory: string } {
  const directory = mkdtempSync(join(tmpdir(), 'hexmq-e2e-'));
  writeFileSync(join(directory, 'acl'), ACL);
  const path = join(directory, 'hexmq.yaml');
  writeFileSync(
    path,
    `listeners: [{ type: tcp, port: 0 }]\nstorage: { adapter: memory }\nauthorization:\n  - ${authorization.replace('{acl}', join(directory, 'acl'))}\n`,
  );
  return { path, directory };
}

const ACL_FILE = '{ adapter: acl-file, options: { path: {acl} } }';

async function withRules(authorization: string, body: (broker: RunningBroker) => Promise<void>): Promise<void> {
  const { path, directory } = configured(authorization);
  try {
    await withBroker(body, ['--config', path]);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Starts a broker as `configured`, until the end of the scene. */
function configuredForScene(): { path: string; directory: string } {
  const made = configured(ACL_FILE);
  afterwards(() => {
    rmSync(made.directory, { recursive: true });
  });
  return made;
}

describeWith('mosquitto', 'mosquitto_pub and mosquitto_sub under an ACL file', () => {
  const at = ({ host, port }: RunningBroker): string[] => ['-h', host, '-p', String(port)];

  test('mosquitto_pub and mosquitto_sub can do what the ACL file allows, and nothing else', () =>
    withRules(ACL_FILE, async (broker) => {
      const watch = async (...args: string[]): Promise<Program> => {
        const program = new Program('stdbuf', [
          '-oL',
          'mosquitto_sub',
          ...at(broker),
          '-d',
          '-F',
          'received %t %p',
          '-q',
          '1',
          '-t',
          '#',
          ...args,
        ]);
        await program.says(/^Subscribed \(mid: 1\)/m);
        return program;
      };
      const [anonymous, operator, logger, meter] = [
        await watch(),
        await watch('-u', 'operator'),
        await watch('-u', 'logger'),
        await watch('-i', 'm7', '-u', 'bob'),
      ];
      const publish = async (user: string, topic: string, ...args: string[]): Promise<number | null> =>
        (await run('mosquitto_pub', [...at(broker), '-q', '1', '-u', user, '-t', topic, '-m', user, ...args])).status;
      expect(await publish('operator', 'plant/1')).toBe(0);
      expect(await publish('bob', 'devices/m8/up', '-i', 'm8')).toBe(0);
      expect(await publish('bob', 'people/bob/note')).toBe(0);
      // MQTT 3.1.1 cannot report a denied publish: the connection is closed.
      expect(await publish('operator', 'plant/secret/1')).not.toBe(0);
      expect(await publish('operator', 'news/1')).not.toBe(0);
      expect(await publish('bob', 'devices/m9/up', '-i', 'm8')).not.toBe(0);
      await logger.says(/^received people\/bob\/note/m);
      await meter.says(/^received people\/bob\/note/m);
      await operator.says(/^received plant\/1/m);
      const received = (program: Program): string[] =>
        [...program.stdout.matchAll(/^received (\S+)/gm)].map(([, topic = '']) => topic);
      expect([anonymous, operator, logger, meter].map(received)).toEqual([
        [],
        ['plant/1'],
        ['plant/1', 'devices/m8/up', 'people/bob/note'],
        ['people/bob/note'],
      ]);
      await broker.program.logs(
        /"event":"publish-denied","clientId":"m8","topic":"devices\/m9\/up","detail":"no rule allows it"/,
      );
      await broker.program.logs(
        /"event":"publish-denied".*"topic":"plant\/secret\/1","detail":"denied by acl line 7 \(plant\/secret\/#\)"/,
      );
      await broker.program.logs(/"event":"message-dropped","reason":"not-authorized"/);
    }));
});

describe('MQTT.js', () => {
  test('MQTT.js receives which subscriptions the configured roles grant', () =>
    withRules(
      "{ adapter: rules, options: { roles: { reader: [{ allow: [subscribe, receive], topics: 'plant/#' }], writer: [{ allow: publish, topics: 'plant/%u/#' }] }, users: { ann: [reader], bob: [reader, writer] }, otherwise: deny } }",
      async (broker) => {
        const ann = await connect(broker, { clientId: 'a', username: 'ann' });
        expect(await ann.mqtt.subscribeAsync('plant/#', { qos: 1 })).toMatchObject([{ topic: 'plant/#', qos: 1 }]);
        await expect(ann.mqtt.subscribeAsync('other', { qos: 1 })).rejects.toThrow('Subscribe error');
        await broker.program.logs(
          /"event":"subscribe-denied","clientId":"a","topicFilter":"other","detail":"no rule allows it"/,
        );
        const bob = await connect(broker, { clientId: 'b', username: 'bob' });
        await bob.mqtt.publishAsync('plant/bob/1', 'x', { qos: 1 });
        expect(await ann.inbox.texts(1)).toEqual(['x']);
        ann.mqtt.publish('plant/ann/1', 'x', { qos: 1 });
        await ann.closed;
      },
    ));

  test('after SIGHUP a changed ACL file filters queued and retained messages', () =>
    scene(async () => {
      const { path, directory } = configuredForScene();
      const acl = join(directory, 'acl');
      writeFileSync(acl, 'topic readwrite #\n');
      const broker = await startBroker(['--config', path]);
      const away = { clientId: 'away', clean: false };
      const first = await connect(broker, away);
      await first.mqtt.subscribeAsync('#', { qos: 1 });
      await first.mqtt.endAsync();
      const publisher = await connect(broker, { clientId: 'publisher' });
      const watcher = await connect(broker, { clientId: 'watcher' });
      await watcher.mqtt.subscribeAsync('#', { qos: 1 });
      for (const topic of ['closed/1', 'open/1'])
        await publisher.mqtt.publishAsync(topic, topic, { qos: 1, retain: true });
      expect(await watcher.inbox.texts(2)).toEqual(['closed/1', 'open/1']);

      writeFileSync(acl, 'topic write #\ntopic fly away\n');
      broker.program.kill('SIGHUP');
      await broker.program.logs(/"event":"reload-failed".*line 2: /);
      await publisher.mqtt.publishAsync('closed/2', 'as before', { qos: 1 });
      expect(await watcher.inbox.texts(1)).toEqual(['as before']);

      writeFileSync(acl, 'topic write #\ntopic read open/#\n');
      broker.program.kill('SIGHUP');
      await broker.program.logs(/"event":"permissions-renewed","clients":2,"failed":0/);
      for (const topic of ['closed/3', 'open/2']) await publisher.mqtt.publishAsync(topic, topic, { qos: 1 });
      expect(await watcher.inbox.texts(1)).toEqual(['open/2']);
      const late = await connect(broker, { clientId: 'late' });
      await late.mqtt.subscribeAsync('#', { qos: 1 });
      expect(await late.inbox.texts(1)).toEqual(['open/1']);
      const back = await connect(broker, away);
      expect(await back.inbox.texts(2)).toEqual(['open/1', 'open/2']);
      expect((await broker.stop()).status).toBe(0);
      expect([watcher, late, back].map(({ inbox }) => inbox.leftOver)).toEqual([0, 0, 0]);
    }));

  test('a client whose will is denied is refused at CONNECT', () =>
    withRules(ACL_FILE, async (broker) => {
      await expect(
        connect(broker, { clientId: 'a', will: { topic: 'news/1', payload: Buffer.from('x'), qos: 0, retain: false } }),
      ).rejects.toThrow(/Not authorized/);
    }));
});

describe('the command', () => {
  test('the ready line names the authorizers', () =>
    withRules(ACL_FILE, async (broker) => {
      await within(
        broker.program.says(
          /authentication anonymous \(everyone is admitted\), authorization acl-file \(\S+acl\)"\}$/m,
        ),
        'the ready line',
      );
    }));

  test('hexmq acl explain says what the file allows, with an exit status for scripts', () =>
    scene(async () => {
      const { path } = configuredForScene();
      const ask = (...args: string[]) => hexmq(['acl', 'explain', '--config', path, ...args]);
      expect(
        await ask('--user', 'operator', '--client', 'x', '--action', 'publish', '--topic', 'plant/secret/1'),
      ).toMatchObject({ status: 3, stdout: expect.stringContaining('acl line 7') });
      expect(await ask('--client', 'm7', '--action', 'publish', '--topic', 'devices/m7/up')).toMatchObject({
        status: 0,
        stderr: '',
      });
      expect(await ask('--client', '#', '--action', 'receive', '--topic', 'devices/m7/down')).toMatchObject({
        status: 3,
        stdout: expect.stringContaining('cannot be part of a topic'),
      });
    }));

  test('hexmq does not start with an invalid ACL file and names every invalid line', () =>
    scene(async () => {
      const { path, directory } = configuredForScene();
      writeFileSync(join(directory, 'acl'), 'topic read a\ntopic fly b\nuser\n');
      const { status, stderr } = await hexmq(['start', '--config', path]);
      expect(status).toBe(1);
      expect(stderr).toMatch(
        /^hexmq: authorization\[0\]\.options: refused by acl-file: \S+acl, line 2: .*\n {2}\S+acl, line 3: .*\n$/,
      );
    }));
});
