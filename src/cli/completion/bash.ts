// The completion of bash, also of version 3.2, which macOS has: without arrays by name, `mapfile` and `compopt`. Where
// the function offers nothing, bash offers files.
import { withSubcommands } from './command-tree.js';
import type { CommandNode, Values } from './command-tree.js';
import { HELP, patternsOfSteps, patternsOfValues, quoted } from './shell-words.js';

export function bashCompletion(root: CommandNode): string {
  const nodes = withSubcommands(root);
  const offers = nodes.flatMap((node) => node.options.flatMap(({ names, values }) => offerAfter(node, names, values)));
  return `# Completion of ${root.name} for bash: eval "$(${root.name} completion bash)"
_${root.name}() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD - 1]} at=${root.name} word i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    case "$at $word" in
      ${patternsOfValues(root)}) ((i++)) ;;
      ${patternsOfSteps(root)}) at="$at $word" ;;
    esac
  done
  case "$at $prev" in
${offers.join('\n')}
  esac
  case "$at" in
${nodes.map(offerAt).join('\n')}
  esac
}
complete -o bashdefault -o default -F _${root.name} ${root.name}
`;
}

const reply = (words: readonly string[]): string =>
  words.length === 0 ? '' : `COMPREPLY=($(compgen -W ${quoted(words.join(' '))} -- "$cur")); `;

function offerAfter({ path }: CommandNode, names: readonly string[], values: Values | undefined): string[] {
  if (values === undefined) return [];
  const pattern = names.map((name) => quoted(`${path} ${name}`)).join(' | ');
  return [`    ${pattern}) ${typeof values === 'string' ? '' : reply(values)}return ;;`];
}

function offerAt({ path, subcommands, parameters, options }: CommandNode): string {
  const flags = [...options.flatMap(({ names }) => names), ...HELP];
  const words = [...subcommands.map(({ name }) => name), ...parameters.flatMap(({ values }) => wordsOf(values))];
  return [
    `    ${quoted(path)})`,
    `      case "$cur" in`,
    `        -*) ${reply(flags)};;`,
    `        *) ${reply(words)};;`,
    '      esac',
    '      ;;',
  ].join('\n');
}

const wordsOf = (values: Values): readonly string[] => (typeof values === 'string' ? [] : values);
