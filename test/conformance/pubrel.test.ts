// MQTT 3.1.1, section 3.6: PUBREL.
import { describe, test } from '@jest/globals';
import { malformed, withBroker } from '../support/broker-harness.js';
import { packet, uint16 } from '../clients/raw-packets.js';
import * as raw from '../clients/raw-packets.js';

describe('3.6 PUBREL', () => {
  test('[MQTT-3.6.1-1] PUBREL with flags other than 0010 closes the connection and is not answered', () =>
    withBroker(async (broker) => {
      for (const firstByte of [0x60, 0x61, 0x63, 0x64, 0x66, 0x6a, 0x6f]) {
        await broker.closesConnected(
          firstByte.toString(16),
          [packet(firstByte, uint16(1))],
          malformed('fixed-header-flags'),
        );
      }
    }));

  test('[MQTT-3.6.1-1] the PUBREL of the broker has the flags 0010', () =>
    withBroker(async (broker) => {
      const watcher = await broker.watcher('watcher', ['a', 2]);
      await (await broker.connect('publisher')).publish({ topic: 'a', qos: 2 });
      const { packetId } = await watcher.expectPublish({ qos: 2 });
      watcher.send(raw.pubrec(packetId));
      await watcher.expectBytes(raw.hex(raw.bytes('62 02', uint16(packetId))));
    }));
});
