// $SYS of the built command, as mosquitto_sub shows it, beside that of Mosquitto.
import { expect, test } from '@jest/globals';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startBroker, temporaryDirectory } from './hexmq-command.js';
import { startMosquitto } from './mosquitto-broker.js';
import { afterwards, Program, run, scene } from './program.js';
import { describeWith } from './tools.js';

/** What a subscription brings at once: by name, below `$SYS/broker/`. */
async function shown(port: number): Promise<ReadonlyMap<string, string>> {
  const { stdout } = await run('mosquitto_sub', ['-p', String(port), '-t', '$SYS/#', '-W', '2', '-F', '%r %t=%p']);
  const lines = [...stdout.matchAll(/^1 \$SYS\/broker\/(.+?)=(.*)$/gm)];
  return new Map(lines.map(([, name = '', value = '']) => [name, value]));
}

describeWith('mosquitto_broker', '$SYS', () => {
  test('mosquitto_sub finds what it finds on Mosquitto, but for one topic, and values of the same form', () =>
    scene(async () => {
      const hexmq = await startBroker();
      afterwards(() => {
        hexmq.program.kill('SIGKILL');
      });
      const [ofMosquitto, ofHexmq] = await Promise.all([
        startMosquitto('sys_interval 1').then(shown),
        shown(hexmq.port),
      ]);
      expect(ofMosquitto.size).toBeGreaterThan(40);
      expect([...ofMosquitto.keys()].filter((name) => !ofHexmq.has(name))).toEqual(['store/messages/bytes']);
      // Letters and digits: "mosquitto version 2.0.11" has the form of "hexmq version 1.2.3".
      const form = (value = ''): string => value.replace(/\d+/g, '1').replace(/^(mosquitto|hexmq)/, 'broker');
      for (const [name, value] of ofMosquitto)
        if (ofHexmq.has(name))
          expect({ name, form: form(ofHexmq.get(name)).replace(/-.*$/, '') }).toEqual({ name, form: form(value) });
    }));

  test('the commands of the guide show values and events', () =>
    scene(async () => {
      const config = join(temporaryDirectory(), 'hexmq.yaml');
      writeFileSync(
        config,
        'listeners: [{ type: tcp, port: 0 }]\nstorage: { adapter: memory }\nsys: { events: [client-connected, warn] }\n',
      );
      const broker = await startBroker(['--config', config]);
      afterwards(() => {
        broker.program.kill('SIGKILL');
      });
      const at = ['-p', String(broker.port)];
      const watching = ['mosquitto_sub', ...at, '-t', '$SYS/broker/events/#', '-v', '-d'];
      const watcher = new Program('stdbuf', ['-oL', ...watching]);
      await watcher.says(/^Subscribed/m);
      const one = await run('mosquitto_sub', [
        ...at,
        '-i',
        'meter-7',
        '-t',
        '$SYS/broker/clients/connected',
        '-C',
        '1',
      ]);
      expect(one).toMatchObject({ status: 0, stdout: expect.stringMatching(/^\d+\n$/) as unknown });
      await watcher.says(/^\$SYS\/broker\/events\/client-connected \{.*"clientId":"meter-7".*\}$/m);
      const refused = await run('mosquitto_pub', [
        ...at,
        '-V',
        'mqttv5',
        '-q',
        '1',
        '-t',
        '$SYS/broker/uptime',
        '-m',
        '1',
      ]);
      expect(refused.stderr + refused.stdout).toMatch(/not authorized/i);
    }));
});
