// What the completions of bash and zsh have in common: quoting, and the patterns by which a line that is typed is
// followed from command to subcommand.
import { withSubcommands } from './command-tree.js';
import type { CommandNode } from './command-tree.js';

/** Commander adds it to every command. */
export const HELP: readonly string[] = ['--help', '-h'];

/** In single quotes, between which shells change nothing. */
export const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/** Of a command and an option whose value is the next word. */
export const patternsOfValues = (root: CommandNode): string =>
  withSubcommands(root)
    .flatMap(({ path, options }) =>
      options
        .filter(({ values, isValueOptional }) => values !== undefined && !isValueOptional)
        .flatMap(({ names }) => names.map((name) => quoted(`${path} ${name}`))),
    )
    .join(' | ');

/** Of a command and a subcommand of it. */
export const patternsOfSteps = (root: CommandNode): string =>
  withSubcommands(root)
    .slice(1)
    .map(({ path }) => quoted(path))
    .join(' | ');
