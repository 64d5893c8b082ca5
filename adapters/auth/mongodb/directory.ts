// The database in which users and roles are looked up, as far as the driver is concerned: it connects when it is first asked, says what is wrong
// without a credential in it, and gives up in time.
import { MongoClient, MongoError, MongoServerError } from 'mongodb';
import type { Collection, Document, MongoClientOptions } from 'mongodb';

export interface DirectoryOptions {
  readonly url: string;
  readonly database: string;
  readonly timeoutMs: number;
}

const POOL_MAX = 16;
const UNAUTHORIZED = new Set([13, 18, 8000]);

export class Directory {
  readonly #client: MongoClient;
  readonly #database: string;
  readonly #timeoutMs: number;
  /** The servers and the database, as they may be shown. */
  readonly #place: string;
  readonly #indexes = new Map<string, Promise<void>>();

  /** @throws TypeError when the URL is none; what it says is not shown. */
  constructor({ url, database, timeoutMs }: DirectoryOptions) {
    try {
      this.#client = new MongoClient(url, clientOptions(timeoutMs));
    } catch (error) {
      throw new TypeError('no connection string that MongoDB understands', { cause: error });
    }
    this.#database = database;
    this.#timeoutMs = timeoutMs;
    this.#place = `${this.#client.options.srvHost ?? this.#client.options.hosts.map(String).join(',')}/${database}`;
  }

  /** The documents in which the field has one of the values; as many as there are values, and one more at most. @throws Error */
  async find(
    collection: string,
    field: string,
    values: readonly string[],
    fields: readonly string[],
  ): Promise<Document[]> {
    try {
      const documents = this.#client.db(this.#database).collection(collection);
      await this.#indexed(documents, field);
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

  /** A look-up without an index reads every document. */
  #indexed(documents: Collection, field: string): Promise<void> {
    if (field === '_id') return Promise.resolve();
    const name = `${documents.collectionName}.${field}`;
    let indexed = this.#indexes.get(name);
    if (indexed === undefined) {
      indexed = makeIndex(documents, field);
      this.#indexes.set(name, indexed);
      indexed.catch(() => this.#indexes.delete(name));
    }
    return indexed;
  }

  #problem(error: unknown): unknown {
    if (!(error instanceof MongoError)) return error;
    const detail = innermost(error).message.replaceAll(/mongodb(\+srv)?:\/\/\S+/gi, 'mongodb://…');
    const isRefusal = error instanceof MongoServerError || innermost(error) instanceof MongoServerError;
    return new Error(
      `MongoDB at ${this.#place} ${isRefusal ? 'refuses the login, or what it was asked' : 'cannot be reached, or does not answer'} (${detail})`,
      { cause: error },
    );
  }
}

/** Who may only read has to make it himself. */
async function makeIndex(documents: Collection, field: string): Promise<void> {
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
  /** Who may log in does not depend on which server is asked. */
  readPreference: 'primaryPreferred',
});

function innermost(error: Error): Error {
  let each = error;
  while (each.cause instanceof Error && each.cause.message !== '') each = each.cause;
  return each;
}
