// The database of users and roles. It connects on the first lookup, bounds every operation in time, and reports errors
// without credentials.
import { MongoClient, MongoError, MongoServerError } from 'mongodb';
import type { Collection, Document, MongoClientOptions } from 'mongodb';

export interface DirectoryOptions {
  readonly url: string;
  readonly database: string;
  readonly timeoutMs: number;
}

const POOL_MAX = 16;
/** Unauthorized, AuthenticationFailed, AtlasError. */
const UNAUTHORIZED = new Set([13, 18, 8000]);

export class Directory {
  readonly #client: MongoClient;
  readonly #database: string;
  readonly #timeoutMs: number;
  /** The servers and the database, without credentials, for messages. */
  readonly #place: string;
  readonly #indexes = new Map<string, Promise<void>>();

  /** @throws TypeError if the URL is not a connection string. The message does not show it. */
  constructor({ url, database, timeoutMs }: DirectoryOptions) {
    try {
      this.#client = new MongoClient(url, clientOptions(timeoutMs));
    } catch (error) {
      throw new TypeError('not a valid MongoDB connection string', { cause: error });
    }
    this.#database = database;
    this.#timeoutMs = timeoutMs;
    this.#place = `${this.#client.options.srvHost ?? this.#client.options.hosts.map(String).join(',')}/${database}`;
  }

  /**
   * The documents whose field has one of the values, at most one more than there are values, so that a duplicate shows.
   * @throws Error that names the servers and the database.
   */
  async find(
    collection: string,
    field: string,
    values: readonly string[],
    fields: readonly string[],
  ): Promise<Document[]> {
    try {
      const documents = this.#client.db(this.#database).collection(collection);
      await this.#ensureIndex(documents, field);
      const projection = Object.fromEntries([field, ...fields].map((name) => [name, 1]));
      const query = { [field]: values.length === 1 ? { $eq: values[0] } : { $in: [...values] } };
      return await documents
        .find(query, { projection, limit: values.length + 1, maxTimeMS: this.#timeoutMs })
        .toArray();
    } catch (error) {
      throw this.#problem(error);
    }
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  /** Creates the index once: without it, a lookup reads every document. */
  #ensureIndex(documents: Collection, field: string): Promise<void> {
    if (field === '_id') return Promise.resolve();
    const name = `${documents.collectionName}.${field}`;
    let indexed = this.#indexes.get(name);
    if (indexed === undefined) {
      indexed = createUniqueIndex(documents, field);
      this.#indexes.set(name, indexed);
      indexed.catch(() => this.#indexes.delete(name));
    }
    return indexed;
  }

  #problem(error: unknown): unknown {
    if (!(error instanceof MongoError)) return error;
    const detail = innermost(error).message.replaceAll(/mongodb(\+srv)?:\/\/\S+/gi, 'mongodb://…');
    const isRefusal = error instanceof MongoServerError || innermost(error) instanceof MongoServerError;
    const problem = isRefusal ? 'refuses the login or the query' : 'cannot be reached, or does not answer';
    return new Error(`MongoDB at ${this.#place} ${problem} (${detail})`, { cause: error });
  }
}

/** A user with read access only is tolerated: then an administrator has to create the index. */
async function createUniqueIndex(documents: Collection, field: string): Promise<void> {
  try {
    await documents.createIndex({ [field]: 1 }, { unique: true });
  } catch (error) {
    if (!(error instanceof MongoServerError && UNAUTHORIZED.has(Number(error.code)))) throw error;
  }
}

const clientOptions = (timeoutMs: number): MongoClientOptions => ({
  appName: 'hexmq',
  serverSelectionTimeoutMS: timeoutMs,
  connectTimeoutMS: timeoutMs,
  socketTimeoutMS: timeoutMs,
  waitQueueTimeoutMS: timeoutMs,
  maxPoolSize: POOL_MAX,
  /** Logins keep working while there is no primary. */
  readPreference: 'primaryPreferred',
});

function innermost(error: Error): Error {
  let each = error;
  while (each.cause instanceof Error && each.cause.message !== '') each = each.cause;
  return each;
}
