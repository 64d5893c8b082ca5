// The order that the simulation demands of the broker, where what a client's application gets differs from what the
// broker has sent.
import { describe, expect, test } from '@jest/globals';
import type { SimulatedClient } from '../../src/testkit/simulation/client.js';
import { DiskContents } from '../../src/testkit/simulation/evidence/disk-contents.js';
import { Evidence } from '../../src/testkit/simulation/evidence/evidence.js';
import { ObservedClient } from '../../src/testkit/simulation/evidence/observed-client.js';
import type { Publication } from '../../src/testkit/simulation/evidence/publications.js';
import { Order } from '../../src/testkit/simulation/invariants/order.js';
import type { Reception } from '../../src/testkit/simulation/observations.js';

class Fixture {
  readonly failures: string[] = [];
  readonly #evidence = new Evidence({
    nowMs: () => 0,
    wallMs: () => 0,
    sessionExpiryMs: Infinity,
    maxInflight: 10,
    publishersWait: false,
    isDropped: () => false,
    mayPublish: () => true,
    most: {},
    isRefusing: false,
    maxBufferedAboveMark: 0,
    disk: new DiskContents(),
  });
  readonly #client = new ObservedClient('s', this.#evidence.clock);
  readonly #order = new Order(this.#evidence, (detail) => this.failures.push(detail));

  constructor() {
    this.#evidence.clients.set('s', this.#client);
  }

  /** The broker takes a QoS 2 message of publisher `p`. */
  publish(tag: string): Publication {
    const publication = this.#evidence.publications.getOrCreate(tag, 'p', 't', 2, false);
    publication.received(this.#evidence.clock.tick());
    return publication;
  }

  /** The application behind the client gets the message. */
  receive(publication: Publication, times = 1): void {
    const packet = { qos: 2 } as Reception['packet'];
    this.#order.received({ client: this.#client, connection: undefined, packet, publication, times });
  }

  /** The client takes the message for a repeat of another one. */
  takeForRepeat({ tag }: Publication, isExcused: boolean): void {
    const confusion = { packetId: 1, tag, heldTag: 'lost', isRetained: false, detail: '' };
    this.#order.identifierReused({ name: 's' } as SimulatedClient, confusion, isExcused);
  }
}

describe('the order of two messages', () => {
  test('a message that comes after a later one breaks the order', () => {
    const fixture = new Fixture();
    const [first, second] = [fixture.publish('1'), fixture.publish('2')];
    fixture.receive(second);
    fixture.receive(first);
    expect(fixture.failures).toEqual(['s has taken 1 after 2 (p t 2)']);
  });

  test('a message that comes once more after a later one keeps the order', () => {
    const fixture = new Fixture();
    const [first, second] = [fixture.publish('1'), fixture.publish('2')];
    fixture.receive(first);
    fixture.receive(second);
    fixture.receive(first, 2);
    expect(fixture.failures).toEqual([]);
  });

  test('a message whose first sending was taken for a repeat of a lost one keeps the order when it comes again', () => {
    const fixture = new Fixture();
    const [first, second] = [fixture.publish('1'), fixture.publish('2')];
    fixture.takeForRepeat(first, true);
    fixture.receive(second);
    fixture.receive(first);
    expect(fixture.failures).toEqual([]);
  });

  test('a message that is sent after a later one breaks the order, even if the client takes it for a repeat', () => {
    const fixture = new Fixture();
    const [first, second] = [fixture.publish('1'), fixture.publish('2')];
    fixture.receive(second);
    fixture.takeForRepeat(first, true);
    expect(fixture.failures).toEqual(['s has taken 1 after 2 (p t 2)']);
  });

  test('a message with an identifier that no crash has freed is judged when its application gets it', () => {
    const fixture = new Fixture();
    const [first, second] = [fixture.publish('1'), fixture.publish('2')];
    fixture.takeForRepeat(first, false);
    fixture.receive(second);
    fixture.receive(first);
    expect(fixture.failures).toEqual(['s has taken 1 after 2 (p t 2)']);
  });
});
