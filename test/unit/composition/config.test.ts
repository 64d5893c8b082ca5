// The resolution of a configuration: defaults, precedence, and a message for each problem.
import { getHeapStatistics } from 'node:v8';
import { describe, expect, test } from '@jest/globals';
import { DEFAULT_LOGIN_THROTTLE } from '../../../src/application/login-throttle.js';
import { defaultLimits } from '../../../src/composition/config-defaults.js';
import { ConfigError } from '../../../src/composition/config-error.js';
import { parseConfigText, readConfigFile } from '../../../src/composition/config-file.js';
import { LIMIT_KEYS } from '../../../src/composition/config-schema.js';
import { resolveConfig } from '../../../src/composition/resolve-config.js';
import type { Config } from '../../../src/composition/config.js';
import { environmentOverrides } from '../../../src/composition/environment.js';
import { DEFAULT_LIMITS as LIMITS_OF_A_LARGE_HEAP } from '../../../src/domain/limits.js';

function problemsOf(act: () => unknown): readonly string[] {
  try {
    act();
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

const DEFAULT_LIMITS = defaultLimits(getHeapStatistics().heap_size_limit);

const problemsWith = (input: unknown): readonly string[] => problemsOf(() => resolveConfig(input));
const problemsInLimits = (limits: unknown): readonly string[] => problemsWith({ limits });
const withEnvironment = (environment: Record<string, string>, input: unknown = {}): Config =>
  resolveConfig(input, environmentOverrides(environment));

describe('the default configuration', () => {
  test('the default configuration listens on the loopback address, stores in ./data, and admits every client', () => {
    const expected: Config = {
      listeners: [{ type: 'tcp', name: 'tcp', host: '127.0.0.1', port: 1883 }],
      storage: { adapter: 'file', ackLevel: 'flushed', options: { directory: './data' } },
      authentication: [{ adapter: 'anonymous', options: {}, timeoutMs: 5000, onFailure: 'deny' }],
      failedAttempts: DEFAULT_LOGIN_THROTTLE,
      authorization: [],
      limits: DEFAULT_LIMITS,
      admin: { socket: undefined, http: undefined },
      logging: { level: 'info', userNames: true },
      sys: { intervalS: 10, events: [] },
      plugins: [],
    };
    for (const nothing of [undefined, null, {}, { limits: null, listeners: null }])
      expect(resolveConfig(nothing)).toEqual(expected);
  });

  test('the dashboard can be left out, which alone opens no address', () => {
    expect(resolveConfig({ admin: { dashboard: false } }).admin.http).toBeUndefined();
    expect(resolveConfig({ admin: { port: 0, dashboard: false } }).admin.http).toMatchObject({ dashboard: false });
  });

  test('the default configuration has a value within its range for every limit of the core', () => {
    expect([...LIMIT_KEYS].sort()).toEqual(Object.keys(DEFAULT_LIMITS).sort());
    const { messageExpiryMax, ...limits } = DEFAULT_LIMITS;
    expect(resolveConfig({ limits: { ...limits, messageExpiryMax: messageExpiryMax ?? 'off' } }).limits).toEqual(
      DEFAULT_LIMITS,
    );
  });

  test('the defaults complete a configuration and replace nothing in it', () => {
    const config = resolveConfig({
      listeners: [{ type: 'tcp', port: 1999 }],
      limits: { maxInflight: 7, messageExpiryMax: 60 },
    });
    expect(config.listeners).toEqual([{ type: 'tcp', name: 'tcp', host: '127.0.0.1', port: 1999 }]);
    expect(config.limits).toEqual({ ...DEFAULT_LIMITS, maxInflight: 7, messageExpiryMax: 60 });
  });

  test('the default limits of memory for names leave most of a small heap to everything else', () => {
    const large = defaultLimits(1e12);
    expect(large).toEqual(LIMITS_OF_A_LARGE_HEAP);
    expect(defaultLimits(500_000_000)).toEqual({
      ...large,
      maxRetainedTopicBytes: 100_000_000,
      maxSessionBytes: 100_000_000,
      maxSubscriptionBytes: 100_000_000,
    });
    expect(defaultLimits(500_000_000, true)).toMatchObject({
      maxRetainedBytes: 100_000_000,
      maxStoredQueueBytes: 100_000_000,
    });
    expect(resolveConfig({ storage: { adapter: 'memory' } }).limits).toEqual(
      defaultLimits(getHeapStatistics().heap_size_limit, true),
    );
    expect(resolveConfig({ limits: { maxSessionBytes: 1e12 } }).limits.maxSessionBytes).toBe(1e12);
  });

  test('several listeners without names get different names', () => {
    const config = resolveConfig({
      listeners: [
        { type: 'tcp', port: 1 },
        { type: 'tcp', port: 2 },
      ],
    });
    expect(config.listeners.map(({ name }) => name)).toEqual(['tcp-1', 'tcp-2']);
  });
});

describe('an invalid configuration', () => {
  test('an invalid configuration is refused with the key, its value, and what was expected', () => {
    expect(problemsInLimits({ maxInflight: 70_000 })).toEqual([
      'limits.maxInflight: 70000 is out of range, expected a whole number from 1 to 65535',
    ]);
    expect(problemsInLimits({ maxInflight: 'many' })).toEqual([
      'limits.maxInflight: "many" is not valid, expected a whole number from 1 to 65535',
    ]);
    expect(problemsInLimits({ maxInflight: 1.5 })).toEqual([
      'limits.maxInflight: 1.5 is not valid, expected a whole number from 1 to 65535',
    ]);
    expect(problemsInLimits({ maxInflight: null })).toEqual([
      'limits.maxInflight: null is not valid, expected a whole number from 1 to 65535',
    ]);
    expect(problemsInLimits({ maxInflight: [1] })).toEqual([
      'limits.maxInflight: a list is not valid, expected a whole number from 1 to 65535',
    ]);
    expect(problemsInLimits({ retainedMessages: 'yes' })).toEqual([
      'limits.retainedMessages: "yes" is not valid, expected true or false',
    ]);
    expect(problemsInLimits({ maxQos: 3 })).toEqual(['limits.maxQos: 3 is not valid, expected 0, 1 or 2']);
    expect(problemsInLimits({ queueFullPolicy: 'drop' })).toEqual([
      'limits.queueFullPolicy: "drop" is not valid, expected one of discard, discard-oldest, refuse',
    ]);
    expect(problemsInLimits({ messageExpiryMax: 'never' })).toEqual([
      'limits.messageExpiryMax: "never" is not valid, expected off, or a whole number from 1 to 4294967295 (seconds)',
    ]);
    expect(problemsInLimits(5)).toEqual([
      'limits: 5 is not valid, expected a mapping of limits, such as { maxInflight: 50 }',
    ]);
    expect(problemsWith({ sys: { intervalS: 0.5, events: ['client-conected'], interval: 3 } })).toEqual([
      'sys.intervalS: 0.5 is not valid, expected a whole number from 0 to 86400 (seconds; 0: no values)',
      'sys.events[0]: "client-conected" is not valid, expected the name of an event such as client-connected (docs/events.md), or a level: debug, info, warn, error or fatal',
      'sys.interval: unknown key; did you mean intervalS?',
    ]);
    expect(problemsWith([1])).toEqual([
      'the configuration: a list is not valid, expected a mapping of listeners, storage, authentication, failedAttempts, authorization, limits, logging, sys, plugins and admin',
    ]);
    expect(problemsWith({ listeners: [{ port: 1 }] })).toEqual([
      'listeners[0].type: missing, expected one of tcp, tls, ws, wss, unix, plugin',
    ]);
    expect(problemsWith({ listeners: [] })).toEqual([
      'listeners: an empty list is not valid, expected at least one listener',
    ]);
  });

  test('a configuration with NaN or Infinity for any number is refused', () => {
    for (const value of [Number.NaN, Infinity, -1.5, 2 ** 60])
      expect(problemsInLimits({ maxQueueBytes: value })).toHaveLength(1);
  });

  test('a configuration with an unknown key is refused, and the nearest known key is suggested', () => {
    expect(problemsInLimits({ maxInflght: 5 })).toEqual(['limits.maxInflght: unknown key; did you mean maxInflight?']);
    expect(problemsWith({ listener: [] })).toEqual(['listener: unknown key; did you mean listeners?']);
    expect(problemsWith({ somethingElse: 1 })).toEqual(['somethingElse: unknown key']);
    expect(problemsWith({ listeners: [{ type: 'tcp', prot: 1 }] })).toEqual([
      'listeners[0].prot: unknown key; did you mean port?',
    ]);
  });

  test('an invalid configuration is refused with all of its problems at once', () => {
    const problems = problemsWith({
      listeners: [
        { type: 'tls', port: 8883, tls: { key: 'server.key' } },
        { type: 'tcp', host: '0.0.0.0', port: 99_999 },
        { type: 'tsl' },
      ],
      storage: { adapter: 'memory', options: { url: 'mongodb://localhost' } },
      authorization: [],
      limits: { maxInflight: 0, maxInflght: 1 },
      logging: { level: 'loud' },
    });
    expect(problems.map((problem) => problem.slice(0, problem.indexOf(':'))).sort()).toEqual([
      'authorization',
      'limits.maxInflght',
      'limits.maxInflight',
      'listeners[0].tls.cert',
      'listeners[1].host',
      'listeners[1].port',
      'listeners[2].type',
      'logging.level',
      'storage.options.url',
    ]);
  });

  test('an invalid configuration is refused without showing a passphrase', () => {
    expect(problemsWith({ listeners: [{ type: 'tls', tls: { cert: 'c', key: 'k', passphrase: 12345 } }] })).toEqual([
      'listeners[0].tls.passphrase: not valid, expected the passphrase of the key, in quotes',
    ]);
  });

  test('an invalid authenticator or authorizer is reported with its index in its list', () => {
    expect(problemsWith({ authentication: [{ adapter: 'anonymous', onFailure: 'allow', timeoutMs: 0 }] })).toEqual([
      'authentication[0].timeoutMs: 0 is out of range, expected a whole number from 1 to 86400000 (milliseconds)',
      'authentication[0].onFailure: "allow" is not valid, expected one of deny, abstain',
    ]);
    expect(problemsWith({ authorization: [{ adapter: 'a-package', onFailure: 'deny' }] })).toEqual([
      'authorization[0].onFailure: unknown key',
    ]);
    expect(
      [...problemsWith({ listeners: [{ type: 'tcp', authentication: [{ adaptr: 'anonymous' }] }] })].sort(),
    ).toEqual([
      'listeners[0].authentication[0].adapter: missing, expected the name of an adapter',
      'listeners[0].authentication[0].adaptr: unknown key; did you mean adapter?',
    ]);
    expect(problemsWith({ listeners: [{ type: 'tcp', authentication: [] }] })).toEqual([
      'listeners[0].authentication: an empty list is not valid, expected at least one adapter; [{ adapter: anonymous }] admits everyone',
    ]);
    expect(problemsWith({ failedAttempts: { maxDelay: 5, allowed: 0 } })).toEqual([
      'failedAttempts.allowed: 0 is out of range, expected a whole number from 1 to 1000',
      'failedAttempts.maxDelay: unknown key; did you mean maxDelayMs?',
    ]);
  });

  test('a configuration that gives options to an adapter without options is refused', () => {
    expect(problemsWith({ storage: { adapter: 'memory', options: { directory: 'x' } } })).toEqual([
      'storage.options.directory: unknown key, memory has no options',
    ]);
  });

  test('a configuration that has two listeners with one address or one name is refused', () => {
    expect(
      problemsWith({
        listeners: [
          { type: 'tcp', name: 'a' },
          { type: 'tcp', name: 'a' },
        ],
      }),
    ).toEqual([
      'listeners[1].name: "a" is also the name of listeners[0], expected another',
      'listeners[1].port: 127.0.0.1:1883 is also the address of listeners[0], expected another',
    ]);
  });
});

describe('a listener', () => {
  const TLS = { cert: 'server.crt', key: 'server.key' };
  const problemsOfListener = (listener: object): readonly string[] => problemsWith({ listeners: [listener] });

  test('each type of listener has its customary address, port and name by default', () => {
    const listeners = [
      { type: 'tcp' },
      { type: 'tls', tls: TLS },
      { type: 'ws' },
      { type: 'wss', tls: TLS },
      { type: 'unix', path: '/run/hexmq.sock' },
    ];
    expect(resolveConfig({ listeners }).listeners).toEqual([
      { type: 'tcp', name: 'tcp-1', host: '127.0.0.1', port: 1883 },
      { type: 'tls', name: 'tls-2', host: '127.0.0.1', port: 8883, tls: TLS },
      { type: 'ws', name: 'ws-3', host: '127.0.0.1', port: 8080 },
      { type: 'wss', name: 'wss-4', host: '127.0.0.1', port: 8443, tls: TLS },
      { type: 'unix', name: 'unix-5', path: '/run/hexmq.sock' },
    ]);
  });

  test('a listener keeps the values of its configuration', () => {
    const listener = {
      type: 'wss',
      name: 'browsers',
      host: '::1',
      port: 443,
      backlog: 10,
      path: '/',
      tls: {
        ...TLS,
        ca: 'ca.crt',
        crl: 'revoked.crl',
        clientCertificate: 'required',
        minVersion: 'TLSv1.3',
        ciphers: 'HIGH',
        passphrase: 'x',
      },
      proxyProtocol: { trusted: ['10.0.0.0/8'] },
      forwardedFor: { trusted: ['::1'] },
    };
    expect(resolveConfig({ listeners: [listener] }).listeners).toEqual([listener]);
    const unix = { type: 'unix', name: 'local', path: 'hexmq.sock', mode: '0660', backlog: 5 };
    expect(resolveConfig({ listeners: [unix] }).listeners).toEqual([unix]);
  });

  test('a listener accepts the keys of its type and no others', () => {
    expect(problemsOfListener({ type: 'tcp', tls: TLS })).toEqual([
      'listeners[0].tls: unknown key, only tls, wss listeners have it',
    ]);
    expect(problemsOfListener({ type: 'tls', tls: TLS, path: '/mqtt' })).toEqual([
      'listeners[0].path: unknown key, only ws, wss, unix listeners have it',
    ]);
    expect(problemsOfListener({ type: 'unix', path: 'x', port: 1 })).toEqual([
      'listeners[0].port: unknown key, only tcp, tls, ws, wss listeners have it',
    ]);
    expect(problemsOfListener({ type: 'ws', pth: '/mqtt' })).toEqual([
      'listeners[0].pth: unknown key; did you mean path?',
    ]);
    expect(problemsOfListener({ type: 'tls', tls: { ...TLS, certs: 'x' } })).toEqual([
      'listeners[0].tls.certs: unknown key; did you mean cert?',
    ]);
  });

  test('a listener with an invalid value is refused with what was expected', () => {
    expect(problemsOfListener({ type: 'tls' })).toEqual([
      'listeners[0].tls: missing, expected a mapping, such as { cert: server.crt, key: server.key }',
    ]);
    expect(problemsOfListener({ type: 'tls', tls: { ...TLS, minVersion: 'TLSv1.1' } })).toEqual([
      'listeners[0].tls.minVersion: "TLSv1.1" is not valid, expected one of TLSv1.2, TLSv1.3',
    ]);
    expect(problemsOfListener({ type: 'ws', path: 'mqtt' })).toEqual([
      'listeners[0].path: "mqtt" is not valid, expected a path such as /mqtt',
    ]);
    expect(problemsOfListener({ type: 'unix' })).toEqual([
      'listeners[0].path: missing, expected the path of a socket, 103 bytes at most',
    ]);
    expect(problemsOfListener({ type: 'unix', path: 'ä'.repeat(52) })).toHaveLength(1);
    expect(problemsOfListener({ type: 'unix', path: 'x', mode: 660 })).toEqual([
      'listeners[0].mode: 660 is not valid, expected the octal mode of a file in quotes, such as "0660"',
    ]);
    expect(problemsOfListener({ type: 'tcp', proxyProtocol: { trusted: [] } })).toEqual([
      'listeners[0].proxyProtocol.trusted: an empty list is not valid, expected at least one address or network',
    ]);
    expect(problemsOfListener({ type: 'carrier-pigeon' })).toEqual([
      'listeners[0].type: "carrier-pigeon" is not valid, expected one of tcp, tls, ws, wss, unix, plugin',
    ]);
    expect(problemsWith({ listeners: ['tcp'] })).toEqual([
      'listeners[0]: "tcp" is not valid, expected a listener, such as { type: tcp, port: 1883 }',
    ]);
  });

  test('a listener does not share its address with a listener of another type', () => {
    expect(problemsWith({ listeners: [{ type: 'ws', port: 1883 }, { type: 'tcp' }] })).toEqual([
      'listeners[1].port: 127.0.0.1:1883 is also the address of listeners[0], expected another',
    ]);
    expect(
      problemsWith({
        listeners: [
          { type: 'unix', path: 'x' },
          { type: 'unix', path: 'x' },
        ],
      }),
    ).toEqual(['listeners[1].path: x is also the address of listeners[0], expected another']);
  });
});

describe('a listener that other machines can reach', () => {
  const listeningOn = (host: string): object => ({ listeners: [{ type: 'tcp', host }] });

  test('a listener that other machines can reach is refused without the key authentication', () => {
    for (const host of [
      '0.0.0.0',
      '::',
      '192.168.1.1',
      'example.com',
      '127.example.com',
      '128.0.0.1',
      'localhost.example.com',
    ]) {
      expect(problemsWith(listeningOn(host))).toHaveLength(1);
    }
    expect(problemsWith(listeningOn('0.0.0.0'))[0]).toMatch(
      /^listeners\[0\]\.host: 0\.0\.0\.0 can be reached by other machines and no authentication/,
    );
  });

  test('a reachable listener of any type is refused without the key authentication, even with required client certificates', () => {
    const tls = { cert: 'server.crt', key: 'server.key', ca: 'ca.crt', clientCertificate: 'required' };
    for (const listener of [{ type: 'tls', tls }, { type: 'ws' }, { type: 'wss', tls }]) {
      expect(problemsWith({ listeners: [{ ...listener, host: '0.0.0.0' }] })[0]).toMatch(
        /^listeners\[0\]\.host: 0\.0\.0\.0 can be reached/,
      );
    }
  });

  test('a listener on a loopback address is accepted without the key authentication', () => {
    for (const host of ['127.0.0.1', '127.1.2.3', 'localhost', 'LOCALHOST', '::1', '::ffff:127.0.0.1'])
      expect(problemsWith(listeningOn(host))).toEqual([]);
  });

  test('a listener that other machines can reach may admit every client if the configuration says so', () => {
    expect(problemsWith({ ...listeningOn('0.0.0.0'), authentication: [{ adapter: 'anonymous' }] })).toEqual([]);
    expect(withEnvironment({ HEXMQ_HOST: '0.0.0.0', HEXMQ_AUTHENTICATION: 'anonymous' }).listeners[0]).toMatchObject({
      host: '0.0.0.0',
    });
  });

  test('a listener that other machines can reach is accepted with authentication of its own', () => {
    const own = { type: 'tcp', host: '0.0.0.0', authentication: [{ adapter: 'password-file' }] };
    expect(problemsWith({ listeners: [own] })).toEqual([]);
    expect(problemsWith({ listeners: [own, { type: 'tcp', host: '0.0.0.0', port: 1884 }] })).toEqual([
      expect.stringMatching(/^listeners\[1\]\.host: /),
    ]);
  });

  test('a listener that other machines can reach is refused with an empty list of authenticators', () => {
    expect(problemsWith({ ...listeningOn('0.0.0.0'), authentication: [] })).toEqual([
      'authentication: an empty list is not valid, expected at least one adapter; [{ adapter: anonymous }] admits everyone',
    ]);
  });
});

describe('the environment', () => {
  test('the environment has a variable for every limit, which replaces the value of the file', () => {
    const config = withEnvironment(
      {
        HEXMQ_LIMITS_MAX_INFLIGHT: '9',
        HEXMQ_LIMITS_MAX_BUFFERED_QOS0_MESSAGES: '10',
        HEXMQ_LIMITS_STRICT31_CLIENT_ID: 'true',
        HEXMQ_LIMITS_MESSAGE_EXPIRY_MAX: 'off',
        HEXMQ_LOG_LEVEL: 'warn',
        HEXMQ_PORT: '0',
      },
      { limits: { maxInflight: 3, messageExpiryMax: 5, maxQos: 1 } },
    );
    expect(config.limits).toEqual({
      ...DEFAULT_LIMITS,
      maxInflight: 9,
      maxBufferedQos0Messages: 10,
      strict31ClientId: true,
      maxQos: 1,
    });
    expect(config.logging.level).toBe('warn');
    expect(config.listeners[0]).toMatchObject({ port: 0 });
  });

  test('an environment variable with an invalid value is refused with its name', () => {
    expect(problemsOf(() => withEnvironment({ HEXMQ_LIMITS_MAX_INFLIGHT: 'lots' }))).toEqual([
      'HEXMQ_LIMITS_MAX_INFLIGHT: "lots" is not valid, expected a whole number from 1 to 65535',
    ]);
  });

  test('an unknown HEXMQ_ variable is refused without showing its value', () => {
    expect(
      problemsOf(() => environmentOverrides({ HEXMQ_LIMITS_MAX_INFLIGT: 'secret', HEXMQ_ZZZZZZZZZZ: 'secret' })),
    ).toEqual([
      'HEXMQ_LIMITS_MAX_INFLIGT: unknown variable; did you mean HEXMQ_LIMITS_MAX_INFLIGHT?',
      'HEXMQ_ZZZZZZZZZZ: unknown variable',
    ]);
  });

  test('environment variables of other programs and of the tests are accepted', () => {
    expect(
      environmentOverrides({ PATH: '/bin', HEXMQ_REQUIRE: 'mongodb', HEXMQ_CONFIG: 'x', HEXMQ_DATA: 'y' }),
    ).toEqual([]);
  });

  test('an authenticator named by the environment has the options of the file, or its defaults', () => {
    const file = {
      authentication: [
        { adapter: 'password-file', options: { path: 'users' }, timeoutMs: 70 },
        { adapter: 'anonymous' },
      ],
    };
    const named = (adapter: string, input: unknown): unknown =>
      withEnvironment({ HEXMQ_AUTHENTICATION: adapter }, input).authentication;
    expect(named('password-file', file)).toEqual([
      { adapter: 'password-file', options: { path: 'users' }, timeoutMs: 70, onFailure: 'deny' },
    ]);
    expect(named('anonymous', file)).toEqual([
      { adapter: 'anonymous', options: {}, timeoutMs: 5000, onFailure: 'deny' },
    ]);
    expect(named('password-file', {})).toEqual([
      { adapter: 'password-file', options: { path: './passwd' }, timeoutMs: 5000, onFailure: 'deny' },
    ]);
  });

  test('a storage named by the environment has no options of the file, but its acknowledgement level', () => {
    const file = { storage: { adapter: 'another-package', ackLevel: 'stored', options: { url: 'x' } } };
    expect(withEnvironment({ HEXMQ_STORAGE: 'memory' }, file).storage).toEqual({
      adapter: 'memory',
      ackLevel: 'stored',
      options: {},
    });
    expect(withEnvironment({ HEXMQ_STORAGE: 'another-package' }, file).storage.options).toEqual({ url: 'x' });
  });

  test('an environment variable does not hide that a section of the file has the wrong type', () => {
    expect(problemsOf(() => withEnvironment({ HEXMQ_LIMITS_MAX_INFLIGHT: '5' }, { limits: 'none' }))[0]).toMatch(
      /^limits: "none" is not valid/,
    );
    expect(problemsOf(() => withEnvironment({ HEXMQ_PORT: '5' }, { listeners: 'none' }))[0]).toMatch(
      /^listeners: "none" is not valid/,
    );
  });
});

describe('a configuration file', () => {
  test('a configuration file may be YAML or JSON', () => {
    expect(parseConfigText('limits:\n  maxInflight: 5 # few\n', 'x.yaml')).toEqual({ limits: { maxInflight: 5 } });
    expect(parseConfigText('{"limits": {"maxInflight": 5}}', 'x.json')).toEqual({ limits: { maxInflight: 5 } });
    expect(resolveConfig(parseConfigText('# nothing\n', 'x.yaml')).listeners).toHaveLength(1);
  });

  test('a configuration file that is not YAML is refused with file, line and column', () => {
    expect(problemsOf(() => parseConfigText('limits:\n  a: [1\n', 'my.yaml'))[0]).toMatch(
      /^my\.yaml, line \d+, column \d+: /,
    );
    expect(problemsOf(() => parseConfigText('a: 1\na: 2\n', 'my.yaml'))).toEqual([
      'my.yaml, line 2, column 1: Map keys must be unique',
    ]);
  });

  test('a configuration file with an undefined alias, or aliases that expand without bound, is refused', () => {
    expect(problemsOf(() => parseConfigText('a: *b\n', 'my.yaml'))).toHaveLength(1);
    const bomb = ['a: &a [x, x, x, x, x, x, x, x, x, x]'];
    for (const [from, to] of ['ab', 'bc', 'cd', 'de', 'ef'])
      bomb.push(`${to}: &${to} [${Array.from({ length: 10 }, () => `*${from}`).join(', ')}]`);
    expect(problemsOf(() => parseConfigText(bomb.join('\n'), 'my.yaml'))).toHaveLength(1);
  });

  test('a configuration file that cannot be read is refused with the reason and advice', () => {
    expect(problemsOf(() => readConfigFile('/no/such/file.yaml'))).toEqual([
      'cannot read the configuration file /no/such/file.yaml: there is no such file; check --config',
    ]);
    expect(problemsOf(() => readConfigFile('/tmp'))).toEqual([
      'cannot read the configuration file /tmp: it is a directory, expected a YAML file',
    ]);
  });
});
