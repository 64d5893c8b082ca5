// Stores for the tests: each has a prefix of its own on the server that HEXMQ_REDIS_URL names.
import { randomBytes } from 'node:crypto';
import { createClient } from '@redis/client';
import type { Storage } from 'hexmq/ports';
import { createStorage } from '../src/index.js';
import { Proxy } from './proxy.js';

export const SERVER = process.env['HEXMQ_REDIS_URL'] ?? 'redis://127.0.0.1:6379';

export async function command(...args: string[]): Promise<unknown> {
  const client = createClient({ url: SERVER });
  await client.connect();
  try {
    return await client.sendCommand(args);
  } finally {
    client.destroy();
  }
}

/** A prefix, and the storages on it, each with a connection of its own, as processes have. */
export class Store {
  readonly prefix = `hexmq_test_${randomBytes(8).toString('hex')}:`;
  #proxies: Proxy[] = [];

  async storage(): Promise<Storage> {
    const proxy = await Proxy.before(SERVER);
    this.#proxies.push(proxy);
    return createStorage({ url: proxy.url, prefix: this.prefix });
  }

  /** The proxy of the storage that was made last. */
  get proxy(): Proxy {
    const last = this.#proxies.at(-1);
    if (last === undefined) throw new Error('there is no storage yet');
    return last;
  }

  /** Ends what the death of their process would end. */
  killAll(): void {
    for (const proxy of this.#proxies) proxy.close();
    this.#proxies = [];
  }

  async remove(): Promise<void> {
    this.killAll();
    const names = (await command('KEYS', `${this.prefix}*`)) as string[];
    for (let from = 0; from < names.length; from += 1000) await command('UNLINK', ...names.slice(from, from + 1000));
  }
}
