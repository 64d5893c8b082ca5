// Everything a peer can get wrong on the wire, by name. The decoder throws the error, the shell hands it to the domain,
// and the domain decides what to answer: nothing, a CONNACK, or (MQTT 5) a DISCONNECT with `reasonCode`.
import type { ProtocolVersion } from './protocol-version.js';
import { ReasonCode } from './reason-codes.js';

export type MalformedCode =
  | 'remaining-length-too-long' // a fifth byte, section 2.2.3
  | 'packet-too-large' // over the receiver's limit
  | 'packet-type-reserved' // type 0, or 15 before MQTT 5
  | 'packet-type-unexpected' // a packet that only a server sends, or anything but CONNECT first
  | 'fixed-header-flags' // [MQTT-2.2.2-2]
  | 'packet-truncated' // a field extends past the end of the packet
  | 'packet-trailing-bytes' // bytes remain after the last field
  | 'utf8-invalid' // [MQTT-1.5.3-1]
  | 'utf8-null-character' // [MQTT-1.5.3-2]
  | 'protocol-name-unknown' // [MQTT-3.1.2-1]
  | 'protocol-version-unsupported' // [MQTT-3.1.2-2]
  | 'connect-reserved-flag' // [MQTT-3.1.2-3]
  | 'connect-will-flags' // [MQTT-3.1.2-11], -13, -14, -15
  | 'connect-password-without-user-name' // [MQTT-3.1.2-22]
  | 'publish-qos-invalid' // [MQTT-3.3.1-4]
  | 'publish-dup-at-qos-0' // [MQTT-3.3.1-2]
  | 'packet-id-zero' // [MQTT-2.3.1-1]
  | 'subscribe-empty' // [MQTT-3.8.3-3]
  | 'subscribe-options-invalid' // [MQTT-3-8.3-4]
  | 'unsubscribe-empty' // [MQTT-3.10.3-2]
  | 'suback-code-invalid' // [MQTT-3.9.3-2]
  | 'connack-flags' // [MQTT-3.2.2-4], MQTT 3.1.1 section 3.2.2.1
  | 'variable-byte-integer' // MQTT 5 section 1.5.5
  | 'property-unknown' // MQTT 5 section 2.2.2.2
  | 'property-not-allowed' // in this packet
  | 'property-duplicate'
  | 'property-value-invalid'
  | 'authentication-method-missing' // MQTT 5 sections 3.1.2.11.10 and 3.15.2.2.2
  | 'reason-code-invalid';

export class MalformedPacketError extends Error {
  override readonly name = 'MalformedPacketError';
  /** That of the CONNECT which is malformed, if that much of it could be read. */
  protocolVersion: ProtocolVersion | undefined;

  constructor(
    readonly code: MalformedCode,
    message: string,
    /** The reason code for a DISCONNECT or CONNACK in MQTT 5. */
    readonly reasonCode: number = ReasonCode.malformedPacket,
  ) {
    super(message);
  }
}
