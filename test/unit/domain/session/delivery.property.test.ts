// The core under random traffic, with connections that come and go, crashes, and clients that obey the protocol. The
// test's clients and counters know nothing of the code: at every moment storage has to hold what was published and not
// yet acknowledged.
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { ClientId } from '../../../../src/domain/identifiers.js';
import { sessionQueue } from '../../../../src/domain/identifiers.js';
import { PacketType } from '../../../../src/protocol/packets.js';
import type { QoS } from '../../../../src/protocol/packets.js';
import { CoreHarness } from '../../../support/core-harness.js';
import type { CorePeer } from '../../../support/core-harness.js';
import type { Acknowledgement, Delivery } from '../../../support/recorder.js';
import { text } from '../../../support/recorder.js';

type Answer = { readonly type: 'puback' | 'pubrec' | 'pubcomp'; readonly packetId: number };

/** An MQTT client that obeys the protocol, with a list of what it received. */
class ModelClient {
  peer: CorePeer | undefined;
  /** The answers that it owes the broker on this connection, to be sent in any order. */
  owed: Answer[] = [];
  /** Identifiers of QoS 2 messages from PUBLISH until PUBREL; they outlive the connection. */
  #received = new Map<number, string>();
  /** From PUBREL until PUBCOMP; only the test knows these, a client has forgotten the message by then. */
  #released = new Map<number, string>();
  /** Sent to it on this connection and not yet completed. */
  readonly inFlight = new Map<number, string>();
  readonly #seen = new Set<string>();
  /** In the order of first arrival, by topic and QoS. */
  readonly firsts = new Map<string, number[]>();
  /** What has to be in storage, or in memory if the session is not stored. */
  readonly unacknowledged = new Set<string>();
  readonly faults: string[] = [];

  constructor(
    readonly clientId: string,
    readonly stored: boolean,
    readonly window: number,
  ) {}

  delivered({ message, qos, dup, packetId }: Delivery, afterCrash: boolean): void {
    const name = text(message.payload);
    if (qos === 0) return;
    if (this.inFlight.has(packetId)) this.faults.push(`identifier ${packetId} used twice`);
    this.inFlight.set(packetId, name);
    if (this.inFlight.size > this.window) this.faults.push('more in flight than the window takes');
    if (!this.unacknowledged.has(name)) this.faults.push(`${name} came after it was acknowledged`);
    // After a crash it is unknown what had been sent: DUP says that it may have been.
    if (dup && !this.#seen.has(name) && !afterCrash) this.faults.push(`DUP on the first sending of ${name}`);
    if (!dup && this.#seen.has(name)) this.faults.push(`no DUP on a repeat of ${name}`);
    if (qos === 1) {
      if (!this.#seen.has(name)) this.#first(message.topic, qos, name);
      this.owed.push({ type: 'puback', packetId });
    } else {
      const before = this.#received.get(packetId);
      if (before === undefined) {
        if (this.#seen.has(name)) this.faults.push(`${name} came twice at QoS 2`);
        this.#first(message.topic, qos, name);
        this.#received.set(packetId, name);
      } else if (before !== name) this.faults.push(`${name} came with the identifier of ${before}`);
      this.owed.push({ type: 'pubrec', packetId });
    }
    this.#seen.add(name);
  }

  released(packetId: number): void {
    const name = this.#received.get(packetId) ?? this.#released.get(packetId);
    if (name === undefined) this.faults.push(`PUBREL for ${packetId}, which was never sent`);
    else {
      this.inFlight.set(packetId, name);
      this.#released.set(packetId, name);
    }
    this.#received.delete(packetId);
    if (!this.owed.some((answer) => answer.type === 'pubcomp' && answer.packetId === packetId))
      this.owed.push({ type: 'pubcomp', packetId });
  }

  /** Sends one of the answers that it owes. */
  answer(which: number): void {
    const { peer, owed } = this;
    if (peer === undefined || owed.length === 0) return;
    const [{ type, packetId }] = owed.splice(which % owed.length, 1) as [Answer];
    // Before the answer is sent: its effects may use the identifier again.
    const name = this.inFlight.get(packetId);
    if (type !== 'pubrec') {
      this.inFlight.delete(packetId);
      this.#released.delete(packetId);
      if (name !== undefined) this.unacknowledged.delete(name);
    }
    if (type === 'puback') peer.puback(packetId);
    else if (type === 'pubrec') peer.pubrec(packetId);
    else peer.pubcomp(packetId);
  }

  gone(): void {
    this.peer = undefined;
    this.owed = [];
    this.inFlight.clear();
    if (this.stored) return;
    this.unacknowledged.clear();
    this.#received = new Map();
    this.#released = new Map();
  }

  #first(topic: string, qos: QoS, name: string): void {
    const key = `${topic} ${qos}`;
    const firsts = this.firsts.get(key) ?? [];
    firsts.push(Number(name));
    this.firsts.set(key, firsts);
  }
}

class World {
  core: CoreHarness;
  #publisher: CorePeer;
  #published = 0;
  #afterCrash = false;
  readonly #clients: readonly ModelClient[];
  readonly published = new Map<string, number[]>();

  constructor(window: number, limits: ConstructorParameters<typeof CoreHarness>[0] = {}) {
    this.#clients = [
      new ModelClient('a', true, window),
      new ModelClient('b', true, window),
      new ModelClient('c', false, window),
    ];
    this.core = new CoreHarness({ maxInflight: window, ...limits });
    this.#publisher = this.#begin();
    for (const client of this.#clients) {
      this.connect(client);
      if (client.stored) client.peer?.subscribe(['t/+', 2], ['u', 1]);
    }
  }

  client(which: number): ModelClient {
    return this.#clients[which % this.#clients.length] as ModelClient;
  }

  #begin(): CorePeer {
    this.core.answersAtOnce = false;
    this.core.recorder.isWriting = false;
    this.core.recorder.watchers.push({
      delivered: (delivery) => {
        this.#clientOf(delivery)?.delivered(delivery, this.#afterCrash);
      },
      acknowledged: (acknowledgement) => {
        if (acknowledgement.type === PacketType.pubrel)
          this.#clientOf(acknowledgement)?.released(acknowledgement.packetId);
      },
    });
    return this.core.connect('publisher');
  }

  #clientOf({ connection }: Delivery | Acknowledgement): ModelClient | undefined {
    return this.#clients.find(({ peer }) => peer?.id === connection);
  }

  publish(topic: string, qos: QoS): void {
    const name = String(++this.#published);
    for (const client of this.#clients) {
      const granted = topic === 'u' ? Math.min(qos, 1) : qos;
      if (granted === 0 || (!client.stored && client.peer === undefined)) continue;
      client.unacknowledged.add(name);
      const key = `${client.clientId} ${topic} ${granted}`;
      this.published.set(key, [...(this.published.get(key) ?? []), Number(name)]);
    }
    const packetId = this.#publisher.publish(topic, name, qos);
    if (qos === 2) this.#publisher.pubrel(packetId);
  }

  connect(client: ModelClient): void {
    const peer = this.core.open();
    client.gone();
    peer.connect(client.clientId, { clean: !client.stored });
    client.peer = peer; // before it is accepted: what it is sent is its own
    peer.allow();
    if (!client.stored) peer.subscribe(['t/+', 2], ['u', 1]);
  }

  lose(client: ModelClient): void {
    const { peer } = client;
    client.gone();
    peer?.lose();
  }

  crash(): void {
    for (const client of this.#clients) client.gone();
    this.core = this.core.restarted();
    this.#afterCrash = true;
    this.#publisher = this.#begin();
  }

  /** Checks everything that has to hold now. */
  check(): void {
    const { store } = this.core;
    let waiting = 0;
    for (const { clientId, stored, unacknowledged, faults } of this.#clients) {
      expect(faults).toEqual([]);
      waiting += unacknowledged.size;
      const inStore = store.entries(sessionQueue(clientId as ClientId)).length;
      expect({ clientId, inStore }).toEqual({ clientId, inStore: stored ? unacknowledged.size : 0 });
    }
    expect(store.oddities).toEqual([]);
    expect(this.core.waiting).toBe(waiting);
  }

  /** All clients return and drain their queues. */
  settle(): void {
    for (const client of this.#clients) if (client.peer === undefined) this.connect(client);
    for (const { peer } of this.#clients) peer?.writable();
    for (let isMoving = true; isMoving;) {
      isMoving = this.core.answerNext();
      for (const client of this.#clients) {
        while (client.owed.length > 0) {
          client.answer(0);
          isMoving = true;
        }
      }
    }
  }
}

type Action =
  | { readonly kind: 'publish'; readonly topic: string; readonly qos: QoS; readonly times: number }
  | { readonly kind: 'answer'; readonly client: number; readonly which: number }
  | { readonly kind: 'connect' | 'lose' | 'congested' | 'writable'; readonly client: number }
  | { readonly kind: 'read' | 'crash' };

const client = fc.nat(2);
const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('publish' as const),
      topic: fc.constantFrom('t/1', 't/2', 'u'),
      qos: fc.constantFrom<QoS>(0, 1, 1, 2, 2),
      times: fc.integer({ min: 1, max: 4 }),
    }),
  },
  { weight: 12, arbitrary: fc.record({ kind: fc.constant('answer' as const), client, which: fc.nat(5) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom('connect' as const, 'lose' as const, 'congested' as const, 'writable' as const),
      client,
    }),
  },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('read' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('crash' as const) }) },
);

function perform(world: World, step: Action): void {
  switch (step.kind) {
    case 'publish':
      for (let i = 0; i < step.times; i++) world.publish(step.topic, step.qos);
      return;
    case 'answer':
      world.client(step.client).answer(step.which);
      return;
    case 'connect':
      world.connect(world.client(step.client));
      return;
    case 'lose':
      world.lose(world.client(step.client));
      return;
    case 'congested':
      world.client(step.client).peer?.congested();
      return;
    case 'writable':
      world.client(step.client).peer?.writable();
      return;
    case 'read':
      world.core.answerNext();
      return;
    case 'crash':
      world.crash();
      return;
  }
}

describe('delivery under any sequence of events', () => {
  test('no message is lost, QoS 2 never arrives twice, order is kept, and storage holds unacknowledged messages', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), fc.array(action, { maxLength: 80 }), (window, steps) => {
        const world = new World(window);
        for (const step of steps) {
          perform(world, step);
          world.check();
        }
        world.settle();
        world.check();
        expect(world.core.waiting).toBe(0);
        for (const which of [0, 1, 2]) {
          const { clientId, stored, firsts } = world.client(which);
          for (const [key, published] of world.published) {
            if (!key.startsWith(`${clientId} `)) continue;
            const came = firsts.get(key.slice(clientId.length + 1)) ?? [];
            expect(came).toEqual(stored ? published : published.filter((name) => came.includes(name)));
          }
        }
      }),
      { numRuns: 600 },
    );
  });

  test('with overflowing queues, storage and counters agree, and no message is dropped twice or while in flight', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 1, max: 4 }),
        fc.constantFrom('discard' as const, 'discard-oldest' as const),
        fc.array(action, { maxLength: 60 }),
        (window, maxQueueSize, queueFullPolicy, steps) => {
          const world = new World(window, { maxQueueSize, queueFullPolicy });
          const [a, b] = [world.client(0), world.client(1)];
          for (const step of steps) {
            // The memory of a session that is not stored is not visible from here.
            if ('client' in step && step.client === 2) continue;
            perform(world, step);
            for (const { clientId, inFlight, faults } of [a, b]) {
              expect(faults).toEqual([]);
              const stored = new Set(
                world.core.store.entries(sessionQueue(clientId as ClientId)).map(({ seq }) => seq + 1),
              );
              expect([...inFlight.keys()].filter((packetId) => !stored.has(packetId))).toEqual([]);
            }
            expect(world.core.store.oddities).toEqual([]);
          }
          world.settle();
          expect(world.core.store.oddities).toEqual([]);
          expect(world.core.stored('a')).toEqual([]);
          expect(world.core.stored('b')).toEqual([]);
          expect(world.core.waiting).toBe(0);
        },
      ),
      { numRuns: 400 },
    );
  });
});
