// The command with file storage: stopped and started again, beside a second broker, and where no directory can
// be.
import { describe, expect, test } from '@jest/globals';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hexmq, startBroker } from './hexmq-command.js';
import type { RunningBroker } from './hexmq-command.js';
import { connect } from './mqtt-js.js';
import { afterwards, scene } from './program.js';

const LARGE = 'x'.repeat(100_000);

function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'hexmq-e2e-'));
  afterwards(() => {
    rmSync(directory, { recursive: true, force: true });
  });
  return directory;
}

function start(directory: string): Promise<RunningBroker> {
  return startBroker(['--port', '0', '--storage', 'file', '--data', directory]);
}

async function stop(broker: RunningBroker): Promise<void> {
  expect(await broker.stop()).toMatchObject({ status: 0, signal: null });
}

/** The one line with which a start on this directory fails. */
async function refusal(directory: string): Promise<string> {
  const { status, stdout, stderr } = await hexmq(['start', '--port', '0', '--storage', 'file', '--data', directory]);
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
  expect(stderr).toMatch(/^hexmq: [^\n]+\n$/);
  expect(stderr).toContain(directory);
  return stderr;
}

describe('hexmq start --storage file', () => {
  test('a broker with file storage has its sessions, subscriptions, queues and retained messages after a restart', () =>
    scene(async () => {
      const directory = temporaryDirectory();
      const before = await start(directory);
      const reader = await connect(before, { clientId: 'reader', clean: false });
      await reader.mqtt.subscribeAsync({ 'news/#': { qos: 2 }, 'weather/#': { qos: 1 }, 'gossip/#': { qos: 2 } });
      await reader.mqtt.unsubscribeAsync('gossip/#');
      await reader.mqtt.endAsync();
      const writer = await connect(before, { clientId: 'writer' });
      await writer.mqtt.publishAsync('news/1', 'one', { qos: 2 });
      await writer.mqtt.publishAsync('news/2', LARGE, { qos: 1 });
      await writer.mqtt.publishAsync('lamp', 'on', { qos: 1, retain: true });
      await writer.mqtt.publishAsync('window', 'on', { qos: 1, retain: true });
      await writer.mqtt.publishAsync('lamp', 'off', { qos: 2, retain: true });
      await writer.mqtt.publishAsync('window', '', { qos: 1, retain: true });
      await stop(before);

      const after = await start(directory);
      const newWriter = await connect(after, { clientId: 'writer' });
      expect(newWriter.connack.sessionPresent).toBe(false);
      await newWriter.mqtt.publishAsync('gossip/1', 'without a subscriber', { qos: 2 });
      await newWriter.mqtt.publishAsync('weather/1', 'rain', { qos: 2 });
      const newReader = await connect(after, { clientId: 'reader', clean: false });
      expect(newReader.connack.sessionPresent).toBe(true);
      // By topic: MQTT.js hands a message out when its handshake is over, which takes longer at QoS 2.
      const messages = (await newReader.inbox.take(3)).sort((one, other) => one.topic.localeCompare(other.topic));
      expect(messages.map(({ topic, qos, retain, payload }) => [topic, qos, retain, payload.toString()])).toEqual([
        ['news/1', 2, false, 'one'],
        ['news/2', 1, false, LARGE],
        ['weather/1', 1, false, 'rain'],
      ]);
      await newReader.mqtt.subscribeAsync('#', { qos: 1 });
      const [kept] = await newReader.inbox.take(1);
      expect([kept?.topic, kept?.retain, kept?.payload.toString()]).toEqual(['lamp', true, 'off']);
      await newWriter.mqtt.publishAsync('last', 'of all', { qos: 1 });
      expect(await newReader.inbox.texts(1)).toEqual(['of all']);
      await stop(after);

      // Delivered messages do not arrive again.
      const atLast = await start(directory);
      const lastReader = await connect(atLast, { clientId: 'reader', clean: false });
      expect(lastReader.connack.sessionPresent).toBe(true);
      const lastWriter = await connect(atLast);
      await lastWriter.mqtt.publishAsync('news/3', 'new', { qos: 2 });
      expect(await lastReader.inbox.texts(1)).toEqual(['new']);
      await stop(atLast);
    }));

  test('a second broker on the same directory is refused and does not disturb the first one', () =>
    scene(async () => {
      const directory = temporaryDirectory();
      const first = await start(directory);
      const reader = await connect(first, { clientId: 'reader', clean: false });
      await reader.mqtt.subscribeAsync('#', { qos: 2 });
      await reader.mqtt.publishAsync('before', 'before', { qos: 2 });
      expect(await reader.inbox.texts(1)).toEqual(['before']);

      expect(await refusal(directory)).toContain('in use by another hexmq');

      await reader.mqtt.publishAsync('after', 'after', { qos: 2 });
      expect(await reader.inbox.texts(1)).toEqual(['after']);
      await reader.mqtt.endAsync();
      const writer = await connect(first);
      await writer.mqtt.publishAsync('queued', 'queued', { qos: 2 });
      await stop(first);
      // It is free again, and whole.
      const next = await start(directory);
      const back = await connect(next, { clientId: 'reader', clean: false });
      expect(back.connack.sessionPresent).toBe(true);
      expect(await back.inbox.texts(1)).toEqual(['queued']);
      await stop(next);
    }));

  test('hexmq start creates the data directory and its parents', () =>
    scene(async () => {
      const directory = join(temporaryDirectory(), 'not', 'yet', 'there');
      const broker = await start(directory);
      expect(readdirSync(directory)).toContain('CURRENT');
      await stop(broker);
    }));

  test('hexmq start refuses an impossible data directory with one line that names it', () =>
    scene(async () => {
      const file = join(temporaryDirectory(), 'file');
      writeFileSync(file, 'kept');
      expect(await refusal(file)).toContain('is not a directory');
      expect(await refusal(join(file, 'below'))).toContain('is not a directory');
      // A place where even root cannot write.
      await refusal('/proc/hexmq');
      await refusal('/proc');
    }));

  test('hexmq start refuses a directory with foreign files, and leaves them as they are', () =>
    scene(async () => {
      const directory = join(temporaryDirectory(), 'home');
      mkdirSync(directory);
      writeFileSync(join(directory, 'letters.txt'), 'dear');
      expect(await refusal(directory)).toContain('letters.txt');
      expect(readdirSync(directory)).toEqual(['letters.txt']);
    }));
});
