// The example hexmq-bridge, as its author builds and tests it, and between the built command and Mosquitto: while
// messages of QoS 1 and 2 cross it in both directions, each side is killed, and none is lost.
import { expect, test } from '@jest/globals';
import { existsSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { connect as connectMqttJs } from 'mqtt';
import type { MqttClient } from 'mqtt';
import { startBroker, temporaryDirectory } from '../hexmq-command.js';
import { freePort } from '../mosquitto-broker.js';
import { afterwards, Program, scene } from '../program.js';
import { describeWith } from '../tools.js';
import { ExamplePackage } from './example-package.js';

const MESSAGES = 300;

/** Mosquitto on a port of its own, which can be killed and started again. */
class Mosquitto {
  #program: Program | undefined;
  private constructor(
    readonly port: number,
    readonly config: string,
  ) {}

  static async start(): Promise<Mosquitto> {
    const port = await freePort();
    const config = join(temporaryDirectory(), 'mosquitto.conf');
    const mosquitto = new Mosquitto(port, config);
    const lines = [
      'allow_anonymous true',
      'user root',
      'max_queued_messages 0',
      'queue_qos0_messages true',
      'persistence true',
      'autosave_interval 0',
      `persistence_location ${dirname(config)}/`,
    ];
    writeFileSync(config, [`listener ${port} 127.0.0.1`, ...lines, ''].join('\n'));
    afterwards(() => {
      mosquitto.kill();
    });
    await mosquitto.again();
    return mosquitto;
  }

  async again(): Promise<void> {
    this.#program = new Program('mosquitto', ['-c', this.config]);
    await this.#program.logs(/mosquitto version .* running/);
  }

  /** What it has now is there again after it was killed. */
  async save(): Promise<void> {
    this.#program?.kill('SIGUSR1');
    const file = join(dirname(this.config), 'mosquitto.db');
    await until(
      'Mosquitto saves',
      () => existsSync(file),
      () => 'it has not',
    );
  }

  kill(): void {
    this.#program?.kill('SIGKILL');
  }
}

class Scene {
  private constructor(
    readonly cwd: string,
    readonly mosquitto: Mosquitto,
    readonly port: number,
  ) {}

  static async set(): Promise<Scene> {
    const example = await ExamplePackage.install('hexmq-bridge');
    const mosquitto = await Mosquitto.start();
    const port = await freePort();
    writeFileSync(
      join(example.cwd, 'hexmq.yaml'),
      `
listeners: [{ type: tcp, port: ${port} }]
plugins:
  - package: hexmq-bridge
    options:
      clientId: bridge
      local: { url: 'mqtt://127.0.0.1:${port}' }
      remote: { url: 'mqtt://127.0.0.1:${mosquitto.port}' }
      out: { topicFilters: [both/#, out/#] }
      in: { topicFilters: [both/#, in/#] }
      reconnectMaxMs: 1000
`,
    );
    return new Scene(example.cwd, mosquitto, port);
  }
}

interface TestClient {
  readonly mqtt: MqttClient;
  readonly received: string[];
}

/** A client of one side that comes back by itself, and keeps what it received: each payload once. */
async function clientOf(port: number, topicFilter: string, qos: 0 | 2 = 2): Promise<TestClient> {
  const received: string[] = [];
  const mqtt = connectMqttJs(`mqtt://127.0.0.1:${port}`, {
    protocolVersion: 5,
    clientId: `client-${port}`,
    clean: false,
    properties: { sessionExpiryInterval: 1000 },
    reconnectPeriod: 100,
  });
  mqtt.on('message', (_topic, payload) => received.push(String(payload)));
  mqtt.on('error', () => undefined);
  afterwards(() => {
    mqtt.end(true);
  });
  await new Promise<void>((resolve) => {
    mqtt.once('connect', () => resolve());
  });
  await mqtt.subscribeAsync(topicFilter, { qos });
  return { mqtt, received };
}

async function until(what: string, isSo: () => boolean, explain: () => string): Promise<void> {
  const end = Date.now() + 60_000;
  while (!isSo()) {
    if (Date.now() > end) throw new Error(`${what}: ${explain()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const payloadsOf = (name: string): string[] => Array.from({ length: MESSAGES }, (_each, i) => `${name} ${i}`);

/** Half with QoS 1 and half with QoS 2, no more at once than Mosquitto accepts. Resolves when all are acknowledged. */
async function publishAll(mqtt: MqttClient, topic: string): Promise<void> {
  const payloads = payloadsOf(topic);
  for (let i = 0; i < payloads.length; i += 10)
    await Promise.all(
      payloads.slice(i, i + 10).map((payload, k) => mqtt.publishAsync(topic, payload, { qos: k % 2 === 0 ? 1 : 2 })),
    );
}

async function arrive(received: readonly string[], topic: string): Promise<void> {
  const missing = (): string[] => payloadsOf(topic).filter((payload) => !received.includes(payload));
  await until(
    `all messages to ${topic} arrive`,
    () => missing().length === 0,
    () => `${missing().length} of ${MESSAGES} are missing, the first: ${missing().slice(0, 5).join(', ')}`,
  );
}

const half = (received: readonly string[]): Promise<void> =>
  until(
    'some messages arrive',
    () => received.length > MESSAGES / 4,
    () => `${received.length} have`,
  );

describeWith('mosquitto_broker', 'the example of a bridge', () => {
  test(
    'the bridge package compiles against the published entries of hexmq, and passes its own tests',
    () =>
      scene(async () => {
        const example = await ExamplePackage.install('hexmq-bridge');
        await example.passesItsTests({});
      }),
    120_000,
  );

  test(
    'messages cross the bridge once in both directions, and none comes back',
    () =>
      scene(async () => {
        const { mosquitto, port, ...rest } = await Scene.set();
        await startBroker(['--config', 'hexmq.yaml'], rest);
        const here = await clientOf(port, 'both/#');
        const there = await clientOf(mosquitto.port, 'both/#');
        await bridged(here.mqtt, there.received);
        await bridged(there.mqtt, here.received);
        await publishAll(here.mqtt, 'both/here');
        await publishAll(there.mqtt, 'both/there');
        for (const { received } of [here, there]) {
          await arrive(received, 'both/here');
          await arrive(received, 'both/there');
          const own = received.filter((payload) => !payload.startsWith('is it'));
          expect(own.filter((payload, i) => own.indexOf(payload) < i)).toEqual([]);
        }
      }),
    200_000,
  );

  test(
    'while Mosquitto is killed and away, messages for it wait, and none is lost',
    () =>
      scene(async () => {
        const { mosquitto, port, cwd } = await Scene.set();
        // At QoS 0 it gets a message before the bridge gets the acknowledgement. The subscription alone is saved.
        const there = await clientOf(mosquitto.port, 'out/#', 0);
        await mosquitto.save();
        await startBroker(['--config', 'hexmq.yaml'], { cwd });
        const here = await clientOf(port, 'in/#');
        await bridged(here.mqtt, there.received, 'out/is-it');
        const published = publishAll(here.mqtt, 'out/x');
        await half(there.received);
        mosquitto.kill();
        await published;
        await mosquitto.again();
        await arrive(there.received, 'out/x');
      }),
    200_000,
  );

  test(
    'while hexmq is killed, messages in both directions wait, and none is lost',
    () =>
      scene(async () => {
        const { mosquitto, port, cwd } = await Scene.set();
        const first = await startBroker(['--config', 'hexmq.yaml'], { cwd });
        const here = await clientOf(port, 'in/#');
        const there = await clientOf(mosquitto.port, 'out/#');
        await bridged(here.mqtt, there.received, 'out/is-it');
        await bridged(there.mqtt, here.received, 'in/is-it');
        const published = [publishAll(here.mqtt, 'out/x'), publishAll(there.mqtt, 'in/x')];
        await half(there.received);
        first.program.kill('SIGKILL');
        await first.program.end();
        await startBroker(['--config', 'hexmq.yaml'], { cwd });
        await Promise.all(published);
        await arrive(there.received, 'out/x');
        await arrive(here.received, 'in/x');
      }),
    200_000,
  );
});

/** Publishes until a message arrives on the other side: the bridge needs a moment to connect. */
async function bridged(from: MqttClient, received: readonly string[], topic = 'both/is-it'): Promise<void> {
  const question = `is it ${String(from.options.clientId)}`;
  const asking = setInterval(() => from.publish(topic, question), 100);
  try {
    await until(
      'the bridge connects',
      () => received.includes(question),
      () => 'it has not',
    );
  } finally {
    clearInterval(asking);
  }
}
