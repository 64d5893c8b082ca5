// A complete configuration: checked, with every default filled in. The keys and their ranges are in `config-schema.ts`.
import { isDeepStrictEqual } from 'node:util';
import type { LoginThrottleSettings } from '../application/login-throttle.js';
import type { Limits } from '../domain/limits.js';
import type { AckLevel, EventLevel, EventName } from '../ports/index.js';
import type { AdapterOptions, LogOptions } from './adapter-table.js';
import type { AdminHttpConfig } from './admin-schema.js';
import type { ListenerConfig } from './config-schema.js';

export type { ConfigInput, ListenerConfig } from './config-schema.js';

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

export interface PluginConfig {
  readonly package: string;
  /** Default: the name that the plugin has given itself. */
  readonly name: string | undefined;
  readonly options: AdapterOptions;
  readonly startTimeoutMs: number;
}

export interface Config {
  /** Of the configuration file, if there is one: packages are looked for from there, and paths are relative to it. */
  readonly directory?: string;
  readonly listeners: readonly ListenerConfig[];
  readonly storage: StorageConfig;
  readonly authentication: readonly AuthenticatorConfig[];
  readonly failedAttempts: LoginThrottleSettings;
  /** Empty: an authenticated client may do what its credentials permit, and everything if they say nothing. */
  readonly authorization: readonly AuthorizerConfig[];
  readonly limits: Limits;
  readonly admin: {
    /** A path, or `off`. Default: beside what the broker writes. */
    readonly socket: string | undefined;
    /** `undefined`: the administration is not reached over HTTP. */
    readonly http: AdminHttpConfig | undefined;
  };
  readonly logging: LogOptions;
  /** In the order of their start. */
  readonly plugins: readonly PluginConfig[];
  /** What the broker says of itself, below `$SYS/broker/`. */
  readonly sys: {
    /** How often values are taken; 0: never. */
    readonly intervalS: number;
    /** Events that are published, by name or by level. */
    readonly events: readonly (EventName | EventLevel)[];
  };
}

/** For commands that need none of what plugins bind. */
export const withoutPlugins = (config: Config): Config => ({ ...config, plugins: [] });

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
