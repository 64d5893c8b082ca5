// The commands, configurations and clients of docs/tls.md, run as a reader would.
import { expect, test } from '@jest/globals';
import { readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ROOT, startProgram, temporaryDirectory } from './hexmq-command.js';
import { afterwards, run, scene } from './program.js';
import { describeWith } from './tools.js';

const GUIDE = readFileSync(resolve(ROOT, 'docs/tls.md'), 'utf8');
const blocks = (language: string): string[] =>
  [...GUIDE.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\`$`, 'gm'))].map(([, block = '']) => block);
const commands = blocks('sh');
const createCertificates = commands.filter((block) => block.startsWith('openssl req'));
const [publishing = '', publishingAsMeter = ''] = commands.filter((block) => block.startsWith('mosquitto_pub'));
const [program = ''] = blocks('js');
const [plain = '', withCertificates = '', behindProxies = ''] = blocks('yaml');

describeWith(['mosquitto', 'openssl'], 'the guide to TLS', () => {
  test('the commands and configurations of the TLS guide work, for the broker and for clients', () =>
    scene(async () => {
      const directory = temporaryDirectory();
      const shell = (text: string) => run('sh', ['-e', '-c', text], { cwd: directory });
      symlinkSync(join(ROOT, 'node_modules'), join(directory, 'node_modules'));
      writeFileSync(join(directory, 'publish.mjs'), program);
      expect(createCertificates).toHaveLength(2);
      for (const block of createCertificates) expect(await shell(block)).toMatchObject({ status: 0 });

      for (const [configuration, lines, refused] of [
        [plain, [publishing, publishingAsMeter], []],
        [withCertificates, [publishingAsMeter], [publishing]],
      ] as const) {
        const path = join(directory, 'hexmq.yaml');
        writeFileSync(path, configuration.replace(/port: \d+/g, 'port: 0'));
        const broker = startProgram(['--config', path, '--storage', 'memory'], { cwd: directory });
        afterwards(() => {
          broker.kill('SIGKILL');
        });
        const [, port = ''] = await broker.says(/ready: tls 127\.0\.0\.1:(\d+)/);
        const at = (line: string): string => line.replace('-p 8883', `-p ${port}`);
        for (const line of lines) expect(await shell(at(line))).toMatchObject({ status: 0, stderr: '' });
        if (refused.length === 0)
          expect(await shell(`MQTT_URL=mqtts://localhost:${port} node publish.mjs`)).toMatchObject({ status: 0 });
        for (const line of refused) expect((await shell(at(line))).status).not.toBe(0);
        broker.kill('SIGTERM');
        expect(await broker.end()).toMatchObject({ status: 0 });
      }

      const path = join(directory, 'hexmq.yaml');
      writeFileSync(path, behindProxies);
      expect(
        await run(process.execPath, [resolve(ROOT, 'dist/src/cli/main.js'), 'check-config', '--config', path], {
          cwd: directory,
        }),
      ).toMatchObject({ status: 0 });
    }));
});
