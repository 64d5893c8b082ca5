// Values from the environment and from flags, which replace those in the file. Nothing is checked yet: a value that
// should be a mapping or a list and is not stays as it is, so that the schema reports it.
import type { ConfigPath } from './config-path.js';
import { isMapping } from './mapping.js';

/** A value from the environment or a flag, which replaces the file's. */
export interface Override {
  readonly path: ConfigPath;
  readonly value: unknown;
  /** The flag or variable, for messages: `--port`, `HEXMQ_PORT`. */
  readonly source: string;
}

export function applyOverride(config: unknown, { path, value }: Override): unknown {
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
function replaceAt(container: unknown, path: ConfigPath, value: unknown): unknown {
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
