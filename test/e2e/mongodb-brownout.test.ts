// The built command while its MongoDB server is slow, has stepped down, is partitioned away, is restarted, has no space
// or refuses the login: what clients see, what the operator reads, that it recovers by itself, and that what is there
// then is what was acknowledged, once.
import { afterAll, expect, test } from '@jest/globals';
import { MongoProxy, isCommit, isGreeting, refusal } from '../support/mongodb/proxy.js';
import type { Command, Verdict } from '../support/mongodb/proxy.js';
import { killableMongoServer } from '../support/mongodb-server.js';
import type { KillableMongoServer } from '../support/mongodb-server.js';
import { startBroker } from './hexmq-command.js';
import type { RunningBroker } from './hexmq-command.js';
import * as hostile from './hostile-sockets.js';
import { connect } from './mqtt-js.js';
import type { Client } from './mqtt-js.js';
import { afterwards, scene, within } from './program.js';
import { describeWithServer } from './tools.js';

const PATIENCE_MS = 120_000;
const AWAY = { clientId: 'away', clean: false } as const;
const PUBLISHER = { clientId: 'publisher', clean: false } as const;
const MIB = 1024 * 1024;

/** Of a flood: more than may wait in memory. */
const PAYLOAD_BYTES = MIB;
const OFFERED = 120;
/** The 64 MiB of changes that may wait, and what sockets and one turn hold. */
const TAKEN_BYTES_MAX = 96 * MIB;
const QUIET_MS = 2000;

const server = await killableMongoServer();
afterAll(() => server?.stop());

interface Stage {
  readonly server: KillableMongoServer;
  readonly proxy: MongoProxy;
}

async function startOn(
  url: string,
  database: string,
  env: Readonly<Record<string, string>> = {},
): Promise<RunningBroker> {
  return startBroker(['--port', '0', '--storage', 'mongodb'], {
    env: { HEXMQ_STORAGE_URL: url, HEXMQ_STORAGE_DATABASE: database, ...env },
  });
}

async function proxyBefore({ uri }: KillableMongoServer): Promise<MongoProxy> {
  const proxy = await MongoProxy.before(uri);
  afterwards(() => void proxy.close());
  return proxy;
}

/** A stored session that waits for what is published to `t`. */
async function leave(broker: RunningBroker): Promise<void> {
  const client = await connect(broker, AWAY);
  await client.mqtt.subscribeAsync('t', { qos: 2 });
  await client.mqtt.endAsync();
}

class Publications {
  #acknowledged = 0;

  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** Resolves when it has been acknowledged, at QoS 2 to the end. */
  publish({ mqtt }: Client, payload: string | Buffer, qos: 1 | 2): Promise<void> {
    const done = mqtt.publishAsync('t', payload, { qos }).then(() => void this.#acknowledged++);
    done.catch(() => undefined);
    return within(done, `the acknowledgement of ${payload.slice(0, 20).toString()}`);
  }
}

const linesOf = (stderr: string, event: string): Record<string, unknown>[] =>
  stderr
    .split('\n')
    .filter((line) => line.includes(`"event":"${event}"`))
    .map((line) => JSON.parse(line) as Record<string, unknown>);

interface Outage {
  readonly name: string;
  readonly begin: (stage: Stage) => void | Promise<void>;
  readonly end: (stage: Stage) => void | Promise<void>;
  /** What the operator reads first. */
  readonly says: RegExp;
  readonly kind?: 'full';
  /** As the broker is told to find the server. */
  readonly asReplicaSet?: true;
}

/** Greetings of the only member of a replica set, and what else becomes of its commands. */
const member = (proxy: MongoProxy, isPrimary: boolean, otherwise: (command: Command) => Verdict) => {
  proxy.judgeWith((command) =>
    isGreeting(command) ? { amend: (reply) => proxy.asMember(reply, isPrimary) } : otherwise(command),
  );
};

const OUTAGES: readonly Outage[] = [
  {
    name: 'is slow: it greets, and answers nothing in the time that a request has',
    begin: ({ proxy }) => {
      proxy.judgeWith((command) => (isGreeting(command) ? 'pass' : 'hold-reply'));
    },
    end: ({ proxy }) => {
      proxy.judgeWith(() => 'pass');
      proxy.release();
    },
    says: /^MongoDB at 127\.0\.0\.1:\d+\/hexmq_test_\w+ cannot be reached or does not answer: check that it runs, the URL, and the network \(.+\)$/,
  },
  {
    name: 'has stepped down',
    asReplicaSet: true,
    begin: ({ proxy }) => {
      member(proxy, true, (command) => {
        if (!isCommit(command)) return 'pass';
        // From here on it knows.
        member(proxy, false, () => ({ answer: refusal(10_107, 'NotWritablePrimary', 'not primary') }));
        return { answer: refusal(189, 'PrimarySteppedDown', 'The server has stepped down') };
      });
    },
    end: ({ proxy }) => {
      member(proxy, true, () => 'pass');
    },
    says: /^MongoDB at \S+ has no primary at the moment: wait until the replica set has elected one, or check its members \(The server has stepped down\)$/,
  },
  {
    name: 'is partitioned away',
    begin: ({ proxy }) => {
      proxy.partition();
    },
    // What was sent before still arrives.
    end: ({ proxy }) => {
      proxy.heal();
    },
    says: /^MongoDB at \S+ cannot be reached or does not answer: .+$/,
  },
  {
    name: 'is killed and restarted',
    begin: async ({ server: real }) => {
      await real.kill();
    },
    end: async ({ server: real }) => {
      await real.restart();
    },
    says: /^MongoDB at \S+ cannot be reached or does not answer: .+$/,
  },
  {
    name: 'has no space left',
    kind: 'full',
    begin: ({ proxy }) => {
      proxy.judgeWith(({ name }) =>
        ['insert', 'update', 'findAndModify'].includes(name)
          ? { answer: refusal(14_031, 'OutOfDiskSpace', 'available disk space is less than required') }
          : 'pass',
      );
    },
    end: ({ proxy }) => {
      proxy.judgeWith(() => 'pass');
    },
    says: /^no space left for MongoDB at \S+: free some \(available disk space is less than required\)$/,
  },
  {
    name: 'has withdrawn a right',
    begin: ({ proxy }) => {
      proxy.judgeWith((command) =>
        isGreeting(command) ? 'pass' : { answer: refusal(13, 'Unauthorized', 'not authorized on the database') },
      );
    },
    end: ({ proxy }) => {
      proxy.judgeWith(() => 'pass');
    },
    says: /^MongoDB at \S+ refuses the login or a request: check user, password and role \(readWrite is needed\) \(not authorized on the database\)$/,
  },
];

describeWithServer(server, 'a MongoDB server that', (real) => {
  test.each(OUTAGES)(
    '$name: nobody is told an error, acknowledgements wait, all is there afterwards and nothing twice',
    ({ begin, end, says, kind = 'unavailable', asReplicaSet }) =>
      scene(async () => {
        const proxy = await proxyBefore(real);
        const stage: Stage = { server: real, proxy };
        const database = real.newDatabase();
        if (asReplicaSet === true) member(proxy, true, () => 'pass');
        const broker = await startOn(asReplicaSet === true ? proxy.replicaSetUri : proxy.uri, database, {
          HEXMQ_LIMITS_STORAGE_TIMEOUT_MS: '1000',
        });
        await leave(broker);
        const publisher = await connect(broker, PUBLISHER);
        const publications = new Publications();
        await publications.publish(publisher, 'before', 1);
        const present = await connect(broker);
        await present.mqtt.subscribeAsync('live', { qos: 1 });

        await begin(stage);
        const waiting = [
          publications.publish(publisher, 'during 1', 1),
          publications.publish(publisher, 'during 2', 2),
        ];
        await broker.program.logs(/"event":"storage-failing"/);

        // Those with nothing to store are served as ever, newcomers among them.
        const newcomer = await connect(broker);
        await newcomer.mqtt.subscribeAsync('live', { qos: 0 });
        await newcomer.mqtt.publishAsync('live', 'still here', { qos: 0 });
        expect([await newcomer.inbox.texts(1), await present.inbox.texts(1)]).toEqual([['still here'], ['still here']]);
        // Who brings a session that must be stored is told to come again, and not kept waiting for ever.
        await expect(connect(broker, { clientId: 'stored newcomer', clean: false })).rejects.toMatchObject({ code: 3 });
        expect(publications.acknowledged).toBe(1);

        await end(stage);
        await Promise.all(waiting);
        await broker.program.logs(/"event":"storage-recovered","operation":"write"/);
        expect((await connect(broker, { clientId: 'stored newcomer', clean: false })).connack.returnCode).toBe(0);
        expect([publisher, present, newcomer].map(({ mqtt }) => mqtt.connected)).toEqual([true, true, true]);

        // Once, if it is the same trouble.
        const failures = linesOf(broker.program.stderr, 'storage-failing').filter(
          ({ operation }) => operation === 'write',
        );
        expect(failures[0]).toMatchObject({
          level: 'error',
          storageErrorKind: kind,
          attempt: 1,
          error: expect.stringMatching(says) as unknown,
        });
        const troubles = failures.map(({ error }) => String(error).split(' (')[0]);
        expect(troubles).toEqual([...new Set(troubles)]);
        expect(
          linesOf(broker.program.stderr, 'storage-recovered').filter(({ operation }) => operation === 'write'),
        ).toHaveLength(1);

        // What was acknowledged is there, even if the process dies now.
        broker.program.kill('SIGKILL');
        await broker.program.end();
        const next = await startOn(real.uri, database);
        const away = await connect(next, AWAY);
        expect(await away.inbox.texts(3)).toEqual(['before', 'during 1', 'during 2']);
        expect((await next.stop()).status).toBe(0);
        expect(away.inbox.leftOver).toBe(0);
      }),
    PATIENCE_MS,
  );

  test(
    'is slow, and answers in time: acknowledgements come later, and nothing is said of it',
    () =>
      scene(async () => {
        const proxy = await proxyBefore(real);
        const broker = await startOn(proxy.uri, real.newDatabase());
        await leave(broker);
        const publisher = await connect(broker, PUBLISHER);
        proxy.delay(250);
        let commits = 0;
        proxy.judgeWith((command) => {
          if (isCommit(command)) commits++;
          return 'pass';
        });
        const publications = new Publications();
        await Promise.all(Array.from({ length: 200 }, (_, i) => publications.publish(publisher, String(i), 1)));
        // While one is under way the next collects.
        expect(commits).toBeLessThan(20);
        proxy.delay(0);
        const away = await connect(broker, AWAY);
        expect(await away.inbox.texts(200)).toEqual(Array.from({ length: 200 }, (_, i) => String(i)));
        const { status, stderr } = await broker.stop();
        expect({ status, failures: linesOf(stderr, 'storage-failing') }).toEqual({ status: 0, failures: [] });
      }),
    PATIENCE_MS,
  );

  /** Of commits: one in so many fails so, and is sent again. */
  const LOSSES: readonly (readonly [string, Verdict])[] = [
    ['do what they are told and do not say so', 'drop-reply'],
    ['end before they do it', 'cut'],
    [
      'do it, and say that no majority of members has it',
      {
        amend: (reply) => ({
          ...reply,
          writeConcernError: {
            code: 64,
            codeName: 'WriteConcernFailed',
            errmsg: 'waiting for replication timed out',
            errInfo: { wtimeout: true },
          },
        }),
      },
    ],
    [
      'do it, and say that they step down',
      {
        amend: (reply) => ({
          ...reply,
          writeConcernError: { code: 189, codeName: 'PrimarySteppedDown', errmsg: 'operation was interrupted' },
        }),
      },
    ],
  ];

  test.each(LOSSES)(
    'has connections that %s: what was sent again was taken once',
    (_name, verdict) =>
      scene(async () => {
        const proxy = await proxyBefore(real);
        const database = real.newDatabase();
        const broker = await startOn(proxy.uri, database);
        await leave(broker);
        const publisher = await connect(broker, PUBLISHER);
        let commits = 0;
        proxy.judgeWith((command) => (isCommit(command) && ++commits % 3 === 1 ? verdict : 'pass'));
        const publications = new Publications();
        const payloads = Array.from({ length: 10 }, (_, i) => String(i));
        for (const payload of payloads) await publications.publish(publisher, payload, 2);
        await broker.program.logs(/"event":"storage-failing"/);
        broker.program.kill('SIGKILL');
        await broker.program.end();

        const next = await startOn(real.uri, database);
        const away = await connect(next, AWAY);
        expect(await away.inbox.texts(10)).toEqual(payloads);
        expect((await next.stop()).status).toBe(0);
        expect(away.inbox.leftOver).toBe(0);
      }),
    PATIENCE_MS,
  );

  test(
    'is partitioned away while a backlog is read: the rest follows by itself, in order, once',
    () =>
      scene(async () => {
        const proxy = await proxyBefore(real);
        const broker = await startOn(proxy.uri, real.newDatabase());
        await leave(broker);
        const publisher = await connect(broker, PUBLISHER);
        const publications = new Publications();
        const payloads = Array.from({ length: 300 }, (_, i) => String(i));
        await Promise.all(payloads.map((payload) => publications.publish(publisher, payload, 1)));
        proxy.judgeWith((command) =>
          command.name === 'find' && command.collection === 'queues' ? 'drop-reply' : 'pass',
        );
        const away = await connect(broker, AWAY);
        await broker.program.logs(/"event":"storage-failing","operation":"read"/);
        expect(away.inbox.leftOver).toBe(0);
        proxy.judgeWith(() => 'pass');
        expect(await away.inbox.texts(300)).toEqual(payloads);
        await broker.program.logs(/"event":"storage-recovered","operation":"read"/);
        expect((await broker.stop()).status).toBe(0);
        expect(away.inbox.leftOver).toBe(0);
      }),
    PATIENCE_MS,
  );

  test(
    'is partitioned away: who floods the broker is not read any more, and everything is acknowledged when it is back',
    () =>
      scene(async () => {
        const proxy = await proxyBefore(real);
        const broker = await startOn(proxy.uri, real.newDatabase());
        await leave(broker);
        const flooder = await hostile.connected(broker, { clientId: 'flooder' });
        proxy.partition();
        const payload = Buffer.alloc(PAYLOAD_BYTES, 'x');
        let taken = 0;
        let last: Promise<void> = Promise.resolve();
        for (let packetId = 1; packetId <= OFFERED; packetId++) {
          last = flooder.send(hostile.publish('t', payload, 1, packetId)).then(() => void taken++);
        }
        // What is not read is taken by nobody: there is nothing to wait for but that nothing more happens.
        for (let before = -1; before < taken;) {
          before = taken;
          await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
        }
        expect(taken * PAYLOAD_BYTES).toBeLessThan(TAKEN_BYTES_MAX);
        await broker.program.logs(/"event":"storage-failing"/);

        proxy.heal();
        const identifiers = new Set<number>();
        while (identifiers.size < OFFERED) identifiers.add((await flooder.next(hostile.PUBACK)).body.readUInt16BE(0));
        await last;
        expect((await broker.stop()).status).toBe(0);
      }),
    PATIENCE_MS,
  );
});
