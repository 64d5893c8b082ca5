// The commands and programs of the README, executed.
import { expect, test } from '@jest/globals';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { hexmq, ROOT, startBroker, temporaryDirectory } from './hexmq-command.js';
import { connect } from './mqtt-js.js';
import { Program, scene } from './program.js';

const README = readFileSync(resolve(ROOT, 'README.md'), 'utf8');

/** The code in the section with this title. */
function codeUnder(title: string, language: string): string {
  const section = README.split(/^## /m).find((text) => text.startsWith(`${title}\n`)) ?? '';
  const code = new RegExp(`^\`\`\`${language}\n([^]*?)^\`\`\`$`, 'm').exec(section)?.[1];
  if (code === undefined) throw new Error(`the README has no ${language} under "${title}"`);
  return code;
}

test('the README says that npm start starts the broker', () => {
  // What npm start does is in npm-start.test.ts.
  expect(codeUnder('Run it', 'sh')).toContain('npm start');
});

test('the client program of the README receives what it publishes', () =>
  scene(async () => {
    const broker = await startBroker(['--storage', 'memory', '--port', '0']);
    const example = codeUnder('Try it', 'js');
    expect(example).toContain('mqtt://127.0.0.1:1883');
    const code = example.replace('mqtt://127.0.0.1:1883', `mqtt://${broker.host}:${broker.port}`);
    const program = new Program(process.execPath, ['--input-type=module', '--eval', code], { cwd: ROOT });
    expect(await program.end()).toMatchObject({ status: 0, stdout: 'plant/7/temperature 21.5\n' });
    expect((await broker.stop()).status).toBe(0);
  }));

test('the configuration of the README is valid and starts', () =>
  scene(async () => {
    const path = join(temporaryDirectory(), 'hexmq.yaml');
    writeFileSync(path, codeUnder('Configure it', 'yaml'));
    expect(await hexmq(['check-config', '--config', path])).toMatchObject({ status: 0, stderr: '' });
    const broker = await startBroker(['--config', path, '--port', '0']);
    expect((await broker.stop()).status).toBe(0);
  }));

test('the program of the README that embeds a broker runs', () =>
  scene(async () => {
    const example = codeUnder('Embed it', 'ts');
    expect(example).toContain("from 'hexmq'");
    const data = temporaryDirectory();
    expect(example).toContain("'./data'");
    const program = new Program(
      process.execPath,
      [
        '--input-type=module',
        '--eval',
        example
          .replace('port: 1883', 'port: 0')
          .replace("'./data'", JSON.stringify(data))
          // In place of the rest of the embedding program: print the broker's address, and wait for the end of the
          // input.
          .replace('// …', "console.log(broker.addresses.get('tcp')); for await (const _ of process.stdin);"),
      ],
      { cwd: ROOT },
    );
    const [, host = '', port = ''] = await program.says(/^([\d.]+):(\d+)$/m);
    const client = await connect({ url: `mqtt://${host}:${port}` });
    await client.mqtt.subscribeAsync('a', { qos: 2 });
    await client.mqtt.publishAsync('a', 'b', { qos: 2 });
    expect(await client.inbox.texts(1)).toEqual(['b']);
    program.closeInput();
    await client.closed;
    expect(await program.end()).toMatchObject({ status: 0 });
  }));
