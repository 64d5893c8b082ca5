// Logs every client that comes and goes, with the number of clients that are there.
import { ContainerModule, definePlugin } from 'hexmq/plugin';
import { EventListener, PluginLogger } from 'hexmq/ports';
import type { EventName } from 'hexmq/ports';

class Visitors implements EventListener {
  readonly name = 'example-plugin';
  readonly wants: readonly EventName[] = ['client-connected', 'connection-ended'];
  readonly #there = new Set<number>();

  constructor(private readonly log: PluginLogger) {}

  handle(event: Parameters<EventListener['handle']>[0]): void {
    if (event.kind === 'client-connected') {
      this.#there.add(event.connection);
      this.log.info('a client has come', { clientId: event.clientId, there: this.#there.size });
    }
    // One that ends before it was accepted was not there.
    if (event.kind === 'connection-ended' && this.#there.delete(event.connection))
      this.log.info('a client has gone', { clientId: event.clientId, reason: event.reason, there: this.#there.size });
  }
}

export default definePlugin({
  name: 'example-plugin',
  version: '0.1.0',
  api: 1,
  provides: [EventListener],
  module: () =>
    new ContainerModule(({ bind }) => {
      bind(EventListener).toResolvedValue((log) => new Visitors(log), [PluginLogger]);
    }),
});
