// What a message that waits holds of the bytes that it came in.
import { expect, test } from '@jest/globals';
import { detachPayload } from '../../../src/domain/messages/message.js';
import type { MessageDraft } from '../../../src/domain/messages/message.js';

const draft = (payload: Uint8Array): MessageDraft => ({ payload }) as MessageDraft;

test('a message that waits has a copy of a payload that is a part of a larger buffer, whatever class it has', () => {
  const chunk = new Uint8Array([1, 2, 3, 4]);
  // The slice of a Buffer, which an interceptor may have made, is no copy.
  for (const part of [chunk.subarray(1, 3), Buffer.from(chunk.buffer, 1, 2)]) {
    const message = draft(part);
    detachPayload(message);
    chunk[1] = 9;
    expect([...message.payload]).toEqual([2, 3]);
    expect(message.payload.buffer.byteLength).toBe(2);
    chunk[1] = 2;
  }
});

test('a payload that is the whole of its buffer is not copied', () => {
  const payload = new Uint8Array([1]);
  const message = draft(payload);
  detachPayload(message);
  expect(message.payload).toBe(payload);
});
