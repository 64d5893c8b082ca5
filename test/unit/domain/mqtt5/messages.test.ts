// Messages of MQTT 5: what goes with them, how long they last, how many and how large they may be, and what the two
// sides answer.
import { describe, expect, test } from '@jest/globals';
import { PacketType } from '../../../../src/protocol/packets.js';
import type { Properties } from '../../../../src/protocol/packets.js';
import { CoreHarness } from '../../../support/core-harness.js';
import type { ConnectOptions, CorePeer } from '../../../support/core-harness.js';

function subscriber(core: CoreHarness, properties: Properties = {}, options: ConnectOptions = {}): CorePeer {
  const peer = core.connect('subscriber', { version: 5, properties, ...options });
  peer.subscribe(['t', 2]);
  core.lines();
  return peer;
}

const publisherOf = (core: CoreHarness): CorePeer => {
  const peer = core.connect('publisher', { version: 5 });
  core.lines();
  return peer;
};

/** Only what it is sent of messages. */
const publishes = (core: CoreHarness, peer: CorePeer): string[] =>
  core.heard(peer).filter((line) => line.startsWith('publish'));

describe('the Receive Maximum', () => {
  test('[MQTT5-3.3.4-9] of the client bounds what is unacknowledged at QoS 1 and 2', () => {
    const core = new CoreHarness();
    const a = subscriber(core, { receiveMaximum: 2 });
    const publisher = publisherOf(core);
    for (const qos of [1, 2, 1, 1] as const) publisher.publish('t', String(qos), qos);
    expect(publishes(core, a)).toEqual(['publish t=1 q1 id1', 'publish t=2 q2 id2']);
    a.pubrec(2);
    expect(publishes(core, a)).toEqual([]);
    a.pubcomp(2);
    expect(publishes(core, a)).toEqual(['publish t=1 q1 id3']);
  });

  test('[MQTT5-3.3.4-7] of the broker ends a client that exceeds it with QoS 2 messages that it does not release', () => {
    const core = new CoreHarness({ receiveMaximum: 2 });
    const publisher = publisherOf(core);
    for (let i = 0; i < 2; i++) publisher.publish('t', 'x', 2);
    core.lines();
    publisher.publish('t', 'x', 2);
    expect(core.heard(publisher)[0]).toMatch(/^disconnect 0x93/);
  });

  test('[MQTT5-3.3.4-7] counts QoS 1 messages until their PUBACK has left', () => {
    const core = new CoreHarness({ receiveMaximum: 2 });
    core.connectStored('away').subscribe(['t', 1]);
    const publisher = publisherOf(core);
    for (let i = 0; i < 10; i++) publisher.publish('t', 'x');
    expect(core.recorder.events).not.toContainEqual(expect.objectContaining({ reason: 'receive-maximum-exceeded' }));
    core.recorder.released = 0;
    const slow = core.connect('slow', { version: 5 });
    for (let i = 0; i < 2; i++) slow.publish('t', 'x');
    core.lines();
    slow.publish('t', 'x');
    expect(core.heard(slow)[0]).toMatch(/^disconnect 0x93/);
  });

  test('[MQTT5-3.3.4-9] begins again with each connection: what earlier ones left unreleased does not count', () => {
    const core = new CoreHarness({ receiveMaximum: 2 });
    const connect = (): CorePeer =>
      core.connect('publisher', { version: 5, clean: false, properties: { sessionExpiryInterval: 60 } });
    const first = connect();
    const left = [1, 2].map(() => first.publish('t', 'x', 2));
    first.lose();
    const second = connect();
    core.lines();
    const sent = [1, 2].map(() => second.publish('t', 'y', 2));
    expect(core.heard(second)).toEqual(sent.map((packetId) => `pubrec ${packetId} 0x10`));
    // From then on all that is unreleased is of this connection.
    second.pubrel(...left, ...sent);
    for (let i = 0; i < 2; i++) second.publish('t', 'y', 2);
    core.lines();
    second.publish('t', 'y', 2);
    expect(core.heard(second)[0]).toMatch(/^disconnect 0x93/);
  });
});

describe('the Maximum Packet Size of a client', () => {
  test('[MQTT5-3.1.2-24] [MQTT5-3.1.2-25] a message that is too large is dropped for it alone, at every QoS, and the next one comes', () => {
    const core = new CoreHarness();
    const small = subscriber(core, { maximumPacketSize: 40, receiveMaximum: 1 });
    const other = core.connect('other');
    other.subscribe(['t', 0]);
    const publisher = publisherOf(core);
    for (const qos of [0, 1, 2] as const) publisher.publish('t', 'x'.repeat(35), qos);
    core.lines();
    publisher.publish('t', 'fits', 1);
    expect(publishes(core, small)).toEqual(['publish t=fits q1 id3']);
    expect(core.broker.counters.dropped['packet-too-large']).toBe(3);
    expect(core.broker.counters.delivered).toBeGreaterThanOrEqual(4);
  });

  test('counts properties and Subscription Identifiers', () => {
    const core = new CoreHarness();
    // 2 fixed header, 3 topic, 1 property length, 10 payload.
    const small = core.connect('a', { version: 5, properties: { maximumPacketSize: 16 } });
    small.subscribe(['t', 0]);
    const publisher = publisherOf(core);
    publisher.publish('t', '0123456789', 0);
    expect(publishes(core, small)).toEqual(['publish t=0123456789 q0']);
    publisher.publish('t', '0123456789', 0, { properties: { contentType: '' } });
    expect(publishes(core, small)).toEqual([]);
    small.subscribeWith({ properties: { subscriptionIdentifiers: [5] } }, ['t', 0]);
    publisher.publish('t', '0123456789', 0);
    expect(publishes(core, small)).toEqual([]);
    expect(core.broker.counters.dropped['packet-too-large']).toBe(2);
  });

  test('a SUBSCRIBE whose answer would be too large ends the connection, and grants nothing', () => {
    const core = new CoreHarness();
    const a = core.connect('a', { version: 5, properties: { maximumPacketSize: 15 } });
    core.lines();
    a.subscribe(...Array.from({ length: 20 }, (_, i) => [`t/${i}`, 0] as const));
    expect(core.lines().at(-2)).toBe(`${a.id} close packet-too-large`);
    expect(core.broker.query({ kind: 'counts' }).subscriptions).toBe(0);
  });

  test('[MQTT5-3.14.2-3] a Reason String is left out of a packet that would be too large', () => {
    const core = new CoreHarness();
    const a = core.connect('a', { version: 5, properties: { maximumPacketSize: 20 } });
    core.lines();
    a.publish('a/#', 'x');
    expect(core.heard(a)).toEqual(['disconnect 0x90']);
  });
});

describe('the Maximum Packet Size of members of a shared group', () => {
  const member = (core: CoreHarness, name: string, maximumPacketSize?: number): CorePeer => {
    const properties = { sessionExpiryInterval: 100, ...(maximumPacketSize !== undefined && { maximumPacketSize }) };
    const peer = core.connect(name, { version: 5, clean: false, properties });
    peer.subscribe(['$share/g/t', 1]);
    return peer;
  };
  const LARGE = 'x'.repeat(100);

  test('[MQTT5-3.1.2-25] a message that is too large for one member goes to another', () => {
    const core = new CoreHarness();
    member(core, 'small', 50);
    const large = member(core, 'large');
    const publisher = publisherOf(core);
    core.lines();
    for (let i = 0; i < 6; i++) publisher.publish('t', LARGE, (i % 3) as 0 | 1 | 2);
    const toLarge = core.lines().filter((line) => line.startsWith(`${large.id} < publish`));
    expect(toLarge).toHaveLength(6);
    expect(core.broker.counters.dropped['packet-too-large']).toBe(0);
  });

  test('a message that waits while all are away goes to the member that takes it', () => {
    const core = new CoreHarness();
    member(core, 'small', 50).lose();
    member(core, 'large').lose();
    const publisher = publisherOf(core);
    for (let i = 0; i < 4; i++) publisher.publish('t', LARGE, 1);
    member(core, 'small', 50);
    core.lines();
    const large = member(core, 'large');
    expect(publishes(core, large)).toHaveLength(4);
    expect(core.broker.counters.dropped['packet-too-large']).toBe(0);
  });

  test('[MQTT5-3.1.2-25] a message that no member takes is dropped, and does not hold up others', () => {
    const core = new CoreHarness();
    const small = member(core, 'small', 50);
    const publisher = publisherOf(core);
    core.lines();
    publisher.publish('t', LARGE, 1);
    publisher.publish('t', LARGE, 0);
    publisher.publish('t', 'fits', 1);
    expect(core.lines().filter((line) => line.startsWith(`${small.id} < publish`))).toHaveLength(1);
    expect(core.broker.counters.dropped['packet-too-large']).toBe(2);
  });
});

describe('Message Expiry Interval', () => {
  test('[MQTT5-3.3.2-5] a message that waits for longer is not sent', () => {
    const core = new CoreHarness();
    const a = core.connectStored('a');
    a.subscribe(['t', 1]);
    a.lose();
    const publisher = publisherOf(core);
    publisher.publish('t', 'short', 1, { properties: { messageExpiryInterval: 5 } });
    publisher.publish('t', 'long', 1, { properties: { messageExpiryInterval: 50 } });
    core.advance(5000);
    core.lines();
    expect(publishes(core, core.connectStored('a'))).toEqual(['publish t=long q1 id2']);
    expect(core.broker.counters.dropped.expired).toBe(1);
  });

  test('[MQTT5-3.3.2-5] nor is one that waits for a shared group, at any QoS of its members', () => {
    const core = new CoreHarness();
    const granted = [0, 1, 2] as const;
    const members = granted.map((qos) => {
      const member = core.connectStored(`member ${qos}`);
      member.subscribe([`$share/g${qos}/t`, qos]);
      member.lose();
      return member;
    });
    publisherOf(core).publish('t', 'short', 2, { properties: { messageExpiryInterval: 5 } });
    core.advance(5000);
    core.lines();
    for (const qos of granted) expect(publishes(core, core.connectStored(`member ${qos}`))).toEqual([]);
    expect(core.broker.counters.dropped.expired).toBe(members.length);
    expect(core.waiting).toBe(0);
  });
});

describe('subscription options', () => {
  test('[MQTT5-3.8.3-3] No Local keeps what a client publishes from itself alone', () => {
    const core = new CoreHarness();
    const a = core.connect('a', { version: 5 });
    a.subscribeWith({ noLocal: true }, ['t', 0]);
    const publisher = publisherOf(core);
    a.publish('t', 'own', 0);
    publisher.publish('t', 'other', 0);
    expect(publishes(core, a)).toEqual(['publish t=other q0']);
  });

  test('[MQTT5-3.8.3-4] No Local on a shared subscription is a protocol error', () => {
    const core = new CoreHarness();
    const a = core.connect('a', { version: 5 });
    core.lines();
    a.subscribeWith({ noLocal: true }, ['$share/g/t', 0]);
    expect(core.heard(a)[0]).toMatch(/^disconnect 0x82/);
  });

  test('[MQTT5-3.3.4-3] [MQTT5-3.3.4-4] a message carries the identifiers of all subscriptions that it matches', () => {
    const core = new CoreHarness();
    const a = core.connect('a', { version: 5 });
    a.subscribeWith({ properties: { subscriptionIdentifiers: [7] } }, ['t', 0]);
    a.subscribeWith({ properties: { subscriptionIdentifiers: [9] } }, ['#', 1]);
    core.lines();
    publisherOf(core).publish('t', 'x');
    core.lines();
    publisherOf(core).publish('t', 'x', 0);
    const [line = ''] = publishes(core, a);
    expect(line).toMatch(/^publish t=x q0 for (7\+9|9\+7)$/);
  });
});

describe('a publisher learns', () => {
  const answer = (core: CoreHarness, publisher: CorePeer, qos: 1 | 2, properties: Properties = {}): string[] => {
    core.lines();
    publisher.publish('t', Buffer.from([0xff]), qos, { properties });
    return core.heard(publisher).map((line) => line.replace(/^(pub\S+) \d+/, '$1'));
  };

  test('that there is no subscription', () => {
    const core = new CoreHarness();
    const publisher = publisherOf(core);
    expect(answer(core, publisher, 1)).toEqual(['puback 0x10']);
    expect(answer(core, publisher, 2)).toEqual(['pubrec 0x10']);
  });

  test('that it may not publish, and the connection goes on', () => {
    const core = new CoreHarness();
    const publisher = core.connect('p', { version: 5, permissions: { kind: 'rules', rules: [] } });
    expect(answer(core, publisher, 1)).toEqual(['puback 0x87']);
    expect(answer(core, publisher, 2)).toEqual(['pubrec 0x87']);
    publisher.publish('t', 'x', 0);
    expect(core.heard(publisher)).toEqual(['disconnect 0x87']);
  });

  test('that the only queue for the message is full, and QoS 2 frees the Packet Identifier', () => {
    const core = new CoreHarness({ maxQueueSize: 1 });
    const away = core.connectStored('away');
    away.subscribe(['t', 2]);
    away.lose();
    const publisher = publisherOf(core);
    expect(answer(core, publisher, 1)).toEqual(['puback']);
    expect(answer(core, publisher, 1)).toEqual(['puback 0x97 reasonString=no queue has room for the message']);
    expect(answer(core, publisher, 2)).toEqual(['pubrec 0x97 reasonString=no queue has room for the message']);
    expect(core.broker.query({ kind: 'session', clientId: 'publisher' })).toMatchObject({ inboundInFlight: 0 });
  });

  test('that the payload is not what it promises, if payloads are checked', () => {
    const core = new CoreHarness({ checkPayloadFormat: true });
    const publisher = publisherOf(core);
    const properties = { payloadFormatIndicator: 1 } as const;
    expect(answer(core, publisher, 1, properties)).toEqual(['puback 0x99 reasonString=it is not UTF-8']);
    publisher.publish('t', Buffer.from([0xff]), 0, { properties });
    expect(core.heard(publisher)[0]).toMatch(/^disconnect 0x99/);
  });

  test('[MQTT5-3.1.2-29] without a Reason String if it has not requested problem information', () => {
    const core = new CoreHarness({ maxQueueSize: 1 });
    const away = core.connectStored('away');
    away.subscribe(['t', 2]);
    away.lose();
    const publisher = core.connect('p', { version: 5, properties: { requestProblemInformation: 0 } });
    answer(core, publisher, 1);
    expect(answer(core, publisher, 1)).toEqual(['puback 0x97']);
  });
});

describe('a client that refuses a message', () => {
  test('with PUBREC or PUBACK ends its delivery, and the next message comes', () => {
    const core = new CoreHarness({ initialInflight: 1, maxInflight: 1 });
    const a = subscriber(core);
    const publisher = publisherOf(core);
    for (const qos of [2, 1, 1] as const) publisher.publish('t', String(qos), qos);
    core.lines();
    a.refuse(PacketType.pubrec, 1, 0x97);
    expect(core.heard(a)).toEqual(['publish t=1 q1 id2']);
    a.refuse(PacketType.puback, 2, 0x80);
    expect(core.heard(a)).toEqual(['publish t=1 q1 id3']);
    expect(core.broker.counters.dropped['refused-by-client']).toBe(2);
    expect(core.waiting).toBe(1);
  });

  test('[MQTT5-4.8.2-6] of a shared group ends it for the whole group', () => {
    const core = new CoreHarness();
    const members = ['a', 'b'].map((name) => core.connect(name, { version: 5 }));
    for (const member of members) member.subscribe(['$share/g/t', 1]);
    core.lines();
    publisherOf(core).publish('t', 'x');
    const publisher = core.connect('again', { version: 5 });
    core.lines();
    publisher.publish('t', 'y');
    const lines = core.lines().filter((line) => line.includes('publish t=y'));
    expect(lines).toHaveLength(1);
    const member = members.find(({ id }) => lines[0]?.startsWith(`${id} `));
    member?.refuse(PacketType.puback, 1, 0x80);
    expect(core.lines().filter((line) => line.includes('publish'))).toEqual([]);
    expect(core.broker.counters.dropped['refused-by-client']).toBe(1);
  });
});

describe('Topic Aliases of a client', () => {
  test('[MQTT5-3.3.2-12] stand for the topic that they came with last', () => {
    const core = new CoreHarness();
    const a = core.connect('a', { version: 5 });
    a.subscribe(['#', 0]);
    const publisher = publisherOf(core);
    publisher.publish('t', '1', 0, { properties: { topicAlias: 1 } });
    core.lines();
    publisher.publish('', '2', 0, { properties: { topicAlias: 1 } });
    publisher.publish('u', '3', 0, { properties: { topicAlias: 1 } });
    publisher.publish('', '4', 0, { properties: { topicAlias: 1 } });
    expect(publishes(core, a)).toEqual(['publish t=2 q0', 'publish u=3 q0', 'publish u=4 q0']);
  });

  test('[MQTT5-3.3.2-9] end the connection if they are unknown or too high', () => {
    for (const [topicAlias, code] of [
      [3, '0x82'],
      [11, '0x94'],
    ] as const) {
      const core = new CoreHarness();
      const publisher = publisherOf(core);
      publisher.publish('', 'x', 0, { properties: { topicAlias } });
      expect(core.heard(publisher)[0]).toMatch(new RegExp(`^disconnect ${code}`));
    }
  });

  test('count in the memory that is held for clients', () => {
    const core = new CoreHarness();
    const publisher = publisherOf(core);
    const before = core.broker.heldBytes;
    publisher.publish('x'.repeat(1000), 'x', 0, { properties: { topicAlias: 1 } });
    expect(core.broker.heldBytes).toBe(before + 2000);
    publisher.publish('y'.repeat(10), 'x', 0, { properties: { topicAlias: 1 } });
    expect(core.broker.heldBytes).toBe(before + 20);
    publisher.lose();
    expect(core.broker.heldBytes).toBe(before);
  });
});

test('[MQTT5-3.3.2-14] a Response Topic with a wildcard ends the connection', () => {
  const core = new CoreHarness();
  const publisher = publisherOf(core);
  publisher.publish('t', 'x', 1, { properties: { responseTopic: 'a/+' } });
  expect(core.heard(publisher)[0]).toMatch(/^disconnect 0x82/);
});
