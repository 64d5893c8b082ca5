// Plugins in the built command: the one of the guide, as a person would try it, and one that brings everything down.
import { expect, test } from '@jest/globals';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { hexmq, ROOT, startBroker, startProgram, temporaryDirectory } from './hexmq-command.js';
import { connect } from './mqtt-js.js';
import { scene } from './program.js';

const GUIDE = readFileSync(resolve(ROOT, 'docs/writing-a-plugin.md'), 'utf8');

const blockOf = (language: string): string =>
  new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\`$`, 'm').exec(GUIDE)?.[1] ?? '';

/** With a plugin beside the configuration, and without hexmq installed beside it: it gets the one that runs. */
function directoryWith(plugin: string): string {
  const directory = temporaryDirectory();
  writeFileSync(join(directory, 'clients-online.mjs'), plugin);
  writeFileSync(join(directory, 'hexmq.yaml'), blockOf('yaml'));
  return directory;
}

test('the plugin of the guide publishes how many clients are connected, again and again', () =>
  scene(async () => {
    const cwd = directoryWith(blockOf('js'));
    expect(await hexmq(['check-config', '--config', 'hexmq.yaml'], { cwd })).toMatchObject({ status: 0, stderr: '' });
    // Looked for beside the configuration, wherever the command runs.
    const broker = await startBroker(['--config', join(cwd, 'hexmq.yaml'), '--port', '0'], {
      cwd: temporaryDirectory(),
    });
    const { mqtt, inbox } = await connect({ url: broker.url });
    await mqtt.subscribeAsync('clients/online');
    const messages = await inbox.take(3);
    expect(messages.map(({ payload, retain }) => [String(payload), retain])).toEqual([
      ['0', true],
      ['1', false],
      ['1', false],
    ]);
    const { stderr, status } = await broker.stop();
    expect(status).toBe(0);
    expect(stderr).toContain('"event":"plugin-started","plugin":"clients-online"');
    expect(stderr).toContain('publishing the number of clients');
  }));

test('a plugin that is not right is refused with status 1, and with its name and what was expected', () =>
  scene(async () => {
    const cwd = directoryWith(blockOf('js').replace('provides: [Startable]', 'provides: [Startable, OptionReader]'));
    const { status, stderr } = await hexmq(['start', '--config', 'hexmq.yaml', '--port', '0'], { cwd });
    expect(status).toBe(1);
    expect(stderr).toMatch(
      /plugins\[0\]: the plugin clients-online promises .*OptionReader.*, expected ports of hexmq: /,
    );
  }));

test('a start that hangs in a plugin ends with a signal, without having listened', () =>
  scene(async () => {
    const cwd = directoryWith(
      blockOf('js').replace('async start() {', 'async start() {\n    await new Promise(() => undefined);'),
    );
    const program = startProgram(['--config', 'hexmq.yaml', '--port', '0', '--log-level', 'debug'], { cwd });
    await new Promise((resolved) => setTimeout(resolved, 1000));
    program.kill('SIGTERM');
    expect(await program.end()).toMatchObject({ status: 0, stdout: '' });
  }));
