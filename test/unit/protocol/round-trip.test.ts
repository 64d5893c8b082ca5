// Round trips: every encoded packet decodes to itself, however it is split into chunks.
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { PacketDecoder } from '../../../src/protocol/decoder.js';
import { encodePacket } from '../../../src/protocol/encoder.js';
import type { Packet } from '../../../src/protocol/packets.js';
import { MEBIBYTE, decodeAll, decoderOf, readAll } from '../../support/decoding.js';
import { connect, cut, packetFrom } from '../../support/packet-arbitraries.js';

const VERSIONS = [3, 4, 5] as const;
const BOTH_WAYS = VERSIONS.flatMap((version) => [
  { version, from: 'client' as const },
  { version, from: 'server' as const },
]);
const SEED = 20_261_123;

describe('round trips of single packets', () => {
  test.each(VERSIONS)('a CONNECT of version %d decodes to itself', (version) => {
    fc.assert(
      fc.property(connect(version), (packet) => {
        const decoder = new PacketDecoder({ maxPacketSize: MEBIBYTE });
        expect(decodeAll(decoder, [encodePacket(packet, version)])).toEqual([packet]);
        expect(decoder.bufferedBytes).toBe(0);
      }),
      { seed: SEED, numRuns: 200 },
    );
  });

  test.each(BOTH_WAYS)('every packet of a $from in version $version decodes to itself', ({ version, from }) => {
    fc.assert(
      fc.property(packetFrom(from, version), (packet) => {
        const decoder = decoderOf(from, version);
        expect(decodeAll(decoder, [encodePacket(packet, version)])).toEqual([packet]);
        expect(decoder.bufferedBytes).toBe(0);
      }),
      { seed: SEED, numRuns: 500 },
    );
  });
});

describe('round trips through chunks', () => {
  test.each(BOTH_WAYS)(
    'however a stream from a $from in version $version is cut, the packets are the same',
    ({ version, from }) => {
      const stream = fc.array(packetFrom(from, version), { minLength: 1, maxLength: 8 });
      fc.assert(
        fc.property(stream, fc.array(fc.nat(), { maxLength: 30 }), (packets, seeds) => {
          const bytes = new Uint8Array(Buffer.concat(packets.map((packet) => encodePacket(packet, version))));
          expect(decodeAll(decoderOf(from, version), cut(bytes, seeds))).toEqual(packets);
        }),
        { seed: SEED, numRuns: 200 },
      );
    },
  );

  test.each(BOTH_WAYS)(
    'pushing all chunks before reading gives the same packets, from a $from in version $version',
    ({ version, from }) => {
      const stream = fc.array(packetFrom(from, version), { minLength: 1, maxLength: 8 });
      fc.assert(
        fc.property(stream, fc.array(fc.nat(), { maxLength: 30 }), (packets, seeds) => {
          const bytes = new Uint8Array(Buffer.concat(packets.map((packet) => encodePacket(packet, version))));
          const decoder = decoderOf(from, version);
          for (const chunk of cut(bytes, seeds)) decoder.push(chunk);
          expect(decoder.bufferedBytes).toBe(bytes.length);
          expect(decodeAll(decoder, [new Uint8Array(0)])).toEqual(packets);
          expect(decoder.copiedBytes).toBeLessThan(3 * bytes.length);
        }),
        { seed: SEED, numRuns: 100 },
      );
    },
  );

  test.each(BOTH_WAYS)(
    'reading between chunks gives the same packets in order, from a $from in version $version',
    ({ version, from }) => {
      const stream = fc.array(packetFrom(from, version), { minLength: 1, maxLength: 8 });
      const pulls = fc.array(fc.nat(3), { minLength: 40, maxLength: 40 });
      fc.assert(
        fc.property(stream, fc.array(fc.nat(), { maxLength: 30 }), pulls, (packets, seeds, reads) => {
          const bytes = new Uint8Array(Buffer.concat(packets.map((packet) => encodePacket(packet, version))));
          const decoder = decoderOf(from, version);
          const read: (Packet | undefined)[] = [];
          for (const [i, chunk] of cut(bytes, seeds).entries()) {
            decoder.push(chunk);
            for (let count = reads[i] ?? 0; count > 0; count--) read.push(decoder.read());
          }
          expect([...read.filter((packet) => packet !== undefined), ...readAll(decoder)]).toEqual(packets);
        }),
        { seed: SEED, numRuns: 200 },
      );
    },
  );
});
