#!/usr/bin/env node
// The entry of the command. It handles signals first of all: what the command consists of takes a moment to load, in
// which SIGTERM would be lost on process 1 of a container, and SIGHUP and SIGUSR2 would end any other.
import { problemWithNode } from './node-version.js';
import { Signals } from './signals.js';

// Every other command ends at a signal as programs do.
const signals = process.argv[2] === 'start' ? new Signals(process) : undefined;

const problem = problemWithNode(process.versions.node);
if (problem === undefined) {
  const { runProcess } = await import('./run-process.js');
  await runProcess(signals);
} else {
  process.stderr.write(`hexmq: ${problem}\n`);
  // Signals that are handled would keep the process alive.
  process.exit(1);
}
