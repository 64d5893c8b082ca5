// What hexmq offers to a plugin, besides the clock and randomness: who it is, its log, scheduled work, and the
// operations of the broker. A plugin's module injects them by their tokens; each plugin has its own.
import type { Actor, Administration } from './administration.js';
import type { Timer } from './clock.js';
import { port } from './token.js';

/** Which plugin this is. */
export interface PluginInfo {
  /** As the configuration names it; by default the name that the plugin has given itself. */
  readonly name: string;
  readonly version: string;
}

/** Injection token of what a plugin is called. */
export const PluginInfo = port<PluginInfo>('PluginInfo');

/** Values that belong to a message, for the log: they are written as JSON. */
export type LogFields = Readonly<Record<string, unknown>>;

/**
 * The log of a plugin. What is written is an event of the broker (`plugin-log`) and goes where events go: to the log,
 * to `hexmq tail`, to other plugins. Text beyond 4,096 characters is cut off. Lines beyond 100 in ten seconds are left
 * out; the next line says how many.
 */
export interface PluginLogger {
  debug(text: string, fields?: LogFields): void;
  info(text: string, fields?: LogFields): void;
  warn(text: string, fields?: LogFields): void;
  error(text: string, fields?: LogFields): void;
}

/** Injection token of a plugin's log. */
export const PluginLogger = port<PluginLogger>('PluginLogger');

/** Work at a later time. What is still scheduled when the plugin stops is cancelled. */
export interface Scheduler {
  /**
   * Runs the task once.
   * @param delayMs milliseconds, 0 to 2^31 - 1.
   * @throws RangeError for another delay.
   */
  after(delayMs: number, task: () => void | Promise<void>): Timer;
  /**
   * Runs the task again and again: `intervalMs` after it was scheduled for the first time, and then after each run.
   * Runs do not overlap: the pause begins when the promise of the one before has settled.
   * @param intervalMs milliseconds, 1 to 2^31 - 1.
   * @throws RangeError for another interval.
   */
  every(intervalMs: number, task: () => void | Promise<void>): Timer;
}

/** Injection token of the scheduler. A task that throws or rejects is reported as an event (`plugin-failed`). */
export const Scheduler = port<Scheduler>('Scheduler');

/**
 * The operations of the administration (docs/admin-api.json), in the name of the plugin. They work as soon as the
 * broker starts its plugins, and are rejected with an AdministrationError `unavailable` before and after.
 */
export interface Operations {
  /** As `Administration.call`, with the role `write`. */
  call(operation: string, request?: unknown): ReturnType<Administration['call']>;
  /** As `Administration.open`. */
  open(stream: string, request?: unknown): ReturnType<Administration['open']>;
  /** In whose name: `plugin` and its name. */
  readonly actor: Actor;
}

/** Injection token of the operations. */
export const Operations = port<Operations>('Operations');
