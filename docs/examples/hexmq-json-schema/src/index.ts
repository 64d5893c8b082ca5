// hexmq-json-schema: a plugin that accepts messages of chosen topics only if their payloads match a JSON Schema.
import { ContainerModule, definePlugin } from 'hexmq/plugin';
import { Interceptor } from 'hexmq/ports';
import { optionsOf } from './options.js';
import { SchemaInterceptor } from './schema-interceptor.js';

export default definePlugin({
  name: 'json-schema',
  version: '0.1.0',
  api: 1,
  provides: [Interceptor],
  options: optionsOf,
  module: (options) =>
    new ContainerModule(({ bind }) => {
      bind(Interceptor).toConstantValue(new SchemaInterceptor(options));
    }),
});
