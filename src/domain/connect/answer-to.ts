// Sends an answer to a client of any version. A client of MQTT 5 may limit the size of packets, and then does without
// what only explains [MQTT5-3.1.2-24], [MQTT5-3.2.2-19], [MQTT5-3.9.2-1], [MQTT5-3.14.2-3].
import { PacketType } from '../../protocol/packets.js';
import { PACKET_SIZE_MAX, packetSize } from '../../protocol/packet-size.js';
import type { AnswerPacket } from '../effects.js';
import type { Ticket } from '../durability.js';
import type { Connection } from './connection.js';

/** @returns false if the packet is too large for the client even without an explanation, and was not sent. */
export function answerTo(
  { id, context, version, clientLimits }: Connection,
  packet: AnswerPacket,
  after: Ticket,
): boolean {
  const { maximumPacketSize, problemInformation } = clientLimits;
  const mayExplain = problemInformation || packet.type === PacketType.connack || packet.type === PacketType.disconnect;
  let sent = mayExplain ? packet : withoutExplanation(packet);
  if (version === 5 && maximumPacketSize < PACKET_SIZE_MAX && packetSize(sent) > maximumPacketSize) {
    sent = withoutExplanation(sent);
    if (packetSize(sent) > maximumPacketSize) return false;
  }
  context.effects.send(id, sent, after);
  return true;
}

function withoutExplanation<P extends AnswerPacket>(packet: P): P {
  if (!('properties' in packet) || packet.properties?.reasonString === undefined) return packet;
  const { reasonString: _, ...properties } = packet.properties;
  // An empty list takes a byte.
  return { ...packet, properties: Object.keys(properties).length === 0 ? undefined : properties };
}
