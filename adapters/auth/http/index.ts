// The adapter `http`: validates the options of the authenticator and the authorizer. Nothing is sent yet.
import { OptionReader } from 'hexmq/ports';
import type { Authenticator, Authorizer, Clock } from 'hexmq/ports';
import { AnswerCache } from './answer-cache.js';
import { headerProblem, HeaderLines } from './header-lines.js';
import type { HeaderLine } from './header-lines.js';
import { HttpAuthenticator } from './http-authenticator.js';
import { HttpAuthorizer } from './http-authorizer.js';
import { CachedLookup } from './cached-lookup.js';
import { PLACEHOLDERS, RequestTemplate, ValueTemplates } from './request-template.js';
import type { Placeholder } from './request-template.js';
import { ServiceClient } from './service-client.js';

interface Components {
  readonly clock: Clock;
}

/** The default values. They leave out the client's port, with which no two requests would be equal for the cache. */
const DEFAULT_VALUES: readonly Placeholder[] = [
  'clientId',
  'userName',
  'password',
  'ipAddress',
  'listener',
  'commonName',
];
const HOUR_MS = 3_600_000;

/** @throws TypeError that names the option and what was expected, with the value unless it may be a secret. */
export function createAuthenticator(options: unknown, { clock }: Components): Authenticator {
  return new HttpAuthenticator(lookupOf(options, clock, PLACEHOLDERS), clock);
}

/** An authorizer never has the password. @throws TypeError as `createAuthenticator`. */
export function createAuthorizer(options: unknown, { clock }: Components): Authorizer {
  const known = PLACEHOLDERS.filter((placeholder) => placeholder !== 'password');
  return new HttpAuthorizer(lookupOf(options, clock, known));
}

function lookupOf(options: unknown, clock: Clock, known: readonly Placeholder[]): CachedLookup {
  const read = new OptionReader(options);
  const { template, cache, ...service } = read.readAll({
    template: () => templateOf(read, known),
    cache: () =>
      read.readEach({
        ttlMs: () => read.integer('cacheTtlMs', { min: 0, max: HOUR_MS, fallback: 30_000 }),
        negativeTtlMs: () => read.integer('cacheNegativeTtlMs', { min: 0, max: HOUR_MS, fallback: 5000 }),
        maxEntries: () => read.integer('cacheMax', { min: 1, max: 1_000_000, fallback: 10_000 }),
      }),
    headers: () => read.part(['headers', 'headersFile'], () => headersOf(read)),
    timeoutMs: () => read.integer('timeoutMs', { min: 1, max: 60_000, fallback: 3000 }),
    maxResponseBytes: () => read.integer('maxResponseBytes', { min: 0, max: 16 * 1024 * 1024, fallback: 65_536 }),
    maxConcurrent: () => read.integer('maxConcurrent', { min: 1, max: 1000, fallback: 50 }),
    maxWaiting: () => read.integer('maxWaiting', { min: 0, max: 100_000, fallback: 1000 }),
    breakerFailures: () => read.integer('breakerFailures', { min: 1, max: 1000, fallback: 5 }),
    breakerOpenMs: () => read.integer('breakerOpenMs', { min: 1, max: HOUR_MS, fallback: 10_000 }),
  });
  return new CachedLookup(template, new ServiceClient(service, clock), new AnswerCache(cache, clock));
}

function templateOf(read: OptionReader, known: readonly Placeholder[]): RequestTemplate {
  const { url, request } = read.readEach({
    url: () => read.part(['url', 'allowHttp'], () => urlOf(read)),
    request: () => read.part(['method', 'query', 'body', 'contentType'], () => requestOf(read, known)),
  });
  return new RequestTemplate(url, request.query, request.body);
}

function urlOf(read: OptionReader): URL {
  const url = read.requireUrl('url', read.boolean('allowHttp', false));
  if (/\$(\{|%7B)/i.test(url.href))
    read.refuse('url', 'contains a placeholder, expected placeholders in query or body, where they are encoded');
  return url;
}

interface RequestParts {
  readonly query: ValueTemplates;
  readonly body: { readonly values: ValueTemplates; readonly encoding: 'json' | 'form' } | undefined;
}

function requestOf(read: OptionReader, known: readonly Placeholder[]): RequestParts {
  const byDefault = DEFAULT_VALUES.filter((value) => known.includes(value));
  if (read.oneOf('method', ['POST', 'GET'], 'POST') === 'GET') {
    if (read.has('body')) read.refuse('body', 'not valid with method GET, expected values in query');
    return { query: valuesOf(read, 'query', known, byDefault), body: undefined };
  }
  const { query, ...body } = read.readEach({
    query: () => valuesOf(read, 'query', known, []),
    values: () => valuesOf(read, 'body', known, byDefault),
    encoding: () => read.oneOf('contentType', ['json', 'form'], 'json'),
  });
  return { query, body };
}

function valuesOf(
  read: OptionReader,
  key: string,
  known: readonly Placeholder[],
  byDefault: readonly Placeholder[],
): ValueTemplates {
  const values = new ValueTemplates();
  if (!read.has(key)) {
    read.mapping(key).rejectUnknown();
    for (const name of byDefault) values.add(name, `\${${name}}`, known);
    return values;
  }
  const given = read.mapping(key);
  const addOf = (name: string) => (): void => {
    const text = given.requireString(name, 'a string with placeholders');
    try {
      values.add(name, text, known);
    } catch (error) {
      given.refuse(name, (error as Error).message);
    }
  };
  given.readEach(Object.fromEntries(given.keys.map((name) => [name, addOf(name)])));
  return values;
}

function headersOf(read: OptionReader): HeaderLines {
  const given = read.mapping('headers');
  const lines = given.keys.map((name): HeaderLine => {
    const line = [name, given.requireSecret(name, 'the value of a header')] as const;
    const problem = headerProblem(line);
    if (problem !== undefined) given.refuse(name, problem);
    return line;
  });
  const file = read.string('headersFile', 'the path of a file');
  try {
    return new HeaderLines(lines, file);
  } catch (error) {
    return read.refuse('headersFile', (error as Error).message);
  }
}
