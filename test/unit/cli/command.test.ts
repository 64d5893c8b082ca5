// The command: what it prints, to which stream, and with which exit status. The process is a fake; the broker is real.
import { afterAll, describe, expect, test } from '@jest/globals';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../../../src/cli/command.js';
import { describeAdapters } from '../../../src/cli/describe-adapters.js';
import { resolveConfig } from '../../../src/composition/resolve-config.js';
import { VERSION } from '../../../src/composition/version.js';
import { FakeHost } from './fake-host.js';

const directory = mkdtempSync(join(tmpdir(), 'hexmq-cli-'));
afterAll(() => {
  rmSync(directory, { recursive: true });
});

function file(name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}

const quiet = ['--log-level', 'silent'];
const inMemory = ['--storage', 'memory', ...quiet];

describe('hexmq start', () => {
  test('hexmq start prints one line when it is ready, and exits with status 0 on a request to stop', async () => {
    const host = new FakeHost();
    const ended = run(['start', '--port', '0', ...inMemory], host);
    await host.untilReady();
    expect(host.output).toMatch(
      new RegExp(
        `^hexmq ${VERSION} ready: tcp 127\\.0\\.0\\.1:\\d+, storage memory \\(not durable: nothing survives a restart\\), ` +
          'authentication anonymous \\(everyone is admitted\\)\\n$',
      ),
    );
    host.requestStop();
    expect(await ended).toBe(0);
    expect(host.errors).toBe('');
    expect(host.exits).toEqual([]);
  });

  test('hexmq start prints its line as JSON where the log is JSON', async () => {
    const host = new FakeHost();
    host.isOutputJson = true;
    const ended = run(['start', '--port', '0', ...inMemory], host);
    await host.untilReady();
    host.requestStop();
    await ended;
    expect(host.output).toMatch(/^[^\n]+\n$/);
    expect(JSON.parse(host.output)).toEqual({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      event: 'started',
      version: VERSION,
      msg: expect.stringMatching(/^hexmq \S+ ready: tcp 127\.0\.0\.1:\d+, storage memory /),
    });
  });

  test.each([
    [[], 'acknowledged when flushed to disk'],
    [['--ack-level', 'stored'], 'acknowledged when stored: what is not on the disk yet is lost when the machine dies'],
    [['--ack-level', 'received'], 'acknowledged when received: what is not stored yet is lost when the broker dies'],
  ])(
    'hexmq start uses file storage by default, and prints what an acknowledgement means (%j)',
    async (flags, promise) => {
      const host = new FakeHost({ HEXMQ_DATA: join(directory, 'data') });
      const ended = run(['start', '--port', '0', ...flags, ...quiet], host);
      await host.untilReady();
      host.requestStop();
      expect(await ended).toBe(0);
      expect(host.output).toContain(`, storage file (${join(directory, 'data')}; ${promise}), `);
    },
  );

  test('the ready line promises no more than the storage claims', () => {
    const traits = { durable: false, fencing: false, preferredBatchChanges: 1 };
    const config = resolveConfig({ storage: { adapter: 'my-storage' } });
    expect(describeAdapters(config, traits)).toMatch(
      /^storage my-storage \(not durable: nothing survives a restart\), /,
    );
    expect(describeAdapters(config, { ...traits, durable: true })).toMatch(
      /^storage my-storage \(acknowledged when flushed to disk\), /,
    );
  });

  test('hexmq start stops as soon as it has started if the request to stop comes during the start', async () => {
    const host = new FakeHost();
    const ended = run(['start', '--port', '0', ...inMemory], host);
    const stop = setInterval(() => {
      host.requestStop();
      if (host.output !== '') clearInterval(stop);
    }, 1);
    expect(await ended).toBe(0);
    clearInterval(stop);
  });

  test('hexmq start exits at once on a second request to stop', async () => {
    const host = new FakeHost();
    const ended = run(['start', '--port', '0', ...inMemory], host);
    await host.untilReady();
    host.requestStop();
    host.requestStop();
    expect(host.exits).toEqual([130]);
    expect(await ended).toBe(0);
  });

  test('hexmq start exits with status 1 and advice if its port is in use', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    const host = new FakeHost();
    expect(await run(['start', '--port', String(port), ...inMemory], host)).toBe(1);
    expect(host.errors).toBe(
      `hexmq: cannot listen on 127.0.0.1:${port}: the port is in use; choose another (--port) or stop the other process\n`,
    );
    expect(host.output).toBe('');
    server.close();
  });

  test('hexmq start warns about a directory for a storage that does not write to disk', async () => {
    const host = new FakeHost({ HEXMQ_DATA: 'elsewhere' });
    const ended = run(['start', '--port', '0', '--data', 'data', ...inMemory], host);
    await host.untilReady();
    host.requestStop();
    await ended;
    expect(host.errors).toBe('hexmq: --data has no effect: the memory storage has no option directory\n');
  });

  test('hexmq start warns in the file of the log as well, if there is one', async () => {
    const log = join(directory, 'warned.log');
    const host = new FakeHost({ HEXMQ_LOG_FILE: log });
    const ended = run(['start', '--port', '0', '--storage', 'memory', '--data', 'data'], host);
    await host.untilReady();
    host.requestStop();
    await ended;
    expect(host.errors).toContain('--data has no effect');
    expect(readFileSync(log, 'utf8')).toContain('"detail":"--data has no effect: the memory storage has no option');
  });

  test('hexmq start warns about a URL for a storage without one, and does not show the URL', async () => {
    const host = new FakeHost({ HEXMQ_STORAGE_URL: 'mongodb://user:secret@here/', HEXMQ_STORAGE_DATABASE: 'x' });
    const ended = run(['start', '--port', '0', ...inMemory], host);
    await host.untilReady();
    host.requestStop();
    await ended;
    expect(host.errors).toBe(
      'hexmq: HEXMQ_STORAGE_URL has no effect: the memory storage has no option url\n' +
        'hexmq: HEXMQ_STORAGE_DATABASE has no effect: the memory storage has no option database\n',
    );
  });

  test('hexmq start replaces URL and database of the file by those of the environment, and shows the hosts alone', async () => {
    const path = file(
      'mongodb.yaml',
      'storage: { adapter: mongodb, options: { url: "mongodb://elsewhere/", database: other } }',
    );
    const host = new FakeHost({
      HEXMQ_STORAGE_URL: 'mongodb://user:secret@here:1,there:2/?tls=true&appName=a@b',
      HEXMQ_STORAGE_DATABASE: '2026',
    });
    expect(await run(['check-config', '--config', path], host)).toBe(0);
    expect(host.output).toContain('storage mongodb (here:1,there:2/2026;');
  });

  test('hexmq start reads the URL from the file that HEXMQ_STORAGE_URL_FILE names', async () => {
    const host = new FakeHost({
      HEXMQ_STORAGE: 'mongodb',
      HEXMQ_STORAGE_URL_FILE: file('url', 'mongodb://user:secret@[::1]:27018/\n'),
    });
    expect(await run(['check-config'], host)).toBe(0);
    expect(host.output).toContain('storage mongodb ([::1]:27018/hexmq;');
  });
});

describe('mistakes of the user', () => {
  const failing = async (args: string[], environment: Record<string, string> = {}): Promise<string> => {
    const host = new FakeHost(environment);
    expect(await run(args, host)).toBe(1);
    expect(host.output).toBe('');
    expect(host.errors).not.toMatch(/\n\s+at /);
    return host.errors;
  };

  test('an invalid value of a flag is reported with the name of the flag', async () => {
    expect(await failing(['start', '--port', 'abc'])).toBe(
      'hexmq: --port: "abc" is not valid, expected a whole number from 0 to 65535 (0: any free port)\n',
    );
    expect(await failing(['start', '--port', '65536'])).toMatch(/^hexmq: --port: 65536 is out of range/);
    expect(await failing(['start', '--log-level', 'loud'])).toMatch(
      /^hexmq: --log-level: "loud" is not valid, expected one of debug, info/,
    );
    expect(await failing(['start', '--host', '0.0.0.0'])).toMatch(
      /^hexmq: --host: 0\.0\.0\.0 can be reached by other machines/,
    );
  });

  test('an unknown flag or command is reported with a suggestion', async () => {
    expect(await failing(['start', '--prot', '1'])).toContain('Did you mean --port?');
    expect(await failing(['strat'])).toContain('Did you mean start?');
    expect(await failing(['start', '--port'])).toContain('argument missing');
    expect(await failing(['start', 'surplus'])).toContain('too many arguments');
  });

  test('all mistakes of a configuration file are reported, one line each', async () => {
    const path = file('bad.yaml', 'limits: { maxInflight: 0, maxQos: 7 }\nlog: {}\n');
    expect((await failing(['check-config', '--config', path])).split('\n')).toEqual([
      'hexmq: limits.maxInflight: 0 is out of range, expected a whole number from 1 to 65535',
      'hexmq: limits.maxQos: 7 is not valid, expected 0, 1 or 2',
      'hexmq: log: unknown key; did you mean logging?',
      '',
    ]);
  });

  test('a missing configuration file and invalid syntax are reported', async () => {
    expect(await failing(['start', '--config', join(directory, 'none.yaml')])).toContain(
      'there is no such file; check --config',
    );
    expect(await failing(['start', '--config', directory])).toContain('it is a directory');
    expect(await failing(['check-config'], { HEXMQ_CONFIG: join(directory, 'none.yaml') })).toContain(
      'there is no such file',
    );
    expect(await failing(['check-config', '-c', file('syntax.yaml', 'a: [')])).toMatch(
      /syntax\.yaml, line \d+, column \d+: /,
    );
  });

  test.each([
    ['listener 1883\nallow_anonymous false\npassword_file /etc/mosquitto/passwd\n', 'line 1 begins with listener'],
    ['# the plant\n\npersistence true\nlistener 8883\ncafile /etc/ca.crt\n', 'line 3 begins with persistence'],
    ['per_listener_settings true\nlog_dest file /var/log/a: b\n\tport 1883', 'line 1 begins with per_listener'],
  ])('a configuration of Mosquitto is recognised and named: %j', async (text, where) => {
    const errors = await failing(['check-config', '--config', file('mosquitto.conf', text)]);
    expect(errors).toContain('mosquitto.conf is a configuration of Mosquitto');
    expect(errors).toContain(where);
    expect(errors).toContain('docs/moving-from-mosquitto.md');
  });

  test('an invalid environment variable is reported with its name', async () => {
    expect(await failing(['start'], { HEXMQ_PROT: '1' })).toBe(
      'hexmq: HEXMQ_PROT: unknown variable; did you mean HEXMQ_PORT?\n',
    );
  });
});

describe('flags, environment, file and defaults', () => {
  const path = file('good.yaml', 'listeners: [{ type: tcp, port: 1001 }]\n');
  const checked = async (args: string[], environment: Record<string, string>): Promise<string> => {
    const host = new FakeHost(environment);
    expect(await run(['check-config', ...args], host)).toBe(0);
    return host.output;
  };

  test('flags override the environment, which overrides the file, which overrides the defaults', async () => {
    expect(await checked([], {})).toContain('tcp 127.0.0.1:1883');
    expect(await checked(['-c', path], {})).toContain('tcp 127.0.0.1:1001');
    expect(await checked(['-c', path], { HEXMQ_PORT: '1002' })).toContain('tcp 127.0.0.1:1002');
    const host = new FakeHost({ HEXMQ_PORT: 'ignored, and wrong' });
    const ended = run(['start', '-c', path, '--port', '0', ...inMemory], host);
    await host.untilReady();
    host.requestStop();
    expect(await ended).toBe(0);
  });
});

describe('help and version', () => {
  test('help and version are printed on standard output with status 0', async () => {
    const host = new FakeHost();
    expect(await run(['--version'], host)).toBe(0);
    expect(host.output).toBe(`${VERSION}\n`);
    expect(await run(['--help'], host)).toBe(0);
    expect(await run(['start', '--help'], host)).toBe(0);
    expect(host.output).toContain('--log-level <level>');
    expect(host.errors).toBe('');
  });

  test('help is printed on standard error with status 1 if no command is given', async () => {
    const host = new FakeHost();
    expect(await run([], host)).toBe(1);
    expect(host.errors).toContain('Usage: hexmq');
  });
});

describe('hexmq reload', () => {
  test('hexmq reload signals the process of the PID file, which exists as long as the broker runs', async () => {
    const pidFile = join(directory, 'hexmq.pid');
    const broker = new FakeHost();
    const ended = run(['start', '--port', '0', '--pid-file', pidFile, ...inMemory], broker);
    await broker.untilReady();
    const host = new FakeHost({ HEXMQ_PID_FILE: pidFile });
    expect(await run(['reload'], host)).toBe(0);
    expect(host.signals).toEqual(['SIGHUP']);
    expect(host.output).toBe('sent SIGHUP to process 4711; its log shows the result\n');
    broker.requestStop();
    expect(await ended).toBe(0);
    const late = new FakeHost();
    expect(await run(['reload', '--pid-file', pidFile], late)).toBe(1);
    expect(late.errors).toBe(`hexmq: ${pidFile}: no such file, so no broker that was started with it is running\n`);
  });

  test('signals are handled before there is a PID file that says where to send them', async () => {
    const pidFile = join(directory, 'early.pid');
    const isThere: boolean[] = [];
    class WatchingHost extends FakeHost {
      override onStopRequest(callback: () => void): void {
        isThere.push(existsSync(pidFile));
        super.onStopRequest(callback);
      }

      override onReloadRequest(callback: () => void): void {
        isThere.push(existsSync(pidFile));
        super.onReloadRequest(callback);
      }
    }
    const host = new WatchingHost();
    const ended = run(['start', '--port', '0', '--pid-file', pidFile, ...inMemory], host);
    await host.untilReady();
    expect(isThere).toEqual([false, false]);
    expect(existsSync(pidFile)).toBe(true);
    host.requestStop();
    expect(await ended).toBe(0);
    expect(existsSync(pidFile)).toBe(false);
  });

  test('hexmq reload sends no signal if the configuration is wrong, and prints what is wrong', async () => {
    const host = new FakeHost();
    const config = file('wrong-for-reload.yaml', 'limits: { maxInflight: 0 }');
    expect(await run(['reload', '--pid', '4711', '--config', config], host)).toBe(1);
    expect(host.errors).toBe('hexmq: limits.maxInflight: 0 is out of range, expected a whole number from 1 to 65535\n');
    expect(host.signals).toEqual([]);
  });

  test.each([
    [['--pid', '4712'], 'hexmq: cannot signal process 4712: it is not running\n'],
    [['--pid', 'all'], 'hexmq: --pid: "all" is not valid, expected a process id\n'],
    [
      ['--pid-file', file('no.pid', 'soon')],
      `hexmq: ${join(directory, 'no.pid')}: expected a process id and nothing else\n`,
    ],
  ])('hexmq reload refuses the flags %j', async (flags, error) => {
    const host = new FakeHost();
    expect(await run(['reload', ...flags], host)).toBe(1);
    expect(host.errors).toBe(error);
  });
});

describe('hexmq check-config', () => {
  test('hexmq check-config prints all problems at once, also those that adapters report', async () => {
    const host = new FakeHost();
    const config = file(
      'all-wrong.yaml',
      JSON.stringify({
        listeners: [
          { type: 'tls', tls: { cert: join(directory, 'no.crt'), key: join(directory, 'no.key') } },
          { type: 'tcp', authentication: [{ adapter: 'certificate', options: { identity: 'face' } }] },
        ],
        authentication: [{ adapter: 'password-file', options: { path: join(directory, 'no-passwords') } }],
        authorization: [{ adapter: 'acl-file', options: {} }],
        limits: { maxInflight: 0 },
      }),
    );
    expect(await run(['check-config', '--config', config], host)).toBe(1);
    expect(host.errors.split('\n').filter((line) => line !== '')).toEqual([
      'hexmq: limits.maxInflight: 0 is out of range, expected a whole number from 1 to 65535',
      expect.stringMatching(/^hexmq: authentication\[0\]\.options: refused by password-file: .*no-passwords/),
      expect.stringMatching(/^hexmq: listeners\[1\]\.authentication\[0\]\.options: refused by certificate: .*face/),
      expect.stringMatching(/^hexmq: authorization\[0\]\.options: refused by acl-file: .*path/),
      expect.stringMatching(/^hexmq: listeners\[0\]: refused by tls: .*no\.crt/),
      expect.stringMatching(/^hexmq: listeners\[0\]: refused by tls: .*no\.key/),
    ]);
  });
});
