// The control port: how an operator, or a program in the operator's name, looks at a running broker and acts on it. It
// is a driving port: an adapter calls it, as an administration interface would. Who may call it is for that adapter to
// decide; the broker does what it is asked for, and names the actor in an event.
import type { Command, CommandOutcome } from '../domain/commands.js';
import type { Answers, Query, QueryKind } from '../domain/queries.js';
import type { TraceStep, TraceSubject } from '../domain/trace-step.js';

/** A step of a message, in the order in which they happen; `stored`: what it has changed is durable. */
export type TracedStep = Omit<TraceStep, 'step' | 'after'> & { readonly step: TraceStep['step'] | 'stored' };

/** Called within the step of the broker that it is about: it must return quickly and must not throw. */
export type TraceObserver = (step: TracedStep) => void;

/** Queries and commands of one running broker. */
export interface BrokerControl {
  /**
   * Answers at once, from memory, and changes nothing. The caller bounds the time that clients wait meanwhile: see
   * `Paged.examine`.
   * @throws Error while the broker does not run.
   * @throws RangeError if `examine` is less than 1.
   * @throws TypeError if there is no query of this kind.
   */
  query<Kind extends QueryKind>(query: Query<Kind>): Answers[Kind];
  /**
   * Shows what happens to messages from now on. The caller bounds how many traces are open and for how long, because
   * each takes time with every message.
   * @returns ends it.
   */
  trace(subject: TraceSubject, observer: TraceObserver): () => void;
  /**
   * Resolves when the outcome is durable, however long storage takes; so the caller bounds how many commands wait.
   * @param actor the operator, for the event that every command causes.
   * @throws TypeError (as a rejection) if the argument is not a `Command`; its message names the field and what is
   * expected.
   * @throws Error (as a rejection) while the broker does not run, and when it stops first: then it is unknown whether
   * the command took effect.
   */
  command(command: Command, actor: string): Promise<CommandOutcome>;
}
