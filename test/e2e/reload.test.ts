// Reloading a running broker, by SIGHUP and by `hexmq reload`.
import { expect, test } from '@jest/globals';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hexmq, temporaryDirectory, withBroker } from './hexmq-command.js';
import { connected } from './raw-socket.js';

function configuration() {
  const directory = temporaryDirectory();
  const path = join(directory, 'hexmq.yaml');
  const pidFile = join(directory, 'hexmq.pid');
  const write = (limits: Readonly<Record<string, unknown>>, others: Readonly<Record<string, unknown>> = {}): void => {
    writeFileSync(
      path,
      JSON.stringify({ listeners: [{ type: 'tcp', port: 0 }], storage: { adapter: 'memory' }, ...others, limits }),
    );
  };
  return { path, pidFile, write };
}

test('a reload changes limits without disconnecting clients, and a wrong configuration changes nothing and is logged', async () => {
  let settings: ReturnType<typeof configuration> | undefined;
  const args = (): readonly string[] => {
    settings = configuration();
    settings.write({ maxSubscriptionsPerClient: 1 });
    return ['--config', settings.path, '--pid-file', settings.pidFile];
  };
  await withBroker(async (broker) => {
    if (settings === undefined) throw new Error('the broker was started without its configuration');
    const { path, pidFile, write } = settings;
    const client = await connected(broker, { clientId: 'stays' });
    const granted = (...filters: string[]): Promise<readonly number[]> =>
      client.subscribe(...filters.map((filter) => [filter, 0] as const));
    expect(await granted('one', 'two')).toEqual([0, 0x80]);

    write({ maxSubscriptionsPerClient: 3 });
    broker.program.kill('SIGHUP');
    await broker.program.logs(/"event":"reloaded","what":\["limits"/);
    expect(await granted('two', 'three', 'four')).toEqual([0, 0, 0x80]);

    write({ maxSubscriptionsPerClient: 'many' });
    broker.program.kill('SIGHUP');
    const said =
      'limits.maxSubscriptionsPerClient: \\\\"many\\\\" is not valid, expected a whole number from 1 to 1000000000';
    await broker.program.logs(new RegExp(`"event":"reload-failed","what":"the configuration","error":"${said}`));
    expect(await granted('four')).toEqual([0x80]);
    // The command would not even have asked.
    const refused = await hexmq(['reload', '--pid-file', pidFile, '--config', path]);
    expect({ status: refused.status, stderr: refused.stderr }).toEqual({
      status: 1,
      stderr: expect.stringContaining('limits.maxSubscriptionsPerClient'),
    });

    write({ maxSubscriptionsPerClient: 4 }, { storage: { adapter: 'memory', ackLevel: 'received' } });
    const accepted = await hexmq(['reload', '--pid-file', pidFile, '--config', path]);
    expect({ status: accepted.status, stderr: accepted.stderr }).toEqual({ status: 0, stderr: '' });
    await broker.program.logs(/"event":"restart-needed","keys":\["storage"\]/);
    expect(await granted('four', 'five')).toEqual([0, 0x80]);
    await client.publish({ topic: 'without a subscriber', payload: 'x', qos: 1 });
  }, args);
});
