// What a cell of the matrix loses and brings twice: publishers send as fast as they are acknowledged, in the middle of
// it something happens, and when all is up again everyone gets what there is. Again and again on the same data.
//
// Nobody waits for what may be lost: at the end of a round each subscriber gets last messages behind all others, and
// what has not come by then will not come.
import type { QoS } from 'mqtt-packet';
import { within } from '../../clients/within.js';
import type { Chance } from '../kill/chance.js';
import { MqttClient } from '../../clients/mqtt-client.js';
import type { KillableBroker } from '../kill/killable-broker.js';
import type { Address } from '../../clients/packet-socket.js';
import type { Cell } from './cells.js';
import { READERS, Tally } from './tally.js';
import type { Counts, Reader } from './tally.js';

const PUBLISHERS = 4;
const WINDOW = 50;
const GRACE_MS = 600_000;
/** Of each QoS there is one, since a message may overtake one of another QoS. */
const END_TOPIC = 'load/end';
/**
 * A broker that promises nothing may have forgotten which Packet Identifiers it had used, and a client takes for a
 * repeat what comes under one of those. There are at most as many as may be in flight to it (`maxInflight`, 50).
 */
const ENDS_AT_QOS_2 = 51;

export interface Findings {
  readonly counts: Counts;
  /** What no broker may do, whatever it stores: it may be that a session was forgotten. */
  readonly faults: readonly string[];
}

export class Experiment {
  readonly #tally = new Tally();
  readonly #faults: string[] = [];
  readonly #readers: Readonly<Record<Reader, MqttClient>>;
  readonly #publishers: readonly MqttClient[];
  #round = 0;
  #isSending = false;
  readonly #ends = new Map<Reader, (qos: QoS) => void>();

  constructor(
    readonly cell: Cell,
    readonly broker: KillableBroker,
    readonly chance: Chance,
  ) {
    this.#readers = { away: this.#reader('away'), online: this.#reader('online') };
    this.#publishers = Array.from({ length: PUBLISHERS }, (_, n) => this.#publisher(n));
  }

  async run(rounds: number): Promise<Findings> {
    let address = await this.broker.start(GRACE_MS);
    for (const reader of READERS) await this.#come(reader, address);
    for (this.#round = 1; this.#round <= rounds; this.#round++) {
      await this.#readers.away.disconnect();
      address = await this.#play(address);
      await this.#gather(address);
    }
    const status = await this.broker.stop();
    if (status !== 0) throw new Error(`the broker ended with ${status}`);
    return { counts: this.#tally.counts, faults: this.#faults };
  }

  /**
   * Traffic, and what happens in it. Every other time the one who was away comes back just before. @returns where the
   * broker is then.
   */
  async #play(address: Address): Promise<Address> {
    const { chance } = this;
    await Promise.all(
      this.#publishers.filter(({ isConnected }) => !isConnected).map((publisher) => publisher.connect(address)),
    );
    this.#isSending = true;
    for (const publisher of this.#publishers) this.#fill(publisher);
    await within(this.#tally.afterAcknowledgements(chance.between(100, 1000)), 'acknowledgements');
    if (this.#round % 2 === 0) {
      await this.#come('away', address);
      await within(this.#tally.afterAcknowledgements(chance.between(1, 100)), 'acknowledgements');
    }
    return this.#happen(address);
  }

  async #happen(address: Address): Promise<Address> {
    switch (this.cell.event) {
      case 'server-killed':
        await this.broker.loseServer(this.chance.between(0, 1000), () => {
          // What is not acknowledged is on its way. At `received` there would be no end of it.
          this.#isSending = false;
        });
        return address;
      case 'broker-killed':
        await this.broker.kill();
        break;
      case 'stopped': {
        const status = await this.broker.stop();
        if (status !== 0) throw new Error(`the broker ended with ${status}`);
        break;
      }
    }
    this.#isSending = false;
    await Promise.all([...this.#publishers, ...Object.values(this.#readers)].map((client) => client.gone()));
    return this.broker.start(GRACE_MS);
  }

  /** Publishers send what is not acknowledged again, and subscribers get all that there is. */
  async #gather(address: Address): Promise<void> {
    const absent = this.#publishers.filter(({ isConnected }) => !isConnected);
    await Promise.all(absent.map((publisher) => publisher.connect(address)));
    await Promise.all(this.#publishers.map((publisher) => publisher.settled()));
    for (const reader of READERS) if (!this.#readers[reader].isConnected) await this.#come(reader, address);
    const ends = READERS.map((reader) => this.#end(reader));
    const [publisher] = this.#publishers as [MqttClient];
    const payload = Buffer.from(String(this.#round));
    for (let i = 0; i < ENDS_AT_QOS_2; i++) publisher.publish({ topic: END_TOPIC, payload, qos: 2 }, () => undefined);
    publisher.publish({ topic: END_TOPIC, payload, qos: 1 }, () => undefined);
    await publisher.settled();
    let isOver = false;
    const over = Promise.all(ends).then(() => {
      isOver = true;
    });
    // A backlog may take its time, as long as it comes.
    while (!isOver) await within(Promise.race([over, this.#tally.nextReceived()]), 'the next message of a round');
  }

  /** Resolves when it has got the last messages of this round. */
  #end(reader: Reader): Promise<void> {
    const missing = new Set<QoS>([1, 2]);
    return new Promise((resolve) => {
      this.#ends.set(reader, (qos) => {
        missing.delete(qos);
        if (missing.size === 0) resolve();
      });
    });
  }

  /** Back in its session, or in a new one where the broker has forgotten it. */
  async #come(reader: Reader, address: Address): Promise<void> {
    const client = this.#readers[reader];
    let isNew = false;
    client.onNewSession = () => {
      isNew = true;
    };
    await client.connect(address);
    if (isNew) await client.subscribe('load/#', 2);
  }

  #fill(publisher: MqttClient): void {
    while (this.#isSending && publisher.hasRoom) {
      const qos = this.chance.pick([1, 2] as const);
      const { payload, acknowledged } = this.#tally.send(qos);
      publisher.publish({ topic: `load/${publisher.clientId}/${qos}`, payload, qos }, acknowledged);
    }
  }

  #publisher(n: number): MqttClient {
    const publisher = this.#client(`publisher-${n}`);
    publisher.onRoom = () => {
      this.#fill(publisher);
    };
    return publisher;
  }

  #reader(reader: Reader): MqttClient {
    const client = this.#client(reader);
    client.onMessage = ({ topic, payload, qos }) => {
      if (topic !== END_TOPIC) this.#tally.receive(reader, payload);
      // One of an earlier round may come again.
      else if (payload.toString() === String(this.#round)) this.#ends.get(reader)?.(qos);
    };
    return client;
  }

  #client(clientId: string): MqttClient {
    const client = new MqttClient(clientId, WINDOW);
    client.onFault = (fault) => this.#faults.push(`round ${this.#round}: ${fault}`);
    return client;
  }
}
