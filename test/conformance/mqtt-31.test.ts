// MQTT 3.1: what differs from 3.1.1. Where nothing is tested here, it is as there.
import { describe, expect, test } from '@jest/globals';
import { malformed, refused, withBroker } from '../support/broker-harness.js';
import * as raw from '../clients/raw-packets.js';
import { bytes, field, packet, rawConnect, uint16 } from '../clients/raw-packets.js';

const V31 = { level: 3 } as const;
const SUBSCRIBER = { level: 3, clientId: 'subscriber', clean: false } as const;
const WILL = { topic: 'will', payload: 'I am gone' } as const;

describe('MQTT 3.1: connecting', () => {
  test('[MQTT31-protocol-name-level] MQIsdp at level 3 is accepted', () =>
    withBroker(async (broker) => {
      const client = broker.open();
      client.send('10 0f 00 06 4d 51 49 73 64 70 03 02 00 3c 00 01 61');
      await client.expectBytes('20 02 00 00');
      await client.ping();
      expect(broker.events).toContainEqual(
        expect.objectContaining({ kind: 'client-connected', clientId: 'a', protocolVersion: 3 }),
      );
    }));

  test('[MQTT31-name-level-pair] a protocol name with the level of the other is refused with return code 1, and the connection is closed', () =>
    withBroker(async (broker) => {
      const end = { ...malformed('protocol-version-unsupported'), answer: '20 02 00 01' };
      for (const level of [0, 2, 4, 5, 99])
        await broker.closesAtFirst(`MQIsdp ${level}`, [rawConnect({ name: 'MQIsdp', level })], end);
      await broker.closesAtFirst('MQTT 3', [rawConnect({ name: 'MQTT', level: 3 })], end);
      for (const name of ['MQIsdP', 'MQIsd', 'MQIsdpp']) {
        await broker.closesAtFirst(name, [rawConnect({ name, level: 3 })], malformed('protocol-name-unknown'));
      }
    }));

  test('[MQTT31-bridge-level] the highest bit in the level is refused, for both names', () =>
    withBroker(async (broker) => {
      const end = { ...malformed('protocol-version-unsupported'), answer: '20 02 00 01' };
      await broker.closesAtFirst('MQIsdp', [rawConnect({ name: 'MQIsdp', level: 0x83 })], end);
      await broker.closesAtFirst('MQTT', [rawConnect({ name: 'MQTT', level: 0x84 })], end);
    }));

  test('[MQTT31-client-id-length] identifiers of more than 23 characters are accepted', () =>
    withBroker(async (broker) => {
      for (const length of [1, 23, 24, 1000]) await broker.connect({ ...V31, clientId: 'x'.repeat(length) });
    }));

  test('[MQTT31-client-id-length] a strict broker refuses 3.1 identifiers of more than 23 characters, which are counted as characters, not bytes', () =>
    withBroker(
      async (broker) => {
        await broker.connect({ ...V31, clientId: 'x'.repeat(23) });
        await broker.connect({ ...V31, clientId: 'é'.repeat(23) });
        await broker.connect({ ...V31, clientId: '😀'.repeat(23) });
        const end = refused(2, 'client-identifier-too-long');
        await broker.closesAtFirst('24 characters', [raw.connect({ ...V31, clientId: 'x'.repeat(24) })], end);
        await broker.closesAtFirst('24 long characters', [raw.connect({ ...V31, clientId: '😀'.repeat(24) })], end);
        await broker.connect({ clientId: 'x'.repeat(24) });
      },
      { limits: { strict31ClientId: true } },
    ));

  test('[MQTT31-client-id-empty] a 3.1 client without an identifier is refused with return code 2, also with Clean Session 1', () =>
    withBroker(async (broker) => {
      for (const clean of [true, false]) {
        await broker.closesAtFirst(
          `clean ${clean}`,
          [raw.connect({ ...V31, clientId: '', clean })],
          refused(2, 'client-identifier-empty'),
        );
      }
    }));

  test('[MQTT31-client-id-characters] identifiers of any characters are accepted', () =>
    withBroker(async (broker) => {
      for (const clientId of ['a b', 'a/b', '+#', '$SYS', 'ä€😀', '-_.:'])
        await (await broker.connect({ ...V31, clientId })).ping();
    }));

  test('[MQTT31-connect-flags-reserved-bit] bit 0 of the connect flags is ignored', () =>
    withBroker(async (broker) => {
      const client = broker.open();
      client.send(rawConnect({ level: 3, flags: 0x03 }));
      await client.expectBytes('20 02 00 00');
      await client.ping();
    }));

  test('[MQTT31-will-bits] Will bits without the Will Flag are ignored, and there is no Will', () =>
    withBroker(async (broker) => {
      const watcher = await broker.watcher('watcher', ['#', 0]);
      for (const flags of [0x0a, 0x12, 0x1a, 0x22, 0x3a]) {
        const client = broker.open();
        client.send(rawConnect({ level: 3, flags }));
        await client.expectBytes('20 02 00 00');
        await client.cut();
      }
      await watcher.expectNothing();
    }));

  test('[MQTT31-will-qos-3] Will QoS 3 closes the connection', () =>
    withBroker(async (broker) => {
      const payload = [field('id'), field('will'), field('message')];
      await broker.closesAtFirst('', [rawConnect({ level: 3, flags: 0x1e, payload })], malformed('connect-will-flags'));
    }));

  test('[MQTT31-credentials-left-out] user name and password may be missing behind their flags', () =>
    withBroker(async (broker) => {
      const payloads = {
        neither: [field('id')],
        'no password': [field('id'), field('user')],
        both: [field('id'), field('user'), field('password')],
      };
      for (const [label, payload] of Object.entries(payloads)) {
        const client = broker.open();
        client.send(rawConnect({ level: 3, flags: 0xc2, payload }));
        await broker.settled();
        expect({ label, answer: client.takeUnread() }).toEqual({ label, answer: '20 02 00 00' });
        await client.ping();
      }
      await broker.closesAtFirst(
        'half a user name',
        [rawConnect({ level: 3, flags: 0xc2, payload: [field('id'), '00 05 61'] })],
        malformed('packet-truncated'),
      );
      const more = [field('id'), field('user'), field('password'), field('more')];
      await broker.closesAtFirst(
        'one field more',
        [rawConnect({ level: 3, flags: 0xc2, payload: more })],
        malformed('packet-trailing-bytes'),
      );
      await broker.closesAtFirst(
        'no Will',
        [rawConnect({ level: 3, flags: 0x06, payload: [field('id')] })],
        malformed('packet-truncated'),
      );
    }));

  test('[MQTT31-password-without-user-name] a Password Flag without the User Name Flag closes the connection', () =>
    withBroker(async (broker) => {
      const payload = [field('id'), field('secret')];
      await broker.closesAtFirst(
        '',
        [rawConnect({ level: 3, flags: 0x42, payload })],
        malformed('connect-password-without-user-name'),
      );
    }));

  test('[MQTT31-binary-fields] password and Will message may be any bytes', () =>
    withBroker(async (broker) => {
      const watcher = await broker.watcher('watcher', ['will', 0]);
      const client = await broker.connect({
        ...V31,
        userName: 'user',
        password: bytes('ff 00 c3'),
        will: { topic: 'will', payload: bytes('00 ff 80') },
      });
      await client.cut();
      await watcher.expectBytes(raw.hex(raw.publish({ topic: 'will', payload: bytes('00 ff 80') })));
    }));

  test('[MQTT31-session-present] CONNACK does not report the session, which is resumed nevertheless', () =>
    withBroker(async (broker) => {
      const first = await broker.connect(SUBSCRIBER);
      await first.subscribe(['a', 1]);
      await first.disconnect();
      await (await broker.connect('publisher')).publish({ topic: 'a', payload: 'waiting', qos: 1 });
      const second = broker.open();
      second.send(raw.connect(SUBSCRIBER));
      expect(await second.next('connack')).toEqual({ type: 'connack', sessionPresent: false, code: 0 });
      await second.accept({ payload: 'waiting' });
      await second.disconnect();
      // A client of 3.1.1 resumes the same session, and gets Session Present 1.
      expect((await broker.reconnect({ clientId: 'subscriber', clean: false })).sessionPresent).toBe(true);
    }));

  test('[MQTT31-return-codes] refusals of 3.1 clients have the return codes of 3.1.1', () =>
    withBroker(async (broker) => {
      await broker.closesAtFirst(
        'wrong password',
        [raw.connect({ ...V31, userName: 'refused' })],
        refused(4, 'bad-credentials'),
      );
      await broker.closesAtFirst(
        'not authorised',
        [raw.connect({ ...V31, userName: 'forbidden' })],
        refused(5, 'not-authorized'),
      );
      await broker.closesAtFirst(
        'out of order',
        [raw.connect({ ...V31, userName: 'broken' })],
        refused(3, 'authentication-unavailable'),
      );
    }));

  test('[MQTT31-takeover] a new connection with the same identifier ends the old one, across versions', () =>
    withBroker(async (broker) => {
      for (const [older, newer] of [
        [3, 3],
        [3, 4],
        [4, 3],
      ] as const) {
        const old = await broker.connect({ level: older, clientId: 'same' });
        const next = await broker.connect({ level: newer, clientId: 'same' });
        await broker.expectClosed(old, { reason: 'session-taken-over' }, `${older} and ${newer}`);
        await next.ping();
        await next.disconnect();
      }
    }));

  test('[MQTT31-before-connack] packets that are sent behind CONNECT without waiting are answered', () =>
    withBroker(async (broker) => {
      const client = broker.open();
      client.send(raw.connect(V31), raw.subscribe(1, [['a', 0]]), raw.PINGREQ);
      await client.expectBytes('20 02 00 00 90 03 00 01 00 d0 00');
    }));

  test('[MQTT31-second-connect] a second CONNECT closes the connection', () =>
    withBroker(async (broker) => {
      await broker.closesConnected('', [raw.connect(V31)], { reason: 'protocol-violation' }, V31);
    }));
});

describe('MQTT 3.1: packets and strings', () => {
  test('[MQTT31-flags-unused] unused flag bits are ignored', () =>
    withBroker(async (broker) => {
      const watcher = await broker.watcher('watcher', ['a', 2]);
      const publisher = await broker.connect('publisher');
      for (const flags of [0x01, 0x02, 0x08, 0x0f]) {
        const client = broker.open();
        client.send(rawConnect({ level: 3, firstByte: 0x10 | flags, payload: [field('client')] }));
        await client.expectBytes('20 02 00 00');
        client.send(packet(0xc0 | flags));
        await client.expectBytes('d0 00');
        await client.subscribe(['b', 2]);
        await publisher.publish({ topic: 'b', qos: 1 });
        client.send(packet(0x40 | flags, uint16((await client.expectPublish({ qos: 1 })).packetId)));
        await publisher.publish({ topic: 'b', qos: 2 });
        const { packetId } = await client.expectPublish({ qos: 2 });
        client.send(packet(0x50 | flags, uint16(packetId)));
        expect(await client.next('pubrel')).toEqual({ type: 'pubrel', packetId });
        client.send(packet(0x70 | flags, uint16(packetId)));
        await client.expectNothing();
        client.send(packet(0xe0 | flags));
        await broker.expectClosed(client, { reason: 'client-disconnect' });
      }
      await watcher.expectNothing();
    }));

  test('[MQTT31-dup-on-requests] PUBREL, SUBSCRIBE and UNSUBSCRIBE are accepted with DUP and with the unused bit', () =>
    withBroker(async (broker) => {
      const client = await broker.connect({ ...V31, clientId: 'client' });
      for (const flags of [0x02, 0x03, 0x0a, 0x0b]) {
        client.send(raw.subscribe(1, [['a', 0]], 0x80 | flags));
        await client.expectBytes('90 03 00 01 00');
        client.send(raw.unsubscribe(2, ['a'], 0xa0 | flags));
        await client.expectBytes('b0 02 00 02');
        client.send(raw.publish({ topic: 'a', qos: 2, packetId: 3 }), packet(0x60 | flags, uint16(3)));
        await client.expectBytes('50 02 00 03 70 02 00 03');
      }
    }));

  test('[MQTT31-dup-on-requests] PUBREL, SUBSCRIBE and UNSUBSCRIBE with a QoS other than 1 close the connection', () =>
    withBroker(async (broker) => {
      for (const flags of [0x00, 0x04, 0x06, 0x08]) {
        const end = malformed('fixed-header-flags');
        await broker.closesConnected(`SUBSCRIBE ${flags}`, [raw.subscribe(1, [['a', 0]], 0x80 | flags)], end, V31);
        await broker.closesConnected(`UNSUBSCRIBE ${flags}`, [raw.unsubscribe(1, ['a'], 0xa0 | flags)], end, V31);
        await broker.closesConnected(`PUBREL ${flags}`, [packet(0x60 | flags, uint16(1))], end, V31);
      }
    }));

  test('[MQTT31-dup-at-qos-0] PUBLISH at QoS 0 with DUP is delivered, without DUP', () =>
    withBroker(async (broker) => {
      const watcher = await broker.watcher('watcher', ['a', 0]);
      const client = await broker.connect({ ...V31, clientId: 'client' });
      await client.publish({ topic: 'a', payload: 'x', dup: true });
      await watcher.expectPublish({ payload: 'x', dup: false });
      await client.ping();
    }));

  test('[MQTT31-publish-qos-3] QoS 3 closes the connection', () =>
    withBroker(async (broker) => {
      await broker.closesConnected('', [packet(0x36, field('a'), uint16(1))], malformed('publish-qos-invalid'), V31);
    }));

  test('[MQTT31-remaining-length] a fifth byte of Remaining Length closes the connection', () =>
    withBroker(async (broker) => {
      await broker.closesConnected('', ['c0 80 80 80 80 01'], malformed('remaining-length-too-long'), V31);
    }));

  test('[MQTT31-utf8] strings that are not well-formed UTF-8, or in modified UTF-8, close the connection', () =>
    withBroker(async (broker) => {
      for (const content of ['c0 80', 'ed a0 81 ed b0 80', 'ff', 'c3 28']) {
        const string = field(bytes(content));
        await broker.closesAtFirst(
          `identifier ${content}`,
          [rawConnect({ level: 3, payload: [string] })],
          malformed('utf8-invalid'),
        );
        await broker.closesConnected(`topic ${content}`, [packet(0x30, string)], malformed('utf8-invalid'), V31);
        await broker.closesConnected(
          `filter ${content}`,
          [raw.subscribe(1, [[bytes(content), 0]])],
          malformed('utf8-invalid'),
          V31,
        );
      }
    }));

  test('[MQTT31-null-character] U+0000 closes the connection', () =>
    withBroker(async (broker) => {
      const content = bytes('61 00');
      await broker.closesAtFirst(
        'identifier',
        [rawConnect({ level: 3, payload: [field(content)] })],
        malformed('utf8-null-character'),
      );
      await broker.closesConnected('topic', [packet(0x30, field(content))], malformed('utf8-null-character'), V31);
      await broker.closesConnected('filter', [raw.subscribe(1, [[content, 0]])], malformed('utf8-null-character'), V31);
    }));

  test('[MQTT31-packet-id-zero] Packet Identifier 0 closes the connection', () =>
    withBroker(async (broker) => {
      for (const sent of [
        raw.publish({ topic: 'a', qos: 1, packetId: 0 }),
        raw.subscribe(0, [['a', 0]]),
        raw.unsubscribe(0, ['a']),
      ]) {
        await broker.closesConnected('', [sent], malformed('packet-id-zero'), V31);
      }
    }));
});

describe('MQTT 3.1: publishing and delivery', () => {
  test('[MQTT31-publish-not-authorized] a PUBLISH that is not allowed ends the connection without an acknowledgement', () =>
    withBroker(async (broker) => {
      const watcher = await broker.watcher('watcher', ['closed/#', 2]);
      for (const qos of [0, 1, 2] as const) {
        const sent = raw.publish({ topic: 'closed/a', qos, retain: true, payload: 'x' });
        await broker.closesConnected(
          `QoS ${qos}`,
          [sent],
          { reason: 'not-authorized' },
          { ...V31, userName: 'limited' },
        );
      }
      await watcher.expectNothing();
    }));

  test('[MQTT31-topic-names] names of 16,383 bytes work; wildcards in names and empty names close the connection', () =>
    withBroker(async (broker) => {
      const client = await broker.connect({ ...V31, clientId: 'client' });
      const topic = 'x'.repeat(16_383);
      await client.subscribe([topic, 0]);
      await client.publish({ topic });
      expect((await client.next('publish')).topic).toBe(topic);
      for (const invalid of ['a/+', '#', '']) {
        await broker.closesConnected(
          invalid,
          [raw.publish({ topic: invalid, qos: 1 })],
          { reason: 'topic-name-invalid' },
          V31,
        );
      }
      for (const invalid of ['a#', '#/a', 'a+', '']) {
        await broker.closesConnected(
          invalid,
          [raw.subscribe(1, [[invalid, 1]])],
          { reason: 'topic-filter-invalid' },
          V31,
        );
      }
    }));

  test('[MQTT31-dollar-topics] leading wildcards do not match topics that begin with $', () =>
    withBroker(async (broker) => {
      const client = await broker.connect({ ...V31, clientId: 'client' });
      await client.subscribe(['#', 0], ['+/a', 0]);
      const publisher = await broker.connect({ ...V31, clientId: 'publisher' });
      await publisher.publish({ topic: '$x/a' });
      await client.expectNothing();
      await client.subscribe(['$x/+', 0]);
      await publisher.publish({ topic: '$x/a' });
      await client.expectPublish({ topic: '$x/a' });
    }));

  test('[MQTT31-retained] retained messages have RETAIN for new subscriptions only, and an empty one removes the retained message', () =>
    withBroker(async (broker) => {
      const publisher = await broker.connect({ ...V31, clientId: 'publisher' });
      await publisher.publish({ topic: 'a', payload: 'kept', qos: 1, retain: true });
      const client = await broker.connect({ ...V31, clientId: 'client' });
      await client.subscribe(['a', 1]);
      await client.accept({ payload: 'kept', retain: true });
      await publisher.publish({ topic: 'a', payload: 'live', qos: 1, retain: true });
      await client.accept({ payload: 'live', retain: false });
      await publisher.publish({ topic: 'a', qos: 1, retain: true });
      await client.accept({ payload: '', retain: false });
      await client.subscribe(['a', 1]);
      await client.expectNothing();
    }));

  test('[MQTT31-repeats-on-live-connection] repeats are acknowledged again, and a QoS 2 message is delivered once', () =>
    withBroker(async (broker) => {
      const watcher = await broker.watcher('watcher', ['a', 2]);
      const client = await broker.connect({ ...V31, clientId: 'client' });
      for (const flags of [0x02, 0x0a]) {
        client.send(raw.subscribe(1, [['b', 1]], 0x80 | flags));
        await client.expectBytes('90 03 00 01 01');
      }
      for (const dup of [false, true, true]) {
        client.send(raw.publish({ topic: 'a', payload: 'once', qos: 2, packetId: 2, dup }));
        await client.expectBytes('50 02 00 02');
      }
      for (const flags of [0x02, 0x0a]) {
        client.send(packet(0x60 | flags, uint16(2)));
        await client.expectBytes('70 02 00 02');
      }
      for (const flags of [0x02, 0x0a]) {
        client.send(raw.unsubscribe(3, ['b'], 0xa0 | flags));
        await client.expectBytes('b0 02 00 03');
      }
      await watcher.accept({ payload: 'once' });
      await watcher.expectNothing();
    }));

  test('[MQTT31-repeats-on-live-connection] the broker repeats nothing on a live connection', () =>
    withBroker(async (broker) => {
      const client = await broker.connect(SUBSCRIBER);
      await client.subscribe(['a', 1]);
      await (await broker.connect('publisher')).publish({ topic: 'a', qos: 1 });
      await client.expectPublish({ qos: 1, dup: false });
      await broker.advance(24 * 3600 * 1000);
      await client.expectNothing();
    }));

  test('[MQTT31-repeats-on-reconnect] unacknowledged deliveries are repeated with DUP when the client reconnects', () =>
    withBroker(async (broker) => {
      const first = await broker.connect(SUBSCRIBER);
      await first.subscribe(['a', 2]);
      const publisher = await broker.connect('publisher');
      await publisher.publish({ topic: 'a', payload: 'one', qos: 1 });
      await publisher.publish({ topic: 'a', payload: 'two', qos: 2 });
      const [one, two] = await first.deliveries();
      await first.cut();
      const second = await broker.connect(SUBSCRIBER);
      await second.accept({ payload: 'one', dup: true, packetId: one?.packetId ?? 0 });
      await second.expectPublish({ payload: 'two', dup: true, packetId: two?.packetId ?? 0 });
      second.send(raw.pubrec(two?.packetId ?? 0));
      await second.next('pubrel');
      await second.cut();
      const third = await broker.connect(SUBSCRIBER);
      expect(await third.next('pubrel')).toMatchObject({ packetId: two?.packetId });
      await third.expectNothing();
    }));

  test('[MQTT31-qos-1-duplicate] a QoS 1 message that arrives twice is delivered and acknowledged twice', () =>
    withBroker(async (broker) => {
      const watcher = await broker.watcher('watcher', ['a', 1]);
      const client = await broker.connect({ ...V31, clientId: 'client' });
      for (const dup of [false, true]) {
        client.send(raw.publish({ topic: 'a', payload: 'x', qos: 1, packetId: 4, dup }));
        await client.expectBytes('40 02 00 04');
        await watcher.accept({ payload: 'x', dup: false });
      }
    }));

  test('[MQTT31-versions-together] clients of 3.1 and 3.1.1 exchange messages at every QoS', () =>
    withBroker(async (broker) => {
      const clients = [
        await broker.connect({ level: 3, clientId: 'three' }),
        await broker.connect({ level: 4, clientId: 'four' }),
      ] as const;
      await clients[0].subscribe(['to three', 2]);
      await clients[1].subscribe(['to four', 2]);
      for (const qos of [0, 1, 2] as const) {
        await clients[0].publish({ topic: 'to four', payload: 'x', qos });
        await clients[1].accept({ topic: 'to four', payload: 'x', qos });
        await clients[1].publish({ topic: 'to three', payload: 'x', qos });
        await clients[0].accept({ topic: 'to three', payload: 'x', qos });
      }
    }));
});

describe('MQTT 3.1: subscribing', () => {
  test('[MQTT31-suback-codes] SUBACK has the granted QoS of each filter in order', () =>
    withBroker(async (broker) => {
      const client = await broker.connect(V31);
      expect(await client.subscribe(['a', 2], ['b', 0], ['c', 1])).toEqual([2, 0, 1]);
    }));

  test('[MQTT31-subscribe-not-authorized] a subscription that is not allowed ends the connection, without SUBACK', () =>
    withBroker(async (broker) => {
      const requests = [
        ['open/a', 1],
        ['closed/a', 1],
      ] as const;
      await broker.closesConnected(
        '',
        [raw.subscribe(1, requests)],
        { reason: 'not-authorized' },
        { ...V31, userName: 'limited' },
      );
      expect(broker.events.filter(({ kind }) => kind === 'subscribe-denied')).toHaveLength(1);
    }));

  test('[MQTT31-requested-qos-upper-bits] the upper six bits of the requested QoS are disregarded', () =>
    withBroker(async (broker) => {
      const client = await broker.connect({ ...V31, clientId: 'client' });
      expect(await client.subscribe(['a', 0xfc], ['b', 0x05], ['c', 0x82])).toEqual([0, 1, 2]);
    }));

  test('[MQTT31-requested-qos-3] a requested QoS of 3 with any upper bits closes the connection', () =>
    withBroker(async (broker) => {
      for (const requested of [0x03, 0xff]) {
        await broker.closesConnected(
          '',
          [raw.subscribe(1, [['a', requested]])],
          malformed('subscribe-options-invalid'),
          V31,
        );
      }
    }));

  test('[MQTT31-empty-requests] SUBSCRIBE and UNSUBSCRIBE without a filter close the connection', () =>
    withBroker(async (broker) => {
      await broker.closesConnected('SUBSCRIBE', [packet(0x82, uint16(1))], malformed('subscribe-empty'), V31);
      await broker.closesConnected('UNSUBSCRIBE', [packet(0xa2, uint16(1))], malformed('unsubscribe-empty'), V31);
    }));

  test('[MQTT31-resubscribe] a repeated subscription replaces the first one and gets the retained messages again', () =>
    withBroker(async (broker) => {
      const publisher = await broker.connect('publisher');
      await publisher.publish({ topic: 'a', payload: 'kept', qos: 2, retain: true });
      const client = await broker.connect({ ...V31, clientId: 'client' });
      for (const qos of [2, 0, 1] as const) {
        await client.subscribe(['a', qos]);
        await client.accept({ payload: 'kept', qos, retain: true });
        await publisher.publish({ topic: 'a', payload: 'live', qos: 2 });
        await client.accept({ payload: 'live', qos });
        await client.expectNothing();
      }
    }));
});

describe('MQTT 3.1: ending', () => {
  test('[MQTT31-keep-alive-will] a 3.1 client that is silent for one and a half intervals is disconnected, and its Will is published', () =>
    withBroker(async (broker) => {
      const watcher = await broker.watcher('watcher', ['will', 0]);
      const client = await broker.connect({ ...V31, keepAlive: 2, will: WILL });
      await broker.advance(2_999);
      await client.expectNothing();
      await broker.advance(2);
      await broker.expectClosed(client, { reason: 'keep-alive-timeout' });
      await watcher.expectPublish({ payload: 'I am gone' });
    }));

  test('[MQTT31-disconnect] after DISCONNECT the broker closes the connection and publishes no Will', () =>
    withBroker(async (broker) => {
      const watcher = await broker.watcher('watcher', ['will', 0]);
      const client = await broker.connect({ ...V31, will: WILL });
      client.send(raw.DISCONNECT);
      await broker.expectClosed(client, { reason: 'client-disconnect' });
      await watcher.expectNothing();
    }));

  test('[MQTT31-clean-session] Clean Session 0 keeps the session, and Clean Session 1 drops it at CONNECT and at the end of the connection', () =>
    withBroker(async (broker) => {
      const publisher = await broker.connect('publisher');
      const first = await broker.connect(SUBSCRIBER);
      await first.subscribe(['a', 1]);
      await first.disconnect();
      await publisher.publish({ topic: 'a', payload: 'waiting', qos: 1 });
      const second = await broker.connect(SUBSCRIBER);
      await second.accept({ payload: 'waiting' });
      await second.disconnect();
      await publisher.publish({ topic: 'a', payload: 'dropped', qos: 1 });
      const clean = await broker.connect({ ...SUBSCRIBER, clean: true });
      await clean.expectNothing();
      await clean.subscribe(['a', 1]);
      await clean.disconnect();
      await publisher.publish({ topic: 'a', payload: 'dropped too', qos: 1 });
      await (await broker.connect(SUBSCRIBER)).expectNothing();
    }));
});
