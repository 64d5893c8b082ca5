// Helpers for codec tests: a decoder that is past CONNECT, and all packets of a chunk.
import { PacketDecoder } from '../../src/protocol/decoder.js';
import type { Packet, ProtocolVersion } from '../../src/protocol/packets.js';
import { CONNECT } from './packets.js';

export const MEBIBYTE = 1024 * 1024;

/** A decoder for packets from this side in this version. */
export function decoderOf(
  from: 'client' | 'server',
  version: ProtocolVersion,
  maxPacketSize = MEBIBYTE,
): PacketDecoder {
  const decoder = new PacketDecoder({ maxPacketSize: MEBIBYTE, role: from === 'client' ? 'server' : 'client' });
  if (from === 'client') {
    decoder.push(CONNECT[version]);
    if (decoder.read() === undefined) throw new Error('the CONNECT was not read');
  } else {
    decoder.protocolVersion = version;
  }
  decoder.maxPacketSize = maxPacketSize;
  return decoder;
}

export function readAll(decoder: PacketDecoder): Packet[] {
  const packets: Packet[] = [];
  for (let packet = decoder.read(); packet !== undefined; packet = decoder.read()) packets.push(packet);
  return packets;
}

/** Decodes chunk by chunk, as a connection does. */
export function decodeAll(decoder: PacketDecoder, chunks: Iterable<Uint8Array>): Packet[] {
  const packets: Packet[] = [];
  for (const chunk of chunks) {
    decoder.push(chunk);
    packets.push(...readAll(decoder));
  }
  return packets;
}
