// docs/configuration.md: every key with its default, range, variable and flag. The rows of limits and failed attempts
// are generated from the schema: `HEXMQ_WRITE_DOCS=1` updates them.
import { describe, expect, test } from '@jest/globals';
import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { AUTHENTICATION_ADAPTERS, STORAGE_ADAPTERS } from '../../../src/composition/adapter-table.js';
import type { AdapterTable } from '../../../src/composition/adapter-table.js';
import {
  configSchema,
  FAILED_ATTEMPTS_KEYS,
  keysAt,
  LIMIT_KEYS,
  LISTENER_TYPES,
} from '../../../src/composition/config-schema.js';
import { parseConfigText } from '../../../src/composition/config-file.js';
import { DEFAULT_PORTS } from '../../../src/composition/config-defaults.js';
import { DEFAULT_LIMITS, HEAP_LIMIT_KEYS } from '../../../src/domain/limits.js';
import type { Limits } from '../../../src/domain/limits.js';
import { resolveConfig } from '../../../src/composition/resolve-config.js';
import { configJsonSchema } from '../../../src/composition/json-schema.js';
import { environmentOverrides } from '../../../src/composition/environment.js';
import { ConfigError } from '../../../src/composition/config-error.js';

const ROOT = resolve(import.meta.dirname, '../../..');
const PATH = resolve(ROOT, 'docs/configuration.md');

interface Property {
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly anyOf?: readonly Property[];
  readonly default?: unknown;
  readonly description?: string;
}

const { properties: SECTIONS } = configJsonSchema() as unknown as {
  properties: Record<string, { properties: Record<string, Property> }>;
};

const code = (value: unknown): string => `\`${String(value)}\``;

function rangeOf({ type, const: only, enum: values, minimum, maximum, anyOf }: Property): string {
  if (anyOf !== undefined) {
    const words = anyOf.filter((one) => one.const !== undefined).map(rangeOf);
    const ranges = anyOf.filter((one) => one.const === undefined).map(rangeOf);
    return [words.join(', '), ...ranges].join(', or ');
  }
  if (only !== undefined) return code(only);
  if (values !== undefined) return values.map(code).join(', ');
  if (type === 'string') return 'text';
  return type === 'boolean' ? '`true`, `false`' : `${minimum} to ${maximum}`;
}

const variableOf = (key: string): string => `HEXMQ_LIMITS_${key.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toUpperCase()}`;

/** The page with the rows of limits and failed attempts as the schema has them, in the order of the page. */
function generated(page: string): string {
  return page.replace(/^\| `(limits|failedAttempts)\.(\w+)` \|.*$/gm, (row, section: string, key: string) => {
    const property = SECTIONS[section]?.properties[key];
    if (property === undefined) return row;
    const setting = section === 'limits' ? code(variableOf(key)) : '';
    const cells = [`\`${section}.${key}\``, code(property.default), rangeOf(property), setting, property.description];
    return `| ${cells.join(' | ')} |`.replaceAll('|  |', '| |');
  });
}

if (process.env['HEXMQ_WRITE_DOCS'] === '1') writeFileSync(PATH, generated(readFileSync(PATH, 'utf8')));
const PAGE = readFileSync(PATH, 'utf8');

interface Row {
  readonly key: string;
  readonly default: string;
  readonly range: string;
  readonly settings: string;
  readonly meaning: string;
}

const ROWS: readonly Row[] = [...PAGE.matchAll(/^\| `(.+?)` \|(.*)\|$/gm)].map(([, key = '', cells = '']) => {
  const [byDefault = '', range = '', settings = '', meaning = ''] = cells.split('|').map((cell) => cell.trim());
  return { key, default: byDefault, range, settings, meaning };
});

const rowOf = (key: string): Row => {
  const row = ROWS.find((one) => one.key === key);
  if (row === undefined) throw new Error(`docs/configuration.md has no ${key}`);
  return row;
};

const codeIn = (cell: string): string[] => [...cell.matchAll(/`(.+?)`/g)].map(([, code = '']) => code);
const variablesIn = (text: string): string[] => [...new Set(text.match(/HEXMQ_[A-Z0-9_]+/g))];
/** The value as YAML reads it. */
const valueOf = (text: string): unknown => parseConfigText(text, 'a cell');

const accepts = (limit: string, value: unknown): boolean => acceptsConfig({ limits: { [limit]: value } });

function acceptsConfig(config: unknown): boolean {
  try {
    resolveConfig(config);
    return true;
  } catch (error) {
    if (error instanceof ConfigError) return false;
    throw error;
  }
}

const accepted = (ackLevel: string): string =>
  resolveConfig({ storage: { adapter: 'file', ackLevel } }).storage.ackLevel;

/** Those of a large heap. */
const DEFAULTS: Limits = { ...resolveConfig({}).limits, ...picked(DEFAULT_LIMITS, HEAP_LIMIT_KEYS) };

function picked<Key extends keyof Limits>(limits: Limits, keys: readonly Key[]): Pick<Limits, Key> {
  return Object.fromEntries(keys.map((key) => [key, limits[key]])) as unknown as Pick<Limits, Key>;
}

describe('the configuration page', () => {
  test('the configuration page has the same rows of limits and failed attempts as the schema', () => {
    expect(PAGE).toBe(generated(PAGE));
  });

  test('the configuration page lists every key of the configuration and no other key', () => {
    const sections = keysAt([]);
    const listed = {
      listeners: '[]',
      authentication: '[]',
      failedAttempts: '',
      authorization: '[]',
      storage: '',
      limits: '',
      logging: '',
      sys: '',
      plugins: '[]',
      admin: '',
    };
    const all = sections.flatMap((section) => {
      const suffix = listed[section as keyof typeof listed];
      return keysAt(suffix === '[]' ? [section, 0] : [section]).map((key) => `${section}${suffix}.${key}`);
    });
    // Besides the keys of the schema: the lists themselves, and the options of built-in adapters.
    const optionsOf = (table: AdapterTable<unknown>): string[] =>
      Object.values(table).flatMap((entry) => Object.keys(entry.defaults ?? {}));
    const options = [
      ...optionsOf(STORAGE_ADAPTERS).map((option) => `storage.options.${option}`),
      ...optionsOf(AUTHENTICATION_ADAPTERS).map((option) => `authentication[].options.${option}`),
    ];
    const ofListeners = ['tls', 'proxyProtocol', 'forwardedFor'].flatMap((part) =>
      keysAt(['listeners', 0, part]).map((key) => `listeners[].${part}.${key}`),
    );
    // Adapters share an option of the same name.
    const ofAdmin = [
      ...keysAt(['admin', 'tls']).map((key) => `admin.tls.${key}`),
      ...keysAt(['admin', 'certificates', 0]).map((key) => `admin.certificates[].${key}`),
    ];
    const beside = [...ofListeners, ...ofAdmin, 'listeners', 'authentication', 'authorization', ...new Set(options)];
    expect(ROWS.map(({ key }) => key).sort()).toEqual([...all, ...beside].sort());
    expect(Object.keys(configSchema.shape).sort()).toEqual(Object.keys(listed).sort());
  });

  test('the configuration page has a range and a meaning for every key', () => {
    for (const { key, range, meaning } of ROWS)
      expect({ key, isSaid: range !== '' && meaning !== '' }).toEqual({ key, isSaid: true });
  });

  test('the configuration page has an example that is valid and equal to the defaults', () => {
    const example = /^```yaml\n([^]*?)^```$/m.exec(PAGE)?.[1] ?? '';
    expect(resolveConfig(parseConfigText(example, 'the example'))).toEqual(resolveConfig({}));
  });

  test('the configuration page has the defaults of listeners, storage, authentication, logging and $SYS', () => {
    const { listeners, storage, authentication, logging, sys } = resolveConfig({});
    const [listener] = listeners;
    expect(codeIn(rowOf('listeners[].type').default)[0]).toBe(listener?.type);
    const host = codeIn(rowOf('listeners[].host').default)[0];
    expect(listener).toMatchObject({ host, port: DEFAULT_PORTS.tcp });
    expect(codeIn(rowOf('listeners[].port').default).map(Number)).toEqual(Object.values(DEFAULT_PORTS));
    expect(codeIn(rowOf('listeners[].type').range)).toEqual(LISTENER_TYPES);
    expect(codeIn(rowOf('storage.adapter').default)).toEqual([storage.adapter]);
    expect(codeIn(rowOf('storage.ackLevel').default)).toEqual([storage.ackLevel]);
    for (const ackLevel of codeIn(rowOf('storage.ackLevel').range)) expect(accepted(ackLevel)).toBe(ackLevel);
    const [written = ''] = codeIn(rowOf('authentication').default);
    expect(resolveConfig({ authentication: valueOf(written) }).authentication).toEqual(authentication);
    expect(codeIn(rowOf('logging.level').default)).toEqual([logging.level]);
    for (const level of codeIn(rowOf('logging.level').range))
      expect(resolveConfig({ logging: { level } }).logging.level).toBe(level);
    expect(codeIn(rowOf('sys.intervalS').default)).toEqual([String(sys.intervalS)]);
    for (const level of codeIn(rowOf('sys.events').range))
      expect(resolveConfig({ sys: { events: [level as never] } }).sys.events).toEqual([level]);
  });

  test('the configuration page has the defaults of authenticators and authorizers', () => {
    const [asked] = resolveConfig({ authentication: [{ adapter: 'password-file' }] }).authentication;
    expect(codeIn(rowOf('authentication[].timeoutMs').default)).toEqual([String(asked?.timeoutMs)]);
    expect(codeIn(rowOf('authentication[].onFailure').default)).toEqual([asked?.onFailure]);
    expect(codeIn(rowOf('authentication[].options.path').default)[0]).toBe(asked?.options['path']);
    const [authorizer] = resolveConfig({ authorization: [{ adapter: 'a-package' }] }).authorization;
    expect(codeIn(rowOf('authorization[].timeoutMs').default)).toEqual([String(authorizer?.timeoutMs)]);
    for (const onFailure of codeIn(rowOf('authentication[].onFailure').range)) {
      expect(
        resolveConfig({ authentication: [{ adapter: 'anonymous', onFailure }] }).authentication[0]?.onFailure,
      ).toBe(onFailure);
    }
    const [name = ''] = codeIn(rowOf('authentication[].adapter').range);
    expect(Object.keys(AUTHENTICATION_ADAPTERS)).toContain(name);
  });

  test.each(FAILED_ATTEMPTS_KEYS)(
    'the configuration page has the default and the range of failedAttempts.%s',
    (key) => {
      const row = rowOf(`failedAttempts.${key}`);
      const [written = ''] = codeIn(row.default);
      expect(valueOf(written)).toBe(resolveConfig({}).failedAttempts[key]);
      const [min = NaN, max = NaN] = (/^(\d+) to (\d+)$/.exec(row.range) ?? []).slice(1).map(Number);
      const isAccepted = (value: number): boolean => acceptsConfig({ failedAttempts: { [key]: value } });
      expect([min - 1, min, max, max + 1].map(isAccepted)).toEqual([false, true, true, false]);
    },
  );

  test.each(LIMIT_KEYS)('the configuration page has the default, the range and the variable of limits.%s', (limit) => {
    const row = rowOf(`limits.${limit}`);
    const [written = ''] = codeIn(row.default);
    expect(valueOf(written)).toEqual(DEFAULTS[limit] ?? 'off');

    const words = codeIn(row.range).map(valueOf);
    for (const word of words) expect({ word, isAccepted: accepts(limit, word) }).toEqual({ word, isAccepted: true });
    const [, min, max] = (/(\d+) to (\d+)$/.exec(row.range) ?? []).map(Number);
    if (min !== undefined && max !== undefined) {
      expect([min, max].filter((value) => !accepts(limit, value))).toEqual([]);
      expect([min - 1, max + 1].filter((value) => accepts(limit, value))).toEqual([]);
    } else if (!row.range.endsWith('text')) {
      expect(words.length).toBeGreaterThan(1);
    }

    const [variable = ''] = codeIn(row.settings);
    expect(environmentOverrides({ [variable]: written })).toMatchObject([{ path: ['limits', limit] }]);
  });

  test('the configuration page names the variables and flags of the command', () => {
    const settingOf = (key: string): string => rowOf(key).settings;
    const pathOf = (variable: string): unknown => environmentOverrides({ [variable]: 'value' })[0]?.path;
    expect(pathOf(variablesIn(settingOf('listeners[].host'))[0] ?? '')).toEqual(['listeners', 0, 'host']);
    expect(pathOf(variablesIn(settingOf('listeners[].port'))[0] ?? '')).toEqual(['listeners', 0, 'port']);
    expect(pathOf(variablesIn(settingOf('storage.adapter'))[0] ?? '')).toEqual(['storage', 'adapter']);
    expect(pathOf(variablesIn(settingOf('storage.ackLevel'))[0] ?? '')).toEqual(['storage', 'ackLevel']);
    expect(pathOf(variablesIn(settingOf('authentication'))[0] ?? '')).toEqual(['authentication']);
    for (const key of ['level', 'format', 'file'])
      expect(pathOf(variablesIn(settingOf(`logging.${key}`))[0] ?? '')).toEqual(['logging', key]);
    // An unknown variable would be refused.
    for (const variable of variablesIn(PAGE).filter((name) => name !== 'HEXMQ_'))
      expect(() => environmentOverrides({ [variable]: '1' })).not.toThrow();
    const command = ['start', 'reload', 'check-config']
      .map((name) => readFileSync(resolve(ROOT, `src/cli/${name}.ts`), 'utf8'))
      .join('');
    for (const flag of new Set(PAGE.match(/--[a-z][a-z-]+/g))) expect(command).toMatch(new RegExp(`${flag}( <|')`));
    for (const [, flag = ''] of command.matchAll(/\.option\('(?:-\w, )?(--[a-z-]+) </g))
      expect(PAGE).toContain(`\`${flag}\``);
  });
});
