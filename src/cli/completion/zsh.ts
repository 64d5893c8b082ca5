// The completion of zsh, with descriptions. It works as a file `_hexmq` in a directory of `fpath`, and when it is
// evaluated.
import { withSubcommands } from './command-tree.js';
import type { CommandNode, Values } from './command-tree.js';
import { HELP, patternsOfSteps, patternsOfValues, quoted } from './shell-words.js';

export function zshCompletion(root: CommandNode): string {
  const nodes = withSubcommands(root);
  return `#compdef ${root.name}
# Completion of ${root.name} for zsh: to be evaluated, or a file _${root.name} in a directory of fpath
_${root.name}() {
  local at=${root.name} word
  local -i i
  local -a found flags
  for ((i = 2; i < CURRENT; i++)); do
    word=$words[i]
    case "$at $word" in
      (${patternsOfValues(root)}) ((i++)) ;;
      (${patternsOfSteps(root)}) at="$at $word" ;;
    esac
  done
  case "$at $words[CURRENT-1]" in
${nodes.flatMap(offersAfter).join('\n')}
  esac
  case "$at" in
${nodes.map(offerAt).join('\n')}
  esac
}
if [[ \${funcstack[1]-} == _${root.name} ]]; then _${root.name} "$@"; else compdef _${root.name} ${root.name}; fi
`;
}

const offersAfter = ({ path, options }: CommandNode): string[] =>
  options.flatMap(({ names, values }) =>
    values === undefined
      ? []
      : [`    (${names.map((name) => quoted(`${path} ${name}`)).join(' | ')}) ${offer(values)}return ;;`],
  );

/** A colon ends the word of a description. */
const described = (word: string, description: string): string =>
  quoted(`${word.replaceAll(':', '\\:')}:${description}`);

function offerAt({ path, subcommands, parameters, options }: CommandNode): string {
  const flags = [
    ...options.flatMap(({ names, description }) => names.map((name) => described(name, description))),
    ...HELP.map((name) => described(name, 'display help for command')),
  ];
  const found = subcommands.map(({ name, description }) => described(name, description));
  return [
    `    (${quoted(path)})`,
    `      if [[ $PREFIX == -* ]]; then flags=(${flags.join(' ')}); _describe -o option flags; return; fi`,
    ...(found.length === 0 ? [] : [`      found=(${found.join(' ')}); _describe command found`]),
    ...parameters.flatMap(({ values }) => (values === 'unknown' ? [] : [`      ${offer(values)}`])),
    '      ;;',
  ].join('\n');
}

function offer(values: Values): string {
  if (values === 'files') return '_files; ';
  if (values === 'directories') return '_files -/; ';
  return values === 'unknown' ? '' : `compadd -- ${values.map(quoted).join(' ')}; `;
}
