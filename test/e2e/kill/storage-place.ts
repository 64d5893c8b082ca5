// Where a broker that is killed stores: what its command is told, and what else can be killed there.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from '../hexmq-command.js';
import type { KillableMongoServer, MongoServer } from '../../support/mongodb-server.js';

/** A server that only this test uses. */
export interface KillableServer {
  /** SIGKILL; resolves when nothing of it runs. */
  kill(): Promise<void>;
  /** After a kill: with what it had stored, at the same place. Resolves when it answers. */
  restart(): Promise<void>;
}

/** One that keeps, when it loses its power, what was synced and nothing else. */
export interface PoweredDisk {
  /** For the broker's process. */
  readonly env: Readonly<Record<string, string>>;
  /** When that process is dead. */
  cutPower(): void;
}

export interface StoragePlace {
  /** For `hexmq start`. */
  readonly args: readonly string[];
  /** Where storage is a program of its own that may be killed. */
  readonly server?: KillableServer;
  /** Where whoever kills the broker also cuts the power. */
  readonly disk?: PoweredDisk;
}

export function fileStorage(): StoragePlace {
  return { args: ['--storage', 'file', '--data', join(temporaryDirectory(), 'data')] };
}

/** On a server that may be anyone's. */
export function mongodbStorage({ uri, newDatabase }: MongoServer): StoragePlace {
  const path = join(temporaryDirectory(), 'hexmq.yaml');
  // YAML takes JSON.
  writeFileSync(
    path,
    JSON.stringify({ storage: { adapter: 'mongodb', options: { url: uri, database: newDatabase() } } }),
  );
  return { args: ['--config', path] };
}

export function killableMongodbStorage(server: KillableMongoServer): StoragePlace {
  return { ...mongodbStorage(server), server };
}
