// Identification by client certificate, and renewal of the broker's certificate: the built command over TLS, with
// third-party clients.
import { describe, expect, test } from '@jest/globals';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { within } from '../clients/within.js';
import { CertificateAuthority } from './certificates.js';
import type { Issued } from './certificates.js';
import { hexmq, startProgram, temporaryDirectory } from './hexmq-command.js';
import { connect } from './mqtt-js.js';
import type { Client } from './mqtt-js.js';
import { afterwards, run, scene } from './program.js';
import type { Program } from './program.js';
import { describeWith } from './tools.js';

function authorityNamed(name?: string): CertificateAuthority {
  const authority = new CertificateAuthority(name);
  afterwards(() => {
    authority.remove();
  });
  return authority;
}

interface TlsBroker {
  readonly program: Program;
  readonly port: string;
  connect(clientId: string, identity?: Issued): Promise<Client>;
  stop(): Promise<void>;
}

/** A configuration with a TLS listener only. */
async function tlsBroker(
  authority: CertificateAuthority,
  tls: object,
  settings: object,
  args: readonly string[] = [],
): Promise<TlsBroker> {
  const cwd = temporaryDirectory();
  const listeners = [{ type: 'tls', port: 0, tls }];
  writeFileSync(join(cwd, 'hexmq.json'), JSON.stringify({ listeners, storage: { adapter: 'memory' }, ...settings }));
  const program = startProgram(['--config', 'hexmq.json', ...args], { cwd });
  const [, host = '', port = ''] = await program.says(/ready: tls ([\d.]+):(\d+),/);
  const ca = readFileSync(authority.cert);
  return {
    program,
    port,
    connect: (clientId, identity) => {
      const shown =
        identity === undefined ? {} : { cert: readFileSync(identity.cert), key: readFileSync(identity.key) };
      return connect({ url: `mqtts://${host}:${port}` }, { clientId, ca, ...shown });
    },
    stop: async () => {
      program.kill('SIGTERM');
      expect((await within(program.end(), 'the broker to stop')).status).toBe(0);
    },
  };
}

/** A broker that identifies clients by the common name of their certificate and grants them the topics of that name. */
async function withIdentities(
  body: (broker: TlsBroker, made: { authority: CertificateAuthority; meter: Issued; stolen: Issued }) => Promise<void>,
): Promise<void> {
  await scene(async () => {
    const authority = authorityNamed();
    const meter = authority.issue('meter-7', { subject: '/O=Plant/CN=meter-7' });
    const stolen = authority.issue('stolen', { subject: '/O=Plant/CN=stolen' });
    const tls = {
      ...authority.issue('server'),
      ca: authority.cert,
      crl: authority.revocationList(stolen),
      clientCertificate: 'required',
    };
    const acl = join(authority.directory, 'acl');
    writeFileSync(acl, 'pattern readwrite plant/%u/#\n');
    const broker = await tlsBroker(authority, tls, {
      authentication: [{ adapter: 'certificate' }],
      authorization: [{ adapter: 'acl-file', options: { path: acl } }],
    });
    await body(broker, { authority, meter, stolen });
    await broker.stop();
  });
}

describe('MQTT.js with a certificate', () => {
  test('a client is identified by its certificate and has the permissions of that name', () =>
    withIdentities(async (broker, { meter }) => {
      const { mqtt, inbox, closed } = await broker.connect('any-client-id', meter);
      await expect(mqtt.subscribeAsync('plant/meter-8/#', { qos: 1 })).rejects.toThrow('Subscribe error');
      await mqtt.subscribeAsync('plant/meter-7/#', { qos: 1 });
      await mqtt.publishAsync('plant/meter-7/up', 'mine', { qos: 1 });
      expect(await inbox.texts(1)).toEqual(['mine']);
      mqtt.publish('plant/meter-8/up', 'not mine', { qos: 1 });
      await closed;
      await broker.program.logs(/"event":"publish-denied","clientId":"any-client-id","topic":"plant\/meter-8\/up"/);
    }));

  test('a client with no certificate, a foreign one or a revoked one is refused for that reason', () =>
    withIdentities(async (broker, { meter, stolen }) => {
      const foreign = authorityNamed('Another company').issue('meter-7', { subject: '/O=Plant/CN=meter-7' });
      const refusals = [
        [undefined, /the client sent no certificate/],
        [foreign, /the client certificate is not accepted: its authority is not in tls.ca \(UNABLE_TO_/],
        [stolen, /the client certificate is not accepted: it was revoked/],
      ] as const;
      for (const [identity, detail] of refusals) {
        await expect(broker.connect('refused', identity)).rejects.toThrow();
        await broker.program.logs(
          new RegExp(`"event":"handshake-failed","listener":"tls",.*"reason":"tls","detail":"${detail.source}`),
        );
      }
      await broker.connect('let-in', meter);
      expect(broker.program.stderr).not.toContain('"clientId":"refused"');
    }));
});

describeWith('mosquitto', 'mosquitto_pub with a certificate', () => {
  test('mosquitto_pub publishes under the name in its certificate', () =>
    withIdentities(async (broker, { authority, meter, stolen }) => {
      const { mqtt, inbox } = await broker.connect('reader', meter);
      await mqtt.subscribeAsync('plant/meter-7/#', { qos: 1 });
      const way = [
        '-h',
        '127.0.0.1',
        '-p',
        broker.port,
        '--cafile',
        authority.cert,
        '-t',
        'plant/meter-7/up',
        '-m',
        '21.5',
        '-q',
        '1',
      ];
      expect(await run('mosquitto_pub', [...way, '--cert', meter.cert, '--key', meter.key])).toMatchObject({
        status: 0,
        stderr: '',
      });
      expect(await inbox.texts(1)).toEqual(['21.5']);
      expect((await run('mosquitto_pub', [...way, '--cert', stolen.cert, '--key', stolen.key])).status).not.toBe(0);
      expect(inbox.leftOver).toBe(0);
    }));
});

describe('a reload of certificates', () => {
  test.each([
    ['SIGHUP', async (program: Program) => void program.kill('SIGHUP')],
    [
      'hexmq reload',
      async (_program: Program, pidFile: string) => {
        expect(await hexmq(['reload', '--pid-file', pidFile])).toMatchObject({ status: 0, stderr: '' });
      },
    ],
  ])('after a reload by %s, new connections get the new certificate, and a faulty file changes nothing', (_how, ask) =>
    scene(async () => {
      const authority = authorityNamed();
      const server = authority.issue('server');
      const renewed = authority.issue('renewed', { subject: '/CN=renewed' });
      const again = authority.issue('again', { subject: '/CN=again' });
      const pidFile = join(authority.directory, 'hexmq.pid');
      const broker = await tlsBroker(authority, server, { authentication: [{ adapter: 'anonymous' }] }, [
        '--pid-file',
        pidFile,
      ]);
      const { mqtt, inbox } = await broker.connect('stays');
      await mqtt.subscribeAsync('still/here');
      const expectServedAs = async (name: string): Promise<void> => {
        const { stdout } = await run('openssl', [
          's_client',
          '-connect',
          `127.0.0.1:${broker.port}`,
          '-CAfile',
          authority.cert,
          '-verify_return_error',
        ]);
        expect(stdout).toMatch(new RegExp(`subject=CN ?= ?${name}\\n`));
        await mqtt.publishAsync('still/here', name);
        expect(await inbox.texts(1)).toEqual([name]);
      };
      await expectServedAs('server');

      copyFileSync(renewed.cert, server.cert);
      copyFileSync(renewed.key, server.key);
      await ask(broker.program, pidFile);
      await broker.program.logs(/"event":"reloaded","what":\[[^\]]*"tls"/);
      await expectServedAs('renewed');

      copyFileSync(again.cert, server.cert);
      await ask(broker.program, pidFile);
      await broker.program.logs(
        /"event":"reload-failed","what":"tls","error":"[^"]*server\.crt and [^"]*server\.key do not match/,
      );
      await expectServedAs('renewed');

      writeFileSync(server.cert, 'no certificate');
      await ask(broker.program, pidFile);
      await broker.program.logs(
        /"event":"reload-failed","what":"tls","error":"[^"]*server\.crt contains no certificate/,
      );
      await expectServedAs('renewed');
      await broker.stop();
    }),
  );
});
