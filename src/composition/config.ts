// From what was written (file, environment, flags) to a complete configuration: merged, checked, with every default
// filled in. All problems are reported at once. The keys and their ranges are in `config-schema.ts`.
import { DEFAULT_LOGIN_THROTTLE } from '../application/login-throttle.js';
import type { LoginThrottleSettings } from '../application/login-throttle.js';
import { isDeepStrictEqual } from 'node:util';
import { DEFAULT_LIMITS } from '../domain/limits.js';
import type { LimitSettings } from '../application/settings.js';
import type { ListenerLimits, Limits } from '../domain/limits.js';
import type { AckLevel } from '../ports/index.js';
import { AUTHENTICATION_ADAPTERS, AUTHORIZATION_ADAPTERS, STORAGE_ADAPTERS } from './adapter-table.js';
import type { AdapterOptions, AdapterTable, LogLevel } from './adapter-table.js';
import { ConfigError } from './config-error.js';
import { configSchema, keysAt, keysOfListener, LISTENER_TYPES, redactCredentials } from './config-schema.js';
import type { ListenerConfig, PortListenerConfig } from './config-schema.js';
import { nearest } from './nearest.js';

export type { ConfigInput, ListenerConfig } from './config-schema.js';

type Parsed = (typeof configSchema)['_output'];
export interface AdapterConfig {
  readonly adapter: string;
  readonly options: AdapterOptions;
}

export interface AuthorizerConfig extends AdapterConfig {
  readonly timeoutMs: number;
}

export interface AuthenticatorConfig extends AuthorizerConfig {
  readonly onFailure: 'deny' | 'abstain';
}

export interface StorageConfig extends AdapterConfig {
  readonly ackLevel: AckLevel;
}

export interface Config {
  readonly listeners: readonly ListenerConfig[];
  readonly storage: StorageConfig;
  readonly authentication: readonly AuthenticatorConfig[];
  readonly failedAttempts: LoginThrottleSettings;
  /** Empty: an authenticated client may do what its credentials permit, and everything if they say nothing. */
  readonly authorization: readonly AuthorizerConfig[];
  readonly limits: Limits;
  readonly logging: { readonly level: LogLevel };
}

type Path = readonly (string | number)[];

/** A value from the environment or a flag, which replaces the file's. */
export interface Override {
  readonly path: Path;
  readonly value: unknown;
  /** The flag or variable, for messages: `--port`, `HEXMQ_PORT`. */
  readonly source: string;
}

export const DEFAULT_HOST = '127.0.0.1';
/** The registered ports of MQTT; for WebSocket the customary alternatives to 80 and 443, which need privileges. */
export const DEFAULT_PORTS: Readonly<Record<PortListenerConfig['type'], number>> = {
  tcp: 1883,
  tls: 8883,
  ws: 8080,
  wss: 8443,
};
const DEFAULT_STORAGE = 'file';
/** Per authenticator or authorizer; `limits.authTimeoutMs` bounds all of them together. */
const DEFAULT_ADAPTER_TIMEOUT_MS = 5000;

/**
 * @param input the parsed file, or the argument of `createBroker`; `undefined` gives the defaults.
 * @param overrides each replaces those before it.
 * @throws ConfigError naming every wrong key.
 */
export function resolveConfig(input: unknown, overrides: readonly Override[] = []): Config {
  const merged = overrides.reduce(applyOverride, withoutEmptySections(input));
  const problems = new Problems(overrides);
  const parsed = configSchema.safeParse(merged);
  if (!parsed.success) for (const issue of parsed.error.issues) reportIssue(problems, issue);
  checkAdapters(problems, merged);
  checkListeners(problems, merged);
  problems.throwIfAny(merged);
  return withDefaults(configSchema.parse(merged));
}

/** Treats `limits:` with nothing below it as absent: a section looks like that when all its lines are commented out. */
function withoutEmptySections(input: unknown): unknown {
  if (input === null || input === undefined) return {};
  if (!isMapping(input)) return input;
  return Object.fromEntries(Object.entries(input).filter(([, value]) => value !== null));
}

function applyOverride(config: unknown, { path, value }: Override): unknown {
  // Options in the file are for the storage in the file; another storage has other options.
  if (path[0] === 'storage' && path[1] === 'adapter' && isMapping(config) && isMapping(config['storage'])) {
    const { adapter, ackLevel } = config['storage'];
    return adapter === value
      ? config
      : { ...config, storage: { adapter: value, ...(ackLevel === undefined ? {} : { ackLevel }) } };
  }
  // The named authenticator becomes the only one, with the options that the file has for it.
  if (
    path[0] === 'authentication' &&
    path.length === 1 &&
    isMapping(config) &&
    Array.isArray(config['authentication'])
  ) {
    const [{ adapter }] = value as [{ adapter: unknown }];
    const inFile = (config['authentication'] as unknown[]).find((one) => isMapping(one) && one['adapter'] === adapter);
    return { ...config, authentication: inFile === undefined ? value : [inFile] };
  }
  return replaceAt(config, path, value);
}

/** Leaves a value that should be a mapping or list and is not in place, so that the schema reports it. */
function replaceAt(container: unknown, path: Path, value: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return value;
  if (typeof key === 'number') {
    const items: unknown[] =
      container === undefined ? [{ type: 'tcp' }] : Array.isArray(container) ? [...(container as unknown[])] : [];
    if (items.length <= key) return container;
    items[key] = replaceAt(items[key], rest, value);
    return items;
  }
  if (container !== undefined && !isMapping(container)) return container;
  return { ...container, [key]: replaceAt(container?.[key], rest, value) };
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Collects problems, one for each place: the first is the most specific. */
class Problems {
  readonly #found = new Map<string, string>();
  readonly #sections = new Set<PropertyKey | undefined>();
  readonly #sources = new Map<string, string>();

  constructor(overrides: readonly Override[]) {
    for (const { path, source } of overrides) this.#sources.set(formatPath(path), source);
  }

  add(path: readonly PropertyKey[], problem: string): void {
    const place = redactCredentials(formatPath(path));
    this.#sections.add(path[0]);
    if (!this.#found.has(place))
      this.#found.set(place, `${this.#sourceOf(path) ?? (place || 'the configuration')}: ${problem}`);
  }

  /** The flag or variable that set the value or something around it. */
  #sourceOf(path: readonly PropertyKey[]): string | undefined {
    for (let length = path.length; length > 0; length--) {
      const source = this.#sources.get(formatPath(path.slice(0, length)));
      if (source !== undefined) return source;
    }
    return undefined;
  }

  throwIfAny(config: unknown): void {
    if (this.#found.size === 0) return;
    const remainder = isMapping(config)
      ? Object.fromEntries(Object.entries(config).filter(([section]) => !this.#sections.has(section)))
      : undefined;
    throw new ConfigError([...this.#found.values()], remainder);
  }
}

export function formatPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === 'number') return `${text}[${key}]`;
    return text === '' ? String(key) : `${text}.${String(key)}`;
  }, '');
}

interface Issue {
  readonly code: string;
  readonly path: readonly PropertyKey[];
  readonly message: string;
  readonly keys?: readonly string[];
}

function reportIssue(problems: Problems, issue: Issue): void {
  if (issue.code !== 'unrecognized_keys') {
    problems.add(issue.path, issue.message);
    return;
  }
  for (const key of issue.keys ?? []) {
    const others =
      issue.path[0] === 'listeners' && issue.path.length === 2
        ? LISTENER_TYPES.filter((type) => keysOfListener(type).includes(key))
        : [];
    const remark =
      others.length > 0 ? `, only ${others.join(', ')} listeners have it` : suggestion(key, keysAt(issue.path));
    problems.add([...issue.path, key], `unknown key${remark}`);
  }
}

export function suggestion(word: string, known: Iterable<string>): string {
  const meant = nearest(word, known);
  return meant === undefined ? '' : `; did you mean ${meant}?`;
}

/** The sections that differ between two configurations and are only read at start: all but the limits. */
export function keysThatNeedRestart(running: Config, next: Config): readonly string[] {
  const fixed = ({ limits: _, listeners, ...others }: Config) => ({
    listeners: listeners.map(({ limits: __, ...listener }) => listener),
    ...others,
  });
  const [before, after] = [fixed(running), fixed(next)];
  return Object.keys(before).filter(
    (key) => !isDeepStrictEqual(before[key as keyof typeof before], after[key as keyof typeof after]),
  );
}

function withDefaults(parsed: Parsed): Config {
  return {
    listeners: (parsed.listeners ?? [{ type: 'tcp' as const }]).map((listener, index, all) => {
      const name = listener.name ?? (all.length === 1 ? listener.type : `${listener.type}-${index + 1}`);
      if (listener.type === 'unix') return { ...listener, name };
      return {
        ...listener,
        name,
        host: listener.host ?? DEFAULT_HOST,
        port: listener.port ?? DEFAULT_PORTS[listener.type],
      };
    }),
    storage: storageWithDefaults(parsed.storage ?? {}),
    authentication: (parsed.authentication ?? [{ adapter: 'anonymous' }]).map(authenticatorWithDefaults),
    failedAttempts: { ...DEFAULT_LOGIN_THROTTLE, ...omitUndefined(parsed.failedAttempts ?? {}) },
    authorization: (parsed.authorization ?? []).map(authorizerWithDefaults),
    limits: limitsWithDefaults(parsed.limits ?? {}),
    logging: { level: parsed.logging?.level ?? 'info' },
  };
}

function storageWithDefaults({
  adapter = DEFAULT_STORAGE,
  ackLevel = 'flushed',
  options,
}: Partial<NonNullable<Parsed['storage']>>): StorageConfig {
  return { adapter, ackLevel, options: { ...defaultsOf(STORAGE_ADAPTERS, adapter), ...options } };
}

function authenticatorWithDefaults({
  onFailure = 'deny',
  ...asked
}: NonNullable<Parsed['authentication']>[number]): AuthenticatorConfig {
  return { ...accessAdapterWithDefaults(asked, AUTHENTICATION_ADAPTERS), onFailure };
}

function authorizerWithDefaults(asked: NonNullable<Parsed['authorization']>[number]): AuthorizerConfig {
  return accessAdapterWithDefaults(asked, AUTHORIZATION_ADAPTERS);
}

function accessAdapterWithDefaults(
  { adapter, options, timeoutMs = DEFAULT_ADAPTER_TIMEOUT_MS }: NonNullable<Parsed['authorization']>[number],
  table: AdapterTable<unknown>,
): AuthorizerConfig {
  return { adapter, options: { ...defaultsOf(table, adapter), ...options }, timeoutMs };
}

/** The listener's own authenticators, or `undefined` if it uses those of the broker. */
export function authenticationOf({ authentication }: ListenerConfig): readonly AuthenticatorConfig[] | undefined {
  return authentication?.map(authenticatorWithDefaults);
}

/** Default options of a built-in adapter. */
function defaultsOf(table: AdapterTable<unknown>, adapter: string): AdapterOptions | undefined {
  const entry = Object.hasOwn(table, adapter) ? table[adapter] : undefined;
  return entry?.defaults;
}

/** Drops keys whose value is `undefined`: an embedding program may pass them, and they mean the default. */
function omitUndefined<Section extends object>(
  given: Section,
): { [Key in keyof Section]?: Exclude<Section[Key], undefined> } {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as ReturnType<
    typeof omitUndefined<Section>
  >;
}

/** The limits of the broker, and of the listeners that have their own, as a reload replaces them. */
export function limitSettings({ limits, listeners }: Config): LimitSettings {
  const own = listeners.flatMap(({ name, limits: ofListener }): [string, ListenerLimits][] =>
    ofListener === undefined ? [] : [[name, parseLimits(ofListener)]],
  );
  return { limits, perListener: new Map(own) };
}

function limitsWithDefaults(given: NonNullable<Parsed['limits']>): Limits {
  return { ...DEFAULT_LIMITS, ...parseLimits(given) };
}

/** Limits in the form of the domain, which has `undefined` for `off`; keys that are absent stay absent. */
export function parseLimits(given: object): Partial<Limits> {
  return Object.fromEntries(
    Object.entries(omitUndefined(given)).map(([key, value]) => [key, value === 'off' ? undefined : (value as unknown)]),
  );
}

// The checks below run on unchecked input, so that one run reports everything. They skip values of the wrong type,
// which the schema reports.

/** Checks what is known without loading an adapter. An unknown name may be an npm package. */
function checkAdapters(problems: Problems, config: unknown): void {
  if (!isMapping(config)) return;
  checkAdapter(problems, ['storage'], config['storage'], STORAGE_ADAPTERS);
  checkAdapterList(problems, ['authentication'], config['authentication'], AUTHENTICATION_ADAPTERS);
  checkAdapterList(problems, ['authorization'], config['authorization'], AUTHORIZATION_ADAPTERS);
  const listeners: unknown = config['listeners'];
  if (!Array.isArray(listeners)) return;
  listeners.forEach((listener: unknown, index) => {
    if (isMapping(listener))
      checkAdapterList(
        problems,
        ['listeners', index, 'authentication'],
        listener['authentication'],
        AUTHENTICATION_ADAPTERS,
      );
  });
}

function checkAdapterList(problems: Problems, path: Path, written: unknown, table: AdapterTable<unknown>): void {
  if (!Array.isArray(written)) return;
  written.forEach((one: unknown, index) => {
    checkAdapter(problems, [...path, index], one, table);
  });
}

function checkAdapter(problems: Problems, path: Path, written: unknown, table: AdapterTable<unknown>): void {
  if (!isMapping(written)) return;
  const { adapter, options } = written as { adapter?: unknown; options?: unknown };
  if (typeof adapter !== 'string' || !Object.hasOwn(table, adapter)) return;
  const entry = table[adapter];
  const [option] = isMapping(options) ? Object.keys(options) : [];
  if (option !== undefined && entry?.takesOptions === false)
    problems.add([...path, 'options', option], `unknown key, ${adapter} has no options`);
}

export function adapterNames(table: AdapterTable<unknown>): string {
  return Object.keys(table).join(', ');
}

function checkListeners(problems: Problems, config: unknown): void {
  if (!isMapping(config) || !Array.isArray(config['listeners'])) return;
  const listeners: unknown[] = config['listeners'];
  const hasAuthentication = config['authentication'] !== undefined;
  const names = new Map<string, number>();
  const addresses = new Map<string, number>();
  listeners.forEach((listener, index) => {
    if (!isMapping(listener)) return;
    const { type, name, host = DEFAULT_HOST } = listener as { type?: unknown; name?: unknown; host?: unknown };
    if (typeof name === 'string') {
      const twin = names.get(name);
      if (twin !== undefined)
        problems.add(
          ['listeners', index, 'name'],
          `"${name}" is also the name of listeners[${twin}], expected another`,
        );
      names.set(name, index);
    }
    const address = addressOf(listener);
    if (address !== undefined) {
      const twin = addresses.get(address);
      const key = type === 'unix' ? 'path' : 'port';
      if (twin !== undefined)
        problems.add(
          ['listeners', index, key],
          `${address} is also the address of listeners[${twin}], expected another`,
        );
      addresses.set(address, index);
    }
    // A broker that every machine can reach and every client may use must never be an accident.
    if (
      !hasAuthentication &&
      listener['authentication'] === undefined &&
      type !== 'unix' &&
      typeof host === 'string' &&
      !isLoopback(host)
    ) {
      problems.add(
        ['listeners', index, 'host'],
        `${host} can be reached by other machines and no authentication is configured, ` +
          `expected a loopback address such as ${DEFAULT_HOST}, or the key authentication; ` +
          '"authentication: [{ adapter: anonymous }]" (or HEXMQ_AUTHENTICATION=anonymous) admits everyone',
      );
    }
  });
}

/** What no two listeners can share, or `undefined` if it cannot collide or is not valid. */
function addressOf(listener: Record<string, unknown>): string | undefined {
  const {
    type,
    path,
    host = DEFAULT_HOST,
    port = DEFAULT_PORTS[type as PortListenerConfig['type']] as unknown,
  } = listener;
  if (type === 'unix') return typeof path === 'string' ? path : undefined;
  return typeof host === 'string' && typeof port === 'number' && port !== 0 ? `${host}:${port}` : undefined;
}

function isLoopback(host: string): boolean {
  const name = host.toLowerCase();
  if (name === 'localhost' || name === '::1' || name === '0:0:0:0:0:0:0:1') return true;
  return /^(::ffff:)?127(\.\d{1,3}){3}$/.test(name);
}
