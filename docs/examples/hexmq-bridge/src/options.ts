// The options of a configuration. Files are read here, so that `hexmq check-config` refuses one that is missing.
import { OptionReader, readRegularFileSync, topicFilterProblem } from 'hexmq/ports';

const URL_EXPECTED = 'a URL such as mqtts://broker.example:8883, without a user name and a password';
const FILTERS_EXPECTED = 'a Topic Filter or a list of them';
const PROTOCOLS = ['mqtt:', 'mqtts:', 'ws:', 'wss:'];

/** How to connect to one of the two brokers. */
export interface SideOptions {
  readonly url: string;
  readonly userName: string | undefined;
  readonly password: string | undefined;
  readonly ca: Buffer | undefined;
  readonly cert: Buffer | undefined;
  readonly key: Buffer | undefined;
}

/** What goes in one direction: topics that match, with a prefix that is put before them. */
export interface Route {
  readonly topicFilters: readonly string[];
  readonly prefix: string;
}

export interface BridgeOptions {
  /** Names its sessions on both brokers. */
  readonly clientId: string;
  readonly local: SideOptions;
  readonly remote: SideOptions;
  readonly out: Route | undefined;
  readonly in: Route | undefined;
  readonly reconnectMaxMs: number;
}

/** @throws TypeError or AggregateError that names the options that are wrong; no message shows a password or a URL. */
export function optionsOf(given: Readonly<Record<string, unknown>>): BridgeOptions {
  const options = new OptionReader(given);
  return options.readAll({
    clientId: () => clientIdOf(options),
    local: () => sideOf(options.mapping('local'), 'mqtt://127.0.0.1:1883'),
    remote: () => sideOf(options.mapping('remote'), undefined),
    out: () => routeOf(options, 'out'),
    in: () => routeOf(options, 'in') ?? (options.has('out') ? undefined : options.refuse('in', 'missing, as is out')),
    reconnectMaxMs: () => options.integer('reconnectMaxMs', { min: 1000, max: 3_600_000, fallback: 60_000 }),
  });
}

function clientIdOf(options: OptionReader): string {
  const expected = 'letters, digits, - and _, at most 40, which no other client of either broker begins with';
  const clientId = options.requireString('clientId', expected);
  return /^[\w-]{1,40}$/.test(clientId) ? clientId : options.refuse('clientId', `not valid, expected ${expected}`);
}

function sideOf(options: OptionReader, fallback: string | undefined): SideOptions {
  return options.readAll({
    url: () => urlOf(options, fallback),
    userName: () => options.string('userName'),
    password: () => options.secret('password'),
    ca: () => fileOf(options, 'ca'),
    cert: () => fileOf(options, 'cert'),
    key: () => fileOf(options, 'key'),
  });
}

function urlOf(options: OptionReader, fallback: string | undefined): string {
  const given = options.secret('url', URL_EXPECTED) ?? fallback ?? options.requireSecret('url', URL_EXPECTED);
  const url = URL.canParse(given) ? new URL(given) : options.refuse('url', `not valid, expected ${URL_EXPECTED}`);
  if (!PROTOCOLS.includes(url.protocol) || url.username !== '' || url.password !== '' || url.hostname === '')
    options.refuse('url', `not valid, expected ${URL_EXPECTED}`);
  return given;
}

function fileOf(options: OptionReader, key: string): Buffer | undefined {
  const path = options.string(key, 'the path of a PEM file');
  try {
    return path === undefined ? undefined : readRegularFileSync(path);
  } catch (error) {
    return options.refuse(key, (error as Error).message);
  }
}

function routeOf(options: OptionReader, key: string): Route | undefined {
  const route = options.mapping(key);
  if (!options.has(key)) return undefined;
  return route.readAll({ topicFilters: () => filtersOf(route), prefix: () => prefixOf(route) });
}

function filtersOf(route: OptionReader): readonly string[] {
  const filters = route.strings('topicFilters', FILTERS_EXPECTED);
  if (filters === undefined) route.refuse('topicFilters', `missing, expected ${FILTERS_EXPECTED}`);
  for (const filter of filters) {
    const problem = filter.startsWith('$')
      ? 'topics that begin with $ stay on their broker'
      : topicFilterProblem(filter);
    if (problem !== undefined) route.refuse('topicFilters', `"${filter}" is not valid: ${problem}`);
  }
  return filters;
}

function prefixOf(route: OptionReader): string {
  const prefix = route.string('prefix', 'the beginning of topics, such as site-7/') ?? '';
  return /^(?!\$)[^+#\0]*$/.test(prefix)
    ? prefix
    : route.refuse('prefix', 'not valid, expected no +, # and $ in front');
}
