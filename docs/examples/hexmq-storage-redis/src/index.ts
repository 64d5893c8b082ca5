// hexmq-storage-redis: what a configuration of hexmq needs. Checks the options and opens nothing.
import { OptionReader } from 'hexmq/ports';
import type { Storage } from 'hexmq/ports';
import { RedisStorage } from './redis-storage.js';

const URL_EXPECTED = 'a URL such as rediss://user:password@host:6379/0';
const PREFIX_EXPECTED = 'the beginning of the names of all keys: 1 to 64 printable characters without spaces';
const TIMEOUT = { min: 1000, max: 3_600_000, fallback: 60_000 };

/**
 * Called by hexmq with the options of the configuration.
 * @throws TypeError or AggregateError that names the options. No message shows the URL, which may hold a password.
 */
export function createStorage(given: unknown): Storage {
  const options = new OptionReader(given);
  const { url, prefix, timeoutMs } = options.readAll({
    url: () => urlOf(options),
    prefix: () => prefixOf(options),
    timeoutMs: () => options.integer('timeoutMs', TIMEOUT),
  });
  const { hostname, port, pathname } = new URL(url);
  const name = `Redis at ${hostname}:${port === '' ? '6379' : port}${pathname}, prefix ${prefix}`;
  return new RedisStorage({ url, prefix, name, timeoutMs });
}

function urlOf(options: OptionReader): string {
  const url = options.requireSecret('url', URL_EXPECTED);
  if (!URL.canParse(url) || !/^rediss?:$/.test(new URL(url).protocol) || !/^(\/\d*)?$/.test(new URL(url).pathname))
    options.refuse('url', `not valid, expected ${URL_EXPECTED}`);
  return url;
}

function prefixOf(options: OptionReader): string {
  const prefix = options.string('prefix', PREFIX_EXPECTED) ?? 'hexmq:';
  if (!/^[\x21-\x7e]{1,64}$/.test(prefix))
    options.refuse('prefix', `${JSON.stringify(prefix)} is not valid, expected ${PREFIX_EXPECTED}`);
  return prefix;
}
