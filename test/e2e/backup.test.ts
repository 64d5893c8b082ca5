// Backups of a broker under load: it is killed, its backup imported, another broker started on that, and everything
// that was acknowledged before the backup began is there, as of one moment. A backup that was cut off is refused.
import { afterAll, describe, expect, test } from '@jest/globals';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MqttClient } from 'mqtt';
import { startBroker, temporaryDirectory } from './hexmq-command.js';
import type { RunningBroker } from './hexmq-command.js';
import { KINDS, describeKinds, done, refused, server, storeOf, totalsOf } from './migrate/stores.js';
import type { Store } from './migrate/stores.js';
import { connect } from './mqtt-js.js';
import { afterwards, scene } from './program.js';

const PATIENCE_MS = 180_000;
const WRITERS = 3;
const AT_ONCE = 20;
/** Of each writer, before the backup begins. */
const BEFORE = 200;
const READERS = ['offline-1', 'offline-2'] as const;

afterAll(() => server?.stop());

/** Where the data has no directory, the socket is beside the PID file. */
async function startWide({ config }: Store): Promise<RunningBroker> {
  const broker = await startBroker(['--port', '0', '--config', config, '--pid-file', `${config}.pid`], {
    env: { HEXMQ_LIMITS_WILL_GRACE_AFTER_RESTART_MS: '0', HEXMQ_LIMITS_MAX_QUEUE_SIZE: '1000000' },
  });
  afterwards(() => {
    broker.program.kill('SIGKILL');
  });
  return broker;
}

/** Publishes numbered messages at QoS 1 and 2, some retained, and others at QoS 0 between them. */
class Writer {
  /** Every number below has been acknowledged. */
  acknowledged = 0;
  #next = 0;
  #isStopped = false;
  readonly #done = new Set<number>();

  constructor(
    readonly name: string,
    readonly mqtt: MqttClient,
  ) {}

  async run(): Promise<void> {
    await Promise.all(Array.from({ length: AT_ONCE }, () => this.#publishOn()));
  }

  stop(): void {
    this.#isStopped = true;
  }

  async #publishOn(): Promise<void> {
    while (!this.#isStopped) {
      const n = this.#next++;
      const payload = `${n} ${'x'.repeat(n % 40)}`;
      this.mqtt.publish(`load/${this.name}`, 'at most once', { qos: 0 });
      await this.mqtt.publishAsync(`load/${this.name}`, payload, { qos: n % 2 === 0 ? 1 : 2, retain: n % 10 === 0 });
      this.#done.add(n);
      while (this.#done.delete(this.acknowledged)) this.acknowledged++;
    }
  }
}

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));

/** @returns how many messages of each writer had been acknowledged when the backup began. */
async function backedUpUnderLoad(source: Store, file: string): Promise<number[]> {
  const broker = await startWide(source);
  for (const clientId of READERS) {
    const { mqtt } = await connect(broker, { clientId, clean: false });
    await mqtt.subscribeAsync('load/#', { qos: 2 });
    await mqtt.endAsync();
  }
  const will = { topic: 'will', payload: Buffer.from('gone'), qos: 1, retain: true } as const;
  await connect(broker, { clientId: 'connected', clean: false, will });
  const writers: Writer[] = [];
  for (let i = 0; i < WRITERS; i++) writers.push(new Writer(String(i), (await connect(broker)).mqtt));
  // Until the broker is killed; what is under way then is never answered.
  for (const writer of writers) writer.run().catch(() => undefined);
  while (writers.some(({ acknowledged }) => acknowledged < BEFORE)) await pause();
  const atBegin = writers.map(({ acknowledged }) => acknowledged);
  const place = source.kind === 'file' ? ['--config', source.config] : ['--socket', `${source.config}.admin.sock`];
  await done(['backup', ...place, file]);
  broker.program.kill('SIGKILL');
  for (const writer of writers) writer.stop();
  await broker.program.end();
  return atBegin;
}

/** The numbers that a reader gets of each writer, sorted: its client hands on a QoS 2 message with PUBREL. */
async function received(broker: RunningBroker, clientId: string, count: number): Promise<number[][]> {
  const { mqtt, inbox, connack } = await connect(broker, { clientId, clean: false });
  expect(connack.sessionPresent).toBe(true);
  const numbers: number[][] = Array.from({ length: WRITERS }, () => []);
  for (let i = 0; i < count; i++) {
    const [packet] = await inbox.take(1);
    const { topic = '', payload = '' } = packet ?? {};
    numbers[Number(topic.slice('load/'.length))]?.push(parseInt(payload.toString(), 10));
  }
  await mqtt.endAsync();
  return numbers.map((each) => each.sort((a, b) => a - b));
}

for (const kind of KINDS)
  describeKinds([kind], `a backup of a broker under load, on ${kind} storage`, () => {
    test(
      'has everything that was acknowledged before it began, as of one moment, and is refused when cut off',
      () =>
        scene(async () => {
          const directory = temporaryDirectory();
          const source = storeOf(kind, directory, 'source');
          const target = storeOf(kind, directory, 'target');
          const file = join(directory, 'backup.ndjson');
          const atBegin = await backedUpUnderLoad(source, file);
          expect(statSync(file).mode & 0o777).toBe(0o600);
          expect(existsSync(`${file}.partial`)).toBe(false);

          const cut = join(directory, 'cut.ndjson');
          const whole = readFileSync(file);
          writeFileSync(cut, whole.subarray(0, whole.lastIndexOf('\n', whole.byteLength - 2) + 1));
          expect(await refused(['import', '--config', target.config, '--input', cut])).toMatch(/end/);
          expect(await target.isThere()).toBe(false);

          await done(['import', '--config', target.config, '--input', file]);
          const { queuedMessages } = (await totalsOf(target)) as { readonly queuedMessages: number };
          expect(queuedMessages % 2).toBe(0);
          const broker = await startWide(target);
          const [first, second] = [
            await received(broker, READERS[0], queuedMessages / 2),
            await received(broker, READERS[1], queuedMessages / 2),
          ];
          // One message for two sessions is one step: both have it, or neither.
          expect(first).toEqual(second);
          for (const [i, numbers] of first.entries()) {
            expect(new Set(numbers).size).toBe(numbers.length);
            expect(numbers.slice(0, atBegin[i])).toEqual(Array.from({ length: atBegin[i] ?? 0 }, (_, n) => n));
          }

          const { mqtt, inbox } = await connect(broker);
          await mqtt.subscribeAsync('#', { qos: 1 });
          const retained = new Map<string, string>();
          while (retained.size < WRITERS + 1) {
            const [packet] = await inbox.take(1);
            retained.set(packet?.topic ?? '', packet?.payload.toString() ?? '');
          }
          expect(retained.get('will')).toBe('gone');
        }),
      PATIENCE_MS,
    );
  });

describe('a backup of a broker with memory storage', () => {
  test('is taken through the socket beside its PID file, and can be imported into files', () =>
    scene(async () => {
      const directory = temporaryDirectory();
      const pidFile = join(directory, 'hexmq.pid');
      const broker = await startBroker(['--port', '0', '--storage', 'memory', '--pid-file', pidFile]);
      afterwards(() => {
        broker.program.kill('SIGKILL');
      });
      const { mqtt } = await connect(broker);
      await mqtt.publishAsync('state', 'on', { qos: 1, retain: true });
      const file = join(directory, 'backup.ndjson');
      const backup = ['backup', '--socket', join(directory, 'hexmq.admin.sock'), file];
      await done(backup);
      expect(await refused(backup)).toMatch(/exists already/);
      const target = storeOf('file', directory, 'target');
      await done(['import', '--config', target.config, '--input', file]);
      expect(await totalsOf(target)).toMatchObject({ retainedMessages: 1 });
    }));
});
