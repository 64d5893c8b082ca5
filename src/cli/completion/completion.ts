// `hexmq completion`: prints the completion of a shell, made from the program itself.
import { Argument } from 'commander';
import type { Command } from 'commander';
import type { ProcessHost } from '../process-host.js';

const SHELLS = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof SHELLS)[number];

export function addCompletion(program: Command, host: ProcessHost): void {
  program
    .command('completion')
    .description('print what a shell needs to complete this command: eval "$(hexmq completion bash)"')
    .addArgument(new Argument('<shell>', 'the shell').choices(SHELLS))
    .action((shell: Shell) => printCompletion(program, shell, host));
}

/** Loaded only here, so that no other command takes longer to start. */
async function printCompletion(program: Command, shell: Shell, host: ProcessHost): Promise<void> {
  const { completionOf } = await import('./completion-of.js');
  await host.write(completionOf(program, shell));
}
