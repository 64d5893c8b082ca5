// TLS on listeners: who gets in, who is told why not, and what happens when the files change.
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import { createListener } from '../../../adapters/network/tcp/index.js';
import { CertificateAuthority, openssl } from '../../e2e/certificates.js';
import type { Issued } from '../../e2e/certificates.js';
import { TestListener, until } from '../../support/test-listener.js';

const LOCAL = { host: '127.0.0.1', port: 0 };
const authority = new CertificateAuthority();
const stranger = new CertificateAuthority('Somebody else');
const server = authority.issue('server');
const renewed = authority.issue('renewed', { subject: '/CN=renewed' });
const meter = authority.issue('meter-7', { subject: '/O=Plant/CN=meter-7', alternativeNames: 'URI:urn:plant:meter-7' });
const stolen = authority.issue('stolen');
const expired = authority.issue('expired', { days: -1 });
const foreign = stranger.issue('meter-7', { subject: '/O=Plant/CN=meter-7' });
let directory: string;
let listening: TestListener;
const sockets: TLSSocket[] = [];

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'hexmq-tls-'));
});

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await listening?.close();
});

afterAll(() => {
  authority.remove();
  stranger.remove();
  rmSync(directory, { recursive: true });
});

const listen = async (tls: object, options: object = {}): Promise<void> => {
  listening = await TestListener.on((components) =>
    createListener({ ...LOCAL, ...options, tls: { ...server, ...tls } }, components),
  );
};

interface Client extends TLSSocket {
  readonly isGone: () => boolean;
}

function dial(issued?: Issued, options: ConnectionOptions = {}): Client {
  const identity = issued === undefined ? {} : { cert: readFileSync(issued.cert), key: readFileSync(issued.key) };
  const socket = connectTls({
    host: '127.0.0.1',
    port: listening.port,
    servername: 'localhost',
    ca: readFileSync(authority.cert),
    ...identity,
    ...options,
  });
  sockets.push(socket);
  let isGone = false;
  socket.on('error', () => undefined);
  socket.on('close', () => (isGone = true));
  socket.resume();
  return Object.assign(socket, { isGone: () => isGone });
}

const secured = (socket: TLSSocket): Promise<void> =>
  new Promise((resolve, reject) =>
    socket.once('secureConnect', resolve).once('close', () => reject(new Error('closed'))),
  );
const nameOfServer = (socket: TLSSocket): string => String(socket.getPeerCertificate().subject.CN);

async function refused(issued: Issued | undefined, detail: RegExp, options: ConnectionOptions = {}): Promise<void> {
  const before = listening.events.length;
  const socket = dial(issued, options);
  await until(socket.isGone);
  await until(() => listening.events.length > before);
  expect(listening.events.slice(before)).toEqual([
    {
      kind: 'handshake-failed',
      listener: 'tls',
      reason: 'tls',
      remoteAddress: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
      detail: expect.stringMatching(detail),
    },
  ]);
  expect(listening.accepted).toEqual([]);
}

const CLIENTS = { ca: authority.cert };

describe('certificates of clients', () => {
  test('are not asked for by default, and one that is shown says nothing', async () => {
    await listen({});
    dial(foreign);
    expect((await listening.next()).channel.peer.certificate).toBeUndefined();
  });

  test.each(['TLSv1.2', 'TLSv1.3'] as const)('that are optional may be missing, in %s', async (version) => {
    await listen({ ...CLIENTS, clientCertificate: 'optional' });
    dial(undefined, { minVersion: version, maxVersion: version });
    const { peer } = (await listening.next()).channel;
    expect(peer.certificate).toBeUndefined();
    expect(peer.ipAddress).toBe('127.0.0.1');
  });

  describe.each(['optional', 'required'] as const)('that are %s', (clientCertificate) => {
    test.each(['TLSv1.2', 'TLSv1.3'] as const)('say who the client is, in %s', async (version) => {
      await listen({ ...CLIENTS, clientCertificate });
      dial(meter, { minVersion: version, maxVersion: version });
      expect((await listening.next()).channel.peer.certificate).toEqual({
        commonName: 'meter-7',
        subject: 'CN=meter-7,O=Plant',
        subjectAlternativeNames: ['URI:urn:plant:meter-7'],
        fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/),
      });
    });

    test.each(['TLSv1.2', 'TLSv1.3'] as const)('are refused when they do not verify, in %s', async (version) => {
      await listen({ ...CLIENTS, clientCertificate });
      const only = { minVersion: version, maxVersion: version };
      await refused(foreign, /^the certificate of the client is not accepted: /, only);
      await refused(expired, /not accepted: CERT_HAS_EXPIRED$/, only);
    });

    test('are refused when they have been revoked', async () => {
      await listen({ ...CLIENTS, clientCertificate, crl: authority.revocationList(stolen) });
      dial(meter);
      expect((await listening.next()).channel.peer.certificate?.commonName).toBe('meter-7');
      listening.accepted.length = 0;
      await refused(stolen, /not accepted: CERT_REVOKED$/);
    });
  });

  test.each(['TLSv1.2', 'TLSv1.3'] as const)('that are required may not be missing, in %s', async (version) => {
    await listen({ ...CLIENTS, clientCertificate: 'required' });
    await refused(undefined, /^the client has no certificate$/, { minVersion: version, maxVersion: version });
  });

  test.each(['TLSv1.2', 'TLSv1.3'] as const)('are known again when a session is resumed, in %s', async (version) => {
    await listen({ ...CLIENTS, clientCertificate: 'required' });
    const only = { minVersion: version, maxVersion: version };
    const first = dial(meter, only);
    const session = new Promise<Buffer>((resolve) => first.once('session', resolve));
    const { channel } = await listening.next();
    channel.write(Buffer.from('x'));
    const second = dial(meter, { ...only, session: await session });
    await secured(second);
    expect(second.isSessionReused()).toBe(true);
    expect((await listening.next()).channel.peer.certificate?.commonName).toBe('meter-7');
  });
});

describe('handshakes', () => {
  test('of a version that is too old are refused with the reason', async () => {
    await listen({ minVersion: 'TLSv1.3' });
    await refused(undefined, /^unsupported protocol$/, { maxVersion: 'TLSv1.2' });
  });

  test('without a common cipher are refused with the reason', async () => {
    await listen({ ciphers: 'ECDHE-ECDSA-AES256-GCM-SHA384' });
    await refused(undefined, /cipher/, { ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256', maxVersion: 'TLSv1.2' });
    dial(undefined, { maxVersion: 'TLSv1.2' });
    await listening.next();
  });

  test('that do not come to their end are cut off', async () => {
    await listen({}, { handshakeTimeoutMs: 50 });
    const socket = connect({ host: '127.0.0.1', port: listening.port });
    socket.on('error', () => undefined);
    await new Promise((resolve) => socket.once('close', resolve));
    expect(listening.events).toMatchObject([
      { kind: 'handshake-failed', reason: 'timeout', detail: 'tls is not done after 50 ms' },
    ]);
  });

  test('of something else than TLS are refused', async () => {
    await listen({});
    const socket = connect({ host: '127.0.0.1', port: listening.port });
    socket.on('error', () => undefined);
    socket.write(Buffer.from([0x10, 13, 0, 4, ...Buffer.from('MQTT'), 4, 2, 0, 60, 0, 1, 0x61]));
    socket.resume();
    await new Promise((resolve) => socket.once('close', resolve));
    expect(listening.events).toMatchObject([
      { kind: 'handshake-failed', reason: 'tls', detail: 'wrong version number' },
    ]);
  });
});

describe('files that are not what TLS needs', () => {
  const problemOf = (tls: object): string => {
    try {
      createListener({ ...LOCAL, tls: { ...server, ...tls } });
    } catch (error) {
      return (error as Error).message;
    }
    return '';
  };

  test('are told by name when the listener is made', () => {
    const missing = join(directory, 'missing.crt');
    expect(problemOf({ cert: missing })).toBe(`cannot read ${missing}: there is no such file`);
    expect(problemOf({ cert: directory })).toBe(`cannot read ${directory}: it is a directory, expected a file in PEM`);
    expect(problemOf({ cert: server.key })).toBe(
      `${server.key} has no certificate in it, expected PEM (-----BEGIN CERTIFICATE-----)`,
    );
    expect(problemOf({ key: server.cert })).toBe(
      `${server.cert} has no private key that can be read, expected PEM (-----BEGIN PRIVATE KEY-----)`,
    );
    expect(problemOf({ key: meter.key })).toBe(
      `${server.cert} and ${meter.key} do not belong together, expected the private key of the first certificate`,
    );
    expect(problemOf({ ca: server.key, clientCertificate: 'required' })).toMatch(
      /^.*server\.key has no certificate in it/,
    );
    expect(problemOf({ ...CLIENTS, clientCertificate: 'required', crl: authority.cert })).toBe(
      `${authority.cert} has no revocation list in it, expected PEM (-----BEGIN X509 CRL-----)`,
    );
    const damaged = join(directory, 'damaged.pem');
    writeFileSync(
      damaged,
      '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n',
    );
    expect(problemOf({ cert: damaged })).toBe(`${damaged}: certificate 1 of 1 cannot be read, expected PEM`);
    expect(problemOf({ ...CLIENTS, clientCertificate: 'required', crl: damaged })).toBe(
      `${damaged}: revocation list 1 of 1 cannot be read, expected PEM`,
    );
  });

  test('or options that do not go together', () => {
    expect(problemOf({ clientCertificate: 'optional' })).toMatch(/^tls\.ca is missing, expected the file/);
    expect(problemOf({ crl: authority.revocationList() })).toMatch(
      /^tls\.crl is given and no client certificates are asked for/,
    );
    expect(problemOf({ ciphers: 'NO-SUCH-CIPHER' })).toBe(
      'tls.ciphers: "NO-SUCH-CIPHER" names no cipher, expected a list as OpenSSL writes it',
    );
  });

  test('or a key that needs another passphrase, which is not shown', async () => {
    const encrypted = join(directory, 'encrypted.key');
    openssl('pkcs8', '-topk8', '-in', server.key, '-out', encrypted, '-passout', 'pass:right');
    expect(problemOf({ key: encrypted })).toBe(`${encrypted} is encrypted, expected tls.passphrase`);
    expect(problemOf({ key: encrypted, passphrase: 'wrong' })).toBe(
      `${encrypted} cannot be decrypted: tls.passphrase is not that of this key`,
    );
    await listen({ key: encrypted, passphrase: 'right' });
    await secured(dial());
  });
});

describe('files that change', () => {
  /** A directory with the files of a server in it. */
  function place(name: string, issued: Issued = server): Issued {
    const where = join(directory, name);
    mkdirSync(where);
    return put(where, issued);
  }

  function put(where: string, issued: Issued): Issued {
    const files = { cert: join(where, 'tls.crt'), key: join(where, 'tls.key') };
    copyFileSync(issued.cert, files.cert);
    copyFileSync(issued.key, files.key);
    return files;
  }

  async function serves(name: string): Promise<void> {
    const socket = dial();
    await secured(socket);
    expect(nameOfServer(socket)).toBe(name);
  }

  test('in place are used by new handshakes, and open connections go on', async () => {
    const files = place('in-place');
    await listen(files);
    const old = dial();
    await secured(old);
    const accepted = await listening.next();
    put(join(directory, 'in-place'), renewed);
    await listening.nextEvent('listener-reloaded');
    await serves('renewed');
    old.write('still here');
    await until(() => accepted.received.toString() === 'still here');
    expect(nameOfServer(old)).toBe('server');
  });

  test('by a rename are seen, more than once', async () => {
    const files = place('rename');
    await listen(files);
    for (const [index, issued] of [renewed, server, renewed].entries()) {
      for (const [path, source] of [
        [files.cert, issued.cert],
        [files.key, issued.key],
      ] as const) {
        copyFileSync(source, `${path}.new`);
        renameSync(`${path}.new`, path);
      }
      await listening.nextEvent('listener-reloaded', index + 1);
      await serves(issued === renewed ? 'renewed' : 'server');
    }
  });

  test('by turning a link on the way to them are seen, as Kubernetes does it', async () => {
    const volume = join(directory, 'volume');
    mkdirSync(volume);
    const turn = (to: string): void => {
      symlinkSync(to, join(volume, '..data_tmp'));
      renameSync(join(volume, '..data_tmp'), join(volume, '..data'));
    };
    const revisions = ['..2026_1', '..2026_2', '..2026_3'];
    for (const [index, revision] of revisions.entries()) {
      mkdirSync(join(volume, revision));
      put(join(volume, revision), index % 2 === 0 ? server : renewed);
    }
    turn('..2026_1');
    for (const name of ['tls.crt', 'tls.key']) symlinkSync(join('..data', name), join(volume, name));
    await listen({ cert: join(volume, 'tls.crt'), key: join(volume, 'tls.key') });
    await serves('server');
    turn('..2026_2');
    rmSync(join(volume, '..2026_1'), { recursive: true });
    await listening.nextEvent('listener-reloaded', 1);
    await serves('renewed');
    turn('..2026_3');
    await listening.nextEvent('listener-reloaded', 2);
    await serves('server');
  });

  test('to something bad are told by name, and the old ones go on until they are good', async () => {
    const files = place('bad');
    await listen(files);
    copyFileSync(renewed.cert, files.cert);
    expect(await listening.nextEvent('listener-reload-failed')).toEqual({
      kind: 'listener-reload-failed',
      listener: 'tls',
      error: `${files.cert} and ${files.key} do not belong together, expected the private key of the first certificate`,
    });
    await serves('server');
    await expect(listening.listener.reload?.()).rejects.toThrow('do not belong together');
    copyFileSync(renewed.key, files.key);
    await listening.nextEvent('listener-reloaded');
    await serves('renewed');
  });

  test('are read when that is asked for, without waiting', async () => {
    const files = place('asked');
    await listen(files);
    put(join(directory, 'asked'), renewed);
    await listening.listener.reload?.();
    await serves('renewed');
    await listening.listener.reload?.();
    expect(listening.events).toEqual([]);
  });

  test('before the listener is opened are read then', async () => {
    const files = place('early');
    listening = await TestListener.on((components) => {
      const listener = createListener({ ...LOCAL, tls: files }, components);
      put(join(directory, 'early'), renewed);
      return listener;
    });
    await serves('renewed');
  });

  test.each(['TLSv1.2', 'TLSv1.3'] as const)('revoke also those who could resume a session, in %s', async (version) => {
    const only = { minVersion: version, maxVersion: version };
    const late = authority.issue(`late-${version}`);
    const crl = join(directory, `${version}.crl`);
    copyFileSync(authority.revocationList(), crl);
    await listen({ ...CLIENTS, clientCertificate: 'required', crl });
    const first = dial(late, only);
    const session = new Promise<Buffer>((resolve) => first.once('session', resolve));
    const { channel } = await listening.next();
    channel.write(Buffer.from('x'));
    const resumed = { ...only, session: await session };
    copyFileSync(authority.revocationList(late), crl);
    await listening.listener.reload?.();
    listening.accepted.length = 0;
    await refused(late, /not accepted: CERT_REVOKED$/, resumed);
  });
});

describe('a Unix socket', () => {
  test('has the mode that is asked for, and is gone with its listener', async () => {
    const path = join(directory, 'mode.sock');
    listening = await TestListener.on((components) => createListener({ path, mode: '0620' }, components));
    expect(statSync(path).mode & 0o777).toBe(0o620);
    const socket = connect(path);
    expect((await listening.next()).channel.peer).toEqual({ remoteAddress: `unix:${path}` });
    socket.destroy();
    await listening.close();
    expect(statSync(path, { throwIfNoEntry: false })).toBeUndefined();
  });

  test('that a dead process left behind is replaced, and nothing else is', async () => {
    const path = join(directory, 'left.sock');
    listening = await TestListener.on((components) => createListener({ path }, components));
    // Whoever is killed removes nothing: a second name for its socket is what is left.
    renameSync(path, join(directory, 'moved.sock'));
    await listening.listener.close();
    renameSync(join(directory, 'moved.sock'), path);
    listening = await TestListener.on((components) => createListener({ path }, components));
    const socket = connect(path);
    await listening.next();
    socket.destroy();

    const file = join(directory, 'file.sock');
    writeFileSync(file, 'mine');
    await expect(createListener({ path: file }).listen(() => undefined as never)).rejects.toThrow(
      `cannot listen on ${file}: the path is in use; choose another, or stop the other process or remove the file`,
    );
    expect(readFileSync(file, 'utf8')).toBe('mine');
  });

  test('in a directory that is not there is refused with what to do', async () => {
    const path = join(directory, 'nowhere', 'a.sock');
    await expect(createListener({ path }).listen(() => undefined as never)).rejects.toThrow(
      `cannot listen on ${path}: `,
    );
  });
});
