// The completion of a program for a shell.
import type { Command } from 'commander';
import { bashCompletion } from './bash.js';
import { commandTree } from './command-tree.js';
import { fishCompletion } from './fish.js';
import { KNOWN_WORDS } from './known-words.js';
import { zshCompletion } from './zsh.js';

const COMPLETIONS = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion };

export const completionOf = (program: Command, shell: keyof typeof COMPLETIONS): string =>
  COMPLETIONS[shell](commandTree(program, KNOWN_WORDS));
