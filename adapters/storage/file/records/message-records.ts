// Records that hold a message (bodies and wills) or stand for one (reference counts and the retained table).
import type { Message, MessageDraft, QoS, WillRecord } from 'hexmq/ports';
import { readProperties, writeProperties } from './property-records.js';
import { RecordReader, recordWriter } from './record-bytes.js';
import type { RecordWriter } from './record-bytes.js';

export interface RetainedRecord {
  readonly body: number;
  readonly id: number;
  readonly bytes: number;
  readonly expiresAtMs: number | undefined;
}

export const encodeBody = (message: Message): Buffer => {
  recordWriter.begin();
  return writeMessage(message).end();
};
export const decodeBody = (record: Buffer): Message => readMessage(new RecordReader(record));

export const encodeReferences = (count: number): Buffer => recordWriter.begin().uint48(count).end();
export const decodeReferences = (record: Buffer): number => new RecordReader(record).uint48();

export function encodeRetained({ body, id, bytes, expiresAtMs }: RetainedRecord): Buffer {
  recordWriter
    .begin()
    .byte(expiresAtMs === undefined ? 0 : 1)
    .uint48(body)
    .uint53(id)
    .uint32(bytes);
  if (expiresAtMs !== undefined) recordWriter.time(expiresAtMs);
  return recordWriter.end();
}

export function decodeRetained(record: Buffer): RetainedRecord {
  const reader = new RecordReader(record);
  const expires = reader.byte() === 1;
  return {
    body: reader.uint48(),
    id: reader.uint53(),
    bytes: reader.uint32(),
    expiresAtMs: expires ? reader.time() : undefined,
  };
}

/** Without `draft`, format 2 wrote it, with a whole message: with an id and times that were never used. */
const WillFlag = { due: 1, draft: 2 } as const;

export function encodeWill({ message, delayS, dueAtMs }: WillRecord): Buffer {
  recordWriter
    .begin()
    .byte(WillFlag.draft | (dueAtMs === undefined ? 0 : WillFlag.due))
    .uint32(delayS);
  if (dueAtMs !== undefined) recordWriter.time(dueAtMs);
  return writeDraft(message).end();
}

export function decodeWill(bytes: Buffer, clientId: string): WillRecord {
  const reader = new RecordReader(bytes);
  const flags = reader.byte();
  const delayS = reader.uint32();
  const dueAtMs = (flags & WillFlag.due) === 0 ? undefined : reader.time();
  const message = (flags & WillFlag.draft) === 0 ? draftOf(readMessage(reader)) : readDraft(reader);
  return { clientId: clientId as WillRecord['clientId'], message, delayS, dueAtMs };
}

const draftOf = ({ topic, payload, qos, retain, properties }: MessageDraft): MessageDraft => ({
  topic,
  payload,
  qos,
  retain,
  properties,
});

const MessageFlag = { retain: 1 << 2, publisher: 1 << 3, expires: 1 << 4, properties: 1 << 5 } as const;

function writeDraft({ topic, payload, qos, retain, properties }: MessageDraft): RecordWriter {
  recordWriter
    .byte(qos | (retain ? MessageFlag.retain : 0) | (properties === undefined ? 0 : MessageFlag.properties))
    .text(topic);
  if (properties !== undefined) writeProperties(properties);
  return recordWriter.rest(payload);
}

function readDraft(reader: RecordReader): MessageDraft {
  const flags = reader.byte();
  const topic = reader.text() as MessageDraft['topic'];
  const properties = (flags & MessageFlag.properties) === 0 ? undefined : readProperties(reader);
  return {
    topic,
    payload: reader.rest(),
    qos: (flags & 3) as QoS,
    retain: (flags & MessageFlag.retain) !== 0,
    properties,
  };
}

/** Adds the message to the record that is being written. */
export function writeMessage(message: Message): RecordWriter {
  const { id, topic, payload, qos, retain, properties, publisher, acceptedAtMs, expiresAtMs } = message;
  recordWriter
    .byte(
      qos |
        (retain ? MessageFlag.retain : 0) |
        (publisher === undefined ? 0 : MessageFlag.publisher) |
        (expiresAtMs === undefined ? 0 : MessageFlag.expires) |
        (properties === undefined ? 0 : MessageFlag.properties),
    )
    .uint53(id)
    .time(acceptedAtMs);
  if (expiresAtMs !== undefined) recordWriter.time(expiresAtMs);
  recordWriter.text(topic);
  if (publisher !== undefined) recordWriter.text(publisher);
  if (properties !== undefined) writeProperties(properties);
  return recordWriter.rest(payload);
}

export function readMessage(reader: RecordReader): Message {
  const flags = reader.byte();
  const id = reader.uint53() as Message['id'];
  const acceptedAtMs = reader.time();
  const expiresAtMs = (flags & MessageFlag.expires) === 0 ? undefined : reader.time();
  const topic = reader.text() as Message['topic'];
  const publisher =
    (flags & MessageFlag.publisher) === 0 ? undefined : (reader.text() as NonNullable<Message['publisher']>);
  const properties = (flags & MessageFlag.properties) === 0 ? undefined : readProperties(reader);
  return {
    id,
    topic,
    payload: reader.rest(),
    qos: (flags & 3) as QoS,
    retain: (flags & MessageFlag.retain) !== 0,
    properties,
    publisher,
    acceptedAtMs,
    expiresAtMs,
  };
}
