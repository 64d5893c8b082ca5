// A network connection as the core sees it: from its opening over CONNECT to its end, with what it may do and how well it reads.
import type { ConnectPacket, ProtocolVersion } from '../../protocol/packets.js';
import type { Access } from '../access/access.js';
import type { Context } from '../context.js';
import { Deadline } from '../deadlines.js';
import type { Message } from '../delivery/message.js';
import type { RetainedDelivery } from '../delivery/retained.js';
import { sessionQueue } from '../identifiers.js';
import type { ClientId, ConnectionId } from '../identifiers.js';
import type { PeerInfo } from './peer.js';
import type { Attached, Session } from '../session/session.js';

export type ConnectionState = 'awaiting-connect' | 'authenticating' | 'connected' | 'ended';

export class Connection implements Attached {
  state: ConnectionState = 'awaiting-connect';
  version: ProtocolVersion = 4;
  session: Session | undefined;
  /** Set from CONNECT on. */
  clientId: ClientId | undefined;
  /** As authentication has it. */
  userName: string | undefined;
  /** What it may do; set when it was let in. */
  access: Access | undefined;
  /** While authenticating. */
  connect: ConnectPacket | undefined;
  window = 0;
  /** 0: no keep-alive. */
  keepAliveMs = 0;
  lastPacketMs: number;
  isPaused = false;
  /** Of CONNECT, of authentication, then of keep-alive: one follows the other. */
  readonly deadline = new Deadline<Connection>(this);
  /** Of a reader that is stuck; made when one is first. */
  drain: Deadline<Connection> | undefined;
  /** Of what it showed at CONNECT; made when that ends at some time. */
  credentials: Deadline<Connection> | undefined;
  /** Of a CONNACK that waits for storage; made when one does. */
  connack: Deadline<Connection> | undefined;
  /** Whether its CONNACK is the first word of its session. */
  announcesSession = false;
  retained: RetainedDelivery | undefined;
  /** Topic Names by the aliases that the client gave them; made when it gives one. */
  topicAliases: Map<number, string> | undefined;
  #congested = false;
  #bufferedMessages = 0;
  #bufferedBytes = 0;

  constructor(
    readonly id: ConnectionId,
    readonly listener: string,
    readonly peer: PeerInfo,
    readonly context: Context,
  ) {
    this.lastPacketMs = context.nowMs;
  }

  /** Whether what the client sends is read; when it is again, it may have been sent long ago. */
  reading(isPaused: boolean): void {
    this.isPaused = isPaused;
    this.lastPacketMs = this.context.nowMs;
  }

  capacityAvailable(): void {
    this.retained?.capacityAvailable();
  }

  get isCongested(): boolean {
    return this.#congested;
  }

  congested(): void {
    this.#congested = true;
  }

  writable(): void {
    this.#congested = false;
    this.#bufferedMessages = 0;
    this.#bufferedBytes = 0;
  }

  /** A QoS 0 delivery. To a client that does not read, only so many: then they are dropped and counted. */
  deliverAtMostOnce(message: Message, retain: boolean, identifiers: readonly number[] | undefined): void {
    const { counters, effects, limits } = this.context;
    counters.started++;
    if (this.#congested) {
      const bytes = message.payload.byteLength + message.topic.length;
      if (
        this.#bufferedMessages >= limits.maxBufferedQos0Messages ||
        this.#bufferedBytes + bytes > limits.maxBufferedQos0Bytes
      ) {
        counters.dropped['slow-consumer']++;
        const queue = this.clientId === undefined ? undefined : sessionQueue(this.clientId);
        effects.emit({ kind: 'message-dropped', reason: 'slow-consumer', topic: message.topic, qos: 0, queue });
        return;
      }
      this.#bufferedMessages++;
      this.#bufferedBytes += bytes;
    }
    counters.delivered++;
    effects.deliver(this.id, message, 0, retain, false, 0, identifiers, undefined);
  }
}
