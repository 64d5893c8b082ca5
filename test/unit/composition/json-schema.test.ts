// The JSON Schema for editors says the same as the configuration itself.
import { describe, expect, test } from '@jest/globals';
import { Ajv } from 'ajv';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { ConfigError } from '../../../src/composition/config-error.js';
import { parseConfigText } from '../../../src/composition/config-file.js';
import { resolveConfig } from '../../../src/composition/resolve-config.js';
import { configJsonSchema } from '../../../src/composition/json-schema.js';
import { DEFAULT_LIMITS } from '../../../src/domain/limits.js';

const accepts = new Ajv().compile(configJsonSchema());

function isConfiguration(input: unknown): boolean {
  try {
    resolveConfig(input);
    return true;
  } catch (error) {
    if (error instanceof ConfigError) return false;
    throw error;
  }
}

describe('the JSON Schema', () => {
  test('the JSON Schema accepts the example of the configuration page', () => {
    const page = readFileSync(resolve(import.meta.dirname, '../../../docs/configuration.md'), 'utf8');
    expect(accepts(parseConfigText(/^```yaml\n([^]*?)^```$/m.exec(page)?.[1] ?? '', 'the example'))).toBe(true);
  });

  test.each([
    {},
    { listeners: [{ type: 'tcp', port: 1999, limits: { maxConnections: 5 } }] },
    { limits: { maxPublishRate: 100, messageExpiryMax: 'off', maxConnections: -1 } },
    { storage: { adapter: 'some-package', options: { anything: 1 } } },
    { authentication: [{ adapter: 'anonymous' }] },
  ])('the JSON Schema accepts %j', (input) => {
    expect([accepts(input), isConfiguration(input)]).toEqual([true, true]);
  });

  test.each([
    [],
    { listeners: [] },
    { listeners: [{ port: 1883 }] },
    { listeners: [{ type: 'tcp', prot: 1883 }] },
    { listeners: [{ type: 'tcp', limits: { maxQos: 1 } }] },
    { limits: { maxInflight: 0 } },
    { limits: { maxPublishRate: 'fast' } },
    { logging: { level: 'loud' } },
    { authentication: [{}] },
    { unknown: 1 },
  ])('the JSON Schema refuses %j', (input) => {
    expect([accepts(input), isConfiguration(input)]).toEqual([false, false]);
  });

  test('the JSON Schema has the default of each limit', () => {
    const { properties } = configJsonSchema() as {
      properties: { limits: { properties: Record<string, { default: unknown }> } };
    };
    const defaults = Object.fromEntries(
      Object.entries(properties.limits.properties).map(([key, { default: value }]) => [key, value]),
    );
    expect(defaults).toEqual(
      Object.fromEntries(Object.entries(DEFAULT_LIMITS).map(([key, value]) => [key, value ?? 'off'])),
    );
  });
});
