// `hexmq check-config`: what a start would refuse, all at once, and what will surprise.
import { afterAll, describe, expect, test } from '@jest/globals';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../../../src/cli/command.js';
import { FakeHost } from './fake-host.js';

const directory = mkdtempSync(join(tmpdir(), 'hexmq-check-'));
const data = join(directory, 'data');
writeFileSync(join(directory, 'passwd'), '');
afterAll(() => {
  rmSync(directory, { recursive: true });
});

let files = 0;

interface Checked {
  readonly status: number;
  /** Without `hexmq: `. */
  readonly lines: readonly string[];
  readonly output: string;
}

async function hexmq(words: readonly string[], text: string, environment = {}): Promise<Checked> {
  const path = join(directory, `${++files}.yaml`);
  writeFileSync(path, text);
  const host = new FakeHost(environment);
  const status = await run([...words, '--config', path], host);
  const lines = host.errors.split('\n').filter((line) => line !== '');
  return { status, lines: lines.map((line) => line.replace(/^hexmq: /, '')), output: host.output };
}

const check = (text: string, ...flags: string[]): Promise<Checked> => hexmq(['check-config', ...flags], text);

const PASSWORDS = `{ adapter: password-file, options: { path: ${join(directory, 'passwd')} } }`;

describe('all mistakes at once', () => {
  test('the name of an adapter and the other keys of its section are checked in one run', async () => {
    const { status, lines } = await check('storage: { adapter: flie, ackLevel: always }');
    expect(status).toBe(1);
    expect(lines).toEqual([
      expect.stringMatching(/^storage\.ackLevel: "always" is not valid/),
      expect.stringMatching(/^storage\.adapter: "flie" is not installed, .+ did you mean file\?$/),
    ]);
  });

  test('each element of a list is checked, whatever is wrong with the others, and keeps its index', async () => {
    const { lines } = await check(`
listeners:
  - { type: tpc }
  - { type: tcp, port: 0, authentication: [{ adapter: anonymous, timeoutMs: -1 }, { adapter: jwt }] }
  - { type: tls, port: 0, tls: { cert: ${directory}/none.crt, key: ${directory}/none.key }, limits: { maxQos: 1 } }
authorization: [{ adapter: 5 }, { adapter: acl-file, options: { path: ${directory}/none } }]
storage: { adapter: memory }
`);
    expect(lines.map((line) => line.split(': ')[0])).toEqual([
      'listeners[0].type',
      'listeners[1].authentication[0].timeoutMs',
      'listeners[2].limits.maxQos',
      'authorization[0].adapter',
      'listeners[1].authentication[1].options',
      'authorization[1].options',
      'listeners[2]',
      'listeners[2]',
    ]);
  });

  test('variables, flags and the file are checked in one run', async () => {
    const environment = { HEXMQ_PROT: '1', HEXMQ_STORAGE_URL_FILE: join(directory, 'none') };
    const { lines } = await hexmq(['check-config'], 'limits: { maxQos: 7 }', environment);
    expect(lines.map((line) => line.split(':')[0])).toEqual(['HEXMQ_PROT', 'HEXMQ_STORAGE_URL_FILE', 'limits.maxQos']);
  });

  test.each([
    ['storage: { adapter: flie, ackLevel: always }'],
    [
      `storage: { options: { directory: ${directory}/passwd } }\nlisteners: [{ type: tcp, host: 192.0.2.1, port: 0 }]\nauthentication: [{ adapter: anonymous }]`,
    ],
  ])('a start refuses what check-config refuses, in the same words: %s', async (text) => {
    const [checked, started] = [await check(text), await hexmq(['start', '--log-level', 'silent'], text)];
    expect(checked.lines.length).toBeGreaterThan(1);
    expect({ status: started.status, lines: started.lines }).toEqual({ status: 1, lines: checked.lines });
  });
});

describe('what a start would find on this machine', () => {
  test.each(['0.0.0.0:1883', '*', '127.0.0.1 ', '[::1]'])('the host %j is refused', async (host) => {
    const { status, lines } = await check(`listeners: [{ type: tcp, host: "${host}" }]\nstorage: { adapter: memory }`);
    expect(status).toBe(1);
    expect(lines[0]).toMatch(/^listeners\[0\]\.host: .+ is not valid, expected an address such as 127\.0\.0\.1/);
  });

  test('addresses that overlap are refused', async () => {
    const { lines } = await check(`
listeners: [{ type: tcp, port: 1883 }, { type: ws, host: localhost, port: 1883 }, { type: unix, path: ${directory}/./b }, { type: unix, path: ${directory}/b }]
storage: { adapter: memory }`);
    expect(lines).toEqual([
      'listeners[1].port: localhost:1883 and 127.0.0.1:1883, the address of listeners[0], overlap, expected another',
      expect.stringMatching(/^listeners\[3\]\.path: \/.+\/b is also the address of listeners\[2\], expected another$/),
    ]);
  });

  test('an address that this machine does not have is refused', async () => {
    const { lines } = await check(
      'listeners: [{ type: tcp, host: 192.0.2.1 }]\nstorage: { adapter: memory }\nauthentication: [{ adapter: anonymous }]',
    );
    expect(lines).toEqual([
      'listeners[0]: cannot listen on 192.0.2.1:1883: this machine has no such address; ' +
        'use one of its addresses (--host), or 0.0.0.0 for all',
    ]);
  });

  test('a data directory that cannot be made is refused, and none is made', async () => {
    const { lines } = await check(`storage: { options: { directory: ${directory}/passwd/data } }`);
    expect(lines).toEqual([expect.stringMatching(/^storage: the data directory \S+ is not a directory: /)]);
    expect(await check(`storage: { options: { directory: ${data}/a/b } }`)).toMatchObject({ status: 0, lines: [] });
  });
});

describe('warnings', () => {
  const MEMORY = 'storage: { adapter: memory }';

  test('warnings end with status 0, and with --strict they are errors', async () => {
    const text = `${MEMORY}\nauthentication: [{ adapter: anonymous }, ${PASSWORDS}]`;
    const warning =
      'authentication[1]: password-file is never asked, because anonymous before it (authentication[0]) decides ' +
      'about every client';
    expect(await check(text)).toMatchObject({
      status: 0,
      lines: [`warning: ${warning}`],
      output: expect.stringContaining('is valid'),
    });
    expect(await check(text, '--strict')).toMatchObject({ status: 1, lines: [warning], output: '' });
    expect(await check(MEMORY, '--strict')).toMatchObject({ status: 0, lines: [] });
  });

  test('a certificate authenticator that meets no certificate is named, for the broker and for a listener', async () => {
    const { lines } = await check(`${MEMORY}
authentication: [{ adapter: certificate }, ${PASSWORDS}]
listeners: [{ type: tcp, port: 0 }, { type: ws, port: 0, authentication: [{ adapter: certificate }] }]`);
    expect(lines).toEqual([
      expect.stringMatching(/^warning: authentication\[0\]: certificate never identifies a client, /),
      expect.stringMatching(/^warning: listeners\[1\]\.authentication\[0\]: certificate never identifies a client, /),
    ]);
  });

  test('authenticators of the broker that no listener uses are named', async () => {
    const { lines } = await check(`${MEMORY}
authentication: [${PASSWORDS}]
listeners: [{ type: tcp, port: 0, authentication: [{ adapter: anonymous }] }]`);
    expect(lines).toEqual([expect.stringMatching(/^warning: authentication: it is used by no listener/)]);
  });

  test('events for every client are named, and not where rules say who may read them', async () => {
    const text = `${MEMORY}\nsys: { events: [client-connected, warn] }`;
    expect((await check(text)).lines).toEqual([expect.stringMatching(/^warning: sys\.events: clients .* may read/)]);
    const rules =
      'authorization: [{ adapter: rules, options: { roles: { r: [{ allow: receive, topics: a }] }, everyone: r } }]';
    expect((await check(`${text}\n${rules}`)).lines).toEqual([]);
  });

  test('a redirection to no server is named, and a server for the stop alone is none', async () => {
    const redirecting = (limits: string): Promise<Checked> =>
      check(`${MEMORY}\nlisteners: [{ type: tcp, port: 0 }]\nlimits: { ${limits} }`);
    expect((await redirecting('serverRedirect: server-moved')).lines).toEqual([
      'warning: limits.serverRedirect: server-moved has no effect, because no limits.serverReference names the server',
    ]);
    expect((await redirecting('serverRedirect: at-stop')).lines).toEqual([]);
    expect((await redirecting('serverReference: "other.example:1883"')).lines).toEqual([]);
  });

  test('passwords in plain text are named where other machines can send them', async () => {
    const onHost = (listener: string): Promise<Checked> =>
      check(`${MEMORY}\nauthentication: [${PASSWORDS}]\nlisteners: [${listener}]`);
    expect((await onHost('{ type: tcp, host: 0.0.0.0, port: 0 }')).lines).toEqual([
      'warning: listeners[0]: passwords for password-file cross the network in plain text, because 0.0.0.0 can be ' +
        'reached by other machines without TLS, expected type tls',
    ]);
    expect((await onHost('{ type: tcp, host: 127.0.0.1, port: 0 }')).lines).toEqual([]);
    const behindProxy = '{ type: tcp, host: 0.0.0.0, port: 0, proxyProtocol: { trusted: [10.0.0.1] } }';
    expect((await onHost(behindProxy)).lines).toEqual([]);
  });
});
