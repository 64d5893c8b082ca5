// Fan-outs that are larger than a slice: when the publisher gets its acknowledgement, and what other clients see
// meanwhile.
import { describe, expect, test } from '@jest/globals';
import { CoreHarness, will } from '../../../support/core-harness.js';
import type { CorePeer } from '../../../support/core-harness.js';

/** A broker with slices of two, subscribers of `t`, and a publisher. */
function fanOut(subscribers: number, options: { stored?: boolean; qos?: 1 | 2; sliceSize?: number } = {}) {
  const core = new CoreHarness({}, undefined, undefined, options.sliceSize ?? 2);
  const peers: CorePeer[] = [];
  for (let i = 0; i < subscribers; i++) {
    const peer = core.connect(`s${i}`, { clean: options.stored !== true });
    peer.subscribe(['t', options.qos ?? 1]);
    peers.push(peer);
  }
  const publisher = core.connect('publisher', { clean: false });
  core.finishesAtOnce = false;
  core.lines();
  return { core, peers, publisher };
}

const storedWill = ({ store }: CoreHarness): string | undefined => {
  const [record] = store.wills.values();
  return record === undefined ? undefined : Buffer.from(record.message.payload).toString();
};

const published = (lines: readonly string[]): string[] => lines.filter((line) => line.includes('< publish'));

describe('a fan-out that is larger than a slice', () => {
  test('a fan-out in slices serves two recipients a step, and its publisher is acknowledged after the last of them', () => {
    const { core, publisher } = fanOut(5, { stored: true });
    publisher.publish('t', 'x', 1, { packetId: 7 });
    expect(core.lines()).toEqual([`${publisher.id} suspend`]);
    const steps: string[][] = [];
    while (core.broker.hasWork) {
      core.handle({ kind: 'continue' });
      steps.push(core.lines());
    }
    expect(steps).toEqual([
      ['+c:s0 #0 t=x q1', '1 < publish t=x q1 id1', '+c:s1 #0 t=x q1', '2 < publish t=x q1 id1'],
      ['+c:s2 #0 t=x q1', '3 < publish t=x q1 id1', '+c:s3 #0 t=x q1', '4 < publish t=x q1 id1'],
      ['+c:s4 #0 t=x q1', '5 < publish t=x q1 id1', '6 < puback 7 after #1', '6 resume'],
    ]);
    expect(core.recorder.holds).toBe(0);
  });

  test('all slices are held together until the publisher is acknowledged', () => {
    const { core, publisher } = fanOut(5, { stored: true });
    publisher.publish('t', 'x');
    core.handle({ kind: 'continue' });
    expect(core.recorder.holds).toBe(1);
    core.finish();
    expect(core.recorder.holds).toBe(0);
  });

  test('the acknowledgement waits for slices that recorded something, even if the last one recorded nothing', () => {
    const { core, publisher } = fanOut(2, { stored: true });
    core.finishesAtOnce = true;
    core.connect('transient').subscribe(['t', 0]);
    core.finishesAtOnce = false;
    core.lines();
    publisher.publish('t', 'x', 1, { packetId: 7 });
    core.handle({ kind: 'continue' });
    expect(published(core.lines())).toHaveLength(2);
    core.handle({ kind: 'continue' });
    expect(core.lines()).toEqual([
      expect.stringContaining('publish t=x q0'),
      `${publisher.id} < puback 7 after an earlier change`,
      `${publisher.id} resume`,
    ]);
  });

  test("a delivery at QoS 2 in a later slice waits for the publisher's Packet Identifier, which the first slice recorded", () => {
    const { core, publisher } = fanOut(3, { qos: 2 });
    publisher.publish('t', 'x', 2, { packetId: 7 });
    core.handle({ kind: 'continue' });
    expect(core.lines()).toContain('+inbound publisher 7');
    core.handle({ kind: 'continue' });
    expect(published(core.lines())).toEqual(['3 < publish t=x q2 id1 after an earlier change']);
  });

  test('a second message of any publisher waits behind the first, and both arrive in the same order everywhere', () => {
    const { core, peers, publisher } = fanOut(3);
    const other = core.connect('other');
    core.lines();
    publisher.publish('t', '1');
    other.publish('t', '2');
    other.publish('elsewhere', '3', 0);
    core.finish();
    const lines = core.lines();
    for (const { id } of peers)
      expect(published(lines).filter((line) => line.startsWith(`${id} <`))).toEqual([
        `${id} < publish t=1 q1 id1`,
        `${id} < publish t=2 q1 id2`,
      ]);
  });

  test('other clients are answered between two slices', () => {
    const { core, peers, publisher } = fanOut(5);
    publisher.publish('t', 'x');
    core.handle({ kind: 'continue' });
    core.lines();
    peers[4]?.ping();
    expect(core.lines()).toEqual(['5 < pingresp']);
    core.finish();
    expect(published(core.lines())).toHaveLength(3);
  });

  test('a recipient that unsubscribes between two slices does not get the message [MQTT-3.10.4-2] unless it subscribes again', () => {
    const { core, peers, publisher } = fanOut(5, { sliceSize: 3 });
    publisher.publish('t', 'x');
    core.handle({ kind: 'continue' });
    peers[3]?.unsubscribe('t');
    peers[4]?.unsubscribe('t');
    peers[4]?.subscribe(['t', 0]);
    core.lines();
    core.finish();
    expect(published(core.lines())).toEqual(['5 < publish t=x q1 id1']);
  });

  test('a recipient whose session ends between two slices leaves nothing behind', () => {
    const { core, peers, publisher } = fanOut(4, { stored: true });
    publisher.publish('t', 'x');
    core.handle({ kind: 'continue' });
    peers[3]?.lose();
    core.connect('s3');
    core.finish();
    expect(core.stored('s3')).toEqual([]);
    expect(core.store.oddities).toEqual([]);
  });

  test('a QoS 2 message is published once, although its publisher repeats it on a new connection while it waits', () => {
    const { core, peers, publisher } = fanOut(3, { qos: 2 });
    publisher.publish('t', 'first');
    publisher.publish('t', 'x', 2, { packetId: 9 });
    publisher.lose();
    const again = core.connect('publisher', { clean: false });
    again.publish('t', 'x', 2, { packetId: 9, dup: true });
    core.lines();
    core.finish();
    const lines = core.lines();
    for (const { id } of peers) expect(lines.filter((line) => line.startsWith(`${id} < publish t=x`))).toHaveLength(1);
    expect(lines.filter((line) => line.includes('pubrec'))).toEqual([expect.stringMatching(`^${again.id} < pubrec 9`)]);
    again.pubrel(9);
    expect(core.lines()).toEqual(['-inbound publisher 9', expect.stringContaining('pubcomp 9')]);
  });

  // The first one was recorded behind what CONNACK waited for: its ticket alone says that a crash does not lose it.
  test.each([
    ['still waits', 0],
    ['is on its way', 3],
    ['has just been published', 4],
  ])('PUBREC for a repeat on a new connection, sent while the first one %s, waits for the first one', (_, steps) => {
    const { core, publisher } = fanOut(3, { stored: true, qos: 2 });
    publisher.publish('t', 'first');
    publisher.publish('t', 'x', 2, { packetId: 9 });
    publisher.lose();
    const again = core.connect('publisher', { clean: false });
    for (let step = 0; step < steps; step++) core.handle({ kind: 'continue' });
    again.publish('t', 'x', 2, { packetId: 9, dup: true });
    core.finish();
    const lines = core.lines();
    expect(lines.filter((line) => line.includes('pubrec'))).toEqual([
      expect.stringMatching(`^${again.id} < pubrec 9 after`),
    ]);
    expect(lines.filter((line) => line.includes('t=x q2') && line.startsWith('+'))).toHaveLength(3);
  });

  test('a will with many recipients is in the store until it is published, and replaced by a new one without harm', () => {
    const { core } = fanOut(3);
    const a = core.connect('a', { will: will('t', 'gone') });
    core.lines();
    a.lose();
    expect([...core.store.wills.keys()]).toEqual(['a']);
    core.connect('a', { will: will('t', 'new') });
    core.finish();
    expect(published(core.lines()).filter((line) => line.includes('t=gone'))).toHaveLength(3);
    expect([...core.store.wills.keys()]).toEqual(['a']);
  });

  test('a new will is recorded when the publication of the earlier one begins, and CONNACK waits for it', () => {
    const { core } = fanOut(3);
    const a = core.connect('a', { will: will('t', 'gone') });
    a.lose();
    core.lines();
    const again = core.connect('a', { will: will('t', 'new') });
    expect(core.lines()).toEqual([`${again.id} ask a`, `${again.id} suspend`]);
    expect(storedWill(core)).toBe('gone');
    core.handle({ kind: 'continue' });
    expect(storedWill(core)).toBe('new');
    core.finish();
    const lines = core.lines();
    expect(lines).toContainEqual(expect.stringMatching(`^${again.id} < connack`));
    expect(lines).toContain(`${again.id} resume`);
    again.lose();
    core.finish();
    expect(published(core.lines()).filter((line) => line.includes('t=new'))).toHaveLength(3);
    expect(core.store.wills.size).toBe(0);
  });

  test('a client that leaves before its new will is recorded leaves the earlier one in the store', () => {
    const { core } = fanOut(3);
    const a = core.connect('a', { will: will('t', 'gone') });
    a.lose();
    core.connect('a', { will: will('t', 'new') }).lose();
    expect(storedWill(core)).toBe('gone');
    core.finish();
    const lines = published(core.lines());
    expect(lines.filter((line) => line.includes('t=gone'))).toHaveLength(3);
    expect(lines.filter((line) => line.includes('t=new'))).toHaveLength(0);
    expect(core.store.wills.size).toBe(0);
  });

  test('a message whose publisher disconnects while it waits is still published', () => {
    const { core, publisher } = fanOut(3);
    publisher.publish('t', 'x', 0);
    publisher.lose();
    core.finish();
    expect(published(core.lines())).toHaveLength(3);
  });
});

/** A broker with slices of three: a search for the route visits twelve levels and subscriptions at a time. */
function overlapping(subscriber: 'clean' | 'stored' = 'stored') {
  const core = new CoreHarness({}, undefined, undefined, 3);
  const filters = ['a/a/a', 'a/a/+', 'a/+/a', 'a/+/+', '+/a/a', '+/a/+', '+/+/a', '+/+/+'];
  const one = core.connect('one', { clean: subscriber === 'clean' });
  for (const filter of filters) one.subscribe([filter, filter === '+/+/+' ? 2 : 1]);
  const publisher = core.connectStored('publisher');
  core.finishesAtOnce = false;
  core.lines();
  const steps = (): string[][] => {
    const lines: string[][] = [];
    while (core.broker.hasWork) {
      core.handle({ kind: 'continue' });
      lines.push(core.lines());
    }
    return lines;
  };
  return { core, one, publisher, steps };
}

describe('a topic whose route takes more than a slice to find', () => {
  test('a message whose route needs several slices is delivered once, at the highest QoS, after the search [MQTT-3.3.5-1]', () => {
    const { core, publisher, steps } = overlapping();
    publisher.publish('a/a/a', 'x', 2, { packetId: 7 });
    expect(core.lines()).toEqual([`${publisher.id} suspend`]);
    const lines = steps();
    // 15 levels and 8 subscriptions.
    expect(lines).toHaveLength(2);
    expect(lines[0]).toEqual(['+inbound publisher 7']);
    expect(lines[1]).toEqual([
      '+c:one #0 a/a/a=x q2',
      expect.stringContaining('publish a/a/a=x q2 id1'),
      expect.stringContaining('pubrec 7'),
      `${publisher.id} resume`,
    ]);
    expect(core.recorder.holds).toBe(0);
  });

  test('a route that needs several slices is searched once for all messages to the topic while subscriptions do not change', () => {
    const { publisher, steps } = overlapping();
    publisher.publish('a/a/a', 'x');
    steps();
    publisher.publish('a/a/a', 'y');
    expect(steps()).toEqual([]);
  });

  test('messages to any topic wait for the search for a route, and keep their order', () => {
    const { core, one, publisher, steps } = overlapping('clean');
    const other = core.connect('other');
    publisher.publish('a/a/a', '1', 0);
    other.publish('a/a/b', '2', 0);
    publisher.publish('nothing', '3', 0);
    core.lines();
    const lines = steps().flat();
    expect(published(lines).map((line) => line.replace(/ .*publish (\S+).*/, ' $1'))).toEqual([
      `${one.id} a/a/a=1`,
      `${one.id} a/a/b=2`,
    ]);
  });

  test('a client that subscribes during the search gets a retained message as retained, and not twice', () => {
    const { core, publisher, steps } = overlapping();
    publisher.publish('a/a/a', 'x', 1, { retain: true });
    core.handle({ kind: 'continue' });
    const late = core.connect('late');
    late.subscribe(['#', 1]);
    const lines = [...core.lines(), ...steps().flat()];
    expect(published(lines).filter((line) => line.startsWith(`${late.id} <`))).toEqual([
      `${late.id} < publish a/a/a=x q1 id1 retain`,
    ]);
  });

  test('a client that replaces its only subscription during the search gets the message [MQTT-3.8.4-3]', () => {
    const { core, publisher, steps } = overlapping();
    const again = core.connect('again');
    again.subscribe(['a/a/a', 1]);
    core.finish();
    core.lines();
    publisher.publish('a/a/a', 'x');
    core.handle({ kind: 'continue' });
    again.subscribe(['a/a/a', 0]);
    const lines = steps().flat();
    expect(published(lines).filter((line) => line.startsWith(`${again.id} <`))).toHaveLength(1);
  });

  test('a client that unsubscribes all matching filters during the search does not get the message', () => {
    const { core, one, publisher, steps } = overlapping();
    publisher.publish('a/a/a', 'x');
    core.handle({ kind: 'continue' });
    const filters = ['a/a/a', 'a/a/+', 'a/+/a', 'a/+/+', '+/a/a', '+/a/+', '+/+/a', '+/+/+'];
    for (const filter of filters) one.unsubscribe(filter);
    expect(published(steps().flat())).toEqual([]);
    expect(core.stored('one')).toEqual([]);
  });

  test('a client that keeps one of its matching subscriptions gets the message', () => {
    const { core, one, publisher, steps } = overlapping();
    publisher.publish('a/a/a', 'x');
    core.handle({ kind: 'continue' });
    for (const filter of ['a/a/a', '+/+/+']) one.unsubscribe(filter);
    expect(published(steps().flat())).toHaveLength(1);
  });

  test('a crash during the search for a route leaves nothing of the message', () => {
    const { core, publisher } = overlapping();
    publisher.publish('a/a/a', 'x');
    core.handle({ kind: 'continue' });
    expect(core.recorder.holds).toBe(1);
    expect(core.stored('one')).toEqual([]);
  });
});

describe('a SUBSCRIBE with more filters than a slice', () => {
  test('the filters of a large SUBSCRIBE are parsed, checked and granted in slices, and SUBACK follows the last slice', () => {
    const core = new CoreHarness({}, undefined, undefined, 4);
    core.finishesAtOnce = false;
    const a = core.connectStored('a');
    core.lines();
    a.subscribe(['t/1', 0], ['t/2', 1], ['t/3', 2]);
    const steps: string[][] = [core.lines()];
    while (core.broker.hasWork) {
      core.handle({ kind: 'continue' });
      steps.push(core.lines());
    }
    expect(steps).toEqual([
      ['1 suspend'],
      ['+subscription a t/1 q0', '+subscription a t/2 q1'],
      ['+subscription a t/3 q2', expect.stringMatching(/^1 < suback \d+ 0,1,2 after #1$/), '1 resume'],
    ]);
  });

  test('an invalid filter in any slice ends the connection before any filter takes effect [MQTT-4.7.1-2]', () => {
    const core = new CoreHarness({}, undefined, undefined, 2);
    const a = core.connectStored('a');
    core.lines();
    a.subscribe(['t/1', 0], ['t/2', 0], ['t/#/x', 0]);
    expect(core.lines()).toEqual(['1 suspend', '1 close topic-filter-invalid', '+session a offline']);
    expect(core.store.subscriptions.size).toBe(0);
  });

  test('equal filters of a large SUBSCRIBE take effect once, and each gets its code [MQTT-3.8.4-3]', () => {
    const core = new CoreHarness();
    core.connect('publisher').publish('t', 'kept', 1, { retain: true });
    const a = core.connectStored('a');
    core.lines();
    a.subscribe(['t', 0], ['t', 2], ['t', 1]);
    expect(core.lines().filter((line) => !line.includes('when-writable'))).toEqual([
      '+subscription a t q1',
      expect.stringMatching(/ < suback \d+ 0,2,1 after #1$/),
      '2 read-retained t',
      '+c:a #0 t=kept q1',
      '2 < publish t=kept q1 id1 retain',
    ]);
  });

  test('more filters than the limit end the connection, for SUBSCRIBE and for UNSUBSCRIBE', () => {
    const core = new CoreHarness({ maxFiltersPerPacket: 2 });
    const a = core.connect('a');
    a.subscribe(['1', 0], ['2', 0]);
    core.lines();
    a.subscribe(['1', 0], ['2', 0], ['3', 0]);
    core.connect('b').unsubscribe('1', '2', '3');
    expect(core.lines().filter((line) => line.includes('close'))).toEqual([
      '1 close too-many-filters',
      '2 close too-many-filters',
    ]);
  });

  test('a client that disconnects during its SUBSCRIBE keeps the subscriptions granted so far', () => {
    const core = new CoreHarness({}, undefined, undefined, 3);
    core.finishesAtOnce = false;
    const a = core.connectStored('a');
    a.subscribe(['t/1', 0], ['t/2', 0]);
    core.handle({ kind: 'continue' });
    a.lose();
    core.lines();
    core.finish();
    expect(core.lines()).toEqual([]);
    expect(core.broker.hasWork).toBe(false);
  });
});

describe('a search for retained messages', () => {
  test('a search for retained messages visits a bounded number of topics a step, and other clients are served in between', () => {
    const core = new CoreHarness({}, undefined, undefined, 10);
    const publisher = core.connect('publisher');
    for (let i = 0; i < 50; i++) publisher.publish(`t/${i}/x`, 'x', 0, { retain: true });
    publisher.publish('u', 'found', 0, { retain: true });
    core.finishesAtOnce = false;
    const a = core.connect('a');
    core.lines();
    a.subscribe(['+/+/y', 0], ['u', 0]);
    let steps = 0;
    while (core.broker.hasWork) {
      core.handle({ kind: 'continue' });
      publisher.ping();
      steps++;
    }
    const lines = core.lines();
    expect(lines.filter((line) => line.includes('pingresp'))).toHaveLength(steps);
    expect(steps).toBeGreaterThan(4);
    expect(lines.filter((line) => line.includes('< publish'))).toEqual([`${a.id} < publish u=found q0 retain`]);
  });

  test('a topic that is published to during a search for retained messages is not sent a second time', () => {
    const core = new CoreHarness({}, undefined, undefined, 5);
    const publisher = core.connect('publisher');
    for (let i = 0; i < 20; i++) publisher.publish(`t/${i}`, 'old', 0, { retain: true });
    core.finishesAtOnce = false;
    const a = core.connect('a');
    a.subscribe(['t/#', 0]);
    core.handle({ kind: 'continue' });
    core.lines();
    publisher.publish('t/19', 'new', 0, { retain: true });
    core.finish();
    core.answerAll();
    const sent = core.lines().filter((line) => line.includes('< publish t/19='));
    expect(sent).toEqual([`${a.id} < publish t/19=new q0`]);
  });
});
