// What a broker that was killed has again when it is back, before anyone can reach it; and that a backlog, however
// long, is handed over in order and is not held in memory. The same at full size, and measured:
// `test/bench/recovery.mjs` and `test/bench/paging.mjs`.
import { describe, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readiness, startProgram } from './hexmq-command.js';
import type { Address } from './packet-socket.js';
import { afterwards, scene } from './program.js';
import type { Program } from './program.js';
import { connected, inLots, StoredClient } from './recovery/stored-client.js';
import type { Publication } from './recovery/stored-client.js';

const LOCALHOST = '127.0.0.1';

function dataDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'hexmq-recovery-'));
  afterwards(() => {
    rmSync(directory, { recursive: true });
  });
  return directory;
}

function startOn(directory: string, port: number, limits: Readonly<Record<string, number>> = {}): Program {
  const env = Object.fromEntries(
    Object.entries(limits).map(([name, value]) => [`HEXMQ_LIMITS_${name}`, String(value)]),
  );
  return startProgram(['--port', String(port), '--storage', 'file', '--data', directory, '--log-level', 'warn'], {
    env,
  });
}

/** Tries from now on until someone accepts. */
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

type Share = 'VmRSS' | 'RssAnon';

/**
 * `VmRSS`: all that is resident. `RssAnon`: without files mapped into memory, which the kernel takes back when it must.
 */
function residentBytes({ pid }: Program, share: Share): number {
  const kilobytes = new RegExp(`^${share}:\\s+(\\d+) kB$`, 'm').exec(
    readFileSync(`/proc/${String(pid)}/status`, 'utf8'),
  )?.[1];
  if (kilobytes === undefined) throw new Error('this system does not say what is resident');
  return Number(kilobytes) * 1024;
}

/** What is resident at most from now on, beyond what is now. */
function watchGrowth(program: Program, share: Share): () => number {
  const before = residentBytes(program, share);
  let most = before;
  const look = (): void => {
    most = Math.max(most, residentBytes(program, share));
  };
  const timer = setInterval(look, 20);
  afterwards(() => {
    clearInterval(timer);
  });
  return () => {
    look();
    return most - before;
  };
}

describe('after a kill', () => {
  const SESSIONS = 2000;
  const QUEUED = 3;
  const RETAINED = 200;
  const commandTopic = (session: number): string => `device/${session}/command`;
  const isReader = (session: number): boolean => session % 20 === 0;

  test('sessions, subscriptions, queues, retained messages and QoS 2 identifiers are there before the port is', () =>
    scene(async () => {
      const directory = dataDirectory();
      const first = startOn(directory, 0);
      const { port } = await readiness(first);
      const address = { host: LOCALHOST, port };

      await inLots(SESSIONS, async (session) => {
        const client = await connected(address, `device-${session}`);
        await client.subscribe(commandTopic(session), 1);
        if (isReader(session)) await client.subscribe('news/+', 2);
        await client.disconnect();
      });
      const gateway = await connected(address, 'gateway');
      const text = (topic: string, payload: string, retain = false): Publication => ({
        topic,
        payload: Buffer.from(payload),
        retain,
      });
      const queued = Array.from({ length: QUEUED * SESSIONS }, (_, i) =>
        text(commandTopic(i % SESSIONS), `command ${Math.floor(i / SESSIONS)}`),
      );
      await gateway.publish([...queued, text('news/today', 'news')]);
      await gateway.publish(Array.from({ length: RETAINED }, (_, i) => text(`state/${i}`, `state ${i}`, true)));
      const once = {
        cmd: 'publish',
        qos: 2,
        messageId: 777,
        topic: commandTopic(0),
        payload: 'once',
        retain: false,
      } as const;
      gateway.send({ ...once, dup: false });
      await gateway.next('pubrec');
      first.kill('SIGKILL');
      expect((await first.end()).stderr).toBe('');

      const second = startOn(directory, port);
      const { refusals } = await firstAccepted(address);
      // Nobody could connect until then, and whoever can finds what was restored last.
      expect(refusals).toBeGreaterThan(0);
      const probe = new StoredClient(address, `device-${SESSIONS - 1}`);
      expect(await probe.connect()).toBe(true);
      expect(await probe.texts(QUEUED)).toEqual(['command 0', 'command 1', 'command 2']);
      await probe.subscribe('state/#', 1);
      const states = await probe.messages(RETAINED);
      expect(
        states.map(({ topic, payload, retain }) => `${topic}: ${payload.toString()}, ${String(retain)}`).sort(),
      ).toEqual(Array.from({ length: RETAINED }, (_, i) => `state/${i}: state ${i}, true`).sort());
      await probe.disconnect();
      await readiness(second);

      const back = new StoredClient(address, 'gateway');
      expect(await back.connect()).toBe(true);
      back.send({ ...once, dup: true });
      await back.next('pubrec');
      back.send({ cmd: 'pubrel', messageId: once.messageId });
      await back.next('pubcomp');
      await back.publish(Array.from({ length: SESSIONS }, (_, session) => text(commandTopic(session), 'live')));

      const wrong: string[] = [];
      await inLots(SESSIONS, async (session) => {
        const client = new StoredClient(address, `device-${session}`);
        const isPresent = await client.connect();
        const expected = [
          ...(session === SESSIONS - 1 ? [] : ['command 0', 'command 1', 'command 2']),
          ...(isReader(session) ? ['news'] : []),
          ...(session === 0 ? ['once'] : []),
          'live',
        ];
        const come = await client.texts(expected.length);
        if (!isPresent || come.join() !== expected.join())
          wrong.push(`device-${session}: ${isPresent ? '' : 'no session, '}${come.join()}`);
        await client.disconnect();
      });
      expect(wrong).toEqual([]);
      second.kill('SIGTERM');
      expect((await second.end()).stderr).toBe('');
    }));
});

describe('a backlog', () => {
  function* numbered(count: number, bytes: number, from = 0): Generator<Publication> {
    for (let number = from; number < from + count; number++) {
      const payload = Buffer.alloc(bytes, number);
      payload.writeUInt32BE(number);
      yield { topic: 'backlog', payload };
    }
  }

  const SESSIONS = 100;
  const EACH = 600;
  const EACH_BYTES = 1000;

  /** Bytes that do not compress: the store is as large as what it was given. */
  function* forEachSession(from: number, to: number): Generator<Publication> {
    for (let number = from; number < to; number++) {
      for (let session = 0; session < SESSIONS; session++) {
        const payload = randomBytes(EACH_BYTES);
        payload.writeUInt32BE(number);
        yield { topic: `backlog/${session}`, payload };
      }
    }
  }

  async function leaveSubscription(address: Address): Promise<void> {
    const reader = await connected(address, 'reader');
    await reader.subscribe('backlog', 1);
    await reader.disconnect();
  }

  /** In order and each once, lot by lot. */
  async function expectNumbered(reader: StoredClient, count: number): Promise<void> {
    for (let from = 0; from < count; from += 1000) {
      const come = await reader.messages(Math.min(1000, count - from));
      expect(come.map(({ payload }) => (payload as Buffer).readUInt32BE())).toEqual(come.map((_, i) => from + i));
    }
  }

  test.each([20, 1000])(
    'of 20,000 messages is handed over in order in a window of %d, and what arrives meanwhile comes behind it',
    (window) =>
      scene(async () => {
        const program = startOn(dataDirectory(), 0, { MAX_INFLIGHT: window });
        const address = await readiness(program);
        await leaveSubscription(address);
        const writer = await connected(address, 'writer');
        await writer.publish([...numbered(20_000, 1000)], 500);

        const reader = await connected(address, 'reader');
        await Promise.all([expectNumbered(reader, 25_000), writer.publish([...numbered(5000, 1000, 20_000)], 20)]);
      }),
  );

  test('of 320 MB is not held in memory, neither as it grows nor as it is handed over', () =>
    scene(async () => {
      const program = startOn(dataDirectory(), 0);
      const address = await readiness(program);
      await leaveSubscription(address);
      const growth = watchGrowth(program, 'RssAnon');
      const writer = await connected(address, 'writer');
      for (let lot = 0; lot < 10; lot++) await writer.publish([...numbered(500, 64_000, lot * 500)], 50);

      const reader = await connected(address, 'reader');
      await expectNumbered(reader, 5000);
      const grown = Math.round(growth() / 1_000_000);
      expect({ grown, isBounded: grown < 250 }).toEqual({ grown, isBounded: true });
    }));

  test(
    'of 60,000 messages for 100 sessions is not held in memory, mapped files included, and each session gets its own in order',
    () =>
      scene(async () => {
        const program = startOn(dataDirectory(), 0);
        const address = await readiness(program);
        const growth = watchGrowth(program, 'VmRSS');
        await inLots(SESSIONS, async (session) => {
          const reader = await connected(address, `reader-${session}`);
          await reader.subscribe(`backlog/${session}`, 1);
          await reader.disconnect();
        });
        const writer = await connected(address, 'writer');
        for (let number = 0; number < EACH; number += 50)
          await writer.publish([...forEachSession(number, number + 50)], 1000);

        const wrong: string[] = [];
        await Promise.all(
          Array.from({ length: SESSIONS }, async (_, session) => {
            const reader = await connected(address, `reader-${session}`);
            const come = await reader.messages(EACH);
            if (come.some(({ payload }, i) => (payload as Buffer).readUInt32BE() !== i)) wrong.push(reader.clientId);
          }),
        );
        expect(wrong).toEqual([]);
        const grown = Math.round(growth() / 1_000_000);
        expect({ grown, isBounded: grown <= 150 }).toEqual({ grown, isBounded: true });
      }),
    60_000,
  );
});
