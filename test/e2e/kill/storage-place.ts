// The storage of a killable broker: the arguments of its command, and what else can be killed or cut off with it.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from '../hexmq-command.js';
import type { KillableMongoServer, MongoServer } from '../../support/mongodb-server.js';

/** A storage server that only one test uses. */
export interface KillableServer {
  /** Sends SIGKILL. Resolves when no process of the server runs. */
  kill(): Promise<void>;
  /** Restarts the server after a kill, with its data and at the same address. Resolves when it answers. */
  restart(): Promise<void>;
  /** What is known of it, for a failure. */
  describe?(): Promise<string>;
}

/** A disk that keeps only synced data when its power is cut. */
export interface PoweredDisk {
  /** Environment variables for the broker's process. */
  readonly env: Readonly<Record<string, string>>;
  /** To be called when that process is dead. */
  cutPower(): void;
}

export interface StoragePlace {
  /** Arguments of `hexmq start`. */
  readonly args: readonly string[];
  /** Where it is started, if storage is a package that is installed there. */
  readonly cwd?: string;
  /** Set if storage is a server that may be killed. */
  readonly server?: KillableServer;
  /** Set if the power is cut with each kill. */
  readonly disk?: PoweredDisk;
}

export function fileStorage(): StoragePlace {
  return { args: ['--storage', 'file', '--data', join(temporaryDirectory(), 'data')] };
}

/** On a server that other tests may use too, so it is never killed. */
export function mongodbStorage({ uri, newDatabase }: MongoServer): StoragePlace {
  return { args: configured('mongodb', { url: uri, database: newDatabase() }) };
}

/** The arguments for a configuration with this storage, and nothing else. */
export function configured(adapter: string, options: Readonly<Record<string, unknown>>): readonly string[] {
  const path = join(temporaryDirectory(), 'hexmq.yaml');
  // JSON is valid YAML.
  writeFileSync(path, JSON.stringify({ storage: { adapter, options } }));
  return ['--config', path];
}

export function killableMongodbStorage(server: KillableMongoServer): StoragePlace {
  return { ...mongodbStorage(server), server };
}
