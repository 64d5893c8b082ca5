// The commands of an operator. A command is an input of the core like a packet of a client, so it is part of every
// recorded or simulated run. Its outcome is an effect that leaves when all that the command recorded is durable.
import type { Properties, QoS } from '../protocol/packets.js';
import { UserProperties } from '../protocol/user-properties.js';

/** A command of an operator. */
export type Command =
  /**
   * Ends the client's connection, which counts as lost: its will is published [MQTT-3.1.2-8], and a session that
   * outlives connections stays. An MQTT 5 client gets DISCONNECT with Administrative action, or with `reasonCode`.
   */
  | { readonly kind: 'disconnect'; readonly clientId: string; readonly reasonCode?: number }
  /**
   * Ends the session, after its connection if it has one, with its subscriptions and everything that waits for the
   * client. A will that still waits for its delay is published now (MQTT 5 section 3.1.3.2.2).
   */
  | { readonly kind: 'delete-session'; readonly clientId: string }
  | { readonly kind: 'delete-retained'; readonly topic: string }
  /**
   * Drops everything that waits for a client. What was sent stays: its delivery is completed, or repeated when the
   * client returns.
   */
  | { readonly kind: 'purge-queue'; readonly clientId: string }
  /**
   * Begins a backup: it changes nothing, and its outcome leaves when everything that was recorded before it is durable,
   * so that what storage has from then on is at least what clients were promised before.
   */
  | { readonly kind: 'backup' }
  /**
   * Publishes in the name of the operator, whom no permissions limit.
   * Without `isReported` set to false, as for all other commands, an event follows: for what people do, not programs.
   */
  | { readonly kind: 'publish'; readonly message: OperatorMessage; readonly isReported?: boolean };

/** A message that an operator publishes. */
export interface OperatorMessage {
  readonly topic: string;
  /** Must not be changed afterwards. */
  readonly payload: Uint8Array;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly properties?: Properties | undefined;
}

/** The answer to a command, given when it is durable. */
export type CommandOutcome =
  | { readonly result: 'done' }
  /** There is no such connection, session or retained message. */
  | { readonly result: 'not-found' }
  /** How many recipients matched, and how many of them the message was sent to or is waiting for. */
  | { readonly result: 'published'; readonly matched: number; readonly accepted: number }
  /** How many messages were dropped. */
  | { readonly result: 'purged'; readonly dropped: number }
  /** The message is not valid, or a limit forbids it. */
  | { readonly result: 'refused'; readonly detail: string };

/** The Client Identifier or the Topic Name that a command is about; empty if it is about everything. */
export const subjectOf = (command: Command): string => {
  switch (command.kind) {
    case 'disconnect':
    case 'delete-session':
    case 'purge-queue':
      return command.clientId;
    case 'delete-retained':
      return command.topic;
    case 'publish':
      return command.message.topic;
    case 'backup':
      return '';
  }
};

const KINDS = [
  'disconnect',
  'delete-session',
  'delete-retained',
  'purge-queue',
  'publish',
  'backup',
] as const satisfies Command['kind'][];

/** MQTT 5 section 3.14.2.1, those that a server may send. */
const DISCONNECT_CODES: ReadonlySet<unknown> = new Set([
  0x00, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8b, 0x8d, 0x8e, 0x8f, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99,
  0x9a, 0x9b, 0x9c, 0x9d, 0x9e, 0x9f, 0xa0, 0xa1, 0xa2,
]);

/**
 * What is wrong with the form of a command, or `undefined`. Commands come from programs without types too, and a step
 * of the core must not fail halfway.
 */
export function commandProblem(command: unknown): string | undefined {
  if (!isObject(command)) return 'a command is an object';
  const { kind, clientId, topic, message, reasonCode } = command;
  switch (kind) {
    case 'disconnect':
    case 'delete-session':
    case 'purge-queue':
      if (typeof clientId !== 'string') return 'clientId: a string is expected';
      return reasonCode === undefined || DISCONNECT_CODES.has(reasonCode)
        ? undefined
        : `reasonCode: ${JSON.stringify(reasonCode)} is not valid, expected one that a server may send in DISCONNECT`;
    case 'delete-retained':
      return typeof topic === 'string' ? undefined : 'topic: a string is expected';
    case 'publish':
      return messageProblem(message);
    case 'backup':
      return undefined;
    default:
      return `kind: ${JSON.stringify(kind)} is not valid, expected ${KINDS.slice(0, -1).join(', ')} or ${KINDS.at(-1)}`;
  }
}

function messageProblem(message: unknown): string | undefined {
  if (!isObject(message)) return 'message: an object is expected';
  const { topic, payload, qos, retain, properties } = message;
  if (typeof topic !== 'string') return 'message.topic: a string is expected';
  if (!(payload instanceof Uint8Array)) return 'message.payload: a Uint8Array is expected';
  if (qos !== 0 && qos !== 1 && qos !== 2) return 'message.qos: 0, 1 or 2 is expected';
  if (typeof retain !== 'boolean') return 'message.retain: a boolean is expected';
  if (properties === undefined) return undefined;
  if (!isObject(properties)) return 'message.properties: an object is expected';
  const { userProperties } = properties;
  return userProperties === undefined || userProperties instanceof UserProperties
    ? undefined
    : 'message.properties.userProperties: UserProperties are expected';
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;
