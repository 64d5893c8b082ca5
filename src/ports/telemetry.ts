// The telemetry port: what the broker says of itself. Several can listen; none can answer back, and one that throws harms only itself.
import type { ClientId } from '../domain/identifiers.js';
import type { BrokerEvent } from '../domain/events.js';
import type { StorageErrorKind } from './storage.js';
import { port } from './token.js';

/** What a connection did not get through: the header of a proxy, the handshake of TLS, the upgrade to WebSocket, or any of them in time. */
export type HandshakeFailure = 'proxy-header' | 'tls' | 'websocket' | 'timeout';

export type LifecycleEvent =
  | { readonly kind: 'listening'; readonly listener: string; readonly address: string }
  /** A connection that ended before anything of MQTT was said: the core never hears of it. */
  | {
      readonly kind: 'handshake-failed';
      readonly listener: string;
      readonly remoteAddress: string;
      readonly reason: HandshakeFailure;
      readonly detail: string;
    }
  /** A listener has read its files again because they changed: new handshakes use them. */
  | { readonly kind: 'listener-reloaded'; readonly listener: string }
  /** It could not, and goes on with what it had; or it cannot watch them. */
  | { readonly kind: 'listener-reload-failed'; readonly listener: string; readonly error: string }
  | { readonly kind: 'ready'; readonly sessions: number; readonly retained: number }
  | { readonly kind: 'stopping'; readonly connections: number }
  | { readonly kind: 'stopped' }
  /** `write`: what must be stored waits, and the acknowledgements with it; `read`: who is to get what was stored waits. */
  | {
      readonly kind: 'storage-failing';
      readonly operation: 'write' | 'read';
      readonly error: string;
      readonly storageErrorKind: StorageErrorKind;
      readonly attempt: number;
    }
  | { readonly kind: 'storage-recovered'; readonly operation: 'write' | 'read'; readonly attempts: number }
  /** An authenticator failed or was too late, and its configuration says that the next one is asked then. */
  | { readonly kind: 'authenticator-passed-over'; readonly authenticator: string; readonly error: string }
  /** Logins have failed so often that the next ones are answered late; once until the failures are forgotten. */
  | {
      readonly kind: 'attempts-slowed';
      /** Whose attempts: of one user name from one address, all from an address, or all with a user name. */
      readonly scope: 'login' | 'address' | 'user-name';
      readonly ipAddress: string | undefined;
      /** Its beginning, if it is long. */
      readonly userName: string | undefined;
      readonly failures: number;
    }
  /** An authenticator or authorizer did not let go of what it holds. */
  | { readonly kind: 'close-failed'; readonly adapter: string; readonly error: string }
  /** The broker stops although storage has not taken these; they had not been acknowledged, unless the acknowledgement level is `received`. */
  | { readonly kind: 'changes-abandoned'; readonly changes: number }
  /** What was read again: names of listeners, authenticators and authorizers, and `limits`. */
  | { readonly kind: 'reloaded'; readonly what: readonly string[] }
  /** It goes on with what it had. */
  | { readonly kind: 'reload-failed'; readonly what: string; readonly error: string }
  /** Keys of the configuration that were changed and are only read at a start. */
  | { readonly kind: 'restart-needed'; readonly keys: readonly string[] }
  /** The process was sent a signal that has no meaning here. */
  | { readonly kind: 'signal-ignored'; readonly signal: string }
  /** Those who are connected have been asked about anew, because what they may do may have changed; `failed` of them keep what they had. */
  | { readonly kind: 'permissions-renewed'; readonly clients: number; readonly failed: number }
  /** What the client may do now could not be found out: it may do what it might before. */
  | { readonly kind: 'permissions-kept'; readonly clientId: ClientId; readonly detail: string }
  | { readonly kind: 'fatal'; readonly error: Error };

export interface Telemetry {
  emit(event: BrokerEvent | LifecycleEvent): void;
}

/** All listeners of telemetry; bind each. */
export const Telemetry = port<Telemetry>('Telemetry');
