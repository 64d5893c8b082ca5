// Topic Aliases towards a client, while some deliveries wait for storage, others do not, and the client reads or not:
// an alias always stands for the topic that the client has learned for it, in the order in which packets arrive.
import { describe, expect, test } from '@jest/globals';
import { SeededRandom } from '../../../src/testkit/seeded-random.js';
import { EngineHarness } from '../../support/engine-harness.js';
import type { EnginePeer } from '../../support/engine-harness.js';
import * as v5 from '../../clients/mqtt5-packets.js';
import { bytes, publish } from '../../clients/raw-packets.js';

const ALIASES = 2;
const PACKET_BYTES_MAX = 50_000;

/** A client of MQTT 5 that reads its deliveries, with the topic of each alias as it has learned it. */
class AliasReader {
  readonly peer: EnginePeer;
  /** The topics and payloads that have arrived. */
  readonly deliveries: { readonly topic: string; readonly payload: string; readonly qos: number }[] = [];
  aliased = 0;
  readonly #topics = new Map<number, string>();
  #rest = new Uint8Array();
  /** What it has not acknowledged yet. */
  #answers: Uint8Array[] = [];

  constructor(harness: EngineHarness) {
    this.peer = harness.open();
    this.peer.keeps = false;
    this.peer.write = (chunk) => {
      this.#rest = new Uint8Array(bytes(this.#rest, chunk));
      for (let packet = v5.parse(this.#rest); packet !== undefined; packet = v5.parse(this.#rest)) {
        this.#rest = this.#rest.slice(packet.size);
        this.#take(packet);
      }
      return this.peer.reads;
    };
    const properties = { sessionExpiry: 60, topicAliasMaximum: ALIASES, maximumPacketSize: PACKET_BYTES_MAX };
    this.peer.send(v5.connect({ clientId: 'reader', properties }), v5.subscribe(1, [['#', 2]]));
  }

  acknowledge(): void {
    for (const answer of this.#answers.splice(0)) this.peer.send(answer);
  }

  #take({ type, topic, payload, qos, packetId, properties, size }: v5.Packet5): void {
    if (type === 'pubrel') this.#answers.push(v5.acknowledge('pubcomp', packetId));
    if (type !== 'publish') return;
    expect(size).toBeLessThanOrEqual(PACKET_BYTES_MAX);
    if (qos > 0) this.#answers.push(v5.acknowledge(qos === 1 ? 'puback' : 'pubrec', packetId));
    const alias = properties['topicAlias'] as number | undefined;
    if (alias !== undefined) {
      expect(alias).toBeLessThanOrEqual(ALIASES);
      if (topic !== '') this.#topics.set(alias, topic);
      else this.aliased++;
    }
    const known = alias === undefined ? topic : (this.#topics.get(alias) ?? `alias ${alias} that stands for nothing`);
    this.deliveries.push({ topic: known, payload: payload.slice(0, topic.length + 40).split(' ')[0] ?? '', qos });
  }
}

describe('Topic Aliases to a client', () => {
  test('[MQTT5-3.1.2-26] a delivery behind the gate neither begins an alias nor relies on one', async () => {
    const harness = new EngineHarness();
    const reader = new AliasReader(harness);
    await harness.settle();
    const publisher = await harness.connect('publisher');
    harness.commitsAtOnce = false;
    const send = (qos: 0 | 1 | 2, packetId = 0): void => {
      publisher.send(publish({ topic: 'topic', payload: 'topic', qos, packetId }));
    };
    for (let packetId = 1; packetId <= 3; packetId++) send(2, packetId);
    send(0);
    send(0);
    send(2, 4);
    send(0);
    await harness.settle();
    expect(reader.deliveries.map(({ topic, qos }) => `${topic} ${qos}`)).toEqual(['topic 0', 'topic 0', 'topic 0']);
    expect(reader.aliased).toBe(1);
    harness.commitsAtOnce = true;
    await harness.settle();
    expect(reader.deliveries).toHaveLength(7);
    expect(reader.deliveries.every(({ topic }) => topic === 'topic')).toBe(true);
  });

  test('[MQTT5-3.1.2-26] [MQTT5-3.1.2-24] every delivery arrives with its topic, whatever waits, whatever its size', async () => {
    for (let seed = 1; seed <= 10; seed++) {
      const random = new SeededRandom(seed);
      const harness = new EngineHarness({ limits: { initialInflight: 1000 } });
      const reader = new AliasReader(harness);
      await harness.settle();
      const publisher = await harness.connect('publisher');
      harness.commitsAtOnce = false;
      for (let packetId = 1; packetId <= 150; packetId++) {
        const topic = `topic/${random.int(1, 5)}`;
        const size = random.chance(0.2) ? random.int(30_000, 60_000) : random.int(0, 300);
        const qos = random.int(0, 2) as 0 | 1 | 2;
        publisher.send(publish({ topic, payload: `${topic} ${'x'.repeat(size)}`, qos, packetId }));
        if (random.chance(0.2)) harness.turn();
        if (random.chance(0.2)) await harness.settle();
        if (random.chance(0.2) && harness.storage.commits.length > 0) await harness.storage.grantCommit();
        if (random.chance(0.1)) reader.peer.reads = false;
        if (random.chance(0.2)) reader.peer.drain();
        if (random.chance(0.3)) reader.acknowledge();
      }
      harness.commitsAtOnce = true;
      reader.peer.drain();
      for (let round = 0; round < 5; round++) {
        await harness.settle();
        reader.acknowledge();
      }
      expect(harness.fatals).toEqual([]);
      expect({ seed, wrong: reader.deliveries.filter(({ topic, payload }) => topic !== payload) }).toEqual({
        seed,
        wrong: [],
      });
      expect(reader.deliveries.length).toBeGreaterThan(100);
      expect(reader.aliased).toBeGreaterThan(0);
    }
  });
});
