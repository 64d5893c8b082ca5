// The engine assembled by hand, part by part: the bindings of `src/composition/modules` without a container.
import type { Admission } from '../application/admission.js';
import { AuthenticationRequests } from '../application/authentication-requests.js';
import { CommandRequests } from '../application/command-requests.js';
import { Committer, durabilityAt } from '../application/committer.js';
import { createCore } from '../application/core.js';
import { CoreEffects } from '../application/core-effects.js';
import { DurabilityWaiters } from '../application/durability-waiters.js';
import { Egress } from '../application/egress.js';
import { Engine } from '../application/engine.js';
import { EventLoop } from '../application/event-loop.js';
import { HandlerTurns } from '../application/in-process/handler-turns.js';
import { InProcessSubscriptions } from '../application/in-process/subscriptions.js';
import { Ingress } from '../application/ingress.js';
import type { Link } from '../application/link.js';
import { Interceptors } from '../application/interceptors.js';
import { Links } from '../application/links.js';
import { Tracing } from '../application/tracing.js';
import { Pager } from '../application/pager.js';
import { Reauthorization } from '../application/reauthorization.js';
import type { LiveSettings } from '../application/settings.js';
import { storageReports } from '../application/storage-reports.js';
import type { TurnLimits } from '../application/turn-budget.js';
import type {
  AckLevel,
  BrokerEvent,
  Clock,
  ConnectionId,
  Interceptor,
  LifecycleEvent,
  Permissions,
  Random,
  Storage,
} from '../ports/index.js';

export interface EngineAssembly {
  readonly storage: Storage;
  readonly admission: Admission;
  /** In the order of calling; default: none. */
  readonly interceptors?: readonly Interceptor[] | undefined;
  readonly emit: (event: BrokerEvent | LifecycleEvent) => void;
  readonly clock: Clock;
  readonly random: Random;
  /** Shared with every other part that reads the limits. */
  readonly settings: LiveSettings;
  /** Default `flushed`. */
  readonly ackLevel?: AckLevel | undefined;
  /** How many recipients, filters or topics one step handles. Default: the core's own choice. */
  readonly sliceSize?: number | undefined;
  /** Calls back when all present input has been handled. */
  readonly atEndOfTurn: (callback: () => void) => void;
  readonly fatal: (error: Error) => void;
  /** The work that is done before the network is polled again; the default suits a real clock. */
  readonly turnLimits?: Partial<TurnLimits> | undefined;
}

export function assembleEngine(assembly: EngineAssembly): Engine {
  const { storage, admission, emit, clock, random, settings, atEndOfTurn, fatal, ackLevel = 'flushed' } = assembly;
  const loop = new EventLoop({ clock, atEndOfTurn, limits: assembly.turnLimits });
  const committer = new Committer(storage, clock, storageReports('write', emit, fatal), durabilityAt(ackLevel));
  const waiters = new DurabilityWaiters(committer);
  const pager = new Pager(storage, clock, waiters, storageReports('read', emit, fatal));
  const applyPermissions = (connection: ConnectionId, permissions: Permissions): void => {
    loop.enqueue({ kind: 'permissions', connection, permissions });
  };
  const { authorization } = admission;
  const renewal = { authorization, clock, settings, atEndOfTurn, applyPermissions, emit };
  const reauthorization = new Reauthorization(renewal);
  const authentication = new AuthenticationRequests({ admission, reauthorization, loop });
  const byId = new Map<ConnectionId, Link>();
  const ingress = new Ingress({ loop, clock, settings, changes: committer });
  const isGated = ackLevel !== 'received';
  const egress = new Egress({ links: byId, loop, committed: committer, isGated, settings });
  const asked = assembly.interceptors ?? [];
  const interceptors = new Interceptors({ interceptors: asked, clock, settings, atEndOfTurn, loop, links: byId, emit });
  const sides = { loop, ingress, egress, authentication, interceptors, emit };
  const links = new Links({ ...sides, links: byId, maxOpen: Infinity, clock, settings, reauthorization });
  const commands = new CommandRequests(loop);
  const tracing = new Tracing({ waiters, egress });
  const turns = new HandlerTurns(atEndOfTurn, clock);
  const inProcess = new InProcessSubscriptions({ loop, turns, clock, emit });
  const effects = new CoreEffects({ ...sides, links, commands, waiters, pager, tracing, inProcess });
  const { sliceSize } = assembly;
  const { intercepted } = interceptors;
  const core = createCore({ changes: committer, effects, settings, random, intercepted, sliceSize });
  const stored = { committer, waiters, pager, tracing, inProcess };
  return new Engine({ clock, core, loop, settings, links, ingress, egress, commands, reauthorization, ...stored });
}
