// The authenticator and the authorizer that ask a service over HTTP, as a configuration asks for them: options are checked here, the file with headers
// is read, and nothing is sent.
import { OptionReader } from 'hexmq/ports';
import type { Authenticator, Authorizer, Clock } from 'hexmq/ports';
import { AnswerCache } from './answer-cache.js';
import { headerProblem, HeaderLines } from './header-lines.js';
import type { HeaderLine } from './header-lines.js';
import { HttpAuthenticator } from './http-authenticator.js';
import { HttpAuthorizer } from './http-authorizer.js';
import { Inquiry } from './inquiry.js';
import { PLACEHOLDERS, RequestTemplate, ValueTemplates } from './request-template.js';
import type { Placeholder } from './request-template.js';
import { Service } from './service.js';

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

function inquiryOf(options: unknown, clock: Clock, known: readonly Placeholder[]): Inquiry {
  const read = new OptionReader(options);
  const template = templateOf(read, known);
  const service = new Service(
    {
      headers: headersOf(read),
      timeoutMs: read.wholeNumber('timeoutMs', { least: 1, most: 60_000, fallback: 3000 }),
      maxResponseBytes: read.wholeNumber('maxResponseBytes', { least: 0, most: 16 * 1024 * 1024, fallback: 65_536 }),
      maxConcurrent: read.wholeNumber('maxConcurrent', { least: 1, most: 1000, fallback: 50 }),
      maxWaiting: read.wholeNumber('maxWaiting', { least: 0, most: 100_000, fallback: 1000 }),
      breakerFailures: read.wholeNumber('breakerFailures', { least: 1, most: 1000, fallback: 5 }),
      breakerOpenMs: read.wholeNumber('breakerOpenMs', { least: 1, most: HOUR_MS, fallback: 10_000 }),
    },
    clock,
  );
  const cache = new AnswerCache(
    {
      ttlMs: read.wholeNumber('cacheTtlMs', { least: 0, most: HOUR_MS, fallback: 30_000 }),
      negativeTtlMs: read.wholeNumber('cacheNegativeTtlMs', { least: 0, most: HOUR_MS, fallback: 5000 }),
      max: read.wholeNumber('cacheMax', { least: 1, most: 1_000_000, fallback: 10_000 }),
    },
    clock,
  );
  read.end();
  return new Inquiry(template, service, cache);
}

function templateOf(read: OptionReader, known: readonly Placeholder[]): RequestTemplate {
  const url = read.requiredUrl('url', read.flag('allowHttp', false));
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
    read.mapping(key).end();
    for (const name of byDefault) values.add(name, `\${${name}}`, known);
    return values;
  }
  const written = read.mapping(key);
  for (const name of written.keys) {
    const text = written.requiredText(name, 'a text with placeholders');
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
    const line = [name, written.requiredSecret(name, 'the value of a header')] as const;
    const problem = headerProblem(line);
    if (problem !== undefined) written.refuse(name, problem);
    return line;
  });
  const file = read.text('headersFile', 'the path of a file');
  try {
    return new HeaderLines(lines, file);
  } catch (error) {
    return read.refuse('headersFile', (error as Error).message);
  }
}
