// One ACL file on Mosquitto and on hexmq, which is configured to treat what is denied as Mosquitto does: clients notice
// no difference.
import { expect, test } from '@jest/globals';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startBroker, temporaryDirectory } from './hexmq-command.js';
import { startMosquitto } from './mosquitto-broker.js';
import { connect } from './mqtt-js.js';
import type { Client } from './mqtt-js.js';
import { afterwards, scene } from './program.js';
import { describeWith } from './tools.js';

const ACL = `# Everyone without a name
topic read news/#

user watcher
topic read #

user operator
topic readwrite plant/#
topic deny plant/secret/#
topic write inbox

user reader
topic read plant/+/temperature
topic read plant/7/#

user closer
topic write end

# the devices
pattern read end
pattern write devices/%c/up
pattern read devices/%c/down
pattern readwrite people/%u/#
`;

type Url = Parameters<typeof connect>[0];

async function mosquitto(): Promise<Url> {
  const acl = join(temporaryDirectory(), 'acl');
  writeFileSync(acl, ACL, { mode: 0o644 });
  return { url: `mqtt://127.0.0.1:${String(await startMosquitto(`acl_file ${acl}`))}` };
}

async function startHexmq(): Promise<Url> {
  const directory = temporaryDirectory();
  const acl = join(directory, 'acl');
  writeFileSync(acl, ACL);
  const config = join(directory, 'hexmq.yaml');
  writeFileSync(
    config,
    `listeners: [{ type: tcp, port: 0 }]
storage: { adapter: memory }
authentication: [{ adapter: anonymous }]
authorization: [{ adapter: acl-file, options: { path: ${acl} } }]
limits: { deniedPublish: ignore, deniedSubscription: grant }
`,
  );
  const broker = await startBroker(['--config', config]);
  afterwards(() => {
    broker.program.kill('SIGKILL');
  });
  return broker;
}

const FILTERS = ['#', 'plant/#', 'plant/+/temperature', 'plant/secret/x', 'news/#', 'devices/d7/down', 'people/+/x'];
const TOPICS = [
  'plant/7/temperature',
  'plant/7/pressure',
  'plant/secret/x',
  'inbox',
  'news/today',
  'devices/d7/up',
  'devices/d8/up',
  'devices/d7/down',
  'people/operator/x',
  'people/reader/x',
  'elsewhere',
];

const USERS = [
  { clientId: 'w', username: 'watcher' },
  { clientId: 'd7', username: 'operator' },
  { clientId: 'd8', username: 'reader' },
  { clientId: 'x' },
];

/** What the client has received up to the last message of the scene, sorted and each once. */
async function received({ inbox }: Client): Promise<string[]> {
  const lines: string[] = [];
  for (;;) {
    const [packet] = await inbox.take(1);
    if (packet === undefined || packet.topic === 'end') return [...new Set(lines)].sort();
    lines.push(
      `${packet.topic} ${packet.payload.toString()} q${String(packet.qos)}${packet.retain ? ' retained' : ''}`,
    );
  }
}

async function sayEnd(broker: Url): Promise<void> {
  const closer = await connect(broker, { clientId: 'closer', username: 'closer' });
  await closer.mqtt.publishAsync('end', '', { qos: 1 });
}

/** Every client publishes everything everywhere, and subscribes to everything. */
async function everything(broker: Url): Promise<unknown> {
  for (const user of USERS) {
    const { mqtt } = await connect(broker, user);
    for (const topic of TOPICS) await mqtt.publishAsync(topic, `kept by ${user.clientId}`, { qos: 1, retain: true });
    await mqtt.endAsync();
  }
  const clients = await Promise.all(USERS.map((user) => connect(broker, user)));
  const granted: unknown[] = [];
  for (const { mqtt } of clients) granted.push((await mqtt.subscribeAsync(FILTERS, { qos: 1 })).map(({ qos }) => qos));
  for (const { mqtt } of clients)
    for (const topic of TOPICS)
      for (const qos of [0, 1, 2] as const)
        await mqtt.publishAsync(topic, `${mqtt.options.clientId ?? ''} at ${String(qos)}`, { qos });
  await sayEnd(broker);
  const inboxes = await Promise.all(clients.map(received));
  return { granted, inboxes, connected: clients.map(({ mqtt }) => mqtt.connected) };
}

/** Clients with wills connect and are lost, the last one with a will that is allowed. */
async function wills(broker: Url): Promise<unknown> {
  const watcher = await connect(broker, { clientId: 'w', username: 'watcher' });
  await watcher.mqtt.subscribeAsync('#', { qos: 2 });
  const answers: unknown[] = [];
  for (const [clientId, username, topic] of [
    ['d7', 'operator', 'plant/secret/x'],
    ['d8', 'reader', 'elsewhere'],
    ['d9', 'operator', 'plant/7/pressure'],
  ] as const) {
    const will = { topic, payload: Buffer.from(`will of ${clientId}`), qos: 1, retain: true } as const;
    const client = await connect(broker, { clientId, username, will });
    answers.push(client.connack.returnCode);
    client.mqtt.stream.destroy();
    await client.closed;
  }
  const [first] = await watcher.inbox.take(1);
  await sayEnd(broker);
  return { answers, first: `${first?.topic ?? ''} ${first?.payload.toString() ?? ''}`, rest: await received(watcher) };
}

describeWith('mosquitto_broker', 'an ACL file of Mosquitto', () => {
  test.each([
    ['publishers and subscribers', everything],
    ['clients with wills', wills],
  ])('an ACL file means the same to %s on both brokers, if hexmq ignores and grants what is denied', (_who, act) =>
    scene(async () => {
      const [onMosquitto, onHexmq] = [await act(await mosquitto()), await act(await startHexmq())];
      expect(onHexmq).toEqual(onMosquitto);
    }),
  );
});
