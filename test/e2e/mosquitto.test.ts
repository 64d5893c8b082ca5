// The built command with mosquitto_pub and mosquitto_sub, the clients of most shells.
import { expect, test } from '@jest/globals';
import { withBroker } from './hexmq-command.js';
import type { RunningBroker } from './hexmq-command.js';
import { Program, run } from './program.js';
import { describeWith } from './tools.js';

const at = ({ host, port }: RunningBroker): string[] => ['-h', host, '-p', String(port)];

async function publish(broker: RunningBroker, ...args: string[]): Promise<void> {
  expect(await run('mosquitto_pub', [...at(broker), ...args])).toMatchObject({ status: 0, stderr: '' });
}

/** Prints `topic qos retain payload` for each message. */
const FORMAT = ['-F', 'received %t %q %r %p'];

/**
 * A subscriber that has its SUBACK. It flushes each line and reports its steps, so that a test need not guess when it
 * is subscribed.
 */
async function subscribed(broker: RunningBroker, ...args: string[]): Promise<Program> {
  const subscriber = new Program('stdbuf', ['-oL', 'mosquitto_sub', ...at(broker), '-d', ...FORMAT, ...args]);
  await subscriber.says(/^Subscribed \(mid: 1\)/m);
  return subscriber;
}

function receivedBy(output: string): string[] {
  return [...output.matchAll(/^received (.*)$/gm)].map(([, line = '']) => line);
}

async function receivedAtEnd(subscriber: Program): Promise<string[]> {
  const { status, stdout } = await subscriber.end();
  expect(status).toBe(0);
  return receivedBy(stdout);
}

/** Runs a subscriber until it has received this many messages, or for 20 seconds. */
async function receive(broker: RunningBroker, count: number, ...args: string[]): Promise<string[]> {
  const { status, stdout } = await run('mosquitto_sub', [
    ...at(broker),
    '-C',
    String(count),
    '-W',
    '20',
    ...FORMAT,
    ...args,
  ]);
  expect(status).toBe(0);
  return receivedBy(stdout);
}

describeWith('mosquitto', 'mosquitto_pub and mosquitto_sub', () => {
  test('mosquitto_pub and mosquitto_sub work in the two lines of the README', () =>
    withBroker(async (broker) => {
      const subscriber = new Program('stdbuf', ['-oL', 'mosquitto_sub', ...at(broker), '-d', '-t', 'plant/#', '-v']);
      await subscriber.says(/^Subscribed/m);
      await publish(broker, '-t', 'plant/7/temperature', '-m', '21.5', '-q', '1');
      await subscriber.says(/^plant\/7\/temperature 21\.5$/m);
    }));

  for (const version of ['mqttv31', 'mqttv311', 'mqttv5']) {
    test(`mosquitto_pub and mosquitto_sub with -V ${version} publish and receive with QoS 0, 1 and 2`, () =>
      withBroker(async (broker) => {
        const subscriber = await subscribed(broker, '-V', version, '-t', 'readings', '-q', '2', '-C', '3');
        for (const qos of ['0', '1', '2'])
          await publish(broker, '-V', version, '-t', 'readings', '-m', `sent with ${qos}`, '-q', qos);
        expect(await receivedAtEnd(subscriber)).toEqual([
          'readings 0 0 sent with 0',
          'readings 1 0 sent with 1',
          'readings 2 0 sent with 2',
        ]);
      }));

    test(`mosquitto_pub and mosquitto_sub with -V ${version} set, receive and clear a retained message`, () =>
      withBroker(async (broker) => {
        const speaking = ['-V', version];
        await publish(broker, ...speaking, '-t', 'lamp/state', '-m', 'off', '-q', '1', '-r');
        await publish(broker, ...speaking, '-t', 'lamp/state', '-m', 'on', '-q', '1', '-r');
        expect(await receive(broker, 1, ...speaking, '-t', 'lamp/state', '-q', '1')).toEqual(['lamp/state 1 1 on']);

        await publish(broker, ...speaking, '-t', 'lamp/state', '-r', '-n');
        await publish(broker, ...speaking, '-t', 'window/state', '-m', 'ajar', '-r');
        // The first message that arrives: nothing is retained for the lamp.
        expect(await receive(broker, 1, ...speaking, '-t', 'lamp/state', '-t', 'window/state')).toEqual([
          'window/state 0 1 ajar',
        ]);
      }));

    test(`mosquitto_sub with -V ${version} gets the messages of its stored session after a reconnect`, () =>
      withBroker(async (broker) => {
        const lasting = version === 'mqttv5' ? ['-x', '300'] : [];
        const session = ['-V', version, '-c', ...lasting, '-i', 'meter', '-q', '1', '-t', 'orders/#'];
        // -E: ends as soon as it is subscribed.
        expect((await run('mosquitto_sub', [...at(broker), ...session, '-E'])).status).toBe(0);
        for (const number of ['1', '2', '3'])
          await publish(broker, '-V', version, '-t', `orders/${number}`, '-m', number, '-q', '1');
        expect(await receive(broker, 3, ...session)).toEqual(['orders/1 1 0 1', 'orders/2 1 0 2', 'orders/3 1 0 3']);
      }));
  }

  test('mosquitto_pub with -V mqttv5 sends properties that mosquitto_sub prints', () =>
    withBroker(async (broker) => {
      const subscriber = new Program('stdbuf', [
        ...['-oL', 'mosquitto_sub', ...at(broker), '-V', 'mqttv5', '-d', '-t', 'plant/#', '-q', '1', '-C', '1'],
        ...['-F', 'received %t %p type=%C reply=%R data=%D user=%P expiry=%E format=%F'],
      ]);
      await subscriber.says(/^Subscribed/m);
      const properties = [
        ['content-type', 'text/plain'],
        ['response-topic', 'answers'],
        ['correlation-data', 'c1'],
        ['message-expiry-interval', '60'],
        ['payload-format-indicator', '1'],
        ['user-property', 'unit', 'celsius'],
        ['user-property', 'unit', 'kelvin'],
      ].flatMap((property) => ['-D', 'publish', ...property]);
      await publish(broker, '-V', 'mqttv5', '-t', 'plant/7', '-m', '21.5', '-q', '1', ...properties);
      expect(await receivedAtEnd(subscriber)).toEqual([
        'plant/7 21.5 type=text/plain reply=answers data=c1 user=unit:celsius unit:kelvin expiry=60 format=1',
      ]);
    }));

  test('mosquitto_rr gets the response to its request', () =>
    withBroker(async (broker) => {
      const responder = await subscribed(broker, '-t', 'requests', '-q', '1', '-C', '1');
      const requester = new Program('mosquitto_rr', [
        ...[...at(broker), '-V', 'mqttv5', '-t', 'requests', '-e', 'responses', '-m', 'question', '-W', '20'],
      ]);
      expect(await receivedAtEnd(responder)).toEqual(['requests 0 0 question']);
      await publish(broker, '-V', 'mqttv5', '-t', 'responses', '-m', 'answer', '-q', '1');
      expect(await requester.end()).toMatchObject({ status: 0, stdout: 'answer\n' });
    }));

  test('the will of a killed mosquitto_sub is published', () =>
    withBroker(async (broker) => {
      const watcher = await subscribed(broker, '-t', 'status/#', '-q', '1', '-C', '1');
      const doomed = new Program('mosquitto_sub', [
        ...at(broker),
        ...[
          '-i',
          'doomed',
          '-t',
          'anything',
          '--will-topic',
          'status/doomed',
          '--will-payload',
          'gone',
          '--will-qos',
          '1',
          '--will-retain',
        ],
      ]);
      await broker.program.logs(/"event":"client-connected".*"clientId":"doomed"/);
      doomed.kill('SIGKILL');
      expect(await receivedAtEnd(watcher)).toEqual(['status/doomed 1 0 gone']);
      expect(await receive(broker, 1, '-t', 'status/+', '-q', '1')).toEqual(['status/doomed 1 1 gone']);
    }));

  test('mosquitto_sub receives by filters with + and #', () =>
    withBroker(async (broker) => {
      const single = await subscribed(broker, '-t', 'home/+/temperature', '-t', 'end');
      const multi = await subscribed(broker, '-t', 'home/#', '-t', 'end');
      for (const topic of ['home', 'home/attic/temperature', 'home/attic/humidity', 'house/attic/temperature', 'end']) {
        await publish(broker, '-t', topic, '-m', 'x', '-q', '1');
      }
      await Promise.all([single.says(/^received end/m), multi.says(/^received end/m)]);
      expect(receivedBy(single.stdout)).toEqual(['home/attic/temperature 0 0 x', 'end 0 0 x']);
      expect(receivedBy(multi.stdout)).toEqual([
        'home 0 0 x',
        'home/attic/temperature 0 0 x',
        'home/attic/humidity 0 0 x',
        'end 0 0 x',
      ]);
    }));

  test.each(['1', '2'])(
    'mosquitto_pub sends a thousand lines with QoS %s, and mosquitto_sub gets them in order',
    (qos) =>
      withBroker(async (broker) => {
        const lines = Array.from({ length: 1000 }, (_, index) => `line ${index}`);
        const subscriber = await subscribed(broker, '-t', 'lines', '-q', qos, '-C', '1000');
        const publisher = new Program('mosquitto_pub', [...at(broker), '-t', 'lines', '-q', qos, '-l']);
        publisher.closeInput(`${lines.join('\n')}\n`);
        expect((await publisher.end()).status).toBe(0);
        expect(await receivedAtEnd(subscriber)).toEqual(lines.map((line) => `lines ${qos} 0 ${line}`));
      }),
  );

  test('two mosquitto_sub share a subscription with $share', () =>
    withBroker(async (broker) => {
      const members = await Promise.all(
        ['one', 'two'].map((id) => subscribed(broker, '-i', id, '-t', '$share/group/jobs', '-q', '1', '-C', '1')),
      );
      for (const job of ['first', 'second']) await publish(broker, '-t', 'jobs', '-m', job, '-q', '1');
      const received = await Promise.all(members.map(receivedAtEnd));
      expect(received.flat().sort()).toEqual(['jobs 1 0 first', 'jobs 1 0 second']);
    }));
});
