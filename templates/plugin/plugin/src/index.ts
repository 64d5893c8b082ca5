// Publishes how many clients are connected, again and again.
import { ContainerModule, definePlugin } from 'hexmq/plugin';
import { Operations, OptionReader, PluginLogger, Scheduler, Startable } from 'hexmq/ports';

interface Options {
  readonly topic: string;
  readonly everySeconds: number;
}

class ClientsOnline implements Startable {
  constructor(
    private readonly options: Options,
    private readonly operations: Operations,
    private readonly scheduler: Scheduler,
    private readonly log: PluginLogger,
  ) {}

  async start(): Promise<void> {
    this.scheduler.every(this.options.everySeconds * 1000, () => this.publish());
    await this.publish();
    this.log.info('publishing the number of clients', { topic: this.options.topic });
  }

  private async publish(): Promise<void> {
    const { connections } = (await this.operations.call('status')) as { readonly connections: number };
    await this.operations.call('publish', {
      topic: this.options.topic,
      payload: String(connections),
      retain: true,
    });
  }
}

export default definePlugin<Options>({
  name: 'example-plugin',
  version: '0.1.0',
  api: 1,
  provides: [Startable],
  options: (given) => {
    const reader = new OptionReader(given);
    return reader.readAll({
      topic: () => reader.string('topic', 'a topic') ?? 'clients/online',
      everySeconds: () => reader.integer('everySeconds', { min: 1, max: 3600, fallback: 10 }),
    });
  },
  module: (options) =>
    new ContainerModule(({ bind }) => {
      bind(Startable).toResolvedValue(
        (operations, scheduler, log) => new ClientsOnline(options, operations, scheduler, log),
        [Operations, Scheduler, PluginLogger],
      );
    }),
});
