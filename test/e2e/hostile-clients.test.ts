// Clients that misbehave: they send without reading, stop in the middle, ask for too much or vanish. Whatever they do
// is their own loss: in each test a decent client beside them is served all the while.
import { describe, expect, test } from '@jest/globals';
import { temporaryDirectory, withBroker } from './hexmq-command.js';
import type { RunningBroker } from './hexmq-command.js';
import {
  connected,
  connect,
  CONNACK,
  open,
  PINGREQ,
  PINGRESP,
  PUBACK,
  PUBLISH,
  publish,
  SUBACK,
  subscribe,
  topicOf,
} from './hostile-sockets.js';
import type { HostileClient } from './hostile-sockets.js';
import { withListeners } from './listeners.js';
import { connect as connectDecent } from './mqtt-js.js';
import { within } from './program.js';
import { describeWith } from './tools.js';
import type { Client } from './mqtt-js.js';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const MEGABYTE = Buffer.alloc(1024 * 1024);

/** At every QoS, there and back. */
async function expectServed({ mqtt, inbox }: Client): Promise<void> {
  await mqtt.subscribeAsync('decent', { qos: 2 });
  for (const qos of [0, 1, 2] as const) {
    await mqtt.publishAsync('decent', `at QoS ${qos}`, { qos });
    expect(await inbox.texts(1)).toEqual([`at QoS ${qos}`]);
  }
}

/** A subscriber that reads no more. */
async function deafSubscriber(broker: RunningBroker, topic: string, qos: 0 | 1 | 2): Promise<HostileClient> {
  const client = await connected(broker, { clientId: `deaf at ${qos}` });
  await client.send(subscribe([topic], qos));
  await client.next(SUBACK);
  client.socket.pause();
  return client;
}

function destroy(clients: readonly HostileClient[]): void {
  for (const { socket } of clients) socket.destroy();
}

describe('a decent client is served beside', () => {
  test('a thousand connections that say nothing, or half a CONNECT', () =>
    withBroker(async (broker) => {
      const decent = await connectDecent(broker);
      const silent = await Promise.all(Array.from({ length: 1000 }, () => open(broker)));
      for (const client of silent.slice(500)) await client.send(connect({ clientId: 'half' }).subarray(0, 9));
      await expectServed(decent);
      destroy(silent);
      await expectServed(decent);
    }));

  test('a client that sends its packets byte by byte, which is served as well', () =>
    withBroker(async (broker) => {
      const decent = await connectDecent(broker);
      const slow = (await open(broker)).read();
      slow.socket.setNoDelay(true);
      for (const byte of Buffer.concat([connect({ clientId: 'slow' }), publish('some/topic', 'payload', 1, 258)]))
        await slow.send(Uint8Array.of(byte));
      await slow.next(CONNACK);
      expect((await slow.next(PUBACK)).body).toEqual(Buffer.from([1, 2]));
      await expectServed(decent);
    }));

  test('subscribers at each QoS that do not read the large messages they asked for', () =>
    withBroker(async (broker) => {
      const decent = await connectDecent(broker);
      const publisher = await connected(broker, { clientId: 'publisher' });
      const deaf: HostileClient[] = [];
      for (const qos of [0, 1, 2] as const) {
        deaf.push(await deafSubscriber(broker, `flood/${qos}`, qos));
        for (let id = 1; id <= 40; id++) await publisher.send(publish(`flood/${qos}`, MEGABYTE, qos, id));
        await publisher.send(PINGREQ);
        await publisher.next(PINGRESP);
        await expectServed(decent);
      }
      // What does not fit into the buffer at QoS 0, or into the queue above it, is dropped, and said.
      for (const reason of ['slow-consumer', 'queue-bytes-full'])
        await broker.program.logs(new RegExp(`"event":"message-dropped","reason":"${reason}"`));
      destroy(deaf);
    }));

  test('one that publishes at QoS 1 without end and reads no PUBACK: it is not read either, until it reads', () =>
    withBroker(async (broker) => {
      const decent = await connectDecent(broker);
      const greedy = await connected(broker, { clientId: 'greedy' });
      greedy.socket.pause();
      const packets = Buffer.concat(Array.from({ length: 2000 }, (_, i) => publish('t', 'x', 1, i + 1)));
      let sent = 0;
      // Half a second without a byte taken: the way to the broker is full.
      while (
        await Promise.race([
          greedy.send(packets).then(() => true),
          new Promise<false>((resolve) => setTimeout(resolve, 500, false)),
        ])
      ) {
        sent += packets.length;
        if (sent > 100_000_000) throw new Error('the broker takes whatever comes');
      }
      await expectServed(decent);
      greedy.socket.resume();
      await greedy.send(subscribe(['again']));
      await greedy.next(SUBACK);
      destroy([greedy]);
    }));

  test('clients that reset the connection in the middle of a packet, whose wills are published', () =>
    withBroker(async (broker) => {
      const decent = await connectDecent(broker);
      await decent.mqtt.subscribeAsync('will/+', { qos: 1 });
      const names = Array.from({ length: 100 }, (_, i) => `c${i}`);
      for (const clientId of names) {
        const client = await connected(broker, { clientId, will: `will/${clientId}` });
        await client.send(publish('half/way', MEGABYTE, 2, 7).subarray(0, 1000), Buffer.alloc(clientId.length));
        client.socket.resetAndDestroy();
      }
      expect((await decent.inbox.texts(names.length)).sort()).toEqual(names.sort());
      await expectServed(decent);
    }));

  test('one that ends its side at once, which still gets the answers it has earned', () =>
    withBroker(async (broker) => {
      const decent = await connectDecent(broker);
      const hasty = (await open(broker)).read();
      hasty.socket.end(Buffer.concat([connect({ clientId: 'hasty' }), publish('t', 'x', 1, 5)]));
      await hasty.next(CONNACK);
      await hasty.next(PUBACK);
      await hasty.gone();
      await expectServed(decent);
    }));

  test('one that subscribes to ten thousand topics in one packet', () =>
    withBroker(async (broker) => {
      const decent = await connectDecent(broker);
      const client = await connected(broker, { clientId: 'collector' });
      await client.send(
        subscribe(
          Array.from({ length: 10_000 }, (_, i) => `topic/${i}/+`),
          1,
        ),
      );
      expect((await client.next(SUBACK)).body).toEqual(Buffer.from([0, 1, ...Array<number>(10_000).fill(1)]));
      await client.send(publish('topic/9999/x', 'x'));
      expect(topicOf(await client.next(PUBLISH))).toBe('topic/9999/x');
      await expectServed(decent);
    }));

  test('topics of 256 levels, which are taken, and of 257, which are not', () =>
    withBroker(async (broker) => {
      const decent = await connectDecent(broker);
      const deep = `a${'/a'.repeat(255)}`;
      const client = await connected(broker, { clientId: 'deep' });
      await client.send(subscribe([deep, `${'+/'.repeat(255)}#`], 0), publish(deep, 'x'));
      expect(topicOf(await client.next(PUBLISH))).toBe(deep);
      for (const packet of [publish(`${deep}/a`, 'x', 1), subscribe([`${deep}/a`])]) {
        const other = await connected(broker, { clientId: 'deeper' });
        await other.send(packet);
        await other.gone();
      }
      await expectServed(decent);
    }));

  test('topics that would all fall into one place of a table by their numbers, and filters that would make a regular expression despair', () =>
    withBroker(async (broker) => {
      const decent = await connectDecent(broker);
      const client = await connected(broker, { clientId: 'colliding' });
      // Short numbers are hashed to themselves by V8: these agree in the bits that choose a place.
      const colliding = Array.from({ length: 4000 }, (_, i) => String((i + 1) * 2048));
      await client.send(...colliding.map((number) => publish(`number/${number}`, 'x', 0, 0, true)));
      await client.send(subscribe(colliding.map((number) => `number/${number}/+`)));
      await client.next(SUBACK);
      const nested = `${'+/'.repeat(100)}a`;
      await client.send(subscribe([nested, `(${'(a*)*'.repeat(50)})*$/#`, `${'a/+/'.repeat(60)}b`]));
      await client.next(SUBACK);
      await client.send(publish(`${'a/'.repeat(200)}!`, 'x'), publish('number/2048/x', 'x'));
      expect(topicOf(await client.next(PUBLISH))).toBe('number/2048/x');
      await expectServed(decent);
    }));

  test('lengths that are larger than any packet, or than a stranger may send, which are cut off before a byte of the body is waited for', () =>
    withBroker(async (broker) => {
      const decent = await connectDecent(broker);
      const huge = Uint8Array.of(0xff, 0xff, 0xff, 0x7f);
      for (const header of [
        Uint8Array.of(0x10, ...huge),
        Uint8Array.of(0x10, 0x80, 0xc0, 0x06),
        Uint8Array.of(0x10, 0xff, 0xff, 0xff, 0xff),
      ]) {
        const stranger = (await open(broker)).read();
        await stranger.send(header);
        await stranger.gone();
      }
      const client = await connected(broker, { clientId: 'lists' });
      // As much as a PUBLISH may announce, and nothing comes of it; a SUBSCRIBE may not.
      await client.send(Uint8Array.of(0x30, ...huge), Buffer.alloc(10));
      const other = await connected(broker, { clientId: 'list' });
      await other.send(Uint8Array.of(0x82, ...huge));
      await other.gone();
      await expectServed(decent);
      destroy([client]);
    }));

  test('subscribers to ten thousand retained messages, of whom one reads them and the others do not', () =>
    withBroker(async (broker) => {
      const decent = await connectDecent(broker);
      const client = await connected(broker, { clientId: 'keeper' });
      const topics = Array.from({ length: 10_000 }, (_, i) => `kept/${i}`);
      await client.send(...topics.map((topic) => publish(topic, 'x', 0, 0, true)));
      const deaf = await Promise.all(([0, 1, 2] as const).map((qos) => deafSubscriber(broker, '#', qos)));
      await client.send(subscribe(['kept/+']));
      for (const topic of topics) expect(topicOf(await client.next(PUBLISH))).toBe(topic);
      await expectServed(decent);
      destroy(deaf);
    }));
});

function configured(limits: Readonly<Record<string, number>>): readonly string[] {
  const file = join(temporaryDirectory(), 'limits.yaml');
  writeFileSync(
    file,
    JSON.stringify({ listeners: [{ type: 'tcp', port: 0 }], storage: { adapter: 'memory' }, limits }),
  );
  return ['--config', file];
}

describe('by its limits a broker bounds', () => {
  test('the connections of one address: those beyond it are closed unheard, and there is room again when others go', () =>
    withLimits({ maxConnectionsPerAddress: 5 }, async (broker) => {
      const decent = await connectDecent(broker);
      const crowd = await Promise.all(Array.from({ length: 4 }, () => open(broker)));
      const extra = await Promise.all(Array.from({ length: 20 }, async () => (await open(broker)).read()));
      await Promise.all(extra.map((client) => client.gone()));
      await broker.program.logs(/"event":"connection-refused",.*"reason":"too-many-connections-of-address"/);
      await expectServed(decent);
      destroy(crowd);
      await broker.program.logs(/"event":"connection-ended",.*"reason":"connection-lost"/);
      await untilAccepted(broker);
      await expectServed(decent);
    }));

  test('a flood of connections: the decent client that is there goes on, and the next one gets in when the rate allows', () =>
    withLimits({ maxConnectRatePerAddress: 20 }, async (broker) => {
      const decent = await connectDecent(broker);
      const flood = await Promise.all(Array.from({ length: 500 }, async () => (await open(broker)).read()));
      await broker.program.logs(/"event":"connection-refused",.*"reason":"connect-rate-of-address"/);
      await expectServed(decent);
      destroy(flood);
      await untilAccepted(broker);
      await expectServed(decent);
    }));

  test('connections that say nothing', () =>
    withLimits({ maxPendingConnections: 10 }, async (broker) => {
      const decent = await connectDecent(broker);
      const silent = await Promise.all(Array.from({ length: 100 }, async () => (await open(broker)).read()));
      await broker.program.logs(/"event":"connection-refused",.*"reason":"too-many-pending-connections"/);
      await expectServed(decent);
      destroy(silent);
      await untilAccepted(broker);
    }));

  test('how fast one client publishes, by reading it slower: nothing is lost, and others are not held up', () =>
    withLimits({ maxPublishRate: 400 }, async (broker) => {
      const decent = await connectDecent(broker);
      const subscriber = await connected(broker, { clientId: 'subscriber' });
      await subscriber.send(subscribe(['fast']));
      await subscriber.next(SUBACK);
      const fast = await connected(broker, { clientId: 'fast' });
      await fast.send(...Array.from({ length: 1000 }, (_, i) => publish('fast', String(i))), PINGREQ);
      await expectServed(decent);
      for (let i = 0; i < 1000; i++)
        expect((await subscriber.next(PUBLISH)).body.subarray(6).toString()).toBe(String(i));
      await fast.next(PINGRESP);
      await expectServed(decent);
    }));

  test('what halves of packets take: those that began first go', () =>
    withLimits({ maxIncompleteBytes: 8 * MEGABYTE.length }, async (broker) => {
      const decent = await connectDecent(broker);
      const halves: HostileClient[] = [];
      for (let i = 0; i < 20; i++) {
        const client = await connected(broker, { clientId: `half ${i}` });
        await client.send(publish('t', Buffer.concat([MEGABYTE, MEGABYTE])).subarray(0, MEGABYTE.length));
        halves.push(client);
      }
      await Promise.all(halves.slice(0, 10).map((client) => client.gone()));
      await broker.program.logs(/"event":"connection-ended",.*"reason":"incomplete-packets"/);
      await expectServed(decent);
      destroy(halves);
    }));

  test('subscriptions: those beyond the number are refused one by one', () =>
    withLimits({ maxSubscriptionsPerClient: 1000 }, async (broker) => {
      const decent = await connectDecent(broker);
      const client = await connected(broker, { clientId: 'collector' });
      await client.send(subscribe(Array.from({ length: 1500 }, (_, i) => `topic/${i}`)));
      expect((await client.next(SUBACK)).body).toEqual(
        Buffer.from([0, 1, ...Array<number>(1000).fill(0), ...Array<number>(500).fill(0x80)]),
      );
      await expectServed(decent);
    }));
});

function withLimits(
  limits: Readonly<Record<string, number>>,
  body: (broker: RunningBroker) => Promise<void>,
): Promise<void> {
  return withBroker(body, () => configured(limits));
}

/** Until a new client gets in; it tries again as clients do. */
async function untilAccepted(broker: RunningBroker): Promise<void> {
  for (;;) {
    const client = (await open(broker)).read();
    await client.send(connect({ clientId: 'newcomer' }));
    try {
      await client.next(CONNACK);
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

async function untilIn(attempt: () => Promise<Client>): Promise<Client> {
  for (let attempts = 1; ; attempts++) {
    try {
      return await attempt();
    } catch (error) {
      if (attempts === 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

test('SIGTERM ends the broker with status 0 while clients flood it and do not read', () =>
  withBroker(async (broker) => {
    for (const qos of [0, 1, 2] as const) await deafSubscriber(broker, 'flood', qos);
    await open(broker);
    const publisher = await connected(broker, { clientId: 'publisher' });
    for (let id = 1; id <= 20; id++) await publisher.send(publish('flood', MEGABYTE, 2, id));
    // `withBroker` stops it and looks at its status.
  }));

// It needs certificates.
describeWith('openssl', 'TLS handshakes and the limit of pending connections', () => {
  test('TLS handshakes that never begin are closed beyond the limit before any work is done for them, and there is room when others go', () =>
    withListeners(
      async ({ addresses, authority, program }) => {
        const tls = { url: `mqtts://${addresses.tls}` };
        const ca = readFileSync(authority.cert);
        const decent = await connectDecent(tls, { ca });
        const [host = '', port = ''] = addresses.tls.split(':');
        let gone = 0;
        let allClosed = (): void => undefined;
        const closed = new Promise<void>((resolve) => (allClosed = resolve));
        const silent = await Promise.all(
          Array.from({ length: 200 }, async () => {
            const client = (await open({ host, port: Number(port) })).read();
            void client.closed.then(() => {
              if (++gone === 190) allClosed();
            });
            return client;
          }),
        );
        await program.logs(/"event":"connection-refused",.*"reason":"too-many-pending-connections"/);
        await within(closed, '190 of 200 silent connections to be closed');
        await expectServed(decent);
        expect(gone).toBe(190);
        await expect(connectDecent(tls, { ca })).rejects.toThrow();
        await expect(connectDecent({ url: `mqtt://${addresses.tcp}` })).rejects.toThrow();
        destroy(silent);
        await program.logs(/"event":"handshake-failed",.*"reason":"tls","detail":"the peer closed the connection"/);
        await expectServed(await untilIn(() => connectDecent(tls, { ca })));
      },
      { maxPendingConnections: 10, connectTimeoutMs: 60_000 },
    ));
});
