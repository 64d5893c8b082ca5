// What the broker says of itself below $SYS/broker/: it goes to clients that may receive it, new subscriptions get the
// latest of each topic, and storage, queues and limits have nothing of it.
import { describe, expect, test } from '@jest/globals';
import type { Permissions } from '../../../../src/domain/access/permissions.js';
import type { TopicFilter, TopicName } from '../../../../src/domain/identifiers.js';
import { CoreHarness } from '../../../support/core-harness.js';
import type { CorePeer } from '../../../support/core-harness.js';

function announce(core: CoreHarness, name: string, text: string, retain = true): void {
  const topic = `$SYS/broker/${name}` as TopicName;
  core.handle({ kind: 'announcement', topic, payload: new TextEncoder().encode(text), retain });
}

const receiving = (...filters: string[]): Permissions => ({
  kind: 'rules',
  rules: filters.map((filter) => ({
    effect: 'allow',
    actions: ['receive'],
    topicFilter: filter as TopicFilter,
    source: 'the test',
  })),
});

const published = (core: CoreHarness, peer: CorePeer): string[] =>
  core.heard(peer).filter((line) => line.startsWith('publish'));

describe('messages of the broker itself', () => {
  test('a new subscription gets the latest of each topic, and later ones as they come, without the flag', () => {
    const core = new CoreHarness();
    announce(core, 'uptime', '1');
    announce(core, 'uptime', '2');
    announce(core, 'clients/total', '7');
    const a = core.connect('a');
    a.subscribe(['$SYS/#', 2]);
    announce(core, 'uptime', '3');
    expect(core.heard(a)).toEqual([
      'connack 0',
      expect.stringMatching(/^suback \d+ 2$/),
      'publish $SYS/broker/uptime=2 q0 retain',
      'publish $SYS/broker/clients/total=7 q0 retain',
      'publish $SYS/broker/uptime=3 q0',
    ]);
  });

  test('a subscription gets retained messages of clients and those of the broker that it matches, and no others', () => {
    const core = new CoreHarness();
    core.connect('publisher').publish('$SYSTEM', 'y', 0, { retain: true });
    core.connect('other').publish('r', 'x', 0, { retain: true });
    announce(core, 'uptime', '1');
    announce(core, 'uptime/deep', '2');
    const brings = (filter: string): string[] => {
      const peer = core.connect(`of ${filter}`);
      peer.subscribe([filter, 0]);
      return published(core, peer);
    };
    expect(brings('#')).toEqual(['publish r=x q0 retain']);
    expect(brings('+/broker/uptime')).toEqual([]);
    expect(brings('$SYS/+/uptime')).toEqual(['publish $SYS/broker/uptime=1 q0 retain']);
    expect(brings('$SYS/broker/uptime/#')).toHaveLength(2);
    expect(brings('$SYSTEM')).toEqual(['publish $SYSTEM=y q0 retain']);
  });

  test('storage, counts and limits of retained messages have nothing of them', () => {
    const core = new CoreHarness({ maxRetainedMessages: 1, messageExpiryMax: 1 });
    core.connectStored('a').subscribe(['$SYS/#', 2]);
    core.lines();
    announce(core, 'one', '1');
    announce(core, 'two', '2');
    expect(core.lines()).toEqual(['1 < publish $SYS/broker/one=1 q0', '1 < publish $SYS/broker/two=2 q0']);
    core.connect('b').publish('r', 'x', 0, { retain: true });
    expect(core.broker.retainedCount).toBe(1);
    core.advance(5000);
    const later = core.connect('c');
    later.subscribe(['$SYS/#', 0]);
    expect(published(core, later)).toHaveLength(2);
    expect(core.restarted().broker.query({ kind: 'retained', topicFilter: '$SYS/#', examine: 100 }).items).toEqual([]);
  });

  test('a client that is away misses them, and gets the present ones when it subscribes again', () => {
    const core = new CoreHarness();
    const a = core.connectStored('a');
    a.subscribe(['$SYS/#', 1]);
    a.lose();
    announce(core, 'uptime', '1');
    core.lines();
    const again = core.connectStored('a');
    expect(published(core, again)).toEqual([]);
    again.subscribe(['$SYS/#', 1]);
    expect(published(core, again)).toEqual(['publish $SYS/broker/uptime=1 q0 retain']);
  });

  test('only clients that may receive them get them', () => {
    const core = new CoreHarness();
    announce(core, 'uptime', '1');
    announce(core, 'events/x', '{}', false);
    const all = core.connect('all', { permissions: receiving('#') });
    const some = core.connect('some', { permissions: receiving('$SYS/broker/uptime') });
    for (const peer of [all, some]) peer.subscribe(['$SYS/#', 0]);
    announce(core, 'uptime', '2');
    announce(core, 'events/x', '{}', false);
    expect(published(core, all)).toEqual([]);
    announce(core, 'uptime', '3');
    expect(published(core, some)).toEqual(['publish $SYS/broker/uptime=3 q0']);
    const again = core.connect('again', { permissions: receiving('$SYS/broker/uptime') });
    again.subscribe(['$SYS/broker/+', 0]);
    announce(core, 'uptime', '4');
    expect(published(core, again)).toEqual([
      'publish $SYS/broker/uptime=3 q0 retain',
      'publish $SYS/broker/uptime=4 q0',
    ]);
  });

  test('without a subscriber they count nowhere', () => {
    const core = new CoreHarness();
    announce(core, 'uptime', '1');
    const { accepted, started, dropped } = core.broker.query({ kind: 'counts' }).deliveries;
    expect([accepted, started, dropped['no-subscriber']]).toEqual([0, 0, 0]);
    expect(core.lines()).toEqual([]);
  });

  test('many subscribers get them in slices, in order', () => {
    const core = new CoreHarness({}, undefined, undefined, 2);
    const peers = ['a', 'b', 'c', 'd', 'e'].map((name) => core.connect(name));
    for (const peer of peers) peer.subscribe(['$SYS/#', 0]);
    core.lines();
    announce(core, 'uptime', '1');
    announce(core, 'uptime', '2');
    core.finish();
    const lines = core.lines();
    expect(lines).toHaveLength(10);
    expect(lines.slice(0, 5).every((line) => line.includes('uptime=1'))).toBe(true);
    expect(core.broker.query({ kind: 'counts' }).deliveries.dropped['no-subscriber']).toBe(0);
  });

  test('an operator can neither publish nor delete them', () => {
    const core = new CoreHarness();
    announce(core, 'uptime', '1');
    const message = { topic: '$SYS/broker/uptime', payload: new Uint8Array(1), qos: 0, retain: true } as const;
    expect(core.command({ kind: 'publish', message })).toEqual({
      result: 'refused',
      detail: 'below $SYS/broker/ the broker alone publishes',
    });
    expect(core.command({ kind: 'delete-retained', topic: message.topic })).toEqual({ result: 'not-found' });
    const a = core.connect('a');
    a.subscribe(['$SYS/#', 0]);
    expect(published(core, a)).toHaveLength(1);
  });

  test('without retained messages, subscribers get them as they come', () => {
    const core = new CoreHarness({ retainedMessages: false });
    announce(core, 'uptime', '1');
    const a = core.connect('a');
    a.subscribe(['$SYS/#', 0]);
    announce(core, 'uptime', '2');
    expect(published(core, a)).toEqual(['publish $SYS/broker/uptime=2 q0']);
  });

  test('one takes the place of what an earlier version had stored on its topic', () => {
    const core = new CoreHarness();
    const topic = '$SYS/broker/uptime' as TopicName;
    core.broker.restore({ kind: 'retained', topic, id: 5 as never, bytes: 1, expiresAtMs: undefined }, 0);
    announce(core, 'uptime', '1');
    expect(core.broker.retainedCount).toBe(0);
    const a = core.connect('a');
    a.subscribe(['$SYS/#', 0]);
    expect(published(core, a)).toEqual(['publish $SYS/broker/uptime=1 q0 retain']);
  });
});
