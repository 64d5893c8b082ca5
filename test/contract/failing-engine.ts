// The engine of file storage with failures put between it and the storage, so that tests need neither a full disk nor
// the right to make one.
import { engineOf } from '../../adapters/storage/file/index.js';
import type { Database } from '../../adapters/storage/file/engine.js';

/** The calls of the engine that a test can intercept. */
export type Call = 'open' | 'close' | 'write' | 'written' | 'get' | 'getMany' | 'next';

export const levelError = (message: string): Error => Object.assign(new Error(message), { code: 'LEVEL_IO_ERROR' });

/** The real engine, with a hook before each call that may wait or throw. */
export function engineWith(before: (call: Call) => void | Promise<void>): (directory: string) => Database {
  return (directory) => {
    const db = engineOf(directory);
    const intercept = <Name extends 'open' | 'close' | 'get' | 'getMany'>(name: Name): void => {
      const inner = (db[name] as (...args: unknown[]) => Promise<unknown>).bind(db);
      (db as unknown as Record<string, unknown>)[name] = async (...args: unknown[]) => {
        await before(name);
        return inner(...args);
      };
    };
    for (const name of ['open', 'close', 'get', 'getMany'] as const) intercept(name);
    const batch = db.batch.bind(db) as (...args: unknown[]) => ReturnType<Database['batch']>;
    db.batch = ((...args: unknown[]) => {
      const writes = batch(...args);
      if (args.length > 0) return writes;
      const write = writes.write.bind(writes) as (options?: object) => Promise<void>;
      writes.write = async (options?: object) => {
        await before('write');
        await write(options);
        await before('written');
      };
      return writes;
    }) as Database['batch'];
    const iterator = db.iterator.bind(db) as (options: object) => ReturnType<Database['iterator']>;
    db.iterator = ((options: object) => {
      const made = iterator(options);
      const nextv = made.nextv.bind(made) as (size: number) => Promise<[Buffer, Buffer][]>;
      made.nextv = (async (size: number) => {
        await before('next');
        return nextv(size);
      }) as typeof made.nextv;
      return made;
    }) as Database['iterator'];
    return db;
  };
}

/** An engine in which the calls named fail as often as is said. */
export function failing(): {
  readonly engine: (directory: string) => Database;
  readonly left: Partial<Record<Call, { times: number; error: Error }>>;
} {
  const left: Partial<Record<Call, { times: number; error: Error }>> = {};
  const engine = engineWith((call) => {
    const planned = left[call];
    if (planned === undefined || planned.times === 0) return;
    planned.times--;
    throw planned.error;
  });
  return { engine, left };
}
