// A message that is encoded once and copied has the same bytes as one that is encoded for each subscriber.
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { OutputBuffer } from '../../../src/application/output-buffer.js';
import { PublishEncoder } from '../../../src/application/publish-encoder.js';
import { outgoingProperties } from '../../../src/application/publish-properties.js';
import type { Message } from '../../../src/domain/messages/message.js';
import type { MessageId, TopicName } from '../../../src/domain/identifiers.js';
import type { QoS } from '../../../src/protocol/packets.js';

const NOW_MS = 1_700_000_000_000;

const message = (id: number, changes: Partial<Message> = {}): Message => ({
  id: id as MessageId,
  topic: `t/${id}` as TopicName,
  payload: new Uint8Array(id * 7).fill(id),
  qos: 2,
  retain: false,
  properties: undefined,
  publisher: undefined,
  acceptedAtMs: 0,
  expiresAtMs: undefined,
  ...changes,
});

test('a copied packet has the bytes of one that was encoded for its subscriber alone', () => {
  const messages = [message(1), message(2), message(3, { expiresAtMs: NOW_MS + 1500 })];
  const delivery = fc.record({
    of: fc.nat(2),
    to: fc.nat(2),
    version: fc.constantFrom(3, 4, 5) as fc.Arbitrary<3 | 4 | 5>,
    qos: fc.nat(2) as fc.Arbitrary<QoS>,
    retain: fc.boolean(),
    dup: fc.boolean(),
    packetId: fc.integer({ min: 1, max: 65_535 }),
    identifiers: fc.constantFrom(undefined, undefined, [7]),
  });
  fc.assert(
    fc.property(fc.array(delivery, { maxLength: 30 }), (deliveries) => {
      const shared = new PublishEncoder();
      const outputs = [new OutputBuffer(), new OutputBuffer(), new OutputBuffer()];
      const alone = [new OutputBuffer(), new OutputBuffer(), new OutputBuffer()];
      for (const { of, to, version, qos, retain, dup, packetId, identifiers } of deliveries) {
        const options = { qos, retain, identifiers };
        const rest = [version, messages[of] as Message, options, dup, qos === 0 ? 0 : packetId, NOW_MS] as const;
        shared.write(outputs[to] as OutputBuffer, ...rest);
        new PublishEncoder().write(alone[to] as OutputBuffer, ...rest);
      }
      const hex = (buffers: OutputBuffer[]): string[] => buffers.map((buffer) => buffer.take().toString('hex'));
      expect(hex(outputs)).toEqual(hex(alone));
    }),
  );
});

test('a subscriber gets what is left of the lifetime of a message, rounded up, and never less than nothing', () => {
  const left = (ms: number): number | undefined =>
    outgoingProperties(message(1, { expiresAtMs: NOW_MS + ms }), undefined, NOW_MS)?.messageExpiryInterval;
  expect([60_000, 1500, 1, 0, -5000].map(left)).toEqual([60, 2, 1, 0, 0]);
});

test('a message without a lifetime has the properties of its publisher, and the subscriptions that it matched', () => {
  const properties = { contentType: 'text/plain' };
  expect(outgoingProperties(message(1, { properties }), undefined, NOW_MS)).toBe(properties);
  expect(outgoingProperties(message(1, { properties }), [3, 4], NOW_MS)).toEqual({
    contentType: 'text/plain',
    subscriptionIdentifiers: [3, 4],
  });
});
