// MQTT 5 is not served yet: its clients get a refusal in the format of MQTT 5.
import { describe, expect, test } from '@jest/globals';
import { withBroker } from '../support/broker-harness.js';
import * as raw from '../clients/raw-packets.js';
import { field, packet, uint16 } from '../clients/raw-packets.js';

describe('MQTT 5', () => {
  test('[MQTT5-refused] CONNECT at level 5 is answered with reason code 84 in the format of MQTT 5, and the connection is closed', () =>
    withBroker(async (broker) => {
      const connects = {
        plain: packet(0x10, field('MQTT'), 5, 0x02, uint16(60), 0, field('id')),
        'with properties': packet(0x10, field('MQTT'), 5, 0x02, uint16(60), 5, '11 00 00 00 0a', field('id')),
        'without identifier': packet(0x10, field('MQTT'), 5, 0x02, uint16(60), 0, field('')),
        'with a password alone': packet(0x10, field('MQTT'), 5, 0x42, uint16(60), 0, field('id'), field('secret')),
      };
      for (const [label, connect] of Object.entries(connects)) {
        const client = broker.open('bytes');
        client.send(connect, raw.PINGREQ);
        await broker.settled();
        expect({ label, received: client.received, closed: client.isClosed }).toEqual({
          label,
          received: '20 03 00 84 00',
          closed: true,
        });
        expect(broker.endOf(client)).toEqual({ reason: 'unsupported-protocol-version' });
        await broker.expectOthersServed();
      }
    }));
});
