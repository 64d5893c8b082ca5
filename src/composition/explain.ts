// Why a client may or may not do something. Calls the configured authorizers and evaluates their rules exactly as the
// broker does, without a broker.
import { Authorization } from '../application/authorization.js';
import { Authorizer } from '../ports/index.js';
import { explainBy, topicProblem } from './access-question.js';
import type { AccessQuery, Explanation } from './access-question.js';
import { withoutPlugins } from './config.js';
import type { Config } from './config.js';
import { ConfigError } from './config-error.js';
import { createAdapters, createContainer } from './container.js';

export type { AccessAction, AccessRule } from '../ports/index.js';
export type { AccessQuery, Explanation };

/** @throws ConfigError when the topic is not valid, or when an authorizer cannot be loaded or fails. */
export async function explainAccess(config: Config, question: AccessQuery): Promise<Explanation> {
  const problem = topicProblem(config.limits, question);
  if (problem !== undefined) throw new ConfigError([`--topic: ${problem}`]);
  const container = await createContainer(withoutPlugins(config), { telemetry: [] });
  await createAdapters(container, config, ({ token }) => token === Authorizer);
  const authorizers = await container.getAllAsync(Authorizer, { optional: true });
  try {
    const authorization = new Authorization(authorizers);
    const { limits, listeners } = config;
    const answer = await explainBy({ authorization, limits, listener: listeners[0]?.name ?? '' }, question);
    if (typeof answer === 'string')
      throw new ConfigError([`authorization: ${answer}; the broker would refuse the client`]);
    return answer;
  } finally {
    for (const authorizer of authorizers) await authorizer.stop?.();
  }
}
