// The engine, part by part: the event loop, the two sides of the connections, and the core with its effects. The
// container finds the order in which they can be made, and makes each of them once, however many others need it.
import { ContainerModule } from 'inversify';
import type { ContainerModuleLoadOptions } from 'inversify';
import { AuthenticationRequests } from '../../application/authentication-requests.js';
import { CommandRequests } from '../../application/command-requests.js';
import { Committer } from '../../application/committer.js';
import { createCore } from '../../application/core.js';
import { CoreEffects } from '../../application/core-effects.js';
import type { CoreEffectsParts } from '../../application/core-effects.js';
import { DurabilityWaiters } from '../../application/durability-waiters.js';
import { Egress } from '../../application/egress.js';
import type { EgressParts } from '../../application/egress.js';
import { Engine } from '../../application/engine.js';
import type { EngineParts } from '../../application/engine.js';
import { EventLoop } from '../../application/event-loop.js';
import { Ingress } from '../../application/ingress.js';
import type { IngressParts } from '../../application/ingress.js';
import { InProcessSubscriptions } from '../../application/in-process/subscriptions.js';
import { Interceptors } from '../../application/interceptors.js';
import { Links } from '../../application/links.js';
import type { LinksParts } from '../../application/links.js';
import { Pager } from '../../application/pager.js';
import { Reauthorization } from '../../application/reauthorization.js';
import { Tracing } from '../../application/tracing.js';
import type { TracingParts } from '../../application/tracing.js';
import { LiveSettings } from '../../application/settings.js';
import { Broker } from '../../domain/broker.js';
import { Clock, Random } from '../../ports/index.js';
import type { Config } from '../config.js';
import { byName, Emit, EndOfTurn, MaxOpenConnections, OpenLinks, WantedEvents } from '../injection.js';

type Bind = ContainerModuleLoadOptions['bind'];

export const engineModule = ({ storage: { ackLevel } }: Config): ContainerModule =>
  new ContainerModule(({ bind }) => {
    bindLinks(bind, ackLevel);
    bind(CommandRequests).toResolvedValue((loop) => new CommandRequests(loop), [EventLoop]);
    bind(Tracing).toResolvedValue(
      ...byName((parts: TracingParts) => new Tracing(parts), { waiters: DurabilityWaiters, egress: Egress }),
    );
    bind(CoreEffects).toResolvedValue(
      ...byName((parts: CoreEffectsParts) => new CoreEffects(parts), {
        loop: EventLoop,
        links: Links,
        ingress: Ingress,
        egress: Egress,
        authentication: AuthenticationRequests,
        commands: CommandRequests,
        waiters: DurabilityWaiters,
        pager: Pager,
        interceptors: Interceptors,
        tracing: Tracing,
        inProcess: InProcessSubscriptions,
        wanted: WantedEvents,
        emit: Emit,
      }),
    );
    bind(Broker).toResolvedValue(
      (changes, effects, settings, random, { intercepted }) =>
        createCore({ changes, effects, settings, random, intercepted }),
      [Committer, CoreEffects, LiveSettings, Random, Interceptors],
    );
    bind(Engine).toResolvedValue(
      ...byName((parts: EngineParts) => new Engine(parts), {
        clock: Clock,
        core: Broker,
        loop: EventLoop,
        settings: LiveSettings,
        links: Links,
        ingress: Ingress,
        egress: Egress,
        committer: Committer,
        waiters: DurabilityWaiters,
        pager: Pager,
        commands: CommandRequests,
        tracing: Tracing,
        inProcess: InProcessSubscriptions,
        reauthorization: Reauthorization,
      }),
    );
  });

/** The event loop, and the two sides of the connections. */
function bindLinks(bind: Bind, ackLevel: Config['storage']['ackLevel']): void {
  bind(EventLoop).toResolvedValue((clock, atEndOfTurn) => new EventLoop({ clock, atEndOfTurn }), [Clock, EndOfTurn]);
  bind(OpenLinks).toDynamicValue(() => new Map());
  bind(Ingress).toResolvedValue(
    ...byName((parts: IngressParts) => new Ingress(parts), {
      loop: EventLoop,
      clock: Clock,
      settings: LiveSettings,
      changes: Committer,
    }),
  );
  bind(Egress).toResolvedValue(
    ...byName((parts: Omit<EgressParts, 'isGated'>) => new Egress({ ...parts, isGated: ackLevel !== 'received' }), {
      links: OpenLinks,
      loop: EventLoop,
      committed: Committer,
      settings: LiveSettings,
    }),
  );
  bind(Links).toResolvedValue(
    ...byName((parts: LinksParts) => new Links(parts), {
      links: OpenLinks,
      maxOpen: MaxOpenConnections,
      loop: EventLoop,
      clock: Clock,
      settings: LiveSettings,
      ingress: Ingress,
      egress: Egress,
      authentication: AuthenticationRequests,
      reauthorization: Reauthorization,
      emit: Emit,
    }),
  );
}
