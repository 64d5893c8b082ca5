// MQTT 5, sections 3.12 to 3.15 and 4.12: PINGREQ, DISCONNECT, and AUTH as far as it is refused.
import { describe, expect, test } from '@jest/globals';
import * as v5 from '../../clients/mqtt5-packets.js';
import { withBroker } from '../../support/broker-harness.js';
import type { BrokerHarness } from '../../support/broker-harness.js';
import {
  closedSilently,
  connect5,
  connecting5,
  endsConnected,
  refused5,
  watcher5,
} from '../../support/mqtt5-clients.js';
import type { Client5 } from '../../support/mqtt5-clients.js';

const STAYS = { sessionExpiry: 60 };

const send = (client: Client5, sent: string | Uint8Array): Promise<void> => {
  client.send(sent);
  return client.broker.settled();
};

/** What each of these connections ends with: all that the broker can say without an operator. */
async function ended(broker: BrokerHarness, properties: v5.Props5): Promise<v5.Packet5[]> {
  const provocations: readonly (readonly [code: number, run: (client: Client5) => Promise<unknown>])[] = [
    [0x81, (client) => send(client, '00 00')],
    [0x82, (client) => send(client, v5.connect())],
    [0x8f, (client) => send(client, v5.subscribe(1, [['a#', 0]]))],
    [0x90, (client) => send(client, v5.publish({ topic: '#' }))],
    [0x94, (client) => send(client, v5.publish({ topic: 't', properties: { topicAlias: 99 } }))],
    [0x8d, () => broker.advance(60_000)],
    [0x8e, () => connect5(broker, { clientId: 'ends', properties })],
  ];
  const packets: v5.Packet5[] = [];
  for (const [code, run] of provocations) {
    const client = await connect5(broker, { clientId: 'ends', keepAlive: 10, properties });
    await run(client);
    packets.push(await client.expectEnd(code));
  }
  return packets;
}

describe('3.12 PINGREQ', () => {
  test('[MQTT-3.12.4-1] PINGREQ is answered by PINGRESP', () =>
    withBroker(async (broker) => {
      const client = await connect5(broker);
      client.send('c0 00 c0 00');
      await client.next('pingresp', { size: 2 });
      await client.next('pingresp', { size: 2 });
    }));
});

describe('3.14 DISCONNECT', () => {
  test('[MQTT-3.14.0-1] before CONNACK there is no DISCONNECT', () =>
    withBroker(async (broker) => {
      await closedSilently(broker, 'PINGREQ', 'c0 00');
      await refused5(broker, 'malformed', [v5.connect({ properties: { receiveMaximum: 0 } })], 0x82);
      await refused5(broker, 'refused', [v5.connect({ userName: 'refused' })], 0x86);
      const silent = broker.open('bytes');
      await broker.advance(10_000);
      expect([silent.isClosed, silent.received]).toEqual([true, '']);
    }));

  test('[MQTT-3.14.2-1] [MQTT-3.14.2-2] [MQTT-3.14.2-3] [MQTT-3.14.2-4] DISCONNECT has a code of its table, no Session Expiry Interval, and explains only if it fits', () =>
    withBroker(async (broker) => {
      const explained = await ended(broker, STAYS);
      // Who took the connection over is not said.
      expect(explained.filter(({ properties }) => 'reasonString' in properties)).toHaveLength(6);
      const bare = await ended(broker, { ...STAYS, maximumPacketSize: 20 });
      expect(bare.filter(({ properties }) => Object.keys(properties).length > 0)).toEqual([]);
    }));

  test('[MQTT-3.14.2-1] a broker that shuts down says so', async () => {
    let client: Client5 | undefined;
    await withBroker(async (broker) => {
      client = await connect5(broker);
    });
    await client?.expectEnd(0x8b);
  });

  test('[MQTT-3.14.4-1] [MQTT-3.14.4-2] nothing behind a DISCONNECT has an effect, in both directions', () =>
    withBroker(async (broker) => {
      const watcher = await watcher5(broker, 'watcher', ['t', 0]);
      const message = v5.publish({ topic: 't', payload: 'x' });
      const leaving = await connect5(broker, 'leaving');
      leaving.send(v5.disconnect(), message);
      await broker.settled();
      expect([leaving.isClosed, await leaving.all()]).toEqual([true, []]);
      const failing = await connect5(broker, 'failing');
      failing.send(v5.connect(), message, 'c0 00');
      await failing.expectEnd(0x82);
      await watcher.expectNothing();
    }));

  test('[MQTT-3.14.4-3] DISCONNECT 0x00 discards the will, also one with a delay, and 0x04 publishes it', () =>
    withBroker(async (broker) => {
      const watcher = await watcher5(broker, 'watcher', ['will', 0]);
      const leave = async (code: number, willDelay: number): Promise<void> => {
        const will = { topic: 'will', payload: 'x', properties: { willDelay } };
        (await connect5(broker, { properties: STAYS, will })).send(v5.disconnect(code));
        await broker.settled();
      };
      await leave(0x00, 0);
      await leave(0x00, 5);
      await broker.advance(10_000);
      await watcher.expectNothing();
      await leave(0x04, 0);
      await watcher.next('publish', { payload: 'x' });
      await leave(0x04, 5);
      await watcher.expectNothing();
      await broker.advance(5000);
      await watcher.next('publish', { payload: 'x' });
    }));

  test('[MQTT5-disconnect-expiry] DISCONNECT changes for how long the session stays, and what waits for it', () =>
    withBroker(async (broker) => {
      const presentAfter = async (
        before: number,
        sessionExpiry: number,
        waitMs: number,
      ): Promise<boolean | undefined> => {
        const client = await connect5(broker, { clientId: 'a', properties: { sessionExpiry: before } });
        client.send(v5.disconnect(0, { sessionExpiry }));
        await broker.advance(waitMs);
        return (await connect5(broker, { clientId: 'a', clean: false })).connack?.sessionPresent;
      };
      expect(await presentAfter(5, 100, 99_000)).toBe(true);
      expect(await presentAfter(5, 100, 100_000)).toBe(false);
      expect(await presentAfter(100, 0, 0)).toBe(false);
      expect(await presentAfter(100, 5, 5000)).toBe(false);
      expect(await presentAfter(0, 0, 0)).toBe(false);
    }));

  test('[MQTT5-disconnect-expiry] a session that was to end with its connection cannot be kept by DISCONNECT, which is none: the will is published', () =>
    withBroker(async (broker) => {
      const watcher = await watcher5(broker, 'watcher', ['will', 0]);
      for (const properties of [{}, { sessionExpiry: 0 }]) {
        const client = await connect5(broker, { clientId: 'a', properties, will: { topic: 'will', payload: 'x' } });
        client.send(v5.disconnect(0, { sessionExpiry: 1 }));
        await client.expectEnd(0x82);
        await watcher.next('publish', { payload: 'x' });
        expect((await connect5(broker, { clientId: 'a', clean: false })).connack?.sessionPresent).toBe(false);
      }
    }));
});

describe('4.12 Enhanced authentication', () => {
  test('[MQTT-4.12.0-1] an Authentication Method that is not supported is refused', () =>
    withBroker(async (broker) => {
      for (const authenticationData of [undefined, 'data']) {
        const properties = {
          authenticationMethod: 'none-such',
          ...(authenticationData !== undefined && { authenticationData }),
        };
        await connecting5(broker, { properties }).expectEnd(0x8c);
      }
    }));

  test('[MQTT-4.12.0-6] [MQTT-4.12.0-7] without a method in CONNECT there is no AUTH: the broker sends none, and the client that does is disconnected', () =>
    withBroker(async (broker) => {
      expect((await connect5(broker)).connack?.properties).not.toHaveProperty('authenticationMethod');
      for (const code of [0x18, 0x19])
        await endsConnected(broker, '', [v5.auth(code, { authenticationMethod: 'm' })], 0x82);
      for (const sent of [v5.auth(), v5.auth(0x18, {}), v5.auth(0x00, { authenticationMethod: 'm' })])
        await endsConnected(broker, '', [sent], 0x82);
      await endsConnected(broker, '', [v5.auth(0x05, { authenticationMethod: 'm' })], 0x81);
    }));
});
