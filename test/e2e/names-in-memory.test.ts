// Clients that fill the broker's memory with names: long and deep Topic Filters, topics of retained messages, Client
// Identifiers and wills. The heap is small, so that a broker without a bound would end; with the default limits it
// refuses what is too much, serves others meanwhile, and starts again with what it has accepted.
import { describe, expect, test } from '@jest/globals';
import { PINGREQ, connect, publish } from '../clients/raw-packets.js';
import { readiness, startProgram, temporaryDirectory } from './hexmq-command.js';
import { afterwards, scene } from './program.js';
import type { Program } from './program.js';
import { connected, open } from './raw-socket.js';
import type { RawSocketClient } from './raw-socket.js';
import { watchGrowth } from './resident-memory.js';

interface Address {
  readonly host: string;
  readonly port: number;
}

const HEAP_MB = 200;
/** In millions of bytes: the heap, with the chunks and payloads outside of it. */
const GROWTH_MAX = 350;
const FULL = 0x80;
const FILTERS_PER_PACKET = 500;
const TIMEOUT_MS = 120_000;

const numbers = (count: number): readonly number[] => Array.from({ length: count }, (_, i) => i);
const deep = (first: string, last = 'x'): string => [first, ...numbers(254).map(() => 'x'), last].join('/');

function startOn(directory: string): Program {
  const program = startProgram(['--port', '0'], {
    cwd: directory,
    env: { NODE_OPTIONS: `--max-old-space-size=${HEAP_MB}` },
    patienceMs: 60_000,
  });
  afterwards(() => {
    program.kill('SIGKILL');
  });
  return program;
}

/** Floods a broker, which must neither end nor grow much beyond its heap, and starts it again on what it has stored. */
function withSmallHeap(flood: (address: Address, program: Program) => Promise<void>): Promise<void> {
  return scene(async () => {
    const directory = temporaryDirectory();
    const program = startOn(directory);
    const address = await readiness(program);
    const growth = watchGrowth(program, 'RssAnon');
    await flood(address, program);
    await expectServed(address);
    const grown = growth();
    expect({ grown, isBounded: grown < GROWTH_MAX }).toEqual({ grown, isBounded: true });
    program.kill('SIGKILL');
    await program.end();
    await expectServed(await readiness(startOn(directory)));
  });
}

async function expectServed(address: Address): Promise<void> {
  const client = await connected(address, { clientId: 'well-behaved' });
  await client.ping();
  client.send(publish({ topic: 'well-behaved', payload: 'x', qos: 1, packetId: 1 }));
  expect(await client.next('puback')).toMatchObject({ packetId: 1 });
  client.wire.destroy();
}

/** Subscribes to all, in packets of many. @returns how many were granted. */
async function subscribeAll(client: RawSocketClient, filters: readonly string[]): Promise<number> {
  let granted = 0;
  for (let i = 0; i < filters.length; i += FILTERS_PER_PACKET) {
    const requests = filters.slice(i, i + FILTERS_PER_PACKET).map((filter) => [filter, 1] as const);
    const codes = await client.subscribe(...requests);
    expect(codes.every((code) => code === 1 || code === FULL)).toBe(true);
    granted += codes.filter((code) => code === 1).length;
  }
  return granted;
}

const stored = (address: Address, clientId: string): Promise<RawSocketClient> =>
  connected(address, { clientId, clean: false });

/** Publishes retained messages of one byte. */
async function retainAll(address: Address, topics: readonly string[]): Promise<void> {
  const client = await connected(address, { clientId: 'publisher' });
  for (let i = 0; i < topics.length; i += FILTERS_PER_PACKET) {
    const part = topics.slice(i, i + FILTERS_PER_PACKET);
    await client.write(...part.map((topic) => publish({ topic, payload: 'x', retain: true })));
    client.send(PINGREQ);
    await client.next('pingresp');
  }
  client.wire.destroy();
}

describe('names in memory', () => {
  test(
    'Topic Filters of 256 levels from one client after the other are refused when they would take too much memory',
    () =>
      withSmallHeap(async (address, program) => {
        let granted = 0;
        let refused = 0;
        for (const k of numbers(7)) {
          const filters = numbers(6000).map((i) => deep(`${k}.${i}`));
          const ofClient = await subscribeAll(await stored(address, `deep ${k}`), filters);
          granted += ofClient;
          refused += filters.length - ofClient;
          // The limit of one client.
          if (k === 0) expect(ofClient).toBeLessThan(6000);
        }
        expect(granted).toBeGreaterThan(20_000);
        expect(refused).toBeGreaterThan(5_000);
        await program.logs(/"event":"subscribe-denied",.*bytes of memory/);
      }),
    TIMEOUT_MS,
  );

  test(
    'retained messages on topics of 256 levels are not retained when their topics would take too much memory',
    () =>
      withSmallHeap(async (address, program) => {
        await retainAll(
          address,
          numbers(33_000).map((i) => deep(String(i))),
        );
        await program.logs(/"event":"message-dropped","reason":"retained-bytes-full"/);
      }),
    TIMEOUT_MS,
  );

  test(
    'filters that part late, shared ones with long names and wide characters, and retained topics below them are bounded',
    () =>
      withSmallHeap(async (address, program) => {
        for (const k of numbers(8)) {
          const client = await stored(address, `mixed ${k}`);
          await subscribeAll(
            client,
            numbers(2000).map((i) => `$share/${'g'.repeat(200)}${k}/${deep(`${k}.${i >> 1}`, `ā${i & 1}`)}`),
          );
          await subscribeAll(
            client,
            numbers(3000).map((i) => deep(`${k}.${i >> 1}/+`, String(i & 1)).replace('/x', '')),
          );
        }
        await retainAll(
          address,
          numbers(30_000).map((i) => deep(`${i % 8}.${i >> 4}`, `ā${i & 15}`)),
        );
        await program.logs(/"event":"subscribe-denied",.*bytes of memory/);
        await program.logs(/"event":"message-dropped","reason":"retained-bytes-full"/);
      }),
    TIMEOUT_MS,
  );

  test(
    'Client Identifiers and wills are refused when they would take too much memory',
    () =>
      withSmallHeap(async (address, program) => {
        const long = 'y'.repeat(14_000);
        let refused = 0;
        for (const i of numbers(750)) {
          const client = await open(address);
          const will = { topic: `w/${long}`, payload: Buffer.alloc(30_000) };
          client.send(connect({ clientId: `${i}${long}`, clean: false, will }));
          if ((await client.next('connack')).code === 3) refused++;
        }
        expect(refused).toBeGreaterThan(100);
        await program.logs(/"event":"connection-refused",.*"reason":"session-bytes-full"/);
      }),
    TIMEOUT_MS,
  );
});
