// The environment as configuration: which `HEXMQ_…` variable sets which key. An unknown variable is an error, because a
// mistyped limit that is silently ignored is discovered when the limit is needed.
import { ConfigError } from './config-error.js';
import { suggestion } from './nearest.js';
import type { Override } from './config-override.js';
import { LIMIT_KEYS } from './config-schema.js';

export type Environment = Readonly<Record<string, string | undefined>>;

const PREFIX = 'HEXMQ_';

/** Variables that the command itself or the tests read. */
const NOT_CONFIGURATION: ReadonlySet<string> = new Set([
  'HEXMQ_CONFIG',
  'HEXMQ_DATA',
  'HEXMQ_PID_FILE',
  'HEXMQ_STORAGE_URL',
  'HEXMQ_STORAGE_URL_FILE',
  'HEXMQ_STORAGE_DATABASE',
  'HEXMQ_REQUIRE',
]);

/** `HEXMQ_HOST` and `HEXMQ_PORT` set the first listener, as `--host` and `--port` do. */
const PATHS: ReadonlyMap<string, Override['path']> = new Map<string, Override['path']>([
  ['HEXMQ_HOST', ['listeners', 0, 'host']],
  ['HEXMQ_PORT', ['listeners', 0, 'port']],
  ['HEXMQ_STORAGE', ['storage', 'adapter']],
  ['HEXMQ_ACK_LEVEL', ['storage', 'ackLevel']],
  ['HEXMQ_AUTHENTICATION', ['authentication']],
  ['HEXMQ_LOG_LEVEL', ['logging', 'level']],
  ['HEXMQ_LOG_FORMAT', ['logging', 'format']],
  ['HEXMQ_LOG_FILE', ['logging', 'file']],
  ...LIMIT_KEYS.map((key): [string, Override['path']] => [`${PREFIX}LIMITS_${upperSnake(key)}`, ['limits', key]]),
]);

/**
 * What Kubernetes sets in every container for a Service whose name begins with `hexmq`, such as
 * `HEXMQ_PORT=tcp://10.0.0.1:1883`, `HEXMQ_SERVICE_HOST` and `HEXMQ_PORT_1883_TCP_ADDR`.
 */
const OF_A_SERVICE = /^HEXMQ_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$/;
const PORT_OF_A_SERVICE = /^(tcp|udp|sctp):\/\//;

const isOfAService = (name: string, text: string): boolean =>
  OF_A_SERVICE.test(name) || (name.endsWith('_PORT') && PORT_OF_A_SERVICE.test(text));

/**
 * @returns one override for each variable that is set.
 * @throws ConfigError naming every unknown variable, without its value, which may be a secret.
 */
export function environmentOverrides(environment: Environment): Override[] {
  const overrides: Override[] = [];
  const problems: string[] = [];
  for (const [name, text] of Object.entries(environment)) {
    if (!name.startsWith(PREFIX) || text === undefined || NOT_CONFIGURATION.has(name)) continue;
    if (isOfAService(name, text)) continue;
    const path = PATHS.get(name);
    if (path === undefined)
      problems.push(`${name}: unknown variable${suggestion(name, [...PATHS.keys(), ...NOT_CONFIGURATION])}`);
    else
      overrides.push({
        path,
        source: name,
        value: name === 'HEXMQ_AUTHENTICATION' ? [{ adapter: text }] : valueOf(text),
      });
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return overrides;
}

/** The text as a number or boolean if it looks like one. Whether that fits the key is for the schema to say. */
export function valueOf(text: string): unknown {
  if (/^-?\d+(\.\d+)?$/.test(text)) return Number(text);
  if (text === 'true') return true;
  if (text === 'false') return false;
  return text;
}

/** `maxBufferedQos0Messages` to `MAX_BUFFERED_QOS0_MESSAGES`. */
function upperSnake(key: string): string {
  return key.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toUpperCase();
}
