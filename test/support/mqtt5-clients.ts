// Clients of MQTT 5 for the broker of `broker-harness`, in its process. Each of them checks all that arrives, by a
// strict parser and against what it has said in CONNECT (Maximum Packet Size, Topic Alias Maximum, Receive Maximum,
// Request Problem Information). It answers nothing by itself.
import { expect } from '@jest/globals';
import type { InProcessClient } from '../clients/raw-client.js';
import { bytes, hex } from '../clients/raw-packets.js';
import type { Part } from '../clients/raw-packets.js';
import * as v5 from '../clients/mqtt5-packets.js';
import type { Connect5, Message5, Packet5, Props5, Request5 } from '../clients/mqtt5-packets.js';
import type { BrokerHarness, ExpectedEnd } from './broker-harness.js';

const EXPLAINED = ['publish', 'connack', 'disconnect'];

export class Client5 {
  /** All packets that have arrived, read or not. */
  readonly seen: Packet5[] = [];
  /** CONNACK, once `connected` has read it. */
  connack: Packet5 | undefined;
  #bytesRead = 0;
  #unread: Packet5[] = [];
  readonly #aliases = new Map<number, string>();
  readonly #open = new Set<number>();
  #nextPacketId = 1;

  constructor(
    readonly broker: BrokerHarness,
    readonly raw: InProcessClient,
    readonly said: Props5 = {},
  ) {}

  get isClosed(): boolean {
    return this.raw.isClosed;
  }

  newPacketId(): number {
    return this.#nextPacketId++;
  }

  send(...parts: readonly Part[]): void {
    for (const id of acknowledged(bytes(...parts))) this.#open.delete(id);
    this.raw.send(...parts);
  }

  async cut(): Promise<void> {
    await this.raw.cut();
  }

  /** All packets that arrive; they count as read. */
  async all(): Promise<Packet5[]> {
    await this.broker.settled();
    this.#parse();
    return this.#unread.splice(0);
  }

  /** The next packet, which has this type and these fields. */
  async next(type: string, fields: Partial<Packet5> = {}): Promise<Packet5> {
    if (this.#unread.length === 0) {
      await this.broker.settled();
      this.#parse();
    }
    const packet = this.#unread.shift();
    expect({ closed: this.isClosed, ...packet }).toMatchObject({ type, ...fields });
    return packet as Packet5;
  }

  /** Nothing is unread, nothing arrives, and the connection stays open. */
  async expectNothing(): Promise<void> {
    expect({ packets: await this.all(), closed: this.isClosed }).toEqual({ packets: [], closed: false });
  }

  /** The payloads of what arrives, which are deliveries alone. */
  async payloads(): Promise<string[]> {
    return (await this.all()).map(({ type, payload }) => (type === 'publish' ? payload : `(${type})`));
  }

  async subscribe(requests: readonly Request5[], properties?: Props5): Promise<readonly number[]> {
    const packetId = this.newPacketId();
    this.send(v5.subscribe(packetId, requests, properties));
    return (await this.next('suback', { packetId })).codes;
  }

  async unsubscribe(...filters: readonly string[]): Promise<readonly number[]> {
    const packetId = this.newPacketId();
    this.send(v5.unsubscribe(packetId, filters));
    return (await this.next('unsuback', { packetId })).codes;
  }

  /** @returns the Reason Code of the answer; 0 at QoS 0. */
  async publish(fields: Message5): Promise<number> {
    const packetId = fields.packetId ?? this.newPacketId();
    this.send(v5.publish({ ...fields, packetId }));
    await this.broker.settled();
    if ((fields.qos ?? 0) === 0) return 0;
    if (fields.qos === 1) return this.#answer('puback', packetId);
    const code = await this.#answer('pubrec', packetId);
    if (code >= 0x80) return code;
    this.send(v5.acknowledge('pubrel', packetId));
    expect(await this.#answer('pubcomp', packetId)).toBe(0);
    return code;
  }

  /** Takes this answer from the unread packets, past deliveries. @returns its Reason Code. */
  async #answer(type: string, packetId: number): Promise<number> {
    await this.broker.settled();
    this.#parse();
    const at = this.#unread.findIndex((packet) => packet.type !== 'publish');
    const answer = this.#unread.splice(at, 1)[0];
    expect({ closed: this.isClosed, ...answer }).toMatchObject({ type, packetId });
    return answer?.code ?? 0;
  }

  /** The next packet is this delivery, which is acknowledged to its end. */
  async accept(fields: Partial<Packet5> = {}): Promise<Packet5> {
    const delivery = await this.next('publish', fields);
    const { qos, packetId } = delivery;
    if (qos === 1) this.send(v5.acknowledge('puback', packetId));
    if (qos === 2) {
      this.send(v5.acknowledge('pubrec', packetId));
      expect(await this.#answer('pubrel', packetId)).toBe(0);
      this.send(v5.acknowledge('pubcomp', packetId));
    }
    return delivery;
  }

  /** The broker has ended the connection with DISCONNECT or CONNACK, and this code; others are still served. */
  async expectEnd(code: number, end?: ExpectedEnd['reason'], label = ''): Promise<Packet5> {
    const packets = await this.all();
    const last = packets.at(-1);
    expect({
      label,
      closed: this.isClosed,
      packets: packets.map(({ type, code }) => `${type} 0x${code.toString(16)}`),
      ...(end === undefined ? {} : { end: this.broker.endOf(this.raw)?.reason }),
    }).toEqual({
      label,
      closed: true,
      packets: [`${this.seen[0]?.code === 0 ? 'disconnect' : 'connack'} 0x${code.toString(16)}`],
      ...(end === undefined ? {} : { end }),
    });
    return last as Packet5;
  }

  #parse(): void {
    const received = Buffer.from(this.raw.received.replaceAll(' ', ''), 'hex');
    for (;;) {
      const packet = v5.parse(received.subarray(this.#bytesRead));
      if (packet === undefined) return;
      this.#bytesRead += packet.size;
      expect({ first: this.seen.length === 0, type: packet.type }).toEqual({
        first: packet.type === 'connack', // [MQTT5-3.2.0-1], [MQTT5-3.2.0-2]
        type: packet.type,
      });
      expect(this.seen.at(-1)?.type).not.toBe('disconnect'); // [MQTT5-3.14.4-1]
      const resolved = this.#checked(packet);
      this.seen.push(resolved);
      this.#unread.push(resolved);
    }
  }

  /** Against what the client has said; the topic of an alias in its place. */
  #checked(packet: Packet5): Packet5 {
    const {
      maximumPacketSize = Infinity,
      topicAliasMaximum = 0,
      receiveMaximum = 65_535,
      requestProblem = 1,
    } = this.said;
    const { type, properties = {}, size, topic, packetId, qos } = packet;
    expect(size).toBeLessThanOrEqual(maximumPacketSize as number); // [MQTT5-3.1.2-24]
    if (requestProblem === 0 && !EXPLAINED.includes(type)) expect(properties).toEqual({}); // [MQTT5-3.1.2-29]
    if (type !== 'publish') return packet;
    if (qos > 0) {
      expect({ packetId, isFree: !this.#open.has(packetId) }).toEqual({ packetId, isFree: true });
      this.#open.add(packetId);
      expect(this.#open.size).toBeLessThanOrEqual(receiveMaximum as number); // [MQTT5-3.3.4-9]
    }
    const alias = properties['topicAlias'] as number | undefined;
    if (alias === undefined) return packet;
    expect(alias).toBeLessThanOrEqual(topicAliasMaximum as number); // [MQTT5-3.1.2-26]
    if (topic !== '') this.#aliases.set(alias, topic);
    return { ...packet, topic: this.#aliases.get(alias) ?? `(no topic for alias ${alias})` };
  }
}

/** The Packet Identifiers of deliveries that these packets end. */
function acknowledged(sent: Uint8Array): number[] {
  const isLast =
    sent[0] === 0x40 || sent[0] === 0x70 || (sent[0] === 0x50 && (sent[4] ?? 0) >= 0x80 && (sent[1] ?? 0) > 2);
  return isLast ? [((sent[2] ?? 0) << 8) | (sent[3] ?? 0)] : [];
}

/** A connection with these bytes as the first. */
export function open5(broker: BrokerHarness, ...sent: readonly Part[]): Client5 {
  const client = new Client5(broker, broker.open('bytes'));
  client.send(...sent);
  return client;
}

/** A client whose CONNECT was sent; CONNACK is unread. */
export function connecting5(broker: BrokerHarness, fields: Connect5): Client5 {
  const said = fields.properties instanceof Uint8Array ? {} : fields.properties;
  const client = new Client5(broker, broker.open('bytes'), said);
  client.send(v5.connect(fields));
  return client;
}

/** A client whose CONNECT was accepted. */
export async function connect5(broker: BrokerHarness, fields: Connect5 | string = {}): Promise<Client5> {
  const client = connecting5(broker, typeof fields === 'string' ? { clientId: fields } : fields);
  client.connack = await client.next('connack', { code: 0 });
  return client;
}

/** A client with these subscriptions, granted as requested. */
export async function watcher5(broker: BrokerHarness, clientId: string, ...requests: Request5[]): Promise<Client5> {
  const client = await connect5(broker, clientId);
  expect(await client.subscribe(requests)).toEqual(requests.map(([, options]) => options & 3));
  return client;
}

/** Sends the bytes behind an accepted CONNECT: the connection ends with this code, and others are served. */
export async function endsConnected(
  broker: BrokerHarness,
  label: string,
  sent: readonly Part[],
  code: number,
  fields: Connect5 = {},
): Promise<void> {
  const client = await connect5(broker, { clientId: 'ends', ...fields });
  client.send(...sent);
  await client.expectEnd(code, undefined, label || hex(bytes(...sent)));
  await broker.expectOthersServed();
}

/** Sends the bytes as the first: CONNACK has this code, and the connection ends. */
export async function refused5(
  broker: BrokerHarness,
  label: string,
  sent: readonly Part[],
  code: number,
): Promise<void> {
  await open5(broker, ...sent).expectEnd(code, undefined, label || hex(bytes(...sent)));
  await broker.expectOthersServed();
}

/** Closed without an answer. */
export async function closedSilently(broker: BrokerHarness, label: string, ...sent: readonly Part[]): Promise<void> {
  const client = open5(broker, ...sent);
  const packets = await client.all();
  expect({ label, packets, closed: client.isClosed }).toEqual({ label, packets: [], closed: true });
  await broker.expectOthersServed();
}

/** Properties without their resolved alias, to compare with what was published. */
export const sentProperties = ({ properties: { topicAlias: _, ...others } }: Packet5): Props5 => others;
