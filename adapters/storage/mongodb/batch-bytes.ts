// A batch as it stands in the journal: one string of bytes, so that it can be cut into documents wherever one is full
// and put together again. It is a sequence of BSON documents. A message stands once, before the first change that
// refers to it, and its payload, which may be larger than any document, follows the message as plain bytes.
import { BSON } from 'mongodb';
import type { Change, Message, MessageDraft, QoS } from 'hexmq/ports';
import { propertyFields } from './property-fields.js';
import { CHUNK, yieldToEventLoop } from './chunks.js';
import type { DraftFields, MessageFields } from './collections.js';
import { DamagedDocument } from './errors.js';

/** A message of a batch. Changes with the same message share one object. */
export interface BatchMessage<Fields extends DraftFields = MessageFields> {
  readonly fields: Fields;
  readonly payload: Uint8Array;
  /** The position among the messages of the batch. */
  readonly index: number;
  /** The number of changes that refer to it. */
  uses: number;
}

type WithMessage = 'queue.append' | 'retained.put' | 'will.put';

/** A change as it is decoded: as it was, with the batch's own message instead of the core's. */
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
      readonly message: BatchMessage<DraftFields>;
      readonly delayS: number;
      readonly dueAtMs?: number;
    };

type Frame =
  | { readonly kind: 'message'; readonly fields: DraftFields; readonly bytes: number }
  | (Record<string, unknown> & { readonly kind: Change['kind']; readonly message?: number });

/** Copies payloads and everything else: the batch may change when this has resolved. */
export async function encodeBatch(batch: readonly Change[]): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  const indexes = new Map<MessageDraft, number>();
  const frame = (value: Frame): void => {
    pieces.push(BSON.serialize(value, { ignoreUndefined: true }));
  };
  const add = (message: MessageDraft, fields: DraftFields): number => {
    const index = indexes.size;
    indexes.set(message, index);
    frame({ kind: 'message', fields, bytes: message.payload.byteLength });
    pieces.push(message.payload);
    return index;
  };
  const indexOf = (message: Message): number => indexes.get(message) ?? add(message, fieldsOf(message));
  for (let i = 0; i < batch.length; i++) {
    if (i > 0 && i % CHUNK === 0) await yieldToEventLoop();
    const change = batch[i] as Change;
    switch (change.kind) {
      case 'queue.append': {
        const { kind, queue, seq, qos, retain, identifiers } = change;
        frame({ kind, queue, seq, message: indexOf(change.message), qos, retain, identifiers });
        break;
      }
      case 'retained.put':
        frame({ kind: change.kind, message: indexOf(change.message) });
        break;
      case 'will.put': {
        const { clientId, message, delayS, dueAtMs } = change.will;
        frame({ kind: change.kind, clientId, message: add(message, draftFieldsOf(message)), delayS, dueAtMs });
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

/** @throws DamagedDocument if the bytes are not what `encodeBatch` returns. */
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
    if (count > 0 && count % CHUNK === 0) await yieldToEventLoop();
    if (at + 5 > bytes.byteLength) throw new DamagedDocument('a batch of the journal ends too early');
    const size = view.getInt32(at, true);
    const frame = readFrame(take(at, size));
    at += size;
    if (frame.kind === 'message') {
      const { fields, bytes: length } = frame;
      messages.push({ fields: fields as MessageFields, payload: take(at, length), index: messages.length, uses: 0 });
      at += length;
      continue;
    }
    if (frame.message === undefined) {
      changes.push(frame as unknown as StoredChange);
      continue;
    }
    const message = messages[frame.message];
    if (message === undefined)
      throw new DamagedDocument('a batch of the journal refers to a message that it does not have');
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

const draftFieldsOf = ({ topic, qos, retain, properties }: MessageDraft): DraftFields => ({
  topic,
  qos,
  retain,
  ...(properties === undefined ? {} : { properties: propertyFields(properties) }),
});

function fieldsOf(message: Message): MessageFields {
  const { id, publisher, acceptedAtMs, expiresAtMs } = message;
  return {
    id,
    ...draftFieldsOf(message),
    acceptedAtMs,
    ...(publisher === undefined ? {} : { publisher }),
    ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
  };
}
