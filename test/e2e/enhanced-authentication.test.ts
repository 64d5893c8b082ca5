// The built command with SCRAM: users made by `hexmq passwd --scram`, and MQTT.js as the client, with the code that the
// guide shows.
import { describe, expect, test } from '@jest/globals';
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { connect as connectMqttJs } from 'mqtt';
import type { MqttClient } from 'mqtt';
import type { IAuthPacket } from 'mqtt-packet';
import { ScramClient } from '../clients/scram-client.js';
import type { ScramHash } from '../clients/scram-client.js';
import { within } from '../clients/within.js';
import { hexmq, ROOT, startBroker, temporaryDirectory } from './hexmq-command.js';
import type { RunningBroker } from './hexmq-command.js';
import { connect } from './mqtt-js.js';
import { afterwards, Program, scene } from './program.js';

const MAIN = resolve(ROOT, 'dist/src/cli/main.js');

async function setPassword(cwd: string, user: string, password: string): Promise<void> {
  const args = [MAIN, 'passwd', '--scram', 'scram', user, '--stdin', '--iterations', '4096'];
  const setting = new Program(process.execPath, args, { cwd });
  setting.closeInput(`${password}\n`);
  expect((await setting.end()).status).toBe(0);
}

/** A broker with the user alice, in a directory of its own. */
function withAlice(body: (broker: RunningBroker, directory: string) => Promise<void>, more = ''): Promise<void> {
  return scene(async () => {
    const directory = temporaryDirectory();
    await setPassword(directory, 'alice', 'secret');
    const yaml = `storage: { adapter: memory }\nauthentication: [{ adapter: anonymous }, { adapter: scram }]\n${more}`;
    writeFileSync(join(directory, 'hexmq.yaml'), yaml);
    const broker = await startBroker(['--config', 'hexmq.yaml', '--port', '0'], { cwd: directory });
    afterwards(() => {
      broker.program.kill('SIGKILL');
    });
    await body(broker, directory);
    expect((await within(broker.stop(), 'the broker to stop')).status).toBe(0);
  });
}

interface Login {
  readonly user?: string;
  readonly password?: string;
  readonly hash?: ScramHash;
}

interface Talker {
  readonly mqtt: MqttClient;
  /** The Reason Code of CONNACK; 0 if the client trusts the server. */
  readonly code: number;
  /** Authenticates again; the Reason Code with which that ends. */
  again(login: Login): Promise<number>;
}

async function talk({ url }: Pick<RunningBroker, 'url'>, login: Login): Promise<Talker> {
  const clientOf = ({ user = 'alice', password = 'secret', hash = 'sha256' }: Login): ScramClient =>
    new ScramClient({ user, password, hash });
  let scram = clientOf(login);
  const { method } = scram;
  const mqtt = connectMqttJs(url, {
    protocolVersion: 5,
    reconnectPeriod: 0,
    properties: { authenticationMethod: method, authenticationData: scram.first() },
  });
  afterwards(() => {
    mqtt.end(true);
  });
  let ended: (packet: IAuthPacket) => void = () => undefined;
  mqtt.handleAuth = (packet, callback) => {
    if (packet.reasonCode !== 0x18) {
      ended(packet);
      callback();
      return;
    }
    const authenticationData = scram.final(packet.properties?.authenticationData ?? Buffer.alloc(0));
    const properties = { authenticationMethod: method, authenticationData };
    callback(undefined, { cmd: 'auth', reasonCode: 0x18, properties });
  };
  const connack = new Promise<number>((done, failed) => {
    mqtt.once('connect', ({ properties }) => {
      done(scram.trusts(properties?.authenticationData) ? 0 : -1);
    });
    mqtt.once('error', (error) => {
      const { code } = error as { code?: unknown };
      if (typeof code === 'number') done(code);
      else failed(error);
    });
  });
  const code = await within(connack, 'a CONNACK');
  mqtt.on('error', () => undefined);
  const again = (as: Login): Promise<number> => {
    scram = clientOf(as);
    const properties = { authenticationMethod: method, authenticationData: scram.first() };
    const end = new Promise<number>((done) => {
      ended = ({ properties: last }) => {
        done(scram.trusts(last?.authenticationData) ? 0 : -1);
      };
      mqtt.once('disconnect', (packet) => {
        done(packet.reasonCode ?? 0);
      });
    });
    // MQTT.js has no function for it.
    (mqtt as unknown as { _sendPacket(packet: IAuthPacket): void })._sendPacket({
      cmd: 'auth',
      reasonCode: 0x19,
      properties,
    });
    return within(end, 'the end of the exchange');
  };
  return { mqtt, code, again };
}

describe('SCRAM against the built command', () => {
  test.each(['sha256', 'sha512'] as const)('a client with a right password is accepted, with %s', (hash) =>
    withAlice(async (broker) => {
      expect((await talk(broker, { hash })).code).toBe(0);
      await broker.program.logs(/"event":"client-connected".*"user(Name)?":"alice"/);
      expect((await talk(broker, { hash, password: 'wrong' })).code).toBe(0x86);
      await broker.program.logs(/scram: wrong password/);
      expect((await talk(broker, { hash, user: 'carol' })).code).toBe(0x86);
      await broker.program.logs(/scram: unknown user/);
    }),
  );

  test('a client authenticates again while it is connected, and is disconnected if that fails', () =>
    withAlice(async (broker) => {
      const client = await talk(broker, {});
      expect(await client.again({})).toBe(0);
      await client.mqtt.publishAsync('t', 'x', { qos: 1 });
      expect(await client.again({ password: 'wrong' })).toBe(0x87);
    }));

  test('a changed file applies after a reload, to clients that authenticate again too', () =>
    withAlice(async (broker, directory) => {
      const client = await talk(broker, {});
      await setPassword(directory, 'alice', 'changed');
      broker.program.kill('SIGHUP');
      await broker.program.logs(/"event":"reloaded".*scram/);
      expect(await client.again({ password: 'changed' })).toBe(0);
      expect(await client.again({ password: 'secret' })).toBe(0x87);
    }));

  test('a client without a method is decided by the other authenticators, and an unknown method by none', () =>
    withAlice(async (broker) => {
      const plain = await connect(broker, {}, '5');
      await plain.mqtt.endAsync();
      const properties = { authenticationMethod: 'GS2-KRB5' };
      await expect(connect(broker, { properties }, '5')).rejects.toMatchObject({ code: 0x8c });
    }));

  test('repeated failures are slowed down by the user that the messages name', () =>
    withAlice(async (broker, directory) => {
      await setPassword(directory, 'bob', 'secret');
      broker.program.kill('SIGHUP');
      await broker.program.logs(/"event":"reloaded".*scram/);
      expect((await talk(broker, { password: 'wrong' })).code).toBe(0x86);
      await broker.program.logs(/"event":"attempts-slowed".*"scope":"login".*alice/);
      expect((await talk(broker, { user: 'bob' })).code).toBe(0);
    }, 'failedAttempts: { allowed: 1 }\n'));

  test('check-config says what is wrong with the file, and no more', () =>
    scene(async () => {
      const directory = temporaryDirectory();
      const check = async (): Promise<string> => {
        const args = ['check-config', '--config', 'hexmq.yaml'];
        const { status, stderr } = await hexmq(args, { cwd: directory });
        return `${String(status)} ${stderr}`;
      };
      writeFileSync(
        join(directory, 'hexmq.yaml'),
        'storage: { adapter: memory }\nauthentication: [{ adapter: anonymous }, { adapter: scram }]\n',
      );
      expect(await check()).toMatch(/^1 .*there is no such file, expected one made by hexmq passwd --scram/);
      writeFileSync(join(directory, 'scram'), 'alice:secret\n');
      expect(await check()).toMatch(/^1 .*scram: line 1: expected SCRAM-SHA-256\$/);
      writeFileSync(join(directory, 'scram'), '');
      await setPassword(directory, 'bob', 'secret');
      expect(await check()).toBe('0 ');
    }));
});
