// Requests that the driver never answers. When a connection breaks after a request was handed to it and before the
// driver listens for the answer, the driver waits without limit: none of its time limits has begun. But it emits
// `connectionPoolCleared` when it gives up its connections, and a request that was sent before that and has no answer a
// moment later has lost its connection. It is rejected as a failure whose outcome is unknown.
import { MongoNetworkError } from 'mongodb';
import type { Collection, Document, FindCursor, MongoClient } from 'mongodb';

/** Requests that lost their connection in the ordinary way have been rejected by then. */
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
  /** The requests under way, in the order in which they were sent. */
  #pending = new Set<Rejection>();

  constructor(client: MongoClient) {
    client.on('connectionPoolCleared', () => {
      const pending = this.#pending;
      if (pending.size === 0) return;
      this.#pending = new Set();
      // Rejecting a request that was answered meanwhile has no effect.
      setTimeout(() => {
        for (const reject of pending)
          reject(new MongoNetworkError('the connection broke, and the request was never answered'));
      }, GRACE_MS).unref();
    });
  }

  /** @returns the same collection, every request of which is answered. */
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

  /** Every way of reading a cursor calls `next`. */
  #guardCursor(cursor: FindCursor): FindCursor {
    const next = cursor.next.bind(cursor);
    cursor.next = () => this.#answered(next);
    return cursor;
  }

  #answered<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#pending.add(reject);
      ask()
        .finally(() => this.#pending.delete(reject))
        .then(resolve, reject);
    });
  }
}
