// hexmq/plugin: how a package that extends the broker is defined. The ports that a plugin binds, and the services that
// it is offered, are in hexmq/ports.
export { definePlugin, PLUGIN_API } from './definition.js';
export type {
  GivenOptions,
  OptionsCheck,
  OptionsIssue,
  OptionsResult,
  OptionsSchema,
  Plugin,
  PluginDefinition,
} from './definition.js';
// From the copy that the broker uses, so that a plugin needs no dependency of its own for it.
export { ContainerModule } from 'inversify';
export type { ContainerModuleLoadOptions, ServiceIdentifier } from 'inversify';
