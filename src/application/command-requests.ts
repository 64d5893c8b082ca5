// Commands of operators on their way through the core: each is one step of the event loop, and its promise resolves
// when the core's answer is durable.
import { commandProblem } from '../domain/commands.js';
import type { Command, CommandOutcome } from '../domain/commands.js';
import type { EventLoop } from './event-loop.js';

interface PendingCommand {
  readonly resolve: (outcome: CommandOutcome) => void;
  readonly reject: (error: Error) => void;
}

const stoppedError = (): Error => new Error('the broker stops: it is unknown whether the command took effect');

export class CommandRequests {
  readonly #loop: EventLoop;
  readonly #pending = new Map<number, PendingCommand>();
  #lastRequest = 0;
  #isStopped = false;

  constructor(loop: EventLoop) {
    this.#loop = loop;
  }

  /** Rejects if the broker stops before the outcome is durable, and with a TypeError if this is not a command. */
  run(command: Command, actor: string): Promise<CommandOutcome> {
    if (this.#isStopped) return Promise.reject(stoppedError());
    const problem = commandProblem(command);
    if (problem !== undefined) return Promise.reject(new TypeError(problem));
    const request = ++this.#lastRequest;
    return new Promise((resolve, reject) => {
      this.#pending.set(request, { resolve, reject });
      this.#loop.enqueue({ kind: 'command', request, actor, command });
    });
  }

  /** The outcome of a command is durable. */
  answered(request: number, outcome: CommandOutcome): void {
    this.#pending.get(request)?.resolve(outcome);
    this.#pending.delete(request);
  }

  stop(): void {
    this.#isStopped = true;
    for (const { reject } of this.#pending.values()) reject(stoppedError());
    this.#pending.clear();
  }
}
