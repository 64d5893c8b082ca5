// `hexmq token`: makes a token for the administration over HTTP, and writes its hash into the file of tokens.
import { appendFileSync } from 'node:fs';
import { Option } from 'commander';
import type { Command } from 'commander';
import { ADAPTER_TOOLS } from '../../composition/adapter-table.js';
import { ConfigError } from '../../composition/config-error.js';
import { readRegularFileSync } from '../../ports/index.js';
import { FileError } from '../report-error.js';
import type { ProcessHost } from '../process-host.js';

interface TokenFlags {
  readonly role: 'read' | 'write';
  readonly file: string;
}

export function addToken(program: Command, host: ProcessHost): void {
  program
    .command('token')
    .description('make a token for the administration over HTTP: it is printed once, and its hash added to a file')
    .argument('<name>', 'who gets it, for the log of the broker')
    .addOption(new Option('--role <role>', 'what it allows').choices(['read', 'write']).default('read'))
    .requiredOption('--file <file>', 'the file that admin.tokens names')
    .action((name: string, flags: TokenFlags) => addNewToken(name, flags, host));
}

/** @throws ConfigError if the name is taken or not valid; FileError. */
async function addNewToken(name: string, { role, file }: TokenFlags, host: ProcessHost): Promise<void> {
  const { newToken, parseTokens } = await ADAPTER_TOOLS.tokens();
  const before = read(file);
  const separator = before === '' || before.endsWith('\n') ? '' : '\n';
  let made: ReturnType<typeof newToken>;
  try {
    made = newToken(name, role);
    parseTokens(`${before}${separator}${made.line}\n`, file);
  } catch (error) {
    throw new ConfigError([(error as Error).message]);
  }
  try {
    appendFileSync(file, `${separator}${made.line}\n`, { mode: 0o600 });
  } catch (error) {
    throw new FileError(`cannot write ${file}: ${(error as Error).message}`, { cause: error });
  }
  host.print(`${made.token}\n`);
}

function read(file: string): string {
  try {
    return readRegularFileSync(file).toString('utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw new FileError(`cannot read ${file}: ${(error as Error).message}`, { cause: error });
  }
}
