// TLS listeners: client certificates, failed handshakes, faulty files, and files that change. Also Unix sockets.
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
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
import { setTimeout } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import type { HandshakeMemory } from '../../../adapters/network/sockets/pending-handshakes.js';
import { createListener } from '../../../adapters/network/tcp/index.js';
import { CertificateAuthority, openssl } from '../../e2e/certificates.js';
import type { Issued } from '../../e2e/certificates.js';
import { TestListener, until } from '../../support/test-listener.js';

const LOCAL = { host: '127.0.0.1', port: 0 };
/** Longer than the watcher collects changes before it reads the files. */
const BETWEEN_READINGS_MS = 400;
const authority = new CertificateAuthority();
const otherAuthority = new CertificateAuthority('Another authority');
const server = authority.issue('server');
const renewed = authority.issue('renewed', { subject: '/CN=renewed' });
const meter = authority.issue('meter-7', { subject: '/O=Plant/CN=meter-7', alternativeNames: 'URI:urn:plant:meter-7' });
const stolen = authority.issue('stolen');
const expired = authority.issue('expired', { days: -1 });
const foreign = otherAuthority.issue('meter-7', { subject: '/O=Plant/CN=meter-7' });
let directory: string;
let listener: TestListener;
const sockets: TLSSocket[] = [];

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'hexmq-tls-'));
});

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await listener?.close();
});

afterAll(() => {
  authority.remove();
  otherAuthority.remove();
  rmSync(directory, { recursive: true });
});

const listen = async (tls: object, options: object = {}): Promise<void> => {
  listener = await TestListener.on((components) =>
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
    port: listener.port,
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
  const before = listener.events.length;
  const socket = dial(issued, options);
  await until(socket.isGone);
  await until(() => listener.events.length > before);
  expect(listener.events.slice(before)).toEqual([
    {
      kind: 'handshake-failed',
      listener: 'tls',
      reason: 'tls',
      remoteAddress: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
      detail: expect.stringMatching(detail),
    },
  ]);
  expect(listener.accepted).toEqual([]);
}

const VERSIONS = ['TLSv1.2', 'TLSv1.3'] as const;
const CLIENTS = { ca: authority.cert };

describe('client certificates', () => {
  test('by default no client certificate is requested, and one that is sent is ignored', async () => {
    await listen({});
    dial(foreign);
    expect((await listener.next()).channel.peer.certificate).toBeUndefined();
  });

  test.each(VERSIONS)('an optional client certificate may be missing, in %s', async (version) => {
    await listen({ ...CLIENTS, clientCertificate: 'optional' });
    dial(undefined, { minVersion: version, maxVersion: version });
    const { peer } = (await listener.next()).channel;
    expect(peer.certificate).toBeUndefined();
    expect(peer.ipAddress).toBe('127.0.0.1');
  });

  describe.each(['optional', 'required'] as const)('clientCertificate: %s', (clientCertificate) => {
    test.each(VERSIONS)('a client certificate identifies the peer, in %s', async (version) => {
      await listen({ ...CLIENTS, clientCertificate });
      dial(meter, { minVersion: version, maxVersion: version });
      expect((await listener.next()).channel.peer.certificate).toEqual({
        commonName: 'meter-7',
        subject: 'CN=meter-7,O=Plant',
        subjectAlternativeNames: ['URI:urn:plant:meter-7'],
        fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/),
      });
    });

    test.each(VERSIONS)('a client certificate that does not verify is refused, in %s', async (version) => {
      await listen({ ...CLIENTS, clientCertificate });
      const only = { minVersion: version, maxVersion: version };
      await refused(foreign, /^the client certificate is not accepted: /, only);
      await refused(expired, /not accepted: it has expired \(CERT_HAS_EXPIRED\)$/, only);
    });

    test('a revoked client certificate is refused', async () => {
      await listen({ ...CLIENTS, clientCertificate, crl: authority.revocationList(stolen) });
      dial(meter);
      expect((await listener.next()).channel.peer.certificate?.commonName).toBe('meter-7');
      listener.accepted.length = 0;
      await refused(stolen, /not accepted: it was revoked \(CERT_REVOKED\)$/);
    });
  });

  test.each(VERSIONS)('a client without its required certificate is refused, in %s', async (version) => {
    await listen({ ...CLIENTS, clientCertificate: 'required' });
    await refused(undefined, /^the client sent no certificate$/, { minVersion: version, maxVersion: version });
  });

  test.each(VERSIONS)('a resumed TLS session still has its client certificate, in %s', async (version) => {
    await listen({ ...CLIENTS, clientCertificate: 'required' });
    const only = { minVersion: version, maxVersion: version };
    const first = dial(meter, only);
    const session = new Promise<Buffer>((resolve) => first.once('session', resolve));
    const { channel } = await listener.next();
    channel.write(Buffer.from('x'));
    const second = dial(meter, { ...only, session: await session });
    await secured(second);
    expect(second.isSessionReused()).toBe(true);
    expect((await listener.next()).channel.peer.certificate?.commonName).toBe('meter-7');
  });
});

describe('TLS handshakes that fail', () => {
  test('a client with an outdated TLS version is refused, and the event has the reason', async () => {
    await listen({ minVersion: 'TLSv1.3' });
    await refused(undefined, /\(unsupported protocol\)$/, { maxVersion: 'TLSv1.2' });
  });

  test('a client without a common cipher is refused, and the event has the reason', async () => {
    await listen({ ciphers: 'ECDHE-ECDSA-AES256-GCM-SHA384' });
    await refused(undefined, /cipher/, { ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256', maxVersion: 'TLSv1.2' });
    dial(undefined, { maxVersion: 'TLSv1.2' });
    await listener.next();
  });

  test('an incomplete TLS handshake is cut off at the handshake timeout', async () => {
    await listen({}, { handshakeTimeoutMs: 50 });
    const socket = connect({ host: '127.0.0.1', port: listener.port });
    socket.on('error', () => undefined);
    await new Promise((resolve) => socket.once('close', resolve));
    expect(listener.events).toMatchObject([
      { kind: 'handshake-failed', reason: 'timeout', detail: 'tls not completed within 50 ms' },
    ]);
  });

  test('a handshake counts what OpenSSL makes room for, and is ended when all hold too much', async () => {
    const pending = new Set<Parameters<HandshakeMemory['add']>[0]>();
    const handshakeMemory: HandshakeMemory = {
      add: (handshake) => void pending.add(handshake),
      remove: (handshake) => void pending.delete(handshake),
    };
    await listen({}, { handshakeMemory });
    const socket = connect({ host: '127.0.0.1', port: listener.port });
    socket.on('error', () => undefined);
    const closed = new Promise((resolve) => socket.once('close', resolve));
    await until(() => pending.size === 1);
    const [handshake] = pending;
    expect(handshake?.heldBytes()).toBe(20 * 1024);
    // The first bytes of a ClientHello of 131,000 bytes.
    const begun = Buffer.from([22, 3, 1, 0, 20, 1, 1, 0xff, 0xb8, 3, 3, ...new Uint8Array(14)]);
    socket.write(begun);
    await until(() => handshake?.heldBytes() === (64 + 128) * 1024 + begun.length);
    handshake?.evict(1000);
    await closed;
    expect(pending.size).toBe(0);
    expect(listener.events).toMatchObject([
      {
        kind: 'handshake-failed',
        reason: 'incomplete-handshakes',
        detail: 'tls not completed while all handshakes held 1000 bytes',
      },
    ]);
  });

  test('a handshake that has been answered counts less, and one that is over not at all', async () => {
    const held: number[] = [];
    const pending = new Set<Parameters<HandshakeMemory['add']>[0]>();
    const handshakeMemory: HandshakeMemory = {
      add: (handshake) => void pending.add(handshake),
      remove: (handshake) => {
        held.push(handshake.heldBytes());
        pending.delete(handshake);
      },
    };
    await listen({}, { handshakeMemory });
    await secured(dial());
    await until(() => held.length === 1);
    expect(held[0]).toBeLessThan((64 + 16) * 1024);
    expect(pending.size).toBe(0);
  });

  test('a client that speaks MQTT without TLS is refused', async () => {
    await listen({});
    const socket = connect({ host: '127.0.0.1', port: listener.port });
    socket.on('error', () => undefined);
    socket.write(Buffer.from([0x10, 13, 0, 4, ...Buffer.from('MQTT'), 4, 2, 0, 60, 0, 1, 0x61]));
    socket.resume();
    await new Promise((resolve) => socket.once('close', resolve));
    expect(listener.events).toMatchObject([
      { kind: 'handshake-failed', reason: 'tls', detail: 'the client does not speak TLS (wrong version number)' },
    ]);
  });
});

describe('reasons of TLS failures', () => {
  test('a certificate that is not meant for clients is refused with a reason in words', async () => {
    const forServers = authority.issue('for-servers', { usage: 'serverAuth' });
    await listen({ ca: authority.cert, clientCertificate: 'required' });
    await refused(forServers, /not accepted: (?!UNSPECIFIED)[a-z].+ \(INVALID_PURPOSE\)$|not accepted: [a-z ]+$/);
  });

  test('a probe that only connects is no failure of TLS', async () => {
    await listen({});
    for (const end of ['destroy', 'resetAndDestroy'] as const) {
      listener.events.length = 0;
      const socket = connect({ host: '127.0.0.1', port: listener.port });
      socket.on('error', () => undefined);
      socket.on('connect', () => socket[end]());
      await until(() => listener.events.length > 0);
      expect(listener.events).toMatchObject([{ kind: 'handshake-failed', detail: 'the peer closed the connection' }]);
    }
  });
});

describe('TLS options and files that are wrong', () => {
  const problemOf = (tls: object): string => {
    try {
      createListener({ ...LOCAL, tls: { ...server, ...tls } });
    } catch (error) {
      return (error as Error).message;
    }
    return '';
  };

  test('creating a listener with a faulty file throws an error that names the file', () => {
    const missing = join(directory, 'missing.crt');
    expect(problemOf({ cert: missing })).toBe(`cannot read ${missing}: there is no such file`);
    expect(problemOf({ cert: directory })).toBe(`cannot read ${directory}: it is a directory, expected a PEM file`);
    expect(problemOf({ cert: server.key })).toBe(
      `${server.key} contains no certificate, expected PEM (-----BEGIN CERTIFICATE-----)`,
    );
    expect(problemOf({ key: server.cert })).toBe(
      `${server.cert} contains no readable private key, expected PEM (-----BEGIN PRIVATE KEY-----)`,
    );
    expect(problemOf({ key: meter.key })).toBe(
      `${server.cert} and ${meter.key} do not match, expected the private key of the first certificate`,
    );
    expect(problemOf({ ca: server.key, clientCertificate: 'required' })).toMatch(
      /^.*server\.key contains no certificate/,
    );
    expect(problemOf({ ...CLIENTS, clientCertificate: 'required', crl: authority.cert })).toBe(
      `${authority.cert} contains no revocation list, expected PEM (-----BEGIN X509 CRL-----)`,
    );
    const damaged = join(directory, 'damaged.pem');
    writeFileSync(
      damaged,
      ['CERTIFICATE', 'X509 CRL'].map((kind) => `-----BEGIN ${kind}-----\nAAAA\n-----END ${kind}-----\n`).join(''),
    );
    expect(problemOf({ cert: damaged })).toBe(`${damaged}: certificate 1 of 1 cannot be read, expected PEM`);
    expect(problemOf({ ...CLIENTS, clientCertificate: 'required', crl: damaged })).toBe(
      `${damaged}: revocation list 1 of 1 cannot be read, expected PEM`,
    );
  });

  test('creating a listener with contradictory TLS options throws an error that names the option', () => {
    expect(problemOf({ clientCertificate: 'optional' })).toMatch(/^tls\.ca is missing, expected the file/);
    expect(problemOf({ crl: authority.revocationList() })).toMatch(
      /^tls\.crl is set, but client certificates are not requested/,
    );
    expect(problemOf({ ciphers: 'NO-SUCH-CIPHER' })).toBe(
      'tls.ciphers: "NO-SUCH-CIPHER" matches no cipher, expected an OpenSSL cipher list',
    );
  });

  test('an encrypted key needs its passphrase, and the error does not show the one given', async () => {
    const encrypted = join(directory, 'encrypted.key');
    openssl('pkcs8', '-topk8', '-in', server.key, '-out', encrypted, '-passout', 'pass:right');
    expect(problemOf({ key: encrypted })).toBe(`${encrypted} is encrypted, expected tls.passphrase`);
    expect(problemOf({ key: encrypted, passphrase: 'wrong' })).toBe(
      `${encrypted} cannot be decrypted: tls.passphrase is wrong for this key`,
    );
    await listen({ key: encrypted, passphrase: 'right' });
    await secured(dial());
  });
});

describe('TLS files that change', () => {
  /** Creates a directory with the files of a server. */
  function createFiles(name: string, issued: Issued = server): Issued {
    const folder = join(directory, name);
    mkdirSync(folder);
    return copyFiles(folder, issued);
  }

  function copyFiles(folder: string, issued: Issued): Issued {
    const files = { cert: join(folder, 'tls.crt'), key: join(folder, 'tls.key') };
    copyFileSync(issued.cert, files.cert);
    copyFileSync(issued.key, files.key);
    return files;
  }

  async function serves(name: string): Promise<void> {
    const socket = dial();
    await secured(socket);
    expect(nameOfServer(socket)).toBe(name);
  }

  test('files changed in place apply to new handshakes, and open connections continue', async () => {
    const files = createFiles('in-place');
    await listen(files);
    const old = dial();
    await secured(old);
    const accepted = await listener.next();
    copyFiles(join(directory, 'in-place'), renewed);
    await listener.event('listener-reloaded');
    await serves('renewed');
    old.write('still here');
    await until(() => accepted.received.toString() === 'still here');
    expect(nameOfServer(old)).toBe('server');
  });

  test('files replaced by a rename are noticed, each time', async () => {
    const files = createFiles('rename');
    await listen(files);
    for (const [index, issued] of [renewed, server, renewed].entries()) {
      for (const [path, source] of [
        [files.cert, issued.cert],
        [files.key, issued.key],
      ] as const) {
        copyFileSync(source, `${path}.new`);
        renameSync(`${path}.new`, path);
      }
      await listener.event('listener-reloaded', index + 1);
      await serves(issued === renewed ? 'renewed' : 'server');
    }
  });

  test('files behind a redirected symbolic link are noticed, as Kubernetes updates secrets', async () => {
    const volume = join(directory, 'volume');
    mkdirSync(volume);
    const redirect = (to: string): void => {
      symlinkSync(to, join(volume, '..data_tmp'));
      renameSync(join(volume, '..data_tmp'), join(volume, '..data'));
    };
    const revisions = ['..2026_1', '..2026_2', '..2026_3'];
    for (const [index, revision] of revisions.entries()) {
      mkdirSync(join(volume, revision));
      copyFiles(join(volume, revision), index % 2 === 0 ? server : renewed);
    }
    redirect('..2026_1');
    for (const name of ['tls.crt', 'tls.key']) symlinkSync(join('..data', name), join(volume, name));
    await listen({ cert: join(volume, 'tls.crt'), key: join(volume, 'tls.key') });
    await serves('server');
    redirect('..2026_2');
    rmSync(join(volume, '..2026_1'), { recursive: true });
    await listener.event('listener-reloaded', 1);
    await serves('renewed');
    redirect('..2026_3');
    await listener.event('listener-reloaded', 2);
    await serves('server');
  });

  test('faulty new files are reported by name, and the old ones stay in use until they are fixed', async () => {
    const files = createFiles('bad');
    await listen(files);
    copyFileSync(renewed.cert, files.cert);
    expect(await listener.event('listener-reload-failed')).toEqual({
      kind: 'listener-reload-failed',
      listener: 'tls',
      error: `${files.cert} and ${files.key} do not match, expected the private key of the first certificate`,
    });
    await serves('server');
    await expect(listener.listener.reload?.()).rejects.toThrow('do not match');
    copyFileSync(renewed.key, files.key);
    await listener.event('listener-reloaded');
    await serves('renewed');
  });

  test('a failure is reported once a minute, however often other files beside the certificate change', async () => {
    const files = createFiles('busy');
    await listen(files);
    copyFileSync(renewed.cert, files.cert);
    await listener.event('listener-reload-failed');
    for (let i = 0; i < 3; i++) {
      writeFileSync(join(directory, 'busy', `other-${i}`), 'x');
      await setTimeout(BETWEEN_READINGS_MS);
    }
    expect(listener.events.filter(({ kind }) => kind === 'listener-reload-failed')).toHaveLength(1);
    const now = performance.now.bind(performance);
    const later = jest.spyOn(performance, 'now').mockImplementation(() => now() + 60_000);
    try {
      writeFileSync(join(directory, 'busy', 'a minute later'), 'x');
      await listener.event('listener-reload-failed', 2);
    } finally {
      later.mockRestore();
    }
    copyFileSync(renewed.key, files.key);
    await listener.event('listener-reloaded');
  });

  test('reload reads changed files at once, without waiting for the watcher', async () => {
    const files = createFiles('asked');
    await listen(files);
    copyFiles(join(directory, 'asked'), renewed);
    await listener.listener.reload?.();
    await serves('renewed');
    await listener.listener.reload?.();
    expect(listener.events).toEqual([]);
  });

  test('files that change before the listener is opened are used when it opens', async () => {
    const files = createFiles('early');
    listener = await TestListener.on((components) => {
      const listener = createListener({ ...LOCAL, tls: files }, components);
      copyFiles(join(directory, 'early'), renewed);
      return listener;
    });
    await serves('renewed');
  });

  test.each(VERSIONS)(
    'a certificate revoked by a reload cannot be used to resume a TLS session, in %s',
    async (version) => {
      const only = { minVersion: version, maxVersion: version };
      const late = authority.issue(`late-${version}`);
      const crl = join(directory, `${version}.crl`);
      copyFileSync(authority.revocationList(), crl);
      await listen({ ...CLIENTS, clientCertificate: 'required', crl });
      const first = dial(late, only);
      const session = new Promise<Buffer>((resolve) => first.once('session', resolve));
      const { channel } = await listener.next();
      channel.write(Buffer.from('x'));
      const resumed = { ...only, session: await session };
      copyFileSync(authority.revocationList(late), crl);
      await listener.listener.reload?.();
      listener.accepted.length = 0;
      await refused(late, /not accepted: it was revoked \(CERT_REVOKED\)$/, resumed);
    },
  );
});

describe('Unix socket', () => {
  test('a Unix socket has the configured mode and is removed when its listener closes', async () => {
    const path = join(directory, 'mode.sock');
    listener = await TestListener.on((components) => createListener({ path, mode: '0620' }, components));
    expect(statSync(path).mode & 0o777).toBe(0o620);
    const socket = connect(path);
    expect((await listener.next()).channel.peer).toEqual({ remoteAddress: `unix:${path}` });
    socket.destroy();
    await listener.close();
    expect(statSync(path, { throwIfNoEntry: false })).toBeUndefined();
  });

  test('a stale Unix socket is replaced, and any other file at the path is kept', async () => {
    const path = join(directory, 'left.sock');
    listener = await TestListener.on((components) => createListener({ path }, components));
    // Moved away while the listener closes, the socket file remains, as after a process was killed.
    renameSync(path, join(directory, 'moved.sock'));
    await listener.listener.close();
    renameSync(join(directory, 'moved.sock'), path);
    listener = await TestListener.on((components) => createListener({ path }, components));
    const socket = connect(path);
    await listener.next();
    socket.destroy();

    const file = join(directory, 'file.sock');
    writeFileSync(file, 'mine');
    await expect(createListener({ path: file }).listen(() => undefined as never)).rejects.toThrow(
      `cannot listen on ${file}: the path is in use; choose another, stop the other process, or remove the file`,
    );
    expect(readFileSync(file, 'utf8')).toBe('mine');
  });

  test('a Unix socket in a missing directory is refused with advice', async () => {
    const path = join(directory, 'nowhere', 'a.sock');
    await expect(createListener({ path }).listen(() => undefined as never)).rejects.toThrow(
      `cannot listen on ${path}: the directory does not exist; create it first`,
    );
  });
});
