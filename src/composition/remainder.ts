// What is left of a configuration without its mistakes, so that further checks can run on it and everything is reported
// at once.
import { withDefaults } from './config-defaults.js';
import type { Config } from './config.js';
import { formatPath } from './config-path.js';
import { configSchema } from './config-schema.js';
import { isMapping } from './mapping.js';

type Path = readonly PropertyKey[];

export interface Remainder {
  readonly config: Config;
  /** Whether an adapter, by its key such as `listeners[0]`, is as it was written. The others are stand-ins. */
  readonly isWritten: (key: string) => boolean;
}

/** What takes the place of a list element that is wrong, so that those behind it keep their index. */
const STAND_IN = {
  listeners: { type: 'tcp', port: 0 },
  authentication: { adapter: 'anonymous' },
  authorization: { adapter: 'credentials' },
} as const;

/**
 * @param paths of the values that are wrong.
 * @returns `undefined` if nothing is left that could be checked.
 */
export function remainderOf(config: unknown, paths: readonly Path[]): Remainder | undefined {
  const replaced = new Set<string>();
  let rest = config;
  for (const path of paths)
    rest = isWhichAdapter(path) ? withoutAdapter(rest, path, replaced) : without(rest, path, replaced);
  // Some of what is gone was not optional: its adapter goes as well.
  for (const { path } of configSchema.safeParse(rest).error?.issues ?? []) rest = withoutAdapter(rest, path, replaced);
  const parsed = configSchema.safeParse(rest);
  if (!parsed.success) return undefined;
  return { config: withDefaults(parsed.data), isWritten: (key) => !replaced.has(key) };
}

/** Without its name, the options of an adapter mean nothing. */
const isWhichAdapter = (path: Path): boolean => path.at(-1) === 'adapter' || path.at(-1) === 'type';

/** Removes the value at a path. */
function without(container: unknown, path: Path, replaced: Set<string>, above: Path = []): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return undefined;
  if (Array.isArray(container) && typeof key === 'number') {
    const items: unknown[] = [...(container as unknown[])];
    if (rest.length === 0) return withStandIn(items, [...above, key], replaced);
    items[key] = without(items[key], rest, replaced, [...above, key]);
    return items;
  }
  if (!isMapping(container) || typeof key !== 'string') return container;
  const { [key]: value, ...others } = container;
  return rest.length === 0 ? others : { ...container, [key]: without(value, rest, replaced, [...above, key]) };
}

/** Removes the whole adapter, or the section, that the path leads into. */
function withoutAdapter(config: unknown, path: Path, replaced: Set<string>): unknown {
  const [section, index, part, position] = path;
  // Nothing could stand in for one of them.
  if (section === 'plugins') return without(config, ['plugins'], replaced);
  if (section === 'storage') replaced.add('storage');
  if (section === 'listeners' && part === 'authentication' && typeof position === 'number')
    return without(config, path.slice(0, 4), replaced);
  return without(config, typeof index === 'number' ? path.slice(0, 2) : path.slice(0, 1), replaced);
}

function withStandIn(items: unknown[], path: Path, replaced: Set<string>): unknown[] {
  const list = path.at(-2);
  replaced.add(formatPath(path));
  if (list === 'listeners' || list === 'authentication' || list === 'authorization')
    items[path.at(-1) as number] = STAND_IN[list];
  return items;
}
