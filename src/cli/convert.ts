// `hexmq convert`: prints a configuration from that of Mosquitto, and says of each line what became of it.
import type { Command } from 'commander';
import { convertMosquittoConf } from '../composition/mosquitto/index.js';
import type { Remark } from '../composition/mosquitto/index.js';
import { printable } from './printable.js';
import type { ProcessHost } from './process-host.js';

export function addConvert(program: Command, host: ProcessHost): void {
  program
    .command('convert')
    .description('print a configuration from a mosquitto.conf; standard error says what became of each line')
    .argument('<file>', 'mosquitto.conf')
    .action((file: string) => {
      const { yaml, remarks } = convertMosquittoConf(file);
      host.print(`# From ${printable(file)}\n${yaml}`);
      for (const remark of remarks) host.printError(`${describe(remark)}\n`);
    });
}

/** Without the value, which may be a password. */
function describe({ line, text }: Remark): string {
  if (line === undefined) return printable(text);
  return printable(`${line.file}, line ${String(line.number)}, ${line.option}: ${text}`);
}
