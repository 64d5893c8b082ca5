// The memory of a message while it is forwarded and while it waits.
import { describe, expect, test } from '@jest/globals';
import type { Context } from '../../../../src/domain/context.js';
import { DEFAULT_LIMITS } from '../../../../src/domain/limits.js';
import { DeliveryCounters } from '../../../../src/domain/messages/delivery-counters.js';
import { Deadlines } from '../../../../src/domain/deadlines.js';
import { detachPayload } from '../../../../src/domain/messages/message.js';
import type { Message } from '../../../../src/domain/messages/message.js';
import type { Effects } from '../../../../src/domain/effects.js';
import { NOTHING_INTERCEPTED } from '../../../../src/domain/interception/verdict.js';
import { Journal } from '../../../../src/domain/journal.js';
import { deliveryOptions } from '../../../../src/domain/messages/delivery-options.js';
import { Recorder } from '../../../support/recorder.js';
import type { ClientId, ConnectionId, MessageId, QueueId, TopicName } from '../../../../src/domain/identifiers.js';
import type { Outbound } from '../../../../src/domain/session/outbound.js';
import { LiveSettings } from '../../../../src/application/settings.js';
import { WaitingMemory } from '../../../../src/domain/waiting-memory.js';
import { WorkQueue } from '../../../../src/domain/work-queue.js';
import { ClientOutput } from '../../../../src/domain/session/client-output.js';
import { Session } from '../../../../src/domain/session/session.js';

const CHUNK_BYTES = 65_536;

const messageIn = (chunk: Uint8Array, id: number): Message => ({
  id: id as MessageId,
  topic: 't' as TopicName,
  payload: chunk.subarray(id * 10, id * 10 + 10),
  qos: 1,
  retain: false,
  properties: undefined,
  publisher: undefined,
  acceptedAtMs: 0,
  expiresAtMs: undefined,
});

const contextOf = (delivered: Message[]): Context => ({
  changes: new Journal(new Recorder()),
  effects: { deliver: (_connection: ConnectionId, message: Message) => delivered.push(message) } as unknown as Effects,
  settings: new LiveSettings({ limits: DEFAULT_LIMITS, perListener: new Map() }),
  limits: DEFAULT_LIMITS,
  counters: new DeliveryCounters(),
  intercepted: NOTHING_INTERCEPTED,
  interceptedBytes: 0,
  trace: undefined,
  nowMs: 0,
  wallAheadMs: 0,
  lastRequest: 0,
  bufferedBytes: 0,
  leftBytes: 0,
  queued: 0,
  outboundInFlight: 0,
  inboundInFlight: 0,
  storedQueues: new WaitingMemory<QueueId>(new WorkQueue(), () => Infinity),
  deadlines: new Deadlines(),
  pressed: undefined,
  mayDrop: false,
  heldBytes: 0,
  memory: new WaitingMemory(new WorkQueue(), () => DEFAULT_LIMITS.maxWaitingBytes),
  waitingGroups: new Set(),
  work: new WorkQueue(),
  sliceSize: 500,
  sliceLeft: 500,
});

const outboundOf = (stored: boolean, delivered: Message[] = []): Outbound => {
  const expiryTimer = { name: 'session expiry', expired: () => undefined };
  return new Session('c' as ClientId, 0, contextOf(delivered), expiryTimer, stored).outbound;
};

/** Attaches a client that takes one message before it acknowledges. */
function attach(outbound: Outbound): void {
  const output = new ClientOutput(1 as ConnectionId, outbound.context);
  output.window.open({ initialInflight: 1, maxInflight: 1 });
  outbound.attach(output);
}

describe('the payload of a message', () => {
  test('the payload of a message that is kept is copied once, into a buffer of its own', () => {
    const chunk = new Uint8Array(CHUNK_BYTES).fill(7);
    const message = messageIn(chunk, 1);
    detachPayload(message);
    const kept = message.payload;
    expect(kept).toEqual(new Uint8Array(10).fill(7));
    expect(kept.buffer.byteLength).toBe(10);
    detachPayload(message);
    expect(message.payload).toBe(kept);
  });

  test('the payload of a message is forwarded without a copy, and copied out of its chunk if it has to wait', () => {
    const delivered: Message[] = [];
    const outbound = outboundOf(false, delivered);
    attach(outbound);
    const chunk = new Uint8Array(CHUNK_BYTES);
    const [first, second] = [messageIn(chunk, 1), messageIn(chunk, 2)];
    outbound.push(first, deliveryOptions(1, false, undefined), undefined);
    outbound.push(second, deliveryOptions(1, false, undefined), undefined);
    expect(first.payload.buffer.byteLength).toBe(CHUNK_BYTES);
    expect(second.payload.buffer.byteLength).toBe(10);
    outbound.acknowledged(1, 0);
    expect(delivered).toEqual([first, second]);
  });

  test('the payload of a message is not copied if it only goes to storage, and is copied if it is also kept for a client', () => {
    const chunk = new Uint8Array(CHUNK_BYTES);
    const [away, here] = [messageIn(chunk, 1), messageIn(chunk, 2)];
    outboundOf(true).push(away, deliveryOptions(1, false, undefined), undefined);
    expect(away.payload.buffer.byteLength).toBe(CHUNK_BYTES);
    const outbound = outboundOf(true);
    attach(outbound);
    outbound.push(here, deliveryOptions(1, false, undefined), undefined);
    expect(here.payload.buffer.byteLength).toBe(10);
  });
});
