// A CONNECT before and after interceptors have seen it.
import type { ConnectPacket, Will } from '../../protocol/packets.js';
import type { TopicName } from '../identifiers.js';
import type { ConnectRequest, PublishRequest } from './verdict.js';

/** The CONNECT with what an interceptor may replace; the version is the client's, and before 5 has no properties. */
export const withRequest = (packet: ConnectPacket, request: ConnectRequest): ConnectPacket => {
  const { clientId, clean, keepAlive, userName, password, will, properties } = request;
  const known = packet.protocolVersion === 5 ? properties : undefined;
  return { ...packet, clientId, clean, keepAlive, userName, password, will, properties: known };
};

export const willRequest = ({ topic, payload, qos, retain, properties }: Will): PublishRequest => ({
  topic: topic as TopicName,
  payload,
  qos,
  retain,
  properties,
  isWill: true,
});
