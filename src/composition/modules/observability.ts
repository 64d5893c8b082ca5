// The observers of the broker, and what adapters get to report to them.
import { ContainerModule } from 'inversify';
import { emitToAll, wantedBy } from '../../application/emit-to-all.js';
import { EventCounts } from '../../application/event-counts.js';
import { EventTap } from '../../application/event-tap.js';
import { Clock, Telemetry } from '../../ports/index.js';
import { BUILT_IN_ADAPTERS } from '../adapter-table.js';
import type { Config } from '../config.js';
import { all, Components, Emit, WantedEvents } from '../injection.js';

export const observabilityModule = ({ logging }: Config): ContainerModule =>
  new ContainerModule(({ bind }) => {
    bind(Telemetry).toResolvedValue((clock) => BUILT_IN_ADAPTERS.log(logging, { clock }), [Clock]);
    bind(EventCounts).toDynamicValue(() => new EventCounts());
    bind(Emit).toResolvedValue(
      (tap, counts: EventCounts, telemetry: Telemetry[] = []) =>
        (event) => {
          counts.emit(event);
          emitToAll(telemetry, event);
          tap.emit(event);
        },
      [EventTap, EventCounts, all(Telemetry)],
    );
    bind(WantedEvents).toResolvedValue(
      (tap, telemetry: Telemetry[] = []) => {
        const always = wantedBy(telemetry);
        return () => always | tap.wanted;
      },
      [EventTap, all(Telemetry)],
    );
    bind(EventTap).toDynamicValue(() => new EventTap());
    bind(Components).toResolvedValue((clock, emit) => ({ clock, emit }), [Clock, Emit]);
  });
