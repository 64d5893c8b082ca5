// The built command on a disk that fails, full or damaged: what clients see, what the operator reads, and how the
// broker ends.
import { describe, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { within } from '../clients/within.js';
import { hexmq, readiness, ROOT, startBroker } from './hexmq-command.js';
import { connect } from './mqtt-js.js';
import type { Client } from './mqtt-js.js';
import { afterwards, Program, scene } from './program.js';
import { describeWith } from './tools.js';

const STORED = { clientId: 'away', clean: false } as const;

function newDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'hexmq-e2e-disk-'));
  afterwards(() => {
    rmSync(directory, { recursive: true, force: true });
  });
  return join(directory, 'data');
}

const settings = (directory: string): string[] => ['--port', '0', '--storage', 'file', '--data', directory];

/** Leaves a stored session of an offline client that is subscribed to `t`. */
async function leave(broker: { readonly url: string }): Promise<void> {
  const client = await connect(broker, STORED);
  await client.mqtt.subscribeAsync('t', { qos: 1 });
  await client.mqtt.endAsync();
}

/** Publishes at QoS 1, and watches for the acknowledgement. */
function publish(
  { mqtt }: Client,
  payload: string | Buffer,
): { isAcknowledged: boolean; readonly acknowledged: Promise<void> } {
  const publication = {
    isAcknowledged: false,
    acknowledged: within(
      mqtt.publishAsync('t', payload, { qos: 1 }).then(() => {
        publication.isAcknowledged = true;
      }),
      'a PUBACK',
    ),
  };
  publication.acknowledged.catch(() => undefined);
  return publication;
}

describeWith('prlimit', 'a disk that is full', () => {
  const LIMIT_KIB = 512;
  /** A stop waits ten seconds for storage before it gives up. */
  const PATIENCE_MS = 60_000;

  /** A broker that can write no file larger than the limit, and a function that lifts the limit. */
  async function startLimited(
    directory: string,
  ): Promise<{ url: string; pid: string; program: Program; lift: () => void }> {
    // The process ignores the signal of that limit, which would end it.
    const words = `trap '' XFSZ; ulimit -S -f ${String(LIMIT_KIB)}; echo "pid $$"; exec "$@"`;
    const program = new Program('bash', [
      '-c',
      words,
      'bash',
      process.execPath,
      resolve(ROOT, 'dist/src/cli/main.js'),
      'start',
      ...settings(directory),
    ]);
    const [, pid = ''] = await program.says(/^pid (\d+)$/m);
    const { host, port } = await readiness(program);
    return {
      url: `mqtt://${host}:${String(port)}`,
      pid,
      program,
      lift: () => {
        expect(spawnSync('prlimit', ['--pid', pid, '--fsize=unlimited']).status).toBe(0);
      },
    };
  }

  test('while the disk is full, acknowledgements wait and QoS 0 passes; with space, the broker continues and nothing is lost', () =>
    scene(async () => {
      const directory = newDirectory();
      const broker = await startLimited(directory);
      await leave(broker);
      const publisher = await connect(broker);
      await publish(publisher, 'before').acknowledged;

      const large = randomBytes(2 * LIMIT_KIB * 1024);
      const waiting = [publish(publisher, large), publish(publisher, 'behind it')];
      await broker.program.logs(
        /"event":"storage-failing","operation":"write","error":"no space left for the data directory [^"]+: free some [^"]+","storageErrorKind":"full","attempt":1/,
      );

      // The broker keeps its directory meanwhile.
      for (const command of [['export'], ['start', '--port', '0']]) {
        const { status, stdout, stderr } = await hexmq([...command, '--storage', 'file', '--data', directory]);
        expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
        expect(stderr).toContain(`${directory} is in use by another hexmq`);
        expect(stderr).toContain(`(held by process ${broker.pid} on `);
      }
      const inspected = await hexmq(['inspect', '--storage', 'file', '--data', directory]);
      expect(inspected.stdout).toContain('writes FAIL: no space left for the data directory');
      expect(inspected.status).toBe(0);

      // Clients and messages that need no storage do not wait for it.
      const listener = await connect(broker);
      await listener.mqtt.subscribeAsync('live', { qos: 0 });
      const other = await connect(broker);
      other.mqtt.publish('live', 'still here', { qos: 0 });
      expect(await listener.inbox.texts(1)).toEqual(['still here']);
      expect(waiting.map(({ isAcknowledged }) => isAcknowledged)).toEqual([false, false]);

      broker.lift();
      await Promise.all(waiting.map(({ acknowledged }) => acknowledged));
      // The write was tried several times and logged once.
      const [, attempts] = await broker.program.logs(
        /"event":"storage-recovered","operation":"write","attempts":(\d+)/,
      );
      expect(Number(attempts)).toBeGreaterThanOrEqual(2);
      expect(broker.program.stderr.match(/"event":"storage-failing"/g)).toHaveLength(1);

      // Acknowledged messages are stored: they survive a kill of the broker.
      broker.program.kill('SIGKILL');
      await broker.program.end();
      const next = await startBroker(settings(directory));
      const away = await connect(next, STORED);
      expect(away.connack.sessionPresent).toBe(true);
      const payloads = (await away.inbox.take(3)).map(({ payload }) => Buffer.from(payload as Buffer));
      expect(payloads.map(({ length }) => length)).toEqual([6, large.length, 9]);
      expect(payloads[1]?.equals(large)).toBe(true);
      expect((await next.stop()).status).toBe(0);
      expect(away.inbox.leftOver).toBe(0);
    }));

  test(
    'a broker whose disk stays full stops at SIGTERM without the missing acknowledgements, and logs the reason',
    () =>
      scene(async () => {
        const directory = newDirectory();
        const broker = await startLimited(directory);
        await leave(broker);
        const publisher = await connect(broker);
        await publish(publisher, 'before').acknowledged;
        const waiting = publish(publisher, randomBytes(2 * LIMIT_KIB * 1024));
        await broker.program.logs(/"event":"storage-failing"/);
        broker.program.kill('SIGTERM');
        const { status, stderr } = await broker.program.end();
        expect({ status, isAcknowledged: waiting.isAcknowledged }).toEqual({ status: 0, isAcknowledged: false });
        expect(stderr).toContain('"storageErrorKind":"full"');

        const next = await startBroker(settings(directory));
        const away = await connect(next, STORED);
        expect(await away.inbox.texts(1)).toEqual(['before']);
        expect((await next.stop()).status).toBe(0);
        expect(away.inbox.leftOver).toBe(0);
      }),
    PATIENCE_MS,
  );
});

describe('a data directory that disappears while a broker runs', () => {
  test.each([
    ['removed', /^hexmq: the data directory \S+ was removed or renamed while .*$/m],
    ['without LOCK', /^hexmq: the file LOCK of the data directory \S+ was removed or exchanged while .*$/m],
  ] as const)('which is %s then, ends the broker with status 1, and nothing more is acknowledged', (how, says) =>
    scene(async () => {
      const directory = newDirectory();
      const broker = await startBroker(settings(directory));
      await leave(broker);
      const publisher = await connect(broker);
      await publish(publisher, 'before').acknowledged;
      rmSync(how === 'removed' ? directory : join(directory, 'LOCK'), { recursive: true });
      // What is acknowledged is looked after once a second.
      const end = broker.program.end();
      let last = publish(publisher, 'after');
      const isEnded = end.then(() => true);
      while (!(await Promise.race([isEnded, last.acknowledged.then(() => false)]))) last = publish(publisher, 'after');
      expect(last.isAcknowledged).toBe(false);
      const { status, stderr } = await end;
      expect(status).toBe(1);
      expect(stderr).toContain('"event":"fatal"');
      expect(stderr).toMatch(says);
    }),
  );
});

describe('damaged data of file storage', () => {
  /** A data directory with these messages, whose broker was killed. */
  async function directoryWith(payloads: readonly Buffer[]): Promise<string> {
    const directory = newDirectory();
    const broker = await startBroker(settings(directory));
    await leave(broker);
    const publisher = await connect(broker);
    for (const payload of payloads) await publish(publisher, payload).acknowledged;
    broker.program.kill('SIGKILL');
    await broker.program.end();
    return directory;
  }

  const fileIn = (directory: string, pattern: RegExp): string => {
    const names = readdirSync(directory).filter((name) => pattern.test(name));
    // There may be an empty file beside it.
    const [largest] = names.map((name) => join(directory, name)).sort((a, b) => statSync(b).size - statSync(a).size);
    if (largest === undefined) throw new Error(`${directory} has no ${String(pattern)}`);
    return largest;
  };

  test('a start on damaged data fails with status 1 and one line of advice, and leaves the data as it is', () =>
    scene(async () => {
      const directory = await directoryWith(Array.from({ length: 20 }, () => randomBytes(3000)));
      const log = fileIn(directory, /\.log$/);
      const bytes = readFileSync(log);
      const middle = Math.floor(bytes.length / 2);
      bytes[middle] = (bytes[middle] as number) ^ 1;
      writeFileSync(log, bytes);
      for (let times = 0; times < 2; times++) {
        const { status, stdout, stderr } = await hexmq(['start', ...settings(directory)]);
        expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
        expect(stderr).toMatch(
          /^hexmq: the data in \S+ is damaged: restore a backup, or move the directory away to start with an empty one \(a damaged batch in \d+\.log.*\)\n$/,
        );
        expect(stderr).toContain(directory);
        expect(readFileSync(log).equals(bytes)).toBe(true);
      }
    }));

  test('a broker that reads damaged data while running ends with status 1 and the reason, and delivers none of it', () =>
    scene(async () => {
      const payloads = Array.from({ length: 20 }, () => randomBytes(3000));
      const directory = await directoryWith(payloads);
      // A start moves the log into a table, and does not read queued messages.
      const broker = await startBroker(settings(directory));
      const table = fileIn(directory, /\.ldb$/);
      const bytes = readFileSync(table);
      const at = bytes.indexOf((payloads[7] as Buffer).subarray(100, 200));
      expect(at).toBeGreaterThan(0);
      const file = openSync(table, 'r+');
      writeSync(file, Buffer.of((bytes[at] as number) ^ 1), 0, 1, at);
      closeSync(file);

      const away = await connect(broker, STORED);
      await away.closed;
      const { status, stderr } = await broker.program.end();
      expect(status).toBe(1);
      expect(stderr).toContain('"event":"fatal"');
      expect(stderr).toMatch(/^hexmq: the data in \S+ is damaged: restore a backup, .*$/m);
      expect(away.inbox.leftOver).toBe(0);
    }));
});
