// Who observes the broker, and what adapters get to be observed with.
import { ContainerModule } from 'inversify';
import { emitToAll } from '../../application/emit-to-all.js';
import { Clock, Telemetry } from '../../ports/index.js';
import { BUILT_IN_ADAPTERS } from '../adapter-table.js';
import type { AdapterComponents } from '../adapter-table.js';
import type { Config } from '../config.js';
import { all, byName, Components } from '../injection.js';

interface Observed {
  readonly clock: Clock;
  readonly telemetry: readonly Telemetry[];
}

export const observabilityModule = ({ logging }: Config): ContainerModule =>
  new ContainerModule(({ bind }) => {
    bind(Telemetry).toResolvedValue((clock) => BUILT_IN_ADAPTERS.log(logging.level, { clock }), [Clock]);
    bind(Components).toResolvedValue(...byName(componentsOf, { clock: Clock, telemetry: all(Telemetry) }));
  });

const componentsOf = ({ clock, telemetry }: Observed): AdapterComponents => ({
  clock,
  emit: (event) => {
    emitToAll(telemetry, event);
  },
});
