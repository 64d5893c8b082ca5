// What is not allowed, where the limits say that the client goes on: publishes that are ignored, and subscriptions that
// are granted and bring only what the client may receive.
import { describe, expect, test } from '@jest/globals';
import { ALLOW_ALL } from '../../../../src/domain/access/permissions.js';
import { permissionsOf } from '../../../support/access-rules.js';
import { CoreHarness, will } from '../../../support/core-harness.js';

const OPEN = permissionsOf('allow publish,receive open/#');
const IGNORING = { deniedPublish: 'ignore' } as const;
const GRANTING = { deniedSubscription: 'grant' } as const;

describe('a publish that is not allowed and ignored', () => {
  test.each([
    [0, []],
    [1, ['2 < puback 1']],
    [2, ['2 < pubrec 1']],
  ] as const)('at QoS %i it is acknowledged, reported, counted, and reaches no subscriber', (qos, answers) => {
    const core = new CoreHarness(IGNORING);
    core.connect('watcher').subscribe(['#', 2]);
    const client = core.connect('client', { permissions: OPEN });
    core.lines();
    client.publish('closed', 'x', qos, { retain: true, packetId: qos === 0 ? 0 : 1 });
    expect(core.lines()).toEqual(['! publish-denied client closed', ...answers]);
    expect(core.broker.query({ kind: 'counts' })).toMatchObject({
      retainedMessages: 0,
      deliveries: { denied: 1, accepted: 0, started: 0 },
    });
    client.publish('open/x', 'y', 1);
    expect(core.lines().join()).toContain('open/x=y');
  });

  test('its QoS 2 handshake is completed, and its identifier is free for a message that is allowed', () => {
    const core = new CoreHarness(IGNORING);
    const client = core.connectStored('client', { permissions: OPEN });
    client.publish('closed', 'x', 2, { packetId: 7 });
    client.publish('closed', 'x', 2, { packetId: 7, dup: true });
    client.pubrel(7);
    expect(core.heard(client).slice(-3)).toEqual(['pubrec 7', 'pubrec 7', 'pubcomp 7']);
    client.publish('open/x', 'y', 2, { packetId: 7 });
    expect(core.broker.query({ kind: 'counts' }).deliveries).toMatchObject({ accepted: 1, denied: 2 });
  });

  test('a repeat of a QoS 2 message that was allowed at first is acknowledged as that one', () => {
    const core = new CoreHarness(IGNORING);
    const client = core.connectStored('client', { permissions: OPEN });
    client.publish('open/x', 'y', 2, { packetId: 7 });
    client.permit(permissionsOf());
    client.publish('open/x', 'y', 2, { packetId: 7, dup: true });
    client.pubrel(7);
    expect(core.heard(client).slice(-3)).toEqual(['pubrec 7', 'pubrec 7', 'pubcomp 7']);
    expect(core.broker.query({ kind: 'counts' }).deliveries.accepted).toBe(1);
  });

  test('a topic that no rule can allow is ignored as well', () => {
    const core = new CoreHarness(IGNORING);
    const client = core.connect('client', { permissions: ALLOW_ALL });
    client.publish('$SYS/x', 'y', 1, { packetId: 1 });
    expect(core.heard(client).at(-1)).toBe('puback 1');
  });

  test('a will that is not allowed is dropped at CONNECT, is not stored, and is published neither later nor after a crash', () => {
    const core = new CoreHarness(IGNORING);
    core.connect('watcher').subscribe(['#', 0]);
    const client = core.connectStored('client', { permissions: OPEN, will: will('closed', 'gone') });
    const lines = core.lines();
    expect(lines).toContainEqual(expect.stringContaining('connack 0'));
    expect(lines.filter((line) => line.includes('will') || line.includes('denied'))).toEqual([
      '! publish-denied client closed',
    ]);
    client.permit(ALLOW_ALL);
    client.lose();
    expect(core.lines().join()).not.toContain('closed=gone');
    expect(core.broker.query({ kind: 'counts' }).deliveries.denied).toBe(1);
  });

  test('a will that the limits do not allow still refuses the CONNECT', () => {
    const core = new CoreHarness({ ...IGNORING, maxQos: 0 });
    const client = core.open();
    client.connect('client', { will: will('open/x', 'gone', { qos: 1 }) });
    client.allow(OPEN);
    expect(core.heard(client).at(-1)).toBe('connack 5');
  });
});

describe('a subscription that is not allowed and granted', () => {
  test('it is granted, and brings live and retained messages that the client may receive, and no others', () => {
    const core = new CoreHarness(GRANTING);
    const publisher = core.connect('publisher');
    for (const topic of ['open/kept', 'closed/kept']) publisher.publish(topic, 'k', 0, { retain: true });
    const client = core.connect('client', { permissions: OPEN });
    client.subscribe(['closed/#', 1], ['#', 0]);
    for (const topic of ['open/live', 'closed/live']) publisher.publish(topic, 'l', 0);
    const heard = core.heard(client);
    expect(heard).toContainEqual(expect.stringMatching(/^suback \d+ 1,0$/));
    expect(heard.filter((line) => line.startsWith('publish'))).toEqual([
      expect.stringContaining('open/kept=k'),
      expect.stringContaining('open/live=l'),
    ]);
  });

  test('it brings what is allowed later', () => {
    const core = new CoreHarness(GRANTING);
    const client = core.connect('client', { permissions: permissionsOf() });
    client.subscribe(['closed/#', 0]);
    const publisher = core.connect('publisher');
    publisher.publish('closed/1', 'x', 0);
    client.permit(ALLOW_ALL);
    publisher.publish('closed/2', 'x', 0);
    expect(core.heard(client).filter((line) => line.startsWith('publish'))).toEqual([
      expect.stringContaining('closed/2=x'),
    ]);
  });

  test('it is refused if a rule denies to subscribe and not to receive, because delivery would not filter it', () => {
    const core = new CoreHarness(GRANTING);
    const client = core.connect('client', {
      permissions: permissionsOf('deny subscribe open/a', 'allow receive open/#'),
    });
    client.subscribe(['open/a', 0], ['open/b', 0], ['closed', 0]);
    expect(core.heard(client)).toContainEqual(expect.stringMatching(/^suback \d+ 128,0,0$/));
  });
});
