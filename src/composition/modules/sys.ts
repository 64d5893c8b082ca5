// What the broker says of itself below $SYS/broker/. To be loaded before the network: a client that subscribes finds
// the values.
import { getHeapStatistics } from 'node:v8';
import { ContainerModule } from 'inversify';
import { mayTakeDrops, SysEvents } from '../../administration/sys/sys-events.js';
import { SysValues } from '../../administration/sys/sys-values.js';
import { Engine } from '../../application/engine.js';
import { EventTap } from '../../application/event-tap.js';
import { Measurements } from '../../application/measurements.js';
import { maskOf } from '../../domain/events.js';
import { Clock } from '../../ports/index.js';
import type { Config } from '../config.js';
import { byName, LifecyclePart } from '../injection.js';
import { VERSION } from '../version.js';

interface ValuesDependencies {
  readonly engine: Engine;
  readonly measurements: Measurements;
  readonly clock: Clock;
}

interface EventsDependencies {
  readonly engine: Engine;
  readonly tap: EventTap;
  readonly clock: Clock;
}

export const sysModule = ({ sys: { intervalS, events }, logging: { userNames } }: Config): ContainerModule =>
  new ContainerModule(({ bind }) => {
    if (intervalS > 0) {
      bind(SysValues).toResolvedValue(
        ...byName(
          ({ engine, measurements, clock }: ValuesDependencies) =>
            new SysValues({
              intervalMs: intervalS * 1000,
              clock,
              version: VERSION,
              measure: () => measurements.read(),
              heapBytes: heapInUse,
              announce: announceTo(engine),
            }),
          { engine: Engine, measurements: Measurements, clock: Clock },
        ),
      );
      bind(LifecyclePart).toService(SysValues);
    }
    if (events.length === 0) return;
    const wanted = mayTakeDrops(events) ? maskOf(['message-dropped']) : 0;
    bind(SysEvents).toResolvedValue(
      ...byName(
        ({ engine, tap, clock }: EventsDependencies) =>
          new SysEvents({
            chosen: events,
            clock,
            events: { follow: (follower) => tap.follow(follower, wanted) },
            userNames,
            announce: announceTo(engine),
          }),
        { engine: Engine, tap: EventTap, clock: Clock },
      ),
    );
    bind(LifecyclePart).toService(SysEvents);
  });

const announceTo =
  (engine: Engine) =>
  (topic: string, payload: Uint8Array, retain: boolean): void => {
    engine.announce(topic, payload, retain);
  };

/** Of V8, with the buffers that belong to its objects. */
function heapInUse(): number {
  const { used_heap_size: heap, external_memory: buffers, malloced_memory: own } = getHeapStatistics();
  return heap + buffers + own;
}
