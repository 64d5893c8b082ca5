// A batch as it stands in the journal: one string of bytes, so that it can be cut into documents wherever one is full and put together again.
// It is a row of BSON documents; a message stands before the first change that has it, once, and its payload, which may be larger than any
// document, stands as it is behind the message.
import { BSON } from 'mongodb';
import type { Change, Message, QoS } from 'hexmq/ports';
import type { MessageFields } from './collections.js';
import { DamagedDocument } from './errors.js';

/** Changes that are encoded or decoded at once: between two lots whoever else waits for the event loop has a turn. */
const LOT = 1024;

export const othersTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A message of a batch: changes that have the same one have the same object. */
export interface BatchMessage {
  readonly fields: MessageFields;
  readonly payload: Uint8Array;
  /** Its place among the messages of the batch, and how many changes have it. */
  readonly place: number;
  uses: number;
}

type WithMessage = 'queue.append' | 'retained.put' | 'will.put';

/** A change as it comes back: as it was, with the batch's own message where there is one. */
export type StoredChange =
  | Exclude<Change, { readonly kind: WithMessage }>
  | {
      readonly kind: 'queue.append';
      readonly queue: string;
      readonly seq: number;
      readonly message: BatchMessage;
      readonly qos: QoS;
      readonly retain: boolean;
      readonly identifiers?: readonly number[];
    }
  | { readonly kind: 'retained.put'; readonly message: BatchMessage }
  | {
      readonly kind: 'will.put';
      readonly clientId: string;
      readonly message: BatchMessage;
      readonly delayS: number;
      readonly dueAtMs?: number;
    };

type Frame =
  | { readonly kind: 'message'; readonly fields: MessageFields; readonly bytes: number }
  | (Record<string, unknown> & { readonly kind: Change['kind']; readonly message?: number });

/** With payloads and everything else copied: nothing that was lent is kept. */
export async function encodeBatch(batch: readonly Change[]): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  const places = new Map<Message, number>();
  const frame = (value: Frame): void => {
    pieces.push(BSON.serialize(value, { ignoreUndefined: true }));
  };
  const placeOf = (message: Message): number => {
    let place = places.get(message);
    if (place === undefined) {
      places.set(message, (place = places.size));
      frame({ kind: 'message', fields: fieldsOf(message), bytes: message.payload.byteLength });
      pieces.push(message.payload);
    }
    return place;
  };
  for (let i = 0; i < batch.length; i++) {
    if (i > 0 && i % LOT === 0) await othersTurn();
    const change = batch[i] as Change;
    switch (change.kind) {
      case 'queue.append': {
        const { kind, queue, seq, qos, retain, identifiers } = change;
        frame({ kind, queue, seq, message: placeOf(change.message), qos, retain, identifiers });
        break;
      }
      case 'retained.put':
        frame({ kind: change.kind, message: placeOf(change.message) });
        break;
      case 'will.put': {
        const { clientId, message, delayS, dueAtMs } = change.will;
        frame({ kind: change.kind, clientId, message: placeOf(message), delayS, dueAtMs });
        break;
      }
      case 'queue.remove':
        frame({ kind: change.kind, queue: change.queue, seq: change.seq });
        break;
      case 'queue.trim':
        frame({ kind: change.kind, queue: change.queue, through: change.through });
        break;
      case 'session.put':
      case 'session.drop':
      case 'subscription.put':
      case 'subscription.drop':
      case 'queue.release':
      case 'queue.drop':
      case 'inbound.put':
      case 'inbound.drop':
      case 'retained.drop':
      case 'will.drop':
        frame({ ...change });
        break;
    }
  }
  return Buffer.concat(pieces);
}

/** @throws DamagedDocument when they are not what `encodeBatch` makes. */
export async function decodeBatch(bytes: Uint8Array): Promise<StoredChange[]> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const messages: BatchMessage[] = [];
  const changes: StoredChange[] = [];
  const take = (from: number, length: number): Uint8Array => {
    if (length < 0 || from + length > bytes.byteLength)
      throw new DamagedDocument('a batch of the journal ends too early');
    return bytes.subarray(from, from + length);
  };
  for (let at = 0, count = 0; at < bytes.byteLength; count++) {
    if (count > 0 && count % LOT === 0) await othersTurn();
    if (at + 5 > bytes.byteLength) throw new DamagedDocument('a batch of the journal ends too early');
    const size = view.getInt32(at, true);
    const frame = readFrame(take(at, size));
    at += size;
    if (frame.kind === 'message') {
      const { fields, bytes: length } = frame;
      messages.push({ fields, payload: take(at, length), place: messages.length, uses: 0 });
      at += length;
      continue;
    }
    if (frame.message === undefined) {
      changes.push(frame as unknown as StoredChange);
      continue;
    }
    const message = messages[frame.message];
    if (message === undefined)
      throw new DamagedDocument('a batch of the journal names a message that it does not have');
    message.uses++;
    changes.push({ ...frame, message } as unknown as StoredChange);
  }
  return changes;
}

function readFrame(bytes: Uint8Array): Frame {
  try {
    return BSON.deserialize(bytes, { promoteBuffers: true }) as Frame;
  } catch (error) {
    throw new DamagedDocument('a batch of the journal cannot be read', { cause: error });
  }
}

function fieldsOf({
  id,
  topic,
  qos,
  retain,
  properties,
  publisher,
  acceptedAtMs,
  expiresAtMs,
}: Message): MessageFields {
  return {
    id,
    topic,
    qos,
    retain,
    acceptedAtMs,
    ...(properties === undefined ? {} : { properties }),
    ...(publisher === undefined ? {} : { publisher }),
    ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
  };
}
