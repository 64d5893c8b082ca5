// The subcommands, options and arguments of the command as data, read from its program: what the completions of the
// shells and docs/commands.md are made of, so that neither can miss what a command has.
import type { Argument, Command, Option } from 'commander';

export interface CommandNode {
  /** As it is typed, such as `hexmq acl explain`. */
  readonly path: string;
  readonly name: string;
  readonly description: string;
  /** Behind the path, such as `[options] <file> [user]`. */
  readonly usage: string;
  readonly parameters: readonly ParameterNode[];
  readonly options: readonly OptionNode[];
  readonly subcommands: readonly CommandNode[];
}

export interface ParameterNode {
  /** With its brackets: `<file>`, or `[user]` if it may be left out. */
  readonly term: string;
  readonly description: string;
  readonly values: Values;
}

export interface OptionNode {
  /** As in the help: `-c, --config <file>`. */
  readonly term: string;
  /** `--config` and `-c`. */
  readonly names: readonly string[];
  readonly description: string;
  /** Left out if the option is a switch. */
  readonly values?: Values;
  readonly isValueOptional: boolean;
  readonly isMandatory: boolean;
  readonly defaultValue: string | undefined;
}

/** What a shell offers: words, the names of files or directories, or nothing that it could know. */
export type Values = readonly string[] | 'files' | 'directories' | 'unknown';

/** By option, or by the path of a command and its parameter: words that commander does not know of. */
export type KnownWords = Readonly<Record<string, readonly string[]>>;

const FILES = /^(file|path|socket)$/;

export function commandTree(command: Command, known: KnownWords, parent = ''): CommandNode {
  const path = `${parent} ${command.name()}`.trim();
  const parameters = command.registeredArguments.map((argument) => parameterNode(argument, path, known));
  return {
    path,
    name: command.name(),
    description: command.description(),
    usage: command.usage(),
    parameters,
    options: command.options.map((option) => optionNode(option, known)),
    subcommands: command.commands.map((one) => commandTree(one, known, path)),
  };
}

/** The command, those below it, and so on, in the order of the help. */
export const withSubcommands = (node: CommandNode): CommandNode[] => [
  node,
  ...node.subcommands.flatMap(withSubcommands),
];

function parameterNode(argument: Argument, path: string, known: KnownWords): ParameterNode {
  const name = argument.name();
  const term = argument.required ? `<${name}>` : `[${name}]`;
  return {
    term,
    description: argument.description,
    values: known[`${path} ${term}`] ?? argument.argChoices ?? valuesOf(name),
  };
}

function optionNode(option: Option, known: KnownWords): OptionNode {
  const { flags, long, short, description, required, optional, mandatory, argChoices } = option;
  const defaultValue: unknown = option.defaultValue;
  const valueName = /[<[]([^>\]]+)[>\]]/.exec(flags)?.[1] ?? '';
  return {
    term: flags,
    names: [long, short].filter((name) => name !== undefined),
    description,
    ...(required || optional ? { values: known[long ?? ''] ?? argChoices ?? valuesOf(valueName) } : {}),
    isValueOptional: optional,
    isMandatory: mandatory,
    defaultValue: typeof defaultValue === 'string' ? defaultValue : undefined,
  };
}

function valuesOf(name: string): Values {
  if (name === 'directory') return 'directories';
  return FILES.test(name) ? 'files' : 'unknown';
}
