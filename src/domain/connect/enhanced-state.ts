// Where a connection is in its exchange of enhanced authentication, and what the packets of an exchange have in common.
import type { Properties } from '../../protocol/packets.js';

/** The exchange of a connection whose CONNECT names an Authentication Method. */
export interface EnhancedState {
  readonly method: string;
  /** `asked`: the authentication port has to answer; `challenged`: the client has to; `idle`: no exchange is open. */
  phase: 'asked' | 'challenged' | 'idle';
  /** What CONNACK tells the client at the end of the exchange. */
  data: Uint8Array | undefined;
}

export const beginEnhanced = (method: string): EnhancedState => ({
  method,
  phase: 'asked',
  data: undefined,
});

/** The exchange that CONNECT began has succeeded. */
export function acceptEnhanced(state: EnhancedState, data: Uint8Array | undefined): void {
  state.phase = 'idle';
  state.data = data;
}

/** The properties with which CONNACK ends the exchange. They are needed once. */
export function lastData(state: EnhancedState): Properties {
  const { method, data } = state;
  state.data = undefined;
  return exchanged(method, data);
}

/** The properties of a packet that is part of the exchange. */
export const exchanged = (method: string, data: Uint8Array | undefined): Properties => ({
  authenticationMethod: method, // [MQTT5-4.12.0-5]
  ...(data !== undefined && { authenticationData: data }),
});
