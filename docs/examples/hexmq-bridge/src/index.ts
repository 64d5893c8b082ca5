// hexmq-bridge: a plugin that exchanges messages with another broker, in both directions.
import { ContainerModule, definePlugin } from 'hexmq/plugin';
import { PluginInfo, PluginLogger, Scheduler, Startable } from 'hexmq/ports';
import { Bridge } from './bridge.js';
import { optionsOf } from './options.js';

export default definePlugin({
  name: 'bridge',
  version: '0.1.0',
  api: 1,
  provides: [Startable],
  options: optionsOf,
  module: (options) =>
    new ContainerModule(({ bind }) => {
      bind(Startable).toResolvedValue(
        ({ name }, log, scheduler) => new Bridge(options, name, log, scheduler),
        [PluginInfo, PluginLogger, Scheduler],
      );
    }),
});
