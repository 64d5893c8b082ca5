// Versions of MQTT mixed in every way, on every storage: a session goes on in another version than it began with, and
// queues, retained messages and wills of one version go to clients of another, also after the broker was killed.
import { afterAll, describe, expect, test } from '@jest/globals';
import type { IPublishPacket } from 'mqtt-packet';
import * as raw from '../clients/raw-packets.js';
import { startBroker } from './hexmq-command.js';
import type { RunningBroker } from './hexmq-command.js';
import { fileStorage, mongodbStorage } from './kill/storage-place.js';
import { server } from './migrate/stores.js';
import { connect } from './mqtt-js.js';
import type { Client, Version } from './mqtt-js.js';
import { afterwards, scene } from './program.js';
import { reconnected } from './raw-socket.js';
import { describeWithServer } from './tools.js';

const VERSIONS: readonly Version[] = ['3.1', '3.1.1', '5'];
const ANOTHER: Readonly<Record<Version, Version>> = { '3.1': '5', '3.1.1': '3.1', '5': '3.1.1' };
const PROPERTIES = {
  payloadFormatIndicator: true,
  contentType: 'text/plain',
  responseTopic: 'answers',
  correlationData: Buffer.from([0, 255]),
  userProperties: { unit: ['celsius', 'kelvin'] },
};

/** A client whose session outlives its connections. */
function withSession(broker: RunningBroker, clientId: string, version: Version): Promise<Client> {
  const properties = version === '5' ? { properties: { sessionExpiryInterval: 3600 } } : {};
  return connect(broker, { clientId, clean: false, ...properties }, version);
}

/** What a subscriber of `version` must see of a message that a publisher of `from` sent with all properties. */
const seenProperties = (version: Version, from: Version): unknown =>
  version === '5' && from === '5' ? { ...PROPERTIES, messageExpiryInterval: expect.any(Number) as unknown } : undefined;

interface View {
  readonly topic: string;
  readonly payload: string;
  readonly qos: number;
  readonly properties: unknown;
}

/** Order holds among the messages of a topic and a QoS; MQTT.js hands one of QoS 2 on when it is released. */
const inOrder = (views: readonly View[]): View[] =>
  [...views].sort(
    (one, other) => one.qos - other.qos || (one.topic < other.topic ? -1 : Number(one.topic > other.topic)),
  );

function view({ topic, payload, properties, qos }: IPublishPacket): View {
  // MQTT.js has user properties in an object without a prototype.
  const { userProperties, ...others } = properties ?? {};
  const seen = { ...others, ...(userProperties && { userProperties: { ...userProperties } }) };
  return { topic, payload: payload.toString(), qos, properties: Object.keys(seen).length === 0 ? undefined : seen };
}

/** Publishes one message of each QoS as a client of `version`. */
async function publishAs(broker: RunningBroker, version: Version, topic: string, retain = false): Promise<void> {
  const { mqtt } = await connect(broker, { clientId: `publisher-${version}` }, version);
  const properties = version === '5' ? { properties: { ...PROPERTIES, messageExpiryInterval: 600 } } : {};
  for (const qos of retain ? ([1] as const) : ([1, 2] as const))
    await mqtt.publishAsync(topic, `from ${version}`, { qos, retain, ...properties });
  await mqtt.endAsync();
}

const expected = (topic: string, version: Version, qosOf: readonly number[] = [1, 2]): View[] =>
  VERSIONS.flatMap((from) =>
    qosOf.map((qos) => ({
      topic: topic.replace('+', from),
      payload: `from ${from}`,
      qos,
      properties: seenProperties(version, from),
    })),
  );

interface Place {
  readonly args: readonly string[];
  /** Whether its contents outlive the process. */
  readonly lasts: boolean;
}

/** @param newPlace called within a scene. */
function mixedVersions(newPlace: () => Place): void {
  /** Starts a broker, runs `before`, kills the broker if its storage lasts, and runs `after` with the next one. */
  const interrupted = (
    before: (broker: RunningBroker) => Promise<void>,
    after: (broker: RunningBroker) => Promise<void>,
  ): Promise<void> =>
    scene(async () => {
      const { args, lasts } = newPlace();
      const start = async (): Promise<RunningBroker> => {
        const started = await startBroker(['--port', '0', ...args], {
          env: { HEXMQ_LIMITS_WILL_GRACE_AFTER_RESTART_MS: '1' },
        });
        afterwards(() => {
          started.program.kill('SIGKILL');
        });
        return started;
      };
      let broker = await start();
      await before(broker);
      if (lasts) {
        broker.program.kill('SIGKILL');
        await broker.program.end();
        broker = await start();
      }
      await after(broker);
      expect((await broker.stop()).status).toBe(0);
    });

  test('a session and its queue go on in another version, with the properties that its messages have', () =>
    interrupted(
      async (broker) => {
        for (const version of VERSIONS) {
          const { mqtt } = await withSession(broker, `begun-${version}`, version);
          await mqtt.subscribeAsync('t', { qos: 2 });
          await mqtt.endAsync();
        }
        for (const version of VERSIONS) await publishAs(broker, version, 't');
      },
      async (broker) => {
        for (const begun of VERSIONS) {
          const version = ANOTHER[begun];
          const { connack, inbox, mqtt } = await withSession(broker, `begun-${begun}`, version);
          expect({ begun, isPresent: connack.sessionPresent }).toEqual({
            begun,
            // CONNACK of MQTT 3.1 has no such flag.
            isPresent: version !== '3.1',
          });
          expect(inOrder((await inbox.take(6)).map(view))).toEqual(inOrder(expected('t', version)));
          await mqtt.endAsync();
        }
      },
    ));

  test('a QoS 2 message that a client has received in 3.1.1 is completed in 5, and does not come again', () =>
    interrupted(
      async (broker) => {
        const { client: receiver } = await reconnected(broker, { clientId: 'receiver', clean: false });
        receiver.send(raw.subscribe(1, [['t', 2]]));
        await receiver.next('suback');
        await publishAs(broker, '5', 't');
        // At QoS 1, which it does not acknowledge, and at QoS 2.
        await receiver.next('publish');
        const { packetId } = await receiver.next('publish');
        receiver.send(raw.pubrec(packetId));
        await receiver.next('pubrel');
        receiver.socket.destroy();
      },
      async (broker) => {
        const { inbox } = await withSession(broker, 'receiver', '5');
        await publishAs(broker, '3.1.1', 't');
        const messages = await inbox.take(3);
        const sent = expected('t', '5');
        const again = sent.filter(({ payload, qos }) => payload === 'from 5' && qos === 1);
        const later = sent.filter(({ payload }) => payload === 'from 3.1.1');
        expect(inOrder(messages.map(view))).toEqual(inOrder([...again, ...later]));
        expect(messages.filter(({ dup }) => dup).map(({ payload }) => payload.toString())).toEqual(['from 5']);
      },
    ));

  test('retained messages of every version go to subscribers of every version', () =>
    interrupted(
      async (broker) => {
        for (const version of VERSIONS) await publishAs(broker, version, `retained/${version}`, true);
      },
      async (broker) => {
        for (const version of VERSIONS) {
          const { mqtt, inbox } = await connect(broker, { clientId: `reader-${version}` }, version);
          await mqtt.subscribeAsync('retained/#', { qos: 2 });
          const messages = await inbox.take(VERSIONS.length);
          expect(inOrder(messages.map(view))).toEqual(inOrder(expected('retained/+', version, [1])));
        }
      },
    ));

  test('wills of every version go to subscribers of every version, after the broker was killed as well', () =>
    interrupted(
      async (broker) => {
        for (const version of VERSIONS) {
          const { mqtt } = await withSession(broker, `watcher-${version}`, version);
          await mqtt.subscribeAsync('will/#', { qos: 2 });
          await mqtt.endAsync();
        }
        for (const version of VERSIONS) {
          const properties = version === '5' ? { properties: { ...PROPERTIES, messageExpiryInterval: 600 } } : {};
          const will = { topic: `will/${version}`, payload: Buffer.from(`from ${version}`), qos: 1, ...properties };
          const { mqtt } = await connect(broker, { clientId: `dying-${version}`, will: { ...will, qos: 1 } }, version);
          mqtt.stream.destroy();
        }
      },
      async (broker) => {
        for (const version of VERSIONS) {
          const { inbox } = await withSession(broker, `watcher-${version}`, version);
          const messages = await inbox.take(VERSIONS.length);
          expect(inOrder(messages.map(view))).toEqual(inOrder(expected('will/+', version, [1])));
        }
      },
    ));
}

afterAll(() => server?.stop());

describe('versions of MQTT mixed on memory storage', () => {
  mixedVersions(() => ({ args: ['--storage', 'memory'], lasts: false }));
});

describe('versions of MQTT mixed on file storage', () => {
  mixedVersions(() => ({ ...fileStorage(), lasts: true }));
});

describeWithServer(server, 'versions of MQTT mixed on MongoDB storage', (found) => {
  mixedVersions(() => ({ ...mongodbStorage(found), lasts: true }));
});
