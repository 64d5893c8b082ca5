// The built-in adapters by name. An adapter is imported only when the configuration names it, so that no broker loads a
// driver it does not use. Every adapter module exports one function named after its port (`createStorage`,
// `createListener`, `createAuthenticator`, `createAuthorizer`, `createTelemetry`), which takes the adapter's options
// and the components that the composition offers.
import type {
  AdministrationEndpoint,
  Authenticator,
  Authorizer,
  Clock,
  LifecycleEvent,
  Listener,
  LogLevel,
  Storage,
  Telemetry,
} from '../ports/index.js';
import type { HandshakeBudget } from '../application/handshake-budget.js';
import type { AdminHttpConfig, AdminSocket } from './admin-schema.js';
import type { ListenerConfig } from './config-schema.js';

/** What the composition offers to the constructor of an adapter. */
export interface AdapterComponents {
  readonly clock: Clock;
  /** Reports an event to the log and the other observers of the broker. */
  readonly emit: (event: LifecycleEvent) => void;
}

export type AdapterOptions = Readonly<Record<string, unknown>>;

export interface StorageModule {
  createStorage(options: AdapterOptions, components: AdapterComponents): Storage;
}

export interface AuthenticatorModule {
  createAuthenticator(options: AdapterOptions, components: AdapterComponents): Authenticator;
}

export interface AuthorizerModule {
  createAuthorizer(options: AdapterOptions, components: AdapterComponents): Authorizer;
}

/** Limits that a listener reads for each connection, because a reload may replace them, and what they share. */
interface ListenerLimitReaders {
  readonly handshakeTimeoutMs: () => number;
  readonly handshakeMemory: HandshakeBudget;
}

/** A module that creates listeners of some types. */
interface ListenerModule<Type extends ListenerConfig['type']> {
  createListener(
    settings: Extract<ListenerConfig, { type: Type }> & ListenerLimitReaders,
    components: AdapterComponents,
  ): Listener;
}

export interface AdapterEntry<Module> {
  load(): Promise<Module>;
  readonly takesOptions: boolean;
  /** Options that apply unless the configuration has others. */
  readonly defaults?: AdapterOptions;
  /** What the ready line adds to its name. */
  readonly remark?: string | ((options: AdapterOptions) => string);
}

/** Adapters by name. */
export type AdapterTable<Module> = Readonly<Record<string, AdapterEntry<Module>>>;

/** What the ready line says of a storage that does not claim to be durable. */
export const NOT_DURABLE = 'not durable: nothing survives a restart';

export const STORAGE_ADAPTERS: AdapterTable<StorageModule> = {
  memory: {
    load: () => import('../../adapters/storage/memory/index.js'),
    takesOptions: false,
    remark: NOT_DURABLE,
  },
  file: {
    load: () => import('../../adapters/storage/file/index.js'),
    takesOptions: true,
    defaults: { directory: './data' },
    remark: ({ directory }) => String(directory),
  },
  mongodb: {
    load: () => import('../../adapters/storage/mongodb/index.js'),
    takesOptions: true,
    defaults: { url: 'mongodb://127.0.0.1:27017', database: 'hexmq' },
    remark: ({ url, database }) => `${hostsOf(String(url))}/${String(database)}`,
  },
};

/**
 * The servers of a connection string without its credentials, wherever they are in it; or the variable that holds the
 * string.
 */
function hostsOf(url: string): string {
  if (/^\$\{ENV:\w+\}$/.test(url)) return url;
  return /^[\w+]+:\/\/(?:[^/?@]*@)?((?:[^/?@:,]+|\[[^\]]*\])(?::\d+)?(?:,[^/?@]*)?)(?=[/?]|$)/.exec(url)?.[1] ?? '';
}

/** What warnings about a configuration need to know of an authenticator. */
interface AuthenticatorEntry extends AdapterEntry<AuthenticatorModule> {
  /** It never abstains, so that what stands behind it is not asked. */
  readonly alwaysDecides?: boolean;
  readonly needsCertificate?: boolean;
  /** It decides about clients that name one of its Authentication Methods, whatever stands before it. */
  readonly hasMethods?: boolean;
  /** It identifies clients by a secret that they send in CONNECT. */
  readonly takesPasswords?: boolean;
}

export const AUTHENTICATION_ADAPTERS: Readonly<Record<string, AuthenticatorEntry>> = {
  anonymous: {
    load: () => import('../../adapters/auth/anonymous/index.js'),
    takesOptions: false,
    alwaysDecides: true,
    remark: 'everyone is admitted',
  },
  'password-file': {
    load: () => import('../../adapters/auth/password-file/index.js'),
    takesOptions: true,
    takesPasswords: true,
    defaults: { path: './passwd' },
    remark: ({ path }) => String(path),
  },
  scram: {
    load: () => import('../../adapters/auth/scram/index.js'),
    takesOptions: true,
    hasMethods: true,
    defaults: { path: './scram' },
    remark: ({ path }) => String(path),
  },
  certificate: {
    load: () => import('../../adapters/auth/certificate/index.js'),
    takesOptions: true,
    needsCertificate: true,
  },
  jwt: { load: () => import('../../adapters/auth/jwt/index.js'), takesOptions: true, takesPasswords: true },
  http: {
    load: () => import('../../adapters/auth/http/index.js'),
    takesOptions: true,
    takesPasswords: true,
    remark: ({ url }) => hostsOf(String(url)),
  },
  mongodb: {
    load: () => import('../../adapters/auth/mongodb/index.js'),
    takesOptions: true,
    takesPasswords: true,
    remark: ({ url, database }) => `${hostsOf(String(url))}/${String(database)}`,
  },
};

/** Functions of adapters, besides their ports, that the command needs. */
export const ADAPTER_TOOLS = {
  passwordFile: () => import('../../adapters/auth/password-file/file-editing.js'),
  adminClient: () => import('../../adapters/admin/http/client.js'),
  tokens: () => import('../../adapters/admin/http/tokens.js'),
  scram: () => import('../../adapters/auth/scram/tools.js'),
};

export const AUTHORIZATION_ADAPTERS: AdapterTable<AuthorizerModule> = {
  'acl-file': {
    load: () => import('../../adapters/auth/acl-file/index.js'),
    takesOptions: true,
    remark: ({ path }) => String(path),
  },
  rules: { load: () => import('../../adapters/auth/rules/index.js'), takesOptions: true },
  http: { load: () => import('../../adapters/auth/http/index.js'), takesOptions: true },
  mongodb: { load: () => import('../../adapters/auth/mongodb/index.js'), takesOptions: true },
  credentials: { load: () => import('../../adapters/auth/credentials/index.js'), takesOptions: false },
};

const onStream = () => import('../../adapters/network/tcp/index.js');
const overWebSocket = () => import('../../adapters/network/websocket/index.js');

/** Listeners have a type instead of an adapter name: their options are keys of the configuration itself. */
export const LISTENER_ADAPTERS: {
  readonly [Type in Exclude<ListenerConfig['type'], 'plugin'>]: () => Promise<ListenerModule<Type>>;
} = {
  tcp: onStream,
  tls: onStream,
  unix: onStream,
  ws: overWebSocket,
  wss: overWebSocket,
};

/** What an endpoint to the administration is made from: a socket, or an address. */
export type EndpointOptions = { readonly socket: AdminSocket } | { readonly http: AdminHttpConfig };

export interface EndpointModule {
  createEndpoint(options: EndpointOptions, components: AdapterComponents): AdministrationEndpoint;
}

/** Adapters that every broker has. */
export const BUILT_IN_ADAPTERS = {
  log: async (options: LogOptions, components: Pick<AdapterComponents, 'clock'>): Promise<Telemetry> => {
    const { createTelemetry } = await import('../../adapters/observability/log/index.js');
    return createTelemetry(options, components);
  },
  administration: async (): Promise<EndpointModule> => import('../../adapters/admin/http/index.js'),
  clock: async () => (await import('../../adapters/system/clock/index.js')).createClock(),
  random: async () => (await import('../../adapters/system/random/index.js')).createRandom(),
};

export type { LogLevel };
export type LogFormat = 'json' | 'text';

/** The section `logging` of a configuration. */
export interface LogOptions {
  readonly level: LogLevel;
  readonly userNames: boolean;
  /** `undefined`: text on a terminal, JSON otherwise. */
  readonly format?: LogFormat | undefined;
  /** `undefined`: standard error. */
  readonly file?: string | undefined;
}

/** An adapter as the ready line describes it: its name with its remark in parentheses, such as `file (./data)`. */
export function describeAdapter(
  table: AdapterTable<unknown>,
  { adapter, options }: { readonly adapter: string; readonly options: AdapterOptions },
  more?: string,
): string {
  const entry = Object.hasOwn(table, adapter) ? table[adapter] : undefined;
  const remark = typeof entry?.remark === 'function' ? entry.remark(options) : entry?.remark;
  const remarks = [...new Set([remark, more])].filter((each) => each !== undefined);
  return remarks.length === 0 ? adapter : `${adapter} (${remarks.join('; ')})`;
}

export function adapterNames(table: AdapterTable<unknown>): string {
  return Object.keys(table).join(', ');
}
