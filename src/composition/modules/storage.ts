// The storage that the configuration names, opened and closed as a part of the broker's life, and what writes to it and
// reads from it.
import { ContainerModule } from 'inversify';
import { Committer, durabilityAt } from '../../application/committer.js';
import { DurabilityWaiters } from '../../application/durability-waiters.js';
import { FailureSignal } from '../../application/failure-signal.js';
import type { Part } from '../../application/lifecycle.js';
import { Pager } from '../../application/pager.js';
import { StorageHealth, storageReports } from '../../application/storage-reports.js';
import type { StorageReports } from '../../application/storage-reports.js';
import { Clock, Storage } from '../../ports/index.js';
import type { AdapterComponents } from '../adapter-table.js';
import type { Config } from '../config.js';
import { at, Components, LifecyclePart } from '../injection.js';
import { AdapterFactory, STORAGE } from '../plugins/adapters.js';
import { callOf, reportSlowStart, reportSlowStop, settled } from '../settling.js';

export const storageModule = ({ storage: { adapter, options, ackLevel } }: Config): ContainerModule =>
  new ContainerModule(({ bind }) => {
    bind(Storage)
      .toResolvedValue((adapters) => adapters.create(STORAGE, { adapter, options }, ['storage']), [AdapterFactory])
      .when(at('storage'));
    bind(LifecyclePart).toResolvedValue(
      (storage, { emit }) => openingPart(storage, adapter, emit),
      [Storage, Components],
    );
    bind(StorageHealth).toDynamicValue(() => new StorageHealth());
    bind(Committer).toResolvedValue(
      (storage, clock, components, failure, health) =>
        new Committer(storage, clock, reports('write', components, failure, health), durabilityAt(ackLevel)),
      [Storage, Clock, Components, FailureSignal, StorageHealth],
    );
    bind(DurabilityWaiters).toResolvedValue((committer) => new DurabilityWaiters(committer), [Committer]);
    bind(Pager).toResolvedValue(
      (storage, clock, waiters, components, failure, health) =>
        new Pager(storage, clock, waiters, reports('read', components, failure, health)),
      [Storage, Clock, DurabilityWaiters, Components, FailureSignal, StorageHealth],
    );
  });

function openingPart(storage: Storage, adapter: string, emit: AdapterComponents['emit']): Part {
  let isOpen = false;
  let opening: Promise<void> | undefined;
  return {
    name: 'storage',
    start: async () => {
      opening = storage.open();
      await settled(opening, callOf('open', adapter, 'storage'), { notice: reportSlowStart(emit) });
      isOpen = true;
    },
    stop: async () => {
      if (isOpen) {
        await settled(storage.close(), callOf('close', adapter, 'storage'), { notice: reportSlowStop(emit) });
        return;
      }
      // The start was given up; whether there is ever something to close is not waited for.
      opening?.then(() => storage.close()).catch(() => undefined);
    },
  };
}

const reports = (
  operation: 'write' | 'read',
  { emit }: AdapterComponents,
  { raise }: FailureSignal,
  health: StorageHealth,
): StorageReports => storageReports(operation, emit, raise, health);
