// MQTT 3.1.1, sections 3.12 and 3.14: PINGREQ and DISCONNECT.
import { describe, expect, test } from '@jest/globals';
import { malformed, withBroker } from '../support/broker-harness.js';
import * as raw from '../clients/raw-packets.js';
import { packet } from '../clients/raw-packets.js';

const WILL = { topic: 'will', payload: 'I am gone' } as const;

describe('3.12 PINGREQ', () => {
  test('[MQTT-3.12.4-1] each PINGREQ is answered with a PINGRESP', () =>
    withBroker(async (broker) => {
      const client = await broker.connect();
      client.send('c0 00');
      await client.expectBytes('d0 00');
      client.send('c0 00 c0 00 c0 00');
      await client.expectBytes('d0 00 d0 00 d0 00');
    }));
});

describe('3.14 DISCONNECT', () => {
  test('[MQTT-3.14.1-1] DISCONNECT with a reserved bit closes the connection as a violation, and the Will is published', () =>
    withBroker(async (broker) => {
      const watcher = await broker.watcher('watcher', ['will', 0]);
      for (const flags of [0x01, 0x02, 0x04, 0x08, 0x0f]) {
        await broker.closesConnected(flags.toString(2), [packet(0xe0 | flags)], malformed('fixed-header-flags'), {
          will: WILL,
        });
        await watcher.expectPublish({ payload: 'I am gone' });
      }
    }));

  test('[MQTT-3.14.4-2] packets behind DISCONNECT have no effect', () =>
    withBroker(async (broker) => {
      const watcher = await broker.watcher('watcher', ['a', 1]);
      const client = await broker.connect();
      client.send(raw.DISCONNECT, raw.publish({ topic: 'a', qos: 1, retain: true, payload: 'late' }), raw.PINGREQ);
      await broker.expectClosed(client, { reason: 'client-disconnect' });
      await watcher.expectNothing();
      await (await broker.watcher('later', ['a', 1])).expectNothing();
    }));

  test('[MQTT-3.14.4-3] after DISCONNECT no Will is published', () =>
    withBroker(async (broker) => {
      const watcher = await broker.watcher('watcher', ['will', 0]);
      for (const clean of [true, false]) {
        const client = await broker.connect({ clean, will: { ...WILL, retain: true }, keepAlive: 10 });
        client.send(raw.DISCONNECT);
        await broker.settled();
        await client.cut();
        await broker.advance(60_000);
      }
      await watcher.expectNothing();
      await (await broker.watcher('later', ['will', 0])).expectNothing();
      expect(broker.events.filter(({ kind }) => kind === 'will-published')).toEqual([]);
    }));

  test('[MQTT-3.14.4-3] if the connection ends right behind DISCONNECT, no Will is published and earlier packets are handled', () =>
    withBroker(async (broker) => {
      const watcher = await broker.watcher('watcher', ['will', 1], ['a', 1]);
      for (const end of ['end', 'destroy'] as const) {
        const client = await broker.connect({ will: WILL });
        client.send(raw.publish({ topic: 'a', payload: end, qos: 1, packetId: 1 }), raw.DISCONNECT);
        client.wire[end]();
        await watcher.accept({ topic: 'a', payload: end });
        await watcher.expectNothing();
        expect(broker.endOf(client)).toEqual({ reason: 'client-disconnect' });
      }
    }));

  test('[MQTT311-disconnect-close] the broker closes the connection after DISCONNECT, after it has sent earlier packets', () =>
    withBroker(async (broker) => {
      const client = await broker.connect();
      client.send(raw.publish({ topic: 'a', qos: 1, packetId: 7 }), raw.PINGREQ, raw.DISCONNECT);
      await broker.expectClosed(client, { reason: 'client-disconnect', answer: '40 02 00 07 d0 00' });
    }));
});
