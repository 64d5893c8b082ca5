// Stores for the command to work on, each with its configuration: on files, or in a database of the tests' MongoDB
// server.
import { describe, expect } from '@jest/globals';
import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MongoClient } from 'mongodb';
import { mongoServer } from '../../support/mongodb-server.js';
import { hexmq, startBroker } from '../hexmq-command.js';
import type { RunningBroker } from '../hexmq-command.js';
import { afterwards } from '../program.js';
import { describeWithServer, IS_SHORT } from '../tools.js';

export const KINDS = ['file', 'mongodb'] as const;
export type Kind = (typeof KINDS)[number];

/** None in `npm test`, even if one could be started: its suites are left to `npm run test:all`. */
export const server = IS_SHORT ? undefined : await mongoServer();

/** Declares tests on stores of these kinds. Tests that need a server are skipped by name if there is none. */
export function describeKinds(kinds: readonly Kind[], title: string, tests: () => void): void {
  if (kinds.includes('mongodb')) describeWithServer(server, title, tests);
  else describe(title, tests);
}

export interface Store {
  readonly kind: Kind;
  /** The configuration file that names the store. */
  readonly config: string;
  /** The name that the command shows. */
  readonly shown: string;
  /** Whether a part of it exists: a directory, or collections. */
  readonly isThere: () => Promise<boolean>;
  /** Its size on the disk, or a number that grows with it. */
  readonly size: () => Promise<number>;
}

export function storeOf(kind: Kind, parent: string, name: string): Store {
  const config = join(parent, `${name}.yaml`);
  switch (kind) {
    case 'file': {
      const directory = join(parent, name);
      writeFileSync(config, JSON.stringify({ storage: { adapter: 'file', options: { directory } } }));
      const size = (): number =>
        readdirSync(directory).reduce(
          (sum, each) => sum + (statSync(join(directory, each), { throwIfNoEntry: false })?.size ?? 0),
          0,
        );
      return {
        kind,
        config,
        shown: `file (${directory})`,
        isThere: () => Promise.resolve(existsSync(directory)),
        size: () => Promise.resolve(existsSync(directory) ? size() : 0),
      };
    }
    case 'mongodb': {
      if (server === undefined) throw new Error('needs a MongoDB server');
      const { uri, newDatabase } = server;
      const database = newDatabase();
      writeFileSync(config, JSON.stringify({ storage: { adapter: 'mongodb', options: { url: uri, database } } }));
      const collections = (): Promise<string[]> =>
        withDatabase(uri, database, async (db) => (await db.listCollections().toArray()).map(({ name: each }) => each));
      const size = (): Promise<number> =>
        withDatabase(
          uri,
          database,
          async (db) =>
            (await db.collection('queues').countDocuments()) + (await db.collection('sessions').countDocuments()),
        );
      return {
        kind,
        config,
        shown: `mongodb (${new URL(uri.replace(/^mongodb/, 'http')).host}/${database})`,
        isThere: async () => (await collections()).length > 0,
        size,
      };
    }
  }
}

async function withDatabase<Result>(
  uri: string,
  name: string,
  use: (db: ReturnType<MongoClient['db']>) => Promise<Result>,
): Promise<Result> {
  const client = new MongoClient(uri);
  try {
    return await use(client.db(name));
  } finally {
    await client.close();
  }
}

export async function startOn({ config }: Store): Promise<RunningBroker> {
  // The wills of clients that were connected are published at the start, without time to reconnect.
  const broker = await startBroker(['--port', '0', '--config', config], {
    env: { HEXMQ_LIMITS_WILL_GRACE_AFTER_RESTART_MS: '0' },
  });
  afterwards(() => {
    broker.program.kill('SIGKILL');
  });
  return broker;
}

/** Runs `hexmq`, which has to succeed. @returns its standard output. */
export async function done(args: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await hexmq(args);
  expect({ status, stderr: stderr.replace(/^exported .*\n/, '') }).toEqual({ status: 0, stderr: '' });
  return stdout;
}

/** Runs `hexmq`, which has to refuse with status 1. @returns the one line that it writes to standard error. */
export async function refused(args: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await hexmq(args);
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
  expect(stderr).toMatch(/^(hexmq|error): [^\n]+\n$/);
  return stderr;
}

export const totalsOf = async ({ config }: Store): Promise<Record<string, unknown>> =>
  JSON.parse(await done(['inspect', '--config', config, '--json'])) as Record<string, unknown>;

/** A digest of the whole content. */
export async function digestOf({ config }: Store): Promise<string> {
  const { status, stderr } = await hexmq(['export', '--config', config]);
  expect(status).toBe(0);
  return /digest ([0-9a-f]{64})\n$/.exec(stderr)?.[1] ?? '';
}
