// A plan: everything that will happen in a run, as data. It has the clients, their operations and times, the behaviour
// of the disk, and the deaths of the broker.
import type { InterceptorPlan } from './slow-interceptor.js';
import type { Limits } from '../../domain/limits.js';
import type { AckLevel, Command } from '../../ports/index.js';
import type { QoS } from '../../protocol/packets.js';

export interface ClientTraits {
  readonly name: string;
  readonly version: 3 | 4;
  readonly latencyMs: number;
  /** The size of the chunks, in bytes, into which its packets are cut; 0 for no cuts. */
  readonly cutBytes: number;
  /** Milliseconds after which it reconnects by itself when its connection was lost; 0 for never. */
  readonly redialMs: number;
}

export interface WillPlan {
  readonly topic: string;
  readonly qos: QoS;
  readonly retain: boolean;
}

/** What a client says in a CONNECT of MQTT 5; `undefined` is left out of the packet. Times are in seconds. */
export interface Connect5 {
  readonly expiryS: number;
  readonly willDelayS: number;
  readonly receiveMaximum: number | undefined;
  readonly maximumPacketSize: number | undefined;
  readonly topicAliasMaximum: number | undefined;
}

/** The options of a subscription, on connections of MQTT 5. */
export interface Options5 {
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  readonly retainHandling: 0 | 1 | 2;
}

export interface WantedFilter {
  readonly filter: string;
  readonly qos: QoS;
  readonly options?: Options5;
}

/** A rule about receiving: the first rule that matches decides, and a topic without a match is denied. */
export interface ReceiveRule {
  readonly effect: 'allow' | 'deny';
  readonly filter: string;
}

/** What a client may not do, from the beginning to the end of a run. */
export interface Denial {
  /** Topics to which it may not publish: its messages there are acknowledged and dropped, and its wills dropped. */
  readonly publish: readonly string[];
  /** Whether no rule lets it subscribe: it is granted what it asks for, and gets what it may receive. */
  readonly subscribe: boolean;
}

export type Acknowledging =
  | { readonly kind: 'at once' }
  | { readonly kind: 'late'; readonly delayMs: number }
  | { readonly kind: 'never' }
  /** At once, and on connections of MQTT 5 one message in three with a Reason Code that refuses it. */
  | { readonly kind: 'refuses' };

export type Action =
  /** On a live connection this is a takeover. `eager`: waiting packets are sent behind CONNECT, not behind CONNACK. */
  | {
      readonly kind: 'connect';
      readonly client: string;
      readonly clean: boolean;
      readonly keepAliveS: number;
      readonly will: WillPlan | undefined;
      readonly eager: boolean;
      /** The connection is one of MQTT 5, whatever the version of the client's traits. */
      readonly five?: Connect5;
    }
  /** `five`: on a connection of MQTT 5, the Reason Code and the new Session Expiry Interval, if there is one. */
  | {
      readonly kind: 'disconnect';
      readonly client: string;
      readonly five?: { readonly reasonCode: 0 | 4; readonly expiryS: number | undefined };
    }
  /** The connection breaks. `lossy`: bytes under way to the broker are lost too. */
  | { readonly kind: 'vanish'; readonly client: string; readonly lossy: boolean }
  | {
      readonly kind: 'subscribe';
      readonly client: string;
      readonly filters: readonly WantedFilter[];
      /** The Subscription Identifier, on a connection of MQTT 5. */
      readonly identifier?: number;
    }
  | { readonly kind: 'unsubscribe'; readonly client: string; readonly filters: readonly string[] }
  /** Several messages at once; a size of 0 clears the retained message. */
  | {
      readonly kind: 'publish';
      readonly client: string;
      readonly topic: string;
      readonly qos: QoS;
      readonly retain: boolean;
      readonly bytes: number;
      readonly count: number;
      /** The Message Expiry Interval, on a connection of MQTT 5. */
      readonly expiryS?: number;
    }
  | { readonly kind: 'acknowledge'; readonly client: string; readonly how: Acknowledging }
  /** The client reads nothing for this time. */
  | { readonly kind: 'stall'; readonly client: string; readonly forMs: number }
  /** The client sends no PINGREQ for this time. */
  | { readonly kind: 'mute'; readonly client: string; readonly forMs: number }
  /** The rules about receiving from now on, in runs with such rules. */
  | { readonly kind: 'permissions'; readonly client: string; readonly rules: readonly ReceiveRule[] }
  /** An operator gives a command if the broker runs. */
  | { readonly kind: 'operator'; readonly command: Command }
  /** The broker says something of itself if it runs. */
  | { readonly kind: 'announce'; readonly topic: string; readonly retain: boolean }
  /** An operator backs the broker up if it runs, and reads the backup after so long. */
  | { readonly kind: 'backup'; readonly readMs: number }
  /** The date of the machine is corrected, if the broker runs. */
  | { readonly kind: 'date'; readonly byMs: number }
  /** The latency of the disk from now on: before a call has its effect, and again before its answer. */
  | { readonly kind: 'disk pace'; readonly callMs: number; readonly answerMs: number }
  | { readonly kind: 'disk refuses'; readonly commits: number; readonly reads: number }
  | { readonly kind: 'disk denies'; readonly commits: number }
  /**
   * `keeps`: a batch that was written and not yet answered is on the disk nevertheless. `power`: the machine fails, and
   * this part of the unflushed batches, from 0 to 1, is on the disk. `delivers`: packets that have left still reach the
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
  /** Its name, which stays the same while the plan is shrunk. */
  readonly id: number;
  readonly atMs: number;
};

export interface Plan {
  readonly seed: number;
  readonly limits: Partial<Limits>;
  /** The acknowledgement level of each incarnation of the broker, in turn. */
  readonly ackLevels: readonly AckLevel[];
  /** How many recipients, filters or topics the broker handles in one step; `undefined` for its own choice. */
  readonly sliceSize: number | undefined;
  /**
   * How many steps the broker does in one turn. Time stands still during a turn: a small number makes work wait for the
   * next one, as a busy broker's does.
   */
  readonly maxTurnSteps: number;
  /** Unread bytes from which on a client counts as slow. */
  readonly highWaterMark: number;
  readonly clients: readonly ClientTraits[];
  /**
   * The initial rules about receiving, by client name; clients without an entry may receive everything. `undefined`: a
   * run without such rules.
   */
  readonly rules: Readonly<Record<string, readonly ReceiveRule[]>> | undefined;
  /** By client name, in runs that deny something. */
  readonly denials: Readonly<Record<string, Denial>> | undefined;
  /** How long credentials are valid, by the date of the machine; `undefined` without end. */
  readonly tokenMs: number | undefined;
  /** `undefined`: a run without an interceptor. */
  readonly interceptor: InterceptorPlan | undefined;
  readonly operations: readonly Operation[];
  readonly durationMs: number;
}

export const describeOperation = (operation: Operation): string => JSON.stringify(operation);
