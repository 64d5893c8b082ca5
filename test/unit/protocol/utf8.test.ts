// UTF-8 strings on the wire: which bytes are well-formed, compared with TextDecoder and Buffer.
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { MalformedPacketError } from '../../../src/protocol/malformed.js';
import { decodeUtf8, encodeUtf8, isPlain, skipPlain, utf8Length } from '../../../src/protocol/utf8.js';
import { wire } from '../../support/packets.js';

const decode = (bytes: Uint8Array): string => decodeUtf8(bytes, 0, bytes.length);

/** The result of the platform's decoder, which shares no code with ours. */
function platform(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function ours(bytes: Uint8Array): string | undefined {
  try {
    return decode(bytes);
  } catch (error) {
    if (error instanceof MalformedPacketError) return undefined;
    throw error;
  }
}

describe('decoding UTF-8', () => {
  test.each([
    ['nothing', '', ''],
    ['ASCII', "'sensor/1'", 'sensor/1'],
    ['control characters, which are discouraged but allowed', '01 1f 7f c280', '\u0001\u001F\u007F\u0080'],
    ['[MQTT-1.5.3-3] U+FEFF at the beginning', "efbbbf 'a'", '\uFEFFa'],
    ['the last character before the surrogates', 'ed9fbf', '\uD7FF'],
    ['the first character after the surrogates', 'ee8080', '\uE000'],
    ['a non-character', 'efbfbf', '\uFFFF'],
    ['the first character of four bytes', 'f0908080', '\u{10000}'],
    ['the last character of all', 'f48fbfbf', '\u{10FFFF}'],
  ])('decoding accepts %s', (_name, notation, text) => {
    expect(decode(wire(notation))).toBe(text);
  });

  test.each([
    ['a lone continuation byte', '80'],
    ['a slash in two bytes', 'c0af'],
    ['a letter in two bytes', 'c181'],
    ['an overlong form of three bytes', 'e09fbf'],
    ['an overlong form of four bytes', 'f08fbfbf'],
    ['the first surrogate', 'eda080'],
    ['the last surrogate', 'edbfbf'],
    ['a pair of surrogates, as Java writes it', 'eda0bdedb882'],
    ['U+110000', 'f4908080'],
    ['a lead byte that was never valid', 'f8888080'],
    ['FF', 'ff'],
    ['a lead byte at the end', "'a' c3"],
    ['three bytes of four', 'f09f98'],
    ['a lead byte in place of a continuation', 'e2c3a4'],
    ['a letter in place of the last continuation', "e282 'a'"],
  ])('[MQTT-1.5.3-1] decoding refuses %s', (_name, notation) => {
    expect(() => decode(wire(notation))).toThrow(expect.objectContaining({ code: 'utf8-invalid' }));
  });

  test('[MQTT-1.5.3-2] decoding refuses U+0000 at any position', () => {
    for (const notation of ['00', "'a' 00", 'c3a4 00', "00 'b'"]) {
      expect(() => decode(wire(notation))).toThrow(expect.objectContaining({ code: 'utf8-null-character' }));
    }
  });

  test('decoding agrees with TextDecoder on every non-ASCII sequence of two bytes, and on many longer ones', () => {
    const disagreements: Uint8Array[] = [];
    const check = (bytes: Uint8Array): void => {
      if (!bytes.includes(0) && ours(bytes) !== platform(bytes)) disagreements.push(bytes);
    };
    for (let first = 0x80; first < 256; first++) {
      check(Uint8Array.of(first));
      for (let second = 1; second < 256; second++) check(Uint8Array.of(first, second));
    }
    for (const lead of [0xe0, 0xe1, 0xed, 0xef, 0xf0, 0xf1, 0xf4, 0xf5]) {
      for (let second = 1; second < 256; second++) {
        for (const third of [0x7f, 0x80, 0xbf, 0xc0]) {
          check(Uint8Array.of(lead, second, third));
          for (const fourth of [0x41, 0x80, 0xbf, 0xc2]) check(Uint8Array.of(lead, second, third, fourth));
        }
      }
    }
    expect(disagreements).toEqual([]);
  });
});

test('text is plain if every byte of it is, wherever it lies and however long it is', () => {
  const words = new Uint8Array(24).fill(0x41);
  for (const odd of [0x00, 0x01, 0x7f, 0x80, 0xff]) {
    for (let from = 0; from < 8; from++)
      for (let to = from; to <= 20; to++)
        for (let at = 0; at < words.length; at++) {
          const bytes = words.slice();
          bytes[at] = odd;
          const isWhole = skipPlain(bytes, from, to) === to;
          if (isPlain(new DataView(bytes.buffer), from, to) !== isWhole)
            throw new Error(
              `0x${odd.toString(16)} at ${at}, from ${from} to ${to}: ${isWhole ? 'plain' : 'not plain'}`,
            );
        }
  }
});

describe('encoding UTF-8', () => {
  test('encoding gives the same bytes as Buffer, and they decode to the same text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (drawn) => {
        const text = drawn.replaceAll('\0', '0');
        const bytes = encodeUtf8(text);
        expect(Buffer.compare(bytes, Buffer.from(text))).toBe(0);
        expect(utf8Length(text)).toBe(bytes.length);
        expect(decode(bytes)).toBe(text);
      }),
      { seed: 1, numRuns: 500 },
    );
  });

  test.each([
    ['U+0000', 'a\0b'],
    ['a high surrogate at the end', 'a\uD83D'],
    ['a high surrogate before a letter', '\uD83Da'],
    ['a low surrogate alone', '\uDE00'],
    ['two bytes too many', 'x'.repeat(65_534) + '€'],
  ])('encoding refuses %s', (_name, text) => {
    expect(() => encodeUtf8(text)).toThrow(RangeError);
  });

  test('a string of exactly 65,535 bytes can be encoded', () => {
    expect(encodeUtf8('x'.repeat(65_532) + '€')).toHaveLength(65_535);
  });
});
