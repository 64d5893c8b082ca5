// The configurations, commands and client programs of the guides.
import { describe, expect, test } from '@jest/globals';
import { copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { CertificateAuthority } from './certificates.js';
import { hexmq, ROOT, startBroker, temporaryDirectory } from './hexmq-command.js';
import { connect } from './mqtt-js.js';
import { afterwards, Program, run, scene } from './program.js';
import { describeWith } from './tools.js';

const MAIN = resolve(ROOT, 'dist/src/cli/main.js');

/** The code blocks of a page in one language. */
function blocksOf(page: string, language: string): string[] {
  const text = readFileSync(resolve(ROOT, 'docs', page), 'utf8');
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\`$`, 'gm'))].map(([, block = '']) => block);
}

/** A directory with the files that the configurations name. */
async function directoryOfFiles(): Promise<string> {
  const directory = temporaryDirectory();
  const authority = new CertificateAuthority();
  afterwards(() => {
    authority.remove();
  });
  const { cert, key } = authority.issue('localhost');
  copyFileSync(cert, join(directory, 'server.crt'));
  copyFileSync(key, join(directory, 'server.key'));
  copyFileSync(authority.cert, join(directory, 'devices-ca.crt'));
  copyFileSync(authority.revocationList(), join(directory, 'devices.crl'));
  writeFileSync(join(directory, 'acl'), 'user alice\ntopic readwrite plant/#\n');
  const passwd = new Program(process.execPath, [
    MAIN,
    'passwd',
    join(directory, 'passwd'),
    'alice',
    '--stdin',
    '--cost',
    '10',
  ]);
  passwd.type('secret');
  passwd.closeInput();
  expect((await passwd.end()).status).toBe(0);
  return directory;
}

describeWith('openssl', 'the configurations of the guides', () => {
  for (const page of ['security.md', 'moving-from-mosquitto.md']) {
    test(`the configuration of docs/${page} is valid`, () =>
      scene(async () => {
        const directory = await directoryOfFiles();
        mkdirSync(join(directory, 'data'));
        const configurations = blocksOf(page, 'yaml');
        expect(configurations).toHaveLength(1);
        const path = join(directory, 'hexmq.yaml');
        writeFileSync(path, configurations.join('').replaceAll('/etc/hexmq', directory));
        expect(await hexmq(['check-config', '--config', path], { cwd: directory })).toMatchObject({
          status: 0,
          stderr: '',
        });
      }));
  }
});

interface ClientPrograms {
  readonly files: () => Record<string, string>;
  /** Of each program, in their order. */
  readonly outputs: readonly string[];
}

/** The guides with client programs, which are run with the first configuration of the guide. */
const CLIENT_PROGRAMS: Readonly<Record<string, ClientPrograms>> = {
  'authentication.md': {
    files: () => ({}),
    outputs: ['connected\nConnection refused: Bad username or password\n'],
  },
  'authentication-scram.md': {
    files: () => ({}),
    outputs: ['connected\nConnection refused: Bad User Name or Password\n'],
  },
  'authorization.md': {
    files: () => ({ acl: blocksOf('authorization.md', 'conf')[0] ?? '' }),
    outputs: ['news/# is refused\nplant/7/temperature 21.5\n'],
  },
  'authentication-jwt-http-mongodb.md': { files: () => ({}), outputs: ['meters/meter-7/power 230\n'] },
  'mqtt5.md': {
    files: () => ({}),
    outputs: ['accepted\n', 'responses/panel/calibrate 1 done\n'],
  },
};

describe('the client programs of the guides', () => {
  test.each(Object.entries(CLIENT_PROGRAMS))('the client programs of docs/%s run', (page, { files, outputs }) =>
    scene(async () => {
      const directory = temporaryDirectory();
      symlinkSync(join(ROOT, 'node_modules'), join(directory, 'node_modules'));
      for (const args of [['passwd'], ['scram', '--scram', '--iterations', '4096']]) {
        const passwd = new Program(process.execPath, [MAIN, 'passwd', ...args, 'alice', '--stdin'], { cwd: directory });
        passwd.closeInput('secret');
        await passwd.end();
      }
      for (const [name, text] of Object.entries(files())) writeFileSync(join(directory, name), text);
      writeFileSync(join(directory, 'hexmq.yaml'), blocksOf(page, 'yaml')[0] ?? '');
      const env = { JWT_SECRET: 'a secret of at least thirty-two bytes' };
      const args = ['--config', 'hexmq.yaml', '--port', '0', '--storage', 'memory'];
      const broker = await startBroker(args, { cwd: directory, env });
      const programs = blocksOf(page, 'js').slice(0, outputs.length);
      for (const [index, output] of outputs.entries()) {
        writeFileSync(join(directory, 'program.mjs'), programs[index] ?? '');
        const { status, stdout } = await run(process.execPath, ['program.mjs'], {
          cwd: directory,
          env: { ...env, MQTT_URL: broker.url },
        });
        expect({ status, stdout }).toEqual({ status: 0, stdout: output });
      }
      expect((await broker.stop()).status).toBe(0);
    }),
  );
});

describeWith('mosquitto', 'the guide to moving from Mosquitto', () => {
  test('the commands of the Mosquitto guide move retained messages with any payload and compare both sides', () =>
    scene(async () => {
      const [, , moving = '', comparing = ''] = blocksOf('moving-from-mosquitto.md', 'sh');
      // Any broker can be the old one.
      const [old, fresh] = [await startBroker(), await startBroker()];
      const { mqtt } = await connect({ url: old.url });
      const messages = new Map<string, Buffer>([
        ['plant/1/state', Buffer.from('on')],
        ['plant/2/a topic with spaces', Buffer.from('two\nlines\n')],
        ['plant/3/bytes', Buffer.from([0, 1, 255, 10, 0])],
      ]);
      let qos = 0;
      for (const [topic, payload] of messages)
        await mqtt.publishAsync(topic, payload, { retain: true, qos: qos++ as 0 | 1 | 2 });

      const directory = temporaryDirectory();
      // By the number of messages instead of a time.
      const shell = (text: string) =>
        run('sh', ['-e', '-c', text.replaceAll('-W 10', `-C ${messages.size}`)], { cwd: directory });
      const at = ({ port }: { port: number }): string => `-h 127.0.0.1 -p ${port}`;
      expect(moving).toContain('-W 10');
      expect(await shell(moving.replace('-h old.example', at(old)).replace('-h new.example', at(fresh)))).toMatchObject(
        { status: 0, stderr: '' },
      );
      const compare = comparing.replace(
        '-h $host',
        `-h 127.0.0.1 -p $(case $host in old*) echo ${old.port} ;; *) echo ${fresh.port} ;; esac)`,
      );
      expect(await shell(compare)).toMatchObject({ status: 0, stderr: '', stdout: 'the same\n' });

      const reader = await connect({ url: fresh.url });
      await reader.mqtt.subscribeAsync('#', { qos: 2 });
      const received = await reader.inbox.take(messages.size);
      expect(new Map(received.map(({ topic, payload }) => [topic, payload]))).toEqual(messages);
      for (const broker of [old, fresh]) expect((await broker.stop()).status).toBe(0);
    }));
});
