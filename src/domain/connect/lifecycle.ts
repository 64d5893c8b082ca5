// The life of a connection, from its opening to its end, as a table.
//
//   awaiting-connect   The network connection is open. Only CONNECT may come [MQTT-3.1.0-1].
//   authenticating     CONNECT is well-formed; the authentication port decides who the client is and what it may do.
//                      Nothing more is read, unless CONNECT names an Authentication Method of MQTT 5: then the port may
//                      answer with a challenge, and the client answers that with AUTH or gives up with DISCONNECT
//                      [MQTT5-3.1.2-30].
//   admitting          The client is accepted: an older connection with its Client Identifier has ended, the session is
//                      open and recorded, the will is held. CONNACK waits until that is durable, and nothing is read. A
//                      connection that ends here was never accepted as far as the client knows: a session that this
//                      CONNECT began ends with it, an older session stays, the will is dropped.
//   connected          CONNACK has left [MQTT-3.2.0-1]. Messages flow in both directions.
//   ended              Later packets from the connection are ignored. Its session continues if it outlives connections
//                      [MQTT-3.1.2-4], and its will is published unless DISCONNECT came first [MQTT-3.1.2-8],
//                      [MQTT-3.14.4-3].
//
// A client whose session is not stored and that leaves no will has nothing to wait for: it passes through `admitting`
// within one step.
//
// Each state has one timer, which starts when the state is entered; four more timers run beside it. All of them end
// the connection:
//
//   timer            runs in            limit                       what its expiry means
//   connect          awaiting-connect   connectTimeoutMs            the client did not send a whole CONNECT in time;
//                                                                   while too much waits for storage, nothing is read,
//                                                                   and it has storageTimeoutMs more
//   authentication   authenticating     authTimeoutMs               the authentication port did not answer in time, or
//                                                                   the client its challenges: one limit for them all
//   admission        admitting          storageTimeoutMs            storage did not take the session in time; CONNACK
//                                                                   says so
//   keep-alive       connected          1.5 x Keep Alive            the client sent nothing, and everything that it had
//                                                                   sent was read [MQTT-3.1.2-24]
//   acknowledgement  connected          ackDelayMax                 the client has left a message unacknowledged for so
//                                                                   long, or up to half as long again, and everything
//                                                                   that it had sent was read
//   reauthentication connected          authTimeoutMs               the same, for a client that authenticates again
//   drain            connected          drainTimeoutMs              the client reads nothing of what was written to it
//   credentials      from admitting on  expiresAtMs of the answer   the client's credentials are no longer valid
import { PacketType } from '../../protocol/packets.js';
import type { ConnectionLimits } from '../limits.js';
import type { EndReason } from '../reasons.js';

export type ConnectionState = 'awaiting-connect' | 'authenticating' | 'admitting' | 'connected' | 'ended';

export interface StateRow {
  /** The states that may follow. */
  readonly next: readonly ConnectionState[];
  /** The packets that the client may send. */
  readonly packets: readonly PacketType[] | 'all';
  /** The limit on the time in this state, in milliseconds; `undefined` if it has none that the configuration sets. */
  readonly limit: (keyof ConnectionLimits & ('connectTimeoutMs' | 'authTimeoutMs' | 'storageTimeoutMs')) | undefined;
  /** Why the connection ends when the state's timer expires. */
  readonly timeout: EndReason | undefined;
}

export const LIFECYCLE: Readonly<Record<ConnectionState, StateRow>> = {
  'awaiting-connect': {
    next: ['authenticating', 'ended'],
    packets: [PacketType.connect], // [MQTT-3.1.0-1]
    limit: 'connectTimeoutMs',
    timeout: 'connect-timeout',
  },
  authenticating: {
    next: ['admitting', 'ended'],
    packets: [PacketType.auth, PacketType.disconnect],
    limit: 'authTimeoutMs',
    timeout: 'authentication-timeout',
  },
  admitting: {
    next: ['connected', 'ended'],
    packets: [],
    limit: 'storageTimeoutMs',
    timeout: 'storage-unavailable',
  },
  connected: {
    next: ['ended'],
    packets: 'all',
    limit: undefined,
    timeout: 'keep-alive-timeout',
  },
  ended: { next: [], packets: [], limit: undefined, timeout: undefined },
};

/** @throws Error if `to` may not follow `from`: a fault of the broker, never of a client. */
export function checkTransition(from: ConnectionState, to: ConnectionState): void {
  if (!LIFECYCLE[from].next.includes(to)) throw new Error(`a connection cannot go from ${from} to ${to}`);
}
