#!/usr/bin/env node
// The process of the command: its arguments, streams, signals and end. What the command does is in `command.ts`.
import { setFlagsFromString } from 'node:v8';
import { run } from './command.js';
import { ExitStatus, reportCrash } from './report-error.js';
import type { ProcessHost } from './process-host.js';

/**
 * The heap may double before it is looked through for garbage; left to itself it grows up to fourfold first. What waits in a queue for a moment is
 * garbage soon and still taken for old: it would make up most of what is resident while a backlog is handed over.
 */
const HEAP_GROWTH_MAX_PERCENT = 100;
/** What still runs after the command is done is a fault, but no reason to hang. */
const LINGER_MS = 2000;

const host: ProcessHost = {
  environment: process.env,
  print: (text) => process.stdout.write(text),
  printError: (text) => process.stderr.write(text),
  write: (text) =>
    new Promise((resolve, reject) => {
      process.stdout.write(text, (error) => {
        if (error === null || error === undefined) resolve();
        else reject(error);
      });
    }),
  // Whoever does not read it must not be kept waiting by it: opened when it is asked for.
  get input() {
    return process.stdin.isTTY ? undefined : (process.stdin as AsyncIterable<Buffer>);
  },
  askSecret: process.stdin.isTTY ? askSecret : undefined,
  showProgress: process.stderr.isTTY ? showProgress : undefined,
  onStopRequest: (callback) => {
    process.on('SIGTERM', callback);
    process.on('SIGINT', callback);
  },
  onReloadRequest: (callback) => {
    process.on('SIGHUP', callback);
  },
  onOtherSignals: (callback) => {
    process.on('SIGUSR1', callback);
    process.on('SIGUSR2', callback);
  },
  signal: (pid, signal) => {
    process.kill(pid, signal);
  },
  pid: process.pid,
  exitNow: (status) => process.exit(status),
};

/** Nothing of the answer is shown, not even its length. The question is no output of the command. */
async function askSecret(question: string): Promise<string> {
  const { default: ask } = await import('@inquirer/password');
  try {
    return await ask({ message: question, mask: false }, { output: process.stderr });
  } catch (error) {
    // Ctrl-C, which the prompt takes for itself.
    if (error instanceof Error && error.name === 'ExitPromptError') process.exit(ExitStatus.interrupted);
    throw error;
  }
}

/** Back to the beginning of the line, the text as far as it fits, and nothing behind it. */
function showProgress(line: string): void {
  process.stderr.write(`\r${line.slice(0, process.stderr.columns - 1)}\u001b[K`);
}

// After a fault the state of the broker is unknown. Stopping at once loses nothing that was acknowledged; going on might.
function crash(error: unknown): void {
  reportCrash(error, host);
  process.exit(ExitStatus.fault);
}

setFlagsFromString(`--heap-growing-percent=${HEAP_GROWTH_MAX_PERCENT}`);
process.on('uncaughtException', crash);
process.on('unhandledRejection', crash);
// Whoever read our output has gone; a broker does not stop for that.
process.stdout.on('error', () => undefined);
process.stderr.on('error', () => undefined);

process.exitCode = await run(process.argv.slice(2), host);
setTimeout(() => process.exit(), LINGER_MS).unref();
