// The built command with listeners of every type and third-party clients.
import { describe, expect, test } from '@jest/globals';
import { copyFileSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { withListeners, portOf } from './listeners.js';
import type { Listeners, Type } from './listeners.js';
import { connect } from './mqtt-js.js';
import type { Client } from './mqtt-js.js';
import { Program, run } from './program.js';
import { describeWith, PYTHON } from './tools.js';

const SCRIPTS = resolve(import.meta.dirname, 'paho');

function urlOf({ addresses }: Listeners, type: Exclude<Type, 'unix'>): string {
  const url = {
    tcp: `mqtt://${addresses.tcp}`,
    tls: `mqtts://${addresses.tls}`,
    ws: `ws://${addresses.ws}/mqtt`,
    wss: `wss://${addresses.wss}/mqtt`,
  };
  return url[type];
}

function mqttJs(
  listeners: Listeners,
  type: Exclude<Type, 'unix'>,
  clientId: string,
  identity?: { cert: string; key: string },
): Promise<Client> {
  const shown = identity === undefined ? {} : { cert: readFileSync(identity.cert), key: readFileSync(identity.key) };
  return connect({ url: urlOf(listeners, type) }, { clientId, ca: readFileSync(listeners.authority.cert), ...shown });
}

const STREAMS = ['tcp', 'tls', 'ws', 'wss'] as const;

describe('MQTT.js', () => {
  test('MQTT.js publishes with QoS 2 from every listener to every other', () =>
    withListeners(async (listeners) => {
      const clients = await Promise.all(STREAMS.map((type) => mqttJs(listeners, type, type)));
      await Promise.all(clients.map(({ mqtt }) => mqtt.subscribeAsync('from/#', { qos: 2 })));
      await Promise.all(
        clients.map(({ mqtt }, index) => mqtt.publishAsync(`from/${STREAMS[index]}`, 'hello', { qos: 2 })),
      );
      for (const { inbox } of clients) {
        const topics = (await inbox.take(STREAMS.length)).map(({ topic }) => topic);
        expect(topics.sort()).toEqual(STREAMS.map((type) => `from/${type}`).sort());
      }
    }));

  test('MQTT.js sends and receives a payload of 3 MiB through each listener', () =>
    withListeners(async (listeners) => {
      const payload = Buffer.alloc(3 * 1024 * 1024, 'hexmq ');
      for (const type of STREAMS) {
        const { mqtt, inbox } = await mqttJs(listeners, type, type);
        await mqtt.subscribeAsync(`large/${type}`, { qos: 1 });
        await mqtt.publishAsync(`large/${type}`, payload, { qos: 1 });
        const [packet] = await inbox.take(1);
        expect(Buffer.compare(packet?.payload as Buffer, payload)).toBe(0);
        await mqtt.endAsync();
      }
    }));

  test('MQTT.js connects with a client certificate over TLS and WebSocket, and an invalid one is refused', () =>
    withListeners(async (listeners) => {
      await mqttJs(listeners, 'tls', 'with-a-certificate', listeners.meter);
      await mqttJs(listeners, 'wss', 'with-a-certificate-too', listeners.meter);
      const expired = listeners.authority.issue('expired', { days: -1 });
      for (const type of ['tls', 'wss'] as const)
        await expect(mqttJs(listeners, type, 'expired', expired)).rejects.toThrow();
      await listeners.program.logs(/"event":"handshake-failed","listener":"tls-2",.*not accepted: it has expired/);
      await listeners.program.logs(/"event":"handshake-failed","listener":"wss-4",.*not accepted: it has expired/);
    }));

  test('MQTT.js stays connected while the certificate changes, and gets the new one when it reconnects', () =>
    withListeners(async (listeners) => {
      const { authority, server, program } = listeners;
      const { mqtt, inbox } = await mqttJs(listeners, 'wss', 'stays');
      await mqtt.subscribeAsync('still/here');
      const renewed = authority.issue('renewed', { subject: '/CN=renewed' });
      copyFileSync(renewed.cert, server.cert);
      copyFileSync(renewed.key, server.key);
      await program.logs(/"event":"listener-reloaded","listener":"tls-2"/);
      await program.logs(/"event":"listener-reloaded","listener":"wss-4"/);
      await mqtt.publishAsync('still/here', 'yes');
      expect(await inbox.texts(1)).toEqual(['yes']);
      for (const type of ['tls', 'wss'] as const) {
        const { stdout } = await run('openssl', [
          's_client',
          '-connect',
          listeners.addresses[type],
          '-CAfile',
          authority.cert,
          '-verify_return_error',
        ]);
        expect(stdout).toContain('subject=CN = renewed');
      }
    }));
});

describe('openssl s_client', () => {
  test('openssl verifies the server with TLS 1.2 and 1.3, and cannot negotiate an older version', () =>
    withListeners(async ({ addresses, authority, program }) => {
      const client = (...args: string[]) =>
        run('openssl', [
          's_client',
          '-connect',
          addresses.tls,
          '-CAfile',
          authority.cert,
          '-verify_return_error',
          ...args,
        ]);
      for (const [flag, version] of [
        ['-tls1_2', 'TLSv1.2'],
        ['-tls1_3', 'TLSv1.3'],
      ] as const) {
        expect((await client(flag)).stdout).toMatch(new RegExp(`Protocol *: ${version}|New, ${version}`));
      }
      const { status } = await client('-tls1_1', '-cipher', 'DEFAULT@SECLEVEL=0');
      expect(status).not.toBe(0);
      await program.logs(
        /"event":"handshake-failed","listener":"tls-2",.*"reason":"tls","detail":"[^"]*unsupported protocol/,
      );
    }));

  test('a client that does not trust the authority ends the handshake, and the log has the reason', () =>
    withListeners(async ({ addresses, program }) => {
      const { status } = await run('openssl', [
        's_client',
        '-connect',
        addresses.tls,
        '-verify_return_error',
        '-no-CAfile',
        '-no-CApath',
        '-tls1_2',
      ]);
      expect(status).not.toBe(0);
      await program.logs(/"event":"handshake-failed","listener":"tls-2",.*"detail":"[^"]*unknown ca[^"]*"/);
    }));
});

describeWith('mosquitto', 'mosquitto_pub and mosquitto_sub', () => {
  test('mosquitto_pub and mosquitto_sub connect over TLS with and without a certificate, and over a Unix socket', () =>
    withListeners(async ({ addresses, authority, meter }) => {
      const overTls = ['-h', '127.0.0.1', '-p', portOf(addresses.tls), '--cafile', authority.cert];
      const identity = ['--cert', meter.cert, '--key', meter.key];
      const overUnix = ['--unix', addresses.unix];
      for (const [index, way] of [overTls, [...overTls, ...identity], overUnix].entries()) {
        const subscriber = new Program('stdbuf', [
          '-oL',
          'mosquitto_sub',
          ...way,
          '-d',
          '-C',
          '1',
          '-t',
          `way/${index}`,
          '-q',
          '1',
          '-F',
          'received %p',
        ]);
        await subscriber.says(/^Subscribed/m);
        expect(await run('mosquitto_pub', [...way, '-t', `way/${index}`, '-m', 'secret', '-q', '1'])).toMatchObject({
          status: 0,
          stderr: '',
        });
        expect(await subscriber.end()).toMatchObject({ status: 0, stdout: expect.stringContaining('received secret') });
      }
    }));
});

describeWith('paho', 'Eclipse Paho for Python', () => {
  test.each([
    ['tls', 'tcp'],
    ['wss', 'websockets'],
  ] as const)('Paho connects with a client certificate on %s', (type, transport) =>
    withListeners(async ({ addresses, authority, meter }) => {
      const args = [
        resolve(SCRIPTS, 'tls.py'),
        '127.0.0.1',
        portOf(addresses[type]),
        authority.cert,
        meter.cert,
        meter.key,
        transport,
      ];
      const check = new Program(PYTHON ?? 'python3', args, { env: { PYTHONDONTWRITEBYTECODE: '1' } });
      expect(await check.end()).toMatchObject({
        status: 0,
        stderr: '',
        stdout: expect.stringContaining('as expected'),
      });
    }),
  );
});
