// Damaged streams: for any input, the decoder returns packets or throws a MalformedPacketError, within its memory
// limit.
import { describe, expect, test } from '@jest/globals';
import { PacketDecoder } from '../../../src/protocol/decoder.js';
import { MalformedPacketError } from '../../../src/protocol/malformed.js';
import { decoderOf } from '../../support/decoding.js';
import { CONNECT, MALFORMED_PACKETS, VALID_PACKETS } from '../../support/packets.js';

/** Mulberry32: small, seeded, good enough to damage packets with. */
function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

type Random = (below: number) => number;

const SAMPLES = [...VALID_PACKETS, ...MALFORMED_PACKETS];

function damaged(bytes: Uint8Array, random: Random): Uint8Array {
  const at = random(bytes.length);
  switch (random(5)) {
    case 0: {
      const flipped = bytes.slice();
      flipped[at] = (flipped[at] as number) ^ (1 << random(8));
      return flipped;
    }
    case 1:
      return bytes.subarray(0, at);
    case 2:
      return Buffer.concat([bytes.subarray(0, at), Uint8Array.of(random(256)), bytes.subarray(at)]);
    case 3:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)]);
    default: {
      const replaced = bytes.slice();
      replaced[at] = random(256);
      return replaced;
    }
  }
}

const LIMIT = 512;

interface Tally {
  packets: number;
  failures: number;
}

/** Feeds the stream in random chunks and sees to it that the decoder stays within its rules. */
function feed(decoder: PacketDecoder, stream: Uint8Array, random: Random, tally: Tally): void {
  let failure: unknown;
  for (let at = 0; at < stream.length;) {
    const chunk = stream.subarray(at, at + 1 + random(random(4) === 0 ? 200 : 8));
    at += chunk.length;
    decoder.push(chunk);
    try {
      // A packet takes at least two bytes, so more rounds than bytes mean that the decoder hangs.
      for (let rounds = 0; decoder.read() !== undefined; rounds++) {
        tally.packets++;
        if (rounds > stream.length) throw new Error('more packets than bytes');
      }
    } catch (error) {
      if (!(error instanceof MalformedPacketError)) throw error;
      if (failure !== undefined && failure !== error) throw new Error('another error than before');
      failure ??= error;
    }
    if (decoder.bufferedBytes > LIMIT + chunk.length) throw new Error(`${decoder.bufferedBytes} bytes are kept`);
    if (failure !== undefined && decoder.bufferedBytes > 0) throw new Error('bytes are kept after a failure');
  }
  if (failure !== undefined) tally.failures++;
}

function attempt(seed: number, run: () => void): void {
  try {
    run();
  } catch (error) {
    throw new Error(`seed ${seed}`, { cause: error });
  }
}

describe('decoding damaged bytes', () => {
  test.each([
    [3, 'client'],
    [4, 'client'],
    [5, 'client'],
    [4, 'server'],
    [5, 'server'],
  ] as const)(
    'damaged packets of version %d from a %s decode, or throw a MalformedPacketError, within the limit',
    (version, from) => {
      const own = SAMPLES.filter((sample) => sample.version === version && sample.from === from);
      const tally: Tally = { packets: 0, failures: 0 };
      for (let seed = 0; seed < 6000; seed++) {
        attempt(seed, () => {
          const random = randomOf(seed);
          const parts = Array.from({ length: 1 + random(5) }, () => {
            const { bytes } = own[random(own.length)] as (typeof own)[number];
            return random(2) === 0 ? bytes : damaged(bytes, random);
          });
          feed(decoderOf(from, version, LIMIT), Buffer.concat(parts), random, tally);
        });
      }
      expect(tally.packets).toBeGreaterThan(1000);
      expect(tally.failures).toBeGreaterThan(1000);
    },
  );

  test('damaged CONNECTs decode, or throw a MalformedPacketError, within the limit', () => {
    const tally: Tally = { packets: 0, failures: 0 };
    const connects = SAMPLES.filter(({ bytes, from }) => from === 'client' && (bytes[0] as number) >> 4 === 1);
    for (let seed = 0; seed < 10_000; seed++) {
      attempt(seed, () => {
        const random = randomOf(seed);
        let { bytes } = connects[random(connects.length)] as (typeof connects)[number];
        for (let times = random(3); times > 0 && bytes.length > 0; times--) bytes = damaged(bytes, random);
        feed(new PacketDecoder({ maxPacketSize: LIMIT }), bytes, random, tally);
      });
    }
    expect(tally.packets).toBeGreaterThan(500);
    expect(tally.failures).toBeGreaterThan(1000);
  });

  test('random bytes, alone or after a CONNECT, decode or throw a MalformedPacketError, within the limit', () => {
    const tally: Tally = { packets: 0, failures: 0 };
    for (let seed = 0; seed < 10_000; seed++) {
      attempt(seed, () => {
        const random = randomOf(seed);
        const noise = Uint8Array.from({ length: 1 + random(60) }, () => random(256));
        const stream = random(4) === 0 ? noise : Buffer.concat([CONNECT[(3 + random(3)) as 3 | 4 | 5], noise]);
        feed(new PacketDecoder({ maxPacketSize: LIMIT }), stream, random, tally);
      });
    }
    expect(tally.failures).toBeGreaterThan(5000);
  });
});
