// The machine: time, randomness, and Node's event loop.
import { ContainerModule } from 'inversify';
import { Clock, Random } from '../../ports/index.js';
import { BUILT_IN_ADAPTERS } from '../adapter-table.js';
import { EndOfTurn } from '../injection.js';

export const systemModule = (): ContainerModule =>
  new ContainerModule(({ bind }) => {
    bind(Clock).toDynamicValue(() => BUILT_IN_ADAPTERS.clock());
    bind(Random).toDynamicValue(() => BUILT_IN_ADAPTERS.random());
    bind(EndOfTurn).toConstantValue((callback) => void setImmediate(callback));
  });
