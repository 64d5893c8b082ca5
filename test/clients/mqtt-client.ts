// An MQTT 3.1.1 client that obeys the protocol by itself: it acknowledges, and keeps across connections the state that
// the protocol asks of a client. That is its unacknowledged messages, which it sends again with DUP, in order and with
// their Packet Identifiers; and the Packet Identifiers of received QoS 2 messages until PUBREL. So if a message arrives
// twice, the broker has sent it twice.
import type { IConnackPacket, IPublishPacket, Packet, QoS } from 'mqtt-packet';
import { within } from './within.js';
import { PacketSocket } from './packet-socket.js';
import type { Address } from './packet-socket.js';

/** The connection ended before the answer arrived. */
export class ConnectionLost extends Error {
  override readonly name = 'ConnectionLost';
}

/** Ignores the loss of the connection, for tests that kill the broker. */
export async function untilLost(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof ConnectionLost)) throw error;
  }
}

export interface Message {
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: 1 | 2;
  readonly retain?: boolean;
}

export interface Will {
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: 1 | 2;
  readonly retain: boolean;
}

export interface ConnectOptions {
  readonly clean: boolean;
  readonly will?: Will;
}

interface Outgoing {
  readonly packetId: number;
  readonly message: Message;
  readonly acknowledged: () => void;
  /** PUBREC has arrived, so PUBREL is sent instead of the message. */
  isReceived: boolean;
}

interface Answer<T> {
  resolve(value: T): void;
  reject(error: Error): void;
}

export class MqttClient {
  /** Called for each message that is not a repetition. */
  onMessage: (packet: IPublishPacket) => void = () => undefined;
  /** Called when the window may have room for more messages. */
  onRoom: () => void = () => undefined;
  /** Called when the broker has no session for this client, so its subscriptions are lost. */
  onNewSession: () => void = () => undefined;
  /** Called when the broker violates the protocol. */
  onFault: (fault: string) => void = () => undefined;

  /** Whether the broker has a session for this client, as far as the client can know. */
  #session: 'none' | 'stored' | 'unknown' = 'none';
  readonly #outgoing = new Map<number, Outgoing>();
  readonly #received = new Set<number>();
  readonly #requests = new Map<number, Answer<readonly number[]>>();
  #lastPacketId = 0;
  #socket: PacketSocket | undefined;
  #connack: Answer<IConnackPacket> | undefined;
  #isConnected = false;
  #whenClosed: (() => void)[] = [];
  #whenSettled: Answer<void>[] = [];

  constructor(
    readonly clientId: string,
    /** The most messages that may be unacknowledged at a time. */
    readonly window = 20,
  ) {}

  get isConnected(): boolean {
    return this.#isConnected;
  }

  get hasRoom(): boolean {
    return this.#isConnected && this.#outgoing.size < this.window;
  }

  /** @throws ConnectionLost */
  async connect(address: Address, { clean, will }: ConnectOptions = { clean: false }): Promise<void> {
    const expected = clean || this.#session === 'none' ? false : this.#session === 'stored' ? true : undefined;
    const connack = new Promise<IConnackPacket>((resolve, reject) => (this.#connack = { resolve, reject }));
    const socket: PacketSocket = new PacketSocket(address, {
      packet: (packet) => {
        if (socket === this.#socket) this.#handle(packet);
      },
      closed: () => {
        if (socket === this.#socket) this.#closed();
      },
    });
    this.#socket = socket;
    // Until CONNACK it is unknown whether the broker has created or discarded the session.
    if (clean !== (this.#session === 'none')) this.#session = 'unknown';
    const optional = will === undefined ? {} : { will };
    socket.send({
      cmd: 'connect',
      protocolId: 'MQTT',
      protocolVersion: 4,
      clientId: this.clientId,
      clean,
      keepalive: 0,
      ...optional,
    });

    const { returnCode, sessionPresent } = await within(connack, `the CONNACK of ${this.clientId}`);
    if (returnCode !== 0) throw new Error(`${this.clientId} was refused with ${returnCode}`);
    if (expected !== undefined && sessionPresent !== expected) {
      const given = `Session Present ${Number(sessionPresent)} where ${Number(expected)} is right`;
      this.onFault(`${this.clientId} got ${given} (Clean Session ${Number(clean)})`);
    }
    this.#session = clean ? 'none' : 'stored';
  }

  /** Sends at once. `acknowledged` is called at PUBACK or the first PUBREC, on this connection or a later one. */
  publish(message: Message, acknowledged: () => void): void {
    const outgoing: Outgoing = { packetId: this.#freePacketId(), message, acknowledged, isReceived: false };
    this.#outgoing.set(outgoing.packetId, outgoing);
    this.#sendMessage(outgoing, false);
  }

  /** @throws ConnectionLost */
  published(message: Message): Promise<void> {
    const acknowledged = new Promise<void>((resolve) => {
      this.publish(message, resolve);
    });
    return within(Promise.race([acknowledged, this.lost()]), `an acknowledgement for ${this.clientId}`);
  }

  /**
   * Publishes as many messages at a time as the window allows. Resolves when all have been acknowledged.
   * @throws ConnectionLost
   */
  async publishAll(messages: Iterable<Message>): Promise<void> {
    const source = messages[Symbol.iterator]();
    const { onRoom } = this;
    const acknowledged = new Promise<void>((resolve) => {
      let [isOver, unacknowledged] = [false, 0];
      const one = (): void => {
        const { done, value } = source.next();
        if (done === true) {
          isOver = true;
          return;
        }
        unacknowledged++;
        this.publish(value, () => {
          unacknowledged--;
          if (isOver && unacknowledged === 0) resolve();
        });
      };
      this.onRoom = () => {
        while (!isOver && this.hasRoom) one();
        if (isOver && unacknowledged === 0) resolve();
      };
      this.onRoom();
    });
    await Promise.race([acknowledged, this.lost()]);
    this.onRoom = onRoom;
  }

  /** @throws ConnectionLost */
  async subscribe(topic: string, qos: QoS): Promise<void> {
    const [granted] = await this.#ask(
      (messageId) => ({ cmd: 'subscribe', messageId, subscriptions: [{ topic, qos }] }),
      'SUBACK',
    );
    if (granted !== qos) this.onFault(`${this.clientId} was granted ${granted} for ${topic} instead of QoS ${qos}`);
  }

  /** @throws ConnectionLost */
  async unsubscribe(topicFilter: string): Promise<void> {
    await this.#ask((messageId) => ({ cmd: 'unsubscribe', messageId, unsubscriptions: [topicFilter] }), 'UNSUBACK');
  }

  /**
   * Resolves when everything that was sent has been acknowledged completely.
   * @throws ConnectionLost
   */
  settled(): Promise<void> {
    const settled = new Promise<void>((resolve, reject) => {
      if (!this.#isConnected) reject(new ConnectionLost(`${this.clientId} is not connected`));
      else if (this.#outgoing.size === 0) resolve();
      else this.#whenSettled.push({ resolve, reject });
    });
    return within(settled, `the acknowledgements of ${this.clientId}`);
  }

  /** Sends DISCONNECT. Resolves when the connection is closed. */
  async disconnect(): Promise<void> {
    const gone = this.gone();
    this.#socket?.send({ cmd: 'disconnect' });
    await gone;
  }

  /** Resolves when there is no connection. */
  gone(): Promise<void> {
    if (this.#socket === undefined) return Promise.resolve();
    return within(
      new Promise((resolve) => this.#whenClosed.push(resolve)),
      `the connection of ${this.clientId} to end`,
    );
  }

  /** Rejects when the connection ends. */
  async lost(): Promise<never> {
    await new Promise<void>((resolve) => {
      if (this.#socket === undefined) resolve();
      else this.#whenClosed.push(resolve);
    });
    throw new ConnectionLost(`${this.clientId} lost its connection`);
  }

  /** Closes the connection without DISCONNECT. */
  async vanish(): Promise<void> {
    const gone = this.gone();
    this.#socket?.destroy();
    await gone;
  }

  #ask(request: (messageId: number) => Packet, what: string): Promise<readonly number[]> {
    const packetId = this.#freePacketId();
    const answer = new Promise<readonly number[]>((resolve, reject) => {
      this.#requests.set(packetId, { resolve, reject });
      if (this.#socket === undefined) this.#lose();
      else this.#socket.send(request(packetId));
    });
    return within(answer, `the ${what} of ${this.clientId}`);
  }

  #handle(packet: Packet): void {
    const { messageId = 0 } = packet;
    switch (packet.cmd) {
      case 'connack':
        this.#accepted(packet);
        break;
      case 'publish':
        this.#receive(packet);
        break;
      case 'pubrel':
        this.#received.delete(messageId);
        this.#socket?.send({ cmd: 'pubcomp', messageId });
        break;
      case 'puback':
      case 'pubrec':
      case 'pubcomp':
        this.#acknowledged(packet.cmd, messageId);
        break;
      case 'suback':
      case 'unsuback': {
        const request = this.#requests.get(messageId);
        this.#requests.delete(messageId);
        if (request === undefined)
          this.onFault(`${this.clientId} got a ${packet.cmd} for ${messageId}, for which it has no request`);
        else request.resolve(packet.cmd === 'suback' ? (packet.granted as number[]) : []);
        break;
      }
      case 'auth':
      case 'connect':
      case 'disconnect':
      case 'pingreq':
      case 'pingresp':
      case 'subscribe':
      case 'unsubscribe':
        this.onFault(`${this.clientId} got a ${packet.cmd}, which no broker sends here`);
        break;
    }
  }

  #accepted(connack: IConnackPacket): void {
    if (connack.returnCode === 0) {
      if (!connack.sessionPresent) {
        this.#outgoing.clear();
        this.#received.clear();
        this.onNewSession();
      }
      this.#isConnected = true;
      for (const outgoing of this.#outgoing.values()) {
        if (outgoing.isReceived) this.#socket?.send({ cmd: 'pubrel', messageId: outgoing.packetId });
        else this.#sendMessage(outgoing, true);
      }
    }
    this.#connack?.resolve(connack);
    this.#connack = undefined;
    this.onRoom();
  }

  #receive(packet: IPublishPacket): void {
    const { qos, messageId = 0 } = packet;
    if (qos === 2) {
      const isKnown = this.#received.has(messageId);
      this.#received.add(messageId);
      if (!isKnown) this.onMessage(packet);
      this.#socket?.send({ cmd: 'pubrec', messageId });
      return;
    }
    this.onMessage(packet);
    if (qos === 1) this.#socket?.send({ cmd: 'puback', messageId });
  }

  #acknowledged(by: 'puback' | 'pubrec' | 'pubcomp', packetId: number): void {
    const outgoing = this.#outgoing.get(packetId);
    const isRight =
      outgoing !== undefined &&
      (by === 'puback') === (outgoing.message.qos === 1) &&
      (by !== 'pubcomp' || outgoing.isReceived);
    if (!isRight) {
      this.onFault(`${this.clientId} got a ${by} for ${packetId}, which is not awaiting one`);
      return;
    }
    if (by === 'pubrec') {
      const isFirst = !outgoing.isReceived;
      outgoing.isReceived = true;
      this.#socket?.send({ cmd: 'pubrel', messageId: packetId });
      if (isFirst) outgoing.acknowledged();
      return;
    }
    this.#outgoing.delete(packetId);
    if (by === 'puback') outgoing.acknowledged();
    if (this.#outgoing.size === 0) for (const { resolve } of this.#whenSettled.splice(0)) resolve();
    this.onRoom();
  }

  #sendMessage({ packetId, message }: Outgoing, dup: boolean): void {
    const { topic, payload, qos, retain = false } = message;
    this.#socket?.send({ cmd: 'publish', messageId: packetId, topic, payload, qos, retain, dup });
  }

  #freePacketId(): number {
    do this.#lastPacketId = (this.#lastPacketId % 65_535) + 1;
    while (this.#outgoing.has(this.#lastPacketId) || this.#requests.has(this.#lastPacketId));
    return this.#lastPacketId;
  }

  #closed(): void {
    this.#socket = undefined;
    this.#isConnected = false;
    this.#lose();
    for (const resolve of this.#whenClosed.splice(0)) resolve();
  }

  #lose(): void {
    const lost = new ConnectionLost(`${this.clientId} lost its connection`);
    this.#connack?.reject(lost);
    this.#connack = undefined;
    for (const { reject } of this.#requests.values()) reject(lost);
    this.#requests.clear();
    for (const { reject } of this.#whenSettled.splice(0)) reject(lost);
  }
}
