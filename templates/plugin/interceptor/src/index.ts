// Accepts only JSON below some topics.
import { ContainerModule, definePlugin } from 'hexmq/plugin';
import { Interceptor, OptionReader, ReasonCode } from 'hexmq/ports';
import type { PublishRequest, VerdictOf } from 'hexmq/ports';

interface Options {
  readonly prefix: string;
}

export class OnlyJson implements Interceptor {
  readonly name = 'example-plugin';

  constructor(private readonly options: Options) {}

  publish({ topic, payload }: PublishRequest): VerdictOf<'publish'> {
    if (!topic.startsWith(this.options.prefix) || isJson(payload)) return { decision: 'pass' };
    return {
      decision: 'deny',
      reasonCode: ReasonCode.payloadFormatInvalid,
      reason: 'the payload is not JSON',
    };
  }
}

function isJson(payload: Uint8Array): boolean {
  // An empty one deletes a retained message.
  if (payload.length === 0) return true;
  try {
    JSON.parse(new TextDecoder().decode(payload));
    return true;
  } catch {
    return false;
  }
}

export default definePlugin<Options>({
  name: 'example-plugin',
  version: '0.1.0',
  api: 1,
  provides: [Interceptor],
  options: (given) => {
    const reader = new OptionReader(given);
    return reader.readAll({ prefix: () => reader.string('prefix', 'the beginning of topics') ?? '' });
  },
  module: (options) =>
    new ContainerModule(({ bind }) => {
      bind(Interceptor).toConstantValue(new OnlyJson(options));
    }),
});
