// From mosquitto.conf to a configuration: files as they are in use, what happens to each line, and that the outcome is
// a configuration that a broker accepts.
import { afterAll, describe, expect, test } from '@jest/globals';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { checkAdapters } from '../../../src/composition/check.js';
import { parseConfigText } from '../../../src/composition/config-file.js';
import type { ConfigInput } from '../../../src/composition/config.js';
import { convertMosquittoConf } from '../../../src/composition/mosquitto/index.js';
import { resolveConfig } from '../../../src/composition/resolve-config.js';

const directory = mkdtempSync(join(tmpdir(), 'hexmq-mosquitto-'));

afterAll(() => {
  rmSync(directory, { recursive: true });
});

function file(name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}

const PASSWORDS = file(
  'passwd',
  `ada:$6$${Buffer.alloc(12).toString('base64')}$${Buffer.alloc(64).toString('base64')}\n`,
);
const ACL = file('acl', 'user ada\ntopic readwrite plant/#\n');

/** What the file becomes, and what is said of its lines. */
function converted(text: string): { config: ConfigInput; said: string[] } {
  const { yaml, remarks } = convertMosquittoConf(file('mosquitto.conf', text));
  const said = remarks.map(({ line, text: remark }) => (line === undefined ? remark : `${line.option}: ${remark}`));
  return { config: parseConfigText(yaml, 'converted') as ConfigInput, said };
}

/** The same, if a broker accepts it. */
async function accepted(text: string): Promise<ReturnType<typeof converted>> {
  const made = converted(text);
  await checkAdapters(resolveConfig(made.config));
  return made;
}

describe('a mosquitto.conf', () => {
  test('the file of the Debian package with a listener, passwords and rules becomes a configuration that is accepted', async () => {
    mkdirSync(join(directory, 'conf.d'), { recursive: true });
    file(
      'conf.d/local.conf',
      `listener 1883\nallow_anonymous false\npassword_file ${PASSWORDS}\nacl_file ${ACL}\nmax_queued_messages 5000\n`,
    );
    file('conf.d/README', 'not read: nonsense\n');
    const { config, said } = await accepted(`# Place your local configuration in /etc/mosquitto/conf.d/
pid_file /run/mosquitto/mosquitto.pid

persistence true
persistence_location /var/lib/mosquitto/

log_dest file /var/log/mosquitto/mosquitto.log
include_dir ${join(directory, 'conf.d')}
persistent_client_expiration 14d
`);
    expect(config).toEqual({
      listeners: [{ type: 'tcp', host: '::', port: 1883 }],
      authentication: [{ adapter: 'password-file', options: { path: PASSWORDS } }],
      authorization: [{ adapter: 'acl-file', options: { path: ACL } }],
      storage: { adapter: 'file', options: { directory: '/var/lib/mosquitto/hexmq' } },
      limits: { maxQueueSize: 5000, sessionExpiryMax: 1_209_600, deniedPublish: 'ignore', deniedSubscription: 'grant' },
    });
    expect(said).toEqual([
      'pid_file: left out: start hexmq with --pid-file, or with HEXMQ_PID_FILE',
      'persistence: storage.adapter: file',
      'persistence_location: storage.options.directory, in a directory of its own; the file of Mosquitto is not read',
      'log_dest: left out: the log goes to standard error; logging.level sets how much',
      'include_dir: its files are read here; the configuration of hexmq is one file',
      'listener: listeners[]',
      'allow_anonymous: no anonymous clients',
      'password_file: authentication: password-file, the file as it is',
      'acl_file: authorization: acl-file, the file as it is',
      'max_queued_messages: limits.maxQueueSize',
      'persistent_client_expiration: limits.sessionExpiryMax',
      'limits.deniedPublish and .deniedSubscription treat what is denied as Mosquitto does',
    ]);
  });

  test('an empty file becomes a broker for this machine alone, which stores nothing and admits everyone', async () => {
    const { config, said } = await accepted('');
    expect(config).toEqual({
      listeners: [{ type: 'tcp', host: 'localhost', port: 1883 }],
      authentication: [{ adapter: 'anonymous' }],
      storage: { adapter: 'memory' },
    });
    expect(said).toEqual([
      'listeners[]: localhost, because Mosquitto without a listener accepts no other machine',
      'storage.adapter: memory, because Mosquitto stores nothing without persistence true',
    ]);
  });

  test('with per_listener_settings each listener has its own TLS, WebSocket, certificates, limits and clients', () => {
    const { config, said } = converted(`per_listener_settings true
listener 1883 127.0.0.1
allow_anonymous true
acl_file ${ACL}
listener 8883
certfile /etc/mosquitto/certs/server.crt
keyfile /etc/mosquitto/certs/server.key
cafile /etc/mosquitto/certs/ca.crt
require_certificate true
use_identity_as_username true
tls_version tlsv1.2
max_connections 500
listener 9001
protocol websockets
password_file ${PASSWORDS}
listener 0 /run/mosquitto.sock
`);
    expect(config).toMatchObject({
      listeners: [
        { type: 'tcp', host: '127.0.0.1', port: 1883, authentication: [{ adapter: 'anonymous' }] },
        {
          type: 'tls',
          host: '::',
          port: 8883,
          tls: {
            cert: '/etc/mosquitto/certs/server.crt',
            key: '/etc/mosquitto/certs/server.key',
            ca: '/etc/mosquitto/certs/ca.crt',
            clientCertificate: 'required',
            minVersion: 'TLSv1.2',
          },
          authentication: [{ adapter: 'certificate' }],
          limits: { maxConnections: 500 },
        },
        { type: 'ws', port: 9001, authentication: [{ adapter: 'password-file', options: { path: PASSWORDS } }] },
        { type: 'unix', path: '/run/mosquitto.sock' },
      ],
      authorization: [{ adapter: 'acl-file', options: { path: ACL } }],
    });
    expect(resolveConfig(config).listeners).toHaveLength(4);
    expect(said).toContain(`authorization: ${ACL} is for all listeners here, also for those that had no acl_file`);
  });

  test('a listener that admits no client is never opened for everyone', () => {
    const { config, said } = converted('listener 1883\n');
    expect(config.authentication).toEqual([{ adapter: 'password-file', options: { path: './passwd' } }]);
    expect(said.join()).toContain('Mosquitto admits no client here');
  });

  test('bridges, plugins and options that are not known are named, without their values', () => {
    const { said } = converted(`listener 1883
allow_anonymous true
connection to-cloud
address cloud.example:8883
topic # out 1
remote_password very-secret
bridge_cafile /etc/ca.crt
auth_plugin /usr/lib/go-auth.so
auth_opt_pg_password very-secret
no_such_option very-secret
max_inflight_messages 0
`);
    expect(said.filter((line) => line.includes('left out'))).toEqual([
      ...['connection', 'address', 'topic', 'remote_password', 'bridge_cafile'].map(
        (option) => `${option}: left out: bridges are not supported; a bridge of Mosquitto can connect to hexmq`,
      ),
      ...['auth_plugin', 'auth_opt_pg_password'].map(
        (option) => `${option}: left out: plugins of Mosquitto cannot be used; http, jwt and mongodb are built in`,
      ),
      'no_such_option: left out: this option is not known',
      'max_inflight_messages: left out: "0" sets no limit, or is not valid',
    ]);
    expect(said.join()).not.toContain('very-secret');
  });

  test('the interval of $SYS is taken over, and one that is no number of seconds is left out', () => {
    expect(converted('sys_interval 0\n').config).toMatchObject({ sys: { intervalS: 0 } });
    expect(converted('sys_interval 30\n').said).toContain('sys_interval: sys.intervalS');
    for (const value of ['-1', 'x', '86401']) expect(converted(`sys_interval ${value}\n`).config.sys).toBeUndefined();
    expect(converted('listener 1883\n').config.sys).toBeUndefined();
  });

  test('every option that the guide names has a remark that is not "not known"', () => {
    const guide = readFileSync(resolve(import.meta.dirname, '../../../docs/moving-from-mosquitto.md'), 'utf8');
    const rows = [...guide.matchAll(/^\| (`[^|]+) \|/gm)].flatMap(([, cell = '']) =>
      [...cell.matchAll(/`([a-z][a-z0-9_.]+)[^`]*`/g)].map(([, option = '']) => option),
    );
    expect(rows.length).toBeGreaterThan(70);
    const unknown = rows.filter(
      (option) => option !== 'include_dir' && converted(`${option} 1\n`).said[0]?.includes('not known') === true,
    );
    expect(unknown).toEqual([]);
  });

  test('a file that cannot be read is refused by its name', () => {
    expect(() => convertMosquittoConf('/no/such.conf')).toThrow('cannot read /no/such.conf: ');
    expect(() => converted(`include_dir ${directory}/nowhere\n`)).toThrow(`cannot read ${directory}/nowhere: `);
  });

  test('files that include themselves are refused', () => {
    mkdirSync(join(directory, 'loop'), { recursive: true });
    file('loop/a.conf', `include_dir ${join(directory, 'loop')}\n`);
    expect(() => convertMosquittoConf(join(directory, 'loop/a.conf'))).toThrow('nested deeper than 10');
  });
});
