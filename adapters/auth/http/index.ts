// The authenticator and the authorizer that ask a service over HTTP, as a configuration asks for them: options are checked here, the file with headers
// is read, and nothing is sent.
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

/** Said unless the configuration says something else. Not the port of the client: no two questions would be the same. */
const VALUES: readonly Placeholder[] = ['clientId', 'userName', 'password', 'ipAddress', 'listener', 'commonName'];
const HOUR_MS = 3_600_000;

/** @throws TypeError which names the option, its value unless it may be a secret, and what was expected. */
export function createAuthenticator(options: unknown, { clock }: Components): Authenticator {
  return new HttpAuthenticator(inquiryOf(options, clock, PLACEHOLDERS), clock);
}

/** As above. It is never told a password. */
export function createAuthorizer(options: unknown, { clock }: Components): Authorizer {
  const known = PLACEHOLDERS.filter((placeholder) => placeholder !== 'password');
  return new HttpAuthorizer(inquiryOf(options, clock, known));
}

function inquiryOf(options: unknown, clock: Clock, known: readonly Placeholder[]): CachedLookup {
  const read = new OptionReader(options);
  const template = templateOf(read, known);
  const service = new ServiceClient(
    {
      headers: headersOf(read),
      timeoutMs: read.integer('timeoutMs', { min: 1, max: 60_000, fallback: 3000 }),
      maxResponseBytes: read.integer('maxResponseBytes', { min: 0, max: 16 * 1024 * 1024, fallback: 65_536 }),
      maxConcurrent: read.integer('maxConcurrent', { min: 1, max: 1000, fallback: 50 }),
      maxWaiting: read.integer('maxWaiting', { min: 0, max: 100_000, fallback: 1000 }),
      breakerFailures: read.integer('breakerFailures', { min: 1, max: 1000, fallback: 5 }),
      breakerOpenMs: read.integer('breakerOpenMs', { min: 1, max: HOUR_MS, fallback: 10_000 }),
    },
    clock,
  );
  const cache = new AnswerCache(
    {
      ttlMs: read.integer('cacheTtlMs', { min: 0, max: HOUR_MS, fallback: 30_000 }),
      negativeTtlMs: read.integer('cacheNegativeTtlMs', { min: 0, max: HOUR_MS, fallback: 5000 }),
      max: read.integer('cacheMax', { min: 1, max: 1_000_000, fallback: 10_000 }),
    },
    clock,
  );
  read.rejectUnknown();
  return new CachedLookup(template, service, cache);
}

function templateOf(read: OptionReader, known: readonly Placeholder[]): RequestTemplate {
  const url = read.requireUrl('url', read.boolean('allowHttp', false));
  if (/\$(\{|%7B)/i.test(url.href))
    read.refuse('url', 'it has a placeholder, expected those in query or body, where they are encoded');
  const byDefault = VALUES.filter((value) => known.includes(value));
  if (read.oneOf('method', ['POST', 'GET'], 'POST') === 'GET') {
    if (read.has('body')) read.refuse('body', 'not valid with method GET, expected values in query');
    return new RequestTemplate(url, valuesOf(read, 'query', known, byDefault), undefined);
  }
  const encoding = read.oneOf('contentType', ['json', 'form'], 'json');
  return new RequestTemplate(url, valuesOf(read, 'query', known, []), {
    values: valuesOf(read, 'body', known, byDefault),
    encoding,
  });
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
  const written = read.mapping(key);
  for (const name of written.keys) {
    const text = written.requireString(name, 'a string with placeholders');
    try {
      values.add(name, text, known);
    } catch (error) {
      written.refuse(name, (error as Error).message);
    }
  }
  return values;
}

function headersOf(read: OptionReader): HeaderLines {
  const written = read.mapping('headers');
  const lines = written.keys.map((name): HeaderLine => {
    const line = [name, written.requireSecret(name, 'the value of a header')] as const;
    const problem = headerProblem(line);
    if (problem !== undefined) written.refuse(name, problem);
    return line;
  });
  const file = read.string('headersFile', 'the path of a file');
  try {
    return new HeaderLines(lines, file);
  } catch (error) {
    return read.refuse('headersFile', (error as Error).message);
  }
}
