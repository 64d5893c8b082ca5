// Laws about the end of a connection, by either side.
import { ensure } from '../compare.js';
import { ensureSame, LARGE_BYTES, pattern, size } from './bytes.js';
import type { RecordingHandler } from './recording.js';
import { settle } from './scenario.js';
import type { Law } from './scenario.js';

/** A grace period that no test waits for. */
const LONG_MS = 20_000;
const SHORT_MS = 50;

export const CLOSING_LAWS: readonly Law[] = [
  [
    'close with a grace period sends what was written, then ends',
    async (scenario) => {
      const connection = await scenario.connected();
      const { peer, channel, handler } = connection;
      const sent = pattern(LARGE_BYTES);
      handler.during(() => {
        channel.write(sent);
        channel.close(LONG_MS);
      });
      await scenario.untilClosed(connection);
      ensureSame('what the peer received', sent, peer.received);
      ensureOrderlyEnd(handler);
    },
  ],
  [
    'close with a grace period ends after it even if the peer does not read',
    async (scenario) => {
      const connection = await scenario.connected();
      const { peer, channel, handler } = connection;
      peer.pauseReading();
      handler.during(() => {
        channel.write(pattern(LARGE_BYTES));
        channel.close(SHORT_MS);
      });
      await scenario.until('closed was not called', () => handler.closings.length > 0);
      peer.resumeReading();
      await scenario.untilClosed(connection);
      ensure(
        size(peer.received) < LARGE_BYTES,
        'everything reached a peer that did not read, so the law could not be tested',
      );
    },
  ],
  [
    'close without a grace period ends at once, and closed is called later',
    async (scenario) => {
      const connection = await scenario.connected();
      const { channel, handler } = connection;
      handler.during(() => {
        channel.close(0);
      });
      await scenario.untilClosed(connection);
      ensureOrderlyEnd(handler);
    },
  ],
  [
    'close without a grace period cuts short an earlier close with one',
    async (scenario) => {
      const connection = await scenario.connected();
      const { peer, channel, handler } = connection;
      peer.pauseReading();
      handler.during(() => {
        channel.write(pattern(LARGE_BYTES));
        channel.close(LONG_MS);
        channel.close(0);
      });
      await scenario.until('closed was not called', () => handler.closings.length > 0);
      peer.resumeReading();
      await scenario.untilClosed(connection);
    },
  ],
  [
    'after close, no data is delivered, and writes return true without effect',
    async (scenario) => {
      const connection = await scenario.connected();
      const { peer, channel, handler } = connection;
      peer.pauseReading();
      const sent = pattern(LARGE_BYTES);
      handler.during(() => {
        channel.write(sent);
        channel.close(LONG_MS);
        ensure(channel.write(Uint8Array.of(1)), 'a write after close returned false, expected true');
      });
      peer.write(Uint8Array.of(9));
      await settle();
      peer.resumeReading();
      await scenario.untilClosed(connection);
      ensure(handler.chunks.length === 0, 'data was called after close');
      ensureSame('what the peer received', sent, peer.received);
      ensure(
        handler.during(() => channel.write(Uint8Array.of(1))),
        'a write after closed returned false, expected true',
      );
    },
  ],
  [
    'a peer that ends its side is read to the end, receives what was written, and is closed',
    async (scenario) => {
      const connection = await scenario.connected();
      const { peer, channel, handler } = connection;
      const sent = pattern(LARGE_BYTES);
      handler.during(() => channel.write(sent));
      peer.write(Uint8Array.of(7));
      peer.end();
      await scenario.untilClosed(connection);
      ensureSame('what was delivered', Uint8Array.of(7), handler.chunks);
      ensureOrderlyEnd(handler);
      ensureSame('what the peer received', sent, peer.received);
    },
  ],
  [
    'after a reset by the peer, closed is called once with an error, and the channel can still be called',
    async (scenario) => {
      const { peer, channel, handler } = await scenario.connected();
      peer.write(Uint8Array.of(7));
      await scenario.until('a byte did not arrive', () => size(handler.chunks) === 1);
      peer.reset();
      await scenario.until('closed was not called', () => handler.closings.length > 0);
      handler.during(() => {
        channel.write(Uint8Array.of(1));
        channel.close(10);
        channel.close(0);
        channel.pause();
        channel.resume();
      });
      await settle();
      ensure(
        handler.closings.length === 1,
        `closed was called ${String(handler.closings.length)} times, expected once`,
      );
      if (scenario.subject.reportsReset !== false)
        ensure(
          handler.closings[0] !== undefined,
          'closed was called without an error although the peer reset the connection',
        );
    },
  ],
];

function ensureOrderlyEnd({ closings }: RecordingHandler): void {
  ensure(closings.length === 1, `closed was called ${String(closings.length)} times, expected once`);
  ensure(
    closings[0] === undefined,
    `closed was called with ${String(closings[0])}, expected no error after an orderly end`,
  );
}
