// The built command with MQTT.js speaking MQTT 5: what version 5 adds, as a program in Node uses it.
import { describe, expect, test } from '@jest/globals';
import { withBroker } from './hexmq-command.js';
import type { RunningBroker } from './hexmq-command.js';
import type { Client } from './mqtt-js.js';
import { connect } from './mqtt-js.js';

const client = (
  broker: RunningBroker,
  clientId: string,
  options: Parameters<typeof connect>[1] = {},
): Promise<Client> => connect(broker, { clientId, ...options }, '5');

describe('MQTT.js speaking MQTT 5', () => {
  test('CONNACK tells MQTT.js its Client Identifier and the limits of the broker', () =>
    withBroker(async (broker) => {
      const { connack } = await client(broker, '', { keepalive: 0 });
      expect(connack.properties).toMatchObject({ receiveMaximum: 1000, topicAliasMaximum: 10 });
      expect(connack.properties?.assignedClientIdentifier).toMatch(/./);
    }));

  test('a message comes with all its properties, in their order, also after the subscriber was away', () =>
    withBroker(async (broker) => {
      const session = { clean: false, properties: { sessionExpiryInterval: 300 } };
      const away = await client(broker, 'away', session);
      await away.mqtt.subscribeAsync('plant/#', { qos: 1, properties: { subscriptionIdentifier: 7 } });
      await away.mqtt.endAsync();
      const publisher = await client(broker, 'publisher');
      const sent = {
        payloadFormatIndicator: true,
        messageExpiryInterval: 100,
        contentType: 'text/plain',
        responseTopic: 'answers',
        correlationData: Buffer.from([1, 2, 3]),
        userProperties: { unit: ['celsius', 'kelvin'], place: 'attic' },
      };
      await publisher.mqtt.publishAsync('plant/7', '21.5', { qos: 1, properties: sent });
      const [message] = await (await client(broker, 'away', session)).inbox.take(1);
      const { messageExpiryInterval = 0, ...rest } = message?.properties ?? {};
      const { messageExpiryInterval: _, ...expected } = sent;
      expect({ ...rest, userProperties: { ...rest.userProperties } }).toEqual({
        ...expected,
        subscriptionIdentifier: 7,
      });
      expect(messageExpiryInterval).toBeGreaterThan(0);
      expect(messageExpiryInterval).toBeLessThanOrEqual(100);
    }));

  test('Topic Aliases work in both directions', () =>
    withBroker(async (broker) => {
      const subscriber = await client(broker, 'subscriber', { properties: { topicAliasMaximum: 5 } });
      await subscriber.mqtt.subscribeAsync('#', { qos: 2 });
      // MQTT.js hands over the topic that an alias stands for, except at QoS 2.
      const topics = new Map<string, string>();
      subscriber.mqtt.on('message', (topic, payload) => {
        topics.set(payload.toString(), topic);
      });
      const publisher = await client(broker, 'publisher', { autoAssignTopicAlias: true });
      for (let i = 0; i < 30; i++)
        await publisher.mqtt.publishAsync(`long/topic/${i % 3}`, String(i), { qos: (i % 2) as 0 | 1 });
      const messages = await subscriber.inbox.take(30);
      for (let i = 0; i < 30; i++) expect(topics.get(String(i))).toBe(`long/topic/${i % 3}`);
      expect(messages.some(({ properties }) => properties?.topicAlias !== undefined)).toBe(true);
    }));

  test('the will of MQTT.js waits for its delay, and is not published if the client returns before', () =>
    withBroker(async (broker) => {
      const watcher = await client(broker, 'watcher');
      await watcher.mqtt.subscribeAsync('status/+', { qos: 1 });
      const doomed = (clientId: string, willDelayInterval: number) =>
        client(broker, clientId, {
          clean: false,
          will: {
            topic: `status/${clientId}`,
            payload: Buffer.from('gone'),
            qos: 1,
            retain: false,
            properties: { willDelayInterval },
          },
          properties: { sessionExpiryInterval: 300 },
        });
      (await doomed('returns', 300)).mqtt.stream.destroy();
      await doomed('returns', 300);
      (await doomed('late', 1)).mqtt.stream.destroy();
      const [will] = await watcher.inbox.take(1);
      expect(will?.topic).toBe('status/late');
      expect(watcher.inbox.leftOver).toBe(0);
    }));

  test('a publisher learns that there is no subscription', () =>
    withBroker(async (broker) => {
      const { mqtt } = await client(broker, 'a');
      const code = new Promise((resolve) => {
        mqtt.on('packetreceive', (packet) => {
          if (packet.cmd === 'puback') resolve(packet.reasonCode);
        });
      });
      await mqtt.publishAsync('no/subscription', 'x', { qos: 1 });
      expect(await code).toBe(0x10);
    }));

  test('a client that is taken over learns it from DISCONNECT', () =>
    withBroker(async (broker) => {
      const old = await client(broker, 'one');
      const told = new Promise((resolve) => {
        old.mqtt.once('disconnect', ({ reasonCode }) => {
          resolve(reasonCode);
        });
      });
      await client(broker, 'one');
      expect(await told).toBe(0x8e);
    }));

  test('clients of MQTT 3.1.1 and 5 get each other’s messages, and a session goes on in another version', () =>
    withBroker(async (broker) => {
      const old = await connect(broker, { clientId: 'session', clean: false }, '3.1.1');
      await old.mqtt.subscribeAsync('t', { qos: 2 });
      await old.mqtt.endAsync();
      const five = await client(broker, 'five');
      await five.mqtt.publishAsync('t', 'from 5', { qos: 1, properties: { contentType: 'text' } });
      const three = await connect(broker, { clientId: 'three' }, '3.1.1');
      await three.mqtt.publishAsync('t', 'from 3', { qos: 1 });
      const again = await client(broker, 'session', { clean: false, properties: { sessionExpiryInterval: 300 } });
      expect(again.connack.sessionPresent).toBe(true);
      const messages = await again.inbox.take(2);
      expect(messages.map(({ payload, properties }) => [payload.toString(), properties?.contentType])).toEqual([
        ['from 5', 'text'],
        ['from 3', undefined],
      ]);
      await again.mqtt.endAsync();
      await five.mqtt.publishAsync('t', 'again from 5', { qos: 1, properties: { contentType: 'text' } });
      const last = await connect(broker, { clientId: 'session', clean: false }, '3.1.1');
      expect(await last.inbox.texts(1)).toEqual(['again from 5']);
    }));
});
