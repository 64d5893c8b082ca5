// The administration over HTTP against requests that are slow, endless, huge or malformed, and over HTTPS against
// certificates that give no role: the built command, from outside.
import { describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { connect as connectSocket } from 'node:net';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { within } from '../clients/within.js';
import { CertificateAuthority } from './certificates.js';
import type { Issued } from './certificates.js';
import { hexmq, startBroker, temporaryDirectory } from './hexmq-command.js';
import type { RunningBroker } from './hexmq-command.js';
import { afterwards, scene } from './program.js';
import { watchGrowth } from './resident-memory.js';
import { describeWith } from './tools.js';

const CONNECTIONS_MAX = 64;
/** Deadlines of the endpoint are 15 s at most; the machine may be busy. */
const PATIENCE_MS = 120_000;

interface Administered {
  readonly broker: RunningBroker;
  readonly host: string;
  readonly port: number;
  readonly token: string;
  readonly ca: CertificateAuthority | undefined;
}

async function administered(tls = false): Promise<Administered> {
  const directory = temporaryDirectory();
  const tokens = join(directory, 'tokens');
  const token = (await hexmq(['token', 'reader', '--role', 'read', '--file', tokens])).stdout.trim();
  const ca = tls ? new CertificateAuthority() : undefined;
  if (ca !== undefined)
    afterwards(() => {
      ca.remove();
    });
  const secured = ca && {
    tls: { ...ca.issue('server'), ca: ca.cert, clientCertificate: 'optional' },
    certificates: [
      { commonName: 'viewer', role: 'read' },
      { commonName: 'operator', role: 'write' },
    ],
  };
  const config = join(directory, 'hexmq.yaml');
  writeFileSync(
    config,
    JSON.stringify({
      listeners: [{ type: 'tcp', port: 0 }],
      storage: { adapter: 'memory' },
      admin: { port: 0, tokens, ...secured },
    }),
  );
  const broker = await startBroker(['--config', config, '--pid-file', join(directory, 'pid')]);
  afterwards(() => {
    broker.program.kill('SIGKILL');
  });
  const [, host = '', port = ''] = await broker.program.logs(/"listener":"admin","address":"([^"]+):(\d+)"/);
  return { broker, host, port: Number(port), token, ca };
}

/** A connection to the endpoint, and what has come over it. */
class Attacker {
  answer = '';
  readonly #closed: Promise<unknown>;

  private constructor(readonly socket: Socket) {
    socket.on('data', (bytes: Buffer) => {
      this.answer += bytes.toString('latin1');
    });
    socket.on('error', () => undefined);
    // `once` of node:events would reject for an error: the endpoint may close while the attacker still writes.
    this.#closed = new Promise((resolve) => socket.once('close', resolve));
    afterwards(() => {
      socket.destroy();
    });
  }

  static async on({ host, port }: Administered): Promise<Attacker> {
    const socket = connectSocket({ host, port });
    const attacker = new Attacker(socket);
    await within(once(socket, 'connect'), 'a connection');
    return attacker;
  }

  send(text: string): this {
    this.socket.write(text);
    return this;
  }

  /** What had come when the endpoint closed the connection. */
  async end(): Promise<string> {
    const late = new Promise((_, reject) => {
      const timer = setTimeout(() => {
        reject(new Error(`the connection is still open; the answer so far: ${this.answer.slice(0, 300)}`));
      }, PATIENCE_MS / 2);
      void this.#closed.then(() => {
        clearTimeout(timer);
      });
    });
    await Promise.race([this.#closed, late]);
    return this.answer;
  }
}

const get = (token: string, path = 'status', more = ''): string =>
  `GET /api/v1/${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n${more}\r\n`;

const post = (token: string, path: string, headers: string): string =>
  `POST /api/v1/${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n` +
  `Content-Type: application/json\r\n${headers}\r\n\r\n`;

const status = async ({ host, port, token }: Administered): Promise<number> =>
  (await fetch(`http://${host}:${port}/api/v1/status`, { headers: { authorization: `Bearer ${token}` } })).status;

const serves = async (at: Administered): Promise<void> => {
  await within(
    (async () => {
      while ((await status(at).catch(() => 0)) !== 200) await new Promise((resolve) => setTimeout(resolve, 100));
    })(),
    'the administration to answer',
  );
};

describe('the administration over HTTP', () => {
  test(
    'connections that send nothing, a header byte by byte, or a body byte by byte are ended, and make room',
    () =>
      scene(async () => {
        const at = await administered();
        const silent = await Promise.all(Array.from({ length: CONNECTIONS_MAX - 2 }, () => Attacker.on(at)));
        const header = (await Attacker.on(at)).send('GET /api/v1/status HTTP/1.1\r\n');
        const body = (await Attacker.on(at)).send(post(at.token, 'route', 'Content-Length: 100000'));
        const timer = setInterval(() => {
          header.send('a');
          body.send(' ');
        }, 500);
        afterwards(() => {
          clearInterval(timer);
        });
        // Beyond the limit a connection is closed at once.
        expect(await (await Attacker.on(at)).end()).toBe('');
        for (const one of [...silent, header, body]) expect(await one.end()).toMatch(/^(HTTP\/1\.1 408 |$)/);
        clearInterval(timer);
        await serves(at);
        expect((await at.broker.stop()).status).toBe(0);
      }),
    PATIENCE_MS,
  );

  test(
    'a request that is too large, or that cannot be read, is answered with what was wrong',
    () =>
      scene(async () => {
        const at = await administered();
        const { token } = at;
        const large = 'x'.repeat(70_000);
        const deep = `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`;
        const posted = (text: string): string =>
          `${post(token, 'route', `Connection: close\r\nContent-Length: ${text.length}`)}${text}`;
        for (const [sent, answer] of [
          [get(token, 'status', `X-Large: ${large}\r\n`), /^HTTP\/1\.1 431 /],
          [get(token, `route?topic=${large}`), /^HTTP\/1\.1 431 /],
          [post(token, 'route', 'Content-Length: 99999999999'), /^HTTP\/1\.1 413 /],
          [post(token, 'route', 'Content-Length: -1'), /^HTTP\/1\.1 400 /],
          [post(token, 'route', 'Content-Length: 5\r\nTransfer-Encoding: chunked'), /^HTTP\/1\.1 400 /],
          ['\x16\x03\x01\x02\x00', /^HTTP\/1\.1 400 /],
          ['\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00', /^HTTP\/1\.1 400 /],
          [posted('{"topic":'), /^HTTP\/1\.1 400 /],
          [posted(deep), /^HTTP\/1\.1 400 /],
          [posted('{"__proto__":{"topic":"a"}}'), /^HTTP\/1\.1 400 /],
          [posted('["a"]'), /^HTTP\/1\.1 400 /],
          [`TRACE /api/v1/status HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n\r\n`, /^HTTP\/1\.1 40[45] /],
          [get(token, '../../../etc/passwd'), /^HTTP\/1\.1 404 /],
          [get(token, 'constructor'), /^HTTP\/1\.1 404 /],
        ] as const) {
          const attacker = (await Attacker.on(at)).send(sent);
          const heard = await attacker.end();
          expect({ sent: sent.slice(0, 80), heard: heard.slice(0, 60) }).toEqual({
            sent: sent.slice(0, 80),
            heard: expect.stringMatching(answer) as unknown,
          });
          expect(heard).toContain('application/problem+json');
        }
        await serves(at);
        expect((await at.broker.stop()).status).toBe(0);
      }),
    PATIENCE_MS,
  );

  test(
    'an endless body and answers that are not read cost little memory',
    () =>
      scene(async () => {
        const at = await administered();
        await serves(at);
        const grown = watchGrowth(at.broker.program, 'RssAnon');
        const endless = (await Attacker.on(at)).send(post(at.token, 'route', 'Transfer-Encoding: chunked'));
        const chunk = `10000\r\n${' '.repeat(65_536)}\r\n`;
        for (let i = 0; i < 100 && !endless.socket.destroyed; i++) {
          endless.send(chunk);
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
        expect(await endless.end()).toMatch(/^(HTTP\/1\.1 413 |$)/);
        const deaf = await Attacker.on(at);
        deaf.socket.pause();
        const document = get(at.token, 'openapi.json');
        for (let i = 0; i < 5000; i++) deaf.send(document);
        for (let i = 0; i < 20; i++) {
          await serves(at);
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
        // 5,000 answers of some 60 kB would be 300 MB.
        expect(grown()).toBeLessThan(100);
        deaf.socket.destroy();
        expect((await at.broker.stop()).status).toBe(0);
      }),
    PATIENCE_MS,
  );
});

describeWith('openssl', 'the administration over HTTPS', () => {
  test(
    'a certificate gives the role that the configuration names, and no other certificate gives one',
    () =>
      scene(async () => {
        const at = await administered(true);
        const ca = at.ca as CertificateAuthority;
        const other = new CertificateAuthority('Test CA');
        afterwards(() => {
          other.remove();
        });
        const call = (path: string, identity?: Issued, body?: object): Promise<number | string> =>
          new Promise((resolve) => {
            const sent = request(
              {
                host: at.host,
                port: at.port,
                path: `/api/v1/${path}`,
                method: body === undefined ? 'GET' : 'POST',
                ca: readFileSync(ca.cert),
                agent: false,
                headers: { 'content-type': 'application/json' },
                ...(identity && { cert: readFileSync(identity.cert), key: readFileSync(identity.key) }),
              },
              (response) => {
                response.resume();
                resolve(response.statusCode ?? 0);
              },
            );
            sent.on('error', () => {
              resolve('no answer');
            });
            sent.end(body === undefined ? undefined : JSON.stringify(body));
          });
        const viewer = ca.issue('viewer', { subject: '/O=Plant/CN=viewer' });
        const operator = ca.issue('operator', { subject: '/O=Plant/CN=operator' });
        const message = { topic: 't', payload: 'x' };
        expect(await call('status')).toBe(401);
        expect(await call('status', viewer)).toBe(200);
        expect(await call('publish', viewer, message)).toBe(403);
        expect(await call('publish', operator, message)).toBe(200);
        expect(await call('status', ca.issue('visitor', { subject: '/CN=visitor' }))).toBe(401);
        // Two common names are no name, whatever they are.
        expect(await call('status', ca.issue('twice', { subject: '/CN=viewer/CN=operator' }))).toBe(401);
        expect([401, 'no answer']).toContain(await call('status', other.issue('forged', { subject: '/CN=operator' })));
        expect([401, 'no answer']).toContain(
          await call('status', ca.issue('expired', { subject: '/CN=operator', days: -1 })),
        );
        expect((await at.broker.stop()).status).toBe(0);
      }),
    PATIENCE_MS,
  );
});
