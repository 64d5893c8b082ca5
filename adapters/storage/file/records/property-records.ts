// Properties of a message, as part of its record.
import { UserProperties } from 'hexmq/ports';
import type { Properties } from 'hexmq/ports';
import { DamagedRecord } from '../errors.js';
import { recordWriter } from './record-bytes.js';
import type { RecordReader } from './record-bytes.js';

type PropertyKind = 'byte' | 'uint16' | 'uint32' | 'text' | 'binary' | 'pairs' | 'lengths';

/**
 * Every property under its MQTT 5 identifier. A message carries only some of them, but which ones is not for a storage
 * adapter to know.
 */
const PROPERTIES: { readonly [Name in keyof Required<Properties>]: readonly [number: number, kind: PropertyKind] } = {
  payloadFormatIndicator: [0x01, 'byte'],
  messageExpiryInterval: [0x02, 'uint32'],
  contentType: [0x03, 'text'],
  responseTopic: [0x08, 'text'],
  correlationData: [0x09, 'binary'],
  subscriptionIdentifiers: [0x0b, 'lengths'],
  sessionExpiryInterval: [0x11, 'uint32'],
  assignedClientIdentifier: [0x12, 'text'],
  serverKeepAlive: [0x13, 'uint16'],
  authenticationMethod: [0x15, 'text'],
  authenticationData: [0x16, 'binary'],
  requestProblemInformation: [0x17, 'byte'],
  willDelayInterval: [0x18, 'uint32'],
  requestResponseInformation: [0x19, 'byte'],
  responseInformation: [0x1a, 'text'],
  serverReference: [0x1c, 'text'],
  reasonString: [0x1f, 'text'],
  receiveMaximum: [0x21, 'uint16'],
  topicAliasMaximum: [0x22, 'uint16'],
  topicAlias: [0x23, 'uint16'],
  maximumQos: [0x24, 'byte'],
  retainAvailable: [0x25, 'byte'],
  userProperties: [0x26, 'pairs'],
  maximumPacketSize: [0x27, 'uint32'],
  wildcardSubscriptionAvailable: [0x28, 'byte'],
  subscriptionIdentifierAvailable: [0x29, 'byte'],
  sharedSubscriptionAvailable: [0x2a, 'byte'],
};

const PROPERTY_LIST = (Object.keys(PROPERTIES) as (keyof Properties)[]).map((name) => {
  const [number, kind] = PROPERTIES[name];
  return { name, number, kind };
});

/** Ends with a 0, which is no property's identifier. */
export function writeProperties(properties: Properties): void {
  for (const { name, number, kind } of PROPERTY_LIST) {
    const value = properties[name];
    if (value === undefined) continue;
    recordWriter.byte(number);
    writeProperty(kind, value);
  }
  recordWriter.byte(0);
}

function writeProperty(kind: PropertyKind, value: NonNullable<Properties[keyof Properties]>): void {
  switch (kind) {
    case 'byte':
      recordWriter.byte(value as number);
      return;
    case 'uint16':
      recordWriter.uint16(value as number);
      return;
    case 'uint32':
      recordWriter.uint32(value as number);
      return;
    case 'text':
      recordWriter.text(value as string);
      return;
    case 'binary':
      recordWriter.binary(value as Uint8Array);
      return;
    case 'pairs': {
      const pairs = [...(value as UserProperties)];
      recordWriter.length(pairs.length);
      for (const [name, text] of pairs) recordWriter.text(name).text(text);
      return;
    }
    case 'lengths': {
      const lengths = value as readonly number[];
      recordWriter.length(lengths.length);
      for (const each of lengths) recordWriter.length(each);
      return;
    }
  }
}

export function readProperties(reader: RecordReader): Properties {
  const properties: Record<string, unknown> = {};
  for (let number = reader.byte(); number !== 0; number = reader.byte()) {
    const found = PROPERTY_LIST.find((each) => each.number === number);
    if (found === undefined) throw new DamagedRecord(`unknown property ${String(number)}`);
    properties[found.name] = readProperty(reader, found.kind);
  }
  return properties;
}

function readProperty(reader: RecordReader, kind: PropertyKind): unknown {
  switch (kind) {
    case 'byte':
      return reader.byte();
    case 'uint16':
      return reader.uint16();
    case 'uint32':
      return reader.uint32();
    case 'text':
      return reader.text();
    case 'binary':
      return reader.binary();
    case 'pairs':
      return UserProperties.of(Array.from({ length: reader.length() }, () => [reader.text(), reader.text()] as const));
    case 'lengths':
      return Array.from({ length: reader.length() }, () => reader.length());
  }
}
