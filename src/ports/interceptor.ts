// The port of interceptors: they see what clients send before the broker acts on it, and may change it, deny it or, for
// a message, drop it. The broker behaves as if the client had sent what they leave.
import type {
  ClientView,
  ConnectRequest,
  DeliveryVerdict,
  PublishRequest,
  SubscribeRequest,
  UnsubscribeRequest,
  VerdictOf,
} from '../domain/interception/verdict.js';
import type { Message } from '../domain/messages/message.js';
import type { RequestContext } from './auth.js';
import type { Reloadable } from './reloadable.js';
import type { Startable } from './startable.js';
import { port } from './token.js';

/** A message on its way to a client. `publisher`: the client that published it, if one did. */
export type DeliveredMessage = Pick<Message, 'topic' | 'payload' | 'qos' | 'retain' | 'properties' | 'publisher'>;

/** A verdict, at once or with a promise. */
type Answer<Stage extends 'connect' | 'publish' | 'subscribe' | 'unsubscribe'> =
  VerdictOf<Stage> | Promise<VerdictOf<Stage>>;

/**
 * Looks at packets of clients. Each method is optional: packets for which no interceptor has a method cost nothing.
 *
 * Several interceptors are called in the order of their bindings, each with what the one before it has left; `deny` and
 * `drop` end the row. While an answer is awaited, nothing more is read from that client, so the order of its packets
 * stays; other clients go on. A method may be called again for the same packet, if the broker could not accept it and
 * tries again, or the client sends it again.
 *
 * What comes is valid: topics are checked, aliases are resolved. What an interceptor returns has to be valid too, and
 * is then authorized as if the client had sent it. An answer that is not valid, a thrown error, a rejection and a
 * timeout count as `onFailure` says, and are reported as the event `interceptor-failed`.
 */
export interface Interceptor extends Startable, Reloadable {
  /** As it appears in log lines. */
  readonly name: string;
  /** How long an answer may take, in milliseconds, 1 to 600,000. Default: 5,000. */
  readonly timeoutMs?: number | undefined;
  /** What a failure counts as. Default: `deny`, with Reason Code 0x83 (Implementation specific error). */
  readonly onFailure?: 'deny' | 'pass' | undefined;
  /**
   * A CONNECT, before the client is authenticated. Its password is valid until the answer is given.
   *
   * `properties` may be replaced too; they have to be such that CONNECT may carry them.
   */
  connect?(request: ConnectRequest, client: ClientView, context: RequestContext): Answer<'connect'>;
  /**
   * A PUBLISH, after its topic was checked and before it is authorized; and once, with CONNECT, the will of a client
   * (`isWill`). The payload may be a view of a buffer that is used again: copy what has to outlive the answer, and
   * change nothing in it. What replaces it is not copied: it has to stay as it is for as long as the message may wait.
   *
   * A replaced QoS is that of the message; the packet is acknowledged as its client expects.
   */
  publish?(message: PublishRequest, client: ClientView, context: RequestContext): Answer<'publish'>;
  /** A SUBSCRIBE, before it is authorized. */
  subscribe?(request: SubscribeRequest, client: ClientView, context: RequestContext): Answer<'subscribe'>;
  /** An UNSUBSCRIBE. One that replaces filters in SUBSCRIBE has to replace them here as well. */
  unsubscribe?(request: UnsubscribeRequest, client: ClientView, context: RequestContext): Answer<'unsubscribe'>;
  /**
   * A message on its way to one client, each time that it is sent. The answer comes at once, and depends on the message
   * and the client alone: a repeat has to be like the first one. A message of a shared subscription that is dropped
   * goes to no other member. Topic, payload and properties can be replaced; the rules for the client apply to the
   * message as it was.
   */
  deliver?(message: DeliveredMessage, client: ClientView): DeliveryVerdict;
}

/** Injection token. Bind one implementation for each interceptor, in the order in which they are to be called. */
export const Interceptor = port<Interceptor>('Interceptor');
