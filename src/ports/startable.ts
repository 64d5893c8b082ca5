// The lifecycle hooks of a port: adapters that hold resources between the start and the stop of the broker.

import { port } from './token.js';

/** An adapter, or a part of a plugin, that has to be started and stopped. */
export interface Startable {
  /**
   * Acquires what the adapter needs before the first request: connections, timers. The broker starts when every adapter
   * has started.
   * @throws Error which ends the start of the broker. The adapter has then released what it had acquired.
   */
  start?(): Promise<void>;
  /**
   * Releases everything. Called after the last request, and also when `start` was never reached because the start of
   * the broker failed before. A second call does nothing. The broker waits for 5 seconds, reports a failure or a
   * timeout, and stops all the same.
   */
  stop?(): Promise<void>;
}

/**
 * Injection token of what a plugin starts and stops; multi-bound. It starts when the broker runs and before clients can
 * connect. It stops when no new client can connect, and before those that are connected are disconnected: what it is
 * offered still works.
 */
export const Startable = port<Startable>('Startable');
