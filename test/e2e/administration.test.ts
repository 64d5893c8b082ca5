// The administration at the built command, as an operator uses it: found without configuration, after a kill as well,
// over HTTP with tokens; and the example of the guide, line by line.
import { describe, expect, test } from '@jest/globals';
import { lstatSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterwards } from './program.js';
import type { Program } from './program.js';
import { hexmq, ROOT, startBroker, startCommand, temporaryDirectory } from './hexmq-command.js';
import type { RunningBroker } from './hexmq-command.js';
import { connected } from './raw-socket.js';
import { scene } from './program.js';

interface Running {
  readonly broker: RunningBroker;
  readonly directory: string;
  /** Runs the command on this broker. @returns its standard output; fails if its status is another one. */
  readonly run: (args: readonly string[], status?: number) => Promise<string>;
}

async function running(args: readonly string[] = []): Promise<Running> {
  const directory = join(temporaryDirectory(), 'data');
  const broker = await startBroker(['--port', '0', '--data', directory, ...args]);
  afterwards(() => {
    broker.program.kill('SIGKILL');
  });
  return {
    broker,
    directory,
    run: async (given, status = 0) => {
      const end = await hexmq([...given, '--data', directory]);
      expect({ given, status: end.status, stderr: end.status === status ? '' : end.stderr }).toEqual({
        given,
        status,
        stderr: '',
      });
      return status === 0 ? end.stdout : end.stderr;
    },
  };
}

const parsed = (text: string): unknown => JSON.parse(text);

/** Starts a command that goes on until the broker or a signal ends it. */
function followed(args: readonly string[]): Program {
  const program = startCommand(args);
  afterwards(() => {
    program.kill('SIGKILL');
  });
  return program;
}

/** Repeats what the program is to show until it has shown something: it may have begun later. */
async function whileSilent(program: Program, act: () => Promise<unknown>): Promise<void> {
  const said = program.says(/\n/);
  while (program.stdout === '') await act();
  await said;
}

test('the command sees and changes a running broker that was started without configuration', () =>
  scene(async () => {
    const { broker, directory, run } = await running();
    expect(lstatSync(join(directory, 'admin.sock')).mode & 0o777).toBe(0o600);
    const away = await connected(broker, { clientId: 'away', clean: false });
    await away.subscribe(['plant/#', 1]);
    await away.disconnect();
    expect(await run(['publish', 'plant/alarm', 'fire', '--qos', '1', '--retain'])).toContain('1 subscriptions match');
    expect(parsed(await run(['sessions', '--json']))).toMatchObject([
      { clientId: 'away', isConnected: false, subscriptions: 1, queued: 1, queuedBytes: 4 },
    ]);
    expect(parsed(await run(['queue', 'away', '--json']))).toMatchObject([
      { topic: 'plant/alarm', state: 'waiting', payload: Buffer.from('fire').toString('base64') },
    ]);
    expect(await run(['queues', '--top', '1'])).toContain('away');
    expect(await run(['status'])).toMatch(/^sessions: +1 with 1 subscriptions$/m);
    expect(await run(['route', 'plant/alarm'])).toContain('plant/#');
    expect(await run(['inspect', 'sessions'])).toContain('away');
    expect(await run(['log-level', 'debug'])).toBe('the level of the log is debug, it was info\n');
    expect(await run(['retained', 'delete', 'plant/alarm'])).toBe('the retained message is removed\n');
    expect(await run(['queue', 'purge', 'away'])).toBe('1 messages for away are dropped\n');
    expect(await run(['session', 'delete', 'away'])).toBe('the session of away is deleted\n');
    expect(await run(['session', 'away'], 1)).toBe('hexmq: there is no session of away\n');
    const { status, stderr } = await broker.stop();
    expect(status).toBe(0);
    expect(stderr.match(/"event":"operator-command","actor":"[^"]+ \(socket\)"/g)).toHaveLength(5);
    expect(await run(['status'], 1)).toMatch(
      /^hexmq: no broker runs here: nothing listens on .*admin\.sock; start one/,
    );
  }));

test('the command finds the broker that follows one that was killed', () =>
  scene(async () => {
    const { broker, directory, run } = await running();
    broker.program.kill('SIGKILL');
    await broker.program.end();
    expect(lstatSync(join(directory, 'admin.sock')).isSocket()).toBe(true);
    expect(await run(['status'], 1)).toContain('no broker runs here');
    const next = await startBroker(['--port', '0', '--data', directory]);
    afterwards(() => {
      next.program.kill('SIGKILL');
    });
    expect(parsed(await run(['status', '--json']))).toMatchObject({ connections: 0, storage: { isDurable: true } });
    expect((await next.stop()).status).toBe(0);
  }));

test('tail shows events as they come, below the level of the log as well, until the broker stops', () =>
  scene(async () => {
    const { broker, directory, run } = await running();
    const tail = followed(['tail', '--level', 'debug', '--event', 'message-dropped', '--json', '--data', directory]);
    const client = await connected(broker, { clientId: 'away', clean: false });
    await client.subscribe(['t', 0]);
    await client.disconnect();
    await whileSilent(tail, () => run(['publish', 't', 'x']));
    const { status } = await broker.stop();
    expect(status).toBe(0);
    expect((await tail.end()).status).toBe(0);
    const lines = tail.stdout.trimEnd().split('\n').map(parsed);
    expect(lines[0]).toMatchObject({ level: 'debug', event: 'message-dropped', reason: 'client-offline', topic: 't' });
    expect(lines.at(-1)).toMatchObject({ event: 'stream-ended', reason: 'broker-stops' });
  }));

test('trace shows where a message goes, step by step, and its outcome', () =>
  scene(async () => {
    const { broker, directory, run } = await running();
    const away = await connected(broker, { clientId: 'away', clean: false });
    await away.subscribe(['plant/#', 1]);
    await away.disconnect();
    const trace = followed(['trace', '--topic', 'plant/#', '--data', directory]);
    await trace.says(/trace-begun/);
    await run(['publish', 'plant/1', 'x', '--qos', '1']);
    await trace.says(/stored +#\d/);
    await broker.stop();
    expect((await trace.end()).status).toBe(0);
    expect(trace.stdout).toMatch(/matched +#\d+ +topic=plant\/1 clientId=away topicFilters=/);
    expect(trace.stdout).toMatch(/^= #\d+ plant\/1 from the broker: waits for away$/m);
    expect(await run(['trace'], 1)).toContain('expected --topic or --client');
  }));

test('the command disconnects a client, and reloads what the broker reads from files', () =>
  scene(async () => {
    const { broker, run } = await running();
    const client = await connected(broker, { clientId: 'here' });
    expect(parsed(await run(['client', 'here', '--json']))).toMatchObject({ clientId: 'here', protocolVersion: 4 });
    expect(await run(['disconnect', 'here'])).toBe('here is disconnected\n');
    await client.gone();
    expect(await run(['reload'])).toBe('reloaded\n');
    await broker.stop();
  }));

test('the command finds a broker that stores nothing by its PID file, whatever is in the working directory', () =>
  scene(async () => {
    const cwd = temporaryDirectory();
    const other = await startBroker(['--port', '0'], { cwd });
    const pidFile = join(cwd, 'memory.pid');
    const broker = await startBroker(['--port', '0', '--storage', 'memory', '--pid-file', pidFile]);
    for (const { program } of [other, broker])
      afterwards(() => {
        program.kill('SIGKILL');
      });
    const found = await hexmq(['status', '--pid-file', pidFile], { cwd });
    expect(found.stdout).toContain(`process ${broker.program.pid}`);
    expect((await hexmq(['status'], { cwd })).stdout).toContain(`process ${other.program.pid}`);
    rmSync(join(cwd, 'memory.admin.sock'));
    const lost = await hexmq(['status', '--pid-file', pidFile], { cwd });
    expect(lost.stderr).toContain(`is process ${other.program.pid}: give --config or --data`);
    await broker.stop();
    const stopped = await hexmq(['status', '--pid-file', pidFile], { cwd });
    expect([lost.status, stopped.status, stopped.stderr]).toEqual([
      1,
      1,
      `hexmq: ${pidFile}: no such file, so no broker that was started with it is running\n`,
    ]);
    await other.stop();
  }));

describe('the administration over HTTP', () => {
  test('the administration over HTTP takes tokens of two roles, and a token that was added needs a reload', () =>
    scene(async () => {
      const directory = temporaryDirectory();
      const tokens = join(directory, 'tokens');
      const config = join(directory, 'hexmq.yaml');
      const tokenOf = async (name: string, role: string): Promise<string> =>
        (await hexmq(['token', name, '--role', role, '--file', tokens])).stdout.trim();
      const reader = await tokenOf('reader', 'read');
      const settings = {
        listeners: [{ type: 'tcp', port: 0 }],
        storage: { options: { directory: join(directory, 'data') } },
        admin: { port: 0, tokens },
      };
      writeFileSync(config, JSON.stringify(settings));
      const broker = await startBroker(['--config', config]);
      afterwards(() => {
        broker.program.kill('SIGKILL');
      });
      const [, address = ''] = await broker.program.logs(/"listener":"admin","address":"([^"]+)"/);
      const call = (path: string, token?: string, body?: object): Promise<Response> =>
        fetch(`http://${address}/api/v1/${path}`, {
          ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
          headers: {
            'content-type': 'application/json',
            ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          },
        });
      expect((await call('status')).status).toBe(401);
      expect((await call('status', 'hexmq_guess')).status).toBe(401);
      expect((await call('status', reader)).status).toBe(200);
      const message = { topic: 't', payload: 'x' };
      const forbidden = await call('publish', reader, message);
      expect(forbidden.status).toBe(403);
      expect(forbidden.headers.get('content-type')).toMatch(/^application\/problem\+json/);
      expect(await forbidden.json()).toMatchObject({ detail: 'publish needs the role write, and reader has read' });
      const writer = await tokenOf('writer', 'write');
      expect((await call('publish', writer, message)).status).toBe(401);
      expect((await hexmq(['reload', '--config', config])).stdout).toBe('reloaded\n');
      expect((await call('publish', writer, message)).status).toBe(200);
      expect((await broker.stop()).stderr).toMatch(/"actor":"writer","command":"publish"/);
    }));

  test('the administration over HTTP answers metrics and health on loopback without a token, and nothing else', () =>
    scene(async () => {
      const directory = temporaryDirectory();
      const config = join(directory, 'hexmq.yaml');
      const settings = {
        listeners: [{ type: 'tcp', port: 0 }],
        storage: { options: { directory: join(directory, 'data') } },
        admin: { port: 0 },
      };
      writeFileSync(config, JSON.stringify(settings));
      const broker = await startBroker(['--config', config]);
      afterwards(() => {
        broker.program.kill('SIGKILL');
      });
      const [, address = ''] = await broker.program.logs(/"listener":"admin","address":"([^"]+)"/);
      const get = (path: string): Promise<Response> => fetch(`http://${address}${path}`);
      const metrics = await get('/metrics');
      expect(metrics.headers.get('content-type')).toContain('version=0.0.4');
      expect(await metrics.text()).toMatch(/^hexmq_ready\{check="storage"\} 1$/m);
      expect(await (await get('/health/live')).json()).toEqual({ isLive: true });
      const ready = await get('/health/ready');
      expect(ready.status).toBe(200);
      expect(await ready.json()).toMatchObject({ isReady: true });
      const refused = await get('/api/v1/status');
      expect(refused.status).toBe(401);
      expect(await refused.json()).toMatchObject({
        detail: expect.stringContaining('neither admin.tokens nor admin.certificates') as unknown,
      });
      const probe = ['status', '--exit-code', '--config', config];
      expect((await hexmq(probe)).status).toBe(0);
      expect((await broker.stop()).status).toBe(0);
      expect((await hexmq(probe)).status).toBe(1);
    }));

  test('the administration over HTTP is refused by check-config where others could read its tokens', async () => {
    const config = join(temporaryDirectory(), 'hexmq.yaml');
    writeFileSync(config, JSON.stringify({ admin: { host: '0.0.0.0', tokens: 'missing' } }));
    const { status, stderr } = await hexmq(['check-config', '--config', config]);
    expect(status).toBe(1);
    expect(stderr).toMatch(/^hexmq: admin\.host: 0\.0\.0\.0 can be reached by other machines, .*admin\.tls/m);
  });
});

test('the example of the guide runs as it stands there', () =>
  scene(async () => {
    const { broker, run } = await running();
    const away = await connected(broker, { clientId: 'away', clean: false });
    await away.subscribe(['plant/#', 1]);
    await away.disconnect();
    const page = readFileSync(resolve(ROOT, 'docs/operate.md'), 'utf8');
    const lines = [...page.matchAll(/^\$ hexmq (.+)$/gm)].map(([, line = '']) => line);
    expect(lines.length).toBeGreaterThan(3);
    for (const line of lines) expect(await run(line.split(' '))).not.toBe('');
    await broker.stop();
  }));
