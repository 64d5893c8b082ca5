// Hands each effect of the core to the part of the shell that carries it out.
import type {
  AcknowledgementType,
  AnswerPacket,
  AuthenticationRequest,
  ConnectionTerms,
  Effects,
  PageLimit,
  SuspendReason,
} from '../domain/effects.js';
import type { DeliveryOptions } from '../domain/messages/delivery-options.js';
import type { Message } from '../domain/messages/message.js';
import type { ClientView, RequestOf, Stage, VerdictOf } from '../domain/interception/verdict.js';
import type { Ticket } from '../domain/durability.js';
import { EVERY_EVENT } from '../domain/events.js';
import type { BrokerEvent, EventMask } from '../domain/events.js';
import type { ConnectionId, QueueId, Seq, TopicName } from '../domain/identifiers.js';
import type { EndReason } from '../domain/reasons.js';
import type { CommandOutcome } from '../domain/commands.js';
import type { TraceStep } from '../domain/trace-step.js';
import type { AuthenticationRequests } from './authentication-requests.js';
import type { CommandRequests } from './command-requests.js';
import type { DurabilityWaiters } from './durability-waiters.js';
import type { Egress } from './egress.js';
import type { EventLoop } from './event-loop.js';
import type { InProcessSubscriptions } from './in-process/subscriptions.js';
import type { Ingress } from './ingress.js';
import type { Interceptors } from './interceptors.js';
import type { Links } from './links.js';
import type { Pager } from './pager.js';
import type { Tracing } from './tracing.js';
import { missingEntries, requirePage, requireRetained } from './storage-checks.js';

export interface CoreEffectsParts {
  readonly loop: EventLoop;
  readonly links: Links;
  readonly ingress: Ingress;
  readonly egress: Egress;
  readonly authentication: AuthenticationRequests;
  readonly commands: CommandRequests;
  readonly waiters: DurabilityWaiters;
  readonly pager: Pager;
  /** Default: there are none, and the core was given no stage to ask about. */
  readonly interceptors?: Interceptors | undefined;
  readonly tracing?: Tracing | undefined;
  /** Default: there are none. */
  readonly inProcess?: InProcessSubscriptions | undefined;
  /** Which events the observers want; default: all. */
  readonly wanted?: (() => EventMask) | undefined;
  readonly emit: (event: BrokerEvent) => void;
}

/** How long a connection that the broker ends may take to read what was written to it. */
const CLOSE_GRACE_MS = 5000;

export class CoreEffects implements Effects {
  readonly #parts: CoreEffectsParts;
  readonly #egress: Egress;

  constructor(parts: CoreEffectsParts) {
    this.#parts = parts;
    this.#egress = parts.egress;
  }

  get wanted(): EventMask {
    return this.#parts.wanted?.() ?? EVERY_EVENT;
  }

  get released(): Ticket {
    return this.#egress.released;
  }

  authenticate(connection: ConnectionId, request: AuthenticationRequest, data: Uint8Array | undefined): void {
    const link = this.#parts.links.get(connection);
    if (link !== undefined) this.#parts.authentication.authenticate(link, request, data);
  }

  continueAuthentication(connection: ConnectionId, data: Uint8Array | undefined): void {
    const link = this.#parts.links.get(connection);
    if (link !== undefined) this.#parts.authentication.continue(link, data);
  }

  reauthenticate(connection: ConnectionId, data: Uint8Array | undefined): void {
    const link = this.#parts.links.get(connection);
    if (link !== undefined) this.#parts.authentication.renew(link, data);
  }

  intercept<S extends Stage>(
    connection: ConnectionId,
    stage: S,
    request: RequestOf<S>,
    client: ClientView,
  ): VerdictOf<S> | undefined {
    const { interceptors } = this.#parts;
    return interceptors === undefined ? { decision: 'pass' } : interceptors.ask(connection, stage, request, client);
  }

  abandonIntercept(connection: ConnectionId): void {
    this.#parts.interceptors?.cancel(connection);
  }

  interceptDelivery(message: Message, client: ClientView): Message | string {
    return this.#parts.interceptors?.deliver(message, client) ?? message;
  }

  established(connection: ConnectionId, terms: ConnectionTerms): void {
    this.#parts.links.established(connection, terms);
  }

  send(connection: ConnectionId, packet: AnswerPacket, after: Ticket): void {
    this.#egress.send(connection, packet, after);
  }

  acknowledge(
    connection: ConnectionId,
    type: AcknowledgementType,
    packetId: number,
    reasonCode: number,
    after: Ticket,
  ): void {
    this.#egress.acknowledge(connection, type, packetId, reasonCode, after);
  }

  deliver(
    connection: ConnectionId,
    message: Message,
    options: DeliveryOptions,
    dup: boolean,
    packetId: number,
    after: Ticket,
  ): void {
    this.#egress.deliver(connection, message, options, dup, packetId, after);
  }

  whenWritable(connection: ConnectionId): void {
    this.#egress.whenWritable(connection);
  }

  close(connection: ConnectionId, reason: EndReason): void {
    const { links } = this.#parts;
    // What a peer does not read no longer counts when its connection has ended, so it must not stay in memory. At a
    // shutdown nothing follows that could add to it.
    const mayLinger = reason === 'server-shutting-down' || links.mayLinger(connection);
    links.end(connection, mayLinger ? CLOSE_GRACE_MS : 0);
  }

  whenDurable(connection: ConnectionId, after: Ticket): void {
    const link = this.#parts.links.get(connection);
    if (link === undefined) return;
    const durable = (): void => {
      this.#parts.loop.step({ kind: 'durable', connection });
      link.input.unpark('admission');
    };
    link.input.park('admission');
    if (!this.#egress.mustWaitFor(after)) durable();
    else
      this.#parts.waiters.wait(after, () => {
        this.#parts.loop.submit(durable);
      });
  }

  traced(trace: number, step: TraceStep): void {
    this.#parts.tracing?.traced(trace, step);
  }

  /** At every level of acknowledgement: an operator gets few answers, and each is about what stays. */
  answerCommand(request: number, outcome: CommandOutcome, after: Ticket): void {
    this.#parts.waiters.wait(after, () => {
      this.#parts.commands.answered(request, outcome);
    });
  }

  whenQuiet(connection: ConnectionId): void {
    const link = this.#parts.links.get(connection);
    if (link !== undefined) this.#parts.ingress.whenQuiet(link.input);
  }

  suspend(connection: ConnectionId, why: SuspendReason): void {
    const link = this.#parts.links.get(connection);
    if (link !== undefined) this.#parts.ingress.suspend(link.input, why);
  }

  resume(connection: ConnectionId, why: SuspendReason): void {
    const link = this.#parts.links.get(connection);
    if (link !== undefined) this.#parts.ingress.resume(link.input, why);
  }

  readQueue(queue: QueueId, from: Seq, limit: PageLimit, request: number, after: Ticket): void {
    this.#parts.pager.read(
      after,
      (storage) => storage.readQueue(queue, from, limit),
      (page) => requirePage(queue, from, limit, page),
      (entries) => {
        this.#parts.loop.enqueue({ kind: 'queue-page', queue, request, entries });
      },
    );
  }

  answerInProcess(subscriber: number, problem: string | undefined): void {
    this.#parts.inProcess?.answered(subscriber, problem);
  }

  deliverInProcess(subscriber: number, message: Message, isRetained: boolean): void {
    this.#parts.inProcess?.deliver(subscriber, message, isRetained);
  }

  whenInProcessReady(subscriber: number): void {
    this.#parts.inProcess?.whenReady(subscriber);
  }

  readRetainedInProcess(subscriber: number, topics: readonly TopicName[], after: Ticket): void {
    this.#readRetained(topics, after, (messages) => {
      this.#parts.loop.enqueue({ kind: 'in-process-page', subscriber, messages });
    });
  }

  readRetained(connection: ConnectionId, topics: readonly TopicName[], after: Ticket): void {
    this.#readRetained(topics, after, (messages) => {
      this.#parts.loop.enqueue({ kind: 'retained-page', connection, messages });
    });
  }

  #readRetained(topics: readonly TopicName[], after: Ticket, done: (messages: readonly Message[]) => void): void {
    this.#parts.pager.read(
      after,
      (storage) => storage.readRetained(topics),
      (page) => requireRetained(topics, page),
      done,
    );
  }

  lacks(queue: QueueId, from: Seq): void {
    this.#parts.pager.reports.fatal(missingEntries(queue, from));
  }

  emit(event: BrokerEvent): void {
    this.#parts.emit(event);
  }
}
