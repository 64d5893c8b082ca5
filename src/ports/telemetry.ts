// The telemetry port: what the broker says of itself. Several can listen; none can answer back, and one that throws harms only itself.
import type { Notice } from '../domain/notices.js';
import type { StorageErrorKind } from './storage.js';
import { port } from './token.js';

export type LifecycleNotice =
  | { readonly kind: 'listening'; readonly listener: string; readonly address: string }
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
  /** The broker stops although storage has not taken these; they had not been acknowledged, unless the acknowledgement level is `received`. */
  | { readonly kind: 'changes-abandoned'; readonly changes: number }
  /** What was read again: names of listeners, authenticators and authorizers, and `limits`. */
  | { readonly kind: 'reloaded'; readonly what: readonly string[] }
  /** It goes on with what it had. */
  | { readonly kind: 'reload-failed'; readonly what: string; readonly error: string }
  /** Keys of the configuration that were changed and are only read at a start. */
  | { readonly kind: 'restart-needed'; readonly keys: readonly string[] }
  | { readonly kind: 'fatal'; readonly error: Error };

export interface Telemetry {
  notice(notice: Notice | LifecycleNotice): void;
}

/** All listeners of telemetry; bind each. */
export const Telemetry = port<Telemetry>('Telemetry');
