// The property table of MQTT 5: which packet may carry which property, and with which values.
import { describe, expect, test } from '@jest/globals';
import { ByteReader } from '../../../src/protocol/byte-reader.js';
import { MalformedPacketError } from '../../../src/protocol/malformed.js';
import { UNREAD_PROPERTIES } from '../../../src/protocol/packets.js';
import type { Properties } from '../../../src/protocol/packets.js';
import { PropertyPlace, readProperties, readPublishProperties } from '../../../src/protocol/properties.js';
import { UserProperties } from '../../../src/protocol/user-properties.js';
import { wire } from '../../support/packets.js';

type Place = keyof typeof PropertyPlace;

/** The properties of a block that has User Properties. */
function read(bytes: Uint8Array, place: number): Properties & { readonly userProperties: UserProperties } {
  const properties = readProperties(new ByteReader(bytes, 0, bytes.length), place);
  if (properties?.userProperties === undefined) throw new Error('the block has no User Properties');
  return { ...properties, userProperties: properties.userProperties };
}

const PUBLISH: readonly Place[] = ['publishFromClient', 'publishFromServer'];
const DISCONNECT: readonly Place[] = ['disconnectFromClient', 'disconnectFromServer'];
const ACKNOWLEDGEMENTS: readonly Place[] = ['puback', 'pubrec', 'pubrel', 'pubcomp', 'suback', 'unsuback'];
const EVERYWHERE = Object.keys(PropertyPlace) as Place[];

/** Table 2-4 of MQTT 5, written down once more: number, an example of a value, and where it may stand. */
const TABLE: readonly (readonly [id: string, value: string, places: readonly Place[]])[] = [
  ['01', '01', [...PUBLISH, 'will']],
  ['02', '0000003c', [...PUBLISH, 'will']],
  ['03', "0001 'c'", [...PUBLISH, 'will']],
  ['08', "0001 'r'", [...PUBLISH, 'will']],
  ['09', '0001 ff', [...PUBLISH, 'will']],
  ['0b', '8001', ['publishFromServer', 'subscribe']],
  ['11', '00000001', ['connect', 'connack', 'disconnectFromClient']],
  ['12', "0001 'i'", ['connack']],
  ['13', '0001', ['connack']],
  ['15', "0001 'm'", ['connect', 'connack', 'auth']],
  ['16', "0001 ff 15 0001 'm'", ['connect', 'connack', 'auth']],
  ['17', '00', ['connect']],
  ['18', '00000001', ['will']],
  ['19', '01', ['connect']],
  ['1a', "0001 'r'", ['connack']],
  ['1c', "0001 's'", ['connack', ...DISCONNECT]],
  ['1f', "0001 't'", ['connack', ...ACKNOWLEDGEMENTS, ...DISCONNECT, 'auth']],
  ['21', '0001', ['connect', 'connack']],
  ['22', '0000', ['connect', 'connack']],
  ['23', '0001', PUBLISH],
  ['24', '01', ['connack']],
  ['25', '01', ['connack']],
  ['26', "0001 'k' 0001 'v'", EVERYWHERE],
  ['27', '00000001', ['connect', 'connack']],
  ['28', '01', ['connack']],
  ['29', '01', ['connack']],
  ['2a', '01', ['connack']],
];

function outcome(notation: string, place: Place): string {
  const block = wire(notation);
  const bytes = Uint8Array.of(block.length, ...block);
  try {
    readProperties(new ByteReader(bytes, 0, bytes.length), PropertyPlace[place]);
    return 'allowed';
  } catch (error) {
    if (error instanceof MalformedPacketError) return error.code;
    throw error;
  }
}

describe('properties and the packets that may carry them', () => {
  test.each(TABLE)('property 0x%s is allowed exactly in its packets', (id, value, places) => {
    const allowed = EVERYWHERE.filter((place) => outcome(`${id} ${value}`, place) === 'allowed');
    expect(allowed).toEqual(EVERYWHERE.filter((place) => places.includes(place)));
    const refused = EVERYWHERE.filter((place) => outcome(`${id} ${value}`, place) === 'property-not-allowed');
    expect(refused).toHaveLength(EVERYWHERE.length - allowed.length);
  });

  test('identifiers outside the table are unknown properties', () => {
    const known = TABLE.map(([id]) => Number.parseInt(id, 16));
    const unknown = Array.from({ length: 128 }, (_, id) => id).filter((id) => !known.includes(id));
    const hex = (id: number): string => id.toString(16).padStart(2, '0');
    expect(unknown.filter((id) => outcome(`${hex(id)} 00000000`, 'connack') !== 'property-unknown')).toEqual([]);
  });

  test('only user properties, and Subscription Identifiers from a server, may be repeated', () => {
    for (const [id, value, places] of TABLE) {
      if (id === '16') continue;
      for (const place of places) {
        const repeatable = id === '26' || (id === '0b' && place === 'publishFromServer');
        const expected = repeatable ? 'allowed' : 'property-duplicate';
        expect([id, place, outcome(`${id} ${value} ${id} ${value}`, place)]).toEqual([id, place, expected]);
      }
    }
  });

  test.each(['01', '17', '19', '24', '25', '28', '29', '2a'])('the flag property 0x%s must be 0 or 1', (id) => {
    const [, , places] = TABLE.find(([known]) => known === id) ?? [];
    for (const place of places ?? []) {
      expect(outcome(`${id} 00`, place)).toBe('allowed');
      expect(outcome(`${id} 01`, place)).toBe('allowed');
      expect(outcome(`${id} 02`, place)).toBe('property-value-invalid');
    }
  });

  test('user properties keep their order and their duplicates', () => {
    const bytes = wire("15 26 0001 'b' 0001 '1' 26 0001 'a' 0001 '2' 26 0001 'b' 0001 '1'");
    const { userProperties } = read(bytes, PropertyPlace.will);
    expect([...userProperties]).toEqual([
      ['b', '1'],
      ['a', '2'],
      ['b', '1'],
    ]);
  });

  test('user properties keep their order when other properties stand between them', () => {
    const bytes = wire("19 26 0001 'b' 0001 '1' 01 01 26 0001 'a' 0001 '2' 03 0001 't' 26 0000 0000");
    const properties = read(bytes, PropertyPlace.publishFromClient);
    expect(properties).toMatchObject({ payloadFormatIndicator: 1, contentType: 't' });
    expect([...properties.userProperties]).toEqual([
      ['b', '1'],
      ['a', '2'],
      ['', ''],
    ]);
  });

  test('only the user properties of a message are a view of the bytes that were read', () => {
    const bytes = wire("07 26 0001 'b' 0001 '1'");
    for (const [place, isView] of [
      [PropertyPlace.publishFromClient, true],
      [PropertyPlace.publishFromServer, true],
      [PropertyPlace.will, false],
      [PropertyPlace.connect, false],
    ] as const) {
      const { userProperties } = read(bytes, place);
      expect(userProperties.bytes.buffer === bytes.buffer).toBe(isView);
      expect(userProperties.detached().bytes.buffer).not.toBe(bytes.buffer);
      expect([...userProperties.detached()]).toEqual([['b', '1']]);
    }
  });

  test('a name or value that is no MQTT string makes no user property', () => {
    expect(() => UserProperties.of([['a\0', '']])).toThrow(RangeError);
    expect(() => UserProperties.of([['a', 'b'.repeat(65_536)]])).toThrow(RangeError);
    expect(() => UserProperties.of([['a', '\ud800']])).toThrow(RangeError);
  });

  /** A block of this length, whose first property is unknown. */
  function reading(length: number, read: (reader: ByteReader) => unknown): () => unknown {
    const bytes = new Uint8Array(4 + length);
    // Property Length in as many bytes as it takes.
    const header = [(length & 0x7f) | 0x80, ((length >> 7) & 0x7f) | 0x80, (length >> 14) & 0x7f, 0x7f];
    bytes.set(header);
    return () => read(new ByteReader(bytes, 0, 3 + length));
  }

  const unknown = expect.objectContaining({ code: 'property-unknown' });
  const tooLarge = expect.objectContaining({ code: 'packet-too-large', reasonCode: 0x95 });

  test('a block of a PUBLISH above what is allowed is not looked at, and one above 1 MiB is refused', () => {
    const publish = (maxBytes: number) => (reader: ByteReader) => {
      const properties = readPublishProperties(reader, PropertyPlace.publishFromClient, maxBytes);
      expect(reader.remaining).toBe(0);
      return properties;
    };
    expect(reading(20_000, publish(20_000))).toThrow(unknown);
    expect(reading(20_001, publish(20_000))()).toBe(UNREAD_PROPERTIES);
    expect(reading(1024 * 1024, publish(Infinity))).toThrow(unknown);
    expect(reading(1024 * 1024 + 1, publish(20_000))).toThrow(tooLarge);
  });

  test('a block of another packet above 192 KiB is refused before one property of it is read', () => {
    const subscribe = (reader: ByteReader) => readProperties(reader, PropertyPlace.subscribe);
    expect(reading(192 * 1024, subscribe)).toThrow(unknown);
    expect(reading(192 * 1024 + 1, subscribe)).toThrow(tooLarge);
  });
});
