#!/usr/bin/env node
// The process of the command: arguments, streams, signals, exit. What the command does is in `command.ts`.
import { setFlagsFromString } from 'node:v8';
import { run } from './command.js';
import { ExitStatus, reportCrash } from './report-error.js';
import type { ProcessHost } from './process-host.js';

/**
 * Lets the heap at most double between major collections, where V8 lets it grow up to fourfold. Queued messages survive
 * a minor collection and die soon after; while a backlog is delivered, they would otherwise make up most of the
 * resident memory.
 */
const HEAP_GROWTH_MAX_PERCENT = 100;
/**
 * How long the process may live on after the command is done, for output to drain. Whatever runs longer is a bug, not a
 * reason to hang.
 */
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
  // Opened on access: an open standard input would keep the process of a command that does not read it alive.
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

/**
 * Shows nothing of the answer, not even its length. The question goes to standard error, because it is no output of the
 * command.
 */
async function askSecret(question: string): Promise<string> {
  const { default: ask } = await import('@inquirer/password');
  try {
    return await ask({ message: question, mask: false }, { output: process.stderr });
  } catch (error) {
    // Ctrl-C, which the prompt handles itself.
    if (error instanceof Error && error.name === 'ExitPromptError') process.exit(ExitStatus.interrupted);
    throw error;
  }
}

/** Overwrites the current line with the text, cut to the width of the terminal. */
function showProgress(line: string): void {
  process.stderr.write(`\r${line.slice(0, process.stderr.columns - 1)}\u001b[K`);
}

// After a bug the state of the broker is unknown. Exiting at once loses nothing that was acknowledged; continuing
// might.
function crash(error: unknown): void {
  reportCrash(error, host);
  process.exit(ExitStatus.fault);
}

setFlagsFromString(`--heap-growing-percent=${HEAP_GROWTH_MAX_PERCENT}`);
process.on('uncaughtException', crash);
process.on('unhandledRejection', crash);
// The reader of our output has gone; the broker continues without it.
process.stdout.on('error', () => undefined);
process.stderr.on('error', () => undefined);

process.exitCode = await run(process.argv.slice(2), host);
setTimeout(() => process.exit(), LINGER_MS).unref();
