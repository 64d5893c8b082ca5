// Publishers that wait for queues: from the message that makes one wait to the last packet that it had sent meanwhile.
import { PacketType } from '../../protocol/packets.js';
import type { Packet, PublishPacket } from '../../protocol/packets.js';
import { ReasonCode } from '../../protocol/reason-codes.js';
import type { Connection } from '../connect/connection.js';
import type { Connections } from '../connect/connections.js';
import type { Context } from '../context.js';
import type { Pressed } from '../slowed-publisher.js';
import { Intake } from '../session/intake.js';
import type { OrderedPacket } from '../session/intake.js';
import type { Session } from '../session/session.js';

export class PublisherWaits {
  /** Connections whose network connection has ended before all that they had sent was handled. */
  readonly #lost = new WeakSet<Connection>();

  constructor(
    readonly context: Context,
    readonly connections: Connections,
    readonly take: (connection: Connection, session: Session, packet: Packet) => void,
  ) {}

  /**
   * The message has gone to a queue that its client cannot empty as fast as messages come. A publisher that is behind
   * with its own messages is not slowed: others would then wait for a client whose acknowledgements are not read. So no
   * publisher waits for one that waits itself, and they never wait for each other in a circle.
   */
  slow(connection: Connection, session: Session): void {
    const { pressed } = this.context;
    if (pressed === undefined || connection.state !== 'connected' || session.isBehind) return;
    this.#intakeOf(connection).waitFor(pressed);
  }

  /**
   * There is no room for the message, which was not accepted. MQTT 5 can say so. Before, it is not acknowledged: the
   * publisher waits, and is disconnected if that takes too long. On its next connection it sends the message again.
   */
  refuse(connection: Connection, packet: PublishPacket, full: Pressed): void {
    if (connection.state !== 'connected') return;
    // At QoS 0, which an interceptor has raised, there is nothing to answer: the publisher waits as before MQTT 5.
    if (connection.version === 5 && packet.qos > 0) {
      const type = packet.qos === 1 ? PacketType.puback : PacketType.pubrec;
      connection.output.acknowledge(type, packet.packetId, ReasonCode.quotaExceeded);
      return;
    }
    if (this.#intakeOf(connection).waitForRoom(packet, full)) return;
    this.connections.end(connection, 'queue-full', { detail: `no room in the queue ${full.id}` });
  }

  /** The network connection has ended. @returns whether it has sent packets that are to be handled before its end. */
  lost(connection: Connection): boolean {
    const { intake } = connection.output;
    if (intake === undefined || connection.state !== 'connected') return false;
    this.#lost.add(connection);
    connection.unreachable();
    intake.leave();
    return true;
  }

  #intakeOf(connection: Connection): Intake {
    const { output } = connection;
    return (output.intake ??= new Intake(
      {
        id: connection.id,
        get isReceiving() {
          return (connection.session?.outboundIfAny?.inFlightCount ?? 0) > 0;
        },
        handle: (packet) => {
          this.#handle(connection, packet);
        },
        finished: () => {
          output.intake = undefined;
          if (this.#lost.has(connection)) this.connections.lost(connection);
        },
      },
      this.context,
    ));
  }

  #handle(connection: Connection, packet: OrderedPacket): void {
    const { session } = connection;
    if (session !== undefined && connection.state === 'connected') this.take(connection, session, packet);
  }
}

/** Whether the packet keeps its place behind publications that wait. */
export const isOrdered = (packet: Packet): packet is OrderedPacket =>
  packet.type === PacketType.publish ||
  packet.type === PacketType.subscribe ||
  packet.type === PacketType.unsubscribe ||
  packet.type === PacketType.disconnect;
