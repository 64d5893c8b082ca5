// Third-party programs that may be missing, most of them clients. `npm test` needs none of them and leaves their suites
// to `npm run test:all`. There the suites of a missing program are skipped and name it, or fail if it is required.
import { describe, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { postgresqlPrograms } from '../support/databases/postgresql-programs.js';

export type Tool =
  | 'cc'
  | 'chromium'
  | 'fish'
  | 'hivemq'
  | 'mosquitto'
  | 'mosquitto_broker'
  | 'mosquitto_passwd'
  | 'node_versions'
  | 'openssl'
  | 'paho'
  | 'paho_go'
  | 'paho_python'
  | 'postgresql'
  | 'prlimit'
  | 'promtool'
  | 'redis_server'
  | 'script'
  | 'systemd_analyze'
  | 'systemd_notify'
  | 'zsh';

function works(command: string, args: readonly string[]): boolean {
  const { error, status } = spawnSync(command, args, { stdio: 'ignore' });
  // mosquitto_sub answers --help with 1.
  return error === undefined && (status === 0 || status === 1);
}

function hasPaho(python: string): boolean {
  return spawnSync(python, ['-c', 'import paho.mqtt.client'], { stdio: 'ignore' }).status === 0;
}

/** jest.config.ts has refused names that are not known. */
const REQUIRED = new Set((process.env['HEXMQ_REQUIRE'] ?? '').split(',').map((name) => name.trim()));

/**
 * The first Python that has the client, on the path or the system's own: a version manager's may come first and lack
 * it.
 */
export const PYTHON = ['python3', '/usr/bin/python3'].find(hasPaho);

/** Any Python, for what Node has not, such as a datagram socket of the Unix domain. */
const hasPython = (): boolean => works('python3', ['--version']);

/** The first browser of this family that is installed. */
export const CHROMIUM = ['chromium', 'chromium-browser', 'google-chrome'].find((name) => works(name, ['--version']));

/** Where the scripts of the tests put what they install. */
const CACHE =
  process.env['HEXMQ_TEST_CACHE'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'hexmq-test');

/** The programs of Node by version, where `test/e2e/node-versions/install.sh` puts them. */
export const NODE_VERSIONS: ReadonlyMap<string, string> = new Map(
  readFileSync(resolve(import.meta.dirname, 'node-versions/versions.txt'), 'utf8')
    .trim()
    .split('\n')
    .map((version) => [version, join(CACHE, 'node-versions', version, 'bin/node')]),
);

/** Where `test/e2e/clients-5/install.sh` puts the clients of MQTT 5. */
const CLIENTS_5 = join(CACHE, 'clients-5');
export const INSTALLED = {
  /** To be imported by Python. */
  python: join(CLIENTS_5, 'python'),
  /** With the archives of Java. */
  java: join(CLIENTS_5, 'java'),
  /** The command `go` that was used. */
  go: join(CLIENTS_5, 'go/command'),
} as const;

const IS_THERE: Readonly<Record<Tool, () => boolean>> = {
  cc: () => process.platform === 'linux' && works('cc', ['--version']),
  chromium: () => CHROMIUM !== undefined,
  fish: () => works('fish', ['--version']),
  hivemq: () => existsSync(INSTALLED.java) && works('javac', ['-version']),
  mosquitto: () => works('mosquitto_pub', ['--help']) && works('mosquitto_sub', ['--help']),
  mosquitto_broker: () => spawnSync('mosquitto', ['-h'], { stdio: 'ignore' }).error === undefined,
  mosquitto_passwd: () => works('mosquitto_passwd', ['--help']),
  node_versions: () => [...NODE_VERSIONS.values()].every((node) => works(node, ['--version'])),
  openssl: () => works('openssl', ['version']),
  paho: () => PYTHON !== undefined,
  paho_go: () => works(INSTALLED.go, ['version']),
  paho_python: () => existsSync(INSTALLED.python) && works('python3', ['--version']),
  postgresql: () => postgresqlPrograms() !== undefined,
  prlimit: () => works('prlimit', ['--version']),
  promtool: () => works('promtool', ['--version']),
  redis_server: () => works('redis-server', ['--version']),
  script: () => works('script', ['--version']),
  systemd_analyze: () => works('systemd-analyze', ['--version']),
  systemd_notify: () => hasPython() && works('systemd-notify', ['--version']),
  zsh: () => works('zsh', ['--version']),
};

/** What is needed for each name, for the reader of a summary. */
const WHAT = (
  JSON.parse(readFileSync(resolve(import.meta.dirname, '../programs.json'), 'utf8')) as {
    readonly programs: Readonly<Record<Tool | 'mongodb', string>>;
  }
).programs;

/** Whether this is `npm test`, which needs only Node. */
export const IS_SHORT = process.env['HEXMQ_TESTS'] === 'short';

const leftOut = (title: string, need: string): string => `${title} [left to npm run test:all: needs ${need}]`;

/** A suite that needs all of these programs. */
export function describeWith(tools: Tool | readonly Tool[], title: string, tests: () => void): void {
  const needed = typeof tools === 'string' ? [tools] : tools;
  if (IS_SHORT) {
    describe.skip(leftOut(title, needed.join(' and ')), tests);
    return;
  }
  const missing = needed.find((tool) => !IS_THERE[tool]());
  if (missing === undefined) describe(title, tests);
  else describeWithout(missing, title, tests);
}

/** A suite that needs something of the machine that no package brings. */
export function describeIf(isPossible: boolean, need: string, title: string, tests: () => void): void {
  if (isPossible) describe(title, tests);
  else describe.skip(`${title} [skipped: needs ${need}]`, tests);
}

/** A suite that needs a MongoDB server; `server` is what `mongoServer` of test/support returned. */
export function describeWithServer<Server>(
  server: Server | undefined,
  title: string,
  tests: (server: Server) => void,
): void {
  if (server !== undefined) {
    describe(title, () => {
      tests(server);
    });
    return;
  }
  const standIn = (): void => {
    test('the tests of a suite that needs a MongoDB server', () => undefined);
  };
  if (IS_SHORT) describe.skip(leftOut(title, 'mongodb'), standIn);
  else describeWithout('mongodb', title, standIn);
}

function describeWithout(name: Tool | 'mongodb', title: string, tests: () => void): void {
  const what = WHAT[name];
  if (!REQUIRED.has(name)) {
    describe.skip(`${title} [skipped: ${name} is missing: ${what}]`, tests);
    return;
  }
  describe(title, () => {
    test(`${name}, which HEXMQ_REQUIRE names, is installed for "${title}"`, () => {
      throw new Error(`missing: ${what}`);
    });
  });
}
