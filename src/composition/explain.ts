// Why a client may or may not do something. Calls the configured authorizers and evaluates their rules exactly as the
// broker does, without a broker.
import { Authorization } from '../application/authorization.js';
import type { AuthorizationOutcome } from '../application/authorization.js';
import { explain } from '../domain/access/explain.js';
import type { Explanation } from '../domain/access/explain.js';
import { parseTopicFilter } from '../domain/topics/topic-filter.js';
import { topicNameProblem } from '../domain/topics/topic-name.js';
import { Authorizer } from '../ports/index.js';
import type { AccessAction, AccessRule, AuthorizationRequest, ClientId } from '../ports/index.js';
import type { Config } from './config.js';
import { ConfigError } from './config-error.js';
import { createAdapters, createContainer } from './container.js';

export type { AccessAction, AccessRule, Explanation };

export interface AccessQuery {
  readonly userName: string | undefined;
  readonly clientId: string;
  readonly action: AccessAction;
  /** A Topic Name; for `subscribe` a Topic Filter, shared or not. */
  readonly topic: string;
}

/** @throws ConfigError when the topic is not valid, or when an authorizer cannot be loaded or fails. */
export async function explainAccess(config: Config, question: AccessQuery): Promise<Explanation> {
  const topic = parseTopic(config, question);
  const container = createContainer(config, { telemetry: [] });
  await createAdapters(container, config, ({ token }) => token === Authorizer);
  const authorizers = await container.getAllAsync(Authorizer, { optional: true });
  try {
    const request: AuthorizationRequest = {
      clientId: question.clientId as ClientId,
      userName: question.userName,
      protocolVersion: 4,
      listener: config.listeners[0]?.name ?? '',
      peer: { remoteAddress: '127.0.0.1:0', ipAddress: '127.0.0.1' },
      permissions: undefined,
    };
    const result = await new Promise<AuthorizationOutcome>((resolve) => {
      new Authorization(authorizers).authorize(request, resolve);
    });
    if (result.decision === 'deny')
      throw new ConfigError([`authorization: ${result.detail}; the broker would refuse the client`]);
    return explain(result.permissions, question.action, topic);
  } finally {
    for (const authorizer of authorizers) await authorizer.stop?.();
  }
}

function parseTopic({ limits }: Config, { action, topic }: AccessQuery): string {
  if (action === 'subscribe') {
    const parsed = parseTopicFilter(topic, limits);
    if (typeof parsed === 'string')
      throw new ConfigError([`--topic: ${JSON.stringify(topic)} is no Topic Filter: ${parsed}`]);
    return parsed.filter;
  }
  const problem = topicNameProblem(topic, limits);
  if (problem !== undefined) throw new ConfigError([`--topic: ${JSON.stringify(topic)} is no Topic Name: ${problem}`]);
  return topic;
}
