// The machine: time, randomness, Node's event loop, and file descriptors.
import { ContainerModule } from 'inversify';
import { Clock, Random } from '../../ports/index.js';
import { BUILT_IN_ADAPTERS } from '../adapter-table.js';
import { EndOfTurn, MaxOpenConnections } from '../injection.js';
import { connectionFiles, openFilesLimit } from '../open-files.js';

export const systemModule = (): ContainerModule =>
  new ContainerModule(({ bind }) => {
    bind(Clock).toDynamicValue(() => BUILT_IN_ADAPTERS.clock());
    bind(Random).toDynamicValue(() => BUILT_IN_ADAPTERS.random());
    bind(MaxOpenConnections).toDynamicValue(() => connectionFiles(openFilesLimit()));
    bind(EndOfTurn).toConstantValue((callback) => void setImmediate(callback));
  });
