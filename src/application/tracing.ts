// Traces of operators: numbers them, and gives each step to the observer of its trace once what the step promises has
// left, so that the time of an answer to a publisher is that at which it went out. A message whose changes have become
// durable gets one step more.
import type { Broker } from '../domain/broker.js';
import type { TraceStep, TraceSubject } from '../domain/trace-step.js';
import { NOW } from '../domain/durability.js';
import type { TraceObserver } from '../ports/control.js';
import type { DurabilityWaiters } from './durability-waiters.js';
import type { Egress } from './egress.js';

export interface TracingParts {
  readonly waiters: DurabilityWaiters;
  readonly egress: Pick<Egress, 'mustWaitFor'>;
}

export class Tracing {
  readonly #parts: TracingParts;
  readonly #observers = new Map<number, TraceObserver>();
  #last = 0;

  constructor(parts: TracingParts) {
    this.#parts = parts;
  }

  /** @returns ends it. */
  open(core: Pick<Broker, 'trace'>, subject: TraceSubject, observer: TraceObserver): () => void {
    const trace = ++this.#last;
    this.#observers.set(trace, observer);
    core.trace(trace, subject);
    return () => {
      if (this.#observers.delete(trace)) core.trace(trace, undefined);
    };
  }

  traced(trace: number, step: TraceStep): void {
    const { after, ...shown } = step;
    const tell = (): void => this.#observers.get(trace)?.(shown);
    if (step.step === 'answered' && after !== undefined && this.#parts.egress.mustWaitFor(after)) {
      this.#parts.waiters.wait(after, tell);
      return;
    }
    tell();
    if (step.step !== 'routed' || after === undefined || after === NOW) return;
    const { messageId, topic, publisher } = step;
    this.#parts.waiters.wait(after, () => {
      this.#observers.get(trace)?.({ step: 'stored', messageId, topic, publisher });
    });
  }
}
