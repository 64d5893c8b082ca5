// Lets each client publish and subscribe below a topic of its own, which has the name of its user.
import { ContainerModule, definePlugin } from 'hexmq/plugin';
import { Authorizer, OptionReader } from 'hexmq/ports';
import type { AuthorizationRequest, Permissions, TopicFilter } from 'hexmq/ports';

interface Options {
  readonly root: string;
}

export class OwnTopics implements Authorizer {
  readonly name = 'example-plugin';

  constructor(private readonly options: Options) {}

  authorize({ userName }: AuthorizationRequest): Permissions {
    // A name with a wildcard or a slash would make a wider rule.
    if (userName === undefined || !/^[^+#/$\0]+$/.test(userName)) return { kind: 'rules', rules: [] };
    return {
      kind: 'rules',
      rules: [
        {
          effect: 'allow',
          actions: ['publish', 'subscribe', 'receive'],
          topicFilter: `${this.options.root}/${userName}/#` as TopicFilter,
          source: 'example-plugin',
        },
      ],
    };
  }
}

export default definePlugin<Options>({
  name: 'example-plugin',
  version: '0.1.0',
  api: 1,
  provides: [Authorizer],
  options: (given) => {
    const reader = new OptionReader(given);
    return reader.readAll({ root: () => reader.string('root', 'the topic above those of the users') ?? 'users' });
  },
  module: (options) =>
    new ContainerModule(({ bind }) => {
      bind(Authorizer).toConstantValue(new OwnTopics(options));
    }),
});
