// `hexmq config-schema`: prints the JSON Schema of the configuration, for editors.
import type { Command } from 'commander';
import { configJsonSchema } from '../composition/json-schema.js';
import type { ProcessHost } from './process-host.js';

export function addConfigSchema(program: Command, host: ProcessHost): void {
  program
    .command('config-schema')
    .description('print the JSON Schema of the configuration, for editors')
    .action(() => {
      host.print(`${JSON.stringify(configJsonSchema(), undefined, 2)}\n`);
    });
}
