// The options of mosquitto.conf that are limits of the whole broker.
import type { MappingDraft } from '../mapping.js';

/** Writes the limit. @returns what became of the option. */
type LimitOption = (value: string, limits: MappingDraft) => string;

const DAY_S = 86_400;
const UNITS_S: Readonly<Record<string, number>> = {
  h: 3600,
  d: DAY_S,
  w: 7 * DAY_S,
  m: 30 * DAY_S,
  y: 365 * DAY_S,
};
const INFLIGHT_MAX = 65_535;

const set =
  (keys: readonly string[], valueOf: (value: string) => unknown): LimitOption =>
  (value, limits) => {
    const given = valueOf(value);
    if (given === undefined) return `left out: ${JSON.stringify(value)} sets no limit, or is not valid`;
    for (const key of keys) limits[key] = given;
    return keys.map((key) => `limits.${key}`).join(', ');
  };

/** A number that is a limit: 0 and negative numbers are none. */
const limitOf =
  (max = Number.MAX_SAFE_INTEGER) =>
  (value: string): number | undefined =>
    /^[1-9]\d*$/.test(value) ? Math.min(Number(value), max) : undefined;

const flag = (value: string): boolean | undefined => (value === 'true' ? true : value === 'false' ? false : undefined);

function secondsOf(value: string): number | undefined {
  const [, count = '', unit = ''] = /^([1-9]\d*)([hdwmy])$/.exec(value) ?? [];
  const seconds = Number(count) * (UNITS_S[unit] ?? 0);
  return seconds > 0 ? Math.min(seconds, 4_294_967_295) : undefined;
}

export const LIMIT_OPTIONS: ReadonlyMap<string, LimitOption> = new Map<string, LimitOption>([
  ['max_inflight_messages', set(['maxInflight', 'initialInflight'], limitOf(INFLIGHT_MAX))],
  ['max_queued_messages', set(['maxQueueSize'], limitOf(1_000_000_000))],
  ['max_queued_bytes', set(['maxQueueBytes', 'maxTransientQueueBytes'], limitOf())],
  ['max_packet_size', set(['maxPacketSize'], limitOf(268_435_460))],
  ['message_size_limit', set(['maxPacketSize'], limitOf(268_435_460))],
  ['max_keepalive', set(['keepAliveMax'], limitOf(65_535))],
  ['persistent_client_expiration', set(['sessionExpiryMax'], secondsOf)],
  ['retain_available', set(['retainedMessages'], flag)],
  ['allow_zero_length_clientid', set(['assignClientId'], flag)],
  ['max_qos', set(['maxQos'], (value) => (/^[012]$/.test(value) ? Number(value) : undefined))],
]);
