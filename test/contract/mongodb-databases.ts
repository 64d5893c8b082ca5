// Databases on the server that the tests were given, one for each test, and storages on them whose server can be made
// to fail.
import { MongoClient, MongoNetworkError } from 'mongodb';
import type { Collection, Db } from 'mongodb';
import type { StorageUnderTest } from 'hexmq/testkit';
import { MongoStorage, clientFor } from '../../adapters/storage/mongodb/index.js';
import type { MongoStorageLimits } from '../../adapters/storage/mongodb/index.js';
import { mongoServer } from '../support/mongodb-server.js';
import type { MongoServer } from '../support/mongodb-server.js';

/** Called before each write. It may throw, or return an error that is thrown after the write. */
export type WriteWatch = (collection: string, operation: string) => Error | undefined | Promise<Error | undefined>;

const WRITES = [
  'insertOne',
  'insertMany',
  'updateOne',
  'updateMany',
  'deleteMany',
  'bulkWrite',
  'findOneAndUpdate',
] as const;

type AnyMethod = (...args: unknown[]) => Promise<unknown>;

/** A driver that tells of every write. */
export function watchedClient(url: string, watch: WriteWatch): MongoClient {
  const client = clientFor(url);
  const db = client.db.bind(client);
  client.db = (name?: string): Db => {
    const database = db(name);
    const collection = database.collection.bind(database) as (name: string) => Collection;
    database.collection = ((of: string) => {
      const found = collection(of) as unknown as Record<string, AnyMethod>;
      for (const operation of WRITES) {
        const method = (found[operation] as AnyMethod).bind(found);
        found[operation] = async (...args) => {
          const failure = await watch(of, operation);
          const result = await method(...args);
          if (failure !== undefined) throw failure;
          return result;
        };
      }
      return found;
    }) as unknown as Db['collection'];
    return database;
  };
  return client;
}

export class MongoDatabase {
  readonly #clients: MongoClient[] = [];
  #watch: WriteWatch = () => undefined;

  constructor(
    readonly url: string,
    readonly name: string,
    readonly admin: MongoClient,
  ) {}

  get db(): Db {
    return this.admin.db(this.name);
  }

  /** For the storages that are created later. */
  watchWith(watch: WriteWatch): void {
    this.#watch = watch;
  }

  storage(limits: MongoStorageLimits = {}): MongoStorage {
    const watch = (collection: string, operation: string) => this.#watch(collection, operation);
    return new MongoStorage(
      { url: this.url, database: this.name },
      (url) => {
        const client = watchedClient(url, watch);
        this.#clients.push(client);
        return client;
      },
      limits,
    );
  }

  /** Crashes all processes that have the database open. */
  async crash(): Promise<void> {
    await Promise.all(this.#clients.splice(0).map((client) => client.close()));
  }

  async drop(): Promise<void> {
    await this.crash();
    await this.db.dropDatabase();
  }
}

export class MongoDatabases {
  readonly #admin: MongoClient;

  private constructor(readonly server: MongoServer) {
    this.#admin = new MongoClient(server.uri);
  }

  /** `undefined`: there is no server here. */
  static async find(): Promise<MongoDatabases | undefined> {
    const server = await mongoServer();
    return server === undefined ? undefined : new MongoDatabases(server);
  }

  create(): MongoDatabase {
    return new MongoDatabase(this.server.uri, this.server.newDatabase(), this.#admin);
  }

  subject(): StorageUnderTest {
    const database = this.create();
    let failure: 'before' | 'after' | undefined;
    database.watchWith((collection) => {
      if (collection !== 'journal' || failure === undefined) return undefined;
      const how = failure;
      failure = undefined;
      const error = new MongoNetworkError('connection broken by the test');
      if (how === 'before') throw error;
      return error;
    });
    return {
      storage: database.storage(),
      reopen: async () => {
        await database.crash();
        return database.storage();
      },
      second: () => Promise.resolve(database.storage()),
      failNextCommit: (how) => {
        failure = how;
      },
      dispose: () => database.drop(),
    };
  }

  async dispose(): Promise<void> {
    await this.#admin.close();
    await this.server.stop();
  }
}
