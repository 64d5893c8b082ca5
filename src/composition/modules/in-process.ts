// What the broker offers inside the process, to the program that embeds it and to plugins.
import { ContainerModule } from 'inversify';
import { Engine } from '../../application/engine.js';
import { EventLoop } from '../../application/event-loop.js';
import { AdapterLife } from '../../application/adapter-life.js';
import { EventTap } from '../../application/event-tap.js';
import { ListenerComponent } from '../../application/in-process/event-listeners.js';
import { InProcessEvents } from '../../application/in-process/events.js';
import type { EventsParts } from '../../application/in-process/events.js';
import { HandlerTurns } from '../../application/in-process/handler-turns.js';
import { InProcessMessaging } from '../../application/in-process/messaging.js';
import { InProcessSubscriptions } from '../../application/in-process/subscriptions.js';
import type { SubscriptionsParts } from '../../application/in-process/subscriptions.js';
import { BrokerEvents, Clock, EventListener, Messaging } from '../../ports/index.js';
import { all, byName, Components, Emit, EndOfTurn, LifecyclePart } from '../injection.js';

export const inProcessModule = (): ContainerModule =>
  new ContainerModule(({ bind }) => {
    bind(InProcessSubscriptions).toResolvedValue(
      ...byName((parts: SubscriptionsParts) => new InProcessSubscriptions(parts), {
        loop: EventLoop,
        turns: HandlerTurns,
        clock: Clock,
        emit: Emit,
      }),
    );
    bind(InProcessMessaging).toResolvedValue((engine) => new InProcessMessaging({ engine }), [Engine]);
    bind(Messaging).toService(InProcessMessaging);
  });

/** To be loaded before everything that emits events: listeners start first and stop last. */
export const eventsModule = (): ContainerModule =>
  new ContainerModule(({ bind }) => {
    bind(HandlerTurns).toResolvedValue((later, clock) => new HandlerTurns(later, clock), [EndOfTurn, Clock]);
    bind(InProcessEvents).toResolvedValue(
      ...byName((parts: EventsParts) => new InProcessEvents(parts), {
        tap: EventTap,
        turns: HandlerTurns,
        clock: Clock,
        emit: Emit,
      }),
    );
    bind(BrokerEvents).toService(InProcessEvents);
    bind(LifecyclePart).toResolvedValue(
      (components, events, listeners: EventListener[] = []) =>
        new AdapterLife(
          'event listeners',
          listeners.map((listener) => new ListenerComponent(listener, events)),
          components,
        ),
      [Components, InProcessEvents, all(EventListener)],
    );
  });
