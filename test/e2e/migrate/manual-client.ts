// A client that answers nothing by itself: a test stops its handshakes wherever it wants.
import type { IConnackPacket, IConnectPacket, IPublishPacket, Packet } from 'mqtt-packet';
import { PacketSocket } from '../packet-socket.js';
import type { Address, PacketSocketOwner } from '../packet-socket.js';
import { within } from '../program.js';

type Command = NonNullable<Packet['cmd']>;
type Of<C extends Command> = Extract<Packet, { cmd: C }>;

export class ManualClient implements PacketSocketOwner {
  readonly #socket: PacketSocket;
  readonly #packets: Packet[] = [];
  #watcher: (() => void) | undefined;

  private constructor(address: Address) {
    this.#socket = new PacketSocket(address, this);
  }

  /** With a stored session. */
  static async connect(
    address: Address,
    clientId: string,
    isKnown: boolean,
    will?: IConnectPacket['will'],
  ): Promise<ManualClient> {
    const client = new ManualClient(address);
    client.send({
      cmd: 'connect',
      protocolId: 'MQTT',
      protocolVersion: 4,
      clean: false,
      clientId,
      keepalive: 0,
      ...(will === undefined ? {} : { will }),
    });
    const { returnCode, sessionPresent }: IConnackPacket = await client.next('connack');
    if (returnCode !== 0 || sessionPresent !== isKnown)
      throw new Error(`${clientId}: return code ${returnCode}, session present ${sessionPresent}`);
    return client;
  }

  packet(packet: Packet): void {
    this.#packets.push(packet);
    this.#watcher?.();
  }

  closed(): void {
    this.#watcher?.();
  }

  send(packet: Packet): void {
    this.#socket.send(packet);
  }

  destroy(): void {
    this.#socket.destroy();
  }

  async subscribe(topic: string, qos: 1 | 2): Promise<void> {
    this.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic, qos }] });
    await this.next('suback');
  }

  publish(
    topic: string,
    payload: string,
    qos: 1 | 2,
    messageId: number,
    flags: { dup?: boolean; retain?: boolean } = {},
  ): void {
    this.send({
      cmd: 'publish',
      topic,
      payload,
      qos,
      messageId,
      dup: flags.dup ?? false,
      retain: flags.retain ?? false,
    });
  }

  /** The next packet, which has to be of this kind. */
  async next<C extends Command>(command: C): Promise<Of<C>> {
    const packet = await this.takePacket(`a ${command}`);
    if (packet.cmd !== command) throw new Error(`expected a ${command}, got ${JSON.stringify(packet)}`);
    return packet as Of<C>;
  }

  /** The next messages, each acknowledged as its QoS asks for, to the end. */
  async takeAll(count: number): Promise<IPublishPacket[]> {
    const taken: IPublishPacket[] = [];
    let unfinished = 0;
    while (taken.length < count || unfinished > 0) {
      const packet = await this.takePacket();
      const { messageId = 0 } = packet;
      if (packet.cmd === 'pubrel') {
        this.send({ cmd: 'pubcomp', messageId });
        unfinished--;
        continue;
      }
      if (packet.cmd !== 'publish') throw new Error(`expected a publish, got ${JSON.stringify(packet)}`);
      taken.push(packet);
      if (packet.qos === 2) unfinished++;
      this.send({ cmd: packet.qos === 2 ? 'pubrec' : 'puback', messageId });
    }
    return taken;
  }

  takePacket(what = 'a packet'): Promise<Packet> {
    return within(
      new Promise<Packet>((resolve) => {
        this.#watcher = () => {
          const packet = this.#packets.shift();
          if (packet === undefined) return;
          this.#watcher = undefined;
          resolve(packet);
        };
        this.#watcher();
      }),
      what,
    );
  }
}
