// Requests that are never answered. When a connection breaks at an unlucky moment, after a request was handed to it and before anybody listens for the
// answer, the driver waits for ever: no time limit of its own begins. But it says when it gives up its connections (`connectionPoolCleared`), and
// whatever was asked before that and has no answer a moment later has lost its connection. It is told so, as a failure whose outcome is unknown.
import { MongoNetworkError } from 'mongodb';
import type { Collection, Document, FindCursor, MongoClient } from 'mongodb';

/** Those that lost their connection in an ordinary way have been told by then. */
const GRACE_MS = 1_000;

const REQUESTS = [
  'insertOne',
  'insertMany',
  'updateOne',
  'updateMany',
  'deleteMany',
  'bulkWrite',
  'findOne',
  'findOneAndUpdate',
  'distinct',
  'createIndexes',
] as const;

type Rejection = (error: Error) => void;
type Method = (...args: unknown[]) => Promise<unknown>;

export class LostRequests {
  /** Those under way, in the order of asking. */
  #asked = new Set<Rejection>();

  constructor(client: MongoClient) {
    client.on('connectionPoolCleared', () => {
      const asked = this.#asked;
      if (asked.size === 0) return;
      this.#asked = new Set();
      // Whoever has been answered meanwhile does not mind.
      setTimeout(() => {
        for (const reject of asked)
          reject(new MongoNetworkError('the connection broke, and the request was never answered'));
      }, GRACE_MS).unref();
    });
  }

  /** The same collection, whose requests are answered in any case. */
  guard<Schema extends Document>(collection: Collection<Schema>): Collection<Schema> {
    const methods = collection as unknown as Record<string, Method>;
    for (const name of REQUESTS) {
      const method = (methods[name] as Method).bind(collection);
      methods[name] = (...args) => this.#answered(() => method(...args));
    }
    for (const name of ['find', 'aggregate'] as const) {
      const method = (collection[name] as unknown as (...args: unknown[]) => FindCursor).bind(collection);
      (methods as unknown as Record<string, unknown>)[name] = (...args: unknown[]) =>
        this.#guardCursor(method(...args));
    }
    return collection;
  }

  /** Whoever goes through a cursor, in whichever way, asks for the next. */
  #guardCursor(cursor: FindCursor): FindCursor {
    const next = cursor.next.bind(cursor);
    cursor.next = () => this.#answered(next);
    return cursor;
  }

  #answered<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#asked.add(reject);
      ask()
        .finally(() => this.#asked.delete(reject))
        .then(resolve, reject);
    });
  }
}
