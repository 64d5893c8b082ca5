// What clients that take nothing make the broker hold, seen from outside: the resident memory of the process stays near
// the limit, however many such clients there are, and a client that keeps up gets everything.
import { expect, test } from '@jest/globals';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { once } from 'node:events';
import { connect as connectSocket } from 'node:net';
import type { Socket } from 'node:net';
import { PINGREQ, connect, publish } from '../clients/raw-packets.js';
import { within } from '../clients/within.js';
import { startProgram, temporaryDirectory, withBroker } from './hexmq-command.js';
import type { RunningBroker } from './hexmq-command.js';
import { connect as connectMqttJs } from './mqtt-js.js';
import { connected } from './raw-socket.js';
import { afterwards, scene } from './program.js';
import type { RawSocketClient } from './raw-socket.js';
import { fragment, UPGRADE } from './partial-websocket.js';

const MIB = 1024 * 1024;
const LIMIT_BYTES = 32 * MIB;
/** What the heap and the allocator add: garbage that is not collected yet, and pages that are not given back. */
const SLACK_BYTES = 96 * MIB;

/** The resident memory of the broker. */
function residentBytes({ program }: Pick<RunningBroker, 'program'>): number {
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${program.pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes) * 1024;
}

function configuration(type: 'tcp' | 'ws', limits: Readonly<Record<string, number>>): string {
  const file = join(temporaryDirectory(), 'hexmq.json');
  writeFileSync(file, JSON.stringify({ listeners: [{ type, port: 0 }], storage: { adapter: 'memory' }, limits }));
  return file;
}

function withLimit(body: (broker: RunningBroker) => Promise<void>): Promise<void> {
  return withBroker(body, () => {
    const file = join(temporaryDirectory(), 'hexmq.json');
    const limits = { maxWaitingBytes: LIMIT_BYTES };
    writeFileSync(
      file,
      JSON.stringify({ listeners: [{ type: 'tcp', port: 0 }], storage: { adapter: 'memory' }, limits }),
    );
    return ['--config', file];
  });
}

async function subscribers(
  broker: RunningBroker,
  count: number,
  qos: 0 | 1,
  prepare: (client: RawSocketClient) => void,
): Promise<void> {
  for (let i = 0; i < count; i++) {
    const client = await connected(broker, { clientId: `subscriber-${i}` });
    await client.subscribe(['t', qos]);
    prepare(client);
  }
}

test('a hundred clients that read and acknowledge nothing hold no more than the limit, and cost others no message', () =>
  withLimit(async (broker) => {
    // What has been read is of no interest here.
    await subscribers(broker, 100, 1, ({ socket }) => {
      socket.removeAllListeners('data');
      socket.resume();
    });
    const prompt = await connectMqttJs(broker);
    await prompt.mqtt.subscribeAsync('t', { qos: 1 });
    const publisher = await connected(broker, { clientId: 'publisher' });
    const before = residentBytes(broker);
    let most = before;
    for (let batch = 0; batch < 100; batch++) {
      const packets = Array.from({ length: 300 }, (_, i) =>
        publish({ topic: 't', payload: '', qos: 1, packetId: i + 1 }),
      );
      await publisher.write(...packets);
      expect(await prompt.inbox.texts(300)).toHaveLength(300);
      most = Math.max(most, residentBytes(broker));
    }
    expect(most - before).toBeLessThan(LIMIT_BYTES + SLACK_BYTES);
    await broker.program.logs(/"event":"message-dropped","reason":"memory-full"/);
  }));

test('forty clients that do not read what they get at QoS 0 hold no more than the limit', () =>
  withLimit(async (broker) => {
    await subscribers(broker, 40, 0, ({ wire }) => {
      wire.pause();
    });
    const publisher = await connected(broker, { clientId: 'publisher' });
    const payload = Buffer.alloc(10_000);
    const before = residentBytes(broker);
    let most = before;
    for (let batch = 0; batch < 20; batch++) {
      await publisher.write(...Array.from({ length: 75 }, () => publish({ topic: 't', payload })), PINGREQ);
      await publisher.first('pingresp');
      most = Math.max(most, residentBytes(broker));
    }
    expect(most - before).toBeLessThan(LIMIT_BYTES + SLACK_BYTES);
    await broker.program.logs(/"event":"message-dropped","reason":"memory-full"/);
  }));

const written = (socket: Socket, bytes: Buffer): Promise<void> =>
  new Promise((resolve) => {
    socket.write(bytes, () => {
      resolve();
    });
  });

test(
  'WebSocket messages that never end are counted like packets over TCP',
  () =>
    scene(async () => {
      const file = configuration('ws', { maxIncompleteBytes: LIMIT_BYTES });
      const program = startProgram(['--config', file]);
      afterwards(() => {
        program.kill('SIGKILL');
      });
      const [, port] = await program.says(/\bhexmq \S+ ready: ws [\d.]+:(\d+), /m);
      const before = residentBytes({ program });
      let most = before;
      const piece = Buffer.alloc(65_535);
      const head = publish({ topic: 't', payload: Buffer.alloc(200 * MIB) }).subarray(0, 100);
      for (let i = 0; i < 8; i++) {
        const socket = connectSocket({ host: '127.0.0.1', port: Number(port) });
        afterwards(() => {
          socket.destroy();
        });
        socket.on('error', () => undefined);
        await written(socket, Buffer.from(UPGRADE));
        await within(once(socket, 'data'), 'the upgrade');
        await written(socket, fragment(Buffer.concat([connect({ clientId: `c${i}` }), head]), true));
        await within(once(socket, 'data'), 'CONNACK');
        socket.resume();
        for (let sent = 0; sent < 50 * MIB && !socket.destroyed; sent += piece.length)
          await written(socket, fragment(piece, false));
        most = Math.max(most, residentBytes({ program }));
      }
      // 300 MiB were sent. Large buffers are given back to the system later than small ones.
      expect(most - before).toBeLessThan(LIMIT_BYTES + 2 * SLACK_BYTES);
      await program.logs(/"event":"connection-ended",.*"reason":"incomplete-packets"/);
    }),
  60_000,
);
