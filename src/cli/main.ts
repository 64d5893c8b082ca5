#!/usr/bin/env node
// The entry of the command. It handles signals first of all: what the command consists of takes a moment to load, in
// which SIGTERM would be lost on process 1 of a container, and SIGHUP and SIGUSR2 would end any other.
import { Signals } from './signals.js';

// Every other command ends at a signal as programs do.
const signals = process.argv[2] === 'start' ? new Signals(process) : undefined;

const { runProcess } = await import('./run-process.js');
await runProcess(signals);
