// The section `plugins` of the configuration, and the keys of everything else that comes from a package.
import * as z from 'zod';
import { NAME } from '../plugin/definition.js';
import { expected, integer, text } from './config-values.js';

const DAY_MS = 24 * 3_600_000;
const NAME_RULE = 'lower case letters, digits and hyphens, at most 64, beginning with a letter';

export const fromPackage = {
  package: text('the name of an installed npm package, or a path that begins with ./'),
  options: z.record(z.string(), z.unknown(), expected('the options of the plugin, a mapping')).optional(),
};

const plugin = z.strictObject(
  {
    ...fromPackage,
    name: z.string(expected(NAME_RULE)).regex(NAME, expected(NAME_RULE)).optional(),
    startTimeoutMs: integer(1, DAY_MS, ' (milliseconds)').optional(),
  },
  expected('a plugin, such as { package: ./my-plugin }'),
);

export const pluginsSchema = z.array(plugin, expected('a list of plugins, such as [{ package: ./my-plugin }]'));

export const PLUGIN_KEYS = Object.keys(plugin.shape);
