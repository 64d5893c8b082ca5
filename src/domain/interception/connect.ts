// A CONNECT before and after interceptors have seen it.
import type { ConnectPacket, Will } from '../../protocol/packets.js';
import type { TopicName } from '../identifiers.js';
import { textBytes, willBytes } from '../name-bytes.js';
import type { ConnectRequest, PublishRequest } from './verdict.js';

/** The CONNECT with what an interceptor may replace; the version, for instance, is the client's. */
export const withRequest = (packet: ConnectPacket, request: ConnectRequest): ConnectPacket => {
  const { clientId, clean, keepAlive, userName, password, will, properties } = request;
  return { ...packet, clientId, clean, keepAlive, userName, password, will, properties };
};

export const willRequest = ({ topic, payload, qos, retain, properties }: Will): PublishRequest => ({
  topic: topic as TopicName,
  payload,
  qos,
  retain,
  properties,
  isWill: true,
});

/** What a CONNECT holds while it waits. */
export const connectBytes = ({ clientId, userName, password, will }: ConnectPacket): number =>
  textBytes(clientId) +
  textBytes(userName ?? '') +
  (password?.buffer.byteLength ?? 0) +
  (will === undefined ? 0 : willBytes(will));
