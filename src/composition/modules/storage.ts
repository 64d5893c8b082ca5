// The storage that the configuration names, opened and closed as a part of the broker's life.
import { ContainerModule } from 'inversify';
import { Storage } from '../../ports/index.js';
import { STORAGE_ADAPTERS } from '../adapter-table.js';
import type { Config } from '../config.js';
import { at, Components, LifecyclePart } from '../injection.js';
import { construct, loadAdapter } from '../plugin-loader.js';

export const storageModule = ({ storage: { adapter, options } }: Config): ContainerModule =>
  new ContainerModule(({ bind }) => {
    bind(Storage)
      .toResolvedValue(
        async (components) => {
          const module = await loadAdapter(STORAGE_ADAPTERS, adapter, 'createStorage', ['storage']);
          return construct('storage.options', adapter, () => module.createStorage(options, components));
        },
        [Components],
      )
      .when(at('storage'));
    bind(LifecyclePart).toResolvedValue(
      (storage) => ({ name: 'storage', start: () => storage.open(), stop: () => storage.close() }),
      [Storage],
    );
  });
