// The answers of each version: the code of CONNACK for every reason to refuse a client, and that of DISCONNECT for
// every reason to end a connection. Versions before 5 know six return codes and no DISCONNECT from the server.
import type { Properties, ProtocolVersion } from '../../protocol/packets.js';
import { ConnectReturnCode, ReasonCode } from '../../protocol/reason-codes.js';
import type { EndReason, RefusalReason } from '../reasons.js';

interface Refusal {
  /** In MQTT 3.1 and 3.1.1; `undefined`: the connection closes without an answer. */
  readonly before5: number | undefined;
  readonly in5: number;
}

/** Reasons that have a CONNACK; clients refused for another are closed before their version is known. */
export type AnsweredRefusal = Exclude<
  RefusalReason,
  | 'too-many-open-files'
  | 'too-many-connections-of-address'
  | 'too-many-pending-connections'
  | 'connect-rate'
  | 'connect-rate-of-address'
  | 'server-shutting-down'
>;

/** [MQTT5-3.2.2-8]; sections 3.2.2.3 of MQTT 3.1.1 and 3.2.2.2 of MQTT 5. */
export const CONNACK_CODES: Readonly<Record<AnsweredRefusal, Refusal>> = {
  'unsupported-protocol-version': {
    before5: ConnectReturnCode.unacceptableProtocolVersion, // [MQTT-3.1.2-2]
    in5: ReasonCode.unsupportedProtocolVersion,
  },
  // MQTT 5 section 4.11. Earlier versions cannot tell where.
  'use-another-server': { before5: ConnectReturnCode.serverUnavailable, in5: ReasonCode.useAnotherServer },
  'server-moved': { before5: ConnectReturnCode.serverUnavailable, in5: ReasonCode.serverMoved },
  'client-identifier-empty': {
    before5: ConnectReturnCode.identifierRejected, // [MQTT-3.1.3-8]
    in5: ReasonCode.clientIdentifierNotValid,
  },
  'client-identifier-too-long': {
    before5: ConnectReturnCode.identifierRejected, // [MQTT-3.1.3-9]
    in5: ReasonCode.clientIdentifierNotValid,
  },
  'bad-credentials': {
    before5: ConnectReturnCode.badUserNameOrPassword,
    in5: ReasonCode.badUserNameOrPassword,
  },
  'authentication-method-unknown': { before5: undefined, in5: ReasonCode.badAuthenticationMethod }, // [MQTT5-4.12.0-1]
  'not-authorized': { before5: ConnectReturnCode.notAuthorized, in5: ReasonCode.notAuthorized },
  'authentication-unavailable': { before5: ConnectReturnCode.serverUnavailable, in5: ReasonCode.serverUnavailable },
  'authorization-unavailable': { before5: ConnectReturnCode.serverUnavailable, in5: ReasonCode.serverUnavailable },
  'denied-by-interceptor': { before5: ConnectReturnCode.notAuthorized, in5: ReasonCode.notAuthorized },
  'storage-unavailable': { before5: ConnectReturnCode.serverUnavailable, in5: ReasonCode.serverUnavailable },
  'too-many-connections': { before5: ConnectReturnCode.serverUnavailable, in5: ReasonCode.quotaExceeded },
  'too-many-sessions': { before5: ConnectReturnCode.serverUnavailable, in5: ReasonCode.quotaExceeded },
  'session-bytes-full': { before5: ConnectReturnCode.serverUnavailable, in5: ReasonCode.quotaExceeded },
  // The last five concern the will. Earlier versions have no code for them that would be true.
  'will-topic-invalid': { before5: undefined, in5: ReasonCode.topicNameInvalid },
  'will-qos-not-supported': { before5: ConnectReturnCode.notAuthorized, in5: ReasonCode.qosNotSupported },
  'will-retain-not-supported': { before5: ConnectReturnCode.notAuthorized, in5: ReasonCode.retainNotSupported },
  'will-properties-too-large': { before5: undefined, in5: ReasonCode.quotaExceeded },
  'will-payload-invalid': { before5: undefined, in5: ReasonCode.payloadFormatInvalid },
};

/** The code of CONNACK for a client that is denied with a Reason Code of MQTT 5. */
export function denialCode(version: ProtocolVersion, reasonCode: number): number {
  if (version === 5) return reasonCode;
  switch (reasonCode) {
    case ReasonCode.clientIdentifierNotValid:
      return ConnectReturnCode.identifierRejected;
    case ReasonCode.badUserNameOrPassword:
      return ConnectReturnCode.badUserNameOrPassword;
    case ReasonCode.notAuthorized:
    case ReasonCode.banned:
      return ConnectReturnCode.notAuthorized;
    default:
      return ConnectReturnCode.serverUnavailable;
  }
}

export function connackCode(version: ProtocolVersion, reason: AnsweredRefusal): number | undefined {
  const codes = CONNACK_CODES[reason];
  return version === 5 ? codes.in5 : codes.before5;
}

/**
 * The Reason Code of DISCONNECT (MQTT 5 section 3.14.2.1); `undefined` if none is sent: the client has left, was never
 * connected, or has its answer in CONNACK.
 */
export const DISCONNECT_CODES: Readonly<Record<EndReason, number | undefined>> = {
  'client-disconnect': undefined,
  'connection-lost': undefined,
  'connect-timeout': undefined,
  'authentication-timeout': undefined,
  'storage-unavailable': undefined,
  'connection-refused': undefined,
  'malformed-packet': ReasonCode.malformedPacket,
  'protocol-violation': ReasonCode.protocolError,
  'keep-alive-timeout': ReasonCode.keepAliveTimeout,
  'session-taken-over': ReasonCode.sessionTakenOver,
  'reauthentication-failed': ReasonCode.notAuthorized,
  'credentials-expired': ReasonCode.maximumConnectTime,
  'incomplete-packets': ReasonCode.quotaExceeded,
  'unread-packets': ReasonCode.quotaExceeded,
  'memory-full': ReasonCode.quotaExceeded,
  'session-bytes-full': ReasonCode.quotaExceeded,
  unacknowledged: ReasonCode.quotaExceeded,
  'drain-timeout': ReasonCode.quotaExceeded,
  'not-authorized': ReasonCode.notAuthorized,
  'topic-name-invalid': ReasonCode.topicNameInvalid,
  'too-many-filters': ReasonCode.quotaExceeded,
  'topic-filter-invalid': ReasonCode.topicFilterInvalid,
  'queue-full': ReasonCode.quotaExceeded,
  'packet-too-large': ReasonCode.packetTooLarge,
  'properties-too-large': ReasonCode.quotaExceeded,
  'payload-format-invalid': ReasonCode.payloadFormatInvalid,
  'receive-maximum-exceeded': ReasonCode.receiveMaximumExceeded,
  'topic-alias-invalid': ReasonCode.topicAliasInvalid,
  'subscription-identifiers-not-supported': ReasonCode.subscriptionIdentifiersNotSupported,
  'qos-not-supported': ReasonCode.qosNotSupported,
  'retain-not-supported': ReasonCode.retainNotSupported,
  'server-shutting-down': ReasonCode.serverShuttingDown,
  'administrative-action': ReasonCode.administrativeAction,
};

/**
 * Details that no client may read: how a login failed, what rules say that others wrote, the address of another client,
 * the name of an operator.
 */
const PRIVATE: ReadonlySet<EndReason | RefusalReason> = new Set<EndReason | RefusalReason>([
  'bad-credentials',
  'not-authorized',
  'authentication-unavailable',
  'authorization-unavailable',
  'storage-unavailable',
  'reauthentication-failed',
  'session-taken-over',
  'administrative-action',
]);

/** The Reason String for a client of MQTT 5 (sections 3.2.2.3.9 and 3.14.2.2.3). */
const reasonString = (reason: EndReason | RefusalReason, detail: string | undefined): string | undefined =>
  PRIVATE.has(reason) ? undefined : detail;

/** What CONNACK or DISCONNECT says beside its Reason Code. */
export function reasonProperties(
  reason: EndReason | RefusalReason,
  detail: string | undefined,
  serverReference: string | undefined,
): Properties | undefined {
  const text = reasonString(reason, detail);
  if (text === undefined && serverReference === undefined) return undefined;
  return {
    ...(text === undefined ? {} : { reasonString: text }),
    ...(serverReference === undefined ? {} : { serverReference }),
  };
}
