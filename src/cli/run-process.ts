// The process of the command: arguments, streams, exit. What the command does is in `command.ts`.
import { setFlagsFromString } from 'node:v8';
import { openFilesLimit } from '../composition/open-files.js';
import { run } from './command.js';
import { ExitStatus, reportCrash } from './report-error.js';
import type { ProcessHost } from './process-host.js';
import { whatIs } from './process-kind.js';
import { serviceManagerOf } from './service-manager.js';
import type { Signals } from './signals.js';

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

const createHost = (signals: Signals | undefined): ProcessHost => ({
  environment: process.env,
  print: (text) => process.stdout.write(text),
  printError: (text) => process.stderr.write(text),
  get openFilesLimit() {
    return openFilesLimit();
  },
  isOutputJson: !process.stdout.isTTY && !process.stderr.isTTY,
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
  onStopRequest: (callback) => signals?.handle(['SIGTERM', 'SIGINT'], callback),
  onReloadRequest: (callback) => signals?.handle(['SIGHUP'], callback),
  onOtherSignals: (callback) => signals?.handle(['SIGUSR1', 'SIGUSR2'], callback),
  signal: (pid, signal) => {
    process.kill(pid, signal);
  },
  whatIs,
  pid: process.pid,
  serviceManager: (onProblem) => serviceManagerOf(process.env, onProblem),
  exitNow: (status) => process.exit(status),
});

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

/**
 * Node makes writes to terminals block, and has no public way to change that: a terminal that is stopped (Ctrl-S) would
 * stop the broker.
 */
function writeTerminalWithoutBlocking(terminal: NodeJS.WriteStream): void {
  const { _handle: handle } = terminal as { _handle?: { setBlocking?: (isBlocking: boolean) => unknown } };
  if (terminal.isTTY) handle?.setBlocking?.(false);
}

/**
 * A command that waits for something while nothing is left that could happen ends without a word. Whatever noticed that
 * before has its turn to say what it is, and a command that is done has set the exit code.
 */
function reportSilentEnd(host: ProcessHost): void {
  process.once('beforeExit', () => {
    if (process.exitCode !== undefined) return;
    process.once('beforeExit', () => {
      if (process.exitCode !== undefined) return;
      host.printError('hexmq: fatal: nothing is left to wait for: a call of an adapter never settled\n');
      process.exitCode = ExitStatus.fault;
    });
    setImmediate(() => undefined);
  });
}

/** @param signals of a broker; the other commands end at a signal. */
export async function runProcess(signals: Signals | undefined): Promise<void> {
  const host = createHost(signals);
  // After a bug the state of the broker is unknown. Exiting at once loses nothing that was acknowledged; continuing
  // might.
  const crash = (error: unknown): void => {
    reportCrash(error, host);
    process.exit(ExitStatus.fault);
  };
  setFlagsFromString(`--heap-growing-percent=${HEAP_GROWTH_MAX_PERCENT}`);
  process.on('uncaughtException', crash);
  process.on('unhandledRejection', crash);
  for (const stream of [process.stdout, process.stderr]) {
    // The reader of our output has gone; the broker continues without it.
    stream.on('error', () => undefined);
    if (signals !== undefined) writeTerminalWithoutBlocking(stream);
  }
  reportSilentEnd(host);
  process.exitCode = await run(process.argv.slice(2), host);
  setTimeout(() => process.exit(), LINGER_MS).unref();
}
