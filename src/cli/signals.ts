// The signals of a broker from the first moment of its process on: those that come before anything handles them are
// kept. This module is loaded before everything else, so it imports nothing.

export type HandledSignal = 'SIGTERM' | 'SIGINT' | 'SIGHUP' | 'SIGUSR1' | 'SIGUSR2';

const ALL: readonly HandledSignal[] = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'];
/** A second SIGTERM has a meaning of its own; more than that says nothing new. */
const KEPT_MAX = 2;

interface SignalSource {
  on(signal: HandledSignal, callback: () => void): unknown;
}

export class Signals {
  readonly #kept = new Map<HandledSignal, number>();
  readonly #handlers = new Map<HandledSignal, () => void>();

  constructor(source: SignalSource) {
    for (const signal of ALL)
      source.on(signal, () => {
        this.#take(signal);
      });
  }

  /** Calls back on each of the signals, at once for those that have come already. */
  handle<Signal extends HandledSignal>(signals: readonly Signal[], callback: (signal: Signal) => void): void {
    for (const signal of signals) {
      const call = (): void => {
        callback(signal);
      };
      this.#handlers.set(signal, call);
      const count = this.#kept.get(signal) ?? 0;
      this.#kept.delete(signal);
      for (let time = 0; time < count; time++) call();
    }
  }

  #take(signal: HandledSignal): void {
    const handler = this.#handlers.get(signal);
    if (handler !== undefined) handler();
    else this.#kept.set(signal, Math.min((this.#kept.get(signal) ?? 0) + 1, KEPT_MAX));
  }
}
