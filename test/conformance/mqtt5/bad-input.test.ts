// MQTT 5, sections 2.2.2 and 4.13: every property on every packet, and packets that are too short or too long. Each one
// ends the connection that sent it, with the right Reason Code, and no other.
import { describe, expect, test } from '@jest/globals';
import * as v5 from '../../clients/mqtt5-packets.js';
import { bytes, field, packet, uint16 } from '../../clients/raw-packets.js';
import { PROPERTY_RULES, PropertyPlace } from '../../../src/protocol/properties.js';
import { withBroker } from '../../support/broker-harness.js';
import type { BrokerHarness } from '../../support/broker-harness.js';
import { closedSilently, connect5, endsConnected, open5, refused5 } from '../../support/mqtt5-clients.js';

type Rule = (typeof PROPERTY_RULES)[number];

/** A valid value of each type, and the same cut off. */
const VALUES: Readonly<Record<Rule['type'], Uint8Array>> = {
  bit: bytes(1),
  uint16: uint16(1),
  uint32: v5.uint32(1),
  'variable-byte-integer': bytes('ff 01'),
  string: field('v'),
  binary: field('v'),
  'string-pair': bytes(field('n'), field('v')),
};

/** A packet with this property block for each place in which a client can put one; `first`: as the first packet. */
const PLACES: readonly {
  readonly name: string;
  readonly place: number;
  readonly first: boolean;
  readonly build: (block: Uint8Array) => Uint8Array;
}[] = [
  {
    name: 'CONNECT',
    place: PropertyPlace.connect,
    first: true,
    build: (block) => v5.rawConnect({ properties: v5.props(block) }, field('id')),
  },
  {
    name: 'will',
    place: PropertyPlace.will,
    first: true,
    build: (block) => v5.rawConnect({ flags: 0x06 }, field('id'), v5.props(block), field('t'), field('x')),
  },
  ...(['puback', 'pubrec', 'pubrel', 'pubcomp'] as const).map((type) => ({
    name: type.toUpperCase(),
    place: PropertyPlace[type],
    first: false,
    build: (block: Uint8Array) => v5.acknowledge(type, 9, 0, block),
  })),
  {
    name: 'PUBLISH',
    place: PropertyPlace.publishFromClient,
    first: false,
    build: (block) => v5.publish({ topic: 't', properties: block }),
  },
  {
    name: 'SUBSCRIBE',
    place: PropertyPlace.subscribe,
    first: false,
    build: (block) => v5.subscribe(9, [['t', 0]], block),
  },
  {
    name: 'UNSUBSCRIBE',
    place: PropertyPlace.unsubscribe,
    first: false,
    build: (block) => v5.unsubscribe(9, ['t'], block),
  },
  {
    name: 'DISCONNECT',
    place: PropertyPlace.disconnectFromClient,
    first: false,
    build: (block) => v5.disconnect(0, block),
  },
  { name: 'AUTH', place: PropertyPlace.auth, first: false, build: (block) => v5.auth(0x18, block) },
];

const property = ({ id, type }: Rule): Uint8Array => bytes(id, VALUES[type]);

/** The Reason Code with which the connection ends; `undefined` if it goes on, or ends as it should. */
async function answerTo(broker: BrokerHarness, sent: Uint8Array, first: boolean): Promise<number | undefined> {
  const client = first ? open5(broker, sent) : await connect5(broker, 'ends');
  if (!first) client.send(sent);
  const answer = (await client.all()).find(
    ({ type, code }) => (type === 'connack' && code > 0) || type === 'disconnect',
  );
  if (client.isClosed !== (answer !== undefined) && sent[0] !== 0xe0)
    throw new Error('closed without an answer, or not closed');
  if (!client.isClosed) await client.cut();
  return answer?.code;
}

/** After how many bytes of its body a packet may end that has more of them here. */
function whereItMayEnd(firstByte: number): readonly number[] {
  if (firstByte === 0xe0) return [0, 1];
  if (firstByte === 0x82 || firstByte === 0xa2) return [10];
  return firstByte === 0x10 ? [] : [2, 3];
}

const inHex = (code: number | undefined): string => (code === undefined ? 'none' : `0x${code.toString(16)}`);

describe('properties', () => {
  test('[MQTT5-properties] [MQTT-3.1.4-1] [MQTT-3.3.4-6] a property of another packet ends the connection, in every packet', () =>
    withBroker(async (broker) => {
      const wrong: string[] = [];
      const fromServer = PropertyPlace.publishFromServer | PropertyPlace.disconnectFromServer;
      for (const { name, place, first, build } of PLACES) {
        for (const rule of PROPERTY_RULES) {
          if ((rule.places & place) !== 0) continue;
          // From the wrong side it is a protocol error.
          const sides = name === 'PUBLISH' || name === 'DISCONNECT' ? fromServer : 0;
          const ofOtherSide = (rule.places & sides & (place << 1)) !== 0;
          const code = await answerTo(broker, build(property(rule)), first);
          if (code !== (ofOtherSide ? 0x82 : 0x81)) wrong.push(`${rule.name} in ${name}: ${inHex(code)}`);
        }
      }
      expect(wrong).toEqual([]);
      await broker.expectOthersServed();
    }));

  test('[MQTT5-properties] a property that comes twice ends the connection, in every packet that may carry it once', () =>
    withBroker(async (broker) => {
      const wrong: string[] = [];
      for (const { name, place, first, build } of PLACES) {
        for (const rule of PROPERTY_RULES) {
          if ((rule.places & place) === 0 || (rule.repeatable & place) !== 0) continue;
          const method = rule.name === 'authenticationData' ? v5.property('authenticationMethod', 'm') : '';
          const code = await answerTo(broker, build(bytes(method, property(rule), property(rule))), first);
          if (code !== 0x82) wrong.push(`${rule.name} twice in ${name}: ${inHex(code)}`);
        }
      }
      expect(wrong).toEqual([]);
      await broker.expectOthersServed();
    }));

  test('[MQTT5-properties] [MQTT-4.13.1-1] a property that is cut off, or of a number that does not exist, ends the connection, in every packet', () =>
    withBroker(async (broker) => {
      const wrong: string[] = [];
      const expectCode = async (label: string, sent: Uint8Array, first: boolean): Promise<void> => {
        const code = await answerTo(broker, sent, first);
        if (code !== 0x81) wrong.push(`${label}: ${inHex(code)}`);
      };
      for (const { name, place, first, build } of PLACES) {
        for (const unknown of ['00', '04', '7f 00', '80 01', 'ff ff ff 7f', '2b 00'])
          await expectCode(`property ${unknown} in ${name}`, build(bytes(unknown)), first);
        for (const rule of PROPERTY_RULES) {
          if ((rule.places & place) === 0) continue;
          const whole = property(rule);
          for (let length = 1; length < whole.length; length++)
            await expectCode(`${length} bytes of ${rule.name} in ${name}`, build(whole.subarray(0, length)), first);
        }
      }
      expect(wrong).toEqual([]);
      await broker.expectOthersServed();
    }));

  test('[MQTT5-connect-values] [MQTT5-properties] a value that is out of range ends the connection, in every packet that may carry it', () =>
    withBroker(async (broker) => {
      const wrong: string[] = [];
      for (const { name, place, first, build } of PLACES) {
        for (const rule of PROPERTY_RULES) {
          if ((rule.places & place) === 0) continue;
          const zero = { uint16: '00 00', uint32: '00 00 00 00', 'variable-byte-integer': '00' };
          const value = rule.type === 'bit' ? '02' : rule.notZero ? zero[rule.type as keyof typeof zero] : undefined;
          if (value === undefined) continue;
          const code = await answerTo(broker, build(bytes(rule.id, value)), first);
          // Section 3.3.4 has a code of its own for a Topic Alias of 0.
          if (code !== (rule.name === 'topicAlias' ? 0x94 : 0x82))
            wrong.push(`${rule.name} in ${name}: ${inHex(code)}`);
        }
      }
      expect(wrong).toEqual([]);
      await broker.expectOthersServed();
    }));

  test('[MQTT5-properties] every property that a packet may carry is taken', () =>
    withBroker(async (broker) => {
      const refused: string[] = [];
      for (const { name, place, first, build } of PLACES) {
        // Enhanced authentication answers AUTH and Authentication Method; DISCONNECT cannot set an expiry here.
        for (const rule of PROPERTY_RULES) {
          if ((rule.places & place) === 0 || name === 'AUTH' || rule.name.startsWith('authentication')) continue;
          if (name === 'DISCONNECT' && rule.name === 'sessionExpiryInterval') continue;
          // CONNACK does not fit into it.
          if (rule.name === 'maximumPacketSize') continue;
          const code = await answerTo(broker, build(property(rule)), first);
          if (code !== undefined) refused.push(`${rule.name} in ${name}: ${inHex(code)}`);
        }
      }
      expect(refused).toEqual([]);
    }));

  test('[MQTT5-connect-values] Authentication Data without an Authentication Method is refused', () =>
    withBroker((broker) => refused5(broker, '', [v5.connect({ properties: { authenticationData: 'x' } })], 0x82)));
});

describe('packets', () => {
  test('[MQTT-4.13.1-1] a packet that is cut off at any byte, or has a byte too many, ends the connection', () =>
    withBroker(async (broker) => {
      const user = { user: [['n', 'v'] as const] };
      const connect = v5.connect({
        properties: user,
        will: { topic: 't', properties: user },
        userName: 'u',
        password: 'p',
      });
      const later = [
        v5.acknowledge('puback', 9, 0, user),
        v5.acknowledge('pubrec', 9, 0, user),
        v5.acknowledge('pubrel', 9, 0, user),
        v5.acknowledge('pubcomp', 9, 0, user),
        v5.subscribe(9, [['t', 0]], user),
        v5.unsubscribe(9, ['t'], user),
        v5.disconnect(0, user),
      ];
      const wrong: string[] = [];
      const expectCode = async (label: string, sent: Uint8Array, first: boolean): Promise<void> => {
        const code = await answerTo(broker, sent, first);
        if (code !== 0x81) wrong.push(`${label}: ${inHex(code)}`);
      };
      for (const whole of [connect, ...later]) {
        const [firstByte = 0] = whole;
        const body = whole.subarray(2);
        // Before protocol name and level are complete, nothing is known of a version.
        for (let length = firstByte === 0x10 ? 7 : 0; length < body.length; length++) {
          // Acknowledgements and DISCONNECT may end before and after their Reason Code. Without any filter, the packet
          // is complete and breaks another rule.
          const allowed = whereItMayEnd(firstByte);
          if (allowed.includes(length)) continue;
          await expectCode(
            `${firstByte.toString(16)} of ${length} bytes`,
            packet(firstByte, body.subarray(0, length)),
            firstByte === 0x10,
          );
        }
        // A byte too many begins a further filter in SUBSCRIBE and UNSUBSCRIBE, which is cut off.
        await expectCode(
          `${firstByte.toString(16)} with a byte too many`,
          packet(firstByte, body, 0),
          firstByte === 0x10,
        );
      }
      for (const sent of [packet(0xc0, 0), packet(0x30, '00'), packet(0x30, '00 05 61'), packet(0x32, field('t'), 0)])
        await expectCode('PINGREQ or PUBLISH', sent, false);
      expect(wrong).toEqual([]);
      await broker.expectOthersServed();
    }));

  test('[MQTT-4.13.1-1] packet type 0, packets of a server, and a Remaining Length of five bytes end the connection', () =>
    withBroker(async (broker) => {
      await endsConnected(broker, 'type 0', [packet(0x00)], 0x81);
      await endsConnected(broker, 'five bytes', [bytes('30 80 80 80 80 01')], 0x81);
      for (const sent of [
        bytes('20 03 00 00 00'),
        bytes('90 04 00 01 00 00'),
        bytes('b0 04 00 01 00 00'),
        bytes('d0 00'),
      ])
        await endsConnected(broker, '', [sent], 0x82);
      await closedSilently(broker, 'five bytes first', bytes('10 80 80 80 80 01'));
    }));

  test('[MQTT-4.13.2-1] [MQTT-3.14.4-2] [MQTT-3.2.2-7] the connection ends behind a CONNACK or DISCONNECT with a Reason Code of 0x80 or more', () =>
    withBroker(async (broker) => {
      await refused5(broker, 'CONNACK', [v5.connect({ userName: 'refused' })], 0x86);
      await endsConnected(broker, 'DISCONNECT', [v5.connect()], 0x82);
    }));
});
