// The telemetry port: events for observers (event log, metrics). Events describe what happened; they never influence
// it.
//
// What an adapter must do:
// - Return from `emit` quickly. It is called synchronously on the hot path, for events that clients can cause at will.
// - Bound its own memory and output: nothing here limits how often an event comes.
// - Treat each event as immutable. All observers get the same object.
// - Ignore kinds it does not know: later versions add some. An exception from `emit` is swallowed; other observers
//   and the broker are not affected.
import type { ClientId } from '../domain/identifiers.js';
import type { BrokerEvent } from '../domain/events.js';
import type { StorageErrorKind } from './storage.js';
import { port } from './token.js';

/**
 * The step before MQTT that failed: the PROXY header, the TLS handshake, the WebSocket upgrade; or the limit of all on
 * time, or on memory (`maxIncompleteBytes`).
 */
export type HandshakeFailure = 'proxy-header' | 'tls' | 'websocket' | 'timeout' | 'incomplete-handshakes';

/** Events of the broker process, in addition to those of the MQTT core (`BrokerEvent`). */
export type LifecycleEvent =
  /** `address` is for humans: `127.0.0.1:1883`. */
  | { readonly kind: 'listening'; readonly listener: string; readonly address: string }
  /** A connection ended before its first MQTT byte, so no other event reports it. */
  | {
      readonly kind: 'handshake-failed';
      readonly listener: string;
      readonly remoteAddress: string;
      readonly reason: HandshakeFailure;
      readonly detail: string;
    }
  /** A listener has read its changed files (certificates, keys); new handshakes use them. */
  | { readonly kind: 'listener-reloaded'; readonly listener: string }
  /** Reading the changed files failed, or they cannot be watched. The listener continues with the previous ones. */
  | { readonly kind: 'listener-reload-failed'; readonly listener: string; readonly error: string }
  /** Storage is restored and all listeners accept connections. Counts of restored sessions and retained messages. */
  | { readonly kind: 'ready'; readonly sessions: number; readonly retained: number }
  /** The start waits for a call of an adapter that takes long: which call, of which adapter, and for how long. */
  | { readonly kind: 'start-waits'; readonly waitsFor: string; readonly seconds: number }
  /** A shutdown has begun, with so many connections open. */
  | { readonly kind: 'stopping'; readonly connections: number }
  /** The stop waits for a call of an adapter that takes long. */
  | { readonly kind: 'stop-waits'; readonly waitsFor: string; readonly seconds: number }
  | { readonly kind: 'stopped' }
  /**
   * One attempt failed; the broker retries until it succeeds. `write`: changes and the acknowledgements that depend on
   * them wait. `read`: delivery of stored messages waits. `attempt` counts from 1.
   */
  | {
      readonly kind: 'storage-failing';
      readonly operation: 'write' | 'read';
      readonly error: string;
      readonly storageErrorKind: StorageErrorKind;
      readonly attempt: number;
    }
  | { readonly kind: 'storage-recovered'; readonly operation: 'write' | 'read'; readonly attempts: number }
  /** An authenticator failed or timed out, and is configured to let the next one decide in that case. */
  | { readonly kind: 'authenticator-passed-over'; readonly authenticator: string; readonly error: string }
  /** An interceptor failed, timed out or answered nonsense: its fallback decides. */
  | {
      readonly kind: 'interceptor-failed';
      readonly interceptor: string;
      readonly packet: 'connect' | 'publish' | 'subscribe' | 'unsubscribe' | 'deliver';
      readonly clientId: string;
      readonly error: string;
      readonly fallback: 'deny' | 'pass';
    }
  /** A plugin has started; `provides` names the ports that it bound. */
  | {
      readonly kind: 'plugin-started';
      readonly plugin: string;
      readonly version: string;
      /** The package or the path that it was loaded from. */
      readonly package: string;
      readonly provides: readonly string[];
    }
  /** A part of a plugin threw, or took too long; the broker goes on. */
  | {
      readonly kind: 'plugin-failed';
      readonly plugin: string;
      readonly what: 'stop' | 'scheduled task';
      readonly error: string;
    }
  /** A line that a plugin has written. */
  | {
      readonly kind: 'plugin-log';
      readonly plugin: string;
      readonly severity: 'debug' | 'info' | 'warn' | 'error';
      readonly text: string;
      /** As JSON. */
      readonly fields: string | undefined;
      /** How many lines before this one were left out, if any were. */
      readonly suppressed?: number;
    }
  /** Repeated login failures: further attempts are delayed. Emitted once until the failures have been forgotten. */
  | {
      readonly kind: 'attempts-slowed';
      /** What the failures have in common: user name and address (`login`), address alone, or user name alone. */
      readonly scope: 'login' | 'address' | 'user-name';
      readonly ipAddress: string | undefined;
      /** Truncated if it is long. */
      readonly userName: string | undefined;
      readonly failures: number;
    }
  /** An authenticator or authorizer failed to release its resources at shutdown. */
  | { readonly kind: 'close-failed'; readonly adapter: string; readonly error: string }
  /**
   * The broker stops although storage has not accepted these changes. None of them was acknowledged, unless the
   * acknowledgement level is `received`.
   */
  | { readonly kind: 'changes-abandoned'; readonly changes: number }
  /** A reload succeeded for these parts: names of listeners, authenticators and authorizers, and `limits`. */
  | { readonly kind: 'reloaded'; readonly what: readonly string[] }
  /** A reload failed for this part, which continues with its previous state. */
  | { readonly kind: 'reload-failed'; readonly what: string; readonly error: string }
  /**
   * A backup that an operator began has ended. `facts` counts what it has; `detail` says why it is not complete, and is
   * empty if it is.
   */
  | {
      readonly kind: 'backup-ended';
      readonly actor: string;
      readonly result: 'complete' | 'failed';
      readonly facts: number;
      readonly detail: string;
    }
  /** Configuration keys that have changed but take effect only at the next start. */
  | { readonly kind: 'restart-needed'; readonly keys: readonly string[] }
  /**
   * Something that works and will surprise, such as a certificate that ends soon. Emitted at the start, after a reload
   * and once a day. `what` is the name of a listener, `storage` or `configuration`.
   */
  | { readonly kind: 'warning'; readonly what: string; readonly detail: string }
  /** The process received a signal that it has no use for. */
  | { readonly kind: 'signal-ignored'; readonly signal: string }
  /**
   * All connected clients were authorized again after a change of the rules; `failed` of them keep their permissions.
   */
  | { readonly kind: 'permissions-renewed'; readonly clients: number; readonly failed: number }
  /** Authorizing one client again failed; it keeps the permissions it had. */
  | { readonly kind: 'permissions-kept'; readonly clientId: ClientId; readonly detail: string }
  /** A request to an endpoint of the administration was refused: its sender is not known, or may not do this. */
  | {
      readonly kind: 'administration-refused';
      readonly endpoint: string;
      readonly remoteAddress: string;
      readonly detail: string;
    }
  /**
   * The function that receives the messages of an in-process subscription has failed, so often since the report before;
   * `topic` and `error` are those of the last time. The subscription goes on.
   */
  | {
      readonly kind: 'subscriber-failed';
      readonly subscriber: string;
      readonly topic: string;
      readonly error: string;
      readonly failures: number;
    }
  /** So many messages of an in-process subscription were dropped, because it takes them more slowly than they come. */
  | { readonly kind: 'subscriber-overflow'; readonly subscriber: string; readonly dropped: number }
  /**
   * A listener of events has failed, so often since the report before; `event` and `error` are those of the last time.
   * Failures that have to do with this event itself, or with the next one, are not reported.
   */
  | {
      readonly kind: 'event-listener-failed';
      readonly listener: string;
      readonly event: string;
      readonly error: string;
      readonly failures: number;
    }
  /** So many events were dropped that a listener wants, because it takes them more slowly than they come. */
  | { readonly kind: 'event-listener-overflow'; readonly listener: string; readonly dropped: number }
  /** The broker cannot continue and stops. Adapters should write out what they have buffered before `emit` returns. */
  | { readonly kind: 'fatal'; readonly error: Error };

/** The least severe level that is written. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';

/** An observer of events. */
export interface Telemetry {
  /** Of an observer that writes by level: it can be set while the broker runs, and holds from the next event on. */
  level?: LogLevel;
  /**
   * The kinds of events that this observer uses among those that come with every message
   * (`message-dropped`); all other events are emitted in any case. Default: all kinds. Read once, at start.
   */
  readonly wants?: ReadonlySet<BrokerEvent['kind']>;
  /** Synchronous; the return value and exceptions are ignored. */
  emit(event: BrokerEvent | LifecycleEvent): void;
  /**
   * Opens again the files that it writes to, because they were renamed (log rotation). Reports a failure itself and
   * goes on with the previous files.
   * @returns whether it writes to files; without any, the request has no meaning.
   */
  reopen?(): boolean;
}

/** Injection token of the observers; multi-bound, one binding for each. */
export const Telemetry = port<Telemetry>('Telemetry');
