// The defaults of a configuration.
import { getHeapStatistics } from 'node:v8';
import { DEFAULT_LOGIN_THROTTLE } from '../application/login-throttle.js';
import type { LimitSettings } from '../domain/settings.js';
import { DEFAULT_LIMITS, HEAP_LIMIT_KEYS } from '../domain/limits.js';
import type { ListenerLimits, Limits } from '../domain/limits.js';
import { AUTHENTICATION_ADAPTERS, AUTHORIZATION_ADAPTERS, STORAGE_ADAPTERS } from './adapter-table.js';
import type { AdapterOptions, AdapterTable } from './adapter-table.js';
import type { AuthenticatorConfig, AuthorizerConfig, Config, ListenerConfig, StorageConfig } from './config.js';
import type { configSchema, PortListenerConfig } from './config-schema.js';

/** The default of a limit of memory is at most this part of the heap. */
const SHARE_OF_HEAP = 5;

type Parsed = (typeof configSchema)['_output'];

export const DEFAULT_HOST = '127.0.0.1';
/** The registered ports of MQTT; for WebSocket the customary alternatives to 80 and 443, which need privileges. */
export const DEFAULT_PORTS: Readonly<Record<PortListenerConfig['type'], number>> = {
  tcp: 1883,
  tls: 8883,
  ws: 8080,
  wss: 8443,
};
export const DEFAULT_ADMIN_PORT = 7883;
/** As Mosquitto. */
const DEFAULT_SYS_INTERVAL_S = 10;
const DEFAULT_STORAGE = 'file';
/** The adapter whose store is in this process. */
const STORAGE_IN_MEMORY = 'memory';
/** The default for each kind of messages in such a store. */
const STORED_IN_MEMORY_BYTES = 1024 * 1024 * 1024;
/** Per authenticator or authorizer; `limits.authTimeoutMs` bounds all of them together. */
const DEFAULT_ADAPTER_TIMEOUT_MS = 5000;
const DEFAULT_PLUGIN_START_TIMEOUT_MS = 30_000;

export function withDefaults(parsed: Parsed): Config {
  return {
    listeners: (parsed.listeners ?? [{ type: 'tcp' as const }]).map((listener, index, all) => {
      const name = listener.name ?? (all.length === 1 ? listener.type : `${listener.type}-${index + 1}`);
      if (listener.type === 'unix' || listener.type === 'plugin') return { ...listener, name };
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
    limits: limitsWithDefaults(parsed.limits ?? {}, parsed.storage?.adapter),
    logging: { level: 'info', userNames: true, ...omitUndefined(parsed.logging ?? {}) },
    sys: { intervalS: DEFAULT_SYS_INTERVAL_S, events: [], ...omitUndefined(parsed.sys ?? {}) },
    plugins: (parsed.plugins ?? []).map(({ package: from, name, options = {}, startTimeoutMs }) => ({
      package: from,
      name,
      options,
      startTimeoutMs: startTimeoutMs ?? DEFAULT_PLUGIN_START_TIMEOUT_MS,
    })),
    admin: adminWithDefaults(parsed.admin ?? {}),
  };
}

/** It is reached over HTTP as soon as anything about that is configured, besides what is left out of it. */
function adminWithDefaults({ socket, dashboard, ...http }: NonNullable<Parsed['admin']>): Config['admin'] {
  const given = omitUndefined(http);
  if (Object.keys(given).length === 0) return { socket, http: undefined };
  return { socket, http: { host: DEFAULT_HOST, port: DEFAULT_ADMIN_PORT, ...given, dashboard } };
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

function limitsWithDefaults(given: NonNullable<Parsed['limits']>, storage: string | undefined): Limits {
  const heapBytes = getHeapStatistics().heap_size_limit;
  return { ...defaultLimits(heapBytes, storage === STORAGE_IN_MEMORY), ...parseLimits(given) };
}

/**
 * The defaults for a heap of so many bytes: what names take must leave room for everything else, and so must what is
 * stored if that is in memory.
 */
export function defaultLimits(heapBytes: number, isStoredInMemory = false): Limits {
  const share = Math.floor(heapBytes / SHARE_OF_HEAP);
  const ofHeap = HEAP_LIMIT_KEYS.map((key) => [key, Math.min(DEFAULT_LIMITS[key], share)]);
  const limits = {
    ...DEFAULT_LIMITS,
    ...(Object.fromEntries(ofHeap) as Pick<Limits, (typeof HEAP_LIMIT_KEYS)[number]>),
  };
  if (!isStoredInMemory) return limits;
  const stored = Math.min(STORED_IN_MEMORY_BYTES, share);
  return { ...limits, maxRetainedBytes: stored, maxStoredQueueBytes: stored };
}

/** Limits in the form of the domain, which has `undefined` for `off`; keys that are absent stay absent. */
export function parseLimits(given: object): Partial<Limits> {
  return Object.fromEntries(
    Object.entries(omitUndefined(given)).map(([key, value]) => [key, value === 'off' ? undefined : (value as unknown)]),
  );
}
