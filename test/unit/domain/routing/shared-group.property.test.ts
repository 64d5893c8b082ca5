// A shared group under random traffic, with members that come and go, and crashes: every message is acknowledged by one
// member in the end, and at every moment the counters and storage agree with the test.
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { CoreHarness } from '../../../support/core-harness.js';
import type { CorePeer } from '../../../support/core-harness.js';
import { text } from '../../../support/recorder.js';

const FILTER = '$share/g/t';

class Member {
  peer: CorePeer | undefined;
  owed: { readonly packetId: number; readonly name: string }[] = [];

  constructor(
    readonly clientId: string,
    readonly stored: boolean,
  ) {}
}

class World {
  core: CoreHarness;
  readonly members = [new Member('a', true), new Member('b', true), new Member('c', false)];
  readonly unacknowledged = new Set<string>();
  readonly faults: string[] = [];
  #published = 0;
  #publisher: CorePeer;

  constructor(window: number) {
    this.core = new CoreHarness({ maxInflight: window });
    this.#publisher = this.#begin();
    for (const member of this.members) this.connect(member);
  }

  #begin(): CorePeer {
    this.core.answersAtOnce = false;
    this.core.recorder.isWriting = false;
    this.core.recorder.watchers.push({
      delivered: ({ connection, message, packetId }) => {
        const member = this.members.find(({ peer }) => peer?.id === connection);
        const name = text(message.payload);
        if (member === undefined) this.faults.push(`${name} was assigned to no member`);
        if (!this.unacknowledged.has(name)) this.faults.push(`${name} came after it was acknowledged`);
        for (const other of this.members) {
          if (other.owed.some((owed) => owed.name === name)) this.faults.push(`${name} was given to two at a time`);
        }
        member?.owed.push({ packetId, name });
      },
    });
    return this.core.connect('publisher');
  }

  member(which: number): Member {
    return this.members[which % this.members.length] as Member;
  }

  publish(): void {
    const name = String(++this.#published);
    this.unacknowledged.add(name);
    this.#publisher.publish('t', name, 1);
  }

  connect(member: Member): void {
    const peer = this.core.open();
    peer.connect(member.clientId, { clean: !member.stored });
    // A takeover returns messages before the new connection is served: the old one owes nothing any more.
    member.owed = [];
    member.peer = peer;
    peer.allow();
    peer.subscribe([FILTER, 1]);
  }

  /** The member that is not stored leaves the group, and still acknowledges what it was sent. */
  unsubscribe(): void {
    this.member(2).peer?.unsubscribe(FILTER);
  }

  lose(member: Member): void {
    const { peer } = member;
    member.peer = undefined;
    member.owed = [];
    peer?.lose();
  }

  acknowledge(member: Member, which: number): void {
    const { owed, peer } = member;
    if (owed.length === 0 || peer === undefined) return;
    const [{ packetId, name }] = owed.splice(which % owed.length, 1) as [{ packetId: number; name: string }];
    this.unacknowledged.delete(name);
    peer.puback(packetId);
  }

  /** What the member that is not stored had is still there for the others. */
  crash(): void {
    for (const member of this.members) {
      member.peer = undefined;
      member.owed = [];
    }
    this.core = this.core.restarted();
    this.#publisher = this.#begin();
  }

  check(): void {
    expect(this.faults).toEqual([]);
    expect(this.core.store.oddities).toEqual([]);
    expect(this.core.waiting).toBe(this.unacknowledged.size);
    const inStore = [...this.core.store.queues.keys()].flatMap((queue) => this.core.storedIn(queue));
    expect(inStore.sort()).toEqual([...this.unacknowledged].sort());
  }

  settle(): void {
    for (const member of this.members) {
      if (member.peer === undefined) this.connect(member);
      member.peer?.writable();
    }
    for (let isMoving = true; isMoving;) {
      isMoving = this.core.answerNext();
      for (const member of this.members) {
        while (member.owed.length > 0) {
          this.acknowledge(member, 0);
          isMoving = true;
        }
      }
    }
  }
}

const member = fc.nat(2);
const action = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ kind: fc.constant('publish' as const), member: fc.constant(0), which: fc.constant(0) }),
  },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('acknowledge' as const), member, which: fc.nat(3) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom('connect' as const, 'lose' as const, 'congested' as const, 'writable' as const),
      member,
      which: fc.constant(0),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom('read' as const, 'read' as const, 'unsubscribe' as const, 'crash' as const),
      member: fc.constant(0),
      which: fc.constant(0),
    }),
  },
);

describe('a shared group, whatever happens', () => {
  test('every message of a shared group is acknowledged by exactly one member, whatever happens', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3 }), fc.array(action, { maxLength: 60 }), (window, steps) => {
        const world = new World(window);
        for (const step of steps) {
          const one = world.member(step.member);
          if (step.kind === 'publish') world.publish();
          else if (step.kind === 'acknowledge') world.acknowledge(one, step.which);
          else if (step.kind === 'connect') world.connect(one);
          else if (step.kind === 'lose') world.lose(one);
          else if (step.kind === 'unsubscribe') world.unsubscribe();
          else if (step.kind === 'congested') one.peer?.congested();
          else if (step.kind === 'writable') one.peer?.writable();
          else if (step.kind === 'read') world.core.answerNext();
          else world.crash();
          world.check();
        }
        world.settle();
        world.check();
        expect(world.unacknowledged.size).toBe(0);
      }),
      { numRuns: 1000 },
    );
  });
});
