// A configuration of hexmq from one of Mosquitto. Every line of the original gets a remark that says what became of it,
// and what Mosquitto does by default is written out where hexmq does something else.
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { MappingDraft } from '../mapping.js';
import type { ConfLine } from './conf-lines.js';
import { whyLeftOut } from './no-equivalent.js';
import { Listeners } from './listeners.js';
import { LIMIT_OPTIONS } from './limit-options.js';

export interface Remark {
  /** `undefined` for what Mosquitto does without a line. */
  readonly line: ConfLine | undefined;
  readonly text: string;
}

export interface Conversion {
  readonly yaml: string;
  readonly remarks: readonly Remark[];
}

/** What the lines so far come to. */
export interface Draft {
  readonly listeners: Listeners;
  readonly limits: MappingDraft;
  isPersistent: boolean;
  location: string | undefined;
  sysIntervalS: number | undefined;
}

const SYS_INTERVAL_MAX_S = 86_400;

export function convert(lines: readonly ConfLine[]): Conversion {
  const draft: Draft = {
    listeners: new Listeners(),
    limits: {},
    isPersistent: false,
    location: undefined,
    sysIntervalS: undefined,
  };
  // It holds for the whole file, wherever it is written.
  const settings = lines.filter(({ option }) => option === 'per_listener_settings').at(-1);
  draft.listeners.arePerListener = settings?.value === 'true';
  const remarks: Remark[] = lines.map((line) => ({ line, text: become(draft, line) }));
  const { listeners, access, remarks: more } = draft.listeners.finish();
  remarks.push(...more.map((text) => ({ line: undefined, text })));
  const hasRules = access['authorization'] !== undefined;
  if (hasRules) {
    Object.assign(draft.limits, { deniedPublish: 'ignore', deniedSubscription: 'grant' });
    remarks.push({
      line: undefined,
      text: 'limits.deniedPublish and .deniedSubscription treat what is denied as Mosquitto does',
    });
  }
  const storage = draft.isPersistent
    ? {
        adapter: 'file',
        options: { directory: join(draft.location ?? '/var/lib/hexmq', draft.location === undefined ? '' : 'hexmq') },
      }
    : { adapter: 'memory' };
  if (!draft.isPersistent)
    remarks.push({
      line: undefined,
      text: 'storage.adapter: memory, because Mosquitto stores nothing without persistence true',
    });
  const config = {
    listeners,
    ...access,
    storage,
    ...(Object.keys(draft.limits).length === 0 ? {} : { limits: draft.limits }),
    ...(draft.sysIntervalS === undefined ? {} : { sys: { intervalS: draft.sysIntervalS } }),
  };
  return { yaml: stringify(config), remarks };
}

function become(draft: Draft, { option, value }: ConfLine): string {
  switch (option) {
    case 'include_dir':
      return 'its files are read here; the configuration of hexmq is one file';
    case 'per_listener_settings':
      return value === 'true' ? 'listeners[].authentication' : 'listeners share their authentication';
    case 'persistence':
      draft.isPersistent = value === 'true';
      return `storage.adapter: ${draft.isPersistent ? 'file' : 'memory'}`;
    case 'persistence_location':
      draft.location = value;
      return 'storage.options.directory, in a directory of its own; the file of Mosquitto is not read';
    case 'sys_interval':
      if (!/^\d{1,5}$/.test(value) || Number(value) > SYS_INTERVAL_MAX_S)
        return `left out: ${JSON.stringify(value)} is no interval from 0 to ${SYS_INTERVAL_MAX_S}`;
      draft.sysIntervalS = Number(value);
      return 'sys.intervalS';
    default: {
      const limit = LIMIT_OPTIONS.get(option);
      if (limit !== undefined) return limit(value, draft.limits);
      const ofListener = draft.listeners.take(option, value);
      if (ofListener !== undefined) return ofListener;
      const reason = whyLeftOut(option);
      return reason === undefined ? 'left out: this option is not known' : `left out: ${reason}`;
    }
  }
}
