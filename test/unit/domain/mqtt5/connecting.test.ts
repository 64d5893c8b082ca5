// CONNECT and CONNACK of MQTT 5: what the two sides tell each other, sessions that outlive connections, and refusals.
import { describe, expect, test } from '@jest/globals';
import { CoreHarness, will } from '../../../support/core-harness.js';
import type { ConnectOptions } from '../../../support/core-harness.js';

const NEVER = 4_294_967_295;

/** What a client hears of its CONNECT. */
function heard(core: CoreHarness, clientId: string, options: ConnectOptions = {}): string[] {
  core.lines();
  return core.heard(core.connect(clientId, { version: 5, ...options }));
}

describe('CONNACK of MQTT 5', () => {
  test('announces the limits that differ from what their absence means', () => {
    const core = new CoreHarness({ receiveMaximum: 65_535, topicAliasMax: 0 });
    expect(heard(core, 'a')).toEqual(['connack 0']);
    const strict = new CoreHarness({
      receiveMaximum: 20,
      topicAliasMax: 7,
      maxQos: 1,
      retainedMessages: false,
      maxPacketSize: 1000,
      wildcardSubscriptions: false,
      sharedSubscriptions: false,
      subscriptionIdentifiers: false,
    });
    expect(heard(strict, 'a')).toEqual([
      'connack 0 receiveMaximum=20 maximumQos=1 retainAvailable=0 maximumPacketSize=1000 topicAliasMaximum=7 ' +
        'wildcardSubscriptionAvailable=0 subscriptionIdentifierAvailable=0 sharedSubscriptionAvailable=0',
    ]);
  });

  test('[MQTT5-3.2.2-16] names the Client Identifier that the broker has assigned, also for a session that stays', () => {
    const core = new CoreHarness({ receiveMaximum: 65_535, topicAliasMax: 0 });
    const [connack] = heard(core, '', { clean: false, properties: { sessionExpiryInterval: 10 } });
    expect(connack).toMatch(/^connack 0 assignedClientIdentifier=\S+$/);
  });

  test('[MQTT5-3.2.2-21] names the keep-alive if it is not the one that the client asked for', () => {
    const limits = { receiveMaximum: 65_535, topicAliasMax: 0, keepAliveMax: 60 };
    expect(heard(new CoreHarness(limits), 'a', { keepAlive: 100 })).toEqual(['connack 0 serverKeepAlive=60']);
    expect(heard(new CoreHarness(limits), 'a', { keepAlive: 60 })).toEqual(['connack 0']);
    const required = new CoreHarness({ ...limits, keepAliveUnlimited: false });
    expect(heard(required, 'a', { keepAlive: 0 })).toEqual(['connack 0 serverKeepAlive=60']);
  });

  test('names the Session Expiry Interval if it is not the one that the client asked for', () => {
    const core = new CoreHarness({ receiveMaximum: 65_535, topicAliasMax: 0, sessionExpiryMax: 100 });
    const asking = (sessionExpiryInterval: number): ConnectOptions => ({ properties: { sessionExpiryInterval } });
    expect(heard(core, 'a', asking(100))).toEqual(['connack 0']);
    expect(heard(core, 'a', asking(NEVER))).toEqual(['connack 0 sessionExpiryInterval=100']);
  });

  test('[MQTT5-3.1.2-24] is not sent to a client that does not take a packet of its size, whose session does not begin', () => {
    const core = new CoreHarness();
    const properties = { maximumPacketSize: 5, sessionExpiryInterval: 100 };
    expect(heard(core, 'a', { properties })).toEqual([]);
    expect(core.recorder.events).toContainEqual(expect.objectContaining({ reason: 'packet-too-large' }));
    expect(core.broker.sessionCount).toBe(0);
  });
});

describe('the session of an MQTT 5 client', () => {
  const stays = { sessionExpiryInterval: 10 };

  test('[MQTT5-3.1.2-23] stays for the Session Expiry Interval, whatever Clean Start says', () => {
    const core = new CoreHarness();
    const a = core.connect('a', { version: 5, clean: true, properties: stays });
    a.lose();
    core.advance(9000);
    expect(heard(core, 'a', { clean: false })[0]).toMatch(/^connack 0 present/);
  });

  test('ends when the Session Expiry Interval has passed', () => {
    const core = new CoreHarness();
    core.connect('a', { version: 5, clean: false, properties: stays }).lose();
    core.advance(10_000);
    expect(core.broker.sessionCount).toBe(0);
  });

  test('ends with its connection without a Session Expiry Interval', () => {
    const core = new CoreHarness();
    core.connect('a', { version: 5, clean: false }).lose();
    expect(core.broker.sessionCount).toBe(0);
  });

  test('[MQTT5-3.1.2-4] begins again with Clean Start 1', () => {
    const core = new CoreHarness();
    const a = core.connect('a', { version: 5, clean: false, properties: stays });
    a.subscribe(['t', 1]);
    a.lose();
    expect(heard(core, 'a', { clean: true, properties: stays })[0]).not.toContain('present');
    core.connect('b').publish('t', 'x');
    expect(core.stored('a')).toEqual([]);
  });

  test('stays for as long as DISCONNECT says, or ends with it', () => {
    const core = new CoreHarness();
    core.connect('a', { version: 5, properties: stays }).disconnect(0, { sessionExpiryInterval: 100 });
    core.advance(99_000);
    expect(core.broker.sessionCount).toBe(1);
    core.connect('b', { version: 5, properties: stays }).disconnect(0, { sessionExpiryInterval: 0 });
    expect(core.broker.sessionCount).toBe(1);
    core.advance(1000);
    expect(core.broker.sessionCount).toBe(0);
  });

  test('ends the connection with a protocol error if DISCONNECT lets a session stay that CONNECT did not', () => {
    const core = new CoreHarness();
    const a = core.connect('a', { version: 5 });
    core.lines();
    a.disconnect(0, { sessionExpiryInterval: 100 });
    expect(core.heard(a)[0]).toMatch(/^disconnect 0x82/);
    expect(core.broker.sessionCount).toBe(0);
  });

  test('resumes with another version than it began with', () => {
    const core = new CoreHarness();
    const a = core.connect('a', { version: 5, clean: false, properties: stays });
    a.subscribe(['t', 1]);
    a.lose();
    core.connect('b', { version: 5 }).publish('t', 'x', 1, { properties: { contentType: 'text' } });
    core.lines();
    const again = core.connect('a', { version: 4, clean: false });
    expect(core.heard(again)).toEqual(['connack 0 present', 'publish t=x q1 id1']);
  });
});

describe('a refusal in MQTT 5', () => {
  test('[MQTT5-3.2.2-8] carries the Reason Code of its reason, and says why only what every client may know', () => {
    const core = new CoreHarness({ maxClientIdLength: 3 });
    const refused = (clientId: string, options: ConnectOptions = {}): string | undefined =>
      heard(core, clientId, options)[0];
    expect(refused('long')).toBe('connack 133 reasonString=it is longer than 3 bytes');
    expect(refused('a', { will: will('a/#', 'x') })).toMatch(/^connack 144 reasonString=will topic: /);
    const denied = core.open('d');
    denied.connect('d', { version: 5 });
    core.lines();
    denied.deny('bad-credentials');
    expect(core.heard(denied)).toEqual(['connack 134']);
    const unknown = core.open('e');
    unknown.connect('e', { version: 5, properties: { authenticationMethod: 'X' } });
    core.lines();
    unknown.deny('authentication-method-unknown');
    expect(core.heard(unknown)).toEqual(['connack 140 reasonString=the test says so']);
  });

  test('[MQTT5-3.2.2-12] [MQTT5-3.2.2-13] refuses a will that the broker does not support', () => {
    const core = new CoreHarness({ maxQos: 0, retainedMessages: false });
    expect(heard(core, 'a', { will: will('w', 'x', { qos: 1 }) })[0]).toMatch(/^connack 155/);
    expect(heard(core, 'a', { will: will('w', 'x', { retain: true }) })[0]).toMatch(/^connack 154/);
  });

  test('a will whose payload is not the UTF-8 that it promises is refused if payloads are checked', () => {
    const core = new CoreHarness({ checkPayloadFormat: true });
    const broken = {
      ...will('w', ''),
      payload: Buffer.from([0xc3]),
      properties: { payloadFormatIndicator: 1 } as const,
    };
    expect(heard(core, 'a', { will: broken })[0]).toMatch(/^connack 153/);
    const nothingWrong = { ...broken, payload: Buffer.from('\0 ä') };
    expect(heard(core, 'a', { will: nothingWrong })[0]).toMatch(/^connack 0/);
  });
});

describe('DISCONNECT of MQTT 5', () => {
  test('the broker says why it ends a connection', () => {
    const core = new CoreHarness();
    const a = core.connect('a', { version: 5 });
    core.lines();
    a.publish('a/#', 'x');
    expect(core.heard(a)).toEqual(['disconnect 0x90 reasonString=a Topic Name has no wildcards']);
  });

  test('[MQTT5-3.1.4-3] a client whose connection is taken over hears of it, and not from where', () => {
    const core = new CoreHarness();
    const a = core.connect('a', { version: 5 });
    core.lines();
    core.connect('a', { version: 5 });
    expect(core.heard(a)).toEqual(['disconnect 0x8e']);
  });

  test('[MQTT5-3.14.4-3] the will is published unless the Reason Code is 0', () => {
    const core = new CoreHarness();
    const watcher = core.connect('watcher');
    watcher.subscribe(['w', 0]);
    core.connect('a', { version: 5, will: will('w', 'a') }).disconnect(0);
    core.lines();
    core.connect('b', { version: 5, will: will('w', 'b') }).disconnect(0x04);
    core.connect('c', { version: 5, will: will('w', 'c') }).disconnect(0x83);
    expect(core.heard(watcher)).toEqual(['publish w=b q0', 'publish w=c q0']);
  });
});
