// The completion of fish, with descriptions: one line for each thing that it offers, with the command at which it does.
import { withSubcommands } from './command-tree.js';
import type { CommandNode, OptionNode, Values } from './command-tree.js';

export function fishCompletion(root: CommandNode): string {
  const nodes = withSubcommands(root);
  return `# Completion of ${root.name} for fish, a file ${root.name}.fish in ~/.config/fish/completions
function __${root.name}_at
    set -l at ${root.name}
    set -l skip 0
    for word in (commandline -opc)[2..-1]
        if test $skip = 1
            set skip 0
            continue
        end
        switch "$at $word"
            case ${valuesOf(nodes).join(' ')}
                set skip 1
            case ${nodes
              .slice(1)
              .map(({ path }) => quoted(path))
              .join(' ')}
                set at "$at $word"
        end
    end
    test "$at" = "$argv[1]"
end
complete -c ${root.name} -f
${nodes.flatMap((node) => linesOf(node, root.name)).join('\n')}
`;
}

const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;

const valuesOf = (nodes: readonly CommandNode[]): string[] =>
  nodes.flatMap(({ path, options }) =>
    options
      .filter(({ values, isValueOptional }) => values !== undefined && !isValueOptional)
      .flatMap(({ names }) => names.map((name) => quoted(`${path} ${name}`))),
  );

function linesOf({ path, subcommands, parameters, options }: CommandNode, name: string): string[] {
  const start = `complete -c ${name} -n "__${name}_at ${quoted(path)}"`;
  return [
    ...subcommands.map((one) => `${start} -a ${quoted(one.name)} -d ${quoted(one.description)}`),
    ...parameters.flatMap(({ values }) => (values === 'unknown' ? [] : [`${start} ${offer(values)}`])),
    ...options.map((option) => `${start} ${namesOf(option)}${valueOf(option)} -d ${quoted(option.description)}`),
    `${start} -l help -s h -d ${quoted('display help for command')}`,
  ];
}

const namesOf = ({ names }: OptionNode): string =>
  names.map((name) => (name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`)).join(' ');

function valueOf({ values, isValueOptional }: OptionNode): string {
  if (values === undefined || isValueOptional) return '';
  return values === 'files' ? ' -r -F' : ` -x ${offer(values)}`.trimEnd();
}

function offer(values: Values): string {
  if (values === 'files') return '-F';
  if (values === 'directories') return "-a '(__fish_complete_directories)'";
  return values === 'unknown' ? '' : `-a ${quoted(values.join(' '))}`;
}
