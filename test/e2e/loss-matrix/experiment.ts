// The experiment behind a cell of the matrix: which messages are lost and which arrive twice. In each round, on the
// same data, publishers send as fast as they are acknowledged, the event of the cell happens in the middle of the
// traffic, and after it all clients reconnect and receive their messages.
//
// A lost message cannot be waited for. So at the end of a round each subscriber gets last messages behind all others,
// and a message that has not arrived before them is lost.
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
/** There are last messages of each QoS, since a message may overtake one of another QoS. */
const END_TOPIC = 'load/end';
/**
 * A broker that promises nothing may reuse Packet Identifiers that the client still has as received, and the client
 * then takes the message for a repetition. That can happen for as many messages as may be in flight (`maxInflight`,
 * 50).
 */
const ENDS_AT_QOS_2 = 51;

export interface Findings {
  readonly counts: Counts;
  /** Violations of the protocol, such as a wrong Session Present. */
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
   * Traffic, and the event of the cell in the middle of it. In every second round the subscriber that was away
   * reconnects just before the event.
   * @returns the address of the broker after the event.
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
          // At level `received` publishers would be acknowledged during the outage, and so never stop.
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

  /** Publishers repeat what is not acknowledged, and subscribers receive everything that is queued. */
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
    // A backlog may take its time, as long as messages arrive.
    while (!isOver) await within(Promise.race([over, this.#tally.nextReceived()]), 'the next message of a round');
  }

  /** Resolves when the subscriber has the last messages of this round. */
  #end(reader: Reader): Promise<void> {
    const missing = new Set<QoS>([1, 2]);
    return new Promise((resolve) => {
      this.#ends.set(reader, (qos) => {
        missing.delete(qos);
        if (missing.size === 0) resolve();
      });
    });
  }

  /** Reconnects, and subscribes if the broker has lost the session. */
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
      // A last message of an earlier round may be repeated.
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
