// The built command with MQTT.js, the client of most programs in Node.
import { describe, expect, test } from '@jest/globals';
import type { IClientOptions, IPublishPacket } from 'mqtt';
import { within } from '../clients/within.js';
import { startBroker, withBroker } from './hexmq-command.js';
import { connect } from './mqtt-js.js';
import type { Version } from './mqtt-js.js';
import { scene } from './program.js';

const QOS = [0, 1, 2] as const;
const numbered = (count: number): string[] => Array.from({ length: count }, (_, index) => String(index));

/** For a session that outlives its connection: MQTT 5 has to ask for it. */
const lasting = (version: Version): IClientOptions =>
  version === '5' ? { clean: false, properties: { sessionExpiryInterval: 300 } } : { clean: false };

describe.each<Version>(['3.1', '3.1.1', '5'])('MQTT.js speaking MQTT %s', (version) => {
  test(`MQTT.js with MQTT ${version} publishes and receives with QoS 0, 1 and 2`, () =>
    withBroker(async (broker) => {
      const subscriber = await connect(broker, { clientId: 'subscriber' }, version);
      const publisher = await connect(broker, { clientId: 'publisher' }, version);
      for (const granted of QOS) {
        const [grant] = await subscriber.mqtt.subscribeAsync(`readings/${granted}`, { qos: granted });
        expect(grant?.qos).toBe(granted);
        for (const qos of QOS) {
          await publisher.mqtt.publishAsync(`readings/${granted}`, `sent with ${qos}`, { qos });
          const [message] = await subscriber.inbox.take(1);
          expect(message).toMatchObject({
            topic: `readings/${granted}`,
            qos: Math.min(qos, granted),
            retain: false,
            dup: false,
          });
          expect(message?.payload.toString()).toBe(`sent with ${qos}`);
        }
      }
    }));

  test(`MQTT.js with MQTT ${version} gets a retained message, and nothing after it is cleared`, () =>
    withBroker(async (broker) => {
      const publisher = await connect(broker, { clientId: 'publisher' }, version);
      await publisher.mqtt.publishAsync('lamp/state', 'off', { qos: 1, retain: true });
      await publisher.mqtt.publishAsync('lamp/state', 'on', { qos: 1, retain: true });

      const late = await connect(broker, { clientId: 'late' }, version);
      await late.mqtt.subscribeAsync('lamp/+', { qos: 1 });
      const [kept] = await late.inbox.take(1);
      expect([kept?.payload.toString(), kept?.retain]).toEqual(['on', true]);

      await publisher.mqtt.publishAsync('lamp/state', '', { qos: 1, retain: true });
      expect((await late.inbox.take(1))[0]?.retain).toBe(false);
      const later = await connect(broker, { clientId: 'later' }, version);
      await later.mqtt.subscribeAsync('lamp/+', { qos: 1 });
      await publisher.mqtt.publishAsync('lamp/end', 'only this', { qos: 1 });
      expect(await later.inbox.texts(1)).toEqual(['only this']);
    }));

  test(`the will of MQTT.js with MQTT ${version} is published when its socket is destroyed, and not when it disconnects`, () =>
    withBroker(async (broker) => {
      const watcher = await connect(broker, { clientId: 'watcher' }, version);
      await watcher.mqtt.subscribeAsync('status/#', { qos: 1 });
      const willOf = (clientId: string) => ({
        clientId,
        will: { topic: `status/${clientId}`, payload: Buffer.from('lost'), qos: 1 as const, retain: true },
      });

      const polite = await connect(broker, willOf('polite'), version);
      await polite.mqtt.endAsync();
      const lost = await connect(broker, willOf('lost'), version);
      lost.mqtt.stream.destroy();
      const [will] = await watcher.inbox.take(1);
      expect(will).toMatchObject({ topic: 'status/lost', qos: 1, retain: false });

      const late = await connect(broker, { clientId: 'late' }, version);
      await late.mqtt.subscribeAsync('status/#', { qos: 1 });
      expect((await late.inbox.take(1))[0]).toMatchObject({ topic: 'status/lost', retain: true });
      expect(watcher.inbox.leftOver).toBe(0);
    }));

  test(`MQTT.js with MQTT ${version} gets the messages of its stored session in order after a reconnect`, () =>
    withBroker(async (broker) => {
      const first = await connect(broker, { clientId: 'meter', ...lasting(version) }, version);
      expect(first.connack.sessionPresent).toBe(false);
      await first.mqtt.subscribeAsync('orders/#', { qos: 2 });
      await first.mqtt.endAsync();

      const publisher = await connect(broker, { clientId: 'publisher' }, version);
      const texts = numbered(100);
      // One topic for each QoS, since order is promised only within one QoS.
      await Promise.all(
        texts.flatMap((text) =>
          ([1, 2] as const).map((qos) => publisher.mqtt.publishAsync(`orders/${qos}`, text, { qos })),
        ),
      );
      await publisher.mqtt.publishAsync('orders/0', 'for connected clients only', { qos: 0 });

      const second = await connect(broker, { clientId: 'meter', ...lasting(version) }, version);
      // MQTT 3.1 has no such flag.
      expect(second.connack.sessionPresent).toBe(version !== '3.1');
      const messages = await second.inbox.take(200);
      const textsOf = (qos: number): string[] =>
        messages.filter((message) => message.qos === qos).map(({ payload }) => payload.toString());
      expect(textsOf(1)).toEqual(texts);
      expect(textsOf(2)).toEqual(texts);
      await second.mqtt.endAsync();

      const fresh = await connect(broker, { clientId: 'meter', clean: true }, version);
      expect(fresh.connack.sessionPresent).toBe(false);
      await publisher.mqtt.publishAsync('orders/1', 'not for the new session', { qos: 1 });
      await fresh.mqtt.subscribeAsync('end', { qos: 1 });
      await publisher.mqtt.publishAsync('end', 'end', { qos: 1 });
      expect(await fresh.inbox.texts(1)).toEqual(['end']);
    }));

  test(`MQTT.js with MQTT ${version} is disconnected by a new connection with its client identifier`, () =>
    withBroker(async (broker) => {
      const old = await connect(broker, { clientId: 'one' }, version);
      const successor = await connect(broker, { clientId: 'one' }, version);
      await old.closed;
      await successor.mqtt.subscribeAsync('still/here', { qos: 1 });
      await successor.mqtt.publishAsync('still/here', 'yes', { qos: 1 });
      expect(await successor.inbox.texts(1)).toEqual(['yes']);
    }));
});

describe('MQTT.js', () => {
  test('MQTT.js receives by filters with + and #', () =>
    withBroker(async (broker) => {
      const publisher = await connect(broker);
      const topics = [
        'home',
        'home/kitchen/temperature',
        'home/kitchen/humidity',
        'home/attic/sensors/temperature',
        'home//temperature',
        '$home/kitchen/temperature',
      ];
      const matches: Record<string, string[]> = {
        'home/+/temperature': ['home/kitchen/temperature', 'home//temperature'],
        'home/#': topics.slice(0, 5),
        '+/kitchen/#': ['home/kitchen/temperature', 'home/kitchen/humidity'],
        '#': topics.slice(0, 5),
        '$home/#': ['$home/kitchen/temperature'],
      };
      for (const [filter, expected] of Object.entries(matches)) {
        const subscriber = await connect(broker);
        await subscriber.mqtt.subscribeAsync([filter, 'end'], { qos: 1 });
        for (const topic of topics) await publisher.mqtt.publishAsync(topic, '', { qos: 1 });
        await publisher.mqtt.publishAsync('end', '', { qos: 1 });
        const received = (await subscriber.inbox.take(expected.length + 1)).map(({ topic }) => topic);
        expect({ filter, received }).toEqual({ filter, received: [...expected, 'end'] });
        await subscriber.mqtt.endAsync();
      }
    }));

  test('MQTT.js receives nothing from a topic after it has unsubscribed', () =>
    withBroker(async (broker) => {
      const client = await connect(broker);
      await client.mqtt.subscribeAsync(['a', 'b'], { qos: 1 });
      await client.mqtt.unsubscribeAsync('a');
      await client.mqtt.publishAsync('a', 'no', { qos: 1 });
      await client.mqtt.publishAsync('b', 'yes', { qos: 1 });
      expect(await client.inbox.texts(1)).toEqual(['yes']);
    }));

  test.each(QOS)('MQTT.js sends and receives a payload of 3 MiB with QoS %i', (qos) =>
    withBroker(async (broker) => {
      const client = await connect(broker);
      await client.mqtt.subscribeAsync('firmware', { qos });
      const payload = Buffer.alloc(3 * 1024 * 1024, 'any byte will do, these are easy to read ');
      await client.mqtt.publishAsync('firmware', payload, { qos });
      const [message] = await client.inbox.take(1);
      expect(Buffer.compare(message?.payload as Buffer, payload)).toBe(0);
    }),
  );

  test.each([1, 2] as const)('MQTT.js receives 10,000 messages with QoS %i once each and in order', (qos) =>
    withBroker(async (broker) => {
      const subscriber = await connect(broker);
      await subscriber.mqtt.subscribeAsync('many', { qos });
      const publisher = await connect(broker);
      const texts = numbered(10_000);
      await Promise.all(texts.map((text) => publisher.mqtt.publishAsync('many', text, { qos })));
      expect(await subscriber.inbox.texts(10_000)).toEqual(texts);
      // A duplicate would arrive before this message.
      await publisher.mqtt.publishAsync('many', 'end', { qos });
      expect(await subscriber.inbox.texts(1)).toEqual(['end']);
      expect(subscriber.inbox.leftOver).toBe(0);
    }),
  );

  test('each message to a shared subscription reaches one MQTT.js member, and every member gets some', () =>
    withBroker(async (broker) => {
      const sizes = new Map<number, number>();
      const received: string[] = [];
      let allReceived: (() => void) | undefined;
      const complete = new Promise<void>((resolve) => (allReceived = resolve));
      for (const member of [1, 2, 3]) {
        const client = await connect(broker, { clientId: `worker-${member}` });
        client.mqtt.on('message', (_topic: string, payload: Buffer, _packet: IPublishPacket) => {
          received.push(payload.toString());
          sizes.set(member, (sizes.get(member) ?? 0) + 1);
          if (received.length === 300) allReceived?.();
        });
        await client.mqtt.subscribeAsync('$share/workers/jobs/+', { qos: 1 });
      }
      const other = await connect(broker);
      await other.mqtt.subscribeAsync('jobs/+', { qos: 1 });
      await Promise.all(numbered(300).map((text) => other.mqtt.publishAsync('jobs/print', text, { qos: 1 })));
      await within(complete, 'all jobs to reach a worker');
      expect(received.sort()).toEqual(numbered(300).sort());
      expect([...sizes.keys()].sort()).toEqual([1, 2, 3]);
      // An ordinary subscription beside the group gets every message.
      expect(await other.inbox.texts(300)).toEqual(numbered(300));
    }));

  test('MQTT.js keeps its connection with pings', () =>
    withBroker(async (broker) => {
      const client = await connect(broker, { keepalive: 1 });
      let pings = 0;
      const twice = new Promise<void>((resolve) => {
        client.mqtt.on('packetreceive', ({ cmd }) => {
          if (cmd === 'pingresp' && ++pings === 2) resolve();
        });
      });
      await within(twice, 'two answers to pings');
      expect(client.mqtt.connected).toBe(true);
    }));

  test('MQTT.js sees its connection close when the broker stops', () =>
    scene(async () => {
      const broker = await startBroker();
      const client = await connect(broker);
      broker.program.kill('SIGTERM');
      await client.closed;
      expect((await broker.program.end()).status).toBe(0);
    }));
});
