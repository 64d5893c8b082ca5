// The decoder: framing, limits, and every way in which bytes can be malformed.
import { describe, expect, test } from '@jest/globals';
import { PacketDecoder } from '../../../src/protocol/decoder.js';
import { encodePacket } from '../../../src/protocol/encoder.js';
import { MalformedPacketError } from '../../../src/protocol/malformed.js';
import type { MalformedCode } from '../../../src/protocol/malformed.js';
import { PacketType } from '../../../src/protocol/packets.js';
import type { Packet } from '../../../src/protocol/packets.js';
import { MEBIBYTE, decoderOf, readAll } from '../../support/decoding.js';
import { CONNECT, MALFORMED_PACKETS, VALID_PACKETS, wire } from '../../support/packets.js';
import type { MalformedPacket, ValidPacket } from '../../support/packets.js';

const isConnect = ({ bytes }: { readonly bytes: Uint8Array }): boolean =>
  (bytes[0] as number) >> 4 === PacketType.connect;

function decoderFor(sample: ValidPacket | MalformedPacket): PacketDecoder {
  if (isConnect(sample) && sample.from === 'client') return new PacketDecoder({ maxPacketSize: MEBIBYTE });
  return decoderOf(sample.from, sample.version);
}

function failureOf(action: () => unknown): MalformedPacketError {
  try {
    action();
  } catch (error) {
    if (error instanceof MalformedPacketError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

const publish = (packet: Packet | undefined): Extract<Packet, { type: typeof PacketType.publish }> => {
  if (packet?.type !== PacketType.publish) throw new Error('no PUBLISH');
  return packet;
};

describe('decoding valid packets', () => {
  test.each(VALID_PACKETS)('version $version: $name decodes to the expected packet', (sample) => {
    const decoder = decoderFor(sample);
    decoder.push(sample.bytes);
    expect(decoder.read()).toEqual(sample.packet);
    expect(decoder.read()).toBeUndefined();
    expect(decoder.bufferedBytes).toBe(0);
  });

  test.each(VALID_PACKETS)('version $version: $name decodes to the same packet byte by byte', (sample) => {
    const decoder = decoderFor(sample);
    const packets: Packet[] = [];
    for (const byte of sample.bytes) {
      decoder.push(Uint8Array.of(byte));
      packets.push(...readAll(decoder));
    }
    expect(packets).toEqual([sample.packet]);
  });
});

describe('decoding malformed packets', () => {
  test.each(MALFORMED_PACKETS)('version $version: $name is refused as $code', (sample) => {
    const decoder = decoderFor(sample);
    decoder.push(sample.bytes);
    const { code, reasonCode } = failureOf(() => decoder.read());
    expect({ code, reasonCode }).toEqual({ code: sample.code, reasonCode: sample.reasonCode });
  });

  test.each(MALFORMED_PACKETS)('version $version: $name is refused with the same error byte by byte', (sample) => {
    const decoder = decoderFor(sample);
    const { code, reasonCode } = failureOf(() => {
      for (const byte of sample.bytes) {
        decoder.push(Uint8Array.of(byte));
        readAll(decoder);
      }
    });
    expect({ code, reasonCode }).toEqual({ code: sample.code, reasonCode: sample.reasonCode });
  });

  test('the catalogue of malformed packets has one for every code', () => {
    const every: Record<MalformedCode, true> = {
      'remaining-length-too-long': true,
      'packet-too-large': true,
      'packet-type-reserved': true,
      'packet-type-unexpected': true,
      'fixed-header-flags': true,
      'packet-truncated': true,
      'packet-trailing-bytes': true,
      'utf8-invalid': true,
      'utf8-null-character': true,
      'protocol-name-unknown': true,
      'protocol-version-unsupported': true,
      'connect-reserved-flag': true,
      'connect-will-flags': true,
      'connect-password-without-user-name': true,
      'publish-qos-invalid': true,
      'publish-dup-at-qos-0': true,
      'packet-id-zero': true,
      'subscribe-empty': true,
      'subscribe-options-invalid': true,
      'unsubscribe-empty': true,
      'suback-code-invalid': true,
      'connack-flags': true,
      'variable-byte-integer': true,
      'property-unknown': true,
      'property-not-allowed': true,
      'property-duplicate': true,
      'property-value-invalid': true,
      'authentication-method-missing': true,
      'reason-code-invalid': true,
    };
    expect(new Set(MALFORMED_PACKETS.map(({ code }) => code))).toEqual(new Set(Object.keys(every)));
  });

  test('the packets before a malformed one are decoded, and every later read throws the same error', () => {
    const decoder = decoderOf('client', 4);
    decoder.push(wire('c0 00 40 02 0001 40 02 0000 c0 00'));
    expect(decoder.read()).toEqual({ type: PacketType.pingreq });
    expect(decoder.read()).toMatchObject({ type: PacketType.puback });
    const failure = failureOf(() => decoder.read());
    expect(failure.code).toBe('packet-id-zero');
    expect(failureOf(() => decoder.read())).toBe(failure);
    decoder.push(wire('c0 00'));
    expect(failureOf(() => decoder.read())).toBe(failure);
  });

  test('after a failure the decoder buffers nothing', () => {
    const decoder = decoderOf('client', 4);
    decoder.push(wire('00'));
    decoder.push(new Uint8Array(1000));
    expect(decoder.bufferedBytes).toBe(1001);
    failureOf(() => decoder.read());
    decoder.push(new Uint8Array(1000));
    expect(decoder.bufferedBytes).toBe(0);
  });
});

describe('decoding the first packet', () => {
  test.each([
    ['PINGREQ', 'c0'],
    ['PUBLISH', '30'],
    ['SUBSCRIBE', '82'],
    ['DISCONNECT', 'e0'],
    ['AUTH', 'f0'],
    ['a wrong SUBSCRIBE', '81'],
  ])('[MQTT-3.1.0-1] a first packet that is %s is refused by its first byte', (_name, firstByte) => {
    const decoder = new PacketDecoder({ maxPacketSize: 100 });
    decoder.push(wire(firstByte));
    expect(failureOf(() => decoder.read())).toMatchObject({ code: 'packet-type-unexpected', reasonCode: 0x82 });
  });

  test('setting the version does not replace the required CONNECT', () => {
    const decoder = new PacketDecoder({ maxPacketSize: 100 });
    decoder.protocolVersion = 5;
    decoder.push(wire('c0 00'));
    expect(failureOf(() => decoder.read()).code).toBe('packet-type-unexpected');
  });

  test.each([3, 4, 5] as const)('CONNECT sets the decoder to version %d', (version) => {
    const decoder = new PacketDecoder({ maxPacketSize: 100 });
    expect(decoder.protocolVersion).toBe(4);
    decoder.push(CONNECT[version]);
    decoder.read();
    expect(decoder.protocolVersion).toBe(version);
  });

  test('a refused CONNECT leaves the decoder at version 4, so that the answer has the form of MQTT 3.1.1', () => {
    const decoder = new PacketDecoder({ maxPacketSize: 100 });
    decoder.push(wire("10 0d 0004 'MQTT' 06 02 003c 0001 'a'"));
    failureOf(() => decoder.read());
    expect(decoder.protocolVersion).toBe(4);
  });

  test('[MQTT-3.1.0-2] a second CONNECT is decoded, for the domain to refuse, and the version stays', () => {
    const decoder = decoderOf('client', 4);
    decoder.push(CONNECT[5]);
    expect(decoder.read()).toMatchObject({ type: PacketType.connect, protocolVersion: 5 });
    expect(decoder.protocolVersion).toBe(4);
  });

  test('packets after CONNECT in the same chunk are decoded in its version', () => {
    const decoder = new PacketDecoder({ maxPacketSize: 100 });
    decoder.push(Buffer.concat([CONNECT[3], wire('6a 02 0001')]));
    expect(readAll(decoder)).toHaveLength(2);
  });
});

describe('reading packet by packet', () => {
  test('a caller may stop between two packets, push more chunks and continue', () => {
    const decoder = decoderOf('client', 4);
    decoder.push(wire('40 02 0001 40 02 0002 40 02'));
    expect(decoder.read()).toMatchObject({ packetId: 1 });
    decoder.push(wire('0003'));
    decoder.push(wire('40 02 0004 c0'));
    expect(decoder.bufferedBytes).toBe(13);
    expect(decoder.read()).toMatchObject({ packetId: 2 });
    expect(decoder.read()).toMatchObject({ packetId: 3 });
    expect(decoder.read()).toMatchObject({ packetId: 4 });
    expect(decoder.read()).toBeUndefined();
    expect(decoder.bufferedBytes).toBe(1);
    decoder.push(new Uint8Array(0));
    expect(decoder.read()).toBeUndefined();
    decoder.push(wire('00'));
    expect(decoder.read()).toEqual({ type: PacketType.pingreq });
    expect(decoder.bufferedBytes).toBe(0);
  });

  test('a Buffer decodes like a Uint8Array, and payloads are plain Uint8Arrays', () => {
    const decoder = decoderOf('client', 4);
    decoder.push(Buffer.from(wire("30 07 0003 'a/b' 'hi'")));
    expect(publish(decoder.read()).payload.constructor).toBe(Uint8Array);
  });
});

describe('memory of the decoder', () => {
  test('the payload of a packet within one chunk is a view of the chunk', () => {
    const decoder = decoderOf('client', 4);
    const chunk = wire("30 07 0003 'a/b' 'hi'");
    decoder.push(chunk);
    const { payload } = publish(decoder.read());
    expect(payload.buffer).toBe(chunk.buffer);
    expect(decoder.copiedBytes).toBe(0);
  });

  test('a password, a will and Correlation Data are copies, because they outlive the chunk', () => {
    const decoder = new PacketDecoder({ maxPacketSize: 1000 });
    const chunk = wire("10 17 0004 'MQTT' 04 c6 003c 0001 'a' 0001 't' 0001 'p' 0000 0000");
    decoder.push(chunk);
    const connect = decoder.read();
    if (connect?.type !== PacketType.connect) throw new Error('no CONNECT');
    expect(connect.will?.payload.buffer).not.toBe(chunk.buffer);
    expect(connect.password?.buffer).not.toBe(chunk.buffer);

    const five = decoderOf('client', 5);
    const second = wire("30 0a 0001 'a' 05 09 0002 0102 'x'");
    five.push(second);
    expect(publish(five.read()).properties?.correlationData?.buffer).not.toBe(second.buffer);
  });

  test('the start of a packet at the end of a chunk is copied, so that the chunk can be freed', () => {
    const decoder = decoderOf('client', 4);
    const chunk = new Uint8Array(65_536);
    chunk.set(wire('30 f7ff03 0001 61'));
    const size = 4 + 0x77 + (0x7f << 7) + (3 << 14);
    chunk[size] = 0x40;
    decoder.push(chunk.subarray(0, size + 1));
    expect(publish(decoder.read()).payload.length).toBe(size - 7);
    expect(decoder.read()).toBeUndefined();
    expect(decoder.bufferedBytes).toBe(1);
    expect(decoder.copiedBytes).toBe(1);
    decoder.push(wire('02 0007'));
    expect(decoder.read()).toMatchObject({ packetId: 7 });
  });

  test.each([1, 7, 1024])(
    'a large packet in chunks of %d bytes costs copies in proportion to its size',
    (chunkBytes) => {
      const payload = new Uint8Array(300_000).map((_, i) => i);
      const bytes = Buffer.concat([wire("30 e3a712 0001 'a'"), payload]);
      const decoder = decoderOf('client', 4);
      for (let at = 0; at < bytes.length; at += chunkBytes) {
        decoder.push(bytes.subarray(at, at + chunkBytes));
        if (at + chunkBytes < bytes.length && decoder.read() !== undefined) throw new Error('too early');
      }
      const packet = publish(decoder.read());
      expect(Buffer.compare(packet.payload, payload)).toBe(0);
      expect(packet.payload.buffer.byteLength).toBe(bytes.length);
      expect(decoder.copiedBytes).toBeLessThan(3 * bytes.length);
    },
  );

  test('a repeated topic is the same string, also across connections', () => {
    const [first, second] = [decoderOf('client', 4), decoderOf('client', 5)];
    first.push(wire("30 07 0005 'a/b/c'"));
    second.push(wire("30 08 0005 'a/b/c' 00"));
    expect(Object.is(publish(first.read()).topic, publish(second.read()).topic)).toBe(true);
  });

  test('many topics are kept apart, including those too long for the cache', () => {
    const decoder = decoderOf('client', 4);
    const topics = Array.from({ length: 20_000 }, (_, i) => `t/${i % 10_000}/${'x'.repeat(i % 300)}`);
    const read = topics.map((topic) => {
      const body = Buffer.concat([Uint8Array.of(topic.length >> 8, topic.length & 255), Buffer.from(topic)]);
      const header = body.length < 128 ? [0x30, body.length] : [0x30, (body.length & 127) | 128, body.length >> 7];
      decoder.push(Buffer.concat([Uint8Array.from(header), body]));
      return publish(decoder.read()).topic;
    });
    expect(read).toEqual(topics);
  });
});

describe('limits of the decoder', () => {
  test('a packet of exactly the size limit passes, and one byte more is refused', () => {
    const atLimit = decoderOf('client', 4, 9);
    atLimit.push(wire("30 07 0003 'a/b' 'hi'"));
    expect(atLimit.read()).toBeDefined();
    atLimit.push(wire("30 08 0003 'a/b' 'hi!'"));
    expect(failureOf(() => atLimit.read())).toMatchObject({ code: 'packet-too-large', reasonCode: 0x95 });
  });

  test('a packet over the size limit is refused by its fixed header, before its body arrives', () => {
    const decoder = decoderOf('client', 4, 1000);
    decoder.push(wire('30 80'));
    expect(decoder.read()).toBeUndefined();
    decoder.push(wire('08'));
    expect(failureOf(() => decoder.read()).code).toBe('packet-too-large');
    expect(decoder.bufferedBytes).toBe(0);
  });

  test('the size limit can be raised between two packets', () => {
    const decoder = new PacketDecoder({ maxPacketSize: 20 });
    decoder.push(CONNECT[4]);
    decoder.push(Buffer.concat([wire("30 1b 0001 'a'"), new Uint8Array(24)]));
    expect(decoder.read()).toBeDefined();
    decoder.maxPacketSize = 29;
    expect(publish(decoder.read()).payload.length).toBe(24);
  });

  test('a peer that announces a large packet and sends little of it costs little memory', () => {
    const decoder = decoderOf('client', 4, 268_435_460);
    decoder.push(wire('30 ffffff7f 00'));
    expect(decoder.read()).toBeUndefined();
    expect(decoder.bufferedBytes).toBe(6);
    expect(decoder.copiedBytes).toBeLessThan(20);
  });

  test('[MQTT-2.2.2-2] an invalid first byte is refused before the rest of the packet', () => {
    const decoder = decoderOf('client', 4);
    decoder.push(wire('81'));
    expect(failureOf(() => decoder.read()).code).toBe('fixed-header-flags');
  });

  test('a Remaining Length whose fourth byte announces a fifth is refused at once', () => {
    const decoder = decoderOf('client', 4);
    decoder.push(wire('c0 808080'));
    expect(decoder.read()).toBeUndefined();
    decoder.push(wire('80'));
    expect(failureOf(() => decoder.read()).code).toBe('remaining-length-too-long');
  });
});

describe('size limit of packets without payload', () => {
  /** CONNECT, then the fixed header of a packet of two mebibytes. */
  const announced = (first: number): PacketDecoder => {
    const decoder = new PacketDecoder({ maxPacketSize: 256 * MEBIBYTE });
    decoder.push(Uint8Array.of(...encodePacket(connect, 4), first, 0x80, 0x80, 0x80, 0x01));
    expect(decoder.read()?.type).toBe(PacketType.connect);
    return decoder;
  };
  const absent = { will: undefined, userName: undefined, password: undefined, properties: undefined };
  const connect: Packet = {
    type: PacketType.connect,
    protocolVersion: 4,
    clean: true,
    keepAlive: 0,
    clientId: 'a',
    ...absent,
  };

  test.each([
    ['SUBSCRIBE', 0x82],
    ['UNSUBSCRIBE', 0xa2],
  ])('%s of two mebibytes is refused by its header, whatever the limit for PUBLISH', (_name, first) => {
    const decoder = announced(first);
    expect(failureOf(() => decoder.read()).code).toBe('packet-too-large');
  });

  test('PUBLISH of two mebibytes is accepted up to its limit', () => {
    expect(announced(0x30).read()).toBeUndefined();
  });
});
