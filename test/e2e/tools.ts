// Third-party programs that may be missing, most of them clients. `npm test` needs none of them and leaves their suites
// to `npm run test:all`. There the suites of a missing program are skipped and name it, or fail if it is required.
import { describe, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';

export type Tool = 'cc' | 'chromium' | 'mosquitto' | 'mosquitto_passwd' | 'openssl' | 'paho' | 'prlimit' | 'script';

function works(command: string, args: readonly string[]): boolean {
  const { error, status } = spawnSync(command, args, { stdio: 'ignore' });
  // mosquitto_sub answers --help with 1.
  return error === undefined && (status === 0 || status === 1);
}

function hasPaho(python: string): boolean {
  return spawnSync(python, ['-c', 'import paho.mqtt.client'], { stdio: 'ignore' }).status === 0;
}

const REQUIRED = new Set((process.env['HEXMQ_REQUIRE'] ?? '').split(',').map((name) => name.trim()));

/**
 * The first Python that has the client, on the path or the system's own: a version manager's may come first and lack
 * it.
 */
export const PYTHON = ['python3', '/usr/bin/python3'].find(hasPaho);

/** The first browser of this family that is installed. */
export const CHROMIUM = ['chromium', 'chromium-browser', 'google-chrome'].find((name) => works(name, ['--version']));

const TOOLS: Record<Tool, { readonly isThere: () => boolean; readonly what: string }> = {
  cc: {
    isThere: () => process.platform === 'linux' && works('cc', ['--version']),
    what: 'Linux and a C compiler (Debian: gcc and libc6-dev)',
  },
  chromium: { isThere: () => CHROMIUM !== undefined, what: 'a browser (Debian: chromium)' },
  mosquitto: {
    isThere: () => works('mosquitto_pub', ['--help']) && works('mosquitto_sub', ['--help']),
    what: 'mosquitto_pub and mosquitto_sub (Debian: mosquitto-clients)',
  },
  mosquitto_passwd: {
    isThere: () => works('mosquitto_passwd', ['--help']),
    what: 'mosquitto_passwd (Debian: mosquitto)',
  },
  script: { isThere: () => works('script', ['--version']), what: 'script, to type on a terminal (Debian: bsdutils)' },
  openssl: { isThere: () => works('openssl', ['version']), what: 'openssl, to make certificates (Debian: openssl)' },
  prlimit: {
    isThere: () => works('prlimit', ['--version']),
    what: 'prlimit, to limit the size of files (Debian: util-linux)',
  },
  paho: { isThere: () => PYTHON !== undefined, what: 'Eclipse Paho for Python (Debian: python3-paho-mqtt)' },
};

/** Whether this is `npm test`, which needs only Node. */
export const IS_SHORT = process.env['HEXMQ_TESTS'] === 'short';

const leftOut = (title: string, need: string): string => `${title} [left to npm run test:all: needs ${need}]`;

export function describeWith(tool: Tool, title: string, tests: () => void): void {
  const { isThere, what } = TOOLS[tool];
  if (IS_SHORT) describe.skip(leftOut(title, tool), tests);
  else if (isThere()) describe(title, tests);
  else describeWithout(tool, what, title, tests);
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
  else describeWithout('mongodb', 'a MongoDB server (docs/testing.md says how the tests find one)', title, standIn);
}

function describeWithout(name: string, what: string, title: string, tests: () => void): void {
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
