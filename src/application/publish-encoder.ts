// Encodes PUBLISH packets for subscribers. A fan-out encodes a message once: for each further subscriber with the same
// version, QoS and flags the bytes are copied and only the Packet Identifier is written again.
import type { DeliveryOptions } from '../domain/messages/delivery-options.js';
import type { Message } from '../domain/messages/message.js';
import {
  encodePublishProperties,
  encodeTopic,
  propertyBlockSize,
  publishSize,
  writePublish,
  writePublishHead,
} from '../protocol/encoder.js';
import type { ProtocolVersion, QoS } from '../protocol/packets.js';
import type { OutputBuffer } from './output-buffer.js';
import { outgoingProperties } from './publish-properties.js';
import { ALIAS_BYTES_MAX } from './topic-aliases.js';
import type { TopicAliases } from './topic-aliases.js';

const NO_TOPIC = new Uint8Array(0);

export class PublishEncoder {
  // What was encoded last, and where its bytes are.
  #message: Message | undefined;
  #version: ProtocolVersion = 4;
  #qos: QoS = 0;
  #flags = 0;
  #bytes: Buffer | undefined;
  #from = 0;
  #to = 0;
  /** Of the Packet Identifier, from the beginning of the packet. */
  #idOffset = 0;

  /** Appends the packet to `output`. `packetId` is 0 at QoS 0. */
  write(
    output: OutputBuffer,
    version: ProtocolVersion,
    message: Message,
    { qos, retain, identifiers }: DeliveryOptions,
    dup: boolean,
    packetId: number,
    nowMs: number,
  ): void {
    const flags = (retain ? 1 : 0) | (dup ? 2 : 0);
    if (
      message === this.#message &&
      version === this.#version &&
      qos === this.#qos &&
      flags === this.#flags &&
      identifiers === undefined &&
      this.#bytes !== undefined
    ) {
      this.#copy(output, this.#bytes, qos, packetId);
      return;
    }
    const topic = encodeTopic(message.topic);
    const properties = propertiesFor(version, message, identifiers, nowMs);
    const block = propertyBlockSize(properties);
    const size = publishSize(topic.length, message.payload.length, qos, block);
    output.reserve(size);
    const from = output.length;
    output.length = writePublish(output.bytes, from, topic, message.payload, qos, dup, retain, packetId, properties);
    this.#message = identifiers === undefined ? message : undefined;
    this.#version = version;
    this.#qos = qos;
    this.#flags = flags;
    // The bytes stay as they are until they are sent, and nothing writes to bytes that were sent.
    this.#bytes = output.bytes;
    this.#from = from;
    this.#to = output.length;
    this.#idOffset = size - message.payload.length - block - 2;
  }

  /**
   * The same for a client of MQTT 5 that takes Topic Aliases. The packet must leave in the order in which such packets
   * are written.
   */
  writeAliased(
    output: OutputBuffer,
    aliases: TopicAliases,
    message: Message,
    options: DeliveryOptions,
    dup: boolean,
    packetId: number,
    nowMs: number,
  ): void {
    const known = aliases.get(message.topic);
    if (known === undefined && !aliases.isWanted(message.topic)) {
      this.write(output, 5, message, options, dup, packetId, nowMs);
      return;
    }
    const properties = outgoingProperties(message, options.identifiers, nowMs);
    const topic = encodeTopic(message.topic);
    if (known === undefined) {
      const size = this.#reserve(output, topic, message.payload, options.qos, encodePublishProperties(properties));
      // The alias must not make the packet too large for the client.
      if (size + ALIAS_BYTES_MAX > aliases.maximumPacketSize) {
        this.write(output, 5, message, options, dup, packetId, nowMs);
        return;
      }
    }
    const topicAlias = known ?? aliases.add(message.topic);
    const sent = known === undefined ? topic : NO_TOPIC;
    const block = encodePublishProperties({ ...properties, topicAlias });
    const { qos, retain } = options;
    this.#reserve(output, sent, message.payload, qos, block);
    output.length = writePublish(output.bytes, output.length, sent, message.payload, qos, dup, retain, packetId, block);
  }

  /** @returns the size of the packet, for which there is room now. */
  #reserve(output: OutputBuffer, topic: Uint8Array, payload: Uint8Array, qos: QoS, block: Uint8Array): number {
    const size = publishSize(topic.length, payload.length, qos, propertyBlockSize(block));
    output.reserve(size);
    return size;
  }

  /** Appends everything but the payload, which the caller sends behind it without copying it. */
  writeHead(
    output: OutputBuffer,
    version: ProtocolVersion,
    message: Message,
    { qos, retain, identifiers }: DeliveryOptions,
    dup: boolean,
    packetId: number,
    nowMs: number,
  ): void {
    const topic = encodeTopic(message.topic);
    const properties = propertiesFor(version, message, identifiers, nowMs);
    const payloadBytes = message.payload.length;
    output.reserve(publishSize(topic.length, payloadBytes, qos, propertyBlockSize(properties)) - payloadBytes);
    output.length = writePublishHead(
      output.bytes,
      output.length,
      topic,
      payloadBytes,
      qos,
      dup,
      retain,
      packetId,
      properties,
    );
  }

  /** Lets go of the last message: it and its bytes would stay in memory as long as nothing else is sent. */
  forget(): void {
    this.#message = undefined;
    this.#bytes = undefined;
  }

  #copy(output: OutputBuffer, bytes: Buffer, qos: QoS, packetId: number): void {
    const size = this.#to - this.#from;
    output.reserve(size);
    bytes.copy(output.bytes, output.length, this.#from, this.#to);
    if (qos > 0) {
      output.bytes[output.length + this.#idOffset] = packetId >> 8;
      output.bytes[output.length + this.#idOffset + 1] = packetId & 0xff;
    }
    output.length += size;
  }
}

function propertiesFor(
  version: ProtocolVersion,
  message: Message,
  identifiers: readonly number[] | undefined,
  nowMs: number,
): Uint8Array | undefined {
  return version === 5 ? encodePublishProperties(outgoingProperties(message, identifiers, nowMs)) : undefined;
}
