// The telemetry port: what the broker says of itself. Several can listen; none can answer back, and one that throws harms only itself.
import type { Notice } from '../domain/notices.js';
import { port } from './token.js';

export type LifecycleNotice =
  | { readonly kind: 'listening'; readonly listener: string; readonly address: string }
  | { readonly kind: 'ready'; readonly sessions: number; readonly retained: number }
  | { readonly kind: 'stopping'; readonly connections: number }
  | { readonly kind: 'stopped' }
  | { readonly kind: 'storage-failing'; readonly error: string; readonly storageErrorKind: string; readonly attempt: number }
  | { readonly kind: 'storage-recovered'; readonly attempts: number }
  | { readonly kind: 'fatal'; readonly error: Error };

export interface Telemetry {
  notice(notice: Notice | LifecycleNotice): void;
}

/** All listeners of telemetry; bind each. */
export const Telemetry = port<Telemetry>('Telemetry');
