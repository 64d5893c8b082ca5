// Clients that misbehave: they send without reading, stop in the middle, ask for too much or vanish. They harm only
// themselves: in each test the broker serves a well-behaved client beside them all the time.
import { describe, expect, test } from '@jest/globals';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PINGREQ, connect, publish, subscribe } from '../clients/raw-packets.js';
import { within } from '../clients/within.js';
import { temporaryDirectory, withBroker } from './hexmq-command.js';
import type { RunningBroker } from './hexmq-command.js';
import { withListeners } from './listeners.js';
import { connect as connectMqttJs } from './mqtt-js.js';
import type { Client } from './mqtt-js.js';
import { connected, open, untilNotRead } from './raw-socket.js';
import type { RawSocketClient } from './raw-socket.js';
import { describeWith } from './tools.js';

const MEGABYTE = Buffer.alloc(1024 * 1024);

/** Publishes to itself at every QoS. */
async function expectServed({ mqtt, inbox }: Client): Promise<void> {
  await mqtt.subscribeAsync('well-behaved', { qos: 2 });
  for (const qos of [0, 1, 2] as const) {
    await mqtt.publishAsync('well-behaved', `at QoS ${qos}`, { qos });
    expect(await inbox.texts(1)).toEqual([`at QoS ${qos}`]);
  }
}

/** A subscriber that has stopped reading. */
async function deafSubscriber(broker: RunningBroker, topic: string, qos: 0 | 1 | 2): Promise<RawSocketClient> {
  const client = await connected(broker, { clientId: `deaf at ${qos}` });
  await client.subscribe([topic, qos]);
  client.wire.pause();
  return client;
}

function destroy(clients: readonly RawSocketClient[]): void {
  for (const { wire } of clients) wire.destroy();
}

describe('a well-behaved client beside misbehaving clients', () => {
  test('a client is served beside a thousand connections that send nothing or a part of a CONNECT', () =>
    withBroker(async (broker) => {
      const wellBehaved = await connectMqttJs(broker);
      const silent = await Promise.all(Array.from({ length: 1000 }, () => open(broker)));
      for (const client of silent.slice(500)) client.send(connect({ clientId: 'incomplete' }).subarray(0, 9));
      await expectServed(wellBehaved);
      destroy(silent);
      await expectServed(wellBehaved);
    }));

  test('a client that sends its packets byte by byte is served like any other', () =>
    withBroker(async (broker) => {
      const wellBehaved = await connectMqttJs(broker);
      const slow = await open(broker);
      slow.socket.setNoDelay(true);
      const packets = [
        connect({ clientId: 'slow' }),
        publish({ topic: 'some/topic', payload: 'payload', qos: 1, packetId: 258 }),
      ];
      for (const byte of Buffer.concat(packets)) await slow.write(Uint8Array.of(byte));
      await slow.next('connack');
      expect((await slow.next('puback')).packetId).toBe(258);
      await expectServed(wellBehaved);
    }));

  test('a client is served beside subscribers at each QoS that do not read the large messages they asked for', () =>
    withBroker(async (broker) => {
      const wellBehaved = await connectMqttJs(broker);
      const publisher = await connected(broker, { clientId: 'publisher' });
      const deaf: RawSocketClient[] = [];
      for (const qos of [0, 1, 2] as const) {
        const topic = `flood/${qos}`;
        deaf.push(await deafSubscriber(broker, topic, qos));
        for (let packetId = 1; packetId <= 40; packetId++)
          await publisher.write(publish({ topic, payload: MEGABYTE, qos, packetId }));
        publisher.send(PINGREQ);
        await publisher.first('pingresp');
        await expectServed(wellBehaved);
      }
      // Messages that fit neither into the output buffer at QoS 0 nor into the queue above it are dropped and logged.
      for (const reason of ['slow-consumer', 'queue-bytes-full'])
        await broker.program.logs(new RegExp(`"event":"message-dropped","reason":"${reason}"`));
      destroy(deaf);
    }));

  test('the broker stops reading a client that publishes at QoS 1 and reads no PUBACK, until that client reads again', () =>
    withBroker(async (broker) => {
      const wellBehaved = await connectMqttJs(broker);
      const greedy = await connected(broker, { clientId: 'greedy' });
      greedy.wire.pause();
      const packets = Buffer.concat(
        Array.from({ length: 2000 }, (_, i) => publish({ topic: 't', payload: 'x', qos: 1, packetId: i + 1 })),
      );
      let taken = 0;
      let isFlooding = true;
      const flood = async (): Promise<void> => {
        while (isFlooding && taken < 100_000_000) {
          await greedy.write(packets);
          taken += packets.length;
        }
      };
      const flooded = flood();
      await untilNotRead(
        () => taken,
        () => expectServed(wellBehaved),
      );
      expect(taken).toBeLessThan(100_000_000);

      isFlooding = false;
      greedy.wire.resume();
      await flooded;
      greedy.send(subscribe(1, [['again', 0]]));
      await greedy.first('suback');
    }));

  test('the wills of clients that reset their connections in the middle of a packet are published', () =>
    withBroker(async (broker) => {
      const wellBehaved = await connectMqttJs(broker);
      await wellBehaved.mqtt.subscribeAsync('will/+', { qos: 1 });
      const names = Array.from({ length: 100 }, (_, i) => `c${i}`);
      const large = publish({ topic: 'cut/off', payload: MEGABYTE, qos: 2, packetId: 7 });
      for (const [i, clientId] of names.entries()) {
        const will = { topic: `will/${clientId}`, payload: clientId, qos: 1 } as const;
        const client = await connected(broker, { clientId, will });
        await client.write(large.subarray(0, 1000 + i));
        client.socket.resetAndDestroy();
      }
      expect((await wellBehaved.inbox.texts(names.length)).sort()).toEqual(names.sort());
      await expectServed(wellBehaved);
    }));

  test('a client that ends its side of the connection at once still gets the answers to what it sent', () =>
    withBroker(async (broker) => {
      const wellBehaved = await connectMqttJs(broker);
      const hasty = await open(broker);
      hasty.send(connect({ clientId: 'hasty' }), publish({ topic: 't', payload: 'x', qos: 1, packetId: 5 }));
      hasty.wire.end();
      await hasty.next('connack');
      await hasty.next('puback');
      await hasty.gone();
      await expectServed(wellBehaved);
    }));

  test('a client may subscribe to ten thousand topics in one packet', () =>
    withBroker(async (broker) => {
      const wellBehaved = await connectMqttJs(broker);
      const client = await connected(broker, { clientId: 'collector' });
      const requests = Array.from({ length: 10_000 }, (_, i) => [`topic/${i}/+`, 1] as const);
      expect(await client.subscribe(...requests)).toEqual(requests.map(() => 1));
      client.send(publish({ topic: 'topic/9999/x', payload: 'x' }));
      expect((await client.next('publish')).topic).toBe('topic/9999/x');
      await expectServed(wellBehaved);
    }));

  test('topics of 256 levels are accepted, and topics of 257 levels end the connection', () =>
    withBroker(async (broker) => {
      const wellBehaved = await connectMqttJs(broker);
      const deep = `a${'/a'.repeat(255)}`;
      const client = await connected(broker, { clientId: 'deep' });
      await client.subscribe([deep, 0], [`${'+/'.repeat(255)}#`, 0]);
      client.send(publish({ topic: deep, payload: 'x' }));
      expect((await client.next('publish')).topic).toBe(deep);
      for (const packet of [publish({ topic: `${deep}/a`, payload: 'x', qos: 1 }), subscribe(1, [[`${deep}/a`, 0]])]) {
        const other = await connected(broker, { clientId: 'deeper' });
        other.send(packet);
        await other.gone();
      }
      await expectServed(wellBehaved);
    }));

  test('topics with colliding hashes and filters like expensive regular expressions do not slow the broker down', () =>
    withBroker(async (broker) => {
      const wellBehaved = await connectMqttJs(broker);
      const client = await connected(broker, { clientId: 'colliding' });
      // V8 hashes short numbers to themselves: these have the bits in common that choose the bucket of a hash table.
      const colliding = Array.from({ length: 4000 }, (_, i) => String((i + 1) * 2048));
      client.send(...colliding.map((number) => publish({ topic: `number/${number}`, payload: 'x', retain: true })));
      await client.subscribe(...colliding.map((number) => [`number/${number}/+`, 0] as const));
      const nested = `${'+/'.repeat(100)}a`;
      await client.subscribe([nested, 0], [`(${'(a*)*'.repeat(50)})*$/#`, 0], [`${'a/+/'.repeat(60)}b`, 0]);
      client.send(
        publish({ topic: `${'a/'.repeat(200)}!`, payload: 'x' }),
        publish({ topic: 'number/2048/x', payload: 'x' }),
      );
      expect((await client.next('publish')).topic).toBe('number/2048/x');
      await expectServed(wellBehaved);
    }));

  test('a Remaining Length beyond what the client may send ends the connection before the broker waits for the body', () =>
    withBroker(async (broker) => {
      const wellBehaved = await connectMqttJs(broker);
      const huge = Uint8Array.of(0xff, 0xff, 0xff, 0x7f);
      for (const header of [
        Uint8Array.of(0x10, ...huge),
        Uint8Array.of(0x10, 0x80, 0xc0, 0x06),
        Uint8Array.of(0x10, 0xff, 0xff, 0xff, 0xff),
      ]) {
        const unauthenticated = await open(broker);
        unauthenticated.send(header);
        await unauthenticated.gone();
      }
      const publisher = await connected(broker, { clientId: 'publisher' });
      // A PUBLISH may announce as much as this, even if the rest never comes. A SUBSCRIBE may not.
      publisher.send(0x30, huge, Buffer.alloc(10));
      const subscriber = await connected(broker, { clientId: 'subscriber' });
      subscriber.send(0x82, huge);
      await subscriber.gone();
      await expectServed(wellBehaved);
      destroy([publisher]);
    }));

  test('a subscriber gets ten thousand retained messages beside subscribers that do not read theirs', () =>
    withBroker(async (broker) => {
      const wellBehaved = await connectMqttJs(broker);
      const client = await connected(broker, { clientId: 'reader' });
      const topics = Array.from({ length: 10_000 }, (_, i) => `kept/${i}`);
      client.send(...topics.map((topic) => publish({ topic, payload: 'x', retain: true })));
      const deaf = await Promise.all(([0, 1, 2] as const).map((qos) => deafSubscriber(broker, '#', qos)));
      await client.subscribe(['kept/+', 0]);
      for (const topic of topics) expect((await client.next('publish')).topic).toBe(topic);
      await expectServed(wellBehaved);
      destroy(deaf);
    }));
});

function withLimits(
  limits: Readonly<Record<string, number>>,
  body: (broker: RunningBroker) => Promise<void>,
): Promise<void> {
  return withBroker(body, () => {
    const file = join(temporaryDirectory(), 'limits.yaml');
    writeFileSync(
      file,
      JSON.stringify({ listeners: [{ type: 'tcp', port: 0 }], storage: { adapter: 'memory' }, limits }),
    );
    return ['--config', file];
  });
}

const openMany = (broker: RunningBroker, count: number): Promise<RawSocketClient[]> =>
  Promise.all(Array.from({ length: count }, () => open(broker)));

describe('the limits of a broker', () => {
  test('connections of one address beyond the limit are closed, and new ones are accepted when others have ended', () =>
    withLimits({ maxConnectionsPerAddress: 5 }, async (broker) => {
      const wellBehaved = await connectMqttJs(broker);
      const accepted = await openMany(broker, 4);
      const refused = await openMany(broker, 20);
      await Promise.all(refused.map((client) => client.gone()));
      await broker.program.logs(/"event":"connection-refused",.*"reason":"too-many-connections-of-address"/);
      await expectServed(wellBehaved);
      destroy(accepted);
      await broker.program.logs(/"event":"connection-ended",.*"reason":"connection-lost"/);
      await untilAccepted(broker);
      await expectServed(wellBehaved);
    }));

  test('a flood of connections beyond the rate limit neither harms connected clients nor locks out later ones', () =>
    withLimits({ maxConnectRatePerAddress: 20 }, async (broker) => {
      const wellBehaved = await connectMqttJs(broker);
      const flood = await openMany(broker, 500);
      await broker.program.logs(/"event":"connection-refused",.*"reason":"connect-rate-of-address"/);
      await expectServed(wellBehaved);
      destroy(flood);
      await untilAccepted(broker);
      await expectServed(wellBehaved);
    }));

  test('connections that send nothing are closed beyond the limit of pending connections', () =>
    withLimits({ maxPendingConnections: 10 }, async (broker) => {
      const wellBehaved = await connectMqttJs(broker);
      const silent = await openMany(broker, 100);
      await broker.program.logs(/"event":"connection-refused",.*"reason":"too-many-pending-connections"/);
      await expectServed(wellBehaved);
      destroy(silent);
      await untilAccepted(broker);
    }));

  test('a client that publishes faster than the limit is read more slowly, loses nothing and delays no other client', () =>
    withLimits({ maxPublishRate: 400 }, async (broker) => {
      const wellBehaved = await connectMqttJs(broker);
      const subscriber = await connected(broker, { clientId: 'subscriber' });
      await subscriber.subscribe(['fast', 0]);
      const fast = await connected(broker, { clientId: 'fast' });
      const payloads = Array.from({ length: 1000 }, (_, i) => String(i));
      fast.send(...payloads.map((payload) => publish({ topic: 'fast', payload })), PINGREQ);
      await expectServed(wellBehaved);
      for (const payload of payloads) expect((await subscriber.next('publish')).payload).toBe(payload);
      await fast.next('pingresp');
      await expectServed(wellBehaved);
    }));

  test('connections with the oldest incomplete packets are closed when incomplete packets exceed their limit', () =>
    withLimits({ maxIncompleteBytes: 8 * MEGABYTE.length }, async (broker) => {
      const wellBehaved = await connectMqttJs(broker);
      const incomplete: RawSocketClient[] = [];
      const large = publish({ topic: 't', payload: Buffer.concat([MEGABYTE, MEGABYTE]) });
      for (let i = 0; i < 20; i++) {
        const client = await connected(broker, { clientId: `incomplete ${i}` });
        await client.write(large.subarray(0, MEGABYTE.length));
        incomplete.push(client);
      }
      await Promise.all(incomplete.slice(0, 10).map((client) => client.gone()));
      await broker.program.logs(/"event":"connection-ended",.*"reason":"incomplete-packets"/);
      await expectServed(wellBehaved);
      destroy(incomplete);
    }));

  test('subscriptions beyond the limit of a client are refused one by one', () =>
    withLimits({ maxSubscriptionsPerClient: 1000 }, async (broker) => {
      const wellBehaved = await connectMqttJs(broker);
      const client = await connected(broker, { clientId: 'collector' });
      const requests = Array.from({ length: 1500 }, (_, i) => [`topic/${i}`, 0] as const);
      expect(await client.subscribe(...requests)).toEqual(requests.map((_, i) => (i < 1000 ? 0 : 0x80)));
      await expectServed(wellBehaved);
    }));
});

/** Attempts before a broker counts as one that accepts no client, and the pause between two of them. */
const ATTEMPTS_MAX = 100;
const ATTEMPT_INTERVAL_MS = 50;

/** Repeats an attempt to connect, as clients do, until the broker accepts it. */
async function retried<T>(attempt: () => Promise<T>): Promise<T> {
  for (let attempts = 1; ; attempts++) {
    try {
      return await attempt();
    } catch (error) {
      if (attempts === ATTEMPTS_MAX) throw error;
      await new Promise((resolve) => setTimeout(resolve, ATTEMPT_INTERVAL_MS));
    }
  }
}

const untilAccepted = (broker: RunningBroker): Promise<RawSocketClient> =>
  retried(() => connected(broker, { clientId: 'later client' }));

test('SIGTERM ends the broker with status 0 while clients flood it and do not read', () =>
  withBroker(async (broker) => {
    for (const qos of [0, 1, 2] as const) await deafSubscriber(broker, 'flood', qos);
    await open(broker);
    const publisher = await connected(broker, { clientId: 'publisher' });
    for (let packetId = 1; packetId <= 20; packetId++)
      await publisher.write(publish({ topic: 'flood', payload: MEGABYTE, qos: 2, packetId }));
    // `withBroker` stops the broker and checks its status.
  }));

// It needs certificates.
describeWith('openssl', 'TLS handshakes and the limit of pending connections', () => {
  test('TLS connections without a handshake are closed beyond the limit, and new ones are accepted when others have ended', () =>
    withListeners(
      async ({ addresses, authority, program }) => {
        const tls = { url: `mqtts://${addresses.tls}` };
        const ca = readFileSync(authority.cert);
        const wellBehaved = await connectMqttJs(tls, { ca });
        const [host = '', port = ''] = addresses.tls.split(':');
        let gone = 0;
        let allClosed = (): void => undefined;
        const closed = new Promise<void>((resolve) => (allClosed = resolve));
        const silent = await Promise.all(
          Array.from({ length: 200 }, async () => {
            const client = await open({ host, port: Number(port) });
            client.wire.onClosed(() => {
              if (++gone === 190) allClosed();
            });
            return client;
          }),
        );
        await program.logs(/"event":"connection-refused",.*"reason":"too-many-pending-connections"/);
        await within(closed, '190 of 200 silent connections to be closed');
        await expectServed(wellBehaved);
        expect(gone).toBe(190);
        await expect(connectMqttJs(tls, { ca })).rejects.toThrow();
        await expect(connectMqttJs({ url: `mqtt://${addresses.tcp}` })).rejects.toThrow();
        destroy(silent);
        await program.logs(/"event":"handshake-failed",.*"reason":"tls","detail":"the peer closed the connection"/);
        await expectServed(await retried(() => connectMqttJs(tls, { ca })));
      },
      { maxPendingConnections: 10, connectTimeoutMs: 60_000 },
    ));
});
