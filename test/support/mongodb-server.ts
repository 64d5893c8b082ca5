// The MongoDB server that tests use, found or started: docs/testing.md says in which order. A suite asks before it
// describes its tests:
//
//   const server = await mongoServer();
//   describeWithServer(server, 'storage in MongoDB', ({ uri, newDatabase }) => { … });
//   afterAll(() => server?.stop());
import { MongoClient } from 'mongodb';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { Mongod, ScriptedServer, ping } from './mongodb/server-process.js';
import type { ServerProcess } from './mongodb/server-process.js';

export interface MongoServer {
  readonly uri: string;
  /** An unused name for a database, which `stop` drops. */
  readonly newDatabase: () => string;
  readonly stop: () => Promise<void>;
}

/** A server that no other suite uses. */
export interface KillableMongoServer extends MongoServer {
  /** Kills all processes of the server with SIGKILL. */
  readonly kill: () => Promise<void>;
  /** Starts the killed server on the same data, at the same URI. */
  readonly restart: () => Promise<void>;
  /** Whether it answers a client of the test's own now, and the end of its log. */
  readonly describe: () => Promise<string>;
}

/** The version of mongod to download if there is none and the package for it is installed. */
const DOWNLOADED_VERSION = '8.0.4';

/** Not a dependency of the project, so that nothing is downloaded by default: installing it allows the download. */
const DOWNLOADER = 'mongodb-memory-server-core';

interface Downloader {
  readonly MongoBinary: { getPath(options: { readonly version: string }): Promise<string> };
}

/** The server, or `undefined` if there is none. @throws if `MONGODB_URI` names a server that does not answer. */
export async function mongoServer(): Promise<MongoServer | undefined> {
  const uri = process.env['MONGODB_URI'];
  return uri === undefined || uri === '' ? killableMongoServer() : sharedServer(uri);
}

/** A server that no other suite uses, so never that of `MONGODB_URI`; `undefined` if none can be started. */
export async function killableMongoServer(): Promise<KillableMongoServer | undefined> {
  const server = await newServerProcess();
  if (server === undefined) return undefined;
  try {
    const uri = await server.start();
    const restart = async (): Promise<void> => {
      await server.start();
    };
    const describe = async (): Promise<string> => {
      const answer = await ping(uri, 5000).then(
        () => 'answers a ping',
        (reason: unknown) => `does not answer a ping: ${String(reason)}`,
      );
      return `the server ${answer}; its log ends with\n${server.log()}`;
    };
    const kill = (): Promise<void> => server.kill();
    return { uri, newDatabase: newName, kill, restart, describe, stop: () => server.remove() };
  } catch (error) {
    await server.remove();
    throw error;
  }
}

async function sharedServer(uri: string): Promise<MongoServer> {
  try {
    await ping(uri, 10_000);
  } catch (error) {
    throw new Error('MONGODB_URI is set, and no server answers there', { cause: error });
  }
  const databases: string[] = [];
  const newDatabase = (): string => {
    const name = newName();
    databases.push(name);
    return name;
  };
  const stop = async (): Promise<void> => {
    const client = new MongoClient(uri);
    try {
      for (const name of databases) await client.db(name).dropDatabase();
    } finally {
      await client.close();
    }
  };
  return { uri, newDatabase, stop };
}

function newName(): string {
  return `hexmq_test_${randomBytes(8).toString('hex')}`;
}

async function newServerProcess(): Promise<ServerProcess | undefined> {
  const named = process.env['MONGOMS_SYSTEM_BINARY'];
  if (named !== undefined && named !== '') return new Mongod(named);
  if (spawnSync('mongod', ['--version'], { stdio: 'ignore' }).status === 0) return new Mongod('mongod');
  // Before the download: a machine on which it was installed is one that does not download.
  if (ScriptedServer.canRun()) return new ScriptedServer();
  const downloaded = await downloadedBinary();
  return downloaded === undefined ? undefined : new Mongod(downloaded);
}

async function downloadedBinary(): Promise<string | undefined> {
  try {
    const { MongoBinary } = (await import(DOWNLOADER)) as Downloader;
    return await MongoBinary.getPath({ version: DOWNLOADED_VERSION });
  } catch {
    return undefined;
  }
}
