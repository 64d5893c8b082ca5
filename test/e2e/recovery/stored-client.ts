// A client with a stored session that keeps what comes until it is asked for, acknowledges QoS 1 and 2 by itself, and
// publishes in a window.
import type { IConnackPacket, IPublishPacket, Packet } from 'mqtt-packet';
import { PacketSocket } from '../packet-socket.js';
import type { Address, PacketSocketOwner } from '../packet-socket.js';
import { within } from '../program.js';

type Command = NonNullable<Packet['cmd']>;
type Of<C extends Command> = Extract<Packet, { cmd: C }>;

export interface Publication {
  readonly topic: string;
  readonly payload: Buffer;
  readonly retain?: boolean;
}

export class StoredClient implements PacketSocketOwner {
  readonly #socket: PacketSocket;
  readonly #packets: Packet[] = [];
  #isClosed = false;
  #watcher: (() => void) | undefined;
  #acknowledged: (() => void) | undefined;

  constructor(
    address: Address,
    readonly clientId: string,
  ) {
    this.#socket = new PacketSocket(address, this);
  }

  packet(packet: Packet): void {
    if (packet.cmd === 'publish' && packet.qos === 1)
      this.send({ cmd: 'puback', messageId: packet.messageId as number });
    else if (packet.cmd === 'publish' && packet.qos === 2)
      this.send({ cmd: 'pubrec', messageId: packet.messageId as number });
    else if (packet.cmd === 'pubrel') {
      this.send({ cmd: 'pubcomp', messageId: packet.messageId as number });
      return;
    } else if (packet.cmd === 'puback') {
      this.#acknowledged?.();
      return;
    }
    this.#packets.push(packet);
    this.#watcher?.();
  }

  closed(): void {
    this.#isClosed = true;
    this.#watcher?.();
  }

  send(packet: Packet): void {
    this.#socket.send(packet);
  }

  /** Whether the broker has a session for it. */
  async connect(): Promise<boolean> {
    this.send({
      cmd: 'connect',
      protocolId: 'MQTT',
      protocolVersion: 4,
      clean: false,
      clientId: this.clientId,
      keepalive: 0,
    });
    const { returnCode, sessionPresent }: IConnackPacket = await this.next('connack');
    if (returnCode !== 0) throw new Error(`the broker refused ${this.clientId} with ${returnCode}`);
    return sessionPresent;
  }

  async subscribe(topic: string, qos: 0 | 1 | 2): Promise<void> {
    this.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic, qos }] });
    const { granted } = await this.next('suback');
    if (granted[0] !== qos) throw new Error(`the broker granted ${JSON.stringify(granted)} for ${topic}`);
  }

  /** At QoS 1; resolves when all are acknowledged. */
  async publish(publications: readonly Publication[], window = 200): Promise<void> {
    let sent = 0;
    let acknowledged = 0;
    const more = (): void => {
      for (; sent < publications.length && sent - acknowledged < window; sent++) {
        const { topic, payload, retain = false } = publications[sent] as Publication;
        this.send({ cmd: 'publish', qos: 1, messageId: (sent % 65_535) + 1, topic, payload, retain, dup: false });
      }
    };
    const done = new Promise<void>((resolve) => {
      this.#acknowledged = () => {
        if (++acknowledged === publications.length) resolve();
        else more();
      };
    });
    more();
    if (publications.length > 0) await within(done, `${publications.length} acknowledgements`);
    this.#acknowledged = undefined;
  }

  /** The next packet, which has to be of this kind. */
  async next<C extends Command>(command: C): Promise<Of<C>> {
    await this.#has(1, command);
    const packet = this.#packets.shift() as Packet;
    if (packet.cmd !== command) throw new Error(`${this.clientId} got ${String(packet.cmd)} instead of ${command}`);
    return packet as Of<C>;
  }

  /** The next messages, with nothing between them. */
  async messages(count: number): Promise<IPublishPacket[]> {
    await this.#has(count, `${count} messages`);
    return this.#packets.splice(0, count).map((packet) => {
      if (packet.cmd !== 'publish') throw new Error(`${this.clientId} got ${String(packet.cmd)} among its messages`);
      return packet;
    });
  }

  async texts(count: number): Promise<string[]> {
    return (await this.messages(count)).map(({ payload }) => payload.toString());
  }

  async disconnect(): Promise<void> {
    this.send({ cmd: 'disconnect' });
    await within(
      this.#until(() => this.#isClosed),
      'the broker to close the connection',
    );
  }

  async #has(count: number, what: string): Promise<void> {
    await within(
      this.#until(() => this.#packets.length >= count || this.#isClosed),
      `${what} for ${this.clientId}`,
    );
    if (this.#packets.length < count) throw new Error(`the connection of ${this.clientId} closed before ${what} came`);
  }

  #until(isThere: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#watcher = () => {
        if (!isThere()) return;
        this.#watcher = undefined;
        resolve();
      };
      this.#watcher();
    });
  }
}

export async function connected(address: Address, clientId: string): Promise<StoredClient> {
  const client = new StoredClient(address, clientId);
  await client.connect();
  return client;
}

/** For each number below `count`, some at a time. */
export async function inLots(count: number, work: (number: number) => Promise<void>): Promise<void> {
  let next = 0;
  const one = async (): Promise<void> => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: 50 }, one));
}
