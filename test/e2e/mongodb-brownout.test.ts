// The built command while its MongoDB server is slow, has stepped down, is partitioned away, is restarted, has no space
// or refuses the login: what clients see, what the operator reads, that the broker recovers by itself, and that every
// acknowledged message is stored exactly once afterwards.
import { afterAll, expect, test } from '@jest/globals';
import { within } from '../clients/within.js';
import { MongoProxy, isCommit, isGreeting, refusal } from '../support/mongodb/proxy.js';
import type { Command, Verdict } from '../support/mongodb/proxy.js';
import { killableMongoServer } from '../support/mongodb-server.js';
import type { KillableMongoServer } from '../support/mongodb-server.js';
import { publish } from '../clients/raw-packets.js';
import { startBroker } from './hexmq-command.js';
import type { RunningBroker } from './hexmq-command.js';
import { connect } from './mqtt-js.js';
import type { Client } from './mqtt-js.js';
import { afterwards, scene } from './program.js';
import { connected, untilNotRead } from './raw-socket.js';
import { describeWithServer } from './tools.js';

const PATIENCE_MS = 120_000;
const AWAY = { clientId: 'away', clean: false } as const;
const PUBLISHER = { clientId: 'publisher', clean: false } as const;
const MIB = 1024 * 1024;

/** The messages of a flood: more than the broker may hold in memory. */
const PAYLOAD_BYTES = MIB;
const OFFERED = 120;
/** The 64 MiB of changes that may wait for storage, and what fits into sockets and one turn. */
const TAKEN_BYTES_MAX = 96 * MIB;

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

/** Leaves a stored session of an offline client that is subscribed to `t`. */
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

  /** Resolves when the message has been acknowledged completely. */
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
  /** The first error that the operator reads. */
  readonly says: RegExp;
  readonly kind?: 'full';
  /** Whether the URL names a replica set. */
  readonly asReplicaSet?: true;
}

/** Answers greetings as the only member of a replica set, and judges the other commands with `otherwise`. */
const member = (proxy: MongoProxy, isPrimary: boolean, otherwise: (command: Command) => Verdict) => {
  proxy.judgeWith((command) =>
    isGreeting(command) ? { amend: (reply) => proxy.asMember(reply, isPrimary) } : otherwise(command),
  );
};

const OUTAGES: readonly Outage[] = [
  {
    name: 'answers greetings and no request in time',
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
        // From now on the server knows that it is not the primary.
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
    // Requests that were sent before still arrive.
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

describeWithServer(server, 'a MongoDB server that fails', (real) => {
  test.each(OUTAGES)(
    'while MongoDB $name, clients see no error and acknowledgements wait; afterwards every message is stored once',
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

        // Clients that need no storage are served, new ones among them.
        const transient = await connect(broker);
        await transient.mqtt.subscribeAsync('live', { qos: 0 });
        await transient.mqtt.publishAsync('live', 'still here', { qos: 0 });
        expect([await transient.inbox.texts(1), await present.inbox.texts(1)]).toEqual([
          ['still here'],
          ['still here'],
        ]);
        // A new client with a session that must be stored is refused with "server unavailable" instead of waiting.
        await expect(connect(broker, { clientId: 'new stored', clean: false })).rejects.toMatchObject({ code: 3 });
        expect(publications.acknowledged).toBe(1);

        await end(stage);
        await Promise.all(waiting);
        await broker.program.logs(/"event":"storage-recovered","operation":"write"/);
        expect((await connect(broker, { clientId: 'new stored', clean: false })).connack.returnCode).toBe(0);
        expect([publisher, present, transient].map(({ mqtt }) => mqtt.connected)).toEqual([true, true, true]);

        // Each kind of failure is logged once.
        const failures = linesOf(broker.program.stderr, 'storage-failing').filter(
          ({ operation }) => operation === 'write',
        );
        expect(failures[0]).toMatchObject({
          level: 'error',
          storageErrorKind: kind,
          attempt: 1,
          error: expect.stringMatching(says) as unknown,
        });
        const kinds = failures.map(({ error }) => String(error).split(' (')[0]);
        expect(kinds).toEqual([...new Set(kinds)]);
        expect(
          linesOf(broker.program.stderr, 'storage-recovered').filter(({ operation }) => operation === 'write'),
        ).toHaveLength(1);

        // Acknowledged messages are stored: they survive a kill of the broker.
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
    'while MongoDB answers slowly but in time, acknowledgements are delayed and no failure is logged',
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
        // Changes that arrive during a commit are collected for the next one.
        expect(commits).toBeLessThan(20);
        proxy.delay(0);
        const away = await connect(broker, AWAY);
        expect(await away.inbox.texts(200)).toEqual(Array.from({ length: 200 }, (_, i) => String(i)));
        const { status, stderr } = await broker.stop();
        expect({ status, failures: linesOf(stderr, 'storage-failing') }).toEqual({ status: 0, failures: [] });
      }),
    PATIENCE_MS,
  );

  /** How a commit fails before it is sent again. */
  const LOSSES: readonly (readonly [string, Verdict])[] = [
    ['lose the reply to a commit', 'drop-reply'],
    ['end before a commit is applied', 'cut'],
    [
      'apply a commit and report that no majority of members has it',
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
      'apply a commit and report that the server steps down',
      {
        amend: (reply) => ({
          ...reply,
          writeConcernError: { code: 189, codeName: 'PrimarySteppedDown', errmsg: 'operation was interrupted' },
        }),
      },
    ],
  ];

  test.each(LOSSES)(
    'while connections to MongoDB %s, commits that are sent again are applied once',
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
    'after a partition during the delivery of a backlog, the rest is delivered in order and once',
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
    'the broker stops reading a flooding client while MongoDB is partitioned away, and acknowledges everything afterwards',
    () =>
      scene(async () => {
        const proxy = await proxyBefore(real);
        const broker = await startOn(proxy.uri, real.newDatabase());
        await leave(broker);
        const flooder = await connected(broker, { clientId: 'flooder' });
        const other = await connect(broker);
        await other.mqtt.subscribeAsync('live', { qos: 0 });
        proxy.partition();
        const payload = Buffer.alloc(PAYLOAD_BYTES, 'x');
        let taken = 0;
        let last: Promise<void> = Promise.resolve();
        for (let packetId = 1; packetId <= OFFERED; packetId++)
          last = flooder.write(publish({ topic: 't', payload, qos: 1, packetId })).then(() => void taken++);
        await untilNotRead(
          () => taken,
          async () => {
            await other.mqtt.publishAsync('live', 'still here', { qos: 0 });
            expect(await other.inbox.texts(1)).toEqual(['still here']);
          },
        );
        expect(taken * PAYLOAD_BYTES).toBeLessThan(TAKEN_BYTES_MAX);
        await broker.program.logs(/"event":"storage-failing"/);

        proxy.heal();
        const identifiers = new Set<number>();
        while (identifiers.size < OFFERED) identifiers.add((await flooder.next('puback')).packetId);
        await last;
        expect((await broker.stop()).status).toBe(0);
      }),
    PATIENCE_MS,
  );
});
