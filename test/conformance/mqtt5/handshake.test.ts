// MQTT 5 on the wire: the beginning and the end of connections, byte by byte.
import { describe, expect, test } from '@jest/globals';
import { withBroker } from '../../support/broker-harness.js';
import { field, packet, uint16 } from '../../clients/raw-packets.js';

/** The announced limits of a broker with default ones: Receive Maximum 1000, Topic Alias Maximum 10. */
const ANNOUNCED = '21 03 e8 22 00 0a';

const connect5 = (properties: string, ...payload: Parameters<typeof packet>[1][]): Uint8Array =>
  packet(0x10, field('MQTT'), 5, 0x02, uint16(60), properties, ...payload);

describe('CONNECT of MQTT 5', () => {
  test('is accepted, with the limits of the broker', () =>
    withBroker(async (broker) => {
      const client = broker.open('bytes');
      client.send(connect5('00', field('id')));
      await broker.settled();
      expect(client.received).toBe(`20 09 00 00 06 ${ANNOUNCED}`);
    }));

  test('with a password alone is accepted: it can be a token', () =>
    withBroker(async (broker) => {
      const client = broker.open('bytes');
      client.send(packet(0x10, field('MQTT'), 5, 0x42, uint16(60), 0, field('id'), field('secret')));
      await broker.settled();
      expect(client.received.startsWith('20 09 00 00')).toBe(true);
    }));

  test('that is malformed is refused in its own version, and the connection is closed', () =>
    withBroker(async (broker) => {
      const refused = async (bytes: Uint8Array): Promise<string> => {
        const client = broker.open('bytes');
        client.send(bytes);
        await broker.settled();
        expect(client.isClosed).toBe(true);
        return client.received.slice(6, 11);
      };
      // An unknown property, the same property twice, Receive Maximum 0, and a byte too many.
      expect(await refused(connect5('02 7f 00', field('id')))).toBe('00 81');
      expect(await refused(connect5('0a 11 00 00 00 01 11 00 00 00 01', field('id')))).toBe('00 82');
      expect(await refused(connect5('03 21 00 00', field('id')))).toBe('00 82');
      expect(await refused(connect5('00', field('id'), 0))).toBe('00 81');
      await broker.expectOthersServed();
    }));

  test('with an Authentication Method that is not known is refused', () =>
    withBroker(async (broker) => {
      const client = broker.open('bytes');
      client.send(connect5('04 15 00 01 58', field('id')));
      await broker.settled();
      expect(client.received.slice(6, 11)).toBe('00 8c');
      expect(client.isClosed).toBe(true);
    }));
});
