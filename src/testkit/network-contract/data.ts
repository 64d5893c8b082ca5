// Laws about bytes: order, ownership, backpressure, pause and resume.
import { ensure } from '../compare.js';
import { ensureSame, LARGE_BYTES, pattern, size } from './bytes.js';
import type { RecordingHandler } from './recording.js';
import { settle } from './scenario.js';
import type { Law } from './scenario.js';

export const DATA_LAWS: readonly Law[] = [
  [
    'bytes go both ways unchanged and in order',
    async (scenario) => {
      const { peer, channel, handler } = await scenario.connected();
      handler.onData = (chunk) => {
        handler.during(() => channel.write(chunk));
      };
      peer.write(Uint8Array.of(1, 2, 3));
      peer.write(Uint8Array.of(4, 5));
      await scenario.until('five bytes did not come back', () => size(peer.received) === 5);
      ensureSame('what came back', Uint8Array.of(1, 2, 3, 4, 5), peer.received);
    },
  ],
  [
    'a chunk that was passed to data is never changed afterwards',
    async (scenario) => {
      const { peer, handler } = await scenario.connected();
      for (let round = 1; round <= 20; round++) {
        peer.write(new Uint8Array(1000).fill(round));
        await scenario.until('bytes did not arrive', () => size(handler.chunks) === round * 1000);
      }
      const expected = new Uint8Array(20_000).map((_, index) => Math.floor(index / 1000) + 1);
      ensureSame('the chunks, checked later', expected, handler.chunks);
    },
  ],
  [
    'write returns false while the peer does not read, and drained follows once everything has left',
    async (scenario) => {
      const { peer, channel, handler } = await scenario.connected();
      peer.pauseReading();
      const sent = pattern(LARGE_BYTES);
      ensure(
        !handler.during(() => channel.write(sent)),
        `write returned true for ${String(LARGE_BYTES)} bytes to a peer that does not read`,
      );
      ensure(
        channel.sentBytes < LARGE_BYTES,
        `sentBytes is ${String(channel.sentBytes)} although the peer has not read ${String(LARGE_BYTES)} bytes`,
      );
      ensure(handler.drainedCalls === 0, 'drained was called while bytes are waiting');
      peer.resumeReading();
      await scenario.until('drained was not called', () => countDrained(handler) > 0);
      ensure(
        channel.sentBytes >= LARGE_BYTES,
        `sentBytes is ${String(channel.sentBytes)} at drained, expected at least ${String(LARGE_BYTES)}`,
      );
      await scenario.until('not everything arrived', () => size(peer.received) >= LARGE_BYTES);
      ensureSame('what the peer received', sent, peer.received);
      ensure(countDrained(handler) === 1, `drained was called ${String(handler.drainedCalls)} times, expected once`);
    },
  ],
  [
    'write returns true for small writes to a peer that reads',
    async (scenario) => {
      const { peer, channel, handler } = await scenario.connected();
      const bytes = Uint8Array.from({ length: 100 }, (_, index) => index);
      for (const byte of bytes)
        ensure(
          handler.during(() => channel.write(Uint8Array.of(byte))),
          `write number ${String(byte + 1)} of one byte returned false`,
        );
      await scenario.until('not everything arrived', () => size(peer.received) >= bytes.length);
      ensureSame('what the peer received', bytes, peer.received);
      ensure(handler.drainedCalls === 0, 'drained was called although no write had returned false');
    },
  ],
  [
    'pause holds the peer back, and resume delivers everything',
    async (scenario) => {
      const { peer, channel, handler } = await scenario.connected();
      handler.during(() => {
        channel.pause();
      });
      const sent = pattern(LARGE_BYTES);
      peer.write(sent);
      await settle();
      ensure(size(handler.chunks) < LARGE_BYTES, `${String(LARGE_BYTES)} bytes came through a paused channel`);
      handler.during(() => {
        channel.resume();
      });
      await scenario.until('not everything arrived after resume', () => size(handler.chunks) >= LARGE_BYTES);
      ensureSame('what arrived', sent, handler.chunks);
    },
  ],
  [
    'connections are independent of each other',
    async (scenario) => {
      const address = await scenario.listen();
      const first = await scenario.connect(address);
      const second = await scenario.connect(address);
      first.peer.write(Uint8Array.of(1));
      second.peer.write(Uint8Array.of(2));
      first.channel.write(Uint8Array.of(11));
      second.channel.write(Uint8Array.of(22));
      await scenario.until('a byte did not arrive', () =>
        [first, second].every(({ peer, handler }) => size(peer.received) === 1 && size(handler.chunks) === 1),
      );
      ensureSame('bytes of the first connection', Uint8Array.of(1, 11), [
        ...first.handler.chunks,
        ...first.peer.received,
      ]);
      ensureSame('bytes of the second connection', Uint8Array.of(2, 22), [
        ...second.handler.chunks,
        ...second.peer.received,
      ]);
      first.channel.close(0);
      await scenario.untilClosed(first);
      ensure(second.handler.closings.length === 0, 'the end of one connection ended another');
    },
  ],
];

/** A call instead of a property, because the compiler does not expect the value to change between two checks. */
const countDrained = (handler: RecordingHandler): number => handler.drainedCalls;
