// Recovery after a kill: everything that was stored is restored before the port opens. And backlogs: however long they
// are, they are delivered in order and not held in memory. The same at full size, and measured:
// `test/bench/recovery.mjs` and `test/bench/paging.mjs`.
import { describe, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { createConnection } from 'node:net';
import { Inbox } from '../clients/inbox.js';
import { MqttClient } from '../clients/mqtt-client.js';
import type { Message } from '../clients/mqtt-client.js';
import type { Address } from '../clients/packet-socket.js';
import { publish, pubrel } from '../clients/raw-packets.js';
import { readiness, startProgram, temporaryDirectory } from './hexmq-command.js';
import { scene } from './program.js';
import type { Program } from './program.js';
import { watchGrowth } from './resident-memory.js';
import { connected, reconnected } from './raw-socket.js';

const LOCALHOST = '127.0.0.1';

/** Work on connections that is under way at a time. */
const CONCURRENCY = 50;

function startOn(directory: string, port: number, limits: Readonly<Record<string, number>> = {}): Program {
  const env = Object.fromEntries(
    Object.entries(limits).map(([name, value]) => [`HEXMQ_LIMITS_${name}`, String(value)]),
  );
  return startProgram(['--port', String(port), '--storage', 'file', '--data', directory, '--log-level', 'warn'], {
    env,
  });
}

/** Connects again and again until the port accepts. */
async function firstAccepted(address: Address): Promise<{ readonly refusals: number }> {
  for (let refusals = 0; ; refusals++) {
    const isOpen = await new Promise<boolean>((resolve) => {
      const socket = createConnection(address);
      socket.once('connect', () => {
        socket.destroy();
        resolve(true);
      });
      socket.once('error', () => {
        resolve(false);
      });
    });
    if (isOpen) return { refusals };
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** Does the work for each number below `count`, `CONCURRENCY` at a time. */
async function forEachNumber(count: number, work: (number: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
}

/** A client with a stored session, which fails the test if Session Present is wrong. */
class StoredClient {
  readonly inbox = new Inbox();
  readonly mqtt: MqttClient;
  readonly #faults: string[] = [];

  constructor(
    clientId: string,
    readonly address: Address,
    window = 200,
  ) {
    this.mqtt = new MqttClient(clientId, window);
    this.mqtt.onMessage = (packet) => {
      this.inbox.put(packet);
    };
    this.mqtt.onFault = (fault) => this.#faults.push(fault);
  }

  async connect(): Promise<this> {
    await this.mqtt.connect(this.address);
    expect(this.#faults).toEqual([]);
    return this;
  }
}

const connectStored = (clientId: string, address: Address, window?: number): Promise<StoredClient> =>
  new StoredClient(clientId, address, window).connect();

const message = (topic: string, payload: string, retain = false): Message => ({
  topic,
  payload: Buffer.from(payload),
  qos: 1,
  retain,
});

describe('recovery after a kill', () => {
  const SESSIONS = 2000;
  const QUEUED = 3;
  const RETAINED = 200;
  const commandTopic = (session: number): string => `device/${session}/command`;
  const readsNews = (session: number): boolean => session % 20 === 0;
  const commands = Array.from({ length: QUEUED }, (_, i) => `command ${i}`);
  const once = { topic: commandTopic(0), payload: 'once', qos: 2, packetId: 777 } as const;
  const ONCE_PUBLISHER = { clientId: 'publisher of once', clean: false } as const;

  /** Every kind of stored state: the devices are offline, with messages in their queues. */
  async function leaveState(address: Address, devices: readonly StoredClient[]): Promise<void> {
    await forEachNumber(SESSIONS, async (session) => {
      const { mqtt } = await (devices[session] as StoredClient).connect();
      await mqtt.subscribe(commandTopic(session), 1);
      if (readsNews(session)) await mqtt.subscribe('news/+', 2);
      await mqtt.disconnect();
    });
    const { mqtt } = await connectStored('gateway', address);
    await mqtt.publishAll(
      commands.flatMap((command) => devices.map((_, session) => message(commandTopic(session), command))),
    );
    await mqtt.publishAll([message('news/today', 'news')]);
    await mqtt.publishAll(Array.from({ length: RETAINED }, (_, i) => message(`state/${i}`, `state ${i}`, true)));
    const publisher = await connected(address, ONCE_PUBLISHER);
    publisher.send(publish(once));
    await publisher.next('pubrec');
  }

  /** The last device has its queued messages, and the retained messages are complete. */
  async function expectComplete({ mqtt, inbox }: StoredClient): Promise<void> {
    expect(await inbox.texts(QUEUED)).toEqual(commands);
    await mqtt.subscribe('state/#', 1);
    const states = await inbox.take(RETAINED);
    expect(
      states.map(({ topic, payload, retain }) => `${topic}: ${payload.toString()}, ${String(retain)}`).sort(),
    ).toEqual(Array.from({ length: RETAINED }, (_, i) => `state/${i}: state ${i}, true`).sort());
    await mqtt.disconnect();
  }

  /** Repeats the QoS 2 message, which the broker may not deliver a second time. */
  async function completeOnce(address: Address): Promise<void> {
    const { client, sessionPresent } = await reconnected(address, ONCE_PUBLISHER);
    expect(sessionPresent).toBe(true);
    client.send(publish({ ...once, dup: true }));
    await client.next('pubrec');
    client.send(pubrel(once.packetId));
    expect((await client.next('pubcomp')).packetId).toBe(once.packetId);
  }

  /** Returns the devices that did not get exactly their messages, each with the messages it got. */
  async function wrongDevices(devices: readonly StoredClient[], complete: StoredClient): Promise<string[]> {
    const wrong: string[] = [];
    await forEachNumber(SESSIONS, async (session) => {
      const device = devices[session] as StoredClient;
      await device.connect();
      const expected = [
        ...(device === complete ? [] : commands),
        ...(readsNews(session) ? ['news'] : []),
        ...(session === 0 ? ['once'] : []),
        'live',
      ];
      const received = await device.inbox.texts(expected.length);
      if (received.join() !== expected.join()) wrong.push(`${device.mqtt.clientId}: ${received.join()}`);
      await device.mqtt.disconnect();
    });
    return wrong;
  }

  test('sessions, subscriptions, queues, retained messages and QoS 2 identifiers are restored before the port opens', () =>
    scene(async () => {
      const directory = temporaryDirectory();
      const first = startOn(directory, 0);
      const address = { host: LOCALHOST, port: (await readiness(first)).port };
      const devices = Array.from({ length: SESSIONS }, (_, i) => new StoredClient(`device-${i}`, address));
      await leaveState(address, devices);
      first.kill('SIGKILL');
      expect((await first.end()).stderr).toBe('');

      const second = startOn(directory, address.port);
      expect((await firstAccepted(address)).refusals).toBeGreaterThan(0);
      const last = await (devices.at(-1) as StoredClient).connect();
      await expectComplete(last);
      await readiness(second);
      await completeOnce(address);
      const { mqtt } = await connectStored('another gateway', address);
      await mqtt.publishAll(devices.map((_, session) => message(commandTopic(session), 'live')));
      expect(await wrongDevices(devices, last)).toEqual([]);
      second.kill('SIGTERM');
      expect((await second.end()).stderr).toBe('');
    }));
});

describe('delivery of a backlog', () => {
  const SESSIONS = 100;
  const EACH = 600;
  const EACH_BYTES = 1000;

  function* numbered(count: number, bytes: number, from = 0): Generator<Message> {
    for (let number = from; number < from + count; number++) {
      const payload = Buffer.alloc(bytes, number);
      payload.writeUInt32BE(number);
      yield { topic: 'backlog', payload, qos: 1 };
    }
  }

  /** Bytes that do not compress, so that the store is as large as the messages. */
  function* forEachSession(count: number): Generator<Message> {
    for (let number = 0; number < count; number++) {
      for (let session = 0; session < SESSIONS; session++) {
        const payload = randomBytes(EACH_BYTES);
        payload.writeUInt32BE(number);
        yield { topic: `backlog/${session}`, payload, qos: 1 };
      }
    }
  }

  async function leaveReader(address: Address, clientId = 'reader', topic = 'backlog'): Promise<StoredClient> {
    const reader = await connectStored(clientId, address);
    await reader.mqtt.subscribe(topic, 1);
    await reader.mqtt.disconnect();
    return reader;
  }

  const numberOf = ({ payload }: { readonly payload: string | Buffer }): number => (payload as Buffer).readUInt32BE();

  /** The messages in order and each once, up to a thousand at a time. */
  async function expectNumbered({ inbox }: StoredClient, count: number): Promise<void> {
    for (let from = 0; from < count; from += 1000) {
      const messages = await inbox.take(Math.min(1000, count - from));
      expect(messages.map(numberOf)).toEqual(messages.map((_, i) => from + i));
    }
  }

  test.each([20, 1000])(
    'a backlog of 20,000 messages is delivered in order with a window of %d, and new messages arrive behind it',
    (window) =>
      scene(async () => {
        const program = startOn(temporaryDirectory(), 0, { MAX_INFLIGHT: window });
        const address = await readiness(program);
        const reader = await leaveReader(address);
        const { mqtt } = await connectStored('writer', address, 500);
        await mqtt.publishAll(numbered(20_000, 1000));

        await reader.connect();
        const { mqtt: other } = await connectStored('other writer', address, 20);
        await Promise.all([expectNumbered(reader, 25_000), other.publishAll(numbered(5000, 1000, 20_000))]);
      }),
  );

  test('a backlog of 320 MB is not held in memory, neither while it grows nor while it is delivered', () =>
    scene(async () => {
      const program = startOn(temporaryDirectory(), 0);
      const address = await readiness(program);
      const reader = await leaveReader(address);
      const growth = watchGrowth(program, 'RssAnon');
      const { mqtt } = await connectStored('writer', address, 50);
      await mqtt.publishAll(numbered(5000, 64_000));

      await reader.connect();
      await expectNumbered(reader, 5000);
      const grown = growth();
      expect({ grown, isBounded: grown < 250 }).toEqual({ grown, isBounded: true });
    }));

  test(
    'backlogs of 60,000 messages for 100 sessions take no memory, mapped files included, and each is delivered in order',
    () =>
      scene(async () => {
        const program = startOn(temporaryDirectory(), 0);
        const address = await readiness(program);
        const growth = watchGrowth(program, 'VmRSS');
        const readers: StoredClient[] = [];
        for (let session = 0; session < SESSIONS; session++)
          readers.push(await leaveReader(address, `reader-${session}`, `backlog/${session}`));
        const { mqtt } = await connectStored('writer', address, 1000);
        await mqtt.publishAll(forEachSession(EACH));

        const wrong: string[] = [];
        await Promise.all(
          readers.map(async (reader) => {
            await reader.connect();
            const messages = await reader.inbox.take(EACH);
            if (messages.some((each, i) => numberOf(each) !== i)) wrong.push(reader.mqtt.clientId);
          }),
        );
        expect(wrong).toEqual([]);
        const grown = growth();
        expect({ grown, isBounded: grown <= 150 }).toEqual({ grown, isBounded: true });
      }),
    60_000,
  );
});
