// The script of a run, one line for each event: the time, the actor and the action. It is written only on request,
// because a run can be repeated to get its script.
import type { BrokerEvent, LifecycleEvent } from '../../ports/index.js';
import type { Packet } from '../../protocol/packets.js';
import { PacketType } from '../../protocol/packets.js';
import type { VirtualClock } from '../virtual-clock.js';
import { tagOf } from './payload.js';

const NAMES = new Map<number, string>(Object.entries(PacketType).map(([name, type]) => [type, name.toUpperCase()]));

export class Script {
  readonly lines: string[] = [];
  readonly #startMs: number;

  constructor(
    readonly clock: VirtualClock,
    readonly isKept: boolean,
  ) {
    this.#startMs = clock.nowMs();
  }

  note(who: string, what: string): void {
    if (this.isKept)
      this.lines.push(`${String(this.clock.nowMs() - this.#startMs).padStart(7)} ms  ${who.padEnd(8)} ${what}`);
  }

  packet(who: string, arrow: '->' | '=>' | '<-' | '<=', packet: Packet): void {
    if (this.isKept) this.note(who, `${arrow} ${describePacket(packet)}`);
  }
}

export function describePacket(packet: Packet): string {
  const name = NAMES.get(packet.type) ?? String(packet.type);
  switch (packet.type) {
    case PacketType.connect: {
      const will =
        packet.will === undefined
          ? ''
          : ` will ${tagOf(packet.will.payload)} to ${packet.will.topic}` +
            ` q${packet.will.qos}${packet.will.retain ? ' retain' : ''}`;
      return `${name} ${packet.clientId} ${packet.clean ? 'clean' : 'stored'} keep-alive ${packet.keepAlive}${will}`;
    }
    case PacketType.connack:
      return `${name} code ${packet.reasonCode} session present ${packet.sessionPresent ? 1 : 0}`;
    case PacketType.publish: {
      const flags = `${packet.dup ? ' dup' : ''}${packet.retain ? ' retain' : ''}`;
      const { topic, qos, packetId, payload } = packet;
      return `${name} ${tagOf(payload)} to ${topic} q${qos}${flags} id ${packetId} (${payload.length} bytes)`;
    }
    case PacketType.subscribe: {
      const subscriptions = packet.subscriptions.map(({ topicFilter, qos }) => `${topicFilter} q${qos}`);
      return `${name} id ${packet.packetId} ${subscriptions.join(', ')}`;
    }
    case PacketType.suback:
      return `${name} id ${packet.packetId} granted ${packet.reasonCodes.join(', ')}`;
    case PacketType.unsubscribe:
      return `${name} id ${packet.packetId} ${packet.topicFilters.join(', ')}`;
    case PacketType.puback:
    case PacketType.pubrec:
    case PacketType.pubrel:
    case PacketType.pubcomp:
    case PacketType.unsuback:
      return `${name} id ${packet.packetId}`;
    case PacketType.pingreq:
    case PacketType.pingresp:
    case PacketType.disconnect:
    case PacketType.auth:
      return name;
  }
}

export function describeEvent(event: BrokerEvent | LifecycleEvent): string {
  const { kind, ...rest } = event;
  return `notes ${kind} ${JSON.stringify(rest, (key, value: unknown) => (key === 'error' ? String(value) : value))}`;
}
