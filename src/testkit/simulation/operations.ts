// A plan: what is going to happen in a run, as data. It says who the clients are, what they do and when, how the disk
// behaves and when the broker dies.
import type { Limits } from '../../domain/limits.js';
import type { AckLevel, Command } from '../../ports/index.js';
import type { QoS } from '../../protocol/packets.js';

export interface ClientTraits {
  readonly name: string;
  readonly version: 3 | 4;
  readonly latencyMs: number;
  /** What it sends is cut into pieces of this size; 0: not at all. */
  readonly cutBytes: number;
  /** It comes back by itself so long after its connection was lost; 0: it does not. */
  readonly redialMs: number;
}

export interface WillPlan {
  readonly topic: string;
  readonly qos: QoS;
  readonly retain: boolean;
}

/** About receiving; the first whose filter matches decides, and what none matches is denied. */
export interface ReceiveRule {
  readonly effect: 'allow' | 'deny';
  readonly filter: string;
}

export type Acknowledging =
  { readonly kind: 'at once' } | { readonly kind: 'late'; readonly delayMs: number } | { readonly kind: 'never' };

export type Action =
  /** With a connection standing this is a takeover. `eager`: what waits is sent behind CONNECT, not behind CONNACK. */
  | {
      readonly kind: 'connect';
      readonly client: string;
      readonly clean: boolean;
      readonly keepAliveS: number;
      readonly will: WillPlan | undefined;
      readonly eager: boolean;
    }
  | { readonly kind: 'disconnect'; readonly client: string }
  /** The connection breaks. `lossy`: what was on its way to the broker is lost too. */
  | { readonly kind: 'vanish'; readonly client: string; readonly lossy: boolean }
  | {
      readonly kind: 'subscribe';
      readonly client: string;
      readonly filters: readonly { readonly filter: string; readonly qos: QoS }[];
    }
  | { readonly kind: 'unsubscribe'; readonly client: string; readonly filters: readonly string[] }
  /** So many messages in one go; a size of 0 clears what is retained. */
  | {
      readonly kind: 'publish';
      readonly client: string;
      readonly topic: string;
      readonly qos: QoS;
      readonly retain: boolean;
      readonly bytes: number;
      readonly count: number;
    }
  | { readonly kind: 'acknowledge'; readonly client: string; readonly how: Acknowledging }
  /** It reads nothing for so long. */
  | { readonly kind: 'stall'; readonly client: string; readonly forMs: number }
  /** It sends no PINGREQ for so long. */
  | { readonly kind: 'mute'; readonly client: string; readonly forMs: number }
  /** What it may receive from now on; in runs in which not everybody may receive everything. */
  | { readonly kind: 'permissions'; readonly client: string; readonly rules: readonly ReceiveRule[] }
  /** An operator gives a command, if the broker runs. */
  | { readonly kind: 'operator'; readonly command: Command }
  /** The disk's pace from now on: so long before a call is seen, and again before it is answered. */
  | { readonly kind: 'disk pace'; readonly callMs: number; readonly answerMs: number }
  | { readonly kind: 'disk refuses'; readonly commits: number; readonly reads: number }
  | { readonly kind: 'disk denies'; readonly commits: number }
  /**
   * `keeps`: a batch that was written and not yet answered is on the disk all the same. `power`: it is the machine that
   * fails, and so much of what was not flushed is on the disk, from 0 to 1. `delivers`: what has left still reaches the
   * clients.
   */
  | {
      readonly kind: 'crash';
      readonly keeps: boolean;
      readonly power: number | undefined;
      readonly delivers: boolean;
      readonly downMs: number;
    }
  | { readonly kind: 'stop'; readonly downMs: number };

/** Adds an operation to a plan. */
export type Add = (atMs: number, action: Action) => void;

export type Operation = Action & {
  /** Its name, for as long as the plan is shrunk. */
  readonly id: number;
  readonly atMs: number;
};

export interface Plan {
  readonly seed: number;
  readonly limits: Partial<Limits>;
  /** What an acknowledgement stands for in each life of the broker, in turn. */
  readonly ackLevels: readonly AckLevel[];
  /** How many recipients, filters or topics the broker handles in one step; `undefined` for its own choice. */
  readonly sliceSize: number | undefined;
  /**
   * How many steps the broker does in one turn. Time stands still during a turn: a small number makes work wait for the
   * next one, as a busy broker's does.
   */
  readonly maxTurnSteps: number;
  /** Bytes on their way to a client from which on it counts as slow. */
  readonly highWaterMark: number;
  readonly clients: readonly ClientTraits[];
  /**
   * What clients may receive at first, by name; clients without an entry may receive everything. `undefined`: all may.
   */
  readonly rules: Readonly<Record<string, readonly ReceiveRule[]>> | undefined;
  readonly operations: readonly Operation[];
  readonly durationMs: number;
}

export const describeOperation = (operation: Operation): string => JSON.stringify(operation);
