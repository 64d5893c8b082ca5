// What forbids a CONNECT from any client: its Client Identifier, or its will.
import type { ConnectPacket } from '../../protocol/packets.js';
import { isUtf8Payload } from '../../protocol/payload-format.js';
import type { Limits } from '../limits.js';
import { propertyBytes } from '../messages/content-bytes.js';
import { hasWildcard } from '../topics/topic-filter.js';
import { utf8Length } from '../topics/topic-name.js';
import type { AnsweredRefusal } from './answers.js';

/** MQTT 3.1 section 3.1: 1 to 23 characters. */
const CLIENT_ID_31_CHARACTERS_MAX = 23;

/** Why a client is refused. */
export interface Refusal {
  readonly reason: AnsweredRefusal;
  readonly detail: string;
}

export function clientIdRefusal(packet: ConnectPacket, limits: Limits): Refusal | undefined {
  const detail = clientIdProblem(packet, limits);
  if (detail === undefined) return undefined;
  return { reason: packet.clientId === '' ? 'client-identifier-empty' : 'client-identifier-too-long', detail };
}

/** Every character is allowed, more than [MQTT-3.1.3-5] demands; the length has a limit. */
function clientIdProblem({ clientId, clean, protocolVersion }: ConnectPacket, limits: Limits): string | undefined {
  if (clientId === '') {
    if (protocolVersion === 3) return 'MQTT 3.1 asks for a Client Identifier';
    if (!clean && protocolVersion === 4) return 'an empty Client Identifier needs Clean Session 1';
    return limits.assignClientId ? undefined : 'this broker does not assign Client Identifiers';
  }
  if (protocolVersion === 3 && limits.strict31ClientId && [...clientId].length > CLIENT_ID_31_CHARACTERS_MAX) {
    return `MQTT 3.1 allows ${CLIENT_ID_31_CHARACTERS_MAX} characters`;
  }
  return utf8Length(clientId) > limits.maxClientIdLength
    ? `it is longer than ${limits.maxClientIdLength} bytes`
    : undefined;
}

/** Besides its topic. */
export function willRefusal({ will }: ConnectPacket, limits: Limits): Refusal | undefined {
  if (will === undefined) return undefined;
  if (will.qos > limits.maxQos)
    return { reason: 'will-qos-not-supported', detail: `will: QoS ${will.qos} is not supported` };
  if (will.retain && !limits.retainedMessages)
    return { reason: 'will-retain-not-supported', detail: 'will: retained messages are not supported' };
  const { payloadFormatIndicator, responseTopic } = will.properties ?? {};
  if (responseTopic !== undefined && hasWildcard(responseTopic))
    return { reason: 'will-topic-invalid', detail: 'will: its Response Topic has a wildcard' }; // [MQTT5-3.3.2-14]
  if (will.properties !== undefined && propertyBytes(will.properties) > limits.maxPropertyBytes) {
    const detail = `will: its properties take more than ${limits.maxPropertyBytes} bytes`;
    return { reason: 'will-properties-too-large', detail };
  }
  if (limits.checkPayloadFormat && payloadFormatIndicator === 1 && !isUtf8Payload(will.payload))
    return { reason: 'will-payload-invalid', detail: 'will: its payload is not UTF-8' };
  return undefined;
}
