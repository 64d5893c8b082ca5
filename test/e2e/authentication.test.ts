// The built command with password files: made by `hexmq passwd`, used by third-party clients, and throttled after
// failures.
import { describe, expect, test } from '@jest/globals';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { within } from '../clients/within.js';
import { hexmq, ROOT, startBroker, startProgram, temporaryDirectory } from './hexmq-command.js';
import type { RunningBroker } from './hexmq-command.js';
import { connect } from './mqtt-js.js';
import type { Version } from './mqtt-js.js';
import { Program, run, scene } from './program.js';
import { describeWith, PYTHON } from './tools.js';

const VERSIONS: readonly Version[] = ['3.1', '3.1.1'];
const NEVER_SLOWED = 'failedAttempts: { maxDelayMs: 0 }\n';
const PASSWORD_FILE = 'authentication: [{ adapter: password-file, options: { path: passwd } }]\n';

/** A directory with a password file that `hexmq passwd` made. */
async function withUsers(users: Readonly<Record<string, string>>, cost = '10'): Promise<string> {
  const directory = temporaryDirectory();
  for (const [user, password] of Object.entries(users)) await setPassword(directory, user, password, cost);
  return directory;
}

async function setPassword(cwd: string, user: string, password: string, cost = '10'): Promise<void> {
  const setting = new Program(
    process.execPath,
    [resolve(ROOT, 'dist/src/cli/main.js'), 'passwd', 'passwd', user, '--stdin', '--cost', cost],
    { cwd },
  );
  setting.closeInput(`${password}\n`);
  expect(await setting.end()).toEqual({ status: 0, signal: null, stdout: `${user} added to passwd\n`, stderr: '' });
}

function brokerIn(directory: string, yaml: string): Promise<RunningBroker> {
  writeFileSync(join(directory, 'hexmq.yaml'), `storage: { adapter: memory }\n${yaml}`);
  return startBroker(['--config', 'hexmq.yaml', ...(yaml.includes('listeners:') ? [] : ['--port', '0'])], {
    cwd: directory,
  });
}

interface Login {
  readonly username?: string;
  readonly password?: string;
  readonly clientId?: string;
}

/** The return code of CONNACK. */
async function codeOf(
  broker: Pick<RunningBroker, 'url'>,
  login: Login = {},
  version: Version = '3.1.1',
): Promise<number> {
  try {
    const client = await connect(broker, login, version);
    await client.mqtt.endAsync();
    return 0;
  } catch (error) {
    const { code } = error as { code?: unknown };
    if (typeof code === 'number') return code;
    throw error;
  }
}

async function stopped(broker: RunningBroker): Promise<void> {
  expect((await within(broker.stop(), 'the broker to stop')).status).toBe(0);
}

describe('a password file', () => {
  test.each(VERSIONS)(
    'a client of MQTT %s is admitted if the password file has it, and refused with a return code otherwise',
    (version) =>
      scene(async () => {
        const broker = await brokerIn(
          await withUsers({ alice: 'secret', bob: 'also secret' }),
          PASSWORD_FILE + NEVER_SLOWED,
        );
        expect(await codeOf(broker, { username: 'alice', password: 'secret' }, version)).toBe(0);
        expect(await codeOf(broker, { username: 'bob', password: 'also secret' }, version)).toBe(0);
        expect(await codeOf(broker, { username: 'alice', password: 'also secret' }, version)).toBe(4);
        expect(await codeOf(broker, { username: 'alice' }, version)).toBe(4);
        expect(await codeOf(broker, { username: 'mallory', password: 'secret' }, version)).toBe(4);
        expect(await codeOf(broker, {}, version)).toBe(5);
        await stopped(broker);
        const { stderr } = broker.program;
        expect(stderr).toMatch(
          /"event":"connection-refused".*"reason":"bad-credentials".*"detail":"password-file: wrong password"/,
        );
        expect(stderr).toMatch(
          /"event":"connection-refused".*"reason":"bad-credentials".*"detail":"password-file: unknown user"/,
        );
        expect(broker.program.stdout + stderr).not.toMatch(/secret|\$scrypt/);
      }),
  );

  test('a password file can be configured by the environment alone, with ./passwd as default', () =>
    scene(async () => {
      const cwd = await withUsers({ alice: 'secret' });
      const broker = await startBroker(['--port', '0', '--storage', 'memory'], {
        cwd,
        env: { HEXMQ_AUTHENTICATION: 'password-file' },
      });
      expect(broker.program.stdout).toMatch(/authentication password-file \(\.\/passwd\)"\}\n/);
      expect([await codeOf(broker, { username: 'alice', password: 'secret' }), await codeOf(broker, {})]).toEqual([
        0, 5,
      ]);
      await stopped(broker);
    }));

  test('password-file before anonymous admits clients without a name and denies unknown names', () =>
    scene(async () => {
      const broker = await brokerIn(
        await withUsers({ alice: 'secret' }),
        `authentication: [{ adapter: password-file }, { adapter: anonymous }]\n${NEVER_SLOWED}`,
      );
      expect(await codeOf(broker, {})).toBe(0);
      expect(await codeOf(broker, { username: 'alice', password: 'secret' })).toBe(0);
      expect(await codeOf(broker, { username: 'alice', password: 'wrong' })).toBe(4);
      expect(await codeOf(broker, { username: 'mallory', password: 'secret' })).toBe(4);
      await stopped(broker);
    }));

  test('two password files with abstain know their own users each', () =>
    scene(async () => {
      const directory = await withUsers({ alice: 'secret' });
      const others = await withUsers({ bob: 'hidden' });
      const first = '{ adapter: password-file, options: { unknownUsers: abstain } }';
      const second = `{ adapter: password-file, options: { path: ${join(others, 'passwd')} } }`;
      const broker = await brokerIn(directory, `authentication: [${first}, ${second}]\n${NEVER_SLOWED}`);
      const logins = [
        ['alice', 'secret'],
        ['bob', 'hidden'],
        ['alice', 'hidden'],
        ['carol', 'secret'],
      ] as const;
      const codes: number[] = [];
      for (const [username, password] of logins) codes.push(await codeOf(broker, { username, password }));
      expect(codes).toEqual([0, 0, 4, 4]);
      await stopped(broker);
    }));

  test('a missing or invalid password file is reported by start and check-config without its contents', () =>
    scene(async () => {
      const cwd = temporaryDirectory();
      writeFileSync(join(cwd, 'hexmq.yaml'), PASSWORD_FILE);
      const both = async (): Promise<string[]> => {
        const ends = await Promise.all(
          ['start', 'check-config'].map((command) => hexmq([command, '--config', 'hexmq.yaml'], { cwd })),
        );
        expect(ends.map(({ status }) => status)).toEqual([1, 1]);
        return ends.map(({ stderr }) => stderr);
      };
      for (const told of await both())
        expect(told).toBe(
          'hexmq: authentication[0].options: refused by password-file: passwd: there is no such file, expected one made by hexmq passwd passwd <user>\n',
        );
      writeFileSync(join(cwd, 'passwd'), '# users\nalice:hunter2\n\nbob\n');
      for (const told of await both()) {
        expect(told).toMatch(
          /^hexmq: authentication\[0\]\.options: refused by password-file: passwd: line 2: its password is not hashed, .+; line 4: there is no colon, .+\n$/,
        );
        expect(told).not.toContain('hunter2');
      }
    }));

  test('SIGHUP reloads a changed password file, and an invalid one leaves the users unchanged', () =>
    scene(async () => {
      const cwd = await withUsers({ alice: 'secret' });
      const broker = await brokerIn(cwd, PASSWORD_FILE + NEVER_SLOWED);
      const bob = { username: 'bob', password: 'hidden' };
      expect(await codeOf(broker, bob)).toBe(4);
      await setPassword(cwd, 'bob', 'hidden');
      broker.program.kill('SIGHUP');
      await broker.program.logs(/"event":"reloaded".*password-file/);
      expect(await codeOf(broker, bob)).toBe(0);
      writeFileSync(join(cwd, 'passwd'), 'bob:hunter2\n');
      broker.program.kill('SIGHUP');
      const [told] = await broker.program.logs(/.*"event":"reload-failed".*/);
      expect(told).toMatch(/passwd: line 1: its password is not hashed/);
      expect(told).not.toContain('hunter2');
      expect(await codeOf(broker, { username: 'alice', password: 'secret' })).toBe(0);
      await broker.stop();
    }));

  test('password checks do not block traffic: a hundred round trips are done before thirty logins are', () =>
    scene(async () => {
      const logins = 30;
      const roundTrips = 100;
      const yaml = `authentication: [{ adapter: password-file, timeoutMs: 60000 }, { adapter: anonymous }]\nlimits: { authTimeoutMs: 60000 }\n${NEVER_SLOWED}`;
      const broker = await brokerIn(await withUsers({ alice: 'secret' }, '12'), yaml);
      const other = await connect(broker);
      let answered = 0;
      const codes = Array.from({ length: logins }, async (_, i) => {
        const code = await codeOf(broker, { username: 'alice', password: `guess ${i}`, clientId: `guesser ${i}` });
        answered++;
        return code;
      });
      await Promise.race(codes);
      for (let i = 0; i < roundTrips; i++) await other.mqtt.publishAsync('topic', String(i), { qos: 1 });
      expect(answered).toBeLessThan(logins);
      expect(await within(Promise.all(codes), 'all answers')).toEqual(Array(logins).fill(4));
      await stopped(broker);
    }));
});

describe('authentication of a listener', () => {
  test('a listener with its own authentication uses it alone', () =>
    scene(async () => {
      const directory = await withUsers({ alice: 'secret' });
      const yaml = `listeners:
  - { type: tcp, port: 0 }
  - { type: tcp, name: open, port: 0, authentication: [{ adapter: anonymous }] }
${PASSWORD_FILE}`;
      writeFileSync(join(directory, 'hexmq.yaml'), `storage: { adapter: memory }\n${yaml}`);
      const program = startProgram(['--config', 'hexmq.yaml'], { cwd: directory });
      const [, users = '', open = ''] = await program.says(
        /ready: tcp ([\d.:]+), tcp ([\d.:]+), .*authentication password-file \(passwd\); on open anonymous \(everyone is admitted\)"\}$/m,
      );
      const codes: number[] = [];
      for (const at of [users, open]) {
        const broker = { url: `mqtt://${at}` };
        codes.push(await codeOf(broker, {}), await codeOf(broker, { username: 'alice', password: 'secret' }));
      }
      expect(codes).toEqual([5, 0, 0, 0]);
      program.kill('SIGTERM');
      expect((await program.end()).status).toBe(0);
    }));
});

describe('an authenticator that never answers', () => {
  /** A third-party adapter package, installed where the broker is started. */
  function withStuck(): string {
    const directory = temporaryDirectory();
    const folder = join(directory, 'node_modules/hexmq-auth-stuck');
    mkdirSync(folder, { recursive: true });
    writeFileSync(
      join(folder, 'package.json'),
      JSON.stringify({ name: 'hexmq-auth-stuck', version: '1.0.0', type: 'module', exports: './index.js' }),
    );
    writeFileSync(
      join(folder, 'index.js'),
      "export const createAuthenticator = () => ({ name: 'stuck', authenticate: () => new Promise(() => {}), stop: async () => console.log('stopped') });",
    );
    return directory;
  }
  const stuck = (onFailure: string): string =>
    `authentication: [{ adapter: hexmq-auth-stuck, timeoutMs: 50, onFailure: ${onFailure} }, { adapter: anonymous }]\n`;

  test('an authenticator that never answers refuses the client after its timeout and is stopped with the broker', () =>
    scene(async () => {
      const broker = await brokerIn(withStuck(), stuck('deny'));
      expect(await codeOf(broker)).toBe(3);
      await stopped(broker);
      expect(broker.program.stderr).toMatch(
        /"reason":"authentication-unavailable","detail":"stuck: no answer within 50 ms"/,
      );
      expect(broker.program.stdout).toContain('stopped\n');
    }));

  test('with onFailure abstain an authenticator that never answers is skipped, and the log says so', () =>
    scene(async () => {
      const broker = await brokerIn(withStuck(), stuck('abstain'));
      expect(await codeOf(broker)).toBe(0);
      await stopped(broker);
      expect(broker.program.stderr).toMatch(
        /"level":"warn".*"event":"authenticator-passed-over","authenticator":"stuck","error":"no answer within 50 ms"/,
      );
    }));
});

describe('logins that fail', () => {
  test('a login that fails too often is refused while other users at its address are admitted', () =>
    scene(async () => {
      const broker = await brokerIn(
        await withUsers({ alice: 'secret', bob: 'hidden' }),
        `${PASSWORD_FILE}failedAttempts: { maxWaitingPerAddress: 0 }\n`,
      );
      const alice = (password: string): Promise<number> => codeOf(broker, { username: 'alice', password });
      expect([await alice('1'), await alice('2'), await alice('3')]).toEqual([4, 4, 4]);
      expect([await alice('4'), await alice('secret')]).toEqual([3, 3]);
      expect(await codeOf(broker, { username: 'bob', password: 'hidden' })).toBe(0);
      await stopped(broker);
      const told = broker.program.stderr.match(/.*"event":"attempts-slowed".*/g) ?? [];
      expect(told).toEqual([
        expect.stringContaining('"scope":"login","ipAddress":"127.0.0.1","userName":"alice","failures":3'),
      ]);
      expect(broker.program.stderr).toContain(
        '"reason":"authentication-unavailable","detail":"too many failed attempts"',
      );
    }));

  test('a delayed login with the right password is admitted', () =>
    scene(async () => {
      const broker = await brokerIn(
        await withUsers({ alice: 'secret' }),
        `${PASSWORD_FILE}failedAttempts: { delayMs: 1, maxDelayMs: 5 }\n`,
      );
      const codes: number[] = [];
      for (let i = 0; i < 8; i++) codes.push(await codeOf(broker, { username: 'alice', password: String(i) }));
      expect([...codes, await codeOf(broker, { username: 'alice', password: 'secret' })]).toEqual([
        ...Array<number>(8).fill(4),
        0,
      ]);
      await stopped(broker);
    }));
});

describeWith('script', 'hexmq passwd on a terminal', () => {
  test('hexmq passwd asks twice and does not echo the password', () =>
    scene(async () => {
      const cwd = temporaryDirectory();
      const command = [
        process.execPath,
        resolve(ROOT, 'dist/src/cli/main.js'),
        'passwd',
        'passwd',
        'alice',
        '--cost',
        '10',
      ].join(' ');
      const program = new Program('script', ['-qec', command, '/dev/null'], { cwd, env: { SHELL: '/bin/sh' } });
      await program.says(/Password:/);
      program.type('sesame\r');
      await program.says(/Repeat the password:/);
      program.type('sesame\r');
      await program.says(/alice added to passwd/);
      expect((await program.end()).status).toBe(0);
      expect(program.stdout).not.toContain('sesame');
      const broker = await brokerIn(cwd, PASSWORD_FILE);
      expect(await codeOf(broker, { username: 'alice', password: 'sesame' })).toBe(0);
      await stopped(broker);
    }));
});

describeWith('mosquitto', 'a file of passwords and mosquitto_pub', () => {
  test.each(['mqttv31', 'mqttv311'])('with -V %s publishes with the right password only', (version) =>
    scene(async () => {
      const broker = await brokerIn(await withUsers({ alice: 'secret' }), PASSWORD_FILE + NEVER_SLOWED);
      const publish = async (...login: string[]): Promise<string> => {
        const { status, stderr } = await run('mosquitto_pub', [
          '-h',
          broker.host,
          '-p',
          String(broker.port),
          '-V',
          version,
          '-t',
          'a',
          '-m',
          'b',
          '-q',
          '1',
          ...login,
        ]);
        return status === 0 ? 'published' : stderr;
      };
      expect(await publish('-u', 'alice', '-P', 'secret')).toBe('published');
      expect(await publish('-u', 'alice', '-P', 'wrong')).toMatch(/bad user name or password/i);
      expect(await publish('-u', 'unknown', '-P', 'secret')).toMatch(/bad user name or password/i);
      expect(await publish()).toMatch(/not authorised/i);
      await stopped(broker);
    }),
  );
});

describeWith('mosquitto_passwd', 'a file made by mosquitto_passwd', () => {
  test('a file by mosquitto_passwd is read in both formats and changed by hexmq passwd', () =>
    scene(async () => {
      const cwd = temporaryDirectory();
      writeFileSync(join(cwd, 'passwd'), '');
      for (const args of [
        ['alice', 'secret'],
        ['bob', 'hidden'],
      ])
        expect((await run('mosquitto_passwd', ['-b', 'passwd', ...args], { cwd })).status).toBe(0);
      expect((await run('mosquitto_passwd', ['-H', 'sha512', '-b', 'passwd', 'carol', 'covert'], { cwd })).status).toBe(
        0,
      );
      expect(readFileSync(join(cwd, 'passwd'), 'utf8')).toMatch(/^alice:\$7\$.+\nbob:\$7\$.+\ncarol:\$6\$.+\n$/);
      expect((await hexmq(['passwd', 'passwd', '--list'], { cwd })).stdout).toBe('alice\nbob\ncarol\n');
      expect((await hexmq(['passwd', 'passwd', 'bob', '--delete'], { cwd })).status).toBe(0);
      const broker = await brokerIn(cwd, PASSWORD_FILE + NEVER_SLOWED);
      const codes: number[] = [];
      for (const [username, password] of [
        ['alice', 'secret'],
        ['bob', 'hidden'],
        ['carol', 'covert'],
        ['carol', 'secret'],
      ] as const)
        codes.push(await codeOf(broker, { username, password }));
      expect(codes).toEqual([0, 4, 0, 4]);
      await stopped(broker);
    }));
});

describeWith('paho', 'a file of passwords and Eclipse Paho for Python', () => {
  test('Eclipse Paho receives the return codes of refused logins', () =>
    scene(async () => {
      const broker = await brokerIn(await withUsers({ alice: 'secret' }), PASSWORD_FILE + NEVER_SLOWED);
      const script = resolve(import.meta.dirname, 'paho/passwords.py');
      const check = new Program(PYTHON ?? 'python3', [script, broker.host, String(broker.port), 'alice', 'secret'], {
        env: { PYTHONDONTWRITEBYTECODE: '1' },
      });
      expect(await check.end()).toMatchObject({
        status: 0,
        stderr: '',
        stdout: expect.stringContaining('as expected'),
      });
      await stopped(broker);
    }));
});
