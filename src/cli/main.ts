#!/usr/bin/env node
// The process of the command: its arguments, streams, signals and end. What the command does is in `command.ts`.
import { ExitStatus, run, tellFault } from './command.js';
import type { World } from './command.js';

/** What still runs after the command is done is a fault, but no reason to hang. */
const LINGER_MS = 2000;

const world: World = {
  environment: process.env,
  print: (text) => process.stdout.write(text),
  printError: (text) => process.stderr.write(text),
  onStopRequest: (callback) => {
    process.on('SIGTERM', callback);
    process.on('SIGINT', callback);
  },
  exitNow: (status) => process.exit(status),
};

// After a fault the state of the broker is unknown. Stopping at once loses nothing that was acknowledged; going on might.
function crash(error: unknown): void {
  tellFault(error, world);
  process.exit(ExitStatus.fault);
}

process.on('uncaughtException', crash);
process.on('unhandledRejection', crash);
// Whoever read our output has gone; a broker does not stop for that.
process.stdout.on('error', () => undefined);
process.stderr.on('error', () => undefined);

process.exitCode = await run(process.argv.slice(2), world);
setTimeout(() => process.exit(), LINGER_MS).unref();
