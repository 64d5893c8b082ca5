// Records of queues: the header, and the entries.
import type { Message, QoS, QueueAppend } from 'hexmq/ports';
import { readMessage, writeMessage } from './message-records.js';
import { RecordReader, recordWriter } from './record-bytes.js';

export interface QueueRecord {
  readonly number: number;
  /** No entry is below `head`, and none at or above `tail`. */
  readonly head: number;
  readonly tail: number;
  readonly count: number;
  /** Of the payloads that are not released. */
  readonly bytes: number;
}

/** An entry, with its message in it or the number of the body that holds it. */
export interface EntryRecord {
  readonly qos: QoS;
  readonly retain: boolean;
  readonly identifiers: readonly number[] | undefined;
  /** Of the payload. */
  readonly bytes: number;
  /** 0 if the message is in the entry. */
  readonly body: number;
  readonly message: Message | undefined;
}

export const encodeQueue = ({ number, head, tail, count, bytes }: QueueRecord): Buffer =>
  recordWriter.begin().uint48(number).uint53(head).uint53(tail).uint53(count).uint53(bytes).end();

export function decodeQueue(record: Buffer): QueueRecord {
  const reader = new RecordReader(record);
  return {
    number: reader.uint48(),
    head: reader.uint53(),
    tail: reader.uint53(),
    count: reader.uint53(),
    bytes: reader.uint53(),
  };
}

const EntryFlag = { retain: 1 << 2, identifiers: 1 << 3, body: 1 << 4 } as const;

/** @param body the number of the message's body, or 0 to put the message into the entry. */
export function encodeEntry({ message, qos, retain, identifiers }: QueueAppend, body: number): Buffer {
  recordWriter
    .begin()
    .byte(
      qos |
        (retain ? EntryFlag.retain : 0) |
        (identifiers === undefined ? 0 : EntryFlag.identifiers) |
        (body === 0 ? 0 : EntryFlag.body),
    )
    .uint32(message.payload.byteLength);
  if (identifiers !== undefined) {
    recordWriter.length(identifiers.length);
    for (const identifier of identifiers) recordWriter.length(identifier);
  }
  return body === 0 ? writeMessage(message).end() : recordWriter.uint48(body).end();
}

export function decodeEntry(record: Buffer): EntryRecord {
  const reader = new RecordReader(record);
  const flags = reader.byte();
  const bytes = reader.uint32();
  let identifiers: number[] | undefined;
  if ((flags & EntryFlag.identifiers) !== 0) {
    identifiers = [];
    for (let left = reader.length(); left > 0; left--) identifiers.push(reader.length());
  }
  const isInBody = (flags & EntryFlag.body) !== 0;
  const body = isInBody ? reader.uint48() : 0;
  return {
    qos: (flags & 3) as QoS,
    retain: (flags & EntryFlag.retain) !== 0,
    identifiers,
    bytes,
    body,
    message: isInBody ? undefined : readMessage(reader),
  };
}

/** The part of an entry that its removal needs. */
export function entryWeight(record: Buffer): { readonly bytes: number; readonly body: number } {
  const reader = new RecordReader(record);
  const flags = reader.byte();
  const bytes = reader.uint32();
  if ((flags & EntryFlag.body) === 0) return { bytes, body: 0 };
  if ((flags & EntryFlag.identifiers) !== 0) for (let left = reader.length(); left > 0; left--) reader.length();
  return { bytes, body: reader.uint48() };
}
