// Prometheus' own tool on what the built command answers to a scrape, and on the alert rules.
import { expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { request } from 'node:http';
import { join, resolve } from 'node:path';
import { hexmq, ROOT, startBroker, temporaryDirectory } from './hexmq-command.js';
import { connected } from './raw-socket.js';
import { afterwards, scene } from './program.js';
import { describeWith } from './tools.js';

/** @returns what it does not like. */
function promtool(args: readonly string[], input = ''): string {
  const { status, stdout, stderr } = spawnSync('promtool', args, { input, encoding: 'utf8' });
  return status === 0 && stderr === '' ? '' : `${status}: ${stdout}${stderr}`;
}

const get = (socketPath: string, path: string): Promise<string> =>
  new Promise((done, fail) => {
    request({ socketPath, path }, (response) => {
      let text = '';
      response.on('data', (chunk) => (text += String(chunk)));
      response.on('end', () => {
        done(text);
      });
    })
      .on('error', fail)
      .end();
  });

describeWith('promtool', 'Prometheus', () => {
  test('promtool has nothing against the metrics of a broker with traffic', () =>
    scene(async () => {
      const directory = join(temporaryDirectory(), 'data');
      const broker = await startBroker(['--port', '0', '--data', directory]);
      afterwards(() => {
        broker.program.kill('SIGKILL');
      });
      const client = await connected(broker, { clientId: 'a', clean: false });
      await client.subscribe(['plant/#', 1]);
      await hexmq(['publish', 'plant/1', 'x', '--qos', '1', '--data', directory]);
      const text = await get(join(directory, 'admin.sock'), '/metrics');
      expect(text).toContain('hexmq_messages_sent_total{protocol_version="4",qos="1"} 1');
      expect(promtool(['check', 'metrics'], text)).toBe('');
    }));

  test('promtool has nothing against the alert rules', () => {
    expect(promtool(['check', 'rules', resolve(ROOT, 'deploy/monitoring/alerts.yaml')])).toBe('');
  });
});
